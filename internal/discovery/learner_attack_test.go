package discovery

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

var full = flag.Bool("full", false, "play the attacks with a million inventions and list fifty thousand operations")

// heap is what the learner keeps, in bytes.
func heap(l *Learner) int {
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(l)
	return int(after.HeapAlloc)
}

// TestInventionsAreBounded lets attackers invent names of every kind, all of them
// answered well.
func TestInventionsAreBounded(t *testing.T) {
	calls := 3000
	if *full {
		calls = 1_000_000
	}
	attacks := map[string]func(i int) *Observation{
		"paths": func(i int) *Observation { return get(fmt.Sprintf("/%x/qz%dw", i%97, i), i/1000) },
		"words": func(i int) *Observation { return get("/"+word(i)+"/"+word(i/26), i/1000) },
		"deep paths": func(i int) *Observation {
			return get("/a"+strings.Repeat("/"+word(i), 30), i/1000)
		},
		"hosts": func(i int) *Observation {
			o := get("/orders", i/1000)
			o.Host = word(i) + ".example.com"
			return o
		},
		"hosts of an API": func(i int) *Observation {
			o := get("/orders", i/1000)
			o.Host, o.API = word(i)+".example.com", "shop/orders"
			return o
		},
		"parameters": func(i int) *Observation { return get("/orders?"+word(i)+"=1", i/1000) },
		"headers": func(i int) *Observation {
			o := get("/orders", i/1000)
			h := traffic.NewHeader(traffic.Field{Name: "x-" + word(i), Value: "1"})
			o.Request.Header = &h
			return o
		},
		"fields": func(i int) *Observation {
			o := get("/graphql", i/1000)
			h := traffic.NewHeader(traffic.Field{Name: "content-type", Value: "application/json"})
			o.Method, o.Request = "POST", Message{Header: &h, Body: []byte(`{"query":"{ ` + word(i) + ` }"}`)}
			o.Response.Body = []byte(`{"data":{}}`)
			return o
		},
		"members": func(i int) *Observation {
			o := get("/orders", i/1000)
			o.Response.Body = []byte(`{"` + word(i) + `":{"` + word(i) + `":1}}`)
			return o
		},
		"callers": func(i int) *Observation {
			o := get("/orders", i/1000)
			o.Caller = Caller{ClientID: word(i), Subject: word(i)}
			return o
		},
		"addresses": func(i int) *Observation {
			o := get("/orders/"+word(i), i/1000)
			var a [16]byte
			a[0] = 0x20
			binary.BigEndian.PutUint32(a[2:], uint32(i))
			o.Caller.Address = netip.AddrFrom16(a)
			return o
		},
		"methods": func(i int) *Observation {
			o := get("/orders", i/1000)
			o.Method = strings.ToUpper(word(i))
			return o
		},
		"versions": func(i int) *Observation {
			o := get("/orders", i/1000)
			h := traffic.NewHeader(traffic.Field{Name: "api-version", Value: fmt.Sprint(i)})
			o.Request.Header = &h
			return o
		},
		"statuses": func(i int) *Observation {
			o := get("/orders", i/1000)
			o.Status = 200 + i%700
			return o
		},
		"edges": func(i int) *Observation { return nil },
	}
	for name, invent := range attacks {
		t.Run(name, func(t *testing.T) {
			l := learner(t, nil)
			before := heap(l)
			for i := range calls {
				o := invent(i)
				if o == nil {
					l.Edge(Edge{From: word(i), To: word(i + 1), Requests: 1})
					continue
				}
				l.Observe(o)
			}
			s := l.Stats()
			grown := heap(l) - before
			t.Logf("%d calls: %d operations, %d candidates, %d hosts, %d kB", calls, s.Operations, s.Candidates, s.Hosts, grown>>10)
			if s.Candidates > MaxCandidates || s.Hosts > MaxHosts || grown > 110<<20 {
				t.Error("it is not bounded")
			}
			runtime.KeepAlive(l)
		})
	}
}

// word is a different text for each number.
func word(i int) string {
	var b [16]byte
	n := 0
	for i += 26 * 26 * 26; i > 0; i /= 26 {
		b[n] = 'a' + byte(i%26)
		n++
	}
	return string(b[:n]) + "q"
}

// TestOneSourceCannotPushOthersOut fills the candidates from one source.
func TestOneSourceCannotPushOthersOut(t *testing.T) {
	l := learner(t, func(o *Options) { o.Limits.Candidates = 500 })
	for i := range 50 {
		l.Observe(get("/honest/"+word(i), 0))
	}
	for i := range 5000 {
		o := get("/attack/"+word(i)+"/"+word(i*7), 0)
		o.Caller.Address = netip.MustParseAddr("203.0.113.66")
		l.Observe(o)
	}
	for m := 1; m < 3; m++ {
		for i := range 50 {
			l.Observe(get("/honest/"+word(i), m))
		}
	}
	if got := len(listed(t, l)); got != 1 && got != 50 {
		t.Errorf("%d operations are listed", got)
	}
	if why := l.Explain("GET", "api.example.com", "/attack/"+word(1)+"/"+word(7)); len(why.Reasons) == 0 {
		t.Error("no reason")
	}
}

// TestServerThatAnswersEverything must not fill the inventory.
func TestServerThatAnswersEverything(t *testing.T) {
	l := learner(t, nil)
	for m := range 4 {
		for _, path := range []string{"/.env", "/.git/config", "/wp-login.php", "/phpmyadmin/index.php", "/backup.sql"} {
			o := get(path, m)
			o.Response.Body = []byte("<html>welcome</html>")
			o.Caller.Address = netip.MustParseAddr("203.0.113.66")
			l.Observe(o)
		}
		for i := range 100 {
			o := get("/"+word(i), m)
			o.Response.Body = []byte("<html>welcome</html>")
			o.Caller.Address = netip.MustParseAddr("203.0.113.66")
			l.Observe(o)
		}
		l.Observe(get("/orders", m))
		o := get("/orders", m)
		o.Caller.Address = netip.MustParseAddr("192.0.2.1")
		l.Observe(o)
	}
	want(t, l, "GET /orders")
	if why := l.Explain("GET", "api.example.com", "/"+word(3)); !strings.Contains(why.Reasons[0], "as if they existed") {
		t.Errorf("%+v", why)
	}
}

func BenchmarkObserveKnown(b *testing.B) {
	l := learner(b, nil)
	all := make([]*Observation, 1000)
	for i := range all {
		o := get(fmt.Sprintf("/v1/shops/%d/orders/550e8400-e29b-41d4-a716-4466554%05d", i, i), i%3)
		o.Sampled = true
		l.Observe(o)
		all[i] = o
	}
	for _, o := range all {
		o.Sampled, o.Request.Header, o.Response.Header = false, nil, nil
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		l.Observe(all[i%len(all)])
	}
}

func BenchmarkObserveSampled(b *testing.B) {
	l := learner(b, nil)
	var body strings.Builder
	body.WriteString(`{"id":123456,"customer":{"name":"Ada Example","email":"ada@example.com"},"lines":[`)
	for i := range 8 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"sku":"AB-%d","quantity":%d,"price":12.5,"note":"leave at the door"}`, 1000+i, i)
	}
	body.WriteString(`],"created":"2026-03-02T08:00:00Z","status":"open","total":99.5,"paid":true}`)
	all := make([]*Observation, 100)
	for i := range all {
		o := get(fmt.Sprintf("/v1/orders/%d?limit=%d&expand=lines", 1000+i, i), i%3)
		h := traffic.NewHeader(traffic.Field{Name: "content-type", Value: "application/json"}, traffic.Field{Name: "authorization", Value: "Bearer abc"},
			traffic.Field{Name: "user-agent", Value: "x/1"}, traffic.Field{Name: "x-tenant", Value: "t1"})
		o.Method = "POST"
		o.Request = Message{Header: &h, Body: []byte(body.String())}
		o.Response.Body = []byte(body.String())
		all[i] = o
	}
	b.ReportAllocs()
	b.SetBytes(int64(2 * body.Len()))
	b.ResetTimer()
	for i := range b.N {
		l.Observe(all[i%len(all)])
	}
}

// TestMemoryOfManyOperations lists fifty thousand of them.
func TestMemoryOfManyOperations(t *testing.T) {
	n := 4000
	if *full {
		n = 50_000
	}
	store := newShelf()
	l := learner(t, func(o *Options) { o.Details = store })
	before := heap(l)
	for i := range n {
		for m := range 3 {
			o := get(fmt.Sprintf("/%s/%s/items/%d?limit=3&offset=%d", nouns[i%len(nouns)], nouns[i/len(nouns)%len(nouns)]+verbs[i/len(nouns)/len(nouns)%len(verbs)], i, m), m)
			o.Host = fmt.Sprintf("h%d.example.com", i%100)
			o.Time = o.Time.Add(time.Duration(i) * time.Millisecond)
			l.Observe(o)
		}
		if i%500 == 0 {
			store.save(l.Take(100_000))
		}
	}
	store.save(l.Take(100_000))
	l.Take(0)
	store.measure = true
	s := l.Stats()
	grown := heap(l) - before - store.bytes()
	t.Logf("%d operations, %d hot, %d candidates: %d MB", s.Operations, s.Hot, s.Candidates, grown>>20)
	if s.Operations < n*9/10 || grown > 150<<20 || s.Hot > HotOperations {
		t.Errorf("%+v: %d MB", s, grown>>20)
	}
	runtime.KeepAlive(l)
}
