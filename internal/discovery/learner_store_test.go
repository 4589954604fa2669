package discovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/spec"
)

// broken is a store that can't be read.
type broken struct{ *shelf }

func (broken) Load(Key) (*Operation, error) { return nil, errors.New("disk full") }

// TestStoreThatCannotBeRead holds that nothing panics and nothing that is listed is
// forgotten, whatever happens to operations whose details lie in the store.
func TestStoreThatCannotBeRead(t *testing.T) {
	full := learner(t, nil)
	for i := range 3 {
		for _, name := range []string{"ann", "bob", "carol"} {
			full.Observe(get("/users/"+name, i))
		}
	}
	l := learner(t, func(o *Options) { o.Details = broken{newShelf()} })
	l.Restore(full.Take(100))
	if e := l.Explain("GET", "api.example.com", "/users/ann"); !e.Listed || len(e.Reasons) != 1 || !strings.Contains(e.Reasons[0], "can't be read") {
		t.Errorf("%+v", e)
	}
	l.Observe(get("/users/ann", 5))
	if s := l.Stats(); s.Operations != 3 || s.Overflow == 0 {
		t.Errorf("%+v", s)
	}
	document := &spec.Document{Description: &spec.Description{Operations: []spec.Operation{{Method: "GET", Path: "/users/{name}"}}}}
	if err := l.Describe([]Described{{Name: "users", Origin: "specification", Document: document}}); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Operations == 0 {
		t.Errorf("%+v; what was listed is forgotten", s)
	}
	l.Edit([]Edit{{Kind: "merge", Path: "/users/{user}", At: start}})
	for i := range 3 {
		for k := range 12 {
			l.Observe(get(fmt.Sprintf("/users/%s", word(k*977)), i))
		}
	}
	if s := l.Stats(); s.Operations == 0 {
		t.Errorf("%+v; what was listed is forgotten", s)
	}
}

// TestGoneOnlyWithWhatItBecame holds that at every moment the store has what was learned:
// the operations that became one leave it when that one is in it, in however small parts
// and with whatever failures it is written.
func TestGoneOnlyWithWhatItBecame(t *testing.T) {
	l, store := learner(t, nil), newShelf()
	good := func() (sum uint64) {
		for _, op := range store.read(t) {
			sum += op.Good
		}
		return sum
	}
	var sent uint64
	for i := range 4 {
		for _, name := range []string{"ann", "bob", "carol", "dave"} {
			l.Observe(get("/users/"+name, i))
			l.Observe(get("/users/"+name+"/orders", i))
			sent += 2
		}
	}
	for range 20 {
		ops, gone := l.Changed(3)
		store.save(ops)
		store.drop(gone)
	}
	if good() != sent {
		t.Fatalf("%d calls are stored, %d were sent", good(), sent)
	}
	l.Edit([]Edit{{Kind: "merge", Path: "/users/{user}", At: start}, {Kind: "merge", Path: "/users/{user}/orders", At: start}})
	dropped := 0
	for turn := range 20 {
		ops, gone := l.Changed(1)
		if turn%3 == 0 {
			l.Again(ops, gone) // the store could not be written
			continue
		}
		store.save(ops)
		store.drop(gone)
		if dropped += len(gone); good() < sent {
			t.Fatalf("turn %d: %d calls are stored, %d were sent", turn, good(), sent)
		}
	}
	if good() != sent || dropped != 8 || len(store.all) != 2 {
		t.Errorf("%d calls of %d in %d operations, %d are gone", good(), sent, len(store.all), dropped)
	}
}

// TestGoneThatCameAgain holds that a key which is used again is not taken out of the store.
func TestGoneThatCameAgain(t *testing.T) {
	l := learner(t, nil)
	for i := range 3 {
		l.Observe(get("/users/ann", i))
	}
	if ops, _ := l.Changed(10); len(ops) != 1 {
		t.Fatal(ops)
	}
	l.Edit([]Edit{{Kind: "merge", Path: "/users/{user}", At: start}})
	_, gone := l.Changed(10)
	if len(gone) != 1 || gone[0].Path != "/users/ann" {
		t.Fatal(gone)
	}
	l.Again(nil, gone)
	l.Edit([]Edit{{Kind: "split", Path: "/users/ann", At: start}})
	l.Observe(get("/users/ann", 9))
	if ops, gone := l.Changed(10); len(ops) == 0 || slices.ContainsFunc(gone, func(k Key) bool { return k.Path == "/users/ann" }) {
		t.Errorf("%d operations changed, gone are %v", len(ops), gone)
	}
}

func TestEdgesSince(t *testing.T) {
	l := learner(t, nil)
	told := func(to string, n uint64) Edge {
		return Edge{From: "orders", To: to, Operation: "GET /x", Requests: n, First: start, Last: start.Add(time.Hour)}
	}
	l.Edge(told("stock", 1))
	l.Edge(told("prices", 1))
	all, until := l.Edges(0)
	if len(all) != 2 || all[0].To != "prices" {
		t.Fatal(all)
	}
	if again, at := l.Edges(until); again != nil || at != until {
		t.Errorf("%v are told again", again)
	}
	l.Edge(told("stock", 4))
	if changed, _ := l.Edges(until); len(changed) != 1 || changed[0].To != "stock" || changed[0].Requests != 5 {
		t.Errorf("%v changed; want stock alone, with all its calls", changed)
	}
}
