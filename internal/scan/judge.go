package scan

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/check"
	"farrier.dev/farrier/internal/scan/selector"
	"farrier.dev/farrier/internal/scan/taint"
)

// judge asks the rules of a plan about one project. It is used by one goroutine.
type judge struct {
	plan    *plan
	project *mule.Project
	env     *selector.Env
	taint   *taint.Result
	places  *places
	found   []*found
	// silenced are those that give way to others.
	silenced []*found
	// problems are checks that broke.
	problems []Problem
	memory   check.Memory
	// known are the places of secrets; nil before they are asked for.
	known map[*mule.File][]document.Span
}

// found is one place that a rule complains of.
type found struct {
	check.Report
	asked *asked
	fix   *finding.Repair
}

// maxPerRule bounds the findings of one rule in one project.
const maxPerRule = 2_000

// judged are the findings of a project, in no order.
func (p *plan) judged(ctx context.Context, project *mule.Project) *judge {
	j := &judge{plan: p, project: project, env: selector.NewEnv(project), places: newPlaces()}
	j.taint = taint.Analyse(ctx, project, p.declared, taint.Options{})
	j.matches(ctx)
	j.hits()
	j.checks(ctx)
	j.silence()
	j.repairs(ctx)
	return j
}

// matches asks the selectors of all rules in one walk through each document.
func (j *judge) matches(ctx context.Context) {
	for _, files := range [][]*mule.XMLFile{j.project.Configs, j.project.Documents} {
		for _, f := range files {
			if f.Test && !j.plan.tests || ctx.Err() != nil || f.Document == nil {
				continue
			}
			f.Document.Root.Walk(func(e *document.Element) bool {
				j.plan.rules.startingAt(e.Name, func(s start) { j.match(f, e, s) })
				return true
			})
		}
	}
}

func (j *judge) match(f *mule.XMLFile, e *document.Element, s start) {
	a := j.plan.asked[s.rule.ID]
	if a == nil || !a.looksAt(j.project) || !s.match.selector.Matches(j.env, e) {
		return
	}
	r := &found{asked: a, Report: check.Report{Place: taint.Place{File: f.File, Span: e.Tag, Element: e}, Severity: s.match.severity}}
	value := content(e)
	if s.match.at != nil {
		if items := s.match.at.Find(j.env, e); len(items) > 0 {
			r.Place, r.Detail = itemPlace(f.File, items[0])
			value = items[0].String()
			if items[0].Attr != nil && shown(items[0].Attr.Name.Local, value) == unshown {
				value = unshown
			}
		}
	}
	r.Message = s.match.message.about(e, value)
	r.Repair = s.match.fix.of(j.env, f.File, e)
	j.found = append(j.found, r)
}

func (x *rule) looksAt(p *mule.Project) bool {
	for _, major := range x.Majors {
		if major == p.Major || p.Major == 0 {
			return true
		}
	}
	return false
}

// itemPlace is the place of what a path led to, and what tells it apart.
func itemPlace(f *mule.File, i selector.Item) (at taint.Place, detail string) {
	at = taint.Place{File: f, Span: i.Element.Tag, Element: i.Element}
	switch {
	case i.Attr != nil:
		at.Span = i.Attr.Whole
		detail = "@" + i.Attr.Name.Local
	case i.Text != nil:
		at.Span = i.Text.Value.Span
		lead := len(i.Text.Value.Text) - len(strings.TrimLeft(i.Text.Value.Text, " \t\r\n"))
		at.Span.Start = i.Text.Value.Offset(lead)
	}
	return at, detail
}

// hits tells data that reaches a sink: once for each sink and place, by the
// shortest way.
func (j *judge) hits() {
	type key struct {
		id   string
		e    *document.Element
		file *mule.File
		span document.Span
	}
	seen := map[key]*found{}
	others := map[*found]int{}
	for i := range j.taint.Hits {
		h := &j.taint.Hits[i]
		says, ok := j.plan.says[h.Sink]
		if !ok || !says.asked.looksAt(j.project) {
			continue
		}
		k := key{says.asked.ID, h.At.Element, h.At.File, h.At.Span}
		if before := seen[k]; before != nil {
			others[before]++
			before.Hits = append(before.Hits, h)
			if len(h.Way) < len(before.Way) {
				before.Way = h.Way
			}
			continue
		}
		value := ""
		if h.At.File != nil && h.At.Span.End <= len(h.At.File.Text) && h.At.Span.Start <= h.At.Span.End {
			value = string(h.At.File.Text[h.At.Span.Start:h.At.Span.End])
		}
		r := &found{asked: says.asked, Report: check.Report{Place: h.At, Way: h.Way, Hits: []*taint.Hit{h}, Message: says.message.about(h.At.Element, value)}}
		if h.Sink.Function == "" && strings.HasPrefix(h.Sink.Argument, "@") {
			r.Detail = h.Sink.Argument
		}
		seen[k] = r
		j.found = append(j.found, r)
	}
	for r, n := range others {
		r.Message += " (and " + strconv.Itoa(n) + " more " + plural(n, "way", "ways") + " lead here)"
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// checks runs the checks in Go. One that breaks is a problem, not the end.
func (j *judge) checks(ctx context.Context) {
	for _, a := range j.plan.order {
		if a.check == nil || !a.looksAt(j.project) || ctx.Err() != nil {
			continue
		}
		j.check(ctx, a)
	}
}

func (j *judge) check(ctx context.Context, a *asked) {
	defer func() {
		if broken := recover(); broken != nil {
			j.broke(fmt.Sprintf("rule %s could not judge this project", a.ID), broken)
		}
	}()
	n := 0
	a.check(j.context(ctx, a, func(r check.Report) {
		if n++; n <= maxPerRule {
			j.found = append(j.found, &found{asked: a, Report: r})
		}
	}))
}

// silence takes out what is said twice of one place, and what rules do not say where
// others have spoken.
func (j *judge) silence() {
	spoken := map[string]map[*document.Element]bool{}
	for _, r := range j.found {
		if spoken[r.asked.ID] == nil {
			spoken[r.asked.ID] = map[*document.Element]bool{}
		}
		for _, e := range r.Also {
			spoken[r.asked.ID][e] = true
		}
		if r.Element != nil {
			spoken[r.asked.ID][r.Element] = true
		}
	}
	type key struct {
		id     string
		file   *mule.File
		span   document.Span
		detail string
	}
	seen := map[key]bool{}
	kept := j.found[:0]
	for _, r := range j.found {
		k := key{r.asked.ID, r.File, r.Span, r.Detail}
		if seen[k] {
			continue
		}
		if r.silent(spoken) {
			j.silenced = append(j.silenced, r)
			continue
		}
		seen[k] = true
		kept = append(kept, r)
	}
	j.found = kept
}

// silent says whether a rule that it gives way to reports the same element, or
// one that holds it as its text or argument.
func (r *found) silent(spoken map[string]map[*document.Element]bool) bool {
	if r.Element == nil {
		return false
	}
	for _, id := range r.asked.unless {
		of := spoken[id]
		if of[r.Element] || r.Element.Parent != nil && of[r.Element.Parent] && r.Element.Parent.Parent != nil {
			return true
		}
		for _, child := range r.Element.Elements() {
			if of[child] {
				return true
			}
		}
	}
	return false
}

// repairs asks the repairs in Go, and turns all into those of findings.
func (j *judge) repairs(ctx context.Context) {
	for _, r := range j.found {
		if r.Repair == nil && r.asked.repair != nil {
			j.repair(ctx, r)
		}
		r.fix = j.places.repair(r.Repair, j.secrets())
	}
}

func (j *judge) repair(ctx context.Context, r *found) {
	defer func() {
		if broken := recover(); broken != nil {
			j.broke("the repair of rule "+r.asked.ID+" could not be made", broken)
		}
	}()
	r.Repair = r.asked.repair(j.context(ctx, r.asked, func(check.Report) {}), r.Report)
}

// broke notes what broke off. What it broke of may hold parts of the project, so it is
// told in tests only.
func (j *judge) broke(what string, broken any) {
	message := what + ": it broke off"
	if j.plan.strict {
		message += fmt.Sprintf(": %v\n%s", broken, debug.Stack())
	}
	j.problems = append(j.problems, Problem{File: j.project.Dir, Message: message})
}

func (j *judge) context(ctx context.Context, a *asked, report func(check.Report)) *check.Context {
	c := check.New(ctx, j.project, j.taint, a.options, report)
	c.Advisories, c.Now, c.Memory = j.plan.advisories, j.plan.now, &j.memory
	return c
}

// repair is a repair with positions; nil for one without edits, or with edits of
// what is not there.
func (p *places) repair(r *check.Repair, secrets map[*mule.File][]document.Span) *finding.Repair {
	if r == nil || len(r.Edits) == 0 {
		return nil
	}
	out := &finding.Repair{Title: r.Title, Safe: r.Safe}
	for _, e := range r.Edits {
		if e.File == nil || e.Span.Start < 0 || e.Span.End < e.Span.Start || e.Span.End > len(e.File.Text) {
			return nil
		}
		parts := apart(e, secrets[e.File])
		if parts == nil {
			return nil
		}
		for _, part := range parts {
			out.Edits = append(out.Edits, p.edit(part))
		}
	}
	return out
}

// edit is an edit with positions.
func (p *places) edit(e check.Edit) finding.Edit {
	text := e.Text
	if strings.Contains(text, "\n") && bytes.Contains(e.File.Text, []byte("\r\n")) { // what is new has the line ends of the rest
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	return finding.Edit{File: e.File.Path, Start: p.position(e.File, e.Span.Start), End: p.position(e.File, e.Span.End), Text: text}
}
