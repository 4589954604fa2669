package provision

import (
	"context"

	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
)

// About is what the server says of itself under a name, as ServiceProviderConfig,
// ResourceTypes or Schemas, or of one thing in it by its id; empty for the whole.
func (s *Service) About(ctx context.Context, p control.Principal, name, id string) (map[string]any, error) {
	if _, err := s.caller(ctx, p); err != nil {
		return nil, err
	}
	var out map[string]any
	switch {
	case name == "ServiceProviderConfig":
		out = scim.ServiceProviderConfig(s.base)
	case name == "ResourceTypes" && id == "":
		out = scim.ResourceTypes(s.base)
	case name == "ResourceTypes":
		out = scim.ResourceType(s.base, id)
	case name == "Schemas" && id == "":
		out = scim.Schemas(s.base)
	case name == "Schemas":
		out = scim.SchemaOf(s.base, id)
	}
	if out == nil {
		return nil, scim.Missing(name, id)
	}
	return out, nil
}
