package test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
	"farrier.dev/farrier/internal/traffic"
)

// judgedDescriptions are an API of so many resources in each language; every tenth is
// over, and every fifth is never called.
func judgedDescriptions(n int) map[string]string {
	open, old, raml, raml08 := "openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\nservers: [{url: /openapi}]\npaths:\n", "swagger: '2.0'\ninfo: {title: Shop, version: '1'}\nbasePath: /swagger\npaths:\n", "#%RAML 1.0\ntitle: Shop\nversion: '1'\nbaseUri: /raml\nannotationTypes: {sunset: string}\n", "#%RAML 0.8\ntitle: Shop\nversion: '1'\nbaseUri: /raml08\n"
	for i := range n {
		sunset := "2030-01-01"
		if i%10 == 3 {
			sunset = "2026-01-01"
		}
		for _, v3 := range []bool{true, false} {
			schema := "type: string"
			if v3 {
				schema = "schema: {type: string}"
			}
			text := fmt.Sprintf("  /things%d/{id}:\n    get:\n      deprecated: true\n      x-sunset: %s\n      parameters: [{name: id, in: path, required: true, %s}, {name: q, in: query, %s}]\n      responses: {'200': {description: ok}}\n", i, sunset, schema, schema)
			if v3 {
				open += text
			} else {
				old += text
			}
		}
		raml += fmt.Sprintf("/things%d/{id}:\n  get:\n    (sunset): %q\n    queryParameters: {q: {required: false}}\n    responses: {200: }\n", i, sunset)
		raml08 += fmt.Sprintf("/things%d/{id}:\n  get:\n    queryParameters: {q: {required: false}}\n    responses: {200: }\n", i)
	}
	return map[string]string{"openapi.yaml": open, "swagger.yaml": old, "raml.raml": raml, "raml08.raml": raml08}
}

// TestPlantedThroughLearner plants shadows, zombies, orphans and drift into traffic, has
// it learned, and judges what was learned.
func TestPlantedThroughLearner(t *testing.T) {
	detector, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 400
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	learner, err := discovery.New(discovery.Options{Now: func() time.Time { return now }, Detector: detector})
	if err != nil {
		t.Fatal(err)
	}
	var described []discovery.Described
	for name, text := range judgedDescriptions(n) {
		doc := languages.Read(spec.OneFile(name, []byte(text), spec.ProjectLimits{}), name)
		if !doc.Valid() || doc.Description == nil {
			t.Fatal(doc.Problems)
		}
		described = append(described, discovery.Described{Name: name, Origin: "specification", Document: doc})
	}
	if err := learner.Describe(described); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	call := 0
	send := func(path, query string) {
		for k := range 6 {
			call++
			learner.Observe(&discovery.Observation{
				Source: discovery.FromHAR, Time: now.Add(-60*24*time.Hour + time.Duration(k*9)*24*time.Hour + time.Duration(call)*time.Second), Scheme: "https", Host: "api.example.com",
				Method: "GET", Path: strings.ReplaceAll(path, "{}", fmt.Sprint(1000+call)), Query: query, Proto: "HTTP/1.1", Status: 200, Sampled: true,
				Request:  discovery.Message{Header: new(traffic.Header)},
				Response: discovery.Message{Header: new(traffic.Header)},
				Caller:   discovery.Caller{Address: netip.MustParseAddr("10.1.2.3")},
			})
		}
	}
	for base := range map[string]bool{"openapi": true, "swagger": true, "raml": true, "raml08": true} {
		for i := range n {
			at := fmt.Sprintf("/%s/things%d", base, i)
			switch {
			case i%5 == 0:
				want["orphan "+at+"/{id}"] = true
				continue
			case i%10 == 3 && base != "raml08":
				want["zombie "+at+"/{id}"] = true
			}
			query := "q=a"
			if i%5 == 1 {
				query = "q=a&debug=true"
				want["drift "+at+"/{id} query debug"] = true
			}
			send(at+"/{}", query)
			if i%5 == 2 {
				send("/"+base+secretWord(i)+"/{}", "")
				want["shadow /"+base+secretWord(i)+"/{}"] = true
			}
			if i%5 == 4 {
				send("/beta/"+base+secretWord(i)+"/{}", "")
				want["shadow /beta/"+base+secretWord(i)+"/{}"] = true
			}
		}
	}
	inv, err := learner.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	j := judge.Judge(inv, described, judge.Options{Now: now})
	got := map[string]bool{}
	for i := range j.Operations {
		o := &j.Operations[i]
		if o.Is(discovery.Zombie) {
			got["zombie "+o.Described.Base+o.Described.Path] = true
		}
		if o.Is(discovery.Shadow) {
			got["shadow "+emptied(o.Operation.Path)] = true
		}
		for _, d := range o.Drift {
			got["drift "+o.Described.Base+o.Described.Path+" "+d.Place] = true
		}
	}
	for _, o := range j.Orphans {
		got["orphan "+o.Base+o.Path] = true
	}
	tellPlanted(t, want, got)
}

// secretWord is a segment of words, another for each number.
func secretWord(i int) string {
	first := strings.Fields("order customer invoice payment account product cart shipment review ticket")
	second := strings.Fields("archive history export audit backup draft summary preview label status")
	return "/" + first[i%10] + "-" + second[i/10%10]
}

// emptied is a path whose templates have no names.
func emptied(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

func tellPlanted(t *testing.T, want, got map[string]bool) {
	t.Helper()
	for _, kind := range []string{"shadow", "zombie", "orphan", "drift"} {
		var planted, found, wrong int
		for k := range want {
			if strings.HasPrefix(k, kind) {
				if planted++; got[k] {
					found++
				} else if planted-found < 5 {
					t.Logf("missed: %s", k)
				}
			}
		}
		for k := range got {
			if strings.HasPrefix(k, kind) && !want[k] {
				if wrong++; wrong < 5 {
					t.Logf("mistaken: %s", k)
				}
			}
		}
		precision, recall := float64(found)/float64(max(found+wrong, 1)), float64(found)/float64(max(planted, 1))
		t.Logf("%-8s planted %4d, found %4d, mistaken %4d: precision %.4f, recall %.4f", kind, planted, found, wrong, precision, recall)
		if precision < 0.99 || recall < 0.99 || planted < 100 {
			t.Errorf("%s: precision %.4f, recall %.4f of %d", kind, precision, recall, planted)
		}
	}
}
