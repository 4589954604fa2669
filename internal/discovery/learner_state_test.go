package discovery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	nouns = strings.Fields("orders customers invoices payments products carts users accounts reports messages devices sensors events tickets projects teams groups roles policies contracts tasks boards cards comments files folders images videos tracks albums")
	verbs = append([]string{"", "Lines", "Notes", "Rules", "Jobs", "Keys", "Logs", "Links", "Types", "Prices", "Taxes", "Terms", "Views", "Votes", "Zones", "search", "export", "import", "archive", "approve", "cancel", "refund", "publish", "share"}, strings.Fields("merge split lock unlock rename restore copy move sync validate verify convert compare render preview download upload notify assign release suspend resume retry replay reset revoke rotate renew")...)
)

// shelf is a store in memory: what lies in it is text.
type shelf struct {
	all     map[Key][]byte
	measure bool
	loads   int
}

func newShelf() *shelf { return &shelf{all: make(map[Key][]byte)} }

func (s *shelf) save(ops []*Operation) {
	for _, op := range ops {
		text, err := json.Marshal(op)
		if err != nil {
			panic(err)
		}
		s.all[op.Key] = text
	}
}

func (s *shelf) bytes() int {
	n := 0
	for _, text := range s.all {
		n += len(text) + 300
	}
	return n
}

func (s *shelf) Load(k Key) (*Operation, error) {
	text, ok := s.all[k]
	if !ok {
		return nil, ErrNotKept
	}
	s.loads++
	op := new(Operation)
	return op, json.Unmarshal(text, op)
}

func (s *shelf) drop(keys []Key) {
	for _, k := range keys {
		delete(s.all, k)
	}
}

func (s *shelf) read(t testing.TB) []*Operation {
	t.Helper()
	var all []*Operation
	for k := range s.all {
		op, err := s.Load(k)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, op)
	}
	slices.SortFunc(all, func(a, b *Operation) int { return a.compare(b.Key) })
	return all
}

func inventoryText(t testing.TB, l *Learner) string {
	t.Helper()
	inv, err := l.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, op := range inv.Operations {
		text, err := json.Marshal(op)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

// drive sends the same traffic each time.
func drive(l *Learner, from, to int) {
	for i := from; i < to; i++ {
		noun := nouns[i%len(nouns)]
		l.Observe(get(fmt.Sprintf("/%s/%d?limit=%d", noun, i, i%5), i))
		if i%3 == 0 {
			l.Observe(get("/"+noun+"/"+verbs[1+i%7], i))
		}
		if i%4 == 0 {
			l.Observe(get("/people/"+word(i*31), i))
		}
		if i%5 == 0 {
			o := get("/"+noun, i)
			o.Method, o.Status = "POST", 200+i%2*200
			l.Observe(o)
		}
	}
}

func TestTakeAndRestoreGiveTheSameInventory(t *testing.T) {
	plain := learner(t, nil)
	drive(plain, 0, 600)
	for _, details := range []bool{false, true} {
		store := newShelf()
		with := func(o *Options) {
			if details {
				o.Details, o.Limits.Hot = store, 30
			}
		}
		l := learner(t, with)
		for i := 0; i < 300; i += 10 {
			drive(l, i, i+10)
			store.save(l.Take(1000))
			store.drop(l.Gone())
		}
		again := learner(t, with)
		again.Restore(store.read(t))
		if got, want := inventoryText(t, again), inventoryText(t, l); got != want {
			t.Fatalf("details %v: what was restored differs:\n%s\n%s", details, got, want)
		}
		for i := 300; i < 600; i += 10 {
			drive(again, i, i+10)
			store.save(again.Take(1000))
			store.drop(again.Gone())
		}
		if s := again.Stats(); details && (s.Hot > 60 || store.loads == 0) {
			t.Errorf("%d are hot after %d loads", s.Hot, store.loads)
		}
		if got, want := counts(t, again), counts(t, plain); got != want {
			t.Errorf("details %v: got\n%s\nwant\n%s", details, got, want)
		}
	}
}

// counts writes what must be exact.
func counts(t testing.TB, l *Learner) string {
	t.Helper()
	inv, err := l.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, op := range inv.Operations {
		fmt.Fprintf(&b, "%s %d %d %d %v %v %s %s", op.Key, op.Requests, op.Good, op.Sampled, op.Statuses, op.Days, op.First.Format(time.RFC3339), op.Last.Format(time.RFC3339))
		for _, p := range op.Parameters {
			fmt.Fprintf(&b, " %s %s %d", p.In, p.Name, p.Values.Count)
		}
		for _, a := range op.Answers {
			fmt.Fprintf(&b, " %d %s %d", a.Status, a.Media, a.Count)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestSameObservationsSameInventory(t *testing.T) {
	a, b := learner(t, nil), learner(t, nil)
	drive(a, 0, 500)
	drive(b, 0, 500)
	if inventoryText(t, a) != inventoryText(t, b) {
		t.Error("two learners of the same traffic differ")
	}
}

func TestOrderOfMergingDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(r, "gateways")
		gateways := make([]*Learner, n)
		for i := range gateways {
			gateways[i] = learner(t, func(o *Options) { o.Limits.AcceptRequests, o.Limits.AcceptMinutes = 1, 1 })
		}
		one := learner(t, func(o *Options) { o.Limits.AcceptRequests, o.Limits.AcceptMinutes = 1, 1 })
		for i := range rapid.IntRange(1, 60).Draw(r, "calls") {
			o := get(fmt.Sprintf("/%s/%d", rapid.SampledFrom(nouns[:4]).Draw(r, "noun"), i), rapid.IntRange(0, 5000).Draw(r, "minute"))
			o.Status = rapid.SampledFrom([]int{200, 201, 204, 500, 302}).Draw(r, "status")
			gateways[rapid.IntRange(0, n-1).Draw(r, "gateway")].Observe(o)
			one.Observe(o)
		}
		order := rapid.Permutation(gateways).Draw(r, "order")
		if got, want := merged(t, order), merged(t, gateways); got != want {
			r.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func merged(t testing.TB, all []*Learner) string {
	t.Helper()
	ops := map[Key]*Operation{}
	for _, l := range all {
		inv, err := l.Inventory()
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range inv.Operations {
			if ops[op.Key] == nil {
				ops[op.Key] = op
			} else {
				ops[op.Key].Merge(op)
			}
		}
	}
	var lines []string
	for _, op := range ops {
		lines = append(lines, fmt.Sprint(op.Key, op.Requests, op.Good, op.Sampled, op.Statuses, op.Days, op.Minutes, op.First, op.Last, op.OtherCallers, op.Callers[0].Requests, op.Parameters[0].Values.Count))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestSplitOverGatewaysIsAsOne(t *testing.T) {
	one, a, b := learner(t, nil), learner(t, nil), learner(t, nil)
	for i := range 400 {
		for k, noun := range nouns[:5] {
			o := get(fmt.Sprintf("/%s/%d", noun, i*7+k), i)
			one.Observe(o)
			if i%2 == 0 {
				a.Observe(o)
			} else {
				b.Observe(o)
			}
		}
	}
	x := learner(t, nil)
	x.Restore(b.Take(1000))
	x.Restore(a.Take(1000))
	if got, want := counts(t, x), counts(t, one); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
