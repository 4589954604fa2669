package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/secret"
)

// ChannelSpec is what a channel is made of. On a change, a secret that is empty stays
// as it is.
type ChannelSpec struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Settings notify.Settings `json:"settings"`
	Forwards []string        `json:"forwards,omitempty"`
}

func purpose(environment, id string) string { return "alert channel " + environment + "/" + id }

// SealPurpose is what the value of the column alerts_channels.sealed is sealed for, for
// those who seal anew; keys are environment and id.
func SealPurpose(keys []string) string { return purpose(keys[0], keys[1]) }

// prepared is a spec that was checked: settings without secrets, and those sealed.
type prepared struct {
	settings, sealed, secrets string
	names                     []string
}

// prepare checks a spec. before is the channel that it changes, nil for a new one.
func (s *Service) prepare(ctx context.Context, p control.Principal, environment, id string, spec *ChannelSpec, before *Channel) (*prepared, error) {
	kind, err := s.kind(spec.Kind)
	if err != nil {
		return nil, err
	}
	spec.Name = strings.TrimSpace(spec.Name)
	if spec.Name == "" || len(spec.Name) > 100 || strings.ContainsFunc(spec.Name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, invalid(errors.New("name: it must be one line of 1 to 100 bytes"))
	}
	if err := s.mayRefer(ctx, p, environment, spec.Settings); err != nil {
		return nil, err
	}
	settings := maps.Clone(spec.Settings)
	if settings == nil {
		settings = notify.Settings{}
	}
	if before != nil {
		if err := s.keepSecrets(environment, kind, before, settings); err != nil {
			return nil, err
		}
	}
	if settings, err = kind.Check(settings); err != nil {
		return nil, invalid(err)
	}
	if err := s.checkForwards(ctx, p, kind, spec.Forwards); err != nil {
		return nil, err
	}
	resolved, err := s.resolve(ctx, environment, settings)
	if err != nil {
		return nil, invalid(err)
	}
	if _, err := kind.Open(resolved, s.o.Env); err != nil {
		return nil, invalid(err)
	}
	return s.sealed(environment, id, kind, settings)
}

// keepSecrets fills in the secrets that are not given anew. They do not go along to
// another address: who may change a channel may not learn its secrets that way.
func (s *Service) keepSecrets(environment string, kind *notify.Kind, before *Channel, settings notify.Settings) error {
	old, err := s.secretsOf(environment, before)
	if err != nil {
		return err
	}
	moved := false
	for _, name := range []string{"url", "host", "port", "brokers", "encryption", "transport"} {
		moved = moved || strings.TrimSpace(settings[name]) != before.Settings[name] && before.Settings[name] != "" && settings[name] != ""
	}
	for _, f := range kind.Field {
		if f.Kind != notify.Secret || settings[f.Name] != "" || old[f.Name] == "" {
			continue
		}
		if moved || before.Kind != kind.Name {
			return invalid(fmt.Errorf("%s: give it again, for the address has changed", f.Label))
		}
		settings[f.Name] = old[f.Name]
	}
	return nil
}

func (s *Service) sealed(environment, id string, kind *notify.Kind, settings notify.Settings) (*prepared, error) {
	open, hidden := notify.Settings{}, notify.Settings{}
	for _, f := range kind.Field {
		switch {
		case settings[f.Name] == "":
		case f.Kind == notify.Secret:
			hidden[f.Name] = settings[f.Name]
		default:
			open[f.Name] = settings[f.Name]
		}
	}
	out := &prepared{names: slices.Sorted(maps.Keys(hidden))}
	out.secrets = strings.Join(out.names, ",")
	text, err := json.Marshal(open)
	if err != nil {
		return nil, err
	}
	out.settings = string(text)
	if len(hidden) == 0 {
		return out, nil
	}
	plain, err := json.Marshal(hidden)
	if err != nil {
		return nil, err
	}
	out.sealed, err = s.o.Sealer.Seal(purpose(environment, id), plain)
	return out, err
}

func (s *Service) secretsOf(environment string, c *Channel) (notify.Settings, error) {
	out := notify.Settings{}
	if c.sealed == "" {
		return out, nil
	}
	plain, err := s.o.Sealer.Open(purpose(environment, c.ID), c.sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the secrets of channel %s: %w", c.ID, err)
	}
	return out, json.Unmarshal(plain, &out)
}

// mayRefer refuses references to kept secrets to those who may not know of any: what
// a channel sends goes where its settings say.
func (s *Service) mayRefer(ctx context.Context, p control.Principal, environment string, settings notify.Settings) error {
	for name, value := range settings {
		if !secret.IsStored(value) {
			continue
		}
		if err := s.gate.Environment(ctx, p, access.ViewSecrets, environment); err != nil {
			return fmt.Errorf("%w: %s refers to a kept secret", control.ErrForbidden, name)
		}
	}
	return nil
}

// resolve puts values in the place of references to secrets.
func (s *Service) resolve(ctx context.Context, environment string, settings notify.Settings) (notify.Settings, error) {
	out := maps.Clone(settings)
	for name, value := range out {
		if !secret.IsStored(value) {
			continue
		}
		if s.o.Resolve == nil {
			return nil, fmt.Errorf("%s: references to secrets can't be resolved here", name)
		}
		resolved, err := s.o.Resolve(ctx, environment, value)
		if err != nil {
			return nil, fmt.Errorf("%s: the secret it refers to can't be read", name)
		}
		out[name] = resolved
	}
	return out, nil
}

// checkForwards asks for more where a stream tells more than an environment.
func (s *Service) checkForwards(ctx context.Context, p control.Principal, kind *notify.Kind, streams []string) error {
	for _, stream := range streams {
		switch {
		case !kind.Forwards:
			return invalid(fmt.Errorf("forwards: %s takes no streams", kind.Title))
		case stream == StreamAudit:
			// The log tells of all environments.
			if err := s.gate.Group(ctx, p, access.ViewAudit, access.Root); err != nil {
				return control.ErrForbidden
			}
		case stream != StreamFindings:
			return invalid(fmt.Errorf("forwards: there is no stream %.40q", stream))
		}
	}
	return nil
}

// told is a channel for the audit log.
func (r *prepared) told(spec *ChannelSpec) any {
	return map[string]any{"name": spec.Name, "kind": spec.Kind, "settings": json.RawMessage(r.settings), "set": r.names, "forwards": spec.Forwards}
}
