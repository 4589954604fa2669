package test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
)

// TestDatabaseAway holds what a process does while PostgreSQL is away, at its start and
// afterwards: its gateway serves, everything else says why it can't, and all goes on by
// itself when PostgreSQL is there again.
func TestDatabaseAway(t *testing.T) {
	server := programtest.OwnPostgres(t)
	server.Stop()
	address, console, upstream := freePort(t), freePort(t), service(t)
	apis := manifests(t, fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://%s/
  services: {upstream: {address: %q}}
`, address, upstream))
	p := launch(t, apis, t.TempDir(), address, "--database", server.URL("postgres"), "--console", console)
	p.await("the database can't be opened")

	// Whatever happens to the database, requests are served.
	var served, failed atomic.Int64
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			answer, err := http.Get("http://" + address + "/")
			if err != nil || answer.StatusCode != http.StatusOK {
				failed.Add(1)
			}
			if err == nil {
				_ = answer.Body.Close()
			}
			served.Add(1)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	cookie := ""
	says := func(path string, status int, text string) func() bool {
		return func() bool {
			r, err := http.NewRequest(http.MethodGet, "http://"+console+path, nil)
			if err != nil {
				return false
			}
			r.Header.Set("Cookie", cookie)
			if _, token, found := strings.Cut(cookie, "="); found {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			return err == nil && answer.StatusCode == status && strings.Contains(string(body), text)
		}
	}
	why := func() string { return p.log.String() }
	eventually(t, "the console says that it waits", says("/", http.StatusServiceUnavailable, "waits for its database"), why)
	eventually(t, "it is tried again", func() bool { return strings.Contains(p.log.String(), `"try":3`) }, why)
	if strings.Contains(p.log.String(), "farrier is up") {
		t.Error("it says that it is up while it waits")
	}
	server.Start(t)
	p.await("farrier is up")
	eventually(t, "it is ready", says("/probes/readiness", http.StatusOK, "ready"), why)
	answer, err := shares{process: p, console: "http://" + console}.post("/login/link", "", "token", link(t, server.URL("postgres"))) //nolint:bodyclose // post closes it
	if err != nil || len(answer.Cookies()) == 0 {
		t.Fatalf("signing in: %v, %v\n%s", answer, err, p.log)
	}
	cookie = answer.Cookies()[0].Name + "=" + answer.Cookies()[0].Value
	known := func() bool { return shares{process: p, console: "http://" + console}.signedIn(t, cookie) }
	eventually(t, "who signed in is known", known, why)

	for round := range 2 {
		server.Stop()
		eventually(t, "it is not ready", says("/probes/readiness", http.StatusServiceUnavailable, "not ready: the database does not answer"), why)
		eventually(t, "the API says why", says("/api/v1/self", http.StatusServiceUnavailable, "The database can't be reached"), why)
		eventually(t, "the console says why", says("/", http.StatusServiceUnavailable, "Nothing can be shown or changed until it answers"), why)
		server.Start(t)
		took := eventually(t, "it is ready again", says("/probes/readiness", http.StatusOK, "ready"), why)
		t.Logf("round %d: ready %s after the database", round, took.Round(time.Millisecond))
		eventually(t, "whoever was signed in still is", known, why)
	}
	// What passed meanwhile is counted.
	close(stop)
	<-ended
	if t.Logf("%d requests served, %d failed", served.Load(), failed.Load()); failed.Load() > 0 || served.Load() < 100 {
		t.Error("requests failed, or there were too few")
	}
	p.stop()
}

// TestDatabaseForGood holds that nobody waits for what does not mend.
func TestDatabaseForGood(t *testing.T) {
	server := programtest.OwnPostgres(t)
	for name, c := range map[string]struct{ database, want string }{
		"no such database": {server.URL("nowhere"), `database "nowhere" does not exist`},
		"no such role":     {strings.Replace(server.URL("postgres"), "farrier@", "stranger:hunter2@", 1), `role "stranger" does not exist`},
		"no address":       {"postgres://farrier:hunter2@127.0.0.1:99999/farrier", "the address of the PostgreSQL database is refused"},
	} {
		dir := t.TempDir()
		settings := filepath.Join(dir, "farrier.yaml")
		if err := os.WriteFile(settings, []byte("version: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(build(t), "serve", "--config", settings, "--data", dir, "--console", "off", "--database", c.database).CombinedOutput()
		if err == nil || !strings.Contains(strings.ReplaceAll(string(out), `\"`, `"`), c.want) || strings.Contains(string(out), "hunter2") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
