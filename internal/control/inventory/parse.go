package inventory

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// ParseQuery reads a query. Words are searched for in method, host, path, API, owner,
// tags and labels; name:value chooses by what is known; several values with commas are
// alternatives; a minus before a term turns it round; values with spaces stand in
// quotation marks. Its error is an InputError.
func ParseQuery(text string, now time.Time) (*Query, error) {
	if len(text) > maxQuery {
		return nil, wrong("the query is longer than %d characters", maxQuery)
	}
	q := &Query{}
	known := operators(now)
	for _, word := range words(text) {
		if len(q.terms) == maxTerms {
			return nil, wrong("the query has more than %d terms", maxTerms)
		}
		t := term{}
		if len(word) > 1 && word[0] == '-' {
			t.not, word = true, word[1:]
		}
		name, value, named := strings.Cut(word, ":")
		reads := known[strings.ToLower(name)]
		switch {
		case !named || word[0] == '"':
			value = strings.ToLower(strings.ReplaceAll(word, `"`, ""))
			t.values = []string{value}
			t.fits = func(r *Row, v string) bool { return strings.Contains(r.text, v) }
		case reads == nil:
			return nil, wrong("there is no %.40q to choose by; known are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		default:
			t.name = strings.ToLower(name)
			tests := map[string]func(*Row) bool{}
			for _, v := range values(value) {
				test, err := reads(v)
				if err != nil {
					return nil, err
				}
				tests[v] = test
				t.values = append(t.values, v)
			}
			if len(t.values) == 0 {
				return nil, wrong("%s: has no value", name)
			}
			t.fits = func(r *Row, v string) bool { return tests[v](r) }
		}
		q.terms = append(q.terms, t)
	}
	return q, nil
}

// words splits at spaces that stand in no quotation marks.
func words(text string) []string {
	var out []string
	var word strings.Builder
	quoted := false
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
			word.WriteRune(c)
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if word.Len() > 0 {
				out = append(out, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(c)
		}
	}
	if word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}

// values splits at commas that stand in no quotation marks.
func values(text string) []string {
	var out []string
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 { // in quotation marks
			out = append(out, strings.ToLower(part))
			continue
		}
		for v := range strings.SplitSeq(part, ",") {
			if v != "" {
				out = append(out, strings.ToLower(v))
			}
		}
	}
	return out
}

// Matches says whether a row is what is asked for.
func (q *Query) Matches(r *Row) bool {
	for i := range q.terms {
		t := &q.terms[i]
		if slices.ContainsFunc(t.values, func(v string) bool { return t.fits(r, v) }) == t.not {
			return false
		}
	}
	return true
}

// Names says whether a term of the name is in the query.
func (q *Query) Names(name string) bool {
	return slices.ContainsFunc(q.terms, func(t term) bool { return t.name == name })
}

// Holds says whether a term of the query is just name:value.
func (q *Query) Holds(name, value string) bool {
	return slices.ContainsFunc(q.terms, func(t term) bool {
		return t.name == name && !t.not && len(t.values) == 1 && t.values[0] == strings.ToLower(value)
	})
}

// With is the query with name:value in place of what it said of the name before;
// an empty value only takes that away.
func (q *Query) With(name, value string) string {
	var out []string
	for i := range q.terms {
		if q.terms[i].name != name {
			out = append(out, q.terms[i].text())
		}
	}
	if value != "" {
		out = append(out, (&term{name: name, values: []string{value}}).text())
	}
	return strings.Join(out, " ")
}

// Text is the query as it is written.
func (q *Query) Text() string { return q.With("-", "") }

func (t *term) text() string {
	vs := make([]string, len(t.values))
	for i, v := range t.values {
		if strings.ContainsAny(v, " ,\t\n\r:") || v == "" || t.name == "" && strings.HasPrefix(v, "-") {
			v = `"` + v + `"`
		}
		vs[i] = v
	}
	out := strings.Join(vs, ",")
	if t.name != "" {
		out = t.name + ":" + out
	}
	if t.not {
		out = "-" + out
	}
	return out
}
