// Package test holds the trials of the whole program as a process of its own:
// hostile clients, overload, being killed. What a room promises is tested in
// its own folder.
package test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var given = flag.String("program", "", "a program that was built before, in the place of one that is built for the trials")

var program struct {
	once sync.Once
	path string
	err  error
}

// build makes the program once for all trials.
func build(t *testing.T) string {
	t.Helper()
	if *given != "" {
		return *given
	}
	program.once.Do(func() {
		dir, err := os.MkdirTemp("", "farrier-test-")
		if err != nil {
			program.err = err
			return
		}
		program.path = filepath.Join(dir, "farrier")
		out, err := exec.Command("go", "build", "-o", program.path, "farrier.dev/farrier/cmd/farrier").CombinedOutput()
		if err != nil {
			program.err = fmt.Errorf("building: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program.path != "" {
		_ = os.RemoveAll(filepath.Dir(program.path))
	}
	os.Exit(code)
}

// process is a running farrier serve.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     *safeBuffer
	address string
	data    string
}

// safeBuffer may be written by the process while the test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// freePort is a port that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// start runs farrier serve on a folder of manifests, without a console unless flags
// ask for one, and waits until the port of the address is open.
func start(t *testing.T, manifests, data, address string, flags ...string) *process {
	t.Helper()
	p := launch(t, manifests, data, address, flags...)
	p.await("farrier is up")
	return p
}

// launch is start without waiting.
func launch(t *testing.T, manifests, data, address string, flags ...string) *process {
	t.Helper()
	p := &process{t: t, log: &safeBuffer{}, address: address, data: data}
	flags = append([]string{"serve", "--manifests", manifests, "--data", data, "--console", "off"}, flags...)
	p.cmd = exec.Command(build(t), flags...)
	p.cmd.Stderr, p.cmd.Stdout = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// await waits until the port of the process is open and its log says something.
func (p *process) await(text string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = c.Close()
			if strings.Contains(p.log.String(), text) {
				return
			}
		}
	}
	p.t.Fatalf("the gateway did not come up, or did not say %q:\n%s", text, p.log)
}

// stop ends the process in peace.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Signal(syscall.SIGQUIT) })
	defer stuck.Stop()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("stopping: %v\n%s", err, p.log)
	}
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory the process ever held, in MiB.
func (p *process) peak() int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	found := peakLine.FindSubmatch(text)
	if found == nil {
		p.t.Fatal("the system does not tell the peak memory of a process")
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib >> 10
}

// service is the API behind the gateway: it answers 200 and reads what it gets.
func service(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"ok":true}`)
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + ln.Addr().String()
}

// manifests writes one file of manifests into a new folder.
func manifests(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "apis.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// threads are the thread ids of a process.
func threads(pid int) ([]int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	ids := make([]int, 0, len(entries))
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
