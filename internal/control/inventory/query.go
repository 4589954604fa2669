package inventory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

// The bounds of a query.
const (
	maxQuery = 500
	maxTerms = 30
)

// term is one part of a query: words without a name are searched for in the text.
type term struct {
	name   string
	values []string // one of them must fit
	not    bool
	fits   func(r *Row, value string) bool
}

// Query is what is asked of the inventory, as "state:shadow data:card -auth:jwt orders".
type Query struct{ terms []term }

// operators are the names of terms, with what each is held against.
func operators(now time.Time) map[string]func(value string) (func(r *Row) bool, error) {
	text := func(of func(r *Row) string) func(string) (func(*Row) bool, error) {
		return func(v string) (func(*Row) bool, error) {
			return func(r *Row) bool { return matches(v, strings.ToLower(of(r))) }, nil
		}
	}
	anyOf := func(of func(r *Row) []string) func(string) (func(*Row) bool, error) {
		return func(v string) (func(*Row) bool, error) {
			return func(r *Row) bool {
				return presence(v, of(r)) || slices.ContainsFunc(of(r), func(one string) bool { return matches(v, strings.ToLower(one)) })
			}, nil
		}
	}
	number := func(of func(r *Row) float64) func(string) (func(*Row) bool, error) {
		return func(v string) (func(*Row) bool, error) { return compared(v, of) }
	}
	since := func(of func(r *Row) time.Time) func(string) (func(*Row) bool, error) {
		return func(v string) (func(*Row) bool, error) { return aged(v, now, of) }
	}
	return map[string]func(string) (func(*Row) bool, error){
		"state":    oneOf(states(), func(r *Row) []string { return strs(r.States) }),
		"data":     anyOf(func(r *Row) []string { return append(classes(r), r.Groups...) }),
		"auth":     anyOf(func(r *Row) []string { return append([]string{r.Authentication}, r.Kinds...) }),
		"exposure": text(func(r *Row) string { return string(r.Exposure) }),
		"protocol": text(func(r *Row) string { return string(r.Protocol) }),
		"method":   text(func(r *Row) string { return r.Method }),
		"host":     text(func(r *Row) string { return r.Host }),
		"path":     pathTerm,
		"api": func(v string) (func(*Row) bool, error) { //nolint:unparam // it has the form of the others
			return func(r *Row) bool {
				api := strings.ToLower(r.API)
				_, bare, _ := strings.Cut(api, "/")
				return v == "none" && api == "" || matches(v, api) || matches(v, bare)
			}, nil
		},
		"owner":    anyOf(func(r *Row) []string { return some(r.Owner) }),
		"tag":      anyOf(func(r *Row) []string { return r.Tags }),
		"label":    anyOf(func(r *Row) []string { return r.Labels }),
		"caller":   anyOf(func(r *Row) []string { return r.Consumers }),
		"upstream": anyOf(func(r *Row) []string { return r.Upstreams }),
		"version":  anyOf(func(r *Row) []string { return some(r.Version) }),
		"risk": func(v string) (func(*Row) bool, error) {
			if slices.Contains(levels(), v) {
				return func(r *Row) bool { return r.Level == v }, nil
			}
			return compared(v, func(r *Row) float64 { return float64(r.Risk) })
		},
		"calls":    number(func(r *Row) float64 { return r.PerDay }),
		"callers":  number(func(r *Row) float64 { return float64(r.Callers) }),
		"drift":    number(func(r *Row) float64 { return float64(r.Drift) }),
		"findings": number(func(r *Row) float64 { return float64(r.Findings) }),
		"seen":     since(func(r *Row) time.Time { return r.Last }),
		"first":    since(func(r *Row) time.Time { return r.First }),
	}
}

func levels() []string { return []string{"high", "medium", "low"} }

func states() []string {
	return strs([]discovery.State{
		discovery.Documented, discovery.Shadow, discovery.Zombie, discovery.Orphan, discovery.Fresh, discovery.Altered,
		discovery.Unused, discovery.Archived, discovery.Deprecated,
	})
}

func strs[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return out
}

func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func classes(r *Row) []string {
	out := make([]string, 0, len(r.Data)+len(r.Groups))
	for _, d := range r.Data {
		out = append(out, d.Class)
	}
	return out
}

// presence is what the words any and none mean of a list.
func presence(v string, list []string) bool {
	return v == "any" && len(list) > 0 || v == "none" && len(list) == 0
}

// oneOf is a term whose values are known.
func oneOf(known []string, of func(r *Row) []string) func(string) (func(*Row) bool, error) {
	return func(v string) (func(*Row) bool, error) {
		if !slices.Contains(known, v) {
			return nil, wrong("%q is none of %s", v, strings.Join(known, ", "))
		}
		return func(r *Row) bool { return slices.Contains(of(r), v) }, nil
	}
}

// pathTerm fits all paths that begin so, or where it has a star those that it matches.
func pathTerm(v string) (func(*Row) bool, error) {
	if !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "*") {
		return nil, wrong("a path begins with a slash or a star, as path:/orders or path:*/orders/*")
	}
	if strings.Contains(v, "*") {
		return func(r *Row) bool { return matches(v, strings.ToLower(r.Path)) }, nil
	}
	return func(r *Row) bool { return strings.HasPrefix(strings.ToLower(r.Path), v) }, nil
}

// matches holds a text against a pattern in which a star stands for any text.
func matches(pattern, text string) bool {
	at, star, mark := 0, -1, 0
	for i := 0; i < len(text); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, mark = at, i
			at++
		case at < len(pattern) && pattern[at] == text[i]:
			at++
			i++
		case star >= 0:
			mark++
			at, i = star+1, mark
		default:
			return false
		}
	}
	for at < len(pattern) && pattern[at] == '*' {
		at++
	}
	return at == len(pattern)
}

// compared reads ">60", "<30", "40" and "40..60".
func compared(v string, of func(r *Row) float64) (func(*Row) bool, error) {
	low, high, between := strings.Cut(v, "..")
	read := func(text string) (float64, error) {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, wrong("%q is no number; write as risk:>60, risk:<30 or risk:40..60", v)
		}
		return n, nil
	}
	switch {
	case between:
		a, err := read(low)
		if err != nil {
			return nil, err
		}
		b, err := read(high)
		return func(r *Row) bool { return of(r) >= a && of(r) <= b }, err
	case strings.HasPrefix(v, ">"):
		n, err := read(v[1:])
		return func(r *Row) bool { return of(r) > n }, err
	case strings.HasPrefix(v, "<"):
		n, err := read(v[1:])
		return func(r *Row) bool { return of(r) < n }, err
	}
	n, err := read(v)
	return func(r *Row) bool { return of(r) == n }, err
}

// aged reads "<7d" (less long ago) and ">30d" (longer ago, or never); units are h, d and w.
func aged(v string, now time.Time, of func(r *Row) time.Time) (func(*Row) bool, error) {
	bad := wrong("%q is no age; write as seen:<7d or seen:>30d, with h, d or w", v)
	if len(v) < 3 || v[0] != '<' && v[0] != '>' {
		return nil, bad
	}
	unit := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[v[len(v)-1]]
	n, err := strconv.Atoi(v[1 : len(v)-1])
	if err != nil || unit == 0 || n < 0 || n > 100_000 {
		return nil, bad
	}
	before := now.Add(-time.Duration(n) * unit)
	if v[0] == '<' {
		return func(r *Row) bool { return of(r).After(before) }, nil
	}
	return func(r *Row) bool { return !of(r).After(before) }, nil
}
