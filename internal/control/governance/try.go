package governance

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery/known"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// Rulesets are all built-in rulesets, and those of the profiles, each once.
func (s *Service) Rulesets(p control.Principal) ([]*rules.Ruleset, error) {
	if err := control.Authorise(p, access.ViewGovernance, s.o.Where.At()); err != nil {
		return nil, err
	}
	var out []*rules.Ruleset
	seen := map[string]bool{}
	for _, name := range rules.BuiltinNames() {
		set, err := s.library.builtin(name)
		if err != nil {
			return nil, err
		}
		seen[name] = true
		out = append(out, set)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.profiles {
		for _, set := range one.rulesets {
			if !seen[set.Name] {
				seen[set.Name] = true
				out = append(out, set)
			}
		}
	}
	return out, nil
}

// Ruleset is one of Rulesets by its name, or control.ErrNotFound.
func (s *Service) Ruleset(p control.Principal, name string) (*rules.Ruleset, error) {
	all, err := s.Rulesets(p)
	if err != nil {
		return nil, err
	}
	for _, set := range all {
		if set.Name == name {
			return set, nil
		}
	}
	return nil, control.ErrNotFound
}

// Trial is a ruleset held against a description, neither of which is kept.
type Trial struct {
	// Ruleset is the text of one, in either format.
	Ruleset string
	// API is the namespace/name whose description is judged; Specification is a
	// text that is judged instead.
	API, Specification string
}

// maxTrial bounds the texts of a trial, in bytes.
const maxTrial = 1 << 20

// ErrTrial is what is wrong with the texts of a trial, in words for who wrote
// them.
var ErrTrial = errors.New("the trial could not be run")

// Try judges as a trial says. What is wrong with its texts is ErrTrial.
func (s *Service) Try(ctx context.Context, p control.Principal, t Trial) (*rules.Report, error) {
	if err := control.Authorise(p, access.ViewGovernance, s.o.Where.At()); err != nil {
		return nil, err
	}
	if len(t.Ruleset) > maxTrial || len(t.Specification) > maxTrial {
		return nil, fmt.Errorf("%w: rules and description may have %d bytes each", ErrTrial, maxTrial)
	}
	const name = "ruleset.yaml"
	set, err := rules.LoadFile(spec.OneFile(name, []byte(t.Ruleset), spec.ProjectLimits{}), name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrial, err)
	}
	target := rules.Target{}
	if t.Specification != "" {
		const name = "description"
		target.Document = languages.Read(spec.OneFile(name, []byte(t.Specification), spec.ProjectLimits{}), name)
	} else if target.Document, err = s.descriptionOf(t.API); err != nil {
		return nil, err
	}
	return rules.Judge(ctx, target, []*rules.Ruleset{set}, nil, s.o.Now()), nil
}

func (s *Service) descriptionOf(api string) (*spec.Document, error) {
	if rev := s.o.Serving(); rev != nil {
		for i := range rev.APIs {
			if rev.APIs[i].Name.String() != api {
				continue
			}
			if d := known.Document(&rev.APIs[i]); d != nil {
				return d, nil
			}
			return nil, fmt.Errorf("%w: no description of %s is known; its manifest can name one in the annotation farrier/specification", ErrTrial, api)
		}
	}
	return nil, fmt.Errorf("%w: choose an API, or paste a description", ErrTrial)
}
