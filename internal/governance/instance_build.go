package governance

import (
	_ "embed"
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
)

//go:embed provides.tsv
var providesTable string

// Provides gives, by the names of the policies in the catalogue, what they
// provide, as rules ask for it. A policy that provides nothing of it has an empty
// list; one that is missing is not known.
func Provides() map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(providesTable) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, things, _ := strings.Cut(line, "\t")
		out[name] = strings.FieldsFunc(things, func(r rune) bool { return r == ',' })
	}
	return out
}

// BuildInstance describes an API of a revision for the rules, with the services
// that its routes lead to and its description, which may be nil.
func BuildInstance(api *revision.API, services []revision.Service, doc *spec.Document) *Instance {
	out := &Instance{
		Name: api.Name.String(), File: api.Source.File, Line: api.Source.Line,
		Address: api.Scheme + "://" + net.JoinHostPort(api.Host, strconv.Itoa(api.Port)) + api.BasePath,
		Labels:  maps.Clone(api.Labels), TLS: api.Scheme == "https", MutualTLS: asksForCertificate(api.TLS),
	}
	table := Provides()
	for i := range api.Policies {
		b := &api.Policies[i]
		out.Policies = append(out.Policies, Policy{
			Name: b.Policy, Order: b.Order, Provides: slices.Clone(table[b.Policy]), Automated: b.Automated,
			Everywhere: len(b.Rules) == 0, File: b.Source.File, Line: b.Source.Line,
		})
	}
	for i := range services {
		if s := &services[i]; leadsTo(api, s.Name) {
			out.Services = append(out.Services, Service{Name: s.Name.String(), Address: s.Address, TLS: s.TLS != nil || strings.HasPrefix(s.Address, "https:")})
		}
	}
	for i := range api.Clients {
		if api.Clients[i].State == "" {
			out.Contracts++
		}
	}
	if doc != nil {
		out.Specification = Summarise(doc)
	}
	return out
}

func leadsTo(api *revision.API, service revision.Name) bool {
	for _, route := range api.Routes {
		for _, target := range route.Targets {
			if target.Service == service {
				return true
			}
		}
	}
	return false
}

// asksForCertificate reads the settings of the policy tls. What can't be read asks
// for nothing.
func asksForCertificate(settings json.RawMessage) bool {
	var tls struct {
		RequireClientCertificate bool `json:"requireClientCertificate"`
	}
	return len(settings) > 0 && json.Unmarshal(settings, &tls) == nil && tls.RequireClientCertificate
}
