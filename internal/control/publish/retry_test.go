package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// TestRetry holds that a change which was refused for something beside the
// manifests serves once that is mended, and is recorded as refused only once.
func TestRetry(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	refused := true
	b.o.Refuse = func(context.Context, *revision.Revision) []manifest.Problem {
		if !refused {
			return nil
		}
		return []manifest.Problem{{Severity: manifest.Error, Message: "does not conform"}}
	}
	b.write(api("/two"))
	b.Publish(t.Context())
	for range 3 {
		b.retry(t.Context())
	}
	if s := b.Status(); b.serves() != "/one" || s.Refused == nil || len(b.events) != 2 {
		t.Fatalf("serves %s, %+v, events %+v", b.serves(), s, b.events)
	}
	refused = false
	b.retry(t.Context())
	if s := b.Status(); b.serves() != "/two" || s.Refused != nil || len(b.events) != 3 {
		t.Errorf("serves %s, %+v, events %+v", b.serves(), s, b.events)
	}
	b.retry(t.Context())
	if len(b.events) != 3 {
		t.Errorf("what serves is published again: %+v", b.events)
	}
}

// TestPublishAgain holds that a source which fails is told of once, however often it is
// tried, and that what it gives serves as soon as it does.
func TestPublishAgain(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	b.start()
	failing := errors.New("the database is away")
	b.o.Sources = []func(context.Context) ([]manifest.File, error){func(context.Context) ([]manifest.File, error) { return nil, failing }}
	b.write(api("/two"))
	for range 3 {
		if problems := b.PublishAgain(t.Context()); !manifest.HasErrors(problems) {
			t.Errorf("problems: %v", problems)
		}
	}
	if s := b.Status(); b.serves() != "/one" || s.Refused == nil || len(b.events) != 2 {
		t.Fatalf("serves %s, %+v, events %+v", b.serves(), s, b.events)
	}
	b.Publish(t.Context())
	failing = errors.New("another reason")
	b.PublishAgain(t.Context())
	if len(b.events) != 4 {
		t.Errorf("what is asked for and another reason are recorded: %+v", b.events)
	}
	failing = ErrNotReady
	if problems := b.PublishAgain(t.Context()); !manifest.HasErrors(problems) || len(b.events) != 4 {
		t.Errorf("a store that is not open: %v, %+v", problems, b.events)
	}
	failing = nil
	if problems := b.PublishAgain(t.Context()); manifest.HasErrors(problems) || b.serves() != "/two" || b.Status().Refused != nil {
		t.Errorf("serves %s: %v", b.serves(), problems)
	}
}

// TestSnapshotHasDescriptions holds that a description which a manifest may name
// is looked at, and what is neither is not.
func TestSnapshotHasDescriptions(t *testing.T) {
	b := newBench(t)
	b.write(api("/one"))
	for name, want := range map[string]bool{"orders.raml": true, "orders.json": true, "orders.zip": true, "access.log": false, ".hidden.raml": false} {
		file := filepath.Join(b.manifests, name)
		if err := os.WriteFile(file, []byte("one"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := b.snapshot()
		if err := os.WriteFile(file, []byte("longer"), 0o600); err != nil {
			t.Fatal(err)
		}
		if changed := b.snapshot() != before; changed != want {
			t.Errorf("%s: a change is seen: %v, want %v", name, changed, want)
		}
	}
}
