package manifest

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// listeners holds that the APIs of one port agree, and gives all of them the
// port's TLS settings.
func (b *builder) listeners() {
	ports := make(map[string][]*apiState)
	var order []string
	for _, api := range b.apiList {
		if api.address.scheme == "" {
			continue
		}
		key := api.address.listener()
		if ports[key] == nil {
			order = append(order, key)
		}
		ports[key] = append(ports[key], api)
	}
	for _, key := range order {
		b.port(ports[key])
	}
	b.wildcards(order, ports)
}

// port checks the APIs of one host and port.
func (b *builder) port(apis []*apiState) {
	var tls *applied
	for i, api := range apis {
		for _, other := range apis[:i] {
			if overlap(api.address.path, other.address.path) { // one is enough to mend
				b.problems.errorf(api.addressAt, "spec.address",
					"the base path %s overlaps %s of %s at %s on the same port; choose base paths of which none begins another, or other ports",
					shown(api.address.path), shown(other.address.path), other.name, other.addressAt)
				break
			}
		}
		if first := apis[0]; api.address.scheme != first.address.scheme {
			b.problems.errorf(api.addressAt, "spec.address", "%s at %s uses %s on the same port; one port is either http or https",
				first.name, first.addressAt, first.address.scheme)
		}
		switch {
		case api.tls == nil:
		case api.address.scheme == "http":
			b.problems.errorf(api.tls.at, api.tls.binding.policy.path,
				"%s has an http address, at %s, so TLS settings have no effect; write https there or remove the binding", api.name, api.addressAt)
		case tls == nil:
			tls = api.tls
		case !bytes.Equal(tls.resolved, api.tls.resolved):
			b.problems.errorf(api.tls.at, api.tls.binding.policy.path,
				"other TLS settings are bound to the same port at %s; all APIs of a port share one tls policy", tls.at)
		}
	}
	for _, api := range apis {
		switch {
		case api.address.scheme != "https":
		case tls != nil:
			api.out.TLS, api.tls = tls.settings, tls
		case !b.set.unsure && !slices.Contains(api.lost, "tls"):
			b.problems.errorf(api.addressAt, "spec.address",
				"an https address needs a certificate: bind the policy tls to %s, or write http", api.name)
		}
	}
}

func shown(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// overlap says that one base path is the other, or begins it at the border of
// a segment.
func overlap(x, y string) bool {
	return x == y || strings.HasPrefix(x, y+"/") || strings.HasPrefix(y, x+"/")
}

// wildcards finds ports that one API opens on all addresses of the machine and
// another one on a single address.
func (b *builder) wildcards(order []string, ports map[string][]*apiState) {
	for i, key := range order {
		for _, earlier := range order[:i] {
			api, other := ports[key][0], ports[earlier][0]
			if api.address.port == other.address.port && (api.address.wildcard() || other.address.wildcard()) {
				b.problems.errorf(api.addressAt, "spec.address", "%s at %s opens port %d already on %s; use the same host",
					other.name, other.addressAt, other.address.port, other.address.host)
				break
			}
		}
	}
}

func (a address) wildcard() bool {
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.IsUnspecified()
}

// judge warns of what is legal but unsafe on an API, and holds that somebody
// is identified where options want it.
func (b *builder) judge(api *apiState) {
	noRoute := len(api.out.Routes) == 0 && len(api.services) == 0 &&
		!slices.Contains(api.lost, "route") && !slices.Contains(api.lost, "route-weighted")
	if noRoute && !b.set.unsure {
		b.problems.warnf(api.at, "spec", "no route leads to a service, so every request is answered with 404; add services or bind a route")
	}
	identified, partly := mutualTLS(api), false
	for _, a := range api.bound {
		if a.policy.Meters && !a.policy.Identifies && !identified && metersClients(a) {
			b.problems.warnf(a.at, a.binding.policy.path,
				"on %s it counts by a client id that nobody has verified yet, so a caller can choose it; let a policy that identifies the client run first", api.name)
		}
		if a.policy.Identifies {
			identified = identified || len(a.rules) == 0
			partly = partly || len(a.rules) > 0
		}
	}
	public := api.labels[b.options.PublicLabel] == "true"
	if !b.options.RequireAuthentication || identified || public || b.set.unsure || len(api.lost) > 0 {
		return
	}
	reason := "no policy identifies the caller"
	if partly {
		reason = "the caller is identified only where rules match"
	}
	b.problems.errorf(api.nameAt, "metadata.name", "%s; bind one such as client-id-enforcement-flex or jwt-validation-flex, or set the label %s: \"true\"",
		reason, b.options.PublicLabel)
}

// mutualTLS says that callers must show a certificate.
func mutualTLS(api *apiState) bool {
	if api.tls == nil {
		return false
	}
	var settings struct {
		RequireClientCertificate bool `json:"requireClientCertificate"`
	}
	return json.Unmarshal(api.tls.resolved, &settings) == nil && settings.RequireClientCertificate
}

var clientExpression = regexp.MustCompile(`(?i)client[_-]?id|authentication\s*\.`)

func metersClients(a *applied) bool {
	if !a.is("rate-limiting-sla-based") {
		return clientExpression.Match(a.settings)
	}
	var settings struct {
		ClientSecretExpression string `json:"clientSecretExpression"`
	}
	// With a secret it verifies the client itself.
	return json.Unmarshal(a.settings, &settings) != nil || settings.ClientSecretExpression == ""
}
