package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
)

// patience bounds every wait of the tests; none is ever that long on a machine
// that works.
const patience = 60 * time.Second

// running is a whole farrier serve in this process.
type running struct {
	t        testing.TB
	services *services
	// manifests is the folder that is served, data the one that is written.
	manifests, data string
	ready           app.Ready
	log             *logText
	ports           map[string]string
	stop            func() error
}

// listening and upstreams are how the manifests of tests and examples name the
// addresses that tests put their own in place of.
var (
	listening = regexp.MustCompile(`0\.0\.0\.0:\d+`)
	upstreams = regexp.MustCompile(`(127\.0\.0\.1|localhost):(9001|9002|9443|9444)\b`)
	probe     = regexp.MustCompile(`port: 3000\b`)
)

// place puts addresses of this machine into the text of a manifest.
func (r *running) place(text string) string {
	text = listening.ReplaceAllStringFunc(text, func(placeholder string) string {
		_, port, _ := net.SplitHostPort(placeholder)
		if r.ports[port] == "" {
			r.ports[port] = freeAddress(r.t)
		}
		return r.ports[port]
	})
	text = probe.ReplaceAllStringFunc(text, func(string) string {
		r.ports["3000"] = freeAddress(r.t)
		_, port, _ := net.SplitHostPort(r.ports["3000"])
		return "port: " + port
	})
	return upstreams.ReplaceAllStringFunc(text, func(placeholder string) string {
		host, port, _ := net.SplitHostPort(placeholder)
		_, own, _ := net.SplitHostPort(r.services.address[port])
		return net.JoinHostPort(host, own)
	})
}

// freeAddress is an address that nobody listens on, with a port below those from
// which systems take the ports of outgoing connections: one that is closed and
// opened again must not have been taken by one of them.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		if ln, err := net.Listen("tcp", address); err == nil {
			_ = ln.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// serve runs the manifests, texts by file name, in front of the services.
func serve(t testing.TB, s *services, files map[string]string) *running {
	t.Helper()
	for attempt := 1; ; attempt++ {
		r := &running{t: t, services: s, ports: map[string]string{}, log: newLogText(), manifests: t.TempDir()}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(r.manifests, name), []byte(r.place(text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := r.start()
		if err == nil {
			return r
		}
		// Somebody else may have taken a port since it was found free.
		if attempt == 5 || !strings.Contains(err.Error(), "address already in use") {
			t.Fatal(err)
		}
	}
}

func (r *running) start() error { return r.startIn(r.t.TempDir()) }

// startIn runs with a data folder that may have been used before.
func (r *running) startIn(data string) error {
	cfg := app.DefaultConfig()
	r.data = data
	cfg.Manifests, cfg.Data, cfg.Console = []string{r.manifests}, r.data, "off"
	cfg.Debounce = 20 * time.Millisecond
	cfg.Limits.DrainSeconds = 5
	cfg.Limits.Lag = patience // a busy machine is no reason to shed what a test counts
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ready, ended := make(chan app.Ready, 1), make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, cfg, log, io.Discard, func(now app.Ready) { ready <- now })
	}()
	select {
	case err := <-ended:
		cancel()
		return err
	case r.ready = <-ready:
	}
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Errorf("stopping: %v", err)
		}
		if r.t.Failed() {
			r.t.Logf("the log:\n%.8000s", r.log.String())
		}
	})
	return nil
}

// at is the address that stands in the place of a port of the manifests.
func (r *running) at(port string) string {
	r.t.Helper()
	if r.ports[port] == "" {
		r.t.Fatalf("no manifest opens port %s", port)
	}
	return r.ports[port]
}

// logText is a log that can be waited for.
type logText struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{} // closed at the next write
}

func newLogText() *logText { return &logText{written: make(chan struct{})} }

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.written)
	l.written = make(chan struct{})
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits until part stands in the log behind the first from bytes, and
// returns where it ends; false when it does not come.
func (l *logText) waitFor(part string, from int) (int, bool) {
	late := time.After(patience)
	for {
		l.mu.Lock()
		i := bytes.Index(l.text.Bytes()[from:], []byte(part))
		written := l.written
		l.mu.Unlock()
		if i >= 0 {
			return from + i + len(part), true
		}
		select {
		case <-written:
		case <-late:
			return from, false
		}
	}
}

// folder are the manifests of a folder of examples.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests in %s: %v", dir, err)
	}
	files := make(map[string]string, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = string(text)
	}
	return files
}

// one is a single manifest as a folder.
func one(text string) map[string]string {
	return map[string]string{"manifest.yaml": text}
}
