package projects

import (
	"testing"

	"farrier.dev/farrier/internal/scan/history"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestShared holds that all processes of an environment have the same virtual patches,
// also those that were made before they shared a store, and while it is away.
func TestShared(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, dirs := t.Context(), []string{t.TempDir(), t.TempDir()}
		open := func(i int) *Patches {
			p, err := OpenPatches(dirs[i])
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		memory, err := history.Open(ctx, db, "production")
		if err != nil {
			t.Fatal(err)
		}
		add := func(p *Patches, fingerprint string) {
			t.Helper()
			if err := p.change(ctx, func(all []Patch) []Patch {
				return append(all, Patch{Project: "orders", API: "default/orders", Fingerprint: fingerprint})
			}); err != nil {
				t.Fatal(err)
			}
		}
		holds := func(when string, p *Patches, want ...string) {
			t.Helper()
			if _, err := p.Refresh(ctx); err != nil {
				t.Fatal(err)
			}
			all := p.All()
			for i := range all {
				if len(all) != len(want) || all[i].Fingerprint != want[i] {
					t.Fatalf("%s: %+v, want %v", when, all, want)
				}
			}
			if len(all) != len(want) {
				t.Fatalf("%s: %+v, want %v", when, all, want)
			}
		}
		a, b := open(0), open(1)
		add(a, "1")
		add(b, "2")
		for _, p := range []*Patches{a, b} {
			if err := p.Share(ctx, memory); err != nil {
				t.Fatal(err)
			}
		}
		holds("both had one of their own", a, "1", "2")
		holds("both had one of their own", b, "1", "2")
		add(b, "3")
		holds("one was made at the other process", a, "1", "2", "3")
		if changed, err := a.Refresh(ctx); changed || err != nil {
			t.Errorf("nothing is new: %v, %v", changed, err)
		}
		if err := a.change(ctx, func(all []Patch) []Patch { return all[1:] }); err != nil {
			t.Fatal(err)
		}
		holds("one was ended", b, "2", "3")
		// Without the store the file holds; what was ended meanwhile does not come back.
		again := open(0)
		holds("before the store is open", again, "2", "3")
		if err := b.change(ctx, func(all []Patch) []Patch { return all[1:] }); err != nil {
			t.Fatal(err)
		}
		if err := again.Share(ctx, memory); err != nil {
			t.Fatal(err)
		}
		holds("after a restart", again, "3")
		if text, version, err := memory.In("staging").Patches(ctx); text != "" || version != 0 || err != nil {
			t.Errorf("another environment: %q %d %v", text, version, err)
		}
	})
}
