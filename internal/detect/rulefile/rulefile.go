// Package rulefile reads detection rules: one YAML file each, with a condition
// and examples that must and must not match. A rule whose own examples fail is
// refused, so that a rule file is its own test. Rules compile to SecLang, the
// rule language of ModSecurity, which the engine runs; this package runs no
// rule on traffic. The rules that Farrier brings lie in rules/.
package rulefile

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// Names says whether a rule looks at the names of values.
type Names uint8

// What a rule looks at in its places.
const (
	// ValuesOnly is the default.
	ValuesOnly Names = iota
	// NamesToo looks at names and values.
	NamesToo
	// NamesOnly looks at names and no values.
	NamesOnly
)

// Rule is one rule. It is immutable.
type Rule struct {
	// ID is the name in the file, as "nosql-operator".
	ID string
	// Name is the rule of findings, "farrier-" and ID for rules that Farrier
	// brings, "custom-" and ID for others.
	Name string
	// Number is the id in SecLang. The numbers up to Number+Stride-1 belong to
	// the rule as well: an alternative that is a conjunction takes one more.
	Number int
	// File is the path the rule was read from.
	File string

	Title, Description, Fix string
	Severity                finding.Severity
	// Class is the class of attacks.
	Class Class
	// Places are the parts of a request that the rule looks at, never empty.
	Places []Place
	Names  Names
	// Skip are names whose values the rule leaves alone, as the last part of a
	// longer name too, in any case.
	Skip []string
	// Decode are the SecLang transformations applied first, in order.
	Decode []string
	// Good must not match, Bad must.
	Good, Bad []Example

	alternatives []alternative
	unless       *term
	skip         *term
}

// alternative holds when all its terms match one value.
type alternative []term

// term is a regular expression as the engine compiles it.
type term struct {
	expr string
	re   *regexp.Regexp
}

// Stride is the distance between the numbers of two rules.
const Stride = 10

// The numbers of rules.
const (
	firstBuiltin = 100000
	lastBuiltin  = 199999
	firstCustom  = 9000000
	lastCustom   = 9999999
)

// Points are what a match adds to the score of a request: 5 for critical, 4 for
// high, 3 for medium, 2 for low, 0 for info.
func (r *Rule) Points() int {
	switch r.Severity {
	case finding.Critical:
		return 5
	case finding.High:
		return 4
	case finding.Medium:
		return 3
	case finding.Low:
		return 2
	case finding.Info:
	}
	return 0
}

// Matches says whether the condition holds for one value, or one name; the
// place is not looked at. The engine need not ask: it runs SecLang.
func (r *Rule) Matches(text string) bool {
	text = transform(r.Decode, text)
	hit := slices.ContainsFunc(r.alternatives, func(a alternative) bool {
		return !slices.ContainsFunc(a, func(t term) bool { return !t.re.MatchString(text) })
	})
	return hit && (r.unless == nil || !r.unless.re.MatchString(text))
}

//go:embed rules/*.yaml rules/numbers.txt
var builtin embed.FS

// numbersFile gives each rule that Farrier brings its number, for ever.
const numbersFile = "rules/numbers.txt"

// Builtin reads the rules that Farrier brings, in the order of their numbers.
func Builtin() ([]*Rule, error) {
	numbers, err := readNumbers(builtin)
	if err != nil {
		return nil, err
	}
	rules, err := parseAll(builtin)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		number, ok := numbers[r.ID]
		if !ok {
			return nil, fmt.Errorf("%s: rule %q has no number: add a line to %s", r.File, r.ID, numbersFile)
		}
		delete(numbers, r.ID)
		r.Number, r.Name = number, "farrier-"+r.ID
	}
	for id := range numbers {
		return nil, fmt.Errorf("%s: no file defines rule %q: write \"retired\" for its name", numbersFile, id)
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return a.Number - b.Number })
	return rules, nil
}

// readNumbers reads lines of a number and the id of a rule.
func readNumbers(fsys fs.FS) (map[string]int, error) {
	text, err := fs.ReadFile(fsys, numbersFile)
	if err != nil {
		return nil, fmt.Errorf("reading the numbers of rules: %w", err)
	}
	numbers, last := map[string]int{}, firstBuiltin-Stride
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		digits, id, _ := strings.Cut(line, " ")
		number, err := strconv.Atoi(digits)
		if err != nil || number != last+Stride || number > lastBuiltin {
			return nil, fmt.Errorf("%s:%d: %q: write the next number, %d, a space and the id", numbersFile, i+1, line, last+Stride)
		}
		last = number
		if id == "retired" {
			continue
		}
		if numbers[id] != 0 {
			return nil, fmt.Errorf("%s:%d: rule %q has a number already", numbersFile, i+1, id)
		}
		numbers[id] = number
	}
	return numbers, nil
}

// Load reads all rules of operators, the files *.yaml and *.yml anywhere in
// fsys. Their numbers follow the order of their paths, from 9,000,000 on; what
// must stay is known by Name. All problems of all files are reported at once.
func Load(fsys fs.FS) ([]*Rule, error) {
	rules, err := parseAll(fsys)
	if err != nil {
		return nil, err
	}
	if len(rules) > (lastCustom-firstCustom)/Stride {
		return nil, fmt.Errorf("%d rules: at most %d can be numbered", len(rules), (lastCustom-firstCustom)/Stride)
	}
	for i, r := range rules {
		r.Number = firstCustom + i*Stride
	}
	return rules, nil
}

// maxFile bounds a rule file, in bytes.
const maxFile = 256 << 10

func parseAll(fsys fs.FS) ([]*Rule, error) {
	var rules []*Rule
	var problems []error
	seen := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		ext := path.Ext(name)
		if err != nil || d.IsDir() || ext != ".yaml" && ext != ".yml" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		r, err := Parse(name, text)
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		if other := seen[r.ID]; other != "" {
			problems = append(problems, &Error{File: name, Line: 1, Field: "id", Problem: fmt.Sprintf("%q is the id of the rule in %s; choose another", r.ID, other)})
			return nil
		}
		seen[r.ID] = name
		rules = append(rules, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return rules, nil
}
