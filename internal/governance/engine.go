package governance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/governance/validation"
	"farrier.dev/farrier/internal/governance/validation/graph"
	"farrier.dev/farrier/internal/spec"
)

// subject is a target with what engines make of it, each made once.
type subject struct {
	*Target
	instance *spec.Document
	graph    *graph.Graph
}

// instanceLanguage is the language of an instance's tree.
const instanceLanguage spec.Language = "instance"

// instanceDocument is the instance as rules see it.
func (s *subject) instanceDocument() (*spec.Document, error) {
	if s.instance == nil {
		root, err := s.Instance.tree()
		if err != nil {
			return nil, err
		}
		s.instance = &spec.Document{Language: instanceLanguage, File: s.Instance.File, Root: root}
		s.instance.Project = spec.OneFile(s.Instance.File, nil, spec.ProjectLimits{})
	}
	return s.instance, nil
}

// spectralEngine judges by a ruleset of Spectral's.
type spectralEngine struct {
	ruleset *spectral.Ruleset
	// instances tells that it judges instances rather than descriptions.
	instances bool
	// rules are the built-in rules by name; empty for rulesets of others.
	rules map[string]*rule
}

func (e *spectralEngine) judge(ctx context.Context, s *subject) ([]Violation, error) {
	doc := s.Document
	if e.instances {
		if s.Instance == nil {
			return nil, nil
		}
		var err error
		if doc, err = s.instanceDocument(); err != nil {
			return nil, err
		}
	}
	if doc == nil || doc.Root == nil {
		return nil, nil
	}
	results, err := e.ruleset.Judge(ctx, doc)
	if err != nil {
		return nil, fmt.Errorf("judging %s: %w", doc.File, err)
	}
	raml := doc.Language == spec.RAML10 || doc.Language == spec.RAML08
	out := make([]Violation, 0, len(results))
	for i := range results {
		if own := e.rules[results[i].Rule]; raml && own != nil && own.notRAML || e.rules != nil && toldAlready(doc, &results[i]) {
			continue
		}
		out = append(out, e.violation(s, doc, &results[i]))
	}
	return out, nil
}

func (e *spectralEngine) violation(s *subject, doc *spec.Document, r *spectral.Result) Violation {
	v := Violation{Path: r.Path}
	v.Rule, v.Message = r.Rule, r.Message
	v.Location = finding.Location{File: r.File, Line: r.Line, Column: r.Column, Place: tree.Pointer(r.Path)}
	if e.instances {
		v.Location.API, v.Location.Place = s.Instance.Name, strings.TrimPrefix(v.Location.Place, "#/instance")
	}
	if own := e.rules[r.Rule]; own != nil && own.mends(r.Path) && doc.Language != spec.RAML10 && doc.Language != spec.RAML08 {
		if at := nodeAt(doc, r.File, r.Path); at.Is(tree.Object) {
			v.Fix = &Fix{At: at, Set: own.set}
		}
	}
	return v
}

// mends says whether the object at a path is one that the fix belongs into.
func (r *rule) mends(path []string) bool {
	return r.set != nil && (r.in == "" || len(path) > 0 && path[len(path)-1] == r.in)
}

// toldAlready says whether a reference that leads nowhere is among the problems of
// the description.
func toldAlready(doc *spec.Document, r *spectral.Result) bool {
	return r.Rule == spectral.RuleInvalidReference && slices.ContainsFunc(doc.Problems, func(p spec.Problem) bool {
		return p.File == r.File && p.Line == r.Line
	})
}

// nodeAt is the value at a path of a file of the description.
func nodeAt(doc *spec.Document, file string, path []string) *tree.Node {
	if file == "" || file == doc.File {
		return doc.Root.At(path...)
	}
	root, err := doc.Project.Tree(file)
	if err != nil {
		return nil
	}
	return root.At(path...)
}

// ownTime is for judging one document by a built-in ruleset. These rules take
// time linear in the document, so that it only ends where the machine is busy.
const ownTime = time.Minute

// compileRules turns rule files into at most three engines: descriptions by
// Spectral's words, instances by them, and descriptions by a profile's.
func compileRules(rules []*rule) ([]engine, error) {
	ofSpec, ofInstance, ofProfile := map[string]any{}, map[string]any{}, map[string]any{}
	byName := map[string]*rule{}
	for _, r := range rules {
		byName[r.ID] = r
		switch {
		case r.node.Get("validation") != nil:
			ofProfile[r.ID] = withMessage(r)
		case r.Aspect == OfInstance:
			ofInstance[r.ID] = spectralRule(r)
		default:
			ofSpec[r.ID] = spectralRule(r)
		}
	}
	var engines []engine
	for _, part := range []struct {
		rules     map[string]any
		instances bool
	}{{ofSpec, false}, {ofInstance, true}} {
		if len(part.rules) == 0 {
			continue
		}
		text, err := json.Marshal(map[string]any{"rules": part.rules})
		if err != nil {
			return nil, fmt.Errorf("writing the rules: %w", err)
		}
		const name = "rules.json"
		options := spectralOptions()
		options.Limits.Time = ownTime
		set, err := spectral.Load(spec.OneFile(name, text, spec.ProjectLimits{}), name, options)
		if err != nil {
			return nil, err
		}
		engines = append(engines, &spectralEngine{set, part.instances, byName})
	}
	if len(ofProfile) == 0 {
		return engines, nil
	}
	profile, err := compileProfile(ofProfile)
	if err != nil {
		return nil, err
	}
	return append(engines, profile), nil
}

func spectralRule(r *rule) map[string]any {
	out := map[string]any{"given": r.node.Get("given").Any(), "then": r.node.Get("then").Any(), "description": r.Title, "severity": "error"}
	for _, name := range []string{"formats", "resolved", "message"} {
		if n := r.node.Get(name); n != nil {
			out[name] = n.Any()
		}
	}
	if r.node.Get("formats") == nil && r.Aspect != OfInstance {
		out["formats"] = []any{"oas2", "oas3"}
	}
	return out
}

func withMessage(r *rule) map[string]any {
	out, _ := r.node.Get("validation").Any().(map[string]any)
	if out["message"] == nil {
		out["message"] = r.Title
	}
	return out
}

// LoadFile loads a ruleset from a file: a validation profile when it begins with
// its header, otherwise one of Spectral's. Files that it extends are asked of l.
func LoadFile(l spectral.Loader, name string) (*Ruleset, error) {
	src, err := l.Source(name)
	if err != nil {
		return nil, fmt.Errorf("reading the ruleset: %w", err)
	}
	if bytes.HasPrefix(bytes.TrimPrefix(src.Text, []byte("\xef\xbb\xbf")), []byte(validation.Header)) {
		return loadProfile(src, name)
	}
	return loadSpectral(l, name)
}

func loadSpectral(l spectral.Loader, name string) (*Ruleset, error) {
	set, err := spectral.Load(l, name, spectralOptions())
	if err != nil {
		return nil, err
	}
	s := &Ruleset{Name: name, Title: path.Base(name), Format: FormatSpectral, engines: []engine{&spectralEngine{ruleset: set}}}
	for _, r := range set.Rules() {
		if !r.Enabled {
			continue
		}
		title := r.Description
		if title == "" {
			title = r.Name
		}
		s.Rules = append(s.Rules, Rule{
			ID: r.Name, Title: firstLine(title), Severity: spectralSeverity(r.Severity), Violation: r.Severity == spectral.Error,
			Aspect: Specification, Why: r.Description, Documentation: r.DocumentationURL,
		})
	}
	s.index()
	return s, nil
}

func spectralSeverity(s spectral.Severity) finding.Severity {
	switch s {
	case spectral.Error:
		return finding.High
	case spectral.Warn:
		return finding.Medium
	case spectral.Info:
		return finding.Low
	default:
		return finding.Info
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}
