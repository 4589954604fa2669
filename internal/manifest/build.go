package manifest

import (
	"cmp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
)

// Build makes the revision that a set asks for, sealed and without a number, or
// tells all that is wrong, also what was found while reading: there is a
// revision exactly when none of the problems is an error.
//
// The inbound policies of an API run in this order: those that must come first
// (CORS), then automated ones (bound by a Selector), then the API's own; within
// each by ascending order, which is 50 where none is given and for inline
// policies. At equal order standalone bindings come before inline ones;
// standalone ones follow each other by phase, then by file and line, inline ones
// as they are listed. An automated policy switches off the API's own bindings of
// the same policy, unless it is restricted by rules: then both run.
func Build(set *Set, catalogue Catalogue, options Options) (*revision.Revision, []Problem) {
	if options.Expand == nil {
		options.Expand = secret.Expander{}.Expand
	}
	if options.PublicLabel == "" {
		options.PublicLabel = DefaultPublicLabel
	}
	b := &builder{
		set: set, catalogue: catalogue, options: options,
		apis: make(map[revision.Name]*apiState), services: make(map[revision.Name]*serviceState),
		extensions: make(map[revision.Name]*extension), rev: new(revision.Revision),
	}
	b.problems.list = slices.Clone(set.problems.list)
	b.problems.more = set.problems.more

	b.index()
	b.bind()
	b.bindLifecycle()
	for _, api := range b.apiList {
		b.finishAPI(api)
	}
	b.listeners()
	for _, s := range b.serviceList {
		b.finishService(s)
	}
	b.contracts()
	b.configure()
	b.everywhere()
	for _, api := range b.apiList {
		b.judge(api)
	}
	found := b.problems.sorted()
	if HasErrors(found) {
		return nil, found
	}
	for _, api := range b.apiList {
		b.rev.APIs = append(b.rev.APIs, api.out)
	}
	for _, s := range b.serviceList {
		b.rev.Services = append(b.rev.Services, s.out)
	}
	slices.SortFunc(b.rev.APIs, func(x, y revision.API) int { return compareNames(x.Name, y.Name) })
	slices.SortFunc(b.rev.Services, func(x, y revision.Service) int { return compareNames(x.Name, y.Name) })
	if err := b.rev.Seal(); err != nil {
		return nil, append(found, Problem{File: "-", Line: 1, Field: documentField, Message: err.Error()})
	}
	return b.rev, found
}

func compareNames(a, b revision.Name) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

type builder struct {
	set       *Set
	catalogue Catalogue
	options   Options
	problems  problems
	rev       *revision.Revision

	apis        map[revision.Name]*apiState
	apiList     []*apiState
	services    map[revision.Name]*serviceState
	serviceList []*serviceState
	extensions  map[revision.Name]*extension
}

// apiState is an API under construction.
type apiState struct {
	*apiInstance
	out    revision.API
	tls    *applied   // the tls binding
	bound  []*applied // all but tls and routes, in order of execution once finished
	routes []*applied // route and route-weighted
	// lost are the bare names of policies whose bindings here are wrong in
	// themselves, so that they are not called missing as well.
	lost []string
}

type serviceState struct {
	*service
	out   revision.Service
	tls   *applied
	bound []*applied
}

// index finds duplicates and makes everything known that others refer to.
func (b *builder) index() {
	seen := make(map[string]*header)
	claim := func(h *header) bool {
		key := h.kind + " " + h.name.String()
		if first := seen[key]; first != nil {
			b.problems.errorf(h.nameAt, h.nameField, "a %s %s exists already at %s; rename or remove one", h.kind, h.name, first.at)
			return false
		}
		seen[key] = h
		return true
	}
	for _, s := range b.set.services {
		if claim(&s.header) {
			b.addService(s)
		}
	}
	for _, api := range b.set.apis {
		if !claim(&api.header) {
			continue
		}
		state := &apiState{apiInstance: api}
		b.apis[api.name] = state
		b.apiList = append(b.apiList, state)
		for _, s := range api.services {
			if claim(&s.header) {
				b.addService(s)
			}
		}
	}
	for _, standalone := range b.set.bindings {
		claim(&standalone.header)
	}
	for _, api := range b.apiList {
		for _, inline := range api.policies {
			if inline.policy.name.Name != "" {
				claim(&inline.header)
			}
		}
	}
	for _, c := range b.set.configurations {
		claim(&c.header)
	}
	for _, s := range b.set.secrets {
		claim(s)
	}
	for _, c := range b.set.contracts {
		claim(&c.header)
	}
	for _, e := range b.set.extensions {
		if claim(&e.header) {
			b.extensions[e.name] = e
		}
	}
	b.checkExtensions()
}

func (b *builder) addService(s *service) {
	state := &serviceState{service: s}
	state.out = revision.Service{Name: s.name, Source: s.at.source()}
	if s.address.scheme != "" {
		state.out.Address = s.address.String()
	}
	b.services[s.name] = state
	b.serviceList = append(b.serviceList, state)
}

// contracts gives clients to their APIs.
func (b *builder) contracts() {
	type key struct {
		api revision.Name
		id  string
	}
	seen := make(map[key]*contract)
	all := slices.Clone(b.set.contracts)
	slices.SortStableFunc(all, func(x, y *contract) int { return cmp.Compare(giveWay(x.optional), giveWay(y.optional)) })
	for _, c := range all {
		if c.api.Name == "" || c.client.ID == "" {
			continue
		}
		b.expands(c.client.Secret, c.secretAt, "spec.client.secret")
		api := b.apis[c.api]
		if api == nil && c.optional {
			continue
		}
		if api == nil {
			b.dangling(c.apiAt, "spec.apiId", kindAPI, c.api)
			continue
		}
		k := key{c.api, c.client.ID}
		if first := seen[k]; first != nil && c.optional {
			b.problems.warnf(c.idAt, "spec.client.id", "this client has a contract on %s already, at %s, which counts", c.api, first.at)
			continue
		} else if first != nil {
			b.problems.errorf(c.idAt, "spec.client.id", "this client has a contract on %s already, at %s; remove one", c.api, first.at)
			continue
		}
		seen[k] = c
		api.out.Clients = append(api.out.Clients, c.client)
	}
	for _, api := range b.apiList {
		slices.SortFunc(api.out.Clients, func(x, y revision.Client) int { return strings.Compare(x.ID, y.ID) })
	}
}

// giveWay sorts what gives way behind what does not.
func giveWay(optional bool) int {
	if optional {
		return 1
	}
	return 0
}

// expands reports a reference that leads nowhere.
func (b *builder) expands(text string, at position, field string) bool {
	_, err := b.options.Expand(text)
	if err == nil || b.options.Elsewhere && isMissing(err) {
		return true
	}
	b.problems.errorf(at, field, "%v", err)
	return false
}

// maxSuggestions is the number of problems after which no similar names are
// looked for any more.
const maxSuggestions = 100

// dangling reports a reference to a resource that does not exist.
func (b *builder) dangling(at position, field, kind string, name revision.Name) {
	if b.set.unsure {
		return
	}
	mend := "add it or correct the name"
	if len(b.problems.list) > maxSuggestions {
		b.problems.errorf(at, field, "there is no %s %s; %s", kind, name, mend)
		return
	}
	var names []string
	for known := range b.apis {
		if kind == kindAPI {
			names = append(names, known.String())
		}
	}
	for known := range b.services {
		if kind == kindService {
			names = append(names, known.String())
		}
	}
	slices.Sort(names)
	if near := closest(name.String(), names); near != "" {
		mend = "did you mean " + near + "?"
	} else if i := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, "/"+name.Name) }); i >= 0 {
		mend = "there is " + names[i] + "; write its namespace"
	}
	b.problems.errorf(at, field, "there is no %s %s; %s", kind, name, mend)
}

// configure fills the settings from the sections.
func (b *builder) configure() {
	first := make(map[string]*configuration)
	for _, c := range b.set.configurations {
		if c.section == "" {
			continue
		}
		if other := first[c.section]; other != nil {
			b.problems.errorf(c.at, "spec."+c.section, "this section stands already at %s; write it once", other.at)
			continue
		}
		first[c.section] = c
		for _, text := range c.texts {
			b.expands(text.text, text.at, text.path)
		}
		if c.apply != nil {
			c.apply(&b.rev.Settings)
		}
		for _, api := range b.apiList {
			if c.port != 0 && api.address.port == c.port {
				b.problems.errorf(c.portAt, "spec.probe.port", "the API %s listens on port %d; choose another", api.name, c.port)
			}
		}
	}
}
