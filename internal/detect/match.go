package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

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
}

// match is one rule matching in one place.
type match struct {
	rule rule
	// places has more than one entry when a query and a body parameter share a
	// name: the first is shown, and exclusions must cover all.
	places   []place
	decoders []string
	text     string
}

// maxMatched bounds the matched text that is looked at for an excerpt.
const maxMatched = 256

// log4ShellID is the number under which Coraza knows our rule.
const log4ShellID = 100150

// appendMatches adds what a matched rule says; rules without severity only do
// the set's book-keeping.
func appendMatches(to []match, matched types.MatchedRule, c *content) []match {
	meta := matched.Rule()
	if meta.Severity() < 0 || meta.ID() < 910000 && meta.ID() != log4ShellID {
		return to
	}
	r := rule{
		id: meta.ID(), name: fmt.Sprintf("crs-%d", meta.ID()), title: matched.Message(), tags: meta.Tags(),
	}
	if r.id == log4ShellID {
		r.id, r.name = 0, "farrier-log4shell"
	}
	r.attack = attackOf(meta.ID(), r.tags)
	r.severity, r.points = severity(meta.Severity(), r.attack)
	before := len(to)
	for _, data := range matched.MatchedDatas() {
		if data.Variable().Name() == "QUERY_STRING" && c.matchedInQuery(matched) {
			continue // the parameter says it better
		}
		m := match{rule: r, text: matchedText(data)}
		if isArgument(data.Variable().Name()) {
			for _, f := range c.byKey[data.Key()] {
				m.places = append(m.places, c.fields[f].place)
				m.decoders = c.fields[f].decoders
			}
		} else if p, ok := variablePlace(data.Variable().Name(), data.Key()); ok {
			m.places = []place{p}
		}
		if m.places != nil {
			to = append(to, m)
		}
	}
	if len(to) == before {
		// A rule that only looks at what other rules counted.
		to = append(to, match{rule: r, places: []place{{kind: inWholeRequest}}})
	}
	return to
}

// matchedInQuery says whether the rule also matched a parameter of the query.
func (c *content) matchedInQuery(matched types.MatchedRule) bool {
	for _, data := range matched.MatchedDatas() {
		if !isArgument(data.Variable().Name()) {
			continue
		}
		for _, f := range c.byKey[data.Key()] {
			if c.fields[f].source == fromQuery {
				return true
			}
		}
	}
	return false
}

// matchedText is the part of a value that matched: the rules write it into
// their log data, where it stands before the name of the variable.
func matchedText(data types.MatchData) string {
	text := data.Value()
	if rest, ok := strings.CutPrefix(data.Data(), "Matched Data: "); ok {
		if found, _, ok := strings.Cut(rest, " found within "); ok && strings.TrimSpace(found) != "" {
			text = found
		}
	}
	return text[:min(len(text), maxMatched)]
}

// severity translates a severity of the rule set and gives the points that the
// set counts for it.
func severity(s types.RuleSeverity, a *attack) (finding.Severity, int) {
	switch s {
	case types.RuleSeverityEmergency, types.RuleSeverityAlert, types.RuleSeverityCritical:
		if a.runsCode {
			return finding.Critical, 5
		}
		return finding.High, 5
	case types.RuleSeverityError:
		return finding.High, 4
	case types.RuleSeverityWarning:
		return finding.Medium, 3
	case types.RuleSeverityNotice:
		return finding.Low, 2
	case types.RuleSeverityInfo, types.RuleSeverityDebug, types.RuleSeverityUnset:
	}
	return finding.Info, 0
}

// merge leaves one match for each rule and place, worst first. The rule engine
// walks maps: sorting makes its answers equal for equal requests.
func merge(matches []match) []match {
	slices.SortFunc(matches, func(a, b match) int {
		return cmp.Or(
			cmp.Compare(b.rule.points, a.rule.points),
			cmp.Compare(b.rule.severity, a.rule.severity),
			strings.Compare(a.rule.name, b.rule.name),
			strings.Compare(a.places[0].String(), b.places[0].String()),
			cmp.Compare(len(b.places), len(a.places)),
			strings.Compare(a.text, b.text),
		)
	})
	return slices.CompactFunc(matches, func(a, b match) bool {
		return a.rule.name == b.rule.name && a.places[0] == b.places[0]
	})
}

func (m match) finding(api string) finding.Finding {
	at := m.places[0].String()
	f := finding.Finding{
		Rule: m.rule.name, Severity: m.rule.severity, Title: m.rule.title,
		Message:  m.rule.title + " in " + at,
		Location: finding.Location{API: api, Place: at},
		Excerpt:  traffic.Excerpt(at, m.text),
		Decoders: m.decoders,
		Taxonomy: m.rule.attack.taxonomy,
		Fix:      m.rule.attack.fix,
	}
	f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	return f
}
