package spectral

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// keep makes a result.
func (r *run) keep(message string, path []string) {
	escaped := path
	if slices.ContainsFunc(path, func(step string) bool { return strings.Contains(step, "~") }) {
		escaped = make([]string, len(path))
		for i, step := range path {
			escaped[i] = unescapePointer(step)
		}
	}
	at := r.resolved.locate(escaped, r.rule.resolved)
	severity := r.rule.severity
	if !at.lost {
		severity = r.rule.severityAt(r.dir, at)
	}
	if severity == Off {
		return
	}
	v := variables{path: at.path, err: message, description: r.rule.description, described: r.rule.described, value: at.value}
	switch {
	case len(at.missing) > len(at.path):
		v.property = dotted(at.missing[max(0, len(at.path)-1):])
	case len(at.path) > 0:
		v.property = at.path[len(at.path)-1]
	}
	v.err = expand(message, &v)
	text := v.err
	if r.rule.hasMessage {
		text = expand(r.rule.message, &v)
	} else if r.rule.described {
		text = r.rule.description
	}
	r.add(strings.TrimSpace(text), severity, at)
}

func (r *run) add(message string, severity Severity, at location) {
	key := sighting{r.rule, at.in, message, strings.Join(at.path, "\x00")}
	if r.seen[key] {
		return
	}
	if len(r.results) >= r.set.limits.Results {
		r.fail(fmt.Errorf("there are more than %d results", r.set.limits.Results))
		return
	}
	r.seen[key] = true
	where := r.resolved.position(at.in, at.path)
	r.results = append(r.results, Result{
		Rule: r.rule.name, Message: message, Severity: severity, Path: slices.Clone(at.path),
		File: where.file, Line: where.line, Column: where.column, DocumentationURL: r.rule.docs,
	})
}

func (j *judging) sorted() []Result {
	slices.SortStableFunc(j.results, func(a, b Result) int {
		return cmp.Or(
			strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column,
			strings.Compare(a.Rule, b.Rule), slices.Compare(a.Path, b.Path),
		)
	})
	return j.results
}
