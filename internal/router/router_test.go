package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/tlsoutbound"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// counted is a compiled policy that shows its state and how often it was compiled.
type counted struct {
	settings string
	binds    *[]bindingState
}

type bindingState struct {
	api, binding, settings string
	state                  *int
	compiled               *counted
}

func (c *counted) Bind(env policy.Env) (policy.Step, error) {
	state := env.State("counter", func() any { return new(int) }).(*int)
	*c.binds = append(*c.binds, bindingState{env.API, env.Binding, c.settings, state, c})
	return policy.Step{}, nil
}

type bench struct {
	t        *testing.T
	o        Options
	compiles int
	binds    []bindingState
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t}
	catalogue, err := policy.NewCatalogue([]policy.Policy{{
		Name: "count", Title: "Count", Category: "Test", Phase: policy.Meter,
		Schema: []byte(`{"type": "object", "additionalProperties": false, "properties": {"limit": {"type": "integer"}, "secret": {"type": "string"}}}`),
		Compile: func(settings json.RawMessage) (policy.Compiled, error) {
			if strings.Contains(string(settings), "13") {
				return nil, errors.New("limit: 13 brings bad luck")
			}
			b.compiles++
			return &counted{string(settings), &b.binds}, nil
		},
	}, tlsoutbound.Policy()})
	if err != nil {
		t.Fatal(err)
	}
	b.o = Options{
		Catalogue: catalogue, Now: time.Now, Log: slog.New(slog.DiscardHandler), Runtime: &policy.Runtime{Now: time.Now},
		Expand: func(s string) (string, error) {
			switch s {
			case "$SECRET":
				return "hunter2", nil
			case "$MISSING":
				return "", errors.New("environment variable MISSING is not set")
			}
			return s, nil
		},
	}
	return b
}

func name(n string) revision.Name { return revision.Name{Namespace: "default", Name: n} }

// api is an API with one catch-all route to the service "service".
func api(basePath string, routes ...revision.Route) revision.API {
	if routes == nil {
		routes = []revision.Route{{Targets: []revision.Target{{Service: name("service")}}}}
	}
	return revision.API{
		Name: name("api" + strings.ReplaceAll(basePath, "/", "-")), Scheme: "http", Host: "0.0.0.0", Port: 8081, BasePath: basePath,
		Routes: routes, Source: revision.Source{File: "api.yaml", Line: 5},
	}
}

func rev(apis ...revision.API) *revision.Revision {
	return &revision.Revision{Number: 1, APIs: apis, Services: []revision.Service{
		{Name: name("service"), Address: "http://service:8080", Source: revision.Source{File: "service.yaml", Line: 2}},
	}}
}

func (b *bench) compile(r *revision.Revision) *Table {
	b.t.Helper()
	table, err := Compile(r, b.o)
	if err != nil {
		b.t.Fatal(err)
	}
	return table
}

// find routes a path as the gateway does.
func find(t *Table, x *traffic.Exchange) (*Target, string) {
	api, sub := t.Listeners["0.0.0.0:8081"].Find(x.Request.Path)
	if api == nil {
		return nil, ""
	}
	x.SubPath = sub
	return api.Route(x)
}

func request(method, path string, fields ...string) *traffic.Exchange {
	x := &traffic.Exchange{}
	x.Request.Method, x.Request.Path, x.Request.Host = method, path, "api.example.com"
	for i := 0; i < len(fields); i += 2 {
		x.Request.Header.Add(fields[i], fields[i+1])
	}
	return x
}

func TestPathRewriting(t *testing.T) {
	cases := []struct{ base, rule, address, destination, path, want string }{
		{"", "/api(/.*)", "http://s", "/orders", "/api/foo/bar", "/orders/foo/bar"},
		{"/api", "/foo(/.*)", "http://s", "", "/api/foo/bar", "/bar"},
		{"/api", "/foo/.*", "http://s", "", "/api/foo/bar", "/foo/bar"},
		{"/api", "", "http://s", "/v1", "/api/x", "/v1/x"},
		{"/api", "", "http://s", "", "/api", "/"},
		{"/api", "", "http://s/base", "", "/api", "/base/"},
		{"/api", "", "http://s/base/", "v1", "/api/x", "/base/v1/x"},
		{"/api", "", "http://s", "/v1/", "/api/x", "/v1/x"},
		{"", "(/.*)", "http://s", "/posts/", "/a", "/posts/a"},
		{"", "/a(/.*)?", "http://s", "/v1", "/a", "/v1"},
		{"", "/(a)/x/(.*)", "http://s", "", "/a/x/c", "/ac"},
		{"", "(/)x(/.*)", "http://s", "", "/x/a", "/a"},
		{"", "/to/(.*)", "http://s", "", "/to/http:/other/a", "/http:/other/a"},
		{"", "/(a)/x/(.*)", "http://s", "/v1", "/a/x/c", "/v1/ac"},
		{"/api", "/foo(/.*)", "http://s", "", "/api/bar", "-"},
		{"/api", "/foo(/.*)", "http://s", "", "/apis/foo/bar", "-"},
		{"/api", "/foo(/.*)", "http://s", "", "/api/foo", "-"},
		{"/api", "/foo.*", "http://s", "", "/api/foo", "/foo"},
		{"/api", "/foo", "http://s", "", "/api/foo/bar", "-"},
	}
	for _, c := range cases {
		one := revision.Route{Targets: []revision.Target{{Service: name("service"), DestinationPath: c.destination}}}
		if c.rule != "" {
			one.Rules = []revision.Rule{{Path: c.rule}}
		}
		r := rev(api(c.base, one))
		r.Services[0].Address = c.address
		got := "-"
		if target, path := find(newBench(t).compile(r), request("GET", c.path)); target != nil {
			got = path
		}
		if got != c.want {
			t.Errorf("%s behind %q, rule %q, to %s%s: %q, want %q", c.path, c.base, c.rule, c.address, c.destination, got, c.want)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestRules(t *testing.T) {
	cases := []struct {
		rules []revision.Rule
		x     *traffic.Exchange
		want  bool
	}{
		{nil, request("GET", "/"), true},
		{[]revision.Rule{{}}, request("GET", "/"), true},
		{[]revision.Rule{{Methods: "GET|POST"}}, request("POST", "/"), true},
		{[]revision.Rule{{Methods: "GET|POST"}}, request("PUT", "/"), false},
		{[]revision.Rule{{Methods: "GET"}}, request("GETS", "/"), false},
		{[]revision.Rule{{Host: `.*\.example\.com`}}, request("GET", "/"), true},
		{[]revision.Rule{{Host: `example\.com`}}, request("GET", "/"), false},
		{[]revision.Rule{{Headers: map[string]string{"X-Beta": "true"}}}, request("GET", "/", "x-beta", "true"), true},
		{[]revision.Rule{{Headers: map[string]string{"X-Beta": "true"}}}, request("GET", "/", "x-beta", "trueish"), false},
		{[]revision.Rule{{Headers: map[string]string{"X-Beta": ".*"}}}, request("GET", "/"), false},
		{[]revision.Rule{{Headers: map[string]string{"a": "1", "b": "2"}}}, request("GET", "/", "a", "1"), false},
		{[]revision.Rule{{Headers: map[string]string{"a": "1", "b": "2"}}}, request("GET", "/", "a", "1", "b", "2"), true},
		{[]revision.Rule{{Path: "/a", Methods: "PUT"}, {Path: "/a"}}, request("GET", "/a"), true},
		{[]revision.Rule{{Path: "/a", Methods: "PUT"}, {Path: "/b"}}, request("GET", "/a"), false},
		{[]revision.Rule{{Path: "/a.*"}}, request("GET", "/a\nb"), false},
	}
	for _, c := range cases {
		target, _ := find(newBench(t).compile(rev(api("", revision.Route{Rules: c.rules, Targets: []revision.Target{{Service: name("service")}}}))), c.x)
		if got := target != nil; got != c.want {
			t.Errorf("%+v and %s %s: %t", c.rules, c.x.Request.Method, c.x.Request.Path, got)
		}
	}
	t.Logf("%d cases", len(cases))
}

func TestLongestBasePathWins(t *testing.T) {
	table := newBench(t).compile(rev(api("/cats"), api(""), api("/cats/dogs")))
	for path, want := range map[string]string{"/cats": "/cats", "/cats/dogs/1": "/cats/dogs", "/cats/dogsled": "/cats", "/catsup": "", "/": ""} {
		if found, _ := table.Listeners["0.0.0.0:8081"].Find(path); found == nil || found.BasePath != want {
			t.Errorf("%s goes to %+v, want %q", path, found, want)
		}
	}
}

func TestWeights(t *testing.T) {
	r := rev(api("", revision.Route{Targets: []revision.Target{
		{Service: name("service"), Weight: 75}, {Service: name("other"), Weight: 25},
	}}))
	r.Services = append(r.Services, revision.Service{Name: name("other"), Address: "http://other"})
	table := newBench(t).compile(r)
	const requests = 10_000
	other := 0
	for range requests {
		if target, _ := find(table, request("GET", "/")); target.Upstream.Name == "default/other" {
			other++
		}
	}
	// Five standard deviations of a binomial distribution are 217.
	if other < requests/4-217 || other > requests/4+217 {
		t.Errorf("%d of %d requests went to a target of a quarter's weight", other, requests)
	}
}

func bindings(settings ...string) []revision.Binding {
	var list []revision.Binding
	for i, one := range settings {
		list = append(list, revision.Binding{
			Name: name(fmt.Sprint("binding-", i)), Policy: "count", Settings: json.RawMessage(one),
			Source: revision.Source{File: "policy.yaml", Line: 10 + i},
		})
	}
	return list
}

func TestStateIsCarriedOver(t *testing.T) {
	b := newBench(t)
	first := api("")
	first.Policies = bindings(`{"limit": 1}`, `{"limit": 2}`)
	b.o.Previous = b.compile(rev(first))
	before := b.binds
	b.binds = nil
	second := api("")
	second.Policies = bindings(`{"limit":1}`, `{"limit": 3}`) // the first is the same in other words
	other := api("/other")
	other.Policies = bindings(`{"limit": 1}`)
	b.compile(rev(second, other))
	if len(before) != 2 || len(b.binds) != 3 {
		t.Fatalf("%d and %d bindings", len(before), len(b.binds))
	}
	if b.binds[0].state != before[0].state {
		t.Error("equal settings begin anew")
	}
	if b.binds[1].state == before[1].state {
		t.Error("other settings took over the state")
	}
	if b.binds[2].state == before[0].state {
		t.Error("another API took over the state")
	}
}

func TestEqualSettingsCompileOnce(t *testing.T) {
	b := newBench(t)
	one := api("")
	one.Policies = bindings(`{"limit": 1}`, `{ "limit":1 }`, `{"limit": 2}`)
	b.o.Previous = b.compile(rev(one))
	if b.compiles != 2 || b.binds[0].compiled != b.binds[1].compiled || b.binds[0].state == b.binds[1].state {
		t.Errorf("compiled %d times for two settings", b.compiles)
	}
	b.compile(rev(one))
	if b.compiles != 2 {
		t.Errorf("compiled again for the next revision: %d times", b.compiles)
	}
}

func TestConnectionsAreCarriedOver(t *testing.T) {
	b := newBench(t)
	before := b.compile(rev(api("")))
	b.o.Previous = before
	transport := func(table *Table) http.RoundTripper {
		target, _ := find(table, request("GET", "/"))
		return target.Upstream.Transport(0)
	}
	if transport(b.compile(rev(api("")))) != transport(before) {
		t.Error("an unchanged service lost its connections")
	}
	changed := rev(api(""))
	changed.Settings.Timeouts.UpstreamResponseSeconds = 1
	if transport(b.compile(changed)) == transport(before) {
		t.Error("other timeouts did not reach the service")
	}
}

func TestProblemsNameTheirPlace(t *testing.T) {
	bind := func(settings string) func(*revision.Revision) {
		return func(r *revision.Revision) { r.APIs[0].Policies = bindings(`{"limit": 1}`, settings) }
	}
	cases := []struct {
		change func(*revision.Revision)
		want   string
	}{
		{bind(`{"limit": 13}`), "policy.yaml:11: default/api: policy count: limit: 13 brings bad luck"},
		{bind(`{"limit": "x"}`), "policy.yaml:11: default/api: policy count: field limit: must be integer"},
		{bind(`{"secret": "$MISSING"}`), "policy.yaml:11: default/api: policy count: "},
		{func(r *revision.Revision) {
			r.APIs[0].Policies = bindings(`{}`)
			r.APIs[0].Policies[0].Policy = "unheard-of"
		}, "policy.yaml:10: default/api: policy unheard-of: it is not in the catalogue"},
		{func(r *revision.Revision) {
			r.APIs[0].Policies = bindings(`{}`)
			r.APIs[0].Policies[0].Rules = []revision.Rule{{}, {Path: "("}}
		}, "policy.yaml:10: default/api: policy count: rule 2: path: expression"},
		{func(r *revision.Revision) { r.APIs[0].Routes[0].Targets[0].Service = name("nobody") }, "api.yaml:5: API default/api: route 1: there is no service default/nobody"},
		{func(r *revision.Revision) { r.APIs[0].Routes[0].Targets = nil }, "api.yaml:5: API default/api: route 1: it has no target"},
		{func(r *revision.Revision) { r.APIs[0].Routes[0].Rules = []revision.Rule{{Methods: "["}} }, "api.yaml:5: API default/api: route 1: rule 1: methods:"},
		{func(r *revision.Revision) { r.APIs[0].Clients = []revision.Client{{ID: "a", Secret: "$MISSING"}} }, "api.yaml:5: API default/api: client a: environment variable MISSING"},
		{func(r *revision.Revision) { r.Services[0].Address = "ftp://service" }, `service.yaml:2: service default/service: address "ftp://service": the scheme`},
	}
	for _, c := range cases {
		r := rev(api(""))
		c.change(r)
		_, err := Compile(r, newBench(t).o)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
	all := rev(api(""))
	all.APIs[0].Policies = bindings(`{"limit": 13}`, `{"limit": "x"}`)
	if _, err := Compile(all, newBench(t).o); err == nil || strings.Count(err.Error(), "policy.yaml:") != 2 {
		t.Errorf("not all problems are told: %v", err)
	}
	t.Logf("%d cases", len(cases)+1)
}

func TestProblemsHoldNoSecret(t *testing.T) {
	r := rev(api(""))
	r.APIs[0].Policies = bindings(`{"secret": "$SECRET", "limit": 13}`)
	if _, err := Compile(r, newBench(t).o); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}
