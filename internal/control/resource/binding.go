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
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

// apiVersion is that of the resources that are made here.
const apiVersion = "gateway.mulesoft.com/v1alpha1"

// orderStep lies between the orders of bindings, so that one fits in between;
// defaultOrder is that of bindings that name none.
const (
	orderStep    = 10
	defaultOrder = 50
)

// NewAPI is what an API begins with.
type NewAPI struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Address is where it listens, as "http://0.0.0.0:8081/orders"; Upstream is where
	// requests go.
	Address  string            `json:"address"`
	Upstream string            `json:"upstream"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// CreateAPI puts an API with one upstream into the draft.
func (s *Service) CreateAPI(ctx context.Context, p control.Principal, environment string, a NewAPI) (Resource, error) {
	spec, err := json.Marshal(map[string]any{
		"address": strings.TrimSpace(a.Address),
		"services": map[string]any{"upstream": map[string]any{
			"address": strings.TrimSpace(a.Upstream),
		}},
	})
	if err != nil {
		return Resource{}, invalid("%v", err)
	}
	return s.Put(ctx, p, environment, manifest.Document{
		APIVersion: apiVersion, Kind: KindAPI, Labels: a.Labels, Spec: spec,
		Name: revision.Name{Namespace: cmp.Or(strings.TrimSpace(a.Namespace), "default"), Name: strings.TrimSpace(a.Name)},
	}, 0)
}

// Binding is a policy on an API as people look at it.
type Binding struct {
	Resource Key    `json:"resource,omitzero"`
	Version  int64  `json:"version,omitempty"`
	Policy   string `json:"policy"`
	Order    int64  `json:"order"`
	Enabled  bool   `json:"enabled"`
	// Automated bindings are chosen by a selector, Inline ones stand within the API.
	Automated bool            `json:"automated,omitempty"`
	Inline    bool            `json:"inline,omitempty"`
	Settings  json.RawMessage `json:"settings,omitempty"`
	Rules     json.RawMessage `json:"rules,omitempty"`
}

// bindingSpec is what a PolicyBinding says.
type bindingSpec struct {
	TargetRef struct {
		Kind      string `json:"kind,omitempty"`
		Name      string `json:"name,omitempty"`
		Namespace string `json:"namespace,omitempty"`
		Selector  *struct {
			Labels map[string]string `json:"labels"`
		} `json:"selector,omitempty"`
	} `json:"targetRef"`
	PolicyRef struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace,omitempty"`
	} `json:"policyRef"`
	Config json.RawMessage `json:"config,omitempty"`
	Order  *int64          `json:"order,omitempty"`
	Rules  json.RawMessage `json:"rules,omitempty"`
}

// on reports whether a binding is of an API: its own, or automated.
func (b *bindingSpec) on(namespace string, api *manifest.Document) (own, automated bool) {
	switch cmp.Or(b.TargetRef.Kind, KindAPI) {
	case KindAPI:
		return b.TargetRef.Name == api.Name.Name && cmp.Or(b.TargetRef.Namespace, namespace) == api.Name.Namespace, false
	case "Selector":
		if b.TargetRef.Selector != nil {
			for name, value := range b.TargetRef.Selector.Labels {
				if api.Labels[name] != value {
					return false, false
				}
			}
		}
		return false, true
	}
	return false, false
}

// Bindings lists the policies on an API in the draft: automated ones, then its own by
// order, then those within it. Secrets are masked.
func (s *Service) Bindings(ctx context.Context, p control.Principal, environment, namespace, name string) ([]Binding, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs, access.ViewPolicies); err != nil {
		return nil, err
	}
	r := s.o.DB.Read()
	api, err := s.get(ctx, r, environment, Key{KindAPI, namespace, name})
	if err != nil {
		return nil, err
	}
	list, err := s.bindings(ctx, r, environment, &api.Document)
	if err != nil {
		return nil, err
	}
	shown, err := s.masked(api.Document)
	if err != nil {
		return nil, err
	}
	var spec struct {
		Policies []bindingSpec `json:"policies"`
	}
	_ = json.Unmarshal(shown.Spec, &spec) // what is no list is told when it is published
	for i := range spec.Policies {
		one := &spec.Policies[i]
		list = append(list, Binding{Policy: one.PolicyRef.Name, Order: defaultOrder, Enabled: true, Inline: true, Settings: one.Config, Rules: one.Rules})
	}
	return list, nil
}

// bindings are those of an API that stand apart.
func (s *Service) bindings(ctx context.Context, r store.Reader, environment string, api *manifest.Document) ([]Binding, error) {
	found, err := s.draftRows(ctx, r, environment)
	if err != nil {
		return nil, err
	}
	opened, err := s.texts(ctx, r, environment, slices.DeleteFunc(found, func(one row) bool { return one.Kind != KindBinding }))
	if err != nil {
		return nil, err
	}
	list := []Binding{}
	for i := range opened {
		d, err := s.masked(opened[i].Document)
		if err != nil {
			return nil, err
		}
		var spec bindingSpec
		if json.Unmarshal(d.Spec, &spec) != nil {
			continue
		}
		own, automated := spec.on(d.Name.Namespace, api)
		if !own && !automated {
			continue
		}
		b := Binding{
			Resource: keyOf(&d), Version: opened[i].Version, Policy: spec.PolicyRef.Name, Order: defaultOrder, Automated: automated,
			Enabled: d.Annotations[manifest.AnnotationDisabled] != "true", Settings: spec.Config, Rules: spec.Rules,
		}
		if spec.Order != nil {
			b.Order = *spec.Order
		}
		list = append(list, b)
	}
	slices.SortStableFunc(list, func(a, b Binding) int {
		if a.Automated != b.Automated {
			return map[bool]int{true: -1, false: 1}[a.Automated]
		}
		return cmp.Or(cmp.Compare(a.Order, b.Order), strings.Compare(a.Resource.Name, b.Resource.Name))
	})
	return list, nil
}

// AddPolicy binds a policy to an API of the draft, as the last of its own.
func (s *Service) AddPolicy(ctx context.Context, p control.Principal, environment, namespace, name, policy string, settings json.RawMessage) (Resource, error) {
	if err := s.may(ctx, p, environment, access.ManagePolicies); err != nil {
		return Resource{}, err
	}
	entry, known := s.o.Catalogue.Find(policy)
	if !known {
		return Resource{}, invalid("policy: the catalogue has none called %q", clip(policy, 80))
	}
	if err := s.writable(environment); err != nil {
		return Resource{}, err
	}
	if len(settings) == 0 {
		settings = json.RawMessage("{}")
	}
	var out Resource
	err := s.edit(ctx, p, environment, func(tx *store.Tx, e *editing) error {
		api, err := s.get(ctx, tx.Reader, environment, Key{KindAPI, namespace, name})
		if err != nil {
			return err
		}
		list, err := s.bindings(ctx, tx.Reader, environment, &api.Document)
		if err != nil {
			return err
		}
		order := int64(orderStep)
		for _, one := range list {
			if !one.Automated {
				order = max(order, one.Order+orderStep)
			}
		}
		var spec bindingSpec
		spec.TargetRef.Kind, spec.TargetRef.Name = KindAPI, name
		spec.PolicyRef.Name, spec.PolicyRef.Namespace = policy, "default"
		spec.Config, spec.Order = settings, &order
		text, err := json.Marshal(spec)
		if err != nil {
			return invalid("settings: %v", err)
		}
		free, err := freeName(ctx, tx, environment, namespace, name+"-"+strings.TrimSuffix(entry.Name, "-flex"))
		if err != nil {
			return err
		}
		d := manifest.Document{APIVersion: apiVersion, Kind: KindBinding, Name: revision.Name{Namespace: namespace, Name: free}, Spec: text}
		if err := s.changeable(environment, &d); err != nil {
			return err
		}
		out, err = s.put(ctx, tx, e, d)
		return err
	})
	if err != nil {
		return Resource{}, err
	}
	out.Document, err = s.masked(out.Document)
	return out, err
}

// freeName is a name of a binding that none has.
func freeName(ctx context.Context, tx *store.Tx, environment, namespace, wanted string) (string, error) {
	for n := 1; n < 1000; n++ {
		name := wanted
		if n > 1 {
			name = fmt.Sprintf("%s-%d", wanted, n)
		}
		_, taken, err := draftRow(ctx, tx.Reader, environment, Key{KindBinding, namespace, name})
		if err != nil || !taken {
			return name, err
		}
	}
	return "", invalid("there are too many bindings called %s", wanted)
}

// Reorder gives the own policies of an API the order of a list, which names all of
// them.
func (s *Service) Reorder(ctx context.Context, p control.Principal, environment, namespace, name string, order []Key) error {
	if err := s.may(ctx, p, environment, access.ManagePolicies); err != nil {
		return err
	}
	if err := s.writable(environment); err != nil {
		return err
	}
	return s.edit(ctx, p, environment, func(tx *store.Tx, e *editing) error {
		api, err := s.get(ctx, tx.Reader, environment, Key{KindAPI, namespace, name})
		if err != nil {
			return err
		}
		list, err := s.bindings(ctx, tx.Reader, environment, &api.Document)
		if err != nil {
			return err
		}
		own := map[Key]bool{}
		for _, one := range list {
			if !one.Automated {
				own[one.Resource] = true
			}
		}
		for i, key := range order {
			if !own[key] {
				return invalid("%s is no policy of this API, or stands twice", key)
			}
			delete(own, key)
			if err := s.reorder(ctx, tx, e, key, int64(i+1)*orderStep); err != nil {
				return err
			}
		}
		if len(own) > 0 {
			return fmt.Errorf("%w: the order must name all policies; %s is missing", control.ErrConflict, slices.SortedFunc(maps.Keys(own), compareKeys)[0])
		}
		return nil
	})
}

func (s *Service) reorder(ctx context.Context, tx *store.Tx, e *editing, key Key, order int64) error {
	one, err := s.get(ctx, tx.Reader, e.environment, key)
	if err != nil {
		return err
	}
	d, err := withField(one.Document, "order", order)
	if err != nil {
		return err
	}
	_, err = s.put(ctx, tx, e, d)
	return err
}

// withField sets a field of a spec, or removes it when value is nil.
func withField(d manifest.Document, field string, value any) (manifest.Document, error) {
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(d.Spec, &spec); err != nil {
		return d, invalid("spec: %v", err)
	}
	delete(spec, field)
	if value != nil {
		text, err := json.Marshal(value)
		if err != nil {
			return d, invalid("%s: %v", field, err)
		}
		spec[field] = text
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return d, invalid("spec: %v", err)
	}
	d.Spec = text
	return d, nil
}

// BindingChange is a change of a policy on an API; nil fields stay.
type BindingChange struct {
	Enabled  *bool           `json:"enabled,omitempty"`
	Order    *int64          `json:"order,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	Rules    json.RawMessage `json:"rules,omitempty"`
}

// ChangeBinding changes a PolicyBinding whose version is named.
func (s *Service) ChangeBinding(ctx context.Context, p control.Principal, environment string, k Key, c BindingChange, version int64) (Resource, error) {
	if err := s.may(ctx, p, environment, access.ManagePolicies); err != nil {
		return Resource{}, err
	}
	if k.Kind != KindBinding {
		return Resource{}, control.ErrNotFound
	}
	one, err := s.get(ctx, s.o.DB.Read(), environment, k)
	if errors.Is(err, control.ErrNotFound) {
		if owner, ok := s.owners(environment)[k]; ok {
			return Resource{}, fmt.Errorf("%w: %s by %s", control.ErrReadOnly, k, place(owner))
		}
	}
	if err != nil {
		return Resource{}, err
	}
	d := one.Document
	if c.Enabled != nil {
		d.Annotations = maps.Clone(d.Annotations)
		delete(d.Annotations, manifest.AnnotationDisabled)
		if !*c.Enabled {
			if d.Annotations == nil {
				d.Annotations = map[string]string{}
			}
			d.Annotations[manifest.AnnotationDisabled] = "true"
		}
	}
	if c.Order != nil {
		d, err = withField(d, "order", *c.Order)
	}
	if err == nil && len(c.Settings) > 0 {
		d, err = withField(d, "config", c.Settings)
	}
	if err == nil && len(c.Rules) > 0 {
		d, err = withField(d, "rules", c.Rules)
	}
	if err != nil {
		return Resource{}, err
	}
	return s.Put(ctx, p, environment, d, version)
}
