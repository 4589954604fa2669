package graph

import (
	"maps"
	"slices"
	"strings"
)

// Instance is an API as it is served, for rules that judge instances and not
// descriptions.
type Instance struct {
	Name, Version, Environment string
	// URLs are the addresses that it is served at.
	URLs []string
	// TLS tells that clients reach it by TLS only; UpstreamTLS that what it calls
	// is reached so.
	TLS, UpstreamTLS bool
	// Policies are in the order in which requests meet them.
	Policies []Policy
	// Labels are what operators say of it, as layer and exposure.
	Labels map[string]string
	// At is where it is declared.
	At Place
}

// Policy is one policy of an instance.
type Policy struct {
	Name string
	// Outbound tells that it looks at what goes to the upstream.
	Outbound bool
	At       Place
}

// AddInstance adds an instance to the graph as a node of the class
// management.APIInstance: core.name, core.version, management.environment,
// management.tls and management.upstreamTls; apiContract.server with a node
// apiContract.Server for each address; management.policy with a node
// management.Policy for each policy (core.name, management.order counted from 1,
// management.outbound) and management.policies with the names alone, in their
// order; management.label with a node management.Label for each (core.name,
// management.value). It must not be called while the graph is being judged.
func (g *Graph) AddInstance(i Instance) *Node {
	n := g.Add(i.At, classesInstance...)
	for _, f := range [][2]string{{propName, i.Name}, {nsCore + "version", i.Version}, {nsManagement + "environment", i.Environment}} {
		if f[1] != "" {
			n.Set(f[0], f[1])
		}
	}
	n.Set(nsManagement+"tls", i.TLS)
	n.Set(nsManagement+"upstreamTls", i.UpstreamTLS)
	for _, url := range i.URLs {
		s := g.Add(i.At, classesServer...)
		s.Set(propURLTemplate, url)
		if scheme, _, ok := strings.Cut(url, "://"); ok {
			s.Set(nsAPI+"protocol", scheme)
		}
		n.Link(propServer, s)
	}
	for order, p := range i.Policies {
		at := p.At
		if at.File == "" {
			at = i.At
		}
		made := g.Add(at, nsManagement+"Policy", domainElement)
		made.Set(propName, p.Name)
		made.Set(nsManagement+"order", order+1)
		made.Set(nsManagement+"outbound", p.Outbound)
		n.Link(nsManagement+"policy", made)
		n.Add(nsManagement+"policies", Value{Scalar: p.Name})
	}
	for _, name := range slices.Sorted(maps.Keys(i.Labels)) {
		label := g.Add(i.At, nsManagement+"Label", domainElement)
		label.Set(propName, name)
		label.Set(nsManagement+"value", i.Labels[name])
		n.Link(nsManagement+"label", label)
	}
	g.index()
	return n
}
