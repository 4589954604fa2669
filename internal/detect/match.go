package detect

import (
	"cmp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/detect/seclang"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// rule is what a match must know of the rule that matched.
type rule struct {
	// id is the number of the Core Rule Set, 0 for rules of ours.
	id       int
	name     string
	title    string
	severity finding.Severity
	points   int
	tags     []string
	attack   *attack
	// content is the version of installed content that the rule came with; empty
	// for others.
	content string
}

// match is one rule matching in one place.
type match struct {
	rule *rule
	// points are those of the rule, or what is left of them.
	points int
	// places are where the value stands: more than one where a value is
	// repeated. The first is shown, and exclusions must cover all.
	places   []string
	decoders []string
	// leaf is the leaf that matched, or -1; name says that its name did.
	leaf int32
	name bool
	text string
	// shown is a detail of our own words that may be shown, instead of the text.
	shown string
	// reason says why the points are not those of the rule.
	reason string
	always bool
}

// matches turns what the rules say into matches; rules without severity only do
// the set's book-keeping.
func (w *work) matches(rules *Rules, found []seclang.Match) []match {
	if len(found) == 0 {
		return nil
	}
	all := make([]match, 0, len(found))
	for i := range found {
		f := &found[i]
		r := rules.facts[f.Rule.ID]
		if r == nil || f.Link > 0 || r.aboutProtocol() && f.Value >= 0 && w.decoded(w.leaves[f.Value]) {
			continue
		}
		m := match{rule: r, points: r.points, leaf: single, text: f.Text, name: f.Name}
		if f.Value >= 0 {
			m.leaf = w.leaves[f.Value]
		}
		if m.leaf >= 0 {
			m.places, m.decoders = w.placesOf(m.leaf)
		} else if f.Variable == "QUERY_STRING" && w.inQuery(found, f.Rule) {
			continue // the parameter says it better
		} else {
			m.places = []string{placeOf(f.Variable, f.Key)}
		}
		all = append(all, m)
	}
	return all
}

// aboutProtocol says that the rule judges how a request was written, not what
// it says.
func (r *rule) aboutProtocol() bool { return r.id >= 920000 && r.id < 921000 }

// decoded says that a leaf was found below an encoding within a value, where
// any byte may be.
func (w *work) decoded(leaf int32) bool { return leaf >= 0 && w.tree.Leaves[leaf].Layers > 0 }

// count is what adds to the score once: a rule in one value of the request,
// whichever of its encodings show it.
type count struct {
	rule string
	root int32
}

// counts says that the points of a match are not yet in the score.
func (w *work) counts(m *match, counted map[count]bool) bool {
	if m.leaf < 0 || m.points == 0 {
		return true
	}
	c := count{m.rule.name, w.value(m.leaf)}
	if counted[c] {
		return false
	}
	counted[c] = true
	return true
}

// value is the node of the value of the request that a leaf was decoded from.
func (w *work) value(leaf int32) int32 {
	l := &w.tree.Leaves[leaf]
	node := l.Node
	for range l.Layers {
		if parent := w.tree.Nodes[node].Parent; parent >= 0 {
			node = parent
		}
	}
	return node
}

// placesOf are all places of a leaf.
func (w *work) placesOf(leaf int32) (places, decoders []string) {
	return w.tree.Places(leaf), w.tree.Decoders(w.tree.Leaves[leaf].Node)
}

// inQuery says whether the rule also matched a parameter of the query.
func (w *work) inQuery(found []seclang.Match, r *seclang.Rule) bool {
	return slices.ContainsFunc(found, func(f seclang.Match) bool {
		return f.Rule == r && f.Value >= 0 && w.input.Values[f.Value].In == seclang.ArgsGet
	})
}

const (
	// wholeRequest is the place of what is about no part in particular.
	wholeRequest = "request"
	// wholeBody is the place of the body as it was sent.
	wholeBody = "body"
)

// placeOf is the place of a variable that is no leaf.
func placeOf(variable, key string) string {
	switch strings.TrimSuffix(variable, "_NAMES") {
	case "REQUEST_METHOD":
		return "method"
	case "REQUEST_PROTOCOL":
		return "protocol"
	case "REQUEST_LINE", "REQUEST_URI", "REQUEST_URI_RAW", "REQUEST_FILENAME", "REQUEST_BASENAME":
		return "path"
	case "QUERY_STRING":
		return "query"
	case "REQUEST_HEADERS":
		return "header " + strings.ToLower(key)
	case "REQUEST_BODY", "REQUEST_BODY_LENGTH", "REQBODY_PROCESSOR":
		return wholeBody
	case "RESPONSE_BODY":
		return "response body"
	case "RESPONSE_STATUS", "STATUS_LINE":
		return "response status"
	case "RESPONSE_HEADERS":
		return "response header " + strings.ToLower(key)
	}
	return wholeRequest
}

// merge leaves one match for each rule and place, worst first.
func merge(matches []match) []match {
	slices.SortStableFunc(matches, func(a, b match) int {
		return cmp.Or(
			cmp.Compare(b.points, a.points),
			cmp.Compare(b.rule.severity, a.rule.severity),
			strings.Compare(a.rule.name, b.rule.name),
			strings.Compare(a.places[0], b.places[0]),
			cmp.Compare(len(b.places), len(a.places)),
			strings.Compare(a.text, b.text),
		)
	})
	return slices.CompactFunc(matches, func(a, b match) bool {
		return a.rule.name == b.rule.name && a.places[0] == b.places[0]
	})
}

func (m match) finding(api string) finding.Finding {
	at := m.places[0]
	f := finding.Finding{
		Rule: m.rule.name, Severity: m.rule.severity, Title: m.rule.title,
		Message:  m.rule.title + " in " + at,
		Location: finding.Location{API: api, Place: at},
		Excerpt:  traffic.Excerpt(at, m.text),
		Decoders: m.decoders,
		Taxonomy: m.rule.attack.taxonomy,
		Fix:      m.rule.attack.fix,
	}
	if m.rule.content != "" {
		f.Message += " [content " + m.rule.content + "]"
	}
	if m.shown != "" {
		f.Message += ": " + m.shown
	}
	if m.reason != "" {
		f.Message += " (" + m.reason + ")"
	}
	if m.points < m.rule.points && m.points == 0 {
		f.Severity = finding.Info
	}
	f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	return f
}
