package scan

import (
	"bytes"
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/check"
	"farrier.dev/farrier/internal/scan/taint"
)

// The rules about suppressions themselves, which the engine asks.
const (
	noReason    = "MS-SUP-01"
	noRule      = "MS-SUP-02"
	noUse       = "MS-SUP-03"
	ignoreWord  = "farrier:ignore"
	leastReason = 3
)

// suppressionRules describe the rules about suppressions.
func suppressionRules() []RuleInfo {
	info := func(id, title, why, mend string) RuleInfo {
		return RuleInfo{
			ID: id, Title: title, Severity: finding.Low, Confidence: finding.HighConfidence, Majors: []int{3, 4}, Why: why, Mend: mend,
			Taxonomy: finding.Taxonomy{CWE: 1116},
			Bad:      []string{"<!-- farrier:ignore MS-TLS-03 -->"}, Good: []string{"<!-- farrier:ignore MS-TLS-03 the certificate is pinned by the sidecar -->"},
		}
	}
	return []RuleInfo{
		info(noReason, "Suppression without a reason", "Nobody can tell later whether the finding may still be left out, so the suppression does not count.", "Write the reason behind the id of the rule."),
		info(noRule, "Suppression of an unknown rule", "The suppression has no effect: no rule has that id.", "Correct the id or remove the comment."),
		info(noUse, "Suppression that suppresses nothing", "What it was written for is gone; it would hide a finding that appears there later.", "Remove the comment."),
	}
}

// suppression is one comment that says not to tell of findings.
type suppression struct {
	file   *mule.File
	span   document.Span
	rules  []string
	reason string
	// target is the element whose findings are meant; nil for a line of another
	// file: its own and the next.
	target *document.Element
	lines  document.Span
	used   bool
}

var (
	inXML  = regexp.MustCompile(`^\s*` + ignoreWord + `\b[ \t]*([\s\S]*)$`)
	inText = regexp.MustCompile(`(?:^|[\s;,{}()\[\]])(?://|#|/\*)[ \t]*` + ignoreWord + `\b[ \t]*([^\r\n]*)`)
	ids    = regexp.MustCompile(`^[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+$`)
)

// suppressed are the findings with the reasons of those that the source suppresses,
// what is wrong with suppressions, and without what the settings leave out.
func (j *judge) suppressed(s *Settings) []finding.Finding {
	all := j.suppressions()
	reasons := map[*found]string{}
	index := newSuppressionIndex(all)
	for _, r := range j.found {
		index.each(r, func(x *suppression) {
			x.used = true
			if reasons[r] == "" {
				reasons[r] = x.reason
			}
		})
	}
	for _, x := range all[:min(len(all), maxPerRule)] {
		j.judgeSuppression(x)
	}
	findings := j.findings() // in the order of j.found, once it is sorted
	for i, r := range j.found {
		findings[i].Suppressed = reasons[r]
	}
	kept := findings[:0]
	for i := range findings {
		if r := j.found[i]; r.File == nil || !s.excluded(r.File.Name) {
			kept = append(kept, findings[i])
		}
	}
	return kept
}

// suppressionIndex finds the suppressions of a place.
type suppressionIndex struct {
	targets map[*document.Element][]*suppression
	// lines are those of each file that count for lines, in the order of lines.
	lines map[*mule.File][]*suppression
	// xml are those of each file that count for elements.
	xml map[*mule.File][]*suppression
}

func newSuppressionIndex(all []*suppression) *suppressionIndex {
	i := &suppressionIndex{map[*document.Element][]*suppression{}, map[*mule.File][]*suppression{}, map[*mule.File][]*suppression{}}
	for _, x := range all {
		if x.target == nil {
			i.lines[x.file] = append(i.lines[x.file], x)
			continue
		}
		i.targets[x.target] = append(i.targets[x.target], x)
		i.xml[x.file] = append(i.xml[x.file], x)
	}
	for _, of := range i.lines {
		slices.SortFunc(of, func(a, b *suppression) int {
			return cmp.Or(cmp.Compare(a.lines.Start, b.lines.Start), cmp.Compare(a.lines.End, b.lines.End))
		})
	}
	return i
}

// each visits the suppressions that count for what was found.
func (i *suppressionIndex) each(r *found, visit func(*suppression)) {
	heeded := func(x *suppression) {
		if r.File == x.file && x.reason != "" && slices.Contains(x.rules, r.asked.ID) {
			visit(x)
		}
	}
	// Lines end in the order in which they begin.
	of := i.lines[r.File]
	first, _ := slices.BinarySearchFunc(of, r.Span.Start, func(x *suppression, at int) int { return cmp.Compare(x.lines.End, at+1) })
	for _, x := range of[first:] {
		if x.lines.Start > r.Span.Start {
			break
		}
		heeded(x)
	}
	for e := r.Element; e != nil; e = e.Parent {
		for _, x := range i.targets[e] {
			heeded(x)
		}
	}
	if r.Element == nil {
		for _, x := range i.xml[r.File] {
			if r.Span.Start >= x.target.Whole.Start && r.Span.Start < x.target.Whole.End {
				heeded(x)
			}
		}
	}
}

// judgeSuppression tells what is wrong with a suppression. One of a rule that is not
// asked is left in peace.
func (j *judge) judgeSuppression(x *suppression) {
	var id, message string
	unknown, all := "", true
	for _, rule := range x.rules {
		if j.plan.rules.byID[rule] == nil {
			unknown = rule
		}
		all = all && j.plan.asked[rule] != nil
	}
	switch {
	case len(x.rules) == 0 || unknown != "":
		id, message = noRule, "the suppression names no known rule"
		if unknown != "" {
			message = "the suppression names " + quoted(unknown) + ", which is no rule"
		}
	case x.reason == "":
		id, message = noReason, "the suppression of "+strings.Join(x.rules, ", ")+" gives no reason and is not heeded"
	case !x.used && all:
		id, message = noUse, "the suppression of "+strings.Join(x.rules, ", ")+" suppresses nothing"
	default:
		return
	}
	set := j.plan.setting(id)
	if set == nil {
		return
	}
	j.found = append(j.found, &found{asked: set, Report: check.Report{
		Place: taint.Place{File: x.file, Span: x.span}, Message: message, Detail: "suppression of " + strings.Join(x.rules, " "),
	}})
}

// suppressions are those of all files of the project.
func (j *judge) suppressions() []*suppression {
	var out []*suppression
	xml := map[*mule.File]bool{}
	for _, files := range [][]*mule.XMLFile{j.project.Configs, j.project.Documents} {
		for _, f := range files {
			xml[f.File] = true
			if f.Document != nil && (!f.Test || j.plan.tests) && bytes.Contains(f.Text, []byte(ignoreWord)) {
				out = append(out, inDocument(f)...)
			}
		}
	}
	for _, name := range sortedKeys(j.project.Files) {
		f := j.project.Files[name]
		if !xml[f] && (!f.Test || j.plan.tests) && commented(name) && bytes.Contains(f.Text, []byte(ignoreWord)) {
			out = append(out, inLines(f, f.Text, 0, len(f.Text))...)
		}
	}
	return out
}

// commented says whether a file may have comments with // or #.
func commented(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".dwl", ".java", ".groovy", ".properties", ".yaml", ".yml", ".raml", ".py", ".js":
		return true
	}
	return false
}

// inDocument are the suppressions of an XML file: a comment counts for the element
// behind it, one that stands first in an element for that.
func inDocument(f *mule.XMLFile) []*suppression {
	var out []*suppression
	f.Document.Root.Walk(func(e *document.Element) bool {
		m := &meaning{in: e}
		for i, n := range e.Children {
			switch n := n.(type) {
			case *document.Element:
				m.last = n
			case *document.Comment:
				words := inXML.FindStringSubmatch(n.Text)
				if words == nil {
					continue
				}
				x := &suppression{file: f.File, span: n.Whole, target: m.of(i)}
				x.read(words[1])
				out = append(out, x)
			case *document.Text:
				if strings.Contains(n.Value.Text, ignoreWord) {
					out = append(out, inLines(f.File, f.Text, n.Whole.Start, n.Whole.End)...)
				}
			}
		}
		return true
	})
	return out
}

// meaning tells what the comments in an element are about, in their order.
type meaning struct {
	in *document.Element
	// last is the element before the comment; next is the number of the first child
	// from which on the next element is looked for.
	last *document.Element
	next int
}

// of is the element that the comment of number i is about: the one that ends on its
// line, the one whose start tag ends on its line, or the next.
func (m *meaning) of(i int) *document.Element {
	text, at, before := m.in.Document.Text, m.in.Children[i].Bytes().Start, m.in.Tag.End
	if m.last != nil {
		before = m.last.Whole.End
	}
	sameLine := !bytes.ContainsRune(text[before:at], '\n') && len(bytes.TrimSpace(text[before:at])) == 0
	switch {
	case sameLine && m.last != nil:
		return m.last
	case sameLine && m.in.Parent != nil:
		return m.in
	}
	for m.next = max(m.next, i+1); m.next < len(m.in.Children); m.next++ {
		if e, ok := m.in.Children[m.next].(*document.Element); ok {
			return e
		}
	}
	return &document.Element{} // none: it suppresses nothing
}

// inLines are the suppressions in comments of lines: each counts for its line and
// the next that is not empty.
func inLines(f *mule.File, text []byte, start, end int) []*suppression {
	var out []*suppression
	for _, m := range inText.FindAllSubmatchIndex(text[start:end], -1) {
		x := &suppression{file: f, span: document.Span{Start: start + m[0], End: start + m[1]}}
		x.read(strings.TrimSuffix(strings.TrimSpace(string(text[start+m[2]:start+m[3]])), "*/"))
		x.lines = document.Span{Start: lineStart(text, start+m[2]), End: nextLine(text, start+m[3])}
		out = append(out, x)
	}
	return out
}

// nextLine is the end of the first line with words behind a place, so that it holds
// what follows a comment.
func nextLine(text []byte, at int) int {
	for n := 0; n < 2; {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return len(text)
		}
		if n == 0 || len(bytes.TrimSpace(text[at:at+i])) > 0 {
			n++
		}
		at += i + 1
	}
	return at
}

// maxSuppressed is how many rules one comment may name; it is not heeded for more.
const maxSuppressed = 100

// read takes rules and reason apart: "MS-INJ-01, MS-INJ-04 reason".
func (x *suppression) read(text string) {
	words := strings.Fields(text)
	for len(words) > 0 {
		word := strings.TrimRight(words[0], ",:;")
		if !ids.MatchString(word) {
			break
		}
		if len(x.rules) < maxSuppressed {
			x.rules = append(x.rules, word)
		}
		words = words[1:]
	}
	reason := strings.Trim(strings.Join(words, " "), "-: ")
	if len(reason) >= leastReason {
		x.reason = classify.Redact(cut(reason, maxExcerpt))
	}
}

// setting is a rule about suppressions as the settings want it, nil where it is off.
func (p *plan) setting(id string) *asked {
	set := p.settings.rule(id)
	if set != nil && set.off || len(p.only) > 0 && !slices.Contains(p.only, id) {
		return nil
	}
	a := &asked{rule: p.rules.byID[id]}
	if set != nil {
		a.severity = set.severity
	}
	return a
}
