package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/check"
	"farrier.dev/farrier/internal/scan/taint"
)

// rule is one rule file: what to look for, what to say of it, and examples that
// prove it. Its fields are:
//
//	id, title, why, mend  texts; id equals the name of the file
//	severity              critical, high, medium, low or info
//	confidence            high, medium or low
//	experimental          true: it runs only when it is asked for
//	mule                  the major versions it looks at (default: [4])
//	owasp                 {2019: API7, 2023: API8}, both optional
//	cwe                   a number
//	controls              {pci-dss-4.0: [6.2.4], …}
//	unless                ids of rules: it is silent where one of them reports the same element, its
//	                      parent or a child
//	match                 a list of selectors with messages and fixes; or
//	taint                 a list of sinks that data must not reach; or
//	check, options        a check in Go by its name, and its options; with taint it
//	                      judges what reaches the sinks
//	fix                   a repair in Go by its name, for taint and check
//	bad, good             examples: Mule XML, or files
type rule struct {
	RuleInfo
	node    *tree.Node
	unless  []string
	matches []*match
	sinks   []*sink
	check   check.Func
	options map[string]string
	repair  check.RepairFunc
	bad     []*example
	good    []*example
}

// sink is what a rule with taint looks for.
type sink struct {
	*taint.Sink
	message *message
}

func ruleFields() []string {
	return []string{
		"id", "title", "severity", "confidence", "experimental", "mule", "owasp", "cwe", "controls", "why", "mend", "unless",
		"match", "taint", "check", "options", "fix", "bad", "good",
	}
}

// maxRuleBytes is the length that a rule file may have; maxRuleFiles the number of
// files in a folder of rules.
const (
	maxRuleBytes = 256 << 10
	maxRuleFiles = 2_000
)

// ruleReaders is how many rule files are read at once.
const ruleReaders = 4

// readRules reads the rule files of a folder, in the order of their names. Names
// in errors begin with shown. With an error it gives the rules that are right.
// Examples are left out unless they are asked for.
func readRules(files fs.FS, dir, shown string, examples bool) ([]*rule, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("listing the rules of %s: %w", shown, err)
	}
	if len(names) > maxRuleFiles {
		return nil, fmt.Errorf("%s has %d rule files, more than %d", shown, len(names), maxRuleFiles)
	}
	rules, wrong := make([]*rule, len(names)), make([]error, len(names))
	var readers sync.WaitGroup
	for k := range ruleReaders {
		readers.Go(func() {
			for i := k; i < len(names); i += ruleReaders {
				text, err := fs.ReadFile(files, names[i])
				if err != nil {
					wrong[i] = fmt.Errorf("reading a rule: %w", err)
					continue
				}
				rules[i], wrong[i] = readRuleText(path.Join(shown, path.Base(names[i])), text, examples)
			}
		})
	}
	readers.Wait()
	return slices.DeleteFunc(rules, func(r *rule) bool { return r == nil }), errors.Join(wrong...)
}

func readRuleText(name string, text []byte, examples bool) (*rule, error) {
	if i := bytes.Index(text, []byte("\nbad:")); i >= 0 && !examples { // the examples stand last
		text = text[:i+1]
	}
	root, err := tree.Read(&tree.Source{Name: name, Text: text}, tree.Options{MaxBytes: maxRuleBytes, MaxNodes: 20_000, MaxDepth: 30})
	if err != nil {
		return nil, fmt.Errorf("reading a rule: %w", err)
	}
	r, err := readRule(root, examples)
	if err != nil {
		return nil, err
	}
	if r.ID+".yaml" != path.Base(name) {
		return nil, tree.Wrong(root.Get("id"), "the id of the rule must be the name of its file")
	}
	return r, nil
}

var ruleID = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,11}(-[A-Z0-9]{1,11}){1,3}$`)

func readRule(n *tree.Node, examples bool) (*rule, error) {
	f := newForm(n, "a rule", ruleFields()...)
	if f.err != nil {
		return nil, f.err
	}
	r := &rule{node: n, unless: f.texts("unless"), options: f.options("options")}
	r.ID, r.Title, r.Why, r.Mend = f.needed("id"), f.needed("title"), f.needed("why"), f.needed("mend")
	if r.ID != "" && !ruleID.MatchString(r.ID) {
		f.fail(n.Get("id"), "id %.40q: must be capitals and numbers with hyphens between, as MS-TLS-03", r.ID)
	}
	severity, err := finding.ParseSeverity(f.needed("severity"))
	if err != nil {
		f.fail(n.Get("severity"), "%v", err)
	}
	r.Severity = severity
	r.Confidence = readConfidence(f)
	r.Experimental = f.truth("experimental")
	r.Majors = readMajors(f)
	r.Taxonomy = readTaxonomy(f)
	readCondition(f, r)
	if !examples {
		return r, f.err
	}
	if r.bad, err = readExamples(f, r, "bad"); err != nil {
		return nil, err
	}
	if r.good, err = readExamples(f, r, "good"); err != nil {
		return nil, err
	}
	return r, f.err
}

func readConfidence(f *form) finding.Confidence {
	n := f.node.Get("confidence")
	return chosen(f, n, "confidence", f.needed("confidence"), []named[finding.Confidence]{
		{"high", finding.HighConfidence},
		{"medium", finding.MediumConfidence},
		{"low", finding.LowConfidence},
	})
}

func readMajors(f *form) []int {
	n := f.node.Get("mule")
	if n == nil {
		return []int{4}
	}
	var majors []int
	for _, item := range f.list("mule") {
		if item.Str() != "3" && item.Str() != "4" {
			f.fail(item, "mule must be a list of the versions 3 and 4")
			continue
		}
		majors = append(majors, int(item.Str()[0]-'0'))
	}
	if len(majors) == 0 {
		f.fail(n, "mule must be a list of the versions 3 and 4")
	}
	return majors
}

var owaspEntry = regexp.MustCompile(`^API([1-9]|10)$`)

func readTaxonomy(f *form) finding.Taxonomy {
	t := finding.Taxonomy{CWE: f.number("cwe", 0)}
	if owasp := f.node.Get("owasp"); owasp != nil {
		o := newForm(owasp, "owasp", "2019", "2023")
		t.OWASP2019, t.OWASP2023 = o.text("2019"), o.text("2023")
		for _, entry := range []string{t.OWASP2019, t.OWASP2023} {
			if entry != "" && !owaspEntry.MatchString(entry) {
				o.fail(owasp, "owasp entries are API1 to API10, not %.20q", entry)
			}
		}
		f.take(o)
	}
	controls := f.node.Get("controls")
	if controls == nil {
		return t
	}
	c := newForm(controls, "controls", standards()...)
	t.Controls = make(map[string][]string, len(controls.Members))
	for _, m := range controls.Fields() {
		for _, item := range m.Value.List() {
			// A number such as 6.2 is the name of a control, too.
			if !item.Is(tree.String) && !item.Is(tree.Number) {
				c.fail(item, "a control of %s must be a text", m.Name)
			}
			t.Controls[m.Name] = append(t.Controls[m.Name], item.Str())
		}
		if len(t.Controls[m.Name]) == 0 {
			c.fail(m.Value, "controls of %s must be a list of texts", m.Name)
		}
	}
	f.take(c)
	return t
}

func standards() []string {
	var names []string
	for name := range finding.Standards() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func readCondition(f *form, r *rule) {
	n := f.node
	given := 0
	for _, name := range []string{"match", "taint", "check"} {
		if n.Get(name) != nil {
			given++
		}
	}
	if judged := n.Get("taint") != nil && n.Get("check") != nil; given != 1 && (given != 2 || !judged) {
		f.fail(n, "a rule has exactly one of match, taint and check, or a check that judges what taint finds")
		return
	}
	for _, item := range f.list("match") {
		r.matches = append(r.matches, readMatch(f, item))
	}
	for _, item := range f.list("taint") {
		r.sinks = append(r.sinks, readSinks(f, item, r.ID)...)
	}
	if n.Get("match") != nil && len(r.matches) == 0 || n.Get("taint") != nil && len(r.sinks) == 0 {
		f.fail(n, "match and taint must be lists of at least one item")
	}
	if name := f.text("check"); name != "" {
		var ok bool
		if r.check, ok = check.Named(name); !ok {
			f.fail(n.Get("check"), "no check is named %.60q", name)
		}
	}
	if name := f.text("fix"); name != "" {
		var ok bool
		if r.repair, ok = check.RepairNamed(name); !ok {
			f.fail(n.Get("fix"), "no repair is named %.60q", name)
		}
		if n.Get("match") != nil {
			f.fail(n.Get("fix"), "fixes of a rule with match stand in its items")
		}
	}
	if len(r.options) > 0 && r.check == nil {
		f.fail(n.Get("options"), "only rules with check have options")
	}
}

// take keeps the first mistake of a part.
func (f *form) take(part *form) {
	if f.err == nil {
		f.err = part.err
	}
}
