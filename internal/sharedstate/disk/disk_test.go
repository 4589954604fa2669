package disk_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/sharedstate/disk"
	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

var ctx = context.Background()

func open(t *testing.T, c *clock, dir string, bounds sharedstate.Bounds) *disk.Store {
	t.Helper()
	s, err := disk.Open(disk.Options{Dir: dir, Bounds: bounds, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConforms(t *testing.T) {
	var c clock
	sharedstatetest.Conform(t, func(t *testing.T) sharedstate.Store { return open(t, &c, t.TempDir(), sharedstate.Bounds{}) }, c.advance)
}

func set(t *testing.T, c sharedstate.Cache, key, value string, ttl time.Duration) {
	t.Helper()
	if err := c.Set(ctx, key, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

// has tells which of the keys have a value.
func has(c sharedstate.Cache, keys ...string) string {
	out := ""
	for _, key := range keys {
		if v, ok, _ := c.Get(ctx, key); ok {
			out += key + "=" + string(v) + " "
		}
	}
	return out
}

// files are all files below a folder; none may be read by others.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out = append(out, path)
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestValuesOutliveTheProcess(t *testing.T) {
	var c clock
	dir := t.TempDir()
	first := open(t, &c, dir, sharedstate.Bounds{}).Cache("c")
	set(t, first, "short", "1", time.Minute)
	set(t, first, "long", "2", time.Hour)
	set(t, first, "long", "3", time.Hour)
	set(t, first, "deleted", "4", time.Hour)
	if added, err := first.Add(ctx, "added", []byte("5"), time.Hour); !added || err != nil {
		t.Fatal(added, err)
	}
	if err := first.Delete(ctx, "deleted"); err != nil {
		t.Fatal(err)
	}
	set(t, open(t, &c, dir, sharedstate.Bounds{}).Cache("other"), "long", "other", time.Hour)
	c.advance(2 * time.Minute)
	second := open(t, &c, dir, sharedstate.Bounds{})
	if got := has(second.Cache("c"), "short", "long", "deleted", "added"); got != "long=3 added=5 " {
		t.Errorf("a second process finds %q", got)
	}
	if got := has(second.Cache("other"), "long"); got != "long=other " {
		t.Errorf("under another name it finds %q", got)
	}
	c.advance(time.Hour - 3*time.Minute)
	if got := has(second.Cache("c"), "long"); got != "long=3 " {
		t.Errorf("what was loaded went before its time: %q", got)
	}
	c.advance(time.Minute)
	if got := has(second.Cache("c"), "long", "added"); got != "" {
		t.Errorf("what was loaded outlived its time: %q", got)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("files are left: %v", left)
	}
	if err := second.Cache("other").Clear(ctx); err != nil {
		t.Fatal(err)
	}
	if got := has(open(t, &c, dir, sharedstate.Bounds{}).Cache("other"), "long"); got != "" || len(files(t, dir)) != 0 {
		t.Errorf("what was cleared is there: %q", got)
	}
}

func TestBoundsHoldOnDisk(t *testing.T) {
	var c clock
	dir := t.TempDir()
	first := open(t, &c, dir, sharedstate.Bounds{Entries: 5}).Cache("c")
	for i := range 20 {
		set(t, first, fmt.Sprint(i), "v", time.Hour)
		c.advance(time.Second)
	}
	if n := len(files(t, dir)); n != 5 {
		t.Errorf("%d files, want 5", n)
	}
	second := open(t, &c, dir, sharedstate.Bounds{Entries: 3}).Cache("c")
	if got := has(second, "14", "15", "16", "17", "18", "19"); got != "17=v 18=v 19=v " {
		t.Errorf("with less room: %q", got)
	}
	if n := len(files(t, dir)); n != 3 {
		t.Errorf("%d files with less room, want 3", n)
	}
	set(t, open(t, &c, dir, sharedstate.Bounds{Bytes: 10}).Cache("large"), "k", "longer than the cache", time.Hour)
	if n := len(files(t, dir)); n != 3 {
		t.Errorf("%d files after a value without room, want 3", n)
	}
}

// TestDamagedFiles damages a file in every way; the others are still there.
func TestDamagedFiles(t *testing.T) {
	damages := map[string]func(text []byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"cut":             func(text []byte) []byte { return text[:len(text)-1] },
		"short":           func(text []byte) []byte { return text[:40] },
		"longer":          func(text []byte) []byte { return append(text, 'x') },
		"another format":  func(text []byte) []byte { text[14]++; return text },
		"a flipped value": func(text []byte) []byte { text[len(text)-1] ^= 1; return text },
		"a flipped head":  func(text []byte) []byte { text[50] ^= 1; return text },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			var c clock
			dir := t.TempDir()
			cache := open(t, &c, dir, sharedstate.Bounds{}).Cache("c")
			set(t, cache, "bad", "value", time.Hour)
			victim := files(t, dir)[0]
			set(t, cache, "good", "value", time.Hour)
			text, err := os.ReadFile(victim)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(victim, damage(text), 0o600); err != nil {
				t.Fatal(err)
			}
			again := open(t, &c, dir, sharedstate.Bounds{}).Cache("c")
			if got := has(again, "bad", "good"); got != "good=value " {
				t.Errorf("found %q", got)
			}
			if n := len(files(t, dir)); n != 1 {
				t.Errorf("%d files are left, want 1", n)
			}
		})
	}
	t.Logf("%d damages", len(damages))
}

// TestMovedFile holds that a value is found under its own key only.
func TestMovedFile(t *testing.T) {
	var c clock
	dir := t.TempDir()
	cache := open(t, &c, dir, sharedstate.Bounds{}).Cache("c")
	set(t, cache, "a", "value", time.Hour)
	file := files(t, dir)[0]
	if err := os.Rename(file, file[:len(file)-1]+"x"); err != nil {
		t.Fatal(err)
	}
	if got := has(open(t, &c, dir, sharedstate.Bounds{}).Cache("c"), "a"); got != "" {
		t.Errorf("found %q", got)
	}
}

func TestUnwritableFolder(t *testing.T) {
	var c clock
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(disk.Options{Dir: file, Now: c.now}); err == nil {
		t.Error("a file was taken for a folder")
	}
	dir := t.TempDir()
	cache := open(t, &c, dir, sharedstate.Bounds{}).Cache("c")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := cache.Set(ctx, "k", []byte("v"), time.Hour); err == nil {
		t.Error("nobody says that the folder is gone")
	}
	if got := has(cache, "k"); got != "k=v " {
		t.Errorf("in memory: %q", got)
	}
}
