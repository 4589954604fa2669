package resource

import (
	"context"
	"encoding/json"
	"slices"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// Policy is a policy of the catalogue, to choose from.
type Policy struct {
	Name, Title, Category string
	// Outbound policies bind to services.
	Outbound bool
	// Schema is the JSON schema of its settings.
	Schema json.RawMessage
}

// Policies lists the policies that can be bound to an API.
func (s *Service) Policies(ctx context.Context, p control.Principal, environment string) ([]Policy, error) {
	if err := s.may(ctx, p, environment, access.ViewPolicies); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(s.o.Policies), func(one Policy) bool { return one.Outbound }), nil
}

// Policy gives one policy by any of its names.
func (s *Service) Policy(name string) (Policy, bool) {
	entry, known := s.o.Catalogue.Find(name)
	if !known {
		return Policy{}, false
	}
	at := slices.IndexFunc(s.o.Policies, func(one Policy) bool { return one.Name == entry.Name })
	if at < 0 {
		return Policy{}, false
	}
	return s.o.Policies[at], true
}

// YAML writes one resource of a draft as a manifest, secrets masked.
func (s *Service) YAML(ctx context.Context, p control.Principal, environment string, k Key) (Resource, []byte, error) {
	one, err := s.Get(ctx, p, environment, k)
	if err != nil {
		return one, nil, err
	}
	text, err := one.YAML()
	return one, text, err
}

// PutYAML is Put of a manifest with one document. The key, where it is not zero, must
// be that of the document.
func (s *Service) PutYAML(ctx context.Context, p control.Principal, environment string, k Key, text []byte, version int64) (Resource, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs); err != nil {
		return Resource{}, err
	}
	documents, found := manifest.Documents([]manifest.File{{Name: k.file(environment), Text: text}})
	var problems []Problem
	for _, one := range found {
		if one.Severity == manifest.Error {
			told := s.problem(environment, one)
			told.Line = one.Line
			problems = append(problems, told)
		}
	}
	switch {
	case len(problems) > 0:
		return Resource{}, &InvalidError{problems}
	case len(documents) != 1:
		return Resource{}, invalid("the manifest must hold one resource, not %d", len(documents))
	case k != Key{} && keyOf(&documents[0]) != k:
		return Resource{}, invalid("kind, namespace and name must stay; what has another name is another resource")
	}
	documents[0].Source = revision.Source{}
	return s.Put(ctx, p, environment, documents[0], version)
}
