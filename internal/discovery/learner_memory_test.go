package discovery

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// rich is a call with five parameters, whose answer has twenty fields.
func rich(i, minute int) *Observation {
	o := get(fmt.Sprintf("/%s/%s/items/%d?limit=%d&offset=%d&sort=name", nouns[i%len(nouns)], nouns[i/len(nouns)%len(nouns)]+verbs[i/len(nouns)/len(nouns)%len(verbs)], i+minute, 10+minute, minute), minute)
	o.Host = fmt.Sprintf("h%d.example.com", i%100)
	o.Time = o.Time.Add(time.Duration(i) * time.Millisecond)
	header := traffic.NewHeader(traffic.Field{Name: "accept", Value: "application/json"}, traffic.Field{Name: "x-tenant", Value: fmt.Sprintf("tenant-%c", 'a'+rune(i%5))})
	o.Request.Header = &header
	var body strings.Builder
	fmt.Fprintf(&body, `{"id":%d,"total":%d.5,"status":"open","created":"2026-03-02T08:00:00Z","paid":true,"customer":{"name":"Ada Example","email":"ada%d@example.com","address":{"street":"Main Street 7","city":"Berlin","zip":"10115"}},"lines":[`, i+minute, i%97, i%50)
	for k := range 3 {
		if k > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"sku":"AB-%d","quantity":%d,"price":12.5,"note":"leave at the door"}`, 1000+i+k, k)
	}
	fmt.Fprintf(&body, `],"kind_%d":"x","currency":"EUR","tags":["new"],"parent":null}`, i%7)
	o.Response.Body = []byte(body.String())
	return o
}

// TestMemoryOfRichOperations lists fifty thousand operations as they are in the field,
// and then calls them all again, most of them out of the store.
func TestMemoryOfRichOperations(t *testing.T) {
	n := 2000
	if *full {
		n = 50_000
	}
	store := newShelf()
	l := learner(t, func(o *Options) { o.Details = store; o.Limits.Hot = min(HotOperations, n/6) })
	before := heap(l)
	for i := range n {
		for m := range 3 {
			l.Observe(rich(i, m))
		}
		if i%200 == 0 {
			store.save(l.Take(100_000))
		}
	}
	store.save(l.Take(100_000))
	l.Take(0)
	s := l.Stats()
	grown := heap(l) - before - store.bytes()
	t.Logf("%d operations, %d hot: %d MB, %d KB of states in the store", s.Operations, s.Hot, grown>>20, store.bytes()/n>>10)
	if s.Operations < n*9/10 || grown > 150<<20 || s.Hot > HotOperations {
		t.Errorf("%+v: %d MB", s, grown>>20)
	}
	store.loads = 0
	calls := make([]*Observation, min(n, 2000))
	for i := range calls {
		calls[i] = rich(i*7919%n, 5)
		calls[i].Sampled, calls[i].Response.Body = false, nil
	}
	began := time.Now()
	for i, o := range calls {
		l.Observe(o)
		if i%200 == 0 {
			store.save(l.Take(100_000))
		}
	}
	t.Logf("%d calls of all operations, counted only: %d loads, %s each with what is written", len(calls), store.loads, (time.Since(began) / time.Duration(len(calls))).Round(time.Microsecond))
	runtime.KeepAlive(l)
}
