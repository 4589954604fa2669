package resource

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
)

// Promotion is what is copied from one environment into the draft of another.
type Promotion struct {
	// From is the environment whose live revision is copied from.
	From string `json:"from"`
	// APIs are namespace/name of those that are copied, with their services and
	// policies.
	APIs []string `json:"apis"`
	// Overrides are the texts that are another in the environment.
	Overrides []Override `json:"overrides,omitempty"`
	DryRun    bool       `json:"dryRun,omitempty"`
	// Draft is the version of the draft that was looked at, nil for any.
	Draft *int64 `json:"draft,omitempty"`
}

// Override is another text for a field of a resource that is copied.
type Override struct {
	Resource Key    `json:"resource"`
	Field    string `json:"field"`
	Value    string `json:"value"`
}

// Promoted is what was copied.
type Promoted struct {
	Applied
	// Look are the fields whose value may have to be another: addresses, and references
	// to variables and secrets. Overridden says that it was replaced.
	Look []Dependent `json:"look"`
}

// Dependent is a field whose value depends on the environment.
type Dependent struct {
	Override
	Why        string `json:"why"`
	Overridden bool   `json:"overridden"`
	// Current is what the draft that is copied into says there; empty for nothing, and
	// masked as Value is.
	Current string `json:"current,omitempty"`
}

// Promote copies APIs from the live revision of one environment into the draft of
// another.
func (s *Service) Promote(ctx context.Context, p control.Principal, environment string, o Promotion) (*Promoted, error) {
	if err := s.may(ctx, p, environment, access.ManageAPIs, access.ManagePolicies); err != nil {
		return nil, err
	}
	// What is copied is readable there, secrets among it.
	if err := s.may(ctx, p, o.From, access.ManageAPIs, access.ManagePolicies); err != nil {
		return nil, err
	}
	r := s.o.DB.Read()
	state, err := readEnvironment(ctx, r, o.From)
	if err != nil {
		return nil, err
	}
	rows, err := s.snapshotRows(ctx, r, o.From, state.live)
	if err != nil {
		return nil, err
	}
	all, err := s.texts(ctx, r, o.From, rows)
	if err != nil {
		return nil, err
	}
	chosen, err := closure(all, o.APIs)
	if err != nil {
		return nil, err
	}
	out := &Promoted{Look: []Dependent{}}
	have, err := s.currently(ctx, environment, chosen)
	if err != nil {
		return nil, err
	}
	overrides := map[string]string{}
	for _, one := range o.Overrides {
		overrides[one.Resource.String()+" "+one.Field] = one.Value
	}
	for i := range chosen {
		key := keyOf(&chosen[i]).String()
		if err := s.look(&chosen[i], have[keyOf(&chosen[i])], overrides, out); err != nil {
			return nil, err
		}
		if chosen[i], err = chosen[i].Rewrite(func(path, text string) string {
			if next, ok := overrides[key+" "+path]; ok {
				delete(overrides, key+" "+path)
				return next
			}
			return text
		}); err != nil {
			return nil, err
		}
	}
	for _, unused := range slices.Sorted(maps.Keys(overrides)) {
		return nil, invalid("overrides: nothing that is copied has the text field %s", unused)
	}
	applied, err := s.apply(ctx, p, environment, chosen, Applying{DryRun: o.DryRun, draft: o.Draft})
	if err != nil {
		return nil, err
	}
	out.Applied = *applied
	return out, nil
}

// look lists the fields of a resource that depend on the environment; have is what the
// draft that is copied into says in them.
func (s *Service) look(d *manifest.Document, have, overrides map[string]string, out *Promoted) error {
	fields, err := d.Fields()
	if err != nil {
		return err
	}
	secrets := s.secrets(d)
	for _, f := range fields {
		why := ""
		last := f.Steps[len(f.Steps)-1]
		switch {
		case !f.IsText || f.Text == "":
		case secrets[f.Path]:
			why = "a secret that stands in the settings"
		case strings.HasPrefix(f.Text, "${secret:"):
			why = "a reference to a secret"
		case reference.MatchString(f.Text):
			why = "a reference to a variable"
		case last == "address" || strings.Contains(f.Text, "://"):
			why = "an address"
		}
		if why == "" {
			continue
		}
		one := Dependent{Override: Override{keyOf(d), f.Path, f.Text}, Why: why, Current: have[f.Path]}
		if secrets[f.Path] {
			one.Value = Mask
		}
		_, one.Overridden = overrides[one.Resource.String()+" "+f.Path]
		out.Look = append(out.Look, one)
	}
	return nil
}

// currently are the texts of the resources of a draft that have the names of some
// others, by their fields; secrets are masked.
func (s *Service) currently(ctx context.Context, environment string, of []manifest.Document) (map[Key]map[string]string, error) {
	out := map[Key]map[string]string{}
	for i := range of {
		key := keyOf(&of[i])
		one, err := s.get(ctx, s.o.DB.Read(), environment, key)
		if errors.Is(err, control.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		fields, err := one.Fields()
		if err != nil {
			return nil, err
		}
		secrets := s.secrets(&one.Document)
		out[key] = map[string]string{}
		for _, f := range fields {
			switch {
			case f.IsText && secrets[f.Path]:
				out[key][f.Path] = Mask
			case f.IsText:
				out[key][f.Path] = f.Text
			}
		}
	}
	return out, nil
}

// Sources are the environments from which the principal may copy APIs into another:
// those that have a live revision.
func (s *Service) Sources(ctx context.Context, p control.Principal, environment string) ([]string, error) {
	if err := s.may(ctx, p, environment, access.ManageAPIs, access.ManagePolicies); err != nil {
		return nil, err
	}
	found, err := names(ctx, s.o.DB.Read(), `SELECT environment FROM resource_environments WHERE live > 0 AND environment <> ? ORDER BY environment`, environment)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(name string) bool { return !s.Can(ctx, p, name, access.ManageAPIs, access.ManagePolicies) }), nil
}

// LiveAPIs are the APIs of the live revision of an environment, as namespace/name.
func (s *Service) LiveAPIs(ctx context.Context, p control.Principal, environment string) ([]string, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs); err != nil {
		return nil, err
	}
	r := s.o.DB.Read()
	state, err := readEnvironment(ctx, r, environment)
	if err != nil {
		return nil, err
	}
	found, err := s.snapshotRows(ctx, r, environment, state.live)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, one := range found {
		if one.Kind == KindAPI {
			out = append(out, one.Namespace+"/"+one.Name)
		}
	}
	return out, nil
}

// closure finds APIs with all that belongs to them: the policies bound to them, the
// services that these route to, and the policies of those.
func closure(all []Resource, apis []string) ([]manifest.Document, error) {
	byKey := map[Key]*Resource{}
	for i := range all {
		byKey[all[i].Key()] = &all[i]
	}
	chosen := map[Key]bool{}
	for _, name := range apis {
		namespace, bare, both := strings.Cut(name, "/")
		if !both {
			namespace, bare = "default", name
		}
		key := Key{KindAPI, namespace, bare}
		if byKey[key] == nil {
			return nil, fmt.Errorf("%w: the live revision has no API %s", control.ErrNotFound, clip(name, 200))
		}
		chosen[key] = true
	}
	for grown := true; grown; {
		grown = false
		for i := range all {
			if !chosen[all[i].Key()] && belongs(&all[i], chosen) {
				chosen[all[i].Key()], grown = true, true
			}
			if all[i].Kind != KindBinding || !chosen[all[i].Key()] {
				continue
			}
			for _, service := range routed(&all[i]) {
				if byKey[service] != nil && !chosen[service] {
					chosen[service], grown = true, true
				}
			}
		}
	}
	var out []manifest.Document
	for _, key := range slices.SortedFunc(maps.Keys(chosen), compareKeys) {
		out = append(out, byKey[key].Document)
	}
	return out, nil
}

// belongs says whether a binding is of something that was chosen, by name.
func belongs(r *Resource, chosen map[Key]bool) bool {
	var spec bindingSpec
	if r.Kind != KindBinding || json.Unmarshal(r.Spec, &spec) != nil {
		return false
	}
	kind := cmp.Or(spec.TargetRef.Kind, KindAPI)
	return chosen[Key{kind, cmp.Or(spec.TargetRef.Namespace, r.Name.Namespace), spec.TargetRef.Name}]
}

// routed are the services that a route leads to.
func routed(r *Resource) []Key {
	type ref struct {
		DestinationRef struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"destinationRef"`
	}
	var spec struct {
		Config struct {
			ref
			Routes []ref `json:"routes"`
		} `json:"config"`
	}
	if json.Unmarshal(r.Spec, &spec) != nil {
		return nil
	}
	var out []Key
	for _, one := range append(spec.Config.Routes, spec.Config.ref) {
		if one.DestinationRef.Name != "" {
			out = append(out, Key{KindService, cmp.Or(one.DestinationRef.Namespace, r.Name.Namespace), one.DestinationRef.Name})
		}
	}
	return out
}
