package governance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/governance/validation"
	"farrier.dev/farrier/internal/governance/validation/graph"
)

func (s *subject) graphOf() *graph.Graph {
	if s.graph == nil {
		s.graph = graph.Build(s.Document)
	}
	return s.graph
}

// profileEngine judges by a validation profile.
type profileEngine struct {
	profile *validation.Profile
}

func (e *profileEngine) judge(ctx context.Context, s *subject) ([]Violation, error) {
	if s.Document == nil || s.Document.Root == nil {
		return nil, nil
	}
	results, err := e.profile.Judge(ctx, s.graphOf())
	if err != nil {
		return nil, fmt.Errorf("judging %s: %w", s.Document.File, err)
	}
	out := make([]Violation, 0, len(results))
	for i := range results {
		r := &results[i]
		v := Violation{Path: r.Path}
		v.Rule, v.Message = r.Rule, strings.TrimSpace(r.Message)
		v.Location = finding.Location{File: r.File, Line: r.Line, Column: r.Column, Place: tree.Pointer(r.Path)}
		if r.Path == nil {
			v.Location.Place = r.Node
		}
		out = append(out, v)
	}
	return out, nil
}

// compileProfile makes a profile of validations by their ids.
func compileProfile(validations map[string]any) (engine, error) {
	text, err := json.Marshal(map[string]any{"profile": "rules", "violation": slices.Sorted(maps.Keys(validations)), "validations": validations})
	if err != nil {
		return nil, fmt.Errorf("writing the rules: %w", err)
	}
	profile, err := validation.Load(&tree.Source{Name: "rules.yaml", Text: append([]byte(validation.Header+"\n"), text...)})
	if err != nil {
		return nil, err
	}
	return &profileEngine{profile}, nil
}

// loadProfile loads a validation profile.
func loadProfile(src *tree.Source, name string) (*Ruleset, error) {
	p, err := validation.Load(src)
	if err != nil {
		return nil, err
	}
	s := &Ruleset{Name: name, Title: p.Name, Description: p.Description, Format: FormatProfile, engines: []engine{&profileEngine{p}}}
	for _, r := range p.Rules() {
		if r.Disabled {
			continue
		}
		s.Rules = append(s.Rules, Rule{
			ID: r.ID, Title: firstLine(r.Message), Severity: profileSeverity(r.Severity), Violation: r.Severity == validation.Violation,
			Aspect: Specification, Why: strings.TrimSpace(r.Documentation), Mend: strings.TrimSpace(r.Message),
		})
	}
	s.index()
	return s, nil
}

func profileSeverity(s validation.Severity) finding.Severity {
	switch s {
	case validation.Violation:
		return finding.High
	case validation.Warning:
		return finding.Medium
	default:
		return finding.Low
	}
}
