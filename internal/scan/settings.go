package scan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/taint"
)

// SettingsFile is the name of the file in which a project says how it is to be
// scanned.
const SettingsFile = "farrier-scan.yaml"

// Profile is a choice of rules by their kind.
type Profile string

// The profiles: all rules; those of at least medium severity; those of at least high
// severity and confidence; those that follow data.
const (
	ProfileAll      Profile = "all"
	ProfileSecurity Profile = "security"
	ProfileStrict   Profile = "strict"
	ProfileTaint    Profile = "taint"
)

// Profiles lists the profiles in the order in which people are told of them.
func Profiles() []Profile {
	return []Profile{ProfileAll, ProfileSecurity, ProfileStrict, ProfileTaint}
}

// ParseProfile reads the name of a profile.
func ParseProfile(name string) (Profile, error) {
	if p := Profile(name); slices.Contains(Profiles(), p) {
		return p, nil
	}
	return "", fmt.Errorf("profile %.40q: must be one of all, security, strict, taint", name)
}

func (p Profile) has(x *rule) bool {
	switch p {
	case ProfileSecurity:
		return x.Severity >= finding.Medium
	case ProfileStrict:
		return x.Severity >= finding.High && x.Confidence == finding.HighConfidence
	case ProfileTaint:
		return len(x.sinks) > 0
	case ProfileAll:
	}
	return true
}

// Settings are what a project file says. Its fields are:
//
//	version    1
//	profile    all, security, strict or taint
//	fail-on    critical, high, medium, low or none
//	rules      {ID: off | on | severity | {severity: …, options: {…}}}
//	exclude    globs of files whose findings are left out, as "src/main/mule/legacy/**"
//	rule-files folder of the user's own rule files, inside the project
//	sources    [{elements: [x:y], sets: [payload], label: client}]
//	sinks      as the items of a rule's taint, with rule: ID
//	cleaners   [{function: f | elements: [x:y], kind: [sql]}]
type Settings struct {
	// Profile is empty where the file names none.
	Profile Profile
	// FailOn is the mildest severity that fails a run, 0 for none; FailOnSet says that
	// the file says so.
	FailOn    finding.Severity
	FailOnSet bool
	// Exclude are globs of file names.
	Exclude []string
	// RuleFolder is the folder of the user's own rules, empty for none.
	RuleFolder string

	ruleFolder *tree.Node
	rules      map[string]*ruleSetting
	source     map[string]*tree.Node
	sinks      []*sink
	origins    []*taint.Origin
	cleaners   []*taint.Cleaner
}

// ruleSetting is what settings say of one rule.
type ruleSetting struct {
	off, on  bool
	severity finding.Severity
	options  map[string]string
}

// profile is the profile of a project; asked is what was asked for beside its settings.
func (s *Settings) profile(asked Profile) Profile {
	switch {
	case asked != "":
		return asked
	case s != nil && s.Profile != "":
		return s.Profile
	}
	return ProfileAll
}

func (s *Settings) rule(id string) *ruleSetting {
	if s == nil {
		return nil
	}
	return s.rules[id]
}

// ReadSettings reads a project file. Errors name file and line.
func ReadSettings(name string, text []byte) (*Settings, error) {
	root, err := tree.Read(&tree.Source{Name: name, Text: text}, tree.Options{MaxBytes: maxRuleBytes, MaxNodes: 20_000, MaxDepth: 30})
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	f := newForm(root, "the settings", "version", "profile", "fail-on", "rules", "exclude", "rule-files", "sources", "sinks", "cleaners")
	if f.err != nil {
		return nil, f.err
	}
	s := &Settings{rules: map[string]*ruleSetting{}, source: map[string]*tree.Node{}}
	if f.number("version", 0) != 1 {
		f.fail(root.Get("version"), "version must be 1")
	}
	if word := f.text("profile"); word != "" {
		if s.Profile, err = ParseProfile(word); err != nil {
			f.fail(root.Get("profile"), "%v", err)
		}
	}
	s.readFailOn(f)
	s.Exclude, s.RuleFolder = f.texts("exclude"), f.text("rule-files")
	for _, glob := range s.Exclude {
		if _, err := path.Match(strings.ReplaceAll(glob, "**", "*"), ""); err != nil {
			f.fail(root.Get("exclude"), "%.60q is no glob", glob)
		}
	}
	if s.ruleFolder = root.Get("rule-files"); s.RuleFolder != "" && !localName(s.RuleFolder) {
		f.fail(s.ruleFolder, "rule-files must be a folder inside the project")
	}
	if rules := root.Get("rules"); rules != nil {
		if !rules.Is(tree.Object) {
			f.fail(rules, "rules must be an object, as {MS-TLS-01: off}")
		}
		for _, m := range rules.Fields() {
			s.rules[m.Name] = readRuleSetting(f, m)
			s.source[m.Name] = m.Value
		}
	}
	s.readDeclarations(f)
	if f.err != nil {
		return nil, f.err
	}
	return s, nil
}

func (s *Settings) readFailOn(f *form) {
	word := f.text("fail-on")
	if word == "" {
		return
	}
	s.FailOnSet = true
	if word == "none" {
		return
	}
	var err error
	if s.FailOn, err = finding.ParseSeverity(word); err != nil {
		f.fail(f.node.Get("fail-on"), "fail-on must be one of critical, high, medium, low, none")
	}
}

// readRuleSetting reads off, on, a severity or an object.
func readRuleSetting(f *form, m tree.Member) *ruleSetting {
	set := &ruleSetting{}
	n := m.Value
	if n.Is(tree.Object) {
		o := newForm(n, "the settings of "+m.Name, "severity", "options")
		defer f.take(o)
		set.on = true
		set.options = o.options("options")
		n = n.Get("severity")
		if n == nil {
			return set
		}
	}
	switch n.Str() {
	case "off", "false":
		set.off = true
	case "on", "true":
		set.on = true
	default:
		severity, err := finding.ParseSeverity(n.Str())
		if err != nil || !n.Is(tree.String) {
			f.fail(n, "rule %s must be off, on, a severity or {severity: …, options: {…}}", m.Name)
		}
		set.severity, set.on = severity, true
	}
	return set
}

func (s *Settings) readDeclarations(f *form) {
	for _, n := range f.list("sources") {
		o := newForm(n, "a source", "elements", "sets", "label")
		if o.err == nil {
			origin := &taint.Origin{Rule: SettingsFile, Elements: readNames(o, "elements"), Sets: o.texts("sets"), Label: readLabels(o, "label", taint.Client)}
			if len(origin.Elements) == 0 || len(origin.Sets) == 0 {
				o.fail(n, "a source needs elements and sets, as {elements: [x:listener], sets: [payload]}")
			}
			s.origins = append(s.origins, origin)
		}
		f.take(o)
	}
	for _, n := range f.list("cleaners") {
		c := newForm(n, "a cleaner", "elements", "function", "kind")
		if c.err == nil {
			cleaner := &taint.Cleaner{Function: c.text("function"), Elements: readNames(c, "elements"), Kind: readKind(c, "kind")}
			if (cleaner.Function == "") == (len(cleaner.Elements) == 0) {
				c.fail(n, "a cleaner has either function or elements")
			}
			s.cleaners = append(s.cleaners, cleaner)
		}
		f.take(c)
	}
	for _, n := range f.list("sinks") {
		id := n.Get("rule").Str()
		if id == "" {
			f.fail(n, "a sink needs the rule that it belongs to, as rule: MS-INJ-01")
			continue
		}
		s.sinks = append(s.sinks, readSinks(f, lacking(n, "rule"), id)...)
		s.source[id] = n.Get("rule")
	}
}

// lacking is an object without a member.
func lacking(n *tree.Node, name string) *tree.Node {
	out := tree.NewObject(n)
	for _, m := range n.Fields() {
		if m.Name != name {
			out.Members = append(out.Members, m)
		}
	}
	return out
}

// Check says which rules the settings name that are not there.
func (s *Settings) Check(r *Rules) error {
	if s == nil {
		return nil
	}
	for _, id := range sortedKeys(s.source) {
		if r.byID[id] == nil {
			return tree.Wrong(s.source[id], "there is no rule %.40q", id)
		}
	}
	return nil
}

// excluded says whether findings in a file are left out.
func (s *Settings) excluded(name string) bool {
	if s == nil {
		return false
	}
	return slices.ContainsFunc(s.Exclude, func(glob string) bool { return fits(glob, name) })
}

// fits matches a name with a glob in which "**" stands for any number of folders.
func fits(glob, name string) bool {
	return fitsParts(strings.Split(glob, "/"), strings.Split(name, "/"))
}

func fitsParts(glob, name []string) bool {
	for len(glob) > 0 {
		if glob[0] == "**" {
			for len(glob) > 1 && glob[1] == "**" {
				glob = glob[1:]
			}
			for i := range len(name) + 1 {
				if fitsParts(glob[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(glob[0], name[0]); err != nil || !ok {
			return false
		}
		glob, name = glob[1:], name[1:]
	}
	return len(name) == 0
}
