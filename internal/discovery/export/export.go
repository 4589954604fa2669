// Package export writes what discovery learned for people and other programs: a
// description in OpenAPI 3.1, a table as CSV, the whole inventory as JSON and a report
// as one page of HTML that loads nothing. Names and paths in it were chosen by
// whoever sent requests; everything is escaped.
package export

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/finding"
)

// Format is how a description is written.
type Format string

// The formats. The empty one is JSON.
const (
	JSONFormat Format = "json"
	YAMLFormat Format = "yaml"
)

// Options say what is written and what others concluded about it. The zero value writes
// all operations.
type Options struct {
	// Title and Version are those of the description; empty ones are made up.
	Title, Version string
	// Host chooses the operations of one host, all when it is empty.
	Host   string
	Format Format
	// Strictness is how far schemas go; the empty one is discovery.ObservedStrictness.
	Strictness discovery.Strictness
	// Plain leaves out all that only we understand (x-farrier-…).
	Plain bool
	// Made is when the inventory was taken; zero is left out.
	Made time.Time

	// States, Labels and Scores are what was concluded of operations: states, business
	// flows and risk (0 to 100).
	States map[discovery.Key][]discovery.State
	Labels map[discovery.Key][]string
	Scores map[discovery.Key]int
	// Orphans are operations that are only described.
	Orphans []discovery.Key
	// Drift, Findings and Edges are told in JSON and in the report.
	Drift    []discovery.Drift
	Findings []finding.Finding
	Edges    []discovery.Edge
	// Known says whether a baseline has a finding, so that it does not count; nil for none.
	Known func(finding.Finding) bool
}

// counting are the findings that no baseline knows.
func (o *Options) counting() []finding.Finding {
	if o.Known == nil {
		return o.Findings
	}
	return slices.DeleteFunc(slices.Clone(o.Findings), o.Known)
}

// chosen gives the operations that are meant, sorted by their keys.
func (o *Options) chosen(ops []*discovery.Operation) []*discovery.Operation {
	var out []*discovery.Operation
	for _, op := range ops {
		if op != nil && (o.Host == "" || op.Host == o.Host) {
			out = append(out, op)
		}
	}
	slices.SortStableFunc(out, func(a, b *discovery.Operation) int { return compare(a.Key, b.Key) })
	return out
}

func compare(a, b discovery.Key) int {
	return cmp.Or(strings.Compare(a.Host, b.Host), strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method),
		strings.Compare(a.Version, b.Version), strings.Compare(a.Name, b.Name))
}

// states are those of an operation, as texts.
func (o *Options) states(k discovery.Key) []string {
	out := []string{}
	for _, s := range o.States[k] {
		out = append(out, string(s))
	}
	return out
}

// data are the classes of sensitive data of an operation by place.
func data(op *discovery.Operation) []discovery.Data {
	var out []discovery.Data
	add := func(direction, place string, v *discovery.Values) {
		counts := v.ClassCounts()
		for _, class := range slices.Sorted(maps.Keys(counts)) {
			out = append(out, discovery.Data{
				Class: class, Direction: direction, Place: place, Count: counts[class], Shape: v.Shape(class),
			})
		}
	}
	for _, p := range op.Parameters {
		add("request", p.In+" "+p.Name, &p.Values)
	}
	bodies := func(direction string, all []*discovery.Body) {
		for _, b := range all {
			if b.Schema == nil {
				continue
			}
			b.Schema.Walk(func(path string, n *discovery.Schema) { add(direction, bodyPlace(b)+" "+path, n.Values()) })
		}
	}
	bodies("request", op.Bodies)
	bodies("response", op.Answers)
	return out
}

// bodyPlace names a body, as in "200 application/json".
func bodyPlace(b *discovery.Body) string {
	if b.Status == 0 {
		return b.Media
	}
	return strings.TrimSpace(statusText(b.Status) + " " + b.Media)
}

// classes are the different classes of an operation, sorted.
func classes(op *discovery.Operation) []string {
	set := map[sensitive.Class]bool{}
	for _, d := range data(op) {
		set[d.Class] = true
	}
	out := []string{}
	for _, class := range slices.Sorted(maps.Keys(set)) {
		out = append(out, string(class))
	}
	return out
}

// names are the keys of counts, the highest first.
func names[K ~string](counts map[K]uint64) []string {
	keys := slices.Collect(maps.Keys(counts))
	slices.SortFunc(keys, func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(string(a), string(b)))
	})
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, string(k))
	}
	return out
}

// day writes an instant, empty for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
