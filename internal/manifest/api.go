package manifest

import (
	"strconv"

	"farrier.dev/farrier/internal/revision"
)

// apiInstance is an API with what is written inside of it.
type apiInstance struct {
	header
	address   address // empty when it could not be read
	addressAt position
	services  []*service
	policies  []*binding
	lifecycle lifecycle
}

// service is an upstream, with its routes when it is written inline.
type service struct {
	header
	address   address
	addressAt position
	path      string // of the address field
	routes    []route
	inline    bool
}

type route struct {
	at          position
	path        string
	rules       []revision.Rule
	destination string
}

func (r *reader) apiInstance(h header, spec *object) *apiInstance {
	api := &apiInstance{header: h, lifecycle: r.readLifecycle(&h)}
	if text, ok := spec.needText("address"); ok {
		api.addressAt = spec.n.find("address").position
		var err error
		if api.address, err = parseListen(text); err != nil {
			spec.errorf(api.addressAt, "address", "%v", err)
			api.address = address{}
		}
	}
	services := spec.object("services")
	if services != nil {
		for _, p := range services.n.pairs {
			inner := services.needObject(p.key)
			if inner == nil {
				continue
			}
			if !resourceName.MatchString(p.key) {
				services.errorf(p.position, p.key, "not a name; use letters, digits, dots, dashes and underscores")
			}
			api.services = append(api.services, r.inlineService(api, p, inner))
		}
	}
	for i, item := range spec.objects("policies") {
		b := r.inlineBinding(api, item, i+1)
		api.policies = append(api.policies, b)
		r.set.unsure = r.set.unsure || b.policy.name.Name == ""
	}
	return api
}

func (r *reader) inlineService(api *apiInstance, p pair, o *object) *service {
	s := &service{
		header: header{
			kind: kindService, at: p.position, nameAt: p.position, nameField: o.path,
			name: revision.Name{Namespace: api.name.Namespace, Name: api.name.Name + "-" + p.key},
		},
		inline: true,
	}
	s.read(o)
	for _, item := range o.objects("routes") {
		route := route{at: item.at, path: item.path, rules: item.rules()}
		config := item.object("config")
		route.destination = config.destination("destinationPath")
		config.close()
		item.close()
		s.routes = append(s.routes, route)
	}
	if len(s.routes) == 0 {
		s.routes = []route{{at: p.position, path: o.path}}
	}
	o.close()
	return s
}

func (r *reader) service(h header, spec *object) *service {
	s := &service{header: h}
	s.read(spec)
	return s
}

func (s *service) read(o *object) {
	text, ok := o.needText("address")
	if !ok {
		return
	}
	s.addressAt, s.path = o.n.find("address").position, o.field("address")
	var err error
	if s.address, err = parseUpstream(text); err != nil {
		o.errorf(s.addressAt, "address", "%v", err)
		s.address = address{}
	}
}

func (o *object) destination(key string) string {
	p := o.pair(key)
	text, ok := o.textOf(p)
	if !ok {
		return ""
	}
	path, err := parseDestination(text)
	if err != nil {
		o.errorf(p.position, key, "%v", err)
	}
	return path
}

// binding is the application of a policy, standalone or inline.
type binding struct {
	header
	target target
	policy policyRef
	// config is a mapping, nil when there is none; configPath its field and
	// configAt the place of its key.
	config     *node
	configPath string
	configAt   position
	// badConfig says that config is no mapping, which was reported.
	badConfig bool
	order     int
	orderAt   position // of the key order, line 0 without one
	rules     []revision.Rule
	rulesAt   position // of the key rules, line 0 without rules
	// index is the place of an inline binding in its list, counted from 1; 0 for
	// a standalone one.
	index int
	path  string // of the binding's fields
}

type target struct {
	kind   string // empty when the target could not be read
	name   revision.Name
	labels map[string]string
	at     position
}

type policyRef struct {
	name revision.Name // name is empty when it could not be read
	at   position
	path string // of the name
}

const (
	// defaultOrder is the order of bindings that have none, and of inline ones.
	defaultOrder = 50
	// lastOrder is that of the router itself.
	lastOrder = 1<<31 - 1
)

func (r *reader) binding(h header, spec *object) *binding {
	b := &binding{header: h, order: defaultOrder, path: "spec"}
	if spec == nil {
		return b
	}
	b.readTarget(spec)
	b.readPolicy(spec)
	if order, ok := spec.integer("order", -lastOrder, lastOrder-1); ok {
		b.order, b.orderAt = int(order), spec.n.find("order").position
	}
	return b
}

// inlineBinding reads one item of an API's policies. The binding is called
// <api>-<policy>-<N>, N being its place in the list, counted from 1.
func (r *reader) inlineBinding(api *apiInstance, o *object, index int) *binding {
	b := &binding{
		header: header{kind: kindBinding, at: o.at, nameAt: o.at, nameField: o.path},
		target: target{kind: kindAPI, name: api.name, at: o.at},
		order:  defaultOrder, index: index, path: o.path,
	}
	b.name.Namespace = api.name.Namespace
	b.readPolicy(o)
	b.name.Name = api.name.Name + "-" + b.policy.name.Name + "-" + strconv.Itoa(index)
	o.close()
	return b
}

func (b *binding) readTarget(spec *object) {
	o := spec.needObject("targetRef")
	if o == nil {
		return
	}
	if o.n.find("kind") == nil {
		o.rename("Kind", "kind")
	}
	b.target.at = o.at
	kind := o.choice("kind", kindAPI, kindService, kindSelector)
	selector := o.object("selector")
	switch {
	case kind == kindSelector:
		o.pair("namespace")
		b.readSelector(o, selector)
	case selector != nil:
		o.errorf(selector.at, "selector", "has no meaning for %s; write kind: Selector", kind)
		selector.known = []string{"kind", "Kind", "labels"}
		o.known = append(o.known, "name", "namespace")
	default:
		name, ok := o.reference(b.name.Namespace)
		if ok {
			b.target.kind, b.target.name = kind, name
			b.target.at = o.n.find("name").position
		}
	}
	o.close()
}

func (b *binding) readSelector(o, selector *object) {
	for _, p := range o.n.pairs {
		if p.key == "namespace" {
			o.warnf(p.position, p.key, "not used: a Selector finds instances in all namespaces by their labels")
		}
	}
	if selector != nil {
		if selector.n.find("kind") == nil {
			selector.rename("Kind", "kind")
		}
		selector.choice("kind", kindAPI)
		b.target.at = selector.at
	}
	b.target.kind, b.target.labels = kindSelector, selector.words("labels")
	selector.close()
}

// readPolicy reads policyRef, config and rules, and accepts the two ways in
// which examples in use indent them wrongly.
func (b *binding) readPolicy(o *object) {
	b.policy = policyRef{name: revision.Name{Namespace: b.name.Namespace}, at: o.at, path: o.field("policyRef.name")}
	ref := o.pair("policyRef")
	var from *object
	switch flat := o.n.find("policyRef"); {
	case ref != nil:
		from = o.r.object(ref.value, ref.position, o.field("policyRef"))
	case flat != nil && o.n.find("name") != nil:
		o.warnf(flat.position, "policyRef", "name, namespace and kind must be indented under it")
		from = o
	default:
		o.need("policyRef")
	}
	if from != nil {
		b.readReference(from)
	}
	config := o.pair("config")
	if p := o.n.find("config"); p != nil && p.value.bad {
		b.badConfig = true
	}
	if from != nil && from != o {
		if inner := from.pair("config"); inner != nil && config != nil {
			from.errorf(inner.position, "config", "stands here and beside policyRef; remove one")
		} else if inner != nil {
			from.warnf(inner.position, "config", "must not be indented under policyRef, but stand beside it")
			config = inner
			b.configPath = from.field("config")
		}
		from.close()
	}
	if b.configPath == "" {
		b.configPath = o.field("config")
	}
	b.configAt = b.policy.at
	if config != nil {
		b.configAt = config.position
		if inner := o.r.object(config.value, config.position, b.configPath); inner != nil {
			b.config = inner.n
		} else {
			b.badConfig = true
		}
	}
	if b.rules = o.rules(); len(b.rules) > 0 {
		b.rulesAt = o.n.find("rules").position
	}
}

func (b *binding) readReference(o *object) {
	if o.n.find("kind") == nil {
		o.rename("Kind", "kind")
	}
	o.choice("kind", kindExtension)
	name, ok := o.reference(b.name.Namespace)
	if ok {
		b.policy = policyRef{name: name, at: o.n.find("name").position, path: o.field("name")}
	}
}
