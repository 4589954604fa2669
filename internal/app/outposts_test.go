package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
)

// elsewhere is a control process whose environments gateways of their own serve.
type elsewhere struct {
	*outposts
	log  *lockedText
	time time.Time
	// versions are those of the environments, broken why a source fails, text what it
	// gives.
	versions map[string]int64
	broken   map[string]error
	text     map[string]string
	reads    map[string]int
}

func newElsewhere(t *testing.T, dir string) *elsewhere {
	t.Helper()
	keyring, err := secret.OpenKeyring(dir, func() (bool, error) { return true, nil })
	if err != nil {
		keyring, err = secret.OpenKeyring(dir, func() (bool, error) { return false, nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &elsewhere{log: &lockedText{}, time: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	e.versions, e.broken, e.text, e.reads = map[string]int64{}, map[string]error{}, map[string]string{}, map[string]int{}
	log := slog.New(slog.NewTextHandler(e.log, nil))
	now := func() time.Time { return e.time }
	e.outposts = &outposts{
		own: "default", dir: dir, log: log, now: now,
		base:         publish.Options{Catalogue: catalogue.Manifests{Catalogue: all}, Sealer: keyring, Now: now, Log: log},
		environments: func(context.Context) ([]string, error) { return slices.Sorted(maps.Keys(e.versions)), nil },
		version:      func(_ context.Context, environment string) (int64, error) { return e.versions[environment], nil },
		sources: func(environment string) []func(context.Context) ([]manifest.File, error) {
			return []func(context.Context) ([]manifest.File, error){func(context.Context) ([]manifest.File, error) {
				e.reads[environment]++
				return []manifest.File{{Name: publish.Handed + "apis", Text: []byte(e.text[environment])}}, e.broken[environment]
			}}
		},
		contain:  func(string) func(*revision.Revision) error { return func(*revision.Revision) error { return nil } },
		expander: func(string) secret.Expander { return secret.Environ() },
		pin:      func(_ string, ref secret.Stored) (secret.Stored, error) { return ref, nil },
	}
	return e
}

func handedOut(t *testing.T, e *elsewhere, environment string) (version int64, path string) {
	t.Helper()
	s, err := e.served(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return -1, ""
	}
	return s.Version, s.Revision.APIs[0].BasePath
}

func apiAt(path string) string {
	return fmt.Sprintf("apiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: orders}\nspec:\n"+
		"  address: http://0.0.0.0:8081%s\n  services: {orders: {address: \"http://127.0.0.1:9/\"}}\n", path)
}

// TestOutposts holds what gateways of their own are handed while what operators
// published can't be served, and after a restart in the midst of it.
func TestOutposts(t *testing.T) {
	dir := t.TempDir()
	e := newElsewhere(t, dir)
	ctx := t.Context()
	want := func(when string, version int64, path string, problem string, reads int) {
		t.Helper()
		if err := e.follow(ctx); err != nil {
			t.Fatal(err)
		}
		gotVersion, gotPath := handedOut(t, e, "production")
		p := e.publication(ctx, "production")
		if gotVersion != version || gotPath != path || !strings.Contains(p.Problem, problem) || (problem == "") != (p.Problem == "") || e.reads["production"] != reads {
			t.Errorf("%s: version %d of %q, problem %q, read %d times; want %d of %q, %q, %d", when, gotVersion, gotPath, p.Problem, e.reads["production"], version, path, problem, reads)
		}
	}
	e.versions["production"], e.text["production"] = 3, apiAt("/one")
	want("published", 3, "/one", "", 1)
	want("nothing new", 3, "/one", "", 1)

	// A source fails: what served is handed out as what it is, and it is tried again,
	// less and less often.
	e.versions["production"], e.text["production"], e.broken["production"] = 4, apiAt("/two"), errors.New("the disk is full")
	want("failing", 3, "/one", "the disk is full", 2)
	want("too early", 3, "/one", "the disk is full", 2)
	for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		e.time = e.time.Add(pause - time.Millisecond)
		want("just too early", 3, "/one", "the disk is full", 2+i)
		e.time = e.time.Add(time.Millisecond)
		want("again", 3, "/one", "the disk is full", 3+i)
	}
	if p := e.publication(ctx, "production"); !p.Again.Equal(e.time.Add(8*time.Second)) || p.Revision != 1 || p.Since.IsZero() {
		t.Errorf("%+v", p)
	}
	if n := strings.Count(e.log.String(), "can't be served"); n != 1 {
		t.Errorf("it is told of %d times:\n%s", n, e.log)
	}

	// A change is tried at once.
	e.versions["production"] = 5
	want("another change", 3, "/one", "the disk is full", 6)

	// A restart meanwhile: what was published last is there before anything was read.
	again := newElsewhere(t, dir)
	again.time, again.versions, again.text, again.broken = e.time, e.versions, e.text, e.broken
	e = again
	if version, path := handedOut(t, e, "production"); version != 3 || path != "/one" {
		t.Errorf("after the restart: version %d of %q", version, path)
	}
	want("failing after the restart", 3, "/one", "the disk is full", 1)
	delete(e.broken, "production")
	e.time = e.time.Add(time.Second)
	want("mended", 5, "/two", "", 2)
	if s, err := e.served(ctx, "production"); err != nil || s.Revision.Number != 2 {
		t.Errorf("numbers go on: %+v, %v", s, err)
	}
	if version, path := handedOut(t, e, "staging"); version != -1 || path != "" {
		t.Errorf("an environment where nothing was published: %d %q", version, path)
	}
	if p := e.publication(ctx, "staging"); p != (fleet.Publication{}) {
		t.Errorf("%+v", p)
	}
}
