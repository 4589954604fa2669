package judge_test

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/discovery/judge/patch"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// applied plays the hunks of a unified diff, as patch would.
func applied(t *testing.T, text []byte, name, diff string) []byte {
	t.Helper()
	_, hunks, ok := strings.Cut(diff, "+++ b/"+name+"\n")
	if !ok {
		return text
	}
	hunks, _, _ = strings.Cut(hunks, "\n--- a/")
	old := strings.SplitAfter(string(text), "\n")
	var out strings.Builder
	at := 0
	lines := strings.Split(strings.TrimSuffix(hunks, "\n"), "\n")
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "@@ -"):
			start, _, _ := strings.Cut(strings.TrimPrefix(l, "@@ -"), ",")
			n, err := strconv.Atoi(start)
			if err != nil {
				t.Fatalf("hunk %q", l)
			}
			for at < n-1 {
				out.WriteString(old[at])
				at++
			}
		case strings.HasPrefix(l, "\\"):
		default:
			end := "\n"
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "\\") {
				end = ""
			}
			if l[0] != '+' {
				if strings.TrimSuffix(old[at], "\n") != l[1:] {
					t.Fatalf("the diff wants %q at line %d, which is %q", l[1:], at+1, old[at])
				}
				at++
			}
			if l[0] != '-' {
				out.WriteString(l[1:] + end)
			}
		}
	}
	for ; at < len(old); at++ {
		out.WriteString(old[at])
	}
	return []byte(out.String())
}

// edited plays edits.
func edited(text []byte, name string, r *patch.Result) []byte {
	var out bytes.Buffer
	at := 0
	for _, e := range r.Edits {
		if e.File == name {
			out.Write(text[at:e.Start.Offset])
			out.WriteString(e.Text)
			at = e.End.Offset
		}
	}
	out.Write(text[at:])
	return out.Bytes()
}

// patched writes the patch of the first description, holds what must hold of every
// patch, and gives the judgement of the same traffic under the patched description.
func patched(t *testing.T, inv *discovery.Inventory, d discovery.Described) (*patch.Result, *judge.Judgement) {
	t.Helper()
	j := judge.Judge(inv, []discovery.Described{d}, judge.Options{})
	r, err := patch.Of(j, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range r.Files {
		src, err := d.Document.Project.Source(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := applied(t, src.Text, name, r.Diff); !bytes.Equal(got, text) {
			t.Errorf("%s: the diff makes another file:\n%s", name, r.Diff)
		}
		if got := edited(src.Text, name, r); !bytes.Equal(got, text) {
			t.Errorf("%s: the edits make another file", name)
		}
	}
	for _, l := range strings.Split(r.Diff, "\n") {
		if strings.HasPrefix(l, "-") && !strings.HasPrefix(l, "--- a/") && strings.TrimSpace(l[1:]) != "" && !strings.ContainsAny(l, "{[") {
			t.Errorf("the patch takes a line away: %s", l)
		}
	}
	doc, err := patch.Read(d.Document, r.Files)
	if err != nil {
		t.Fatal(err)
	}
	if !doc.Valid() || doc.Description == nil {
		t.Fatalf("the patched description is not valid: %v\n%s", doc.Problems, r.Diff)
	}
	d.Document = doc
	return r, judge.Judge(inv, []discovery.Described{d}, judge.Options{})
}

// gone asks that what a patch says it did is gone, and counts it.
func gone(t *testing.T, what string, r *patch.Result, again *judge.Judgement) int {
	t.Helper()
	left := map[string]bool{}
	for i := range again.Operations {
		o := &again.Operations[i]
		if o.Is(discovery.Shadow) {
			left["shadow "+o.Operation.String()] = true
		}
		for _, d := range o.Drift {
			left[d.Kind+" "+d.String()+" "+d.Place] = true
		}
	}
	for _, c := range r.Done {
		if k := strings.TrimSpace(c.Kind + " " + c.String() + " " + c.Place); left[k] {
			t.Errorf("%s: still there: %s\n%s", what, k, r.Diff)
		}
	}
	return len(r.Done)
}

// TestPatchOfPlantedDrift plants drift and shadows into descriptions of every language
// and asks that the patched ones are valid and that the drift is gone.
func TestPatchOfPlantedDrift(t *testing.T) {
	done, skipped := map[string]int{}, map[string]int{}
	for i, dialect := range dialects {
		for round := range 2 {
			r := newTraffic(uint64(100*i + round))
			a := r.plain("Shop", 20)
			d := a.described(t, dialect)
			var ops []*discovery.Operation
			for k, o := range a.ops {
				l := r.learned(a, o, 40)
				for range 3 {
					r.plant(l, o, r.IntN(20), true)
				}
				l.Version = ""
				ops = append(ops, l)
				if k%4 == 0 {
					s := r.learned(a, &op{method: "DELETE", path: o.path, query: o.query, reply: o.reply}, 20)
					s.Path += []string{"", "/debug", "/{id}/secret/{name}", "/x/y"}[k/4%4]
					s.Method = []string{"DELETE", "GET", "PATCH"}[k/4%3]
					if s.Method != "GET" {
						s.Bodies = append(s.Bodies, r.body(a.ops[2].request, 0, 20))
					}
					ops = append(ops, s)
				}
			}
			res, again := patched(t, &discovery.Inventory{At: now, Operations: ops}, d)
			gone(t, dialect, res, again)
			for _, c := range res.Done {
				done[dialect+" "+c.Kind]++
			}
			for _, c := range res.Skipped {
				skipped[dialect+" "+c.Kind+": "+c.Why]++
			}
		}
	}
	total := 0
	for _, k := range slices.Sorted(maps.Keys(done)) {
		t.Logf("written %4d %s", done[k], k)
		total += done[k]
	}
	for _, k := range slices.Sorted(maps.Keys(skipped)) {
		t.Logf("skipped %4d %s", skipped[k], k)
	}
	if total < 200 {
		t.Errorf("only %d differences were written", total)
	}
}

// handwritten is a description as people write them: comments, includes, libraries,
// traits, types in short form.
var handwritten = map[string]string{
	"shop.raml": `#%RAML 1.0
title: Shop   # the one in Kiel
version: v1
baseUri: https://api.example.com/shop/{version}
mediaType: application/json
uses:
  lib: lib/types.raml
traits:
  paged:
    queryParameters:
      page?: integer

types:
  Order:
    # what somebody bought
    properties:
      id: integer   # ours
      note?: string
      lines:
        type: lib.Line[]
  Rush:
    type: Order
    properties:
      until?: datetime

# ---------- resources ----------
/orders:
  get:
    is: [ paged ]
    responses:
      200:
        body: Order[]

  post: # creates one
    body:
      application/json:
        type: Rush
    responses:
      201:
  /{id}:
    get: !include get.raml
    delete:
/empty:
`,
	"get.raml": `description: One order.
queryParameters: { full: {type: boolean, required: false} }
responses:
  200:
    body:
      application/json: !include item.raml
`,
	"item.raml": `#%RAML 1.0 DataType
type: object
properties:
  # the number
  id: integer
`,
	"lib/types.raml": `#%RAML 1.0 Library
types:
  Line:
    type: object
    properties: {sku: string, count: {type: integer, required: false}}
`,
}

func project(files map[string]string) *spec.Project {
	return spec.NewProject(folder(files), spec.ProjectLimits{})
}

// TestPatchOfHandwritten patches several files of one description.
func TestPatchOfHandwritten(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		files := map[string]string{}
		for name, text := range handwritten {
			files[name] = strings.ReplaceAll(text, "\n", end)
		}
		doc := languages.Read(project(files), "shop.raml")
		if !doc.Valid() || doc.Description == nil {
			t.Fatal(doc.Problems)
		}
		r := newTraffic(7)
		get := &op{
			method: "GET", path: "/orders", query: []prop{{name: "page", typ: "integer"}, {name: "sort", typ: "string"}, {name: "tags[]", typ: "string"}}, head: []prop{{name: "X-Tenant", typ: "string"}},
			reply: &prop{typ: "array", items: &prop{typ: "object", props: []prop{
				{name: "id", typ: "integer", required: true},
				{name: "discount", typ: "number", required: true},
				{name: "lines", typ: "array", required: true, items: &prop{typ: "object", props: []prop{{name: "sku", typ: "string", required: true}, {name: "box", typ: "object", required: true, props: []prop{{name: "w", typ: "integer"}}}}}},
			}}},
		}
		post := &op{method: "POST", path: "/orders", request: &prop{typ: "object", props: []prop{
			{name: "id", typ: "integer", required: true},
			{name: "lines", typ: "array", required: true, items: &prop{typ: "object", props: []prop{{name: "sku", typ: "string", required: true}}}},
			{name: "gift: yes?", typ: "boolean", required: true},
		}}}
		one := &op{method: "GET", path: "/orders/{id}", query: []prop{{name: "full", typ: "boolean"}, {name: "lang", typ: "string"}}, reply: &prop{typ: "object", props: []prop{{name: "id", typ: "integer", required: true}, {name: "owner", typ: "string", required: true}}}}
		a := &api{base: "/shop/v1"}
		var ops []*discovery.Operation
		for _, o := range []*op{get, post, one, {method: "DELETE", path: "/orders/{id}", query: []prop{{name: "force", typ: "boolean"}}}, {method: "GET", path: "/empty"}, {method: "PUT", path: "/orders/{id}/lines/{line}"}, {method: "GET", path: "/other"}} {
			ops = append(ops, r.learned(a, o, 30))
		}
		ops[1].Statuses = map[int]uint64{201: 20, 409: 10}
		ops[1].Answers = []*discovery.Body{{Status: 201, Media: "application/xml", Count: 20}}
		res, again := patched(t, &discovery.Inventory{At: now, Operations: ops}, discovery.Described{Name: "Shop", Origin: "specification", Document: doc})
		n := gone(t, "handwritten", res, again)
		if end == "\n" {
			t.Logf("%d written, %v skipped\n%s", n, res.Skipped, res.Diff)
		}
		if len(res.Files) != 4 || n < 14 {
			t.Errorf("%d changes in %d files", n, len(res.Files))
		}
		for name, text := range res.Files {
			if end == "\r\n" && bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")) {
				t.Errorf("%s: ends of lines are mixed", name)
			}
		}
	}
}
