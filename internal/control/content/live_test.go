package content

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollow plays what operators do while Farrier serves.
func TestFollow(t *testing.T) {
	f := newFolder(t, anyRules)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		live := Start(f, slog.New(slog.NewTextHandler(&log, nil)))
		if live.Current().Version != "" || live.Current().BadAddress(netip.MustParseAddr("192.0.2.7")) {
			t.Fatalf("an empty folder gives %+v", live.Current())
		}
		ctx, cancel := context.WithCancel(t.Context())
		var changes []Change
		var refusal error
		applied := ""
		go live.Follow(ctx, 2*time.Second, func(context.Context) error {
			applied = live.Current().Version
			return refusal
		}, func(_ context.Context, c Change) { changes = append(changes, c) })
		pass := func() {
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		wait := func(serves, action string, count int) Change {
			t.Helper()
			pass()
			if live.Current().Version != serves || len(changes) != count || count > 0 && changes[count-1].Action != action {
				t.Fatalf("serves %q after %d changes %+v; want %q", live.Current().Version, len(changes), changes, serves)
			}
			if count == 0 {
				return Change{}
			}
			return changes[count-1]
		}
		wait("", "", 0)
		f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
		wait("2026.11.22-1", ActionUpdate, 1)
		if applied != "2026.11.22-1" || changes[0].Err != nil || changes[0].From.Version != "" {
			t.Errorf("applied %q, %+v", applied, changes[0])
		}
		// A key that comes changes nothing.
		if _, err := f.Trust(publicKey(t, testKey(2))); err != nil {
			t.Fatal(err)
		}
		wait("2026.11.22-1", ActionUpdate, 1)
		// What does not compile where it serves is taken back.
		refusal = errors.New("it does not compile")
		f.mustUpdate(t, newMaker("2026.11.22-2").make(t))
		if c := wait("2026.11.22-1", ActionUpdate, 2); applied != "2026.11.22-2" || !errors.Is(c.Err, refusal) || c.To.Version != applied {
			t.Errorf("applied %q, %+v", applied, c)
		}
		refusal = nil
		if _, err := f.Rollback(false); err != nil {
			t.Fatal(err)
		}
		wait("2026.11.22-1", ActionUpdate, 2) // it serves already
		if _, err := f.Rollback(false); err != nil {
			t.Fatal(err)
		}
		wait("", ActionRollback, 3)
		f.mustUpdate(t, newMaker("2026.11.22-2").make(t))
		wait("2026.11.22-2", ActionUpdate, 4)
		// Damage is told, and what served goes on serving.
		if err := os.WriteFile(filepath.Join(f.dir, stateFile), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if c := wait("2026.11.22-2", "", 5); c.Err == nil || !strings.Contains(log.String(), "a change of the content is refused") {
			t.Errorf("%+v, log %s", c, log.String())
		}
		if _, err := f.Update(bytes.NewReader(newMaker("2026.11.22-3").make(t)), true); err != nil {
			t.Fatal(err)
		}
		wait("2026.11.22-3", ActionUpdate, 6)
		// Who signed it is trusted no longer.
		if err := f.Untrust(idOf(testKey(1)), true); err != nil {
			t.Fatal(err)
		}
		if c := wait("", "", 7); c.Err != nil || applied != "" {
			t.Errorf("applied %q, %+v", applied, c)
		}
		cancel()
		synctest.Wait()
	})
}

// TestStartWithDamage: damaged content is told, and nothing of it serves.
func TestStartWithDamage(t *testing.T) {
	f := newFolder(t, anyRules)
	f.mustUpdate(t, newMaker("2026.11.22-1").make(t))
	name, err := filepath.Glob(filepath.Join(f.dir, "20*", "feeds", "addresses.txt"))
	if err != nil || len(name) != 1 {
		t.Fatal(name, err)
	}
	if err := os.WriteFile(name[0], []byte("203.0.113.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if c := Start(f, slog.New(slog.NewTextHandler(&log, nil))).Current(); c.Version != "" || len(c.Sources) > 0 || c.Addresses.Size() > 0 {
		t.Errorf("serves %+v", c)
	}
	if want := "feeds/addresses.txt has 15 bytes, but bundle.json says"; !strings.Contains(log.String(), want) {
		t.Errorf("log %s, want %q", log.String(), want)
	}
}
