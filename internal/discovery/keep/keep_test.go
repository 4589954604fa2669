package keep_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, db *store.DB, gateway string) *keep.Keep {
	t.Helper()
	k, err := keep.Open(t.Context(), keep.Options{Traffic: db, Control: db, Environment: "test", Gateway: gateway, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func operation(host, method, path string, requests uint64) *discovery.Operation {
	return &discovery.Operation{
		Key: discovery.Key{Host: host, Method: method, Path: path}, Protocol: discovery.REST,
		Listed: noon, By: "traffic", First: noon, Last: noon, Requests: requests, Good: requests,
	}
}

// shown is what a reader of the inventory gets: the keys in their groups.
func shown(t *testing.T, k *keep.Keep) (groups [][]string, requests uint64) {
	t.Helper()
	err := k.Groups(t.Context(), func(ops []*discovery.Operation) error {
		var group []string
		for _, op := range ops {
			group = append(group, op.String())
			requests += op.Requests
		}
		groups = append(groups, group)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return groups, requests
}

func TestMigrations(t *testing.T) {
	for _, folder := range []string{"observed", "decided"} {
		files, err := fs.Sub(keep.Migrations, folder)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Portable(t, files)
	}
}

func TestGateways(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one, two := open(t, db, "one"), open(t, db, "two")
		candidate := operation("a.example", "GET", "/maybe", 1)
		candidate.Listed = time.Time{}
		for _, save := range []struct {
			k   *keep.Keep
			ops []*discovery.Operation
		}{
			{one, []*discovery.Operation{operation("b.example", "GET", "/x", 1), operation("a.example", "GET", "/orders/{id}", 3), candidate}},
			{two, []*discovery.Operation{operation("a.example", "GET", "/orders/{id}", 4), operation("a.example", "POST", "/orders", 5)}},
		} {
			if err := save.k.Save(t.Context(), save.ops, nil, 2); err != nil {
				t.Fatal(err)
			}
		}
		groups, requests := shown(t, one)
		if len(groups) != 2 || len(groups[0]) != 2 || len(groups[1]) != 1 || requests != 13 {
			t.Errorf("the inventory is %q with %d requests; want two operations of a.example and one of b.example with 13", groups, requests)
		}
		if sum, err := one.Get(t.Context(), keep.ID(discovery.Key{Host: "a.example", Method: "GET", Path: "/orders/{id}"})); err != nil || sum.Requests != 7 {
			t.Errorf("the operation of both gateways: %+v, %v; want 7 requests", sum, err)
		}
		if own, err := one.Load(discovery.Key{Host: "a.example", Method: "GET", Path: "/orders/{id}"}); err != nil || own.Requests != 3 {
			t.Errorf("the operation of one gateway: %+v, %v; want 3 requests", own, err)
		}
		restored := 0
		if err := two.Restore(t.Context(), func(*discovery.Operation) error { restored++; return nil }); err != nil || restored != 2 {
			t.Errorf("%d operations are restored, %v; want those of the gateway alone", restored, err)
		}
		if _, err := two.Load(candidate.Key); !errors.Is(err, discovery.ErrNotKept) {
			t.Errorf("what another gateway learned is loaded: %v", err)
		}
		if err := two.Save(t.Context(), []*discovery.Operation{candidate}, nil, 2); err != nil {
			t.Fatal(err)
		}
		if generation, _, err := one.Generation(t.Context()); err != nil || generation != 3 {
			t.Errorf("generation %d after a further save, %v; want 3", generation, err)
		}
		if generation, dropped, err := two.Generation(t.Context()); err != nil || generation != 3 || dropped != 4 {
			t.Errorf("generation %d, dropped %d, %v; want 3, 4", generation, dropped, err)
		}
	})
}

// TestGone holds that operations that became one are shown as one, at every moment.
func TestGone(t *testing.T) {
	db := storetest.Open(t)
	k := open(t, db, "one")
	was := []*discovery.Operation{operation("a.example", "GET", "/users/ann", 2), operation("a.example", "GET", "/users/bob", 3)}
	if err := k.Save(t.Context(), was, nil, 0); err != nil {
		t.Fatal(err)
	}
	gone := []discovery.Key{was[0].Key, was[1].Key}
	if err := k.Save(t.Context(), []*discovery.Operation{operation("a.example", "GET", "/users/{user}", 5)}, gone, 0); err != nil {
		t.Fatal(err)
	}
	groups, requests := shown(t, k)
	if len(groups) != 1 || len(groups[0]) != 1 || requests != 5 {
		t.Errorf("the inventory is %q with %d requests", groups, requests)
	}
	var restored []string
	if err := k.Restore(t.Context(), func(op *discovery.Operation) error { restored = append(restored, op.Path); return nil }); err != nil || len(restored) != 1 {
		t.Errorf("restored %q, %v", restored, err)
	}
}

// TestStatisticsLost holds that what was listed comes back when the database of traffic
// is replaced by an empty one, as happens when it is damaged.
func TestStatisticsLost(t *testing.T) {
	control := storetest.Open(t)
	options := func(traffic *store.DB) keep.Options {
		return keep.Options{Traffic: traffic, Control: control, Environment: "test", Gateway: "one", Now: func() time.Time { return noon }}
	}
	k, err := keep.Open(t.Context(), options(storetest.Open(t)))
	if err != nil {
		t.Fatal(err)
	}
	candidate := operation("a.example", "GET", "/maybe", 1)
	candidate.Listed = time.Time{}
	if err := k.Save(t.Context(), []*discovery.Operation{operation("a.example", "GET", "/x", 9), candidate}, nil, 0); err != nil {
		t.Fatal(err)
	}
	if k, err = keep.Open(t.Context(), options(storetest.Open(t))); err != nil {
		t.Fatal(err)
	}
	var restored []*discovery.Operation
	if err := k.Restore(t.Context(), func(op *discovery.Operation) error { restored = append(restored, op); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(restored) != 1 || restored[0].Path != "/x" || // what waited is learned anew
		!restored[0].Listed.Equal(noon) || restored[0].By != "traffic" || restored[0].Requests != 0 {
		t.Errorf("restored %+v; want the listing without its counts", restored)
	}
	if groups, requests := shown(t, k); len(groups) != 1 || requests != 0 {
		t.Errorf("after the restart pages show %q with %d requests; what was listed must be there", groups, requests)
	}
}

func TestDecided(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := open(t, db, "one")
		write := func(what func(tx *store.Tx) error) {
			t.Helper()
			if err := db.Write(t.Context(), what); err != nil {
				t.Fatal(err)
			}
		}
		merge := discovery.Edit{Kind: "merge", Host: "a.example", Path: "/users/{name}", By: "ann", At: noon}
		split := discovery.Edit{Kind: "split", Host: "a.example", Path: "/users/me", By: "ann", At: noon}
		write(func(tx *store.Tx) error {
			return errors.Join(k.AddEdit(t.Context(), tx, merge), k.AddEdit(t.Context(), tx, split))
		})
		write(func(tx *store.Tx) error {
			return k.RemoveEdit(t.Context(), tx, discovery.Edit{Kind: "merge", Host: "a.example", Path: "/users/{name}"})
		})
		if edits, err := k.Edits(t.Context()); err != nil || len(edits) != 1 || edits[0] != split {
			t.Errorf("edits %+v, %v; want the split alone", edits, err)
		}
		write(func(tx *store.Tx) error {
			return errors.Join(k.Mark(t.Context(), tx, "operation 1", keep.Marks{Owner: "x"}), k.Mark(t.Context(), tx, "operation 1", keep.Marks{Owner: "y", Tags: []string{"pci"}}))
		})
		if marks, err := k.Marks(t.Context()); err != nil || len(marks) != 1 || marks["operation 1"].Owner != "y" || marks["operation 1"].Tags[0] != "pci" {
			t.Errorf("marks %+v, %v", marks, err)
		}
		write(func(tx *store.Tx) error {
			return errors.Join(
				k.SaveView(t.Context(), tx, keep.View{Operator: "ann", Name: "mine", Query: "state:new"}),
				k.SaveView(t.Context(), tx, keep.View{Operator: "bob", Name: "his", Query: "x"}),
				k.SaveView(t.Context(), tx, keep.View{Name: "all", Query: "state:shadow"}),
				k.SaveView(t.Context(), tx, keep.View{Operator: "ann", Name: "mine", Query: "state:shadow"}))
		})
		if views, err := k.Views(t.Context(), "ann"); err != nil || len(views) != 2 || views[0].Name != "all" || views[1].Query != "state:shadow" {
			t.Errorf("views %+v, %v; want the common one and ann's as it was saved last", views, err)
		}
		write(func(tx *store.Tx) error { return k.RemoveView(t.Context(), tx, "ann", "mine") })
		if views, err := k.Views(t.Context(), "ann"); err != nil || len(views) != 1 {
			t.Errorf("views after removing: %+v, %v", views, err)
		}
		first, err := k.Key(t.Context(), []byte("first"))
		if err != nil || string(first) != "first" {
			t.Fatal(string(first), err)
		}
		if again, err := open(t, db, "two").Key(context.Background(), []byte("second")); err != nil || string(again) != "first" {
			t.Errorf("the second gateway has the key %q, %v; want the first one's", again, err)
		}
	})
}

func TestEdges(t *testing.T) {
	db := storetest.Open(t)
	one, two := open(t, db, "one"), open(t, db, "two")
	for _, k := range []*keep.Keep{one, two} {
		if err := k.SaveEdges(t.Context(), []discovery.Edge{{From: "orders", To: "stock", Operation: "GET /levels", Requests: 2, First: noon, Last: noon.Add(time.Hour)}}); err != nil {
			t.Fatal(err)
		}
	}
	if edges, err := one.Edges(t.Context(), false); err != nil || len(edges) != 1 || edges[0].Requests != 4 || !edges[0].Last.Equal(noon.Add(time.Hour)) {
		t.Errorf("edges of both: %+v, %v", edges, err)
	}
	if edges, err := one.Edges(t.Context(), true); err != nil || len(edges) != 1 || edges[0].Requests != 2 {
		t.Errorf("own edges: %+v, %v", edges, err)
	}
}
