package manifest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// finishAPI puts the policies and routes of an API in order.
func (b *builder) finishAPI(api *apiState) {
	a := api.address
	api.out.Name, api.out.Labels, api.out.Source = api.name, api.labels, api.at.source()
	api.out.Specification = api.lifecycle.specification
	api.out.Scheme, api.out.Host, api.out.Port, api.out.BasePath = a.scheme, a.host, a.port, a.path
	b.override(api)
	api.bound = b.takeTLS(api.bound, "tls", &api.tls)
	slices.SortStableFunc(api.bound, inOrder)
	for _, bound := range api.bound {
		api.out.Policies = append(api.out.Policies, bound.out())
	}
	b.routes(api)
}

func (b *builder) finishService(s *serviceState) {
	s.bound = b.takeTLS(s.bound, "tls-outbound", &s.tls)
	if s.tls != nil {
		s.out.TLS = s.tls.settings
		if s.address.scheme == "http" {
			b.problems.warnf(s.tls.at, "spec.targetRef.name", "%s has an http address, so TLS settings have no effect; write https", s.name)
		}
	}
	slices.SortStableFunc(s.bound, inOrder)
	for _, bound := range s.bound {
		s.out.Policies = append(s.out.Policies, bound.out())
	}
}

// inOrder compares two bindings on one target as Build documents.
func inOrder(x, y *applied) int {
	if c := cmp.Or(
		-compareBools(x.policy.First, y.policy.First),
		-compareBools(x.automated, y.automated),
		cmp.Compare(x.order, y.order),
	); c != 0 {
		return c
	}
	if x.index > 0 || y.index > 0 {
		return cmp.Compare(x.index, y.index) // 0 for standalone ones
	}
	return cmp.Or(
		cmp.Compare(x.policy.Phase, y.policy.Phase),
		strings.Compare(x.at.file, y.at.file), cmp.Compare(x.at.line, y.at.line),
	)
}

func compareBools(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	default:
		return -1
	}
}

// override takes away the API's own bindings of policies that are automated for
// all of its requests.
func (b *builder) override(api *apiState) {
	automated := make(map[string]*applied)
	for _, a := range api.bound {
		if a.automated && len(a.rules) == 0 {
			automated[a.same()] = a
		}
	}
	api.bound = slices.DeleteFunc(api.bound, func(a *applied) bool {
		by := automated[a.same()]
		if by == nil || a.automated {
			return false
		}
		b.problems.warnf(a.at, a.binding.policy.path, "%s is off on %s: the automated policy %s at %s overrides it",
			a.name, api.name, by.name, by.at)
		return true
	})
}

// takeTLS takes the TLS settings out of the bindings, and reports two that
// differ.
func (b *builder) takeTLS(bound []*applied, name string, tls **applied) []*applied {
	return slices.DeleteFunc(bound, func(a *applied) bool {
		if !a.is(name) || !a.policy.Structural {
			return false
		}
		switch first := *tls; {
		case first == nil:
			*tls = a
		case !bytes.Equal(first.resolved, a.resolved):
			b.problems.errorf(a.at, a.binding.policy.path, "other %s settings are bound to the same target at %s; keep one of the two", name, first.at)
		}
		return true
	})
}

// routes makes the routes of an API, of inline services or of bindings.
func (b *builder) routes(api *apiState) {
	slices.SortStableFunc(api.routes, func(x, y *applied) int {
		return cmp.Or(cmp.Compare(x.order, y.order), cmp.Compare(x.index, y.index),
			strings.Compare(x.at.file, y.at.file), cmp.Compare(x.at.line, y.at.line))
	})
	if len(api.routes) > 0 && len(api.services) > 0 {
		r := api.routes[0]
		b.problems.errorf(r.at, r.binding.policy.path,
			"%s has inline services, at line %d, which must not be mixed with route bindings; write all routes one way",
			api.name, api.services[0].at.line)
		return
	}
	var catchAll *position
	unreachable := func(at position, field string, rules []revision.Rule) {
		if catchAll != nil {
			b.problems.warnf(at, field, "never reached: the route at %s matches every request before it", catchAll)
		} else if len(rules) == 0 {
			catchAll = &at
		}
	}
	for _, s := range api.services {
		for _, r := range s.routes {
			unreachable(r.at, r.path, r.rules)
			api.out.Routes = append(api.out.Routes, revision.Route{
				Rules:   r.rules,
				Targets: []revision.Target{{Service: s.name, Weight: 100, DestinationPath: r.destination}},
			})
		}
	}
	for _, a := range api.routes {
		unreachable(a.at, a.binding.policy.path, a.rules)
		api.out.Routes = append(api.out.Routes, revision.Route{Rules: a.rules, Targets: b.targets(a)})
	}
}

// targets reads the settings of a route or route-weighted policy, references
// resolved: a revision's targets are what they are.
func (b *builder) targets(a *applied) []revision.Target {
	config := a.config.clone()
	config.texts(nil, func(_ []string, n *node, text string) {
		if value, err := b.options.Expand(text); err == nil {
			n.value = value
		}
	})
	o := &object{r: &reader{problems: &b.problems}, n: config, at: a.configAt, path: a.configPath}
	if a.is("route") {
		return []revision.Target{b.destination(a, o, 100)}
	}
	var targets []revision.Target
	o.need("routes")
	for _, item := range o.objects("routes") {
		item.need("weight")
		weight, _ := item.integer("weight", 1, 100)
		targets = append(targets, b.destination(a, item, int(weight)))
		item.close()
	}
	return targets
}

func (b *builder) destination(a *applied, o *object, weight int) revision.Target {
	target := revision.Target{Weight: weight, DestinationPath: o.destination("destinationPath")}
	ref := o.needObject("destinationRef")
	if ref == nil {
		return target
	}
	ref.choice("kind", kindService)
	name, ok := ref.reference(a.name.Namespace)
	if ok && b.services[name] == nil {
		b.dangling(ref.n.find("name").position, ref.field("name"), kindService, name)
	}
	target.Service = name
	ref.close()
	return target
}
