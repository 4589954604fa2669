package governance

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Format is what a ruleset is written in.
type Format string

// The formats.
const (
	FormatFarrier  Format = "farrier"
	FormatSpectral Format = "spectral"
	FormatProfile  Format = "validation-profile"
)

// Ruleset is a set of rules, ready to judge. It is immutable and safe for
// concurrent use.
type Ruleset struct {
	// Name is by which profiles and commands name it: that of a built-in one, or
	// the path of its file.
	Name        string
	Title       string
	Description string
	Format      Format
	Rules       []Rule

	rules   map[string]*Rule
	engines []engine
}

// engine judges a target by some rules of a ruleset.
type engine interface {
	judge(ctx context.Context, t *subject) ([]Violation, error)
}

//go:embed rules
var builtin embed.FS

const (
	builtinDir  = "rules"
	rulesetFile = "ruleset.yaml"
)

// ErrUnknown says that there is no ruleset of a name.
var ErrUnknown = errors.New("there is no such ruleset")

// BuiltinNames are the names of the rulesets that need no file, sorted.
func BuiltinNames() []string {
	entries, err := builtin.ReadDir(builtinDir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// Builtin loads a ruleset by its name. That of none is ErrUnknown.
func Builtin(name string) (*Ruleset, error) {
	if !slices.Contains(BuiltinNames(), name) {
		return nil, fmt.Errorf("%q: %w; there are %s", name, ErrUnknown, strings.Join(BuiltinNames(), ", "))
	}
	return readRuleset(builtin, path.Join(builtinDir, name))
}

// readRuleset reads a folder of rule files.
func readRuleset(files fs.FS, dir string) (*Ruleset, error) {
	name := path.Join(dir, rulesetFile)
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("reading the ruleset: %w", err)
	}
	head, err := tree.Read(&tree.Source{Name: name, Text: text}, tree.Options{MaxBytes: 1 << 20})
	if err != nil {
		return nil, err
	}
	rules, err := readRules(files, dir)
	if err != nil {
		return nil, err
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("%s: the ruleset has no rules", dir)
	}
	s := &Ruleset{Name: head.Get("name").Str(), Title: head.Get("title").Str(), Description: strings.TrimSpace(head.Get("description").Str()), Format: FormatFarrier}
	if s.Name != path.Base(dir) {
		return nil, tree.Wrong(head, "the name of the ruleset must be that of its folder, %s", path.Base(dir))
	}
	for _, r := range rules {
		s.Rules = append(s.Rules, r.Rule)
	}
	s.index()
	s.engines, err = compileRules(rules)
	if err != nil {
		return nil, fmt.Errorf("ruleset %s: %w", s.Name, err)
	}
	return s, nil
}

func (s *Ruleset) index() {
	s.rules = make(map[string]*Rule, len(s.Rules))
	for i := range s.Rules {
		s.rules[s.Rules[i].ID] = &s.Rules[i]
	}
}

// Rule is the rule of an ID, nil where there is none.
func (s *Ruleset) Rule(id string) *Rule { return s.rules[id] }
