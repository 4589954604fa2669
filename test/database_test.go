package test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// shares is a process that shares a database with others.
type shares struct {
	*process
	console string
}

var consoleAt = regexp.MustCompile(`"console":"(http://[0-9.]+:\d+)"`)

// joins starts farrier serve as a gateway of this name on the database, with the
// master key in key.
func joins(t *testing.T, database, name, key string) shares {
	t.Helper()
	address, data := freePort(t), t.TempDir()
	if key != "" {
		text, err := os.ReadFile(filepath.Join(key, secret.KeyFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, secret.KeyFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := filepath.Join(data, "farrier.yaml")
	if err := os.WriteFile(settings, []byte("version: 1\ngateway: "+name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	apis := manifests(t, fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://%s/
  services: {upstream: {address: %q}}
`, address, service(t)))
	p := shares{process: start(t, apis, data, address, "--config", settings, "--database", database, "--console", "127.0.0.1:0")}
	if found := consoleAt.FindStringSubmatch(p.log.String()); found != nil {
		p.console = found[1]
	}
	return p
}

// post sends a form to the console and returns the answer without its body.
func (p shares) post(path, cookie string, form ...string) (*http.Response, error) {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return p.send(http.MethodPost, path, cookie, values.Encode())
}

func (p shares) send(method, path, cookie, body string) (*http.Response, error) {
	r, err := http.NewRequest(method, p.console+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", cookie)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer, answer.Body.Close()
}

// gatewayStatus is what the process's gateway answers with.
func (p shares) gatewayStatus() (int, error) {
	answer, err := http.Get("http://" + p.address + "/")
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// signedIn says whether the process knows the session of a cookie.
func (p shares) signedIn(t *testing.T, cookie string) bool {
	t.Helper()
	answer, err := p.send(http.MethodGet, "/", cookie, "") //nolint:bodyclose // send closes it
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode != http.StatusUnauthorized && !strings.HasPrefix(answer.Header.Get("Location"), "/login")
}

var tokenOf = regexp.MustCompile(`login\?token=(\S+)`)

// link is a new sign-in link, made by the command.
func link(t *testing.T, database string) string {
	t.Helper()
	out, err := exec.Command(build(t), "login-link", "--data", t.TempDir(), "--database", database).CombinedOutput()
	found := tokenOf.FindSubmatch(out)
	if err != nil || found == nil {
		t.Errorf("login-link: %v\n%s", err, out)
		return ""
	}
	return string(found[1])
}

func TestTwoProcessesOnOnePostgreSQL(t *testing.T) {
	server := programtest.OwnPostgres(t)
	database := server.URL("postgres")
	keys := t.TempDir()
	if _, err := secret.OpenKeyring(keys, func() (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	build(t)

	// Both begin at once with an empty database.
	var a, b shares
	var starting sync.WaitGroup
	starting.Go(func() { a = joins(t, database, "a", keys) })
	starting.Go(func() { b = joins(t, database, "b", keys) })
	starting.Wait()
	if a.console == "" || b.console == "" {
		t.Fatalf("no console:\n%s\n%s", a.log, b.log)
	}

	// Whoever signed in at one is signed in at the other.
	answer, err := a.post("/login/link", "", "token", link(t, database)) //nolint:bodyclose // post closes it
	if err != nil || len(answer.Cookies()) == 0 {
		t.Fatalf("signing in: %v, %v\n%s", answer, err, a.log)
	}
	cookie := answer.Cookies()[0].Name + "=" + answer.Cookies()[0].Value
	for name, p := range map[string]shares{"a": a, "b": b} {
		for cookie, want := range map[string]bool{cookie: true, "": false, cookie + "x": false} {
			if got := p.signedIn(t, cookie); got != want {
				t.Errorf("at process %s the cookie %q is signed in: %v", name, cookie, got)
			}
		}
	}

	// Both write the audit log at once, and so do commands: every link and every
	// refusal is an entry.
	const commands, refusals = 8, 4
	var writing sync.WaitGroup
	for range commands {
		writing.Go(func() { link(t, database) })
	}
	for _, p := range []shares{a, b} {
		for range refusals {
			writing.Go(func() {
				answer, err := p.post("/login/link", "", "token", "s-nonsense") //nolint:bodyclose // post closes it
				if err != nil || answer.StatusCode != http.StatusUnauthorized {
					t.Errorf("signing in with nonsense: %v", err)
				}
			})
		}
	}
	writing.Wait()
	db, err := store.OpenPostgres(t.Context(), database, store.ControlSchema, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log, err := audit.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Verify(t.Context()); err != nil {
		t.Errorf("the audit log of both: %v", err)
	}
	var entries int
	if err := db.Read().QueryRow(t.Context(), "SELECT count(*) FROM audit_entries").Scan(&entries); err != nil || entries < commands+2*refusals {
		t.Errorf("%d entries, %v; want at least %d", entries, err, commands+2*refusals)
	}

	// Who must not join serves, and says why it keeps nothing.
	var refused sync.WaitGroup
	for _, c := range []struct{ database, name, key, want string }{
		{database, "a", keys, `another process on this database is gateway`},
		{database, "c", "", "the master key of this process is not the one"},
	} {
		refused.Go(func() {
			p := joins(t, c.database, c.name, c.key)
			if !strings.Contains(p.log.String(), c.want) || strings.Contains(p.log.String(), "hunter2") {
				t.Errorf("want the log to say %q:\n%s", c.want, p.log)
			}
			if status, err := p.gatewayStatus(); err != nil || status != http.StatusOK {
				t.Errorf("gateway %s: %d, %v\n%s", c.name, status, err, p.log)
			}
		})
	}
	refused.Wait()

	// The database goes and comes back; nobody starts anew, nothing is lost.
	server.Stop()
	if status, err := a.gatewayStatus(); err != nil || status != http.StatusOK {
		t.Errorf("the gateway without its database: %d, %v", status, err)
	}
	server.Start(t)
	for name, p := range map[string]shares{"a": a, "b": b} {
		back := false
		for deadline := time.Now().Add(15 * time.Second); !back && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			back = p.signedIn(t, cookie)
		}
		if !back {
			t.Errorf("process %s does not find the database again:\n%s", name, p.log)
		}
	}
	a.stop()
	b.stop()
	if strings.Contains(a.log.String()+b.log.String(), "not the one that values") {
		t.Error("the processes have different keys")
	}
}
