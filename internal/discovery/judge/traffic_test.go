package judge_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// traffic makes learned operations of described ones.
type traffic struct {
	*rand.Rand
	look *discovery.Looker
}

func newTraffic(seed uint64) *traffic {
	return &traffic{rand.New(rand.NewPCG(seed, 1)), discovery.NewLooker(nil, [32]byte{})}
}

func (t *traffic) scalar(p prop) any {
	switch {
	case p.enum != nil:
		return p.enum[t.IntN(len(p.enum))]
	case p.format == "date":
		return fmt.Sprintf("20%02d-%02d-%02d", t.IntN(30), 1+t.IntN(12), 1+t.IntN(28))
	case p.format == "uuid":
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", t.Uint32(), t.IntN(1<<16), t.IntN(1<<12), t.IntN(1<<12), t.Uint64()&(1<<48-1))
	}
	switch p.typ {
	case "integer":
		return t.IntN(100000)
	case "number":
		return float64(t.IntN(100000)) + 0.25
	case "boolean":
		return t.IntN(2) == 0
	}
	return fmt.Sprintf("some text %d of it", t.IntN(1000000))
}

// value is a value as described; what is optional is there more often than not, and
// always in the first call.
func (t *traffic) value(p prop, request bool, call int) any {
	switch p.typ {
	case "array":
		return []any{t.value(*p.items, request, call), t.value(*p.items, request, call)}
	case "object":
		out := map[string]any{}
		for _, q := range p.props {
			if request && q.readOnly || !request && q.writeOnly || !q.required && call > 0 && t.IntN(4) == 0 {
				continue
			}
			out[q.name] = t.value(q, request, call)
		}
		if p.keyed {
			for range 3 {
				out[fmt.Sprintf("key%d", t.IntN(1000))] = "text"
			}
		}
		if p.open {
			out["anything"] = 1
		}
		return out
	}
	return t.scalar(p)
}

func (t *traffic) body(p *prop, status int, calls int) *discovery.Body {
	b := &discovery.Body{Status: status, Media: "application/json", Count: uint64(calls), Read: uint64(calls), Schema: &discovery.Schema{}}
	for call := range calls {
		t.observe(b, t.value(*p, status == 0, call))
	}
	return b
}

func (t *traffic) observe(b *discovery.Body, value any) {
	text, err := json.Marshal(value)
	if err == nil {
		err = b.Schema.ObserveJSON(t.look, sensitive.Context{}, text, false)
	}
	if err != nil {
		panic(err)
	}
}

func (t *traffic) parameter(in string, p prop, seen int) *discovery.Parameter {
	out := &discovery.Parameter{In: in, Name: p.name}
	for range seen {
		out.Values.Observe(t.look, sensitive.Context{Name: p.name}, fmt.Sprint(t.scalar(p)))
	}
	return out
}

// learned is the operation as traffic of so many calls teaches it: exactly what is
// described.
func (t *traffic) learned(a *api, o *op, calls int) *discovery.Operation {
	n := uint64(calls)
	out := &discovery.Operation{
		Key:      discovery.Key{Host: "api.example.com", Method: o.method, Path: a.base + renamed(o.path)},
		Protocol: discovery.REST, Listed: now.Add(-100 * 24 * time.Hour), By: "traffic",
		First: now.Add(-100 * 24 * time.Hour), Last: now.Add(-time.Hour),
		Requests: n, Good: n, Sampled: n, Statuses: map[int]uint64{200: n},
		Sources:        map[discovery.Source]uint64{discovery.FromGateway: n},
		Authentication: map[discovery.Authentication]uint64{discovery.NoAuthentication: n},
		Exposure:       map[discovery.Exposure]uint64{discovery.Internal: n},
	}
	if o.secured {
		out.Authentication = map[discovery.Authentication]uint64{discovery.JWTBearer: n}
	}
	for i, name := range templates(out.Path) {
		out.Parameters = append(out.Parameters, t.parameter("path", prop{name: name, typ: []string{"integer", "string"}[i%2]}, calls))
	}
	for _, list := range []struct {
		in  string
		all []prop
	}{{"query", o.query}, {"header", o.head}, {"cookie", o.cookies}} {
		for _, p := range list.all {
			seen := calls
			if !p.required {
				seen = 1 + calls/2
			}
			out.Parameters = append(out.Parameters, t.parameter(list.in, p, seen))
		}
	}
	out.Parameters = append(out.Parameters, t.parameter("header", prop{name: "user-agent", typ: "string"}, calls), t.parameter("header", prop{name: "x-request-id", typ: "string"}, calls))
	if o.request != nil {
		out.Bodies = append(out.Bodies, t.body(o.request, 0, calls))
	}
	if o.reply != nil {
		out.Answers = append(out.Answers, t.body(o.reply, 200, calls))
	}
	return out
}

// renamed gives templates other names, as a learner would.
func renamed(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			segments[i] = fmt.Sprintf("{%sId}", strings.TrimSuffix(segments[i-1], "s"))
		}
	}
	return strings.Join(segments, "/")
}

var nouns = strings.Fields("orders items customers invoices accounts products carts shipments reviews payments tickets stores brands tags vendors quotes claims policies members groups")

// plain makes an API that has a bit of everything.
func (t *traffic) plain(title string, ops int) *api {
	a := &api{title: title, version: "1.0", base: fmt.Sprintf("/%s/v1", strings.ToLower(strings.ReplaceAll(title, " ", "-")))}
	for i := range ops {
		noun := nouns[i%len(nouns)]
		if i >= len(nouns) {
			noun += fmt.Sprint(i / len(nouns))
		}
		o := &op{method: "GET", path: "/" + noun, statuses: []int{200, 404}}
		switch i % 4 {
		case 1:
			o.path += "/{id}"
		case 2:
			o.path += "/{id}/lines"
			o.method = "POST"
		case 3:
			o.method, o.path = "PUT", o.path+"/{id}/lines/{line}"
		}
		o.query = []prop{{name: "limit", typ: "integer"}, {name: "state", typ: "string", enum: []string{"open", "closed"}}, {name: "since", typ: "string", required: i%3 == 0}}
		o.head = []prop{{name: "X-Tenant", typ: "string", required: i%2 == 0}}
		o.secured, o.openFor = i%3 == 1, i%3 == 2
		o.reply = &prop{typ: "object", props: []prop{
			{name: "id", typ: "integer", required: true},
			{name: "total", typ: "number", required: true},
			{name: "note", typ: "string"},
			{name: "when", typ: "string", format: "date"},
			{name: "lines", typ: "array", items: &prop{typ: "object", props: []prop{{name: "sku", typ: "string", required: true}, {name: "count", typ: "integer"}}}},
			{name: "labels", typ: "object", keyed: true},
			{name: "extra", typ: "object"},
		}}
		if o.method != "GET" {
			o.request = &prop{typ: "object", props: []prop{
				{name: "sku", typ: "string", required: true},
				{name: "count", typ: "integer", required: true},
				{name: "express", typ: "boolean"},
				{name: "address", typ: "object", props: []prop{{name: "street", typ: "string", required: true}, {name: "zip", typ: "string"}}},
			}}
		}
		a.ops = append(a.ops, o)
	}
	return a
}

// texts is a body that was always the same.
func (t *traffic) texts(status int, text string, calls int) *discovery.Body {
	b := &discovery.Body{Status: status, Media: "application/json", Count: uint64(calls), Read: uint64(calls), Schema: &discovery.Schema{}}
	for range calls {
		if err := b.Schema.ObserveJSON(t.look, sensitive.Context{}, []byte(text), false); err != nil {
			panic(err)
		}
	}
	return b
}

// detected is a body of an answer in which sensitive data was looked for.
func (t *traffic) detected(tb testing.TB, text string) *discovery.Body {
	tb.Helper()
	d, err := sensitive.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	t.look = discovery.NewLooker(d, [32]byte{})
	return t.texts(200, text, 50)
}
