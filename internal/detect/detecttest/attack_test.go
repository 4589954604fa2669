package detecttest

import (
	"bufio"
	"bytes"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
	"testing"
)

// counts tallies a label.
type counts map[string]int

func (c counts) log(t *testing.T, what string) {
	t.Helper()
	for _, name := range slices.SortedFunc(maps.Keys(c), func(a, b string) int { return c[b] - c[a] }) {
		t.Logf("%-10s %-24s %5d", what, name, c[name])
	}
}

// parse reads a request as a server does and fails on anything left over.
func parse(t *testing.T, c Case) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(c.Raw))
	q, err := http.ReadRequest(r)
	if err != nil {
		t.Errorf("%s: %v\n%q", c.Name, err, c.Raw)
		return
	}
	if _, err := io.Copy(io.Discard, q.Body); err != nil {
		t.Errorf("%s: reading the body: %v", c.Name, err)
	}
	if n, _ := io.Copy(io.Discard, r); n != 0 {
		t.Errorf("%s: %d bytes behind the body", c.Name, n)
	}
}

// check parses all requests, wants them and their names to differ, and the
// second run to equal the first; each sees every case once.
func check(t *testing.T, corpus iter.Seq[Case], each func(Case)) (total int) {
	t.Helper()
	next, stop := iter.Pull(corpus)
	defer stop()
	raws, names := map[string]string{}, map[string]bool{}
	for c := range corpus {
		total++
		each(c)
		parse(t, c)
		if again, ok := next(); !ok || !bytes.Equal(again.Raw, c.Raw) || again.Name != c.Name {
			t.Fatalf("%s differs in the second run:\n%q\n%q", c.Name, c.Raw, again.Raw)
		}
		if other, ok := raws[string(c.Raw)]; ok {
			t.Errorf("%s equals %s", c.Name, other)
		}
		raws[string(c.Raw)] = c.Name
		if names[c.Name] {
			t.Errorf("two requests are called %s", c.Name)
		}
		names[c.Name] = true
		if t.Failed() && total > 5000 {
			t.FailNow()
		}
	}
	return total
}

func TestAttacks(t *testing.T) {
	kinds, encodings, places, protocols := counts{}, counts{}, counts{}, counts{}
	total := check(t, Attacks(), func(c Case) {
		kinds[c.Type]++
		encodings[c.Encoding]++
		places[c.Place]++
		protocols[c.Protocol]++
	})
	kinds.log(t, "type")
	encodings.log(t, "encoding")
	places.log(t, "place")
	protocols.log(t, "protocol")
	t.Logf("%d attacks", total)
	if total < 3500 || len(kinds) != len(attackTypes) || len(encodings) < 15 || len(places) < 30 {
		t.Errorf("the corpus has shrunk: %d attacks of %d types, %d encodings, %d places", total, len(kinds), len(encodings), len(places))
	}
	for _, kind := range attackTypes {
		if n := len(readSeeds(kind)); n < 12 {
			t.Errorf("%s has %d seeds", kind, n)
		}
	}
}

func TestMassAssignments(t *testing.T) {
	total := check(t, MassAssignments(), func(Case) {})
	t.Logf("%d requests", total)
	if total < 100 {
		t.Errorf("the corpus has shrunk to %d requests", total)
	}
}
