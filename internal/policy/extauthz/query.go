package extauthz

import (
	"net/url"
	"strings"
)

// parameter is one query parameter, not encoded.
type parameter struct{ name, value string }

// queryEdit is a change of the query.
type queryEdit struct {
	set    []parameter
	remove []string
}

// apply makes the changes. What they do not name stays as it was written. Of
// two values to set under one name the last counts.
func (e *queryEdit) apply(raw string) string {
	if len(e.set) == 0 && len(e.remove) == 0 {
		return raw
	}
	gone := make(map[string]bool, len(e.set)+len(e.remove))
	for _, name := range e.remove {
		gone[name] = true
	}
	last := make(map[string]int, len(e.set))
	for i, p := range e.set {
		gone[p.name] = true
		last[p.name] = i
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(name)
		if err != nil {
			decoded = name // servers differ in how they read it; none reads the name given
		}
		if !gone[decoded] {
			kept = append(kept, pair)
		}
	}
	for i, p := range e.set {
		if last[p.name] == i {
			kept = append(kept, url.QueryEscape(p.name)+"="+url.QueryEscape(p.value))
		}
	}
	return strings.Join(kept, "&")
}
