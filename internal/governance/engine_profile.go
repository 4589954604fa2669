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

// graphOf is the description as validation profiles see it, and beside it the
// instance. Addresses of instances are left out: they are not those that the
// description names, for which rules about servers are written.
func (s *subject) graphOf() *graph.Graph {
	if s.graph != nil {
		return s.graph
	}
	s.graph = graph.New()
	if s.Document != nil && s.Document.Root != nil {
		s.graph = graph.Build(s.Document)
	}
	if i := s.Instance; i != nil {
		node := graph.Instance{Name: i.Name, TLS: i.TLS, UpstreamTLS: true, Labels: i.Labels, At: graph.Place{File: i.File, Line: i.Line, Column: 1}}
		for _, up := range i.Services {
			node.UpstreamTLS = node.UpstreamTLS && up.TLS
		}
		for _, p := range i.Policies {
			node.Policies = append(node.Policies, graph.Policy{Name: p.Name, At: graph.Place{File: p.File, Line: p.Line, Column: 1}})
		}
		s.graph.AddInstance(node)
	}
	return s.graph
}

// profileEngine judges by a validation profile.
type profileEngine struct {
	profile *validation.Profile
}

func (e *profileEngine) judge(ctx context.Context, s *subject) ([]Violation, error) {
	results, err := e.profile.Judge(ctx, s.graphOf())
	if err != nil {
		return nil, fmt.Errorf("judging %s: %w", strings.Join(s.names(), ", "), err)
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
