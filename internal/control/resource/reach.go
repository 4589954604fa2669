package resource

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// hostFile is the format of settings that name a file of the machine that serves.
const hostFile = "host-file"

// spot is where a text stands: a path, and the policy whose settings it belongs to.
// The same path means another thing in another policy.
type spot struct{ policy, path string }

// textsOf are the texts of a resource, by their places; none of nil.
func textsOf(d *manifest.Document) (map[spot]string, error) {
	all := map[spot]string{}
	if d == nil {
		return all, nil
	}
	fields, err := d.Fields()
	if err != nil {
		return nil, err
	}
	policies := policyNames(fields)
	for _, f := range fields {
		if f.IsText {
			name, _ := policyOf(f, policies)
			all[spot{name, f.Path}] = f.Text
		}
	}
	return all, nil
}

// live is a resource as it serves, nil for one that does not.
func (s *Service) live(ctx context.Context, r store.Reader, e *editing, k Key) (*manifest.Document, error) {
	found, err := rows(ctx, r, `SELECT kind, namespace, name, number, digest, '', 0 FROM resource_changes
		WHERE environment = ? AND kind = ? AND namespace = ? AND name = ? AND number <= ? ORDER BY number DESC LIMIT 1`,
		e.environment, k.Kind, k.Namespace, k.Name, e.state.live)
	if err != nil || len(found) == 0 || found[0].digest == "" {
		return nil, err
	}
	opened, err := s.texts(ctx, r, e.environment, found)
	if err != nil {
		return nil, err
	}
	return &opened[0].Document, nil
}

// reach refuses a resource that reaches further than who writes it: files and variables
// of the machines that serve, and kept secrets that they may not use. What a state of
// before refers to in the same place may stay.
func (s *Service) reach(mayUse func(group string) bool, d *manifest.Document, before ...*manifest.Document) error {
	problems, refers, err := s.reaches(d)
	if err != nil {
		return invalid("%v", err)
	}
	for _, one := range refers {
		stays, err := stood(one, before)
		if err != nil {
			return err
		}
		if stays {
			continue
		}
		ref, err := secret.ParseStored(one.text)
		if err != nil {
			problems = append(problems, wrongAt(d, one.path, err.Error()))
			continue
		}
		if !mayUse(ref.Group) {
			problems = append(problems, wrongAt(d, one.path, fmt.Sprintf("you may not use the kept secrets of group %s; that takes the permission secrets:view here, or a grant on the group", ref.Group)))
		}
	}
	if len(problems) > 0 {
		return &InvalidError{problems}
	}
	return nil
}

// referring is a text that refers to a kept secret.
type referring struct {
	spot
	text string
}

// stood reports whether a reference stood in the same place before.
func stood(one referring, before []*manifest.Document) (bool, error) {
	for _, d := range before {
		texts, err := textsOf(d)
		if err != nil {
			return false, err
		}
		if texts[one.spot] == one.text {
			return true, nil
		}
	}
	return false, nil
}

func wrongAt(d *manifest.Document, field, message string) Problem {
	return Problem{Resource: keyOf(d), Severity: manifest.Error.String(), Field: field, Message: message}
}

// reaches lists the files and variables that a resource names, which it may not, and its
// references to kept secrets.
func (s *Service) reaches(d *manifest.Document) (problems []Problem, refers []referring, err error) {
	fields, err := d.Fields()
	if err != nil {
		return nil, nil, err
	}
	policies, texts := policyNames(fields), map[string]string{}
	for _, f := range fields {
		texts[f.Path] = f.Text
	}
	for _, f := range fields {
		if !f.IsText || f.Text == "" {
			continue
		}
		name, variable := secret.Variable(f.Text)
		named, _ := s.bySchema(f, policies, func(schema map[string]any) bool { return schema["format"] == hostFile })
		switch {
		case variable:
			problems = append(problems, wrongAt(d, f.Path, "$"+clip(name, 60)+" is a variable of the machine that serves, which only manifests on disk may name; keep the value as a secret and write ${secret:GROUP/NAME}, or write $$ for a literal $"))
		case named || hostFileOf(d.Kind, f):
			problems = append(problems, wrongAt(d, f.Path, "names a file of the machine that serves, which only manifests on disk may; give what it holds, or an address"))
		case readsVariable(f, texts):
			problems = append(problems, wrongAt(d, f.Path, "reads a variable of the machine that serves, which only manifests on disk may; write the label as a literal"))
		case secret.IsStored(f.Text):
			policy, _ := policyOf(f, policies)
			refers = append(refers, referring{spot{policy, f.Path}, f.Text})
		}
	}
	return problems, refers, nil
}

// hostFileOf reports whether a field outside of the settings of policies names a file:
// the module of an Extension, or a log that is written to one.
func hostFileOf(kind string, f manifest.Field) bool {
	switch steps := f.Steps[1:]; kind {
	case KindExtension:
		return slices.Equal(steps, []string{"properties", "implementation", "default"}) && !strings.HasPrefix(f.Text, "base64://")
	case KindConfiguration:
		return len(steps) == 4 && steps[0] == "logging" && steps[1] == "outputs" && steps[3] == "type" && f.Text == "file"
	}
	return false
}

// readsVariable reports whether a field is the kind of a label of traces whose value is
// that of a variable, or may turn out to be, since it is a reference itself.
func readsVariable(f manifest.Field, texts map[string]string) bool {
	above, is := strings.CutSuffix(f.Path, ".type")
	return is && (f.Text == "environment" || strings.HasPrefix(f.Text, "$")) && texts[above+".keyName"] != ""
}

// reachable refuses rows that came into a draft before what they name was looked at:
// those that differ from what serves may name no files and no variables.
func (s *Service) reachable(ctx context.Context, environment string, of []row) error {
	r := s.o.DB.Read()
	state, err := readEnvironment(ctx, r, environment)
	if err != nil {
		return err
	}
	live, err := s.snapshotRows(ctx, r, environment, state.live)
	if err != nil {
		return err
	}
	_, changed := apart(live, of)
	opened, err := s.texts(ctx, r, environment, changed)
	if err != nil {
		return err
	}
	var wrong []Problem
	for i := range opened {
		problems, _, err := s.reaches(&opened[i].Document)
		if err != nil {
			return err
		}
		wrong = append(wrong, problems...)
	}
	if len(wrong) > 0 {
		return &InvalidError{wrong}
	}
	return nil
}
