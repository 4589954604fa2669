package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/gateway/logging"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
)

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// ask is the status of a probe, 0 when nobody listens.
func ask(t *testing.T, port int, method, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestProbeFollowsRevisions(t *testing.T) {
	b := newBench(t, setup{})
	number := uint64(1)
	load := func(p revision.Probe, apis bool) error {
		rev := b.revision(&setup{})
		number++
		rev.Number, rev.Settings.Probe = number, p
		if !apis {
			rev.APIs = nil
		}
		return b.g.Load(t.Context(), b.compile(rev, &setup{}))
	}
	one, two := freePort(t), freePort(t)
	const readiness, liveness = "/probes/readiness?allowEnvoyErrors=true&allowAPIErrors=false&allowPolicyErrors=", "/probes/liveness"
	want := func(step string, port, ready, alive int) {
		t.Helper()
		if got := ask(t, port, "GET", readiness); got != ready {
			t.Errorf("%s: readiness %d, want %d", step, got, ready)
		}
		if got := ask(t, port, "GET", liveness); got != alive {
			t.Errorf("%s: liveness %d, want %d", step, got, alive)
		}
	}
	want("off", one, 0, 0)
	for _, step := range []struct {
		name       string
		probe      revision.Probe
		apis       bool
		port       int
		ready      int
		alive      int
		closedPort int
	}{
		{"on", revision.Probe{Enabled: true, Port: one}, true, one, 200, 200, two},
		{"the same again", revision.Probe{Enabled: true, Port: one}, true, one, 200, 200, two},
		{"another port", revision.Probe{Enabled: true, Port: two}, true, two, 200, 200, one},
		{"no API", revision.Probe{Enabled: true, Port: two}, false, two, 503, 200, one},
		{"off again", revision.Probe{}, true, one, 0, 0, two},
		{"on again", revision.Probe{Enabled: true, Port: one}, true, one, 200, 200, two},
	} {
		if err := load(step.probe, step.apis); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		want(step.name, step.port, step.ready, step.alive)
		want(step.name+", the other port", step.closedPort, 0, 0)
	}
	if got := ask(t, one, "POST", "/probes/readiness"); got != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got)
	}
	if got := ask(t, one, "GET", "/"); got != http.StatusNotFound {
		t.Errorf("another path: %d", got)
	}
	taken, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", two))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := load(revision.Probe{Enabled: true, Port: two}, true); err == nil || !strings.Contains(err.Error(), "the probe's port 0.0.0.0:") {
		t.Errorf("a port that is taken: %v", err)
	}
	want("after a refused change", one, 200, 200)
}

func TestReadinessEndsBeforeAccepting(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 1)
	b := newBench(t, setup{service: func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-hold }})
	rev := b.revision(&setup{})
	rev.Settings.Probe = revision.Probe{Enabled: true, Port: freePort(t)}
	if err := b.g.Load(t.Context(), b.compile(rev, &setup{})); err != nil {
		t.Fatal(err)
	}
	conn := b.dial()
	if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	done := make(chan error)
	go func() { done <- b.g.Shutdown(context.WithoutCancel(t.Context())) }()
	port := rev.Settings.Probe.Port
	for end := time.Now().Add(5 * time.Second); ask(t, port, "GET", "/probes/readiness") != 503; {
		if time.Now().After(end) {
			t.Fatal("readiness stays on while the gateway stops")
		}
	}
	if got := ask(t, port, "GET", "/probes/liveness"); got != http.StatusOK {
		t.Errorf("liveness while requests end in peace: %d", got)
	}
	close(hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := ask(t, port, "GET", "/probes/liveness"); got != 0 {
		t.Errorf("liveness after the end: %d", got)
	}
	if err := b.g.Load(t.Context(), b.compile(rev, &setup{})); err == nil {
		t.Error("a revision was loaded after the end")
	}
}

func TestLogsFollowRevisions(t *testing.T) {
	text := &lockedBuffer{}
	logs := logging.New(logging.Options{
		Now: time.Now, HTTP: http.DefaultClient, Stdout: text, Log: slog.New(slog.DiscardHandler),
		Expand: func(s string) (string, error) { return s, nil },
	})
	s := setup{
		options: func(o *Options) { o.Logs = logs },
		steps:   []policy.Step{refuses(policy.Refuse(http.StatusForbidden, "No.", "not today"))},
	}
	b := newBench(t, s)
	b.send("GET /silent HTTP/1.1\nHost: x", "") // no output yet
	rev := b.revision(&s)
	rev.Number = 2
	rev.Settings.Logging = revision.Logging{
		Outputs:       []revision.LogOutput{{Name: "out", Type: "stdout", Parameters: map[string]string{"template": "{message}"}}},
		AccessOutputs: []string{"out"}, Source: revision.Source{File: "conf.yaml", Line: 3},
	}
	if err := b.g.Load(t.Context(), b.compile(rev, &s)); err != nil {
		t.Fatal(err)
	}
	a := b.send("GET /orders/4711?password=hunter2 HTTP/1.1\nHost: x\nCookie: session=s3cr3t", "")

	broken := *rev
	broken.Number = 3
	broken.Settings.Logging.Outputs = []revision.LogOutput{
		{Name: "out", Type: "file", Parameters: map[string]string{"path": filepath.Join(t.TempDir(), "absent"), "file": "log.txt"}},
	}
	err := b.g.Load(t.Context(), b.compile(&broken, &s))
	if err == nil || !strings.HasPrefix(err.Error(), "conf.yaml:3: logging: output out: ") {
		t.Errorf("an output that can't be opened: %v", err)
	}
	if now := b.g.Table().Revision.Number; now != 2 {
		t.Errorf("revision %d serves", now)
	}
	b.records.find(t, a.id)
	if err := b.g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := logs.Close(t.Context()); err != nil {
		t.Error(err)
	}
	want := "GET /orders/{int} 403 bytesIn=0"
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, want) ||
		!strings.Contains(got, "exchange="+a.id+" outcome=refused binding=default/binding-0 policy=step-0") ||
		strings.Contains(got, "hunter2") || strings.Contains(got, "s3cr3t") || strings.Contains(got, "4711") {
		t.Errorf("the log says %q", got)
	}
}
