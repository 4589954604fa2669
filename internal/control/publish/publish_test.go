package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
)

// server takes tables and opens no port.
type server struct {
	table atomic.Pointer[router.Table]
	// refusal is what Load answers, nil to take the table.
	refusal atomic.Pointer[error]
}

func (s *server) Load(_ context.Context, next *router.Table) error {
	if why := s.refusal.Load(); why != nil {
		return *why
	}
	s.table.Store(next)
	return nil
}

func (s *server) Table() *router.Table { return s.table.Load() }

// noPolicies is a catalogue without entries.
type noPolicies struct{}

func (noPolicies) Find(string) (manifest.Policy, bool) { return manifest.Policy{}, false }

func (noPolicies) Names() []string { return nil }

type event struct {
	number    uint64
	problems  int
	published bool
}

type bench struct {
	*Publisher
	t         *testing.T
	data      string
	manifests string
	server    *server
	keyring   *secret.Keyring

	mu     sync.Mutex
	events []event
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, data: filepath.Join(dir, "data"), manifests: filepath.Join(dir, "manifests")}
	for _, one := range []string{b.data, b.manifests} {
		if err := os.Mkdir(one, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.restart()
	return b
}

// restart begins anew with the same data folder.
func (b *bench) restart() {
	b.t.Helper()
	keyring, err := secret.OpenKeyring(b.data, func() (bool, error) { return KeptExists(b.data) })
	if err != nil {
		b.t.Fatal(err)
	}
	catalogue, err := policy.NewCatalogue(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	expand := func(s string) (string, error) { return s, nil }
	b.server, b.keyring, b.events = &server{}, keyring, nil
	b.Publisher = New(Options{
		Paths: []string{b.manifests}, Catalogue: noPolicies{}, Build: manifest.Options{Expand: expand},
		Compile: router.Options{
			Catalogue: catalogue, Expand: expand, Runtime: &policy.Runtime{Now: time.Now}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		},
		Server: b.server, Sealer: keyring, Dir: b.data, Now: time.Now, Log: slog.New(slog.DiscardHandler), Debounce: 20 * time.Millisecond,
		Recorded: func(_ context.Context, number uint64, problems []manifest.Problem, published bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, event{number, len(problems), published})
		},
	})
}

// api is a manifest with one API under a base path.
func api(path string) string {
	return fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://127.0.0.1:8081%s
  services: {orders: {address: "http://orders:8080"}}
`, path)
}

func (b *bench) write(text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.manifests, "api.yaml"), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// serves is the base path of the API in service.
func (b *bench) serves() string {
	now := b.server.Table()
	if now == nil || len(now.Revision.APIs) != 1 {
		return "nothing"
	}
	return now.Revision.APIs[0].BasePath
}

func (b *bench) start() {
	b.t.Helper()
	if err := b.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for what status must become.
func (b *bench) until(what string, done func(Status) bool) {
	b.t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(b.Status()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not within 10 s; %+v", what, b.Status())
		}
	}
}

func TestNothingToServe(t *testing.T) {
	b := newBench(t)
	b.write("kind: [")
	err := b.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no revision can be served") || !strings.Contains(err.Error(), "api.yaml:1:") {
		t.Errorf("Start: %v", err)
	}
}

func TestBrokenManifestsKeepWhatServes(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	b.write(strings.Replace(api("/two"), "address:", "adr:", 1))
	problems := b.Publish(t.Context())
	s := b.Status()
	if !manifest.HasErrors(problems) || b.serves() != "/one" || s.Refused == nil || s.Serving.Number != 1 {
		t.Fatalf("problems %v, serves %s, %+v", problems, b.serves(), s)
	}
	first := s.Refused.Problems[0]
	if filepath.Base(first.File) != "api.yaml" || first.Line != 4 {
		t.Errorf("the problem is told as %s", first.Text())
	}
	b.write(api("/two"))
	b.Publish(t.Context())
	if s := b.Status(); s.Refused != nil || s.Serving.Number != 2 || b.serves() != "/two" {
		t.Errorf("after mending: serves %s, %+v", b.serves(), s)
	}
	if len(b.events) != 3 || b.events[0] != (event{1, 0, true}) || b.events[1].published || b.events[1].number != 1 || b.events[2] != (event{2, 0, true}) {
		t.Errorf("recorded %+v", b.events)
	}
}

func TestAnEmptyFolderTakesNoAPIAway(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	if err := os.Remove(filepath.Join(b.manifests, "api.yaml")); err != nil {
		t.Fatal(err)
	}
	b.Publish(t.Context())
	s := b.Status()
	if b.serves() != "/one" || s.Refused == nil || !strings.Contains(fmt.Sprint(s.Refused.Problems), "no manifest names an API any more") {
		t.Errorf("serves %s, refused %+v", b.serves(), s.Refused)
	}
}

func TestLastGoodRevisionServesAfterRestart(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	b.write("kind: [")
	b.restart()
	b.start()
	if s := b.Status(); b.serves() != "/one" || !s.FromDisk || s.Serving.Number != 1 || s.Refused == nil {
		t.Fatalf("serves %s, %+v", b.serves(), s)
	}
	// The numbers go on where they were.
	b.write(api("/two"))
	b.Publish(t.Context())
	if s := b.Status(); b.serves() != "/two" || s.FromDisk || s.Serving.Number != 2 {
		t.Errorf("after mending: serves %s, %+v", b.serves(), s)
	}
}

func TestEqualDigestIsNoNewRevision(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	b.write("# only a comment\n" + api("/one"))
	b.Publish(t.Context())
	if s := b.Status(); s.Serving.Number != 1 || len(b.events) != 1 {
		t.Errorf("number %d, events %+v", s.Serving.Number, b.events)
	}
	b.restart()
	b.start()
	if s := b.Status(); s.Serving.Number != 1 || s.FromDisk || len(b.events) != 0 {
		t.Errorf("after a restart: %+v, events %+v", s, b.events)
	}
}

func TestRefresh(t *testing.T) {
	b := newBench(t)
	if err := b.Refresh(t.Context()); !errors.Is(err, errNothingServes) {
		t.Errorf("with nothing in service: %v", err)
	}
	b.write(api("/one"))
	b.start()
	// A manifest that is broken now does not matter.
	b.write("nonsense")
	b.Publish(t.Context())
	if err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := b.Status(); b.serves() != "/one" || s.Serving.Number != 2 || s.Refused == nil {
		t.Errorf("serves %s, %+v", b.serves(), s)
	}
	if last := b.events[len(b.events)-1]; last != (event{2, 0, true}) {
		t.Errorf("recorded %+v", b.events)
	}
	// What the server refuses changes nothing.
	why := errors.New("no port is free")
	b.server.refusal.Store(&why)
	if err := b.Refresh(t.Context()); !errors.Is(err, why) {
		t.Errorf("refused: %v", err)
	}
	if s := b.Status(); s.Serving.Number != 2 {
		t.Errorf("after a refusal: %+v", s)
	}
	// It is kept for the next start, and the numbers go on.
	b.restart()
	b.start()
	if s := b.Status(); b.serves() != "/one" || !s.FromDisk || s.Serving.Number != 2 {
		t.Errorf("after a restart: serves %s, %+v", b.serves(), s)
	}
	b.write(api("/two"))
	b.Publish(t.Context())
	if s := b.Status(); s.Serving.Number != 3 {
		t.Errorf("then: %+v", s)
	}
}

func TestDamagedFileIsTold(t *testing.T) {
	cases := map[string]struct {
		damage func(text string) string
		want   string
	}{
		"cut":       {func(s string) string { return s[:len(s)/2] }, "the file is damaged"},
		"changed":   {func(s string) string { return strings.Replace(s, `"sealed":"`, `"sealed":"x`, 1) }, "its checksum is wrong"},
		"newer":     {func(s string) string { return strings.Replace(s, `"format":1`, `"format":2`, 1) }, "the file has format 2"},
		"empty":     {func(string) string { return "" }, "the file is damaged"},
		"other key": {func(string) string { return `{"format":1,"number":1,"sha256":"` + checksum("x") + `","sealed":"x"}` }, "opening the seal"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write(api("/one"))
			b.start()
			path := filepath.Join(b.data, fileName)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.damage(string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readKept(b.data, b.keyring); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			b.restart()
			b.start() // the manifests serve nonetheless
			b.write("kind: [")
			if err := os.WriteFile(path, []byte(c.damage(string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
			b.restart()
			if err := b.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "api.yaml:1:") {
				t.Errorf("Start: %v, want both reasons", err)
			}
		})
	}
	t.Logf("%d cases", len(cases))
}

func TestKeptRevisionIsSealed(t *testing.T) {
	b := newBench(t)
	b.write(api("/telling-name"))
	b.start()
	path := filepath.Join(b.data, fileName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "telling-name") {
		t.Error("the file can be read without the key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("rights %v, %v", info.Mode(), err)
	}
}

func TestRefusalOfTheServerNamesThePlace(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	file := filepath.Join(b.manifests, "api.yaml")
	for why, want := range map[string]string{
		file + ":7: logging: output file: no": file + ":7: error: logging: output file: no",
		"opening 0.0.0.0:80: denied":          b.manifests + ":1: error: opening 0.0.0.0:80: denied",
	} {
		err := errors.New(why)
		b.server.refusal.Store(&err)
		b.write(api("/two"))
		problems := b.Publish(t.Context())
		if len(problems) != 1 || problems[0].Text() != want {
			t.Errorf("got %v, want %s", problems, want)
		}
		if b.serves() != "/one" || b.Status().Serving.Number != 1 {
			t.Errorf("serves %s", b.serves())
		}
	}
	b.server.refusal.Store(nil)
	b.Publish(t.Context())
	if s := b.Status(); s.Serving.Number != 2 || s.Refused != nil {
		t.Errorf("a refused change took a number: %+v", s)
	}
}

func TestWatch(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Watch(ctx) }()
	serves := func(path string) func(Status) bool {
		return func(s Status) bool { return s.Serving != nil && s.Refused == nil && b.serves() == path }
	}

	b.write(api("/in-place"))
	b.until("written in place", serves("/in-place"))

	next := filepath.Join(b.manifests, ".api.yaml.tmp")
	if err := os.WriteFile(next, []byte(api("/renamed")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(b.manifests, "api.yaml")); err != nil {
		t.Fatal(err)
	}
	b.until("renamed over", serves("/renamed"))

	b.write("kind: [")
	b.until("broken", func(s Status) bool { return s.Refused != nil })
	if b.serves() != "/renamed" {
		t.Errorf("serves %s while the manifests are broken", b.serves())
	}

	b.write(api("/mended"))
	b.until("mended", serves("/mended"))

	// A new folder, and a file in it, are found too.
	inner := filepath.Join(b.manifests, "inner")
	if err := errors.Join(os.Remove(filepath.Join(b.manifests, "api.yaml")), os.Mkdir(inner, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(inner, "api.yaml"), []byte(api("/inner")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.until("in a new folder", serves("/inner"))

	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLocated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		file + ":3: wrong: really":       file + " 3 wrong: really",
		"compiling: " + file + ":3: no":  file + " 3 no",
		file + ":x: no":                  "nowhere",
		"opening 127.0.0.1:8081: in use": "nowhere",
		"wrong":                          "nowhere",
		"":                               "nowhere",
	}
	for text, want := range cases {
		got := "nowhere"
		if file, line, rest, ok := located(text); ok {
			got = fmt.Sprint(file, " ", line, " ", rest)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestWatchBehindLinks holds that manifests are followed where Load finds them:
// in a folder that is a link, and in one that a link is moved away from, as
// Kubernetes does.
func TestWatchBehindLinks(t *testing.T) {
	b := newBench(t)
	folder := func(name, path string) string {
		dir := filepath.Join(b.data, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "api.yaml"), []byte(api(path)), 0o600)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	first, second := folder("first", "/one"), folder("second", "/two")
	link := filepath.Join(b.manifests, "linked")
	if err := os.Symlink(first, link); err != nil {
		t.Fatal(err)
	}
	b.start()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Watch(ctx) }()
	serves := func(path string) func(Status) bool {
		return func(s Status) bool { return s.Serving != nil && s.Refused == nil && b.serves() == path }
	}
	b.until("at the start", serves("/one"))
	time.Sleep(100 * time.Millisecond) // Watch has looked at the manifests
	if err := os.WriteFile(filepath.Join(first, "api.yaml"), []byte(api("/in-place")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.until("in place, behind a link", serves("/in-place"))
	if err := errors.Join(os.Symlink(second, link+".next"), os.Rename(link+".next", link)); err != nil {
		t.Fatal(err)
	}
	b.until("the link moved", serves("/two"))
	if err := os.WriteFile(filepath.Join(second, "api.yaml"), []byte(api("/three")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.until("in place, behind the moved link", serves("/three"))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWatchBesideABusyFile holds that what is written all the time beside the
// manifests, as a log, puts nothing off.
func TestWatchBesideABusyFile(t *testing.T) {
	b := newBench(t)
	b.o.Debounce = 300 * time.Millisecond
	b.write(api("/one"))
	b.start()
	ctx, cancel := context.WithCancel(t.Context())
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		for n := 0; ctx.Err() == nil; n++ {
			_ = os.WriteFile(filepath.Join(b.manifests, "access.log"), make([]byte, n%100), 0o600)
			time.Sleep(time.Millisecond)
		}
	}()
	done := make(chan error)
	go func() { done <- b.Watch(ctx) }()
	time.Sleep(50 * time.Millisecond)
	b.write(api("/two"))
	b.until("beside a busy file", func(s Status) bool { return s.Serving != nil && b.serves() == "/two" })
	cancel()
	<-busy
	if err := <-done; err != nil {
		t.Error(err)
	}
}
