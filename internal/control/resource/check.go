package resource

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/manifest"
)

// checked brings a resource into canonical form and refuses it where it is wrong in
// itself; what it refers to is looked at when the draft is published.
func (s *Service) checked(e *editing, d *manifest.Document, before ...*manifest.Document) error {
	environment := e.environment
	if !slices.Contains(Kinds(), d.Kind) {
		return invalid("kind: must be one of %s; contracts and secrets have places of their own", strings.Join(Kinds(), ", "))
	}
	if err := d.Canonical(); err != nil {
		return invalid("%v", err)
	}
	// Before anything is resolved: what may not be reached is not even tried.
	if err := s.reach(e.mayUse, d, before...); err != nil {
		return err
	}
	text, err := d.YAML()
	if err != nil {
		return invalid("%v", err)
	}
	var problems []Problem
	for _, one := range manifest.Read([]manifest.File{{Name: keyOf(d).file(environment), Text: text}}).Problems() {
		if one.Severity == manifest.Error {
			problems = append(problems, s.problem(environment, one))
		}
	}
	if len(problems) == 0 {
		problems = s.settings(environment, d)
	}
	if len(problems) > 0 {
		return &InvalidError{problems}
	}
	return nil
}

// settings checks the settings of a PolicyBinding.
func (s *Service) settings(environment string, d *manifest.Document) []Problem {
	if d.Kind != KindBinding {
		return nil
	}
	var spec struct {
		PolicyRef struct {
			Name string `json:"name"`
		} `json:"policyRef"`
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(d.Spec, &spec); err != nil {
		return []Problem{{Resource: keyOf(d), Severity: "error", Field: "spec", Message: err.Error()}}
	}
	found := s.CheckSettings(environment, spec.PolicyRef.Name, spec.Config)
	for i := range found {
		found[i].Resource = keyOf(d)
		if found[i].Field = strings.TrimSuffix("spec.config."+found[i].Field, "."); strings.HasPrefix(found[i].Field, "spec.config.[") {
			found[i].Field = "spec.config" + found[i].Field[len("spec.config."):]
		}
	}
	return found
}

// CheckSettings says what is wrong with the settings of a policy in an environment: by
// its schema, and by compiling them, expressions among them. Of a policy that the
// catalogue does not have, nothing is known; nor of settings that refer to what only
// the processes know that serve the environment.
func (s *Service) CheckSettings(environment, policy string, settings json.RawMessage) []Problem {
	entry, known := s.o.Catalogue.Find(policy)
	if !known || entry.Structural {
		return nil
	}
	if len(settings) == 0 || string(settings) == "null" {
		settings = json.RawMessage("{}")
	}
	written := settings
	if build := s.o.Build(environment); entry.Resolve != nil && build.Expand != nil {
		resolved, err := entry.Resolve(settings, build.Expand)
		if err != nil && build.Elsewhere && build.Missing(err) {
			return nil
		}
		if err != nil {
			return []Problem{{Severity: "error", Message: err.Error()}}
		}
		settings = resolved
	}
	if entry.Check == nil {
		return nil
	}
	var out []Problem
	for _, one := range discreet(entry, written, settings) {
		field := strings.Builder{}
		for _, step := range one.Path {
			switch {
			case step != "" && strings.Trim(step, "0123456789") == "":
				field.WriteString("[" + step + "]")
			case field.Len() > 0:
				field.WriteString("." + step)
			default:
				field.WriteString(step)
			}
		}
		message := one.Message
		if len(one.Known) > 0 {
			message += "; known are " + strings.Join(one.Known, ", ")
		}
		out = append(out, Problem{Severity: "error", Field: field.String(), Message: message})
	}
	return out
}

// discreet checks settings in which references were replaced. A problem that the
// settings do not have as they are written comes from a value, and might tell it.
func discreet(entry manifest.Policy, written, resolved json.RawMessage) []manifest.FieldProblem {
	found := entry.Check(resolved)
	if len(found) == 0 || bytes.Equal(written, resolved) {
		return found
	}
	told := map[string]bool{}
	for _, one := range entry.Check(written) {
		told[one.Message] = true
	}
	for i := range found {
		if !told[found[i].Message] {
			found[i].Message = "the value of a reference does not suit this setting; it is not shown"
		}
	}
	return found
}
