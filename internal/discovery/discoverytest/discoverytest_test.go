package discoverytest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	. "farrier.dev/farrier/internal/discovery/discoverytest"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

// chosen is how many descriptions are looked at.
const chosen = 8

func documents(t *testing.T) []Document {
	t.Helper()
	return Choose(t, Choice{Seed: 20, Count: chosen, Operations: 700, Skipped: func(name, reason string) { t.Logf("passed over %s: %.150s", name, reason) }})
}

// print is a sum of an exchange with everything in it.
func print(e *Exchange) string {
	b, err := json.Marshal(e)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestSame holds that the same seed gives the same traffic, another one another,
// and that the two parts are the whole.
func TestSame(t *testing.T) {
	sum := func(seed uint64) (learning, held, all []string) {
		for _, d := range documentsOf(t, seed, 2) {
			for e := range d.Traffic.All() {
				all = append(all, print(&e))
			}
			for e := range d.Traffic.Learning() {
				learning = append(learning, print(&e))
			}
			for e := range d.Traffic.Held() {
				held = append(held, print(&e))
			}
		}
		return learning, held, all
	}
	learning, held, all := sum(3)
	again, _, _ := sum(3)
	other, _, _ := sum(4)
	if !slices.Equal(learning, again) || slices.Equal(learning, other) {
		t.Error("traffic is no function of its seed")
	}
	parts := slices.Sorted(slices.Values(slices.Concat(learning, held)))
	if slices.Sort(all); !slices.Equal(parts, all) {
		t.Errorf("%d and %d exchanges are not the %d of all", len(learning), len(held), len(all))
	}
	if share := float64(len(held)) / float64(len(all)); share < 0.18 || share > 0.22 {
		t.Errorf("%.3f are held back", share)
	}
	t.Logf("%d exchanges", len(all))
}

func documentsOf(t *testing.T, seed uint64, count int) []Document {
	t.Helper()
	return Choose(t, Choice{Seed: seed, Count: count, Operations: 100, Skipped: func(string, string) {}})
}

// TestFaithful holds that good calls are as their descriptions say, reach the
// operation that their mark names, and that what the mark names was really sent.
func TestFaithful(t *testing.T) {
	good, wrong := 0, 0
	complain := func(format string, args ...any) {
		if wrong++; wrong <= 10 {
			t.Errorf(format, args...)
		}
	}
	for _, d := range documents(t) {
		matcher := matcherOf(t, &d)
		for e := range d.Traffic.All() {
			if e.Mark.Class != Good {
				continue
			}
			good++
			path, query, _ := strings.Cut(e.Target, "?")
			found, values, _ := matcher.Match(e.Method, strings.TrimPrefix(path, d.Traffic.Base()), nil)
			switch {
			case found == nil || Key(found.Method, d.Traffic.Base()+found.Path) != Key(e.Mark.Method, e.Mark.Template):
				complain("%s: %s %s does not reach %s", d.Name, e.Method, e.Target, e.Mark.Template)
			case len(values) != len(e.Mark.Segments):
				complain("%s: %s has %d values, %d are told", d.Name, e.Target, len(values), len(e.Mark.Segments))
			case e.Status < 200 || e.Status >= 400:
				complain("%s: %s is answered with %d", d.Name, e.Target, e.Status)
			}
			for _, s := range e.Mark.Sent {
				if !carries(&e, query, s) {
					complain("%s: %s %s: %s %s was not sent: %.300s", d.Name, e.Method, e.Target, s.Place, s.Name, e.Body)
				}
			}
		}
	}
	t.Logf("%d good calls of %d descriptions, %d things wrong", good, chosen, wrong)
	if good < 4_000 {
		t.Error("these are too few")
	}
}

func matcherOf(t *testing.T, d *Document) *spec.Matcher {
	t.Helper()
	seen := map[string]bool{}
	var all []spec.Operation
	for _, op := range d.Description.Operations {
		op.Path, _, _ = strings.Cut(op.Path, "#")
		op.Path, _, _ = strings.Cut(op.Path, "?")
		if key := Key(op.Method, op.Path); !seen[key] {
			seen[key] = true
			all = append(all, op)
		}
	}
	m, err := spec.NewMatcher(all)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func carries(e *Exchange, query string, s Sent) bool {
	switch s.Place {
	case "path":
		return true
	case "query":
		request := httptest.NewRequest(http.MethodGet, "http://x/?"+query, http.NoBody)
		return request.URL.Query().Has(s.Name)
	case "header":
		return e.Header.Values(s.Name) != nil
	case "cookie":
		return strings.Contains(e.Header.Get("Cookie"), s.Name+"=")
	default:
		last := s.Name[strings.LastIndexByte(s.Name, '.')+1:]
		name, err := json.Marshal(last)
		return err == nil && bytes.Contains(e.Body, name[1:len(name)-1])
	}
}

// TestShares holds that traffic consists of what the package says.
func TestShares(t *testing.T) {
	classes, sum, tracking, good := map[Class]int{}, 0, 0, 0
	for _, d := range documents(t) {
		for e := range d.Traffic.All() {
			classes[e.Mark.Class]++
			if sum++; e.Mark.Class == Good {
				good++
				if e.Mark.Tracking {
					tracking++
				}
			}
			if refused := e.Status >= 400; refused && e.Mark.Class == Good || !refused && (e.Mark.Class == Malformed || e.Mark.Class == Scan) {
				t.Fatalf("%s is answered with %d", e.Mark.Class, e.Status)
			}
		}
	}
	t.Logf("%d exchanges: %v, %d with parameters that track", sum, classes, tracking)
	for class, between := range map[Class][2]float64{Malformed: {0.04, 0.06}, Scan: {0.03, 0.05}, Attack: {0.015, 0.025}, Noise: {0.02, 0.04}, Good: {0.75, 0.88}} {
		if share := float64(classes[class]) / float64(sum); share < between[0] || share > between[1] {
			t.Errorf("%s is %.3f of the traffic", class, share)
		}
	}
	if share := float64(tracking) / float64(good); share <= 0.003 || share >= 0.01 {
		t.Errorf("%.4f of the good calls track", share)
	}
}

// TestPerfect holds that an inventory which is the truth has full scores, and
// each fault of one costs what it must.
func TestPerfect(t *testing.T) {
	for _, d := range documentsOf(t, 9, 4) {
		truth := d.Traffic.TruthOf(d.Traffic.Learning())
		perfect := inventory(truth)
		s := Compare(perfect, truth)
		for what, r := range map[string]Ratio{"precision": Identified(s.Precision), "recall": Identified(s.Recall), "parameters": Carrying(s.Parameters), "types": Carrying(s.Types), "answers": s.Answered} {
			if r.Hits != r.Of {
				t.Errorf("%s: %s is %s\n%s", d.Name, what, r, strings.Join(s.Failures[:min(5, len(s.Failures))], "\n"))
			}
		}
		if s.Invented.Hits > 0 {
			t.Errorf("%s: %s parameters were invented", d.Name, s.Invented)
		}
		worse := append(slices.Clone(perfect[1:]), Learned{Host: truth.Host, Method: "GET", Template: truth.Base + "/not/there/{at}/all"}, Learned{Host: truth.Host, Method: "GET", Template: truth.Base + HealthPath})
		bad := Compare(worse, truth)
		if got, want := Identified(bad.Precision).Of-Identified(bad.Precision).Hits, 1; got != want {
			t.Errorf("%s: %d wrong operations, not %d", d.Name, got, want)
		}
		missed := 0
		for _, g := range Groups() {
			missed += bad.Recall[g].Of - bad.Recall[g].Hits
		}
		if missed != 1 {
			t.Errorf("%s: %d missed operations, not 1", d.Name, missed)
		}
	}
}

// inventory is the truth as it would be learned without any fault.
func inventory(truth *Truth) []Learned {
	var all []Learned
	for _, key := range slices.Sorted(maps.Keys(truth.Operations)) {
		called := truth.Operations[key]
		if called.Good < Least {
			continue
		}
		all = append(all, Learned{
			Host: truth.Host, Method: called.Method, Template: called.Template, Requests: called.Calls,
			Parameters: parameters(called.Parameters), Answered: parameters(called.Answered),
		})
	}
	return all
}

func parameters(all map[Name]*Carried) []Parameter {
	var out []Parameter
	for name, c := range all {
		out = append(out, Parameter{Place: name.Place, Name: name.Name, Types: slices.Sorted(maps.Keys(c.Declared))})
	}
	return out
}

// TestTypes holds which learned types are right.
func TestTypes(t *testing.T) {
	for i, c := range []struct {
		place, declared, shown string
		several                int
		oneText                bool
		learned                []string
		right                  bool
	}{
		{"query", "string", "integer", 0, false, []string{"integer"}, true},
		{"query", "string", "integer", 0, false, []string{"string"}, true},
		{"query", "string", "string", 0, false, []string{"integer"}, false},
		{"query", "string", "integer", 0, false, []string{"boolean"}, false},
		{"query", "integer", "integer", 0, false, []string{"string"}, false},
		{"query", "integer", "integer", 0, false, []string{"number"}, false},
		{"query", "number", "integer", 0, false, []string{"integer"}, true},
		{"query", "number", "number", 0, false, []string{"integer"}, false},
		{"query", "boolean", "boolean", 0, false, []string{"string"}, false},
		{"query", "array", "string", 5, false, []string{"string"}, false},
		{"query", "array", "string", 2, false, []string{"string"}, true},
		{"query", "array", "integer", 2, false, []string{"integer"}, true},
		{"query", "array", "integer", 2, false, []string{"string"}, false},
		{"query", "object", "string", 2, true, []string{"string"}, true},
		{"body", "string", "string", 0, false, []string{"integer"}, false},
		{"body", "string", "string", 0, false, []string{"string", "null"}, true},
		{"body", "string", "string", 0, false, []string{"string", "integer"}, false},
		{"body", "string", "string", 0, false, nil, false},
	} {
		name := Name{c.place, "p"}
		truth := &Truth{Host: "h", Operations: map[string]*Called{"GET /a": {
			Method: "GET", Template: "/a", Group: Fixed, Calls: 9, Good: 9,
			Parameters: map[Name]*Carried{name: {Calls: 9, Several: c.several, OneText: c.oneText, Declared: map[string]int{c.declared: 9}, Shown: map[string]int{c.shown: 9}}},
		}}}
		s := Compare([]Learned{{Host: "h", Method: "GET", Template: "/a/", Parameters: []Parameter{{c.place, "p", c.learned}}}}, truth)
		if got := s.Types[c.place].Hits == 1; got != c.right {
			t.Errorf("case %d: %+v is right: %v", i, c, got)
		}
	}
}

// TestBase holds that the base path is one that arrives as it was sent.
func TestBase(t *testing.T) {
	d, err := openapi.Parse([]byte(`{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "servers": [{"url": "https://a.example//api//v1/"}],
		"paths": {"/orders": {"get": {"responses": {"200": {"description": "fine"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := Generate(d, Options{Requests: 50})
	if err != nil {
		t.Fatal(err)
	}
	if traffic.Base() != "/api/v1" || traffic.TruthOf(traffic.All()).Operations["GET /api/v1/orders"].Good < 30 {
		t.Errorf("the base path is %q", traffic.Base())
	}
}

// TestMaps holds that members of maps, whose names are data, are no parameters, and
// described ones are.
func TestMaps(t *testing.T) {
	d, err := openapi.Parse([]byte(`{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/pages": {"get": {"parameters": [
		{"name": "headers", "in": "query", "required": true, "style": "deepObject", "schema": {"type": "object", "additionalProperties": {"type": "string"}}},
		{"name": "filter", "in": "query", "required": true, "style": "deepObject", "schema": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}}}],
		"responses": {"200": {"description": "fine"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	traffic, err := Generate(d, Options{Requests: 100})
	if err != nil {
		t.Fatal(err)
	}
	sent, maps := traffic.TruthOf(traffic.All()).Operations["GET /pages"].Parameters, 0
	for e := range traffic.All() {
		if strings.Contains(e.Target, "headers%5B") {
			maps++
		}
	}
	if len(sent) != 1 || sent[Name{"query", "filter[size]"}] == nil || maps < 50 {
		t.Errorf("%v are parameters, of %d calls with a map", sent, maps)
	}
}

// TestUpstream holds that the service answers each exchange with its own answer,
// and says when it was asked for something else.
func TestUpstream(t *testing.T) {
	up := NewUpstream()
	server := httptest.NewServer(up)
	defer server.Close()
	played := 0
	for e := range documentsOf(t, 9, 1)[0].Traffic.All() {
		if played++; played > 300 {
			break
		}
		up.Expect(&e)
		request, err := http.NewRequestWithContext(t.Context(), e.Method, server.URL+e.Target, bytes.NewReader(e.Body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != e.Status || !bytes.Equal(body, e.AnswerBody) && e.Method != http.MethodHead {
			t.Fatalf("%s %s is answered with %d %q (%v), not %d %q", e.Method, e.Target, answer.StatusCode, body, err, e.Status, e.AnswerBody)
		}
	}
	if up.Unknown() != 0 {
		t.Errorf("%d requests were not expected", up.Unknown())
	}
	recorder := httptest.NewRecorder()
	up.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/never", http.NoBody))
	if recorder.Code != http.StatusNotFound || up.Unknown() != 1 {
		t.Errorf("what was not expected is answered with %d", recorder.Code)
	}
	t.Log(fmt.Sprint(played, " exchanges"))
}
