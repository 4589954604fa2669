package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

// operation judges one learned operation.
func (j *Judging) operation(op *discovery.Operation) Judged {
	out := Judged{Operation: op}
	found := false
	for _, e := range j.matching(op) {
		out.matches = append(out.matches, match{e.description, e.operation})
		if inForce := j.ended(match{e.description, e.operation}) == ""; out.Described == nil || inForce && !found {
			found = inForce
			out.Described = placeOf(e.description, e.operation, e.base)
		}
		if called(op) {
			e.operation.called += op.Requests
		}
	}
	if called(op) {
		j.seen(op, out.matches)
		j.state(&out)
	}
	j.times(&out)
	if out.Is(discovery.Documented) || out.Is(discovery.Zombie) {
		j.drift(&out)
	}
	return out
}

// called says whether the operation is in traffic.
func called(op *discovery.Operation) bool { return op.Good > 0 }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func placeOf(d *description, op *described, base string) *Place {
	return &Place{Description: d.index, Name: d.Name, File: op.File, Line: op.Line, Method: op.Method, Path: op.Path, Base: base}
}

// matching are the described operations that a learned one is. A HEAD that is not
// described is the GET, and an OPTIONS (a browser that asks ahead) any of its path.
func (j *Judging) matching(op *discovery.Operation) []end {
	var all []end
	if op.Name != "" {
		all = j.baseline.findNamed(op)
	}
	all = append(all, j.baseline.find(op, op.Method, false)...)
	methods := map[string][]string{
		"HEAD":    {"GET"},
		"OPTIONS": {"GET", "POST", "PUT", "PATCH", "DELETE"},
	}[op.Method]
	for _, method := range methods {
		if len(all) == 0 {
			all = j.baseline.find(op, method, false)
		}
	}
	return all
}

// seen notes the first traffic of descriptions.
func (j *Judging) seen(op *discovery.Operation, matches []match) {
	note := func(d *description) {
		if d.first.IsZero() || !op.First.IsZero() && op.First.Before(d.first) {
			d.first = op.First
			if d.first.IsZero() {
				d.first = j.options.Now
			}
		}
	}
	for _, m := range matches {
		note(m.description)
	}
	if op.API != "" {
		for _, d := range j.baseline.byAPI[op.API] {
			note(d)
		}
	}
}

// ended says why a described operation is not in force any more, empty when it is.
func (j *Judging) ended(m match) string {
	now := j.options.Now
	switch d, op := m.description, m.operation; {
	case !op.sunset.IsZero() && !op.sunset.After(now):
		return "it ended on " + op.sunset.Format(time.DateOnly)
	case !d.Retired.IsZero() && !d.Retired.After(now):
		return d.Name + " was retired on " + d.Retired.Format(time.DateOnly)
	case d.Superseded:
		return "only version " + orUnnamed(d.Version) + " (" + d.Name + ") describes it, which a newer one supersedes"
	}
	return ""
}

func orUnnamed(version string) string {
	if version == "" {
		return "without a name"
	}
	return version
}

// end is when a described operation ended, zero when that is not known.
func (j *Judging) end(m match) time.Time {
	now := j.options.Now
	var at time.Time
	for _, t := range [...]time.Time{m.operation.sunset, m.description.Retired} {
		if !t.IsZero() && !t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// state finds documented, shadow or zombie, and deprecated.
func (j *Judging) state(out *Judged) {
	op := out.Operation
	if len(out.matches) == 0 {
		out.States = append(out.States, discovery.Shadow)
		out.Reasons = append(out.Reasons, j.shadowReason(op))
		return
	}
	var why []string
	deprecated, inForce := true, false
	var end time.Time
	for _, m := range out.matches {
		reason := j.ended(m)
		if reason == "" {
			inForce = true
			deprecated = deprecated && m.operation.Deprecated
			continue
		}
		if !slices.Contains(why, reason) {
			why = append(why, reason)
		}
		end = later(end, j.end(m))
	}
	switch {
	case inForce:
		out.States = append(out.States, discovery.Documented)
		if deprecated {
			out.States = append(out.States, discovery.Deprecated)
			out.Reasons = append(out.Reasons, "it is described as deprecated and has not ended")
		}
	case j.stillCalled(op, end):
		out.States = append(out.States, discovery.Zombie)
		out.Reasons = append(out.Reasons, strings.Join(why, "; ")+", and it was called on "+op.Last.Format(time.DateOnly))
	default:
		out.States = append(out.States, discovery.Documented, discovery.Deprecated)
		out.Reasons = append(out.Reasons, strings.Join(why, "; ")+", and it was not called since")
	}
}

// stillCalled says whether an operation was called after its end, or of late where
// nobody wrote down when it ended.
func (j *Judging) stillCalled(op *discovery.Operation, end time.Time) bool {
	if end.IsZero() {
		return op.Last.After(j.options.Now.Add(-j.options.UnusedAfter))
	}
	return op.Last.After(end)
}

// shadowReason says why nothing describes an operation, and what comes close.
func (j *Judging) shadowReason(op *discovery.Operation) string {
	why := "no description has it"
	if len(j.baseline.descriptions) == 0 {
		why = "there is no description"
	}
	if flow, d := j.baseline.flowOf(op); flow != nil {
		why = fmt.Sprintf("the flow %s of %s implements it (%s:%d), and no specification describes it", flow.Name, d.Name, flow.File, flow.Line)
	}
	covered := 0
	if strings.Contains(op.Path, "{") && op.Name == "" {
		for _, e := range j.baseline.find(op, op.Method, true) {
			e.operation.covered = true
			covered++
		}
	}
	if covered > 0 {
		key := op.Key
		j.out.Notes = append(j.out.Notes, Note{
			Kind: TemplateCovers, API: op.API, Operation: &key, Count: op.Requests,
			Text: fmt.Sprintf("the learned path %s %s covers %d described paths that have a fixed word in its place; split it if its calls are theirs", op.Method, op.Path, covered),
		})
		why += fmt.Sprintf("; its template covers %d described paths with fixed words", covered)
	}
	return why
}

// times adds new, changed, unused and archived.
func (j *Judging) times(out *Judged) {
	op, now := out.Operation, j.options.Now
	first := op.First
	if first.IsZero() {
		first = op.Listed
	}
	add := func(s discovery.State, format string, args ...any) {
		out.States = append(out.States, s)
		out.Reasons = append(out.Reasons, fmt.Sprintf(format, args...))
	}
	if !first.IsZero() && now.Sub(first) <= j.options.NewFor {
		add(discovery.Fresh, "it was first seen on %s", first.Format(time.DateOnly))
	}
	var changes []string
	for _, c := range op.Changes {
		if c.Kind != "listed" && now.Sub(c.At) <= j.options.NewFor {
			text := c.Kind
			if c.Place != "" {
				text += " (" + c.Place + ")"
			}
			if !slices.Contains(changes, text) {
				changes = append(changes, text)
			}
		}
	}
	if len(changes) > 0 {
		more := ""
		if len(changes) > 3 {
			more = fmt.Sprintf(" and %d more", len(changes)-3)
		}
		add(discovery.Altered, "it changed of late: %s%s", strings.Join(changes[:min(3, len(changes))], ", "), more)
	}
	switch idle := now.Sub(op.Last); {
	case op.Last.IsZero():
	case idle > j.options.ArchivedAfter:
		add(discovery.Archived, "it was not called since %s", op.Last.Format(time.DateOnly))
	case idle > j.options.UnusedAfter:
		add(discovery.Unused, "it was not called since %s", op.Last.Format(time.DateOnly))
	}
}

// orphans finds what is described and not called, and descriptions nobody calls at all.
func (j *Judging) orphans() {
	now := j.options.Now
	for _, d := range j.baseline.descriptions {
		if d.over(now) || len(d.operations) == 0 {
			continue
		}
		if d.first.IsZero() {
			j.out.Notes = append(j.out.Notes, Note{
				Kind: DescriptionWithoutTraffic, API: d.API, Place: &Place{Description: d.index, Name: d.Name, File: d.Document.File, Line: 1},
				Text: fmt.Sprintf("none of the %d operations of %s is in traffic: it is called through no gateway that we see, or not at all", len(d.operations), d.Name),
			})
			continue
		}
		since := later(d.first, j.options.Known[d.Name])
		if now.Sub(since) < j.options.OrphanAfter {
			continue
		}
		for _, op := range d.operations {
			if op.called == 0 && !op.covered && (op.sunset.IsZero() || op.sunset.After(now)) {
				base := ""
				if bases, _ := d.bases(op); len(bases) > 0 && !d.byName() {
					base = bases[0]
				}
				j.out.Orphans = append(j.out.Orphans, Orphan{Place: *placeOf(d, op, base), API: d.API, Since: since})
			}
		}
	}
}
