package test

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/discoverytest"
	"farrier.dev/farrier/internal/discovery/shape"
	"farrier.dev/farrier/internal/spec"
)

// How much TestDiscoveryTruth plays: a little with the other tests, all with
//
//	FARRIER_TRUTH=full go test ./test -run TestDiscoveryTruth -v -timeout 30m
//
// FARRIER_TRUTH_SEED is another seed than the usual one, FARRIER_TRUTH_FAILURES the
// file that everything that was not right is written to.
func truthSize() discoverytest.Choice {
	c := discoverytest.Choice{Seed: 20, Count: 6, Operations: 200}
	if truthFull() {
		c.Count, c.Operations = 32, 3000
	}
	if seed, err := strconv.ParseUint(os.Getenv("FARRIER_TRUTH_SEED"), 10, 64); err == nil {
		c.Seed = seed
	}
	return c
}

func truthFull() bool { return os.Getenv("FARRIER_TRUTH") == "full" }

// TestDiscoveryTruth plays generated traffic of real descriptions through a gateway
// and holds what discovery learned against what was called.
func TestDiscoveryTruth(t *testing.T) {
	choice := truthSize()
	choice.Skipped = func(name, reason string) { t.Logf("passed over %s: %.120s", name, reason) }
	docs := discoverytest.Choose(t, choice)
	r := newReplay(t, docs)
	began := time.Now()
	played := r.play()
	inventory := r.end()
	t.Logf("%d exchanges with %d descriptions played in %v; the tap: %+v; the learner: %+v", played, len(docs), time.Since(began).Round(time.Second), r.tap.Stats(), r.learner.Stats())
	r.table(inventory)
}

// learnedOf are the operations of a host in the words of the comparison.
func learnedOf(inventory *discovery.Inventory, host string) []discoverytest.Learned {
	var all []discoverytest.Learned
	for _, op := range inventory.Operations {
		if !strings.EqualFold(op.Host, host) {
			continue
		}
		one := discoverytest.Learned{Host: op.Host, Method: op.Method, Template: op.Path, Requests: int(op.Requests)}
		names := spec.TemplateNames(op.Path)
		for _, p := range op.Parameters {
			name := p.Name
			if p.In == "path" {
				name = strconv.Itoa(slices.Index(names, name))
			}
			one.Parameters = append(one.Parameters, discoverytest.Parameter{Place: p.In, Name: name, Types: []string{string(p.Values.Type())}})
		}
		for _, b := range op.Bodies {
			one.Parameters = append(one.Parameters, properties(b)...)
		}
		for _, b := range op.Answers {
			if b.Status < 400 {
				one.Answered = append(one.Answered, properties(b)...)
			}
		}
		// Versions that a header chooses are operations of their own for the learner, and
		// one for descriptions.
		same := slices.IndexFunc(all, func(o discoverytest.Learned) bool { return o.Method == one.Method && o.Template == one.Template })
		if same < 0 {
			all = append(all, one)
			continue
		}
		all[same].Requests += one.Requests
		all[same].Parameters = joined(all[same].Parameters, one.Parameters)
		all[same].Answered = joined(all[same].Answered, one.Answered)
	}
	return all
}

// joined is the parameters of both, those of one name with the types of both.
func joined(a, b []discoverytest.Parameter) []discoverytest.Parameter {
	for _, p := range b {
		at := slices.IndexFunc(a, func(o discoverytest.Parameter) bool { return o.Place == p.Place && o.Name == p.Name })
		if at < 0 {
			a = append(a, p)
			continue
		}
		for _, kind := range p.Types {
			if !slices.Contains(a[at].Types, kind) {
				a[at].Types = append(slices.Clone(a[at].Types), kind)
			}
		}
	}
	return a
}

func properties(b *discovery.Body) []discoverytest.Parameter {
	var all []discoverytest.Parameter
	if b.Schema == nil || !strings.Contains(b.Media, "json") && b.Media != "application/x-www-form-urlencoded" {
		return nil
	}
	b.Schema.Walk(func(path string, n *shape.Schema) {
		if path == "" || strings.HasSuffix(path, "[]") || strings.Contains(path, "/*") {
			return
		}
		var types []string
		for _, one := range n.Types() {
			types = append(types, string(one))
		}
		name := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".")
		all = append(all, discoverytest.Parameter{Place: "body", Name: name, Types: types})
	})
	return all
}

// refusals tells what the gateway refused of the calls that were drawn as good.
func refusals(b *strings.Builder, d *discoverytest.Document, refused map[int]bool) {
	good := 0
	if len(refused) > 0 {
		for e := range d.Traffic.Learning() {
			if refused[e.Index] && e.Mark.Class == discoverytest.Good {
				good++
			}
		}
	}
	if good > 0 {
		fmt.Fprintf(b, "    (the gateway refused %d good calls)\n", good)
	}
}

// served are the exchanges that reached their service.
func (r *replay) served(i int) iter.Seq[discoverytest.Exchange] {
	return func(yield func(discoverytest.Exchange) bool) {
		for e := range r.docs[i].Traffic.Learning() {
			if !r.refused[i][e.Index] && !yield(e) {
				return
			}
		}
	}
}

// table prints how well each API was learned, and all together.
func (r *replay) table(inventory *discovery.Inventory) {
	var b, failures strings.Builder
	row := func(name string, listed, called int, s *discoverytest.Scores) {
		p, c := discoverytest.Identified(s.Precision), discoverytest.Identified(s.Recall)
		fmt.Fprintf(&b, "%-52.52s %5d %5d  %6.4f %6.4f  %6.4f %6.4f  %6.4f %6.4f  %6.4f %6.4f\n", name, called, listed, p.Value(), c.Value(),
			s.Precision[discoverytest.WordLike].Value(), s.Recall[discoverytest.WordLike].Value(),
			discoverytest.Carrying(s.Parameters).Value(), discoverytest.Carrying(s.Types).Value(), s.Answered.Value(), s.AnsweredTypes.Value())
	}
	fmt.Fprintf(&b, "\n%-52s %5s %5s  %-13s  %-13s  %-13s  %-13s\n%-64s  %6s %6s  %6s %6s  %6s %6s  %6s %6s\n", "description", "calls", "listd", "fixed+id-like", "word-like", "parameters", "answers",
		"(operations)", "precis", "recall", "precis", "recall", "recall", "types", "recall", "types")
	var sum discoverytest.Scores
	held := validated{learner: r.learner, often: map[discoverytest.Group]discoverytest.Ratio{}}
	listed, called := 0, 0
	for i := range r.docs {
		d := &r.docs[i]
		truth := d.Traffic.TruthOf(r.served(i))
		learned := learnedOf(inventory, truth.Host)
		s := discoverytest.Compare(learned, truth)
		often := 0
		for _, c := range truth.Operations {
			if c.Good >= discoverytest.Least {
				often++
			}
		}
		row(d.Name, len(learned), often, s)
		listed, called = listed+len(learned), called+often
		sum.Add(s)
		if n := r.services[i].Unknown(); n > 0 {
			r.t.Errorf("%s: %d requests reached the service otherwise than they were sent", d.Name, n)
		}
		refusals(&b, d, r.refused[i])
		held.play(r, i, inventory, truth)
		for _, f := range s.Failures {
			fmt.Fprintf(&failures, "%s: %s\n", d.Name, f)
		}
	}
	row("all", listed, called, &sum)
	fmt.Fprintf(&b, "precision of fixed %v, id-like %v, word-like %v\n", sum.Precision[discoverytest.Fixed], sum.Precision[discoverytest.IDLike], sum.Precision[discoverytest.WordLike])
	fmt.Fprintf(&b, "recall of fixed %v, id-like %v, word-like %v\n", sum.Recall[discoverytest.Fixed], sum.Recall[discoverytest.IDLike], sum.Recall[discoverytest.WordLike])
	for _, place := range []string{"path", "query", "header", "cookie", "body", "form"} {
		fmt.Fprintf(&b, "%s: parameters %v, types %v\n", place, sum.Parameters[place], sum.Types[place])
	}
	fmt.Fprintf(&b, "invented parameters %v\n", sum.Invented)
	fmt.Fprintf(&b, "held back and allowed by the written descriptions: %v of all good calls; %v of those to operations that are listed\n", held.all, held.listed)
	fmt.Fprintf(&b, "  of operations called 3 times or more: fixed+id-like %v, word-like %v\n", discoverytest.Identified(held.often), held.often[discoverytest.WordLike])
	fmt.Fprintf(&b, "  by an independent validator: %v, %d could not be judged\n", held.independent, held.unjudged)
	for _, f := range held.failures {
		fmt.Fprintln(&failures, f)
	}
	r.t.Log(b.String())
	if file := os.Getenv("FARRIER_TRUTH_FAILURES"); file != "" {
		if err := os.WriteFile(file, []byte(failures.String()), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.hold(&sum, &held)
}

// hold fails when the scores are below what is promised. In a small choice a single
// description decides too much: there it only fails when learning broke.
func (r *replay) hold(sum *discoverytest.Scores, held *validated) {
	for _, one := range []struct {
		what        string
		got         discoverytest.Ratio
		least       float64
		some, whole int
	}{
		{"the precision of operations", discoverytest.Identified(sum.Precision), 0.99, 20, 500},
		{"the recall of operations", discoverytest.Identified(sum.Recall), 0.98, 20, 500},
		{"the recall of parameters", discoverytest.Carrying(sum.Parameters), 0.97, 100, 1500},
		{"the share of right types", discoverytest.Carrying(sum.Types), 0.97, 100, 1500},
		{"the share of held-back calls that the written descriptions allow", discoverytest.Identified(held.often), 0.995, 300, 3000},
	} {
		least, of := one.least-0.05, one.some
		if truthFull() {
			least, of = one.least, one.whole
		}
		if one.got.Value() < least || one.got.Of < of {
			r.t.Errorf("%s is %v, must be %.3f of at least %d", one.what, one.got, least, of)
		}
	}
}
