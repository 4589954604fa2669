package judge

import (
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// trie finds the operations of descriptions whose paths a learned path is one of.
type trie struct {
	static map[string]*trie
	any    *trie
	// rest are flows that take everything below ("/*").
	rest []end
	// mixed are segments of text and templates.
	mixed []mixedEdge
	ends  []end
}

type mixedEdge struct {
	text []string
	next *trie
}

// end is a described operation whose path ends at a node.
type end struct {
	description *description
	operation   *described
	base        string
	// flow is that of a project, in its own trie.
	flow *discovery.Flow
}

const (
	// maxSegments is how long a path is looked at, maxVisits how much of the trie one
	// look-up may see.
	maxSegments = 100
	maxVisits   = 20_000
)

// segmentsOf parts a path; a slash at its end counts for nothing, as most servers
// see it.
func segmentsOf(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.SplitN(path, "/", maxSegments)
}

// parts are the texts around the templates of a segment: one for a literal, two empty
// ones for a segment that is one template.
func parts(segment string) []string {
	if strings.IndexByte(segment, '{') < 0 {
		return []string{segment}
	}
	var text []string
	for {
		open := strings.IndexByte(segment, '{')
		shut := strings.IndexByte(segment, '}')
		if open < 0 || shut < open {
			return append(text, segment)
		}
		text, segment = append(text, segment[:open]), segment[shut+1:]
	}
}

func isTemplate(text []string) bool { return len(text) == 2 && text[0] == "" && text[1] == "" }

func (t *trie) add(path string, e end) {
	for _, segment := range segmentsOf(path) {
		if segment == "*" {
			t.rest = append(t.rest, e)
			return
		}
		t = t.child(segment)
	}
	t.ends = append(t.ends, e)
}

func (t *trie) child(segment string) *trie {
	text := parts(segment)
	switch {
	case len(text) == 1:
		if t.static == nil {
			t.static = map[string]*trie{}
		}
		if t.static[segment] == nil {
			t.static[segment] = &trie{}
		}
		return t.static[segment]
	case isTemplate(text):
		if t.any == nil {
			t.any = &trie{}
		}
		return t.any
	}
	for _, m := range t.mixed {
		if slices.Equal(m.text, text) {
			return m.next
		}
	}
	next := &trie{}
	t.mixed = append(t.mixed, mixedEdge{text, next})
	return next
}

// search is one look-up.
type search struct {
	left int
	// wide lets a template of the path stand for described literals.
	wide bool
	// found is asked of each end, the most specific first.
	found func(end)
}

func (s *search) walk(t *trie, segments []string) {
	if s.left--; s.left < 0 || t == nil {
		return
	}
	defer func() {
		for _, e := range t.rest {
			s.found(e)
		}
	}()
	if len(segments) == 0 {
		for _, e := range t.ends {
			s.found(e)
		}
		return
	}
	segment, rest := segments[0], segments[1:]
	text := parts(segment)
	if len(text) == 1 {
		s.walk(t.static[segment], rest)
	}
	for _, m := range t.mixed {
		if slices.Equal(m.text, text) || len(text) == 1 && fits(segment, m.text) || s.wide && isTemplate(text) {
			s.walk(m.next, rest)
		}
	}
	s.walk(t.any, rest)
	if s.wide && isTemplate(text) {
		for _, name := range slices.Sorted(maps.Keys(t.static)) {
			s.walk(t.static[name], rest)
		}
	}
}

// fits says whether a literal segment has the form of one with templates.
func fits(segment string, text []string) bool {
	rest, ok := strings.CutPrefix(segment, text[0])
	if !ok {
		return false
	}
	for i, t := range text[1:] {
		if i == len(text)-2 {
			return strings.HasSuffix(rest, t) && len(rest) > len(t)
		}
		at := strings.Index(rest, t)
		if at < 1 {
			return false
		}
		rest = rest[at+len(t):]
	}
	return true
}
