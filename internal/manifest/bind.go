package manifest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// applied is a binding whose policy was found and whose settings are good, on
// one target.
type applied struct {
	*binding
	policy    Policy
	automated bool
	// custom is the extension of a custom policy, else nil.
	custom *extension
	// config is the mended config, never nil; settings are it as JSON, resolved
	// has the references replaced.
	config             *node
	settings, resolved json.RawMessage
	// unchecked says that the settings can only be resolved where they will be served.
	unchecked bool
}

// bareName leaves out the endings that tell the gateway and not the policy.
func bareName(name string) string {
	for _, ending := range []string{"-flex", "-mule"} {
		if bare, ok := strings.CutSuffix(name, ending); ok {
			return bare
		}
	}
	return name
}

func (a *applied) is(names ...string) bool { return slices.Contains(names, bareName(a.policy.Name)) }

// same tells which bindings are of one policy: all custom ones are run by the
// same, and are not.
func (a *applied) same() string {
	if a.custom != nil {
		return a.custom.name.String()
	}
	return a.policy.Name
}

func (a *applied) out() revision.Binding {
	return revision.Binding{
		Name: a.name, Policy: a.policy.Name, As: a.binding.policy.name.Name, Settings: a.settings,
		Rules: a.rules, Order: a.order, Automated: a.automated, Source: a.at.source(),
	}
}

// bind finds the policy of each binding, checks its settings and attaches it to
// its targets.
func (b *builder) bind() {
	for _, api := range b.apiList {
		for _, inline := range api.policies {
			b.attach(inline, b.apply(inline), api)
		}
	}
	for _, standalone := range b.set.bindings {
		if standalone.target.kind == "" || standalone.annotations[AnnotationDisabled] == "true" {
			b.apply(standalone)
			continue
		}
		b.target(standalone, b.apply(standalone))
	}
}

// target finds what a standalone binding points to. a is nil when the binding
// itself is wrong.
func (b *builder) target(s *binding, a *applied) {
	switch s.target.kind {
	case kindService:
		service := b.services[s.target.name]
		if service == nil {
			b.dangling(s.target.at, "spec.targetRef.name", kindService, s.target.name)
		} else if a != nil {
			service.attach(b, a)
		}
	case kindSelector:
		b.selector(s, a)
	default:
		api := b.apis[s.target.name]
		if api == nil {
			b.dangling(s.target.at, "spec.targetRef.name", kindAPI, s.target.name)
			return
		}
		b.attach(s, a, api)
	}
}

func (b *builder) selector(s *binding, a *applied) {
	if a != nil && a.is("route", "route-weighted") {
		b.problems.errorf(s.target.at, "spec.targetRef", "a route belongs to one API; name it instead of using a Selector")
		return
	}
	matched := false
	for _, api := range b.apiList {
		if !matches(api.labels, s.target.labels) {
			continue
		}
		matched = true
		automated := a
		if a != nil {
			automated = new(applied)
			*automated = *a
			automated.automated = true
		}
		b.attach(s, automated, api)
	}
	if !matched && !b.set.unsure {
		b.problems.warnf(s.target.at, "spec.targetRef.selector", "no ApiInstance has these labels, so the policy runs nowhere; correct the labels")
	}
}

func matches(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if have, ok := labels[name]; !ok || have != value {
			return false
		}
	}
	return true
}

// attach binds to an API. a is nil when the binding s itself is wrong.
func (b *builder) attach(s *binding, a *applied, api *apiState) {
	switch {
	case a == nil:
		api.lost = append(api.lost, bareName(s.policy.name.Name))
	case a.policy.Outbound:
		b.problems.errorf(a.binding.policy.at, a.binding.policy.path,
			"%s is an outbound policy; bind it by targetRef to a Service, not to an ApiInstance", a.policy.Name)
	case a.is("route", "route-weighted") && a.policy.Structural:
		api.routes = append(api.routes, a)
	default:
		api.bound = append(api.bound, a)
	}
}

// attach binds to a service.
func (s *serviceState) attach(b *builder, a *applied) {
	if !a.policy.Outbound {
		b.problems.errorf(a.binding.policy.at, a.binding.policy.path,
			"%s is an inbound policy; bind it to an ApiInstance, not to a Service", a.policy.Name)
		return
	}
	s.bound = append(s.bound, a)
}

// lookup finds the policy that a binding refers to, and the extension that it
// is when it is no supplied one.
func (b *builder) lookup(ref policyRef) (policy Policy, custom *extension, found bool) {
	policy, supplied := b.catalogue.Find(ref.name.Name)
	supplied = supplied && policy.Name != customPolicy
	extension := b.extensions[ref.name]
	switch {
	case ref.name.Name == "":
		return Policy{}, nil, false
	case supplied && ref.name.Namespace == defaultNamespace:
		return policy, nil, true
	case extension != nil:
		policy, found = b.custom(ref, extension)
		return policy, extension, found
	case supplied:
		b.problems.errorf(ref.at, ref.path, "there is no policy %s in the namespace %s; "+
			"supplied policies live in default: write namespace: default in policyRef", ref.name.Name, ref.name.Namespace)
	default:
		mend := "correct the name, or remove the binding"
		if near := b.nearest(ref.name.Name); ref.name.Name == customPolicy {
			mend = "a module is bound by the name of the Extension that has it as its implementation"
		} else if near != "" {
			mend = "did you mean " + near + "?"
		}
		b.problems.errorf(ref.at, ref.path, "unknown policy; %s", mend)
	}
	return Policy{}, nil, false
}

// nearest is the name of a policy, supplied or custom, most like a wrong one.
func (b *builder) nearest(wrong string) string {
	names := b.catalogue.Names()
	for _, e := range b.set.extensions {
		if e.runs() {
			names = append(names, e.name.Name)
		}
	}
	return closest(wrong, names)
}

// apply checks all of a binding but its target; nil when something is wrong.
func (b *builder) apply(s *binding) *applied {
	policy, custom, ok := b.lookup(s.policy)
	if !ok || s.badConfig {
		return nil
	}
	a := &applied{binding: s, policy: policy, custom: custom, config: s.config.clone()}
	if a.config == nil {
		a.config = &node{position: s.configAt, kind: mapping}
	}
	b.mend(a)
	b.scope(a)
	if policy.Describes && !b.bundle(a) {
		return nil
	}
	text, err := json.Marshal(a.config.plain())
	if err != nil {
		b.problems.errorf(s.configAt, s.configPath, "not readable as settings: %v", err)
		return nil
	}
	a.settings = text
	if !b.resolve(a) || !b.check(a) {
		return nil
	}
	if policy.Warn != nil {
		for _, warning := range a.discreetly(policy.Warn) {
			b.problems.warnf(s.configAt, s.configPath, "%s", warning)
		}
	}
	if custom != nil && !b.carry(a) {
		return nil
	}
	return a
}

// scope reports an order or rules where they can have no effect.
func (b *builder) scope(a *applied) {
	tls := a.is("tls", "tls-outbound")
	switch {
	case len(a.rules) > 0 && tls:
		b.problems.errorf(a.rulesAt, a.path+".rules", "TLS belongs to a whole port or service; remove the rules")
	case len(a.rules) > 0 && a.policy.First:
		b.problems.errorf(a.rulesAt, a.path+".rules", "%s applies to the whole API; remove the rules", a.policy.Name)
	}
	if a.orderAt.line > 0 && (tls || a.policy.First) {
		b.problems.warnf(a.orderAt, a.path+".order", "no effect: %s can not be ordered", a.policy.Name)
	}
}

// resolve replaces references and reports each that leads nowhere.
func (b *builder) resolve(a *applied) bool {
	if b.onlyElsewhere(a) {
		a.resolved, a.unchecked = a.settings, true
		return true
	}
	good := true
	a.config.texts(nil, func(path []string, n *node, text string) {
		at := a.config.locate(path)
		if !b.expands(text, at, join(a.configPath, fieldName(path))) {
			good = false
		}
	})
	if !good {
		return false
	}
	resolve := a.policy.Resolve
	if resolve == nil {
		resolve = expandStrings
	}
	resolved, err := resolve(a.settings, b.options.Expand)
	if err != nil {
		b.problems.errorf(a.configAt, a.configPath, "%v", err)
		return false
	}
	a.resolved = resolved
	return true
}

// check validates the settings and places each problem at its line.
func (b *builder) check(a *applied) bool {
	if a.policy.Check == nil || a.unchecked {
		return true
	}
	found := a.policy.Check(a.resolved)
	var told map[string]bool
	if len(found) > 0 {
		told = a.asWritten()
	}
	for _, problem := range found {
		path, message := problem.Path, b.discreet(a, problem, told)
		if len(path) == 0 {
			path, message = a.config.leading(message)
		} else if near := closest(path[len(path)-1], problem.Known); near != "" {
			message = "unknown setting; did you mean " + near + "?"
		}
		field, at := a.configPath, a.configAt
		if len(path) > 0 {
			field = join(field, fieldName(path))
			if len(a.config.pairs) > 0 && a.config.find(path[0]) != nil {
				at = a.config.locate(path)
			}
		}
		b.problems.errorf(at, field, "%s", message)
	}
	return len(found) == 0
}

// discreet is the message of a problem, unless it could hold the value of a reference,
// or tell of it in any other way: a problem that settings do not have as they are
// written comes from a value. told are the messages of those that they have.
func (b *builder) discreet(a *applied, problem FieldProblem, told map[string]bool) string {
	if told == nil || told[problem.Message] {
		return problem.Message
	}
	if n := a.config.at(problem.Path); n != nil {
		if text, ok := n.value.(string); ok {
			if value, err := b.options.Expand(text); err == nil && value != text {
				return "the value of the variable " + text + " does not suit this setting"
			}
		}
	}
	return "the value of a reference does not suit these settings; it is not shown"
}

// asWritten are the messages of the problems that settings have before references are
// replaced; nil where they hold none.
func (a *applied) asWritten() map[string]bool {
	if bytes.Equal(a.settings, a.resolved) {
		return nil
	}
	told := map[string]bool{}
	for _, problem := range a.policy.Check(a.settings) {
		told[problem.Message] = true
	}
	return told
}

// discreetly are the warnings about settings. Where they hold references, those are
// left out that they do not deserve as they are written, for they come from values.
func (a *applied) discreetly(warn func(json.RawMessage) []string) []string {
	found := warn(a.resolved)
	if len(found) == 0 || bytes.Equal(a.settings, a.resolved) {
		return found
	}
	told := warn(a.settings)
	return slices.DeleteFunc(found, func(one string) bool { return !slices.Contains(told, one) })
}
