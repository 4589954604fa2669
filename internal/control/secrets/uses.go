package secrets

import (
	"context"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
)

func refersTo(use Use, group, name string) bool {
	ref, err := secret.ParseStored(use.Reference)
	return err == nil && ref.Group == group && ref.Name == name
}

// Uses lists where what serves refers to a secret, TLS contexts among it.
func (s *Service) Uses(ctx context.Context, p control.Principal, environment, group, name string) ([]Use, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, group); err != nil {
		return nil, err
	}
	all, err := s.list(ctx, environment, group)
	if err != nil {
		return nil, err
	}
	var uses []Use
	for _, one := range all {
		if c := one.Facts.Context; c != nil {
			for _, q := range c.parts() {
				if q.name == name {
					uses = append(uses, Use{Resource: "TLS context " + group + "/" + one.Name, Setting: q.field, Reference: one.Reference()})
				}
			}
		}
	}
	for _, use := range s.o.Uses(environment) {
		if refersTo(use, group, name) {
			uses = append(uses, use)
		}
	}
	return uses, nil
}

// Credential is one thing that proves who Farrier is to others, or that keeps
// something from them.
type Credential struct {
	// Where says where the value lies: "secret", "environment", "file", "vault", or
	// "manifest" when it is written in the manifest itself.
	Where string `json:"where"`
	// Reference names it; empty for "manifest".
	Reference string `json:"reference,omitempty"`
	// Secret is what is kept of it, nil when it lies elsewhere or was removed.
	Secret *Secret `json:"secret,omitempty"`
	Uses   []Use   `json:"uses,omitempty"`
	// Age is how long the current version serves, 0 when not known.
	Age time.Duration `json:"age,omitempty"`
}

// Credentials lists every credential of an environment: the secrets that are kept,
// and what settings in service hold besides.
func (s *Service) Credentials(ctx context.Context, p control.Principal, environment string) ([]Credential, error) {
	if err := s.gate.Environment(ctx, p, access.ViewSecrets, environment); err != nil {
		return nil, err
	}
	kept, err := s.list(ctx, environment, "")
	if err != nil {
		return nil, err
	}
	var all []Credential
	at := map[string]int{}
	for i := range kept {
		at[kept[i].Reference()] = len(all)
		all = append(all, Credential{Where: "secret", Reference: kept[i].Reference(), Secret: &kept[i], Age: s.o.Now().Sub(kept[i].Changed)})
	}
	for _, use := range s.o.Uses(environment) {
		key, where := use.Reference, whereOf(use.Reference)
		if ref, err := secret.ParseStored(key); err == nil {
			ref.Field = ""
			key = ref.Bare().String()
		}
		if where == "manifest" {
			key = ""
		}
		i, known := at[key]
		if !known || key == "" {
			i = len(all)
			all = append(all, Credential{Where: where, Reference: key})
			if key != "" {
				at[key] = i
			}
		}
		all[i].Uses = append(all[i].Uses, use)
	}
	slices.SortStableFunc(all, func(a, b Credential) int {
		return strings.Compare(order(a.Where)+a.Reference, order(b.Where)+b.Reference)
	})
	return all, nil
}

// order puts what should be mended first.
func order(where string) string {
	if where == "manifest" {
		return "0"
	}
	return "1" + where
}

func whereOf(reference string) string {
	switch {
	case secret.IsStored(reference):
		return "secret"
	case strings.HasPrefix(reference, "file:"):
		return "file"
	case strings.HasPrefix(reference, "vault:"):
		return "vault"
	case reference == "":
		return "manifest"
	}
	return "environment"
}
