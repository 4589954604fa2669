package programtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shared is the one server of this test binary, started by the first test that
// needs it; it ends with the process.
var shared = sync.OnceValues(func() (*PostgresServer, error) { return startPostgres() })

// databases counts the databases that tests were given.
var databases atomic.Int64

// Postgres is the URL of a PostgreSQL database that all tests of this binary
// share: each works in a schema of its own. The server, PostgreSQL of this
// machine with settings that trade safety for speed, is started once and ends
// with the process. Without the program the test is skipped as by Program.
func Postgres(t testing.TB) string {
	t.Helper()
	postgresProgram(t)
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return server.URL("postgres")
}

// PostgresDatabase is the URL of an empty database on the server of Postgres,
// of this test alone.
func PostgresDatabase(t testing.TB) string {
	t.Helper()
	Postgres(t)
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := "test" + strconv.FormatInt(databases.Add(1), 10)
	if err := server.execute(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.execute(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return server.URL(name)
}

// PostgresServer is a server that a test may stop.
type PostgresServer struct {
	bin, dir string
	account  *syscall.Credential
	keeper   io.WriteCloser
	ended    chan struct{}
}

// OwnPostgres starts a server of the test's own, as Postgres does.
func OwnPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	postgresProgram(t)
	s, err := startPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Cleanup(func() { _ = os.Remove(filepath.Join(s.dir, "keep")) })
	if err := os.WriteFile(filepath.Join(s.dir, "keep"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// URL is where a database of the server is reached.
func (s *PostgresServer) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("farrier"), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}}.Encode()}
	return u.String()
}

// Stop ends the server at once, as a crash would.
func (s *PostgresServer) Stop() {
	_ = s.keeper.Close()
	<-s.ended
}

// Start starts a stopped server again, with what it held.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

func postgresProgram(t testing.TB) {
	t.Helper()
	if _, err := postgresBin(); err != nil {
		missing(t, err.Error())
	}
}

// postgresBin is the folder of the newest PostgreSQL, which Debian keeps out of
// the path.
func postgresBin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL (initdb) is not installed")
	}
	return filepath.Dir(path), nil
}

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb)))) // no number sorts first
	return n
}

// startPostgres makes a server in a folder of its own and starts it.
func startPostgres() (*PostgresServer, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{bin: bin}
	// PostgreSQL does not run as root.
	if os.Getuid() == 0 {
		if s.account, err = lowly(); err != nil {
			return nil, err
		}
	}
	if s.dir, err = os.MkdirTemp("/tmp", "farrier-test-postgres-"); err != nil { // short: a socket's path has 107 bytes
		return nil, err
	}
	if s.account != nil {
		if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return nil, err
		}
	}
	if err := s.fill(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, s.run()
}

func lowly() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("there is no user postgres or nobody to run PostgreSQL as")
}

// fill makes the files of the server. Making them takes a second, copying them
// a tenth of it: the first test of a machine keeps a copy for all others.
func (s *PostgresServer) fill() error {
	uid := os.Getuid()
	if s.account != nil {
		uid = int(s.account.Uid)
	}
	kept := fmt.Sprintf("/tmp/farrier-test-postgres.%d.%s", uid, filepath.Base(filepath.Dir(s.bin)))
	data := filepath.Join(s.dir, "data")
	// Nobody else may have put it there.
	info, err := os.Lstat(kept)
	if err == nil && info.IsDir() && info.Mode().Perm() == 0o700 && ownerOf(info) == uid {
		if s.command("cp", "-a", kept, data).Run() == nil {
			return nil
		}
		return errors.New("copying " + kept + ": remove it")
	}
	if err == nil {
		return errors.New(kept + " is not of this user, or open to others: remove it")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made := s.command(filepath.Join(s.bin, "initdb"), "-D", data, "-U", "farrier", "-A", "trust",
		"--no-sync", "-E", "UTF8", "--locale=C", "--no-instructions")
	if out, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// A rename makes the copy whole at once; another test may have been faster.
	draft := filepath.Join(s.dir, "draft")
	if out, err := s.command("cp", "-a", data, draft).CombinedOutput(); err != nil {
		return fmt.Errorf("keeping a copy: %w\n%s", err, out)
	}
	if err := os.Rename(draft, kept); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	return nil
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// command is a program run as the server's account.
func (s *PostgresServer) command(name string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(context.Background(), name, arguments...)
	c.Dir = "/"
	if s.account != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	}
	return c
}

// keeping is the shell that runs the server until its input ends, which it does
// with the process of the test, however that ends.
const keeping = `
dir=$1; shift
"$@" >>"$dir/log" 2>&1 & server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null; wait $server
test -e "$dir/keep" || rm -rf "$dir"
`

// run starts the server and waits until it answers.
func (s *PostgresServer) run() error {
	arguments := []string{"-c", keeping, "sh", s.dir, filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "data")}
	for _, setting := range []string{
		"listen_addresses=", "unix_socket_directories=" + s.dir, "max_connections=300", "shared_buffers=32MB",
		"fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
		"checkpoint_timeout=1h", "autovacuum=off", "jit=off", "dynamic_shared_memory_type=mmap",
	} {
		arguments = append(arguments, "-c", setting)
	}
	keeper := s.command("/bin/sh", arguments...)
	stdin, err := keeper.StdinPipe()
	if err != nil {
		return err
	}
	if err := keeper.Start(); err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s.keeper, s.ended = stdin, make(chan struct{})
	go func(ended chan struct{}) {
		_ = keeper.Wait()
		close(ended)
	}(s.ended)
	return s.ready()
}

// execute runs a statement by the server's own client.
func (s *PostgresServer) execute(ctx context.Context, statement string) error {
	client := exec.CommandContext(ctx, filepath.Join(s.bin, "psql"), "-XqAt", "-c", statement, s.URL("postgres"))
	if out, err := client.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}

func (s *PostgresServer) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.execute(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(s.dir, "log")) // else there is none to show
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, text)
		}
	}
}
