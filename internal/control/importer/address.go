package importer

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/manifest"
)

// port is one port of the gateway: all its APIs share the scheme, and no base path is
// another or begins it.
type port struct {
	scheme string
	// paths are the base paths, above all that lie above one of them.
	paths, above map[string]bool
}

// take claims a base path; false when it overlaps another.
func (p *port) take(path string) bool {
	if p.paths[path] || p.above[path] {
		return false
	}
	for up := path; up != ""; {
		up = up[:strings.LastIndexByte(up, '/')]
		if p.paths[up] {
			return false
		}
	}
	p.paths[path] = true
	for up := path; up != ""; {
		up = up[:strings.LastIndexByte(up, '/')]
		p.above[up] = true
	}
	return true
}

func (m *mapper) claim(scheme string, number int, path string) bool {
	p := m.ports[number]
	if p == nil {
		p = &port{scheme: scheme, paths: map[string]bool{}, above: map[string]bool{}}
		m.ports[number] = p
	}
	return p.scheme == scheme && p.take(path)
}

var basePath = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*$`)

// parsePlace reads an address; ok is false when it is none, or holds placeholders.
func parsePlace(text string) (scheme, host string, number int, path string, ok bool) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(text) > 2000 {
		return "", "", 0, "", false
	}
	number, err = strconv.Atoi(u.Port())
	if u.Port() == "" {
		number, err = map[string]int{"http": 80, "https": 443}[u.Scheme], nil
	}
	path = strings.TrimRight(strings.TrimSuffix(u.EscapedPath(), "*"), "/")
	if err != nil || number < 1 || number > 65535 || !basePath.MatchString(path) {
		return "", "", 0, "", false
	}
	return u.Scheme, u.Hostname(), number, path, true
}

// listen is the address of an API: that of its proxy where it has one, else a place
// of its own on port 8081, since then Farrier stands in front of it.
func (m *mapper) listen(in *instance, name string) string {
	what, at := "the API "+name+": its address", in.under("endpoint.proxyUri")
	proxy := text(object(in.value, "endpoint"), "proxyUri")
	scheme, host, number, path, ok := parsePlace(proxy)
	switch {
	case proxy == "":
		scheme, number, path = "http", 8081, "/"+name
		m.report(Changed, at, what, "the API has no proxy, so the export names no address for one", "it is "+path+" on port 8081 now; point clients or the load balancer there, or change spec.address")
	case !ok:
		scheme, number, path = "http", 8081, "/"+name
		m.report(Changed, at, what, "its proxy address holds placeholders or can't be read", "it is "+path+" on port 8081 now; change spec.address")
	case host != "0.0.0.0":
		m.report(Changed, at, what, "it listens on one host, "+quoted(host), "it is 0.0.0.0 now, all addresses of the machine; change spec.address to bind one")
	}
	if m.claim(scheme, number, path) {
		return place(scheme, number, path)
	}
	before := place(scheme, number, path)
	path2, number2 := "/"+name, number
	for !m.claim(scheme, number2, path2) {
		if number2++; number2 > 65535 {
			number2 = 1024
		}
		path2 = path
	}
	after := place(scheme, number2, path2)
	m.report(Changed, at, what, "another API of this environment has "+before+", or a path that begins it, or the other scheme on this port", "it is "+after+" now; where the APIs ran on different gateways give them Farrier environments of their own")
	return after
}

func place(scheme string, number int, path string) string {
	return fmt.Sprintf("%s://0.0.0.0:%d%s", scheme, number, path)
}

// routes makes Services and binds routes to them, and tells how many routes there are.
func (m *mapper) routes(in *instance, name string) int {
	made := 0
	list := objects(in.value, "routing")
	for i, r := range list {
		at := in.under(fmt.Sprintf("routing[%d]", i))
		position := i + 1
		if len(list) == 1 {
			position = 0
		}
		if m.route(in, at, name, r, position) {
			made++
		}
	}
	if made > 0 || len(list) > 0 {
		return made
	}
	endpoint := object(in.value, "endpoint")
	uri, at := text(endpoint, "uri"), in.under("endpoint.uri")
	if uri == "" && len(in.upstreams) > 0 {
		uri, at = text(in.upstreams[0], "uri"), in.under("upstreams[0].uri")
		for i := range in.upstreams[1:] {
			m.lost(in.under(fmt.Sprintf("upstreams[%d]", i+1)), "the API "+name+": an upstream", "no routing says when it is used", "add a route to it")
		}
	}
	if uri == "" && text(endpoint, "proxyUri") == "" {
		uri, at = text(in.value, "endpointUri"), in.under("endpointUri")
	}
	if uri == "" {
		return 0
	}
	service := m.service(in, at, name, map[string]any{"uri": uri}, name)
	if service == "" {
		return 0
	}
	m.bindRoute(at, name, "route", 0, nil, []weighted{{service, 100}})
	return 1
}

// weighted is a share of a route.
type weighted struct {
	service string
	weight  int64
}

func (m *mapper) route(in *instance, at piece, name string, r map[string]any, position int) bool {
	rules, ok := m.rules(at.under("rules"), "the API "+name+": a route", ruleList(r["rules"]))
	if !ok {
		return false
	}
	label := text(r, "label")
	var to []weighted
	for i, u := range objects(r, "upstreams") {
		place := at.under(fmt.Sprintf("upstreams[%d]", i))
		for _, known := range in.upstreams {
			if id := text(u, "id"); id != "" && id == text(known, "id") {
				u = merged(known, u)
			}
		}
		weight := number(u, "weight")
		if has(u, "weight") && weight == 0 {
			m.report(Note, place, "the API "+name+": an upstream", "its weight is 0, so it gets no requests", "add it to the route when it shall get some")
			continue
		}
		if service := m.service(in, place, name, u, label); service != "" {
			to = append(to, weighted{service, max(1, min(weight, 100))})
		}
	}
	if len(to) == 0 {
		m.lost(at, "the API "+name+": a route "+label, "it has no upstream that could be imported", "write a Service and a route")
		return false
	}
	suffix := "route"
	if position > 0 && label != "" {
		suffix = "route-" + label
	}
	m.bindRoute(at, name, suffix, position, rules, to)
	return true
}

func merged(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range []map[string]any{under, over} {
		for key, value := range m {
			if value != nil {
				out[key] = value
			}
		}
	}
	return out
}

// service makes a Service of an upstream; "" when it can't be.
func (m *mapper) service(in *instance, at piece, api string, u map[string]any, label string) string {
	uri := text(u, "uri", "url")
	what := "the API " + api + ": an upstream"
	parsed, err := url.Parse(strings.TrimSpace(uri))
	switch {
	case err != nil || uri == "" || parsed.Hostname() == "" || parsed.Scheme != "http" && parsed.Scheme != "https" && parsed.Scheme != "h2":
		m.lost(at, what, "its address is no http, https or h2 URL, or holds placeholders", "write a Service and a route")
		return ""
	case parsed.User != nil:
		m.lost(at, what, "its address holds a user or password", "write the Service without them, and bind credential-injection-basic-auth-flex to it")
		return ""
	case parsed.RawQuery != "" || parsed.Fragment != "":
		m.report(Changed, at, what, "its address has a query or fragment, which is left out", "")
	}
	id := text(u, "id")
	for _, known := range m.services[in.id] {
		if id != "" && known.id == id {
			return known.name
		}
	}
	address := parsed.Scheme + "://" + parsed.Host + strings.TrimSuffix(parsed.EscapedPath(), "*")
	names := []string{api + "-" + label, api + "-upstream"}
	if own := text(u, "label"); own != "" {
		names = append([]string{api + "-" + own}, names...)
	} else if label == api {
		names = []string{api}
	}
	name := m.unique("Service", names...)
	m.services[in.id] = append(m.services[in.id], upstream{id, name})
	m.doc(at, "Service", name, nil, nil, map[string]any{"address": address})
	if object(u, "tlsContext") != nil {
		m.report(Todo, at.under("tlsContext"), "the Service "+name+": its TLS context", "client certificates and trusted certificates stay in Anypoint's Secrets Manager",
			"until tls-outbound is bound to it the certificates of the operating system are trusted, and no client certificate is shown")
	}
	return name
}

// bindRoute binds a route; its position among several counts from 1, 0 for the only one.
func (m *mapper) bindRoute(at piece, api, suffix string, position int, rules []any, to []weighted) {
	spec := map[string]any{"targetRef": map[string]any{"name": api}, "policyRef": map[string]any{"name": "route"}}
	if len(to) == 1 {
		spec["config"] = map[string]any{"destinationRef": map[string]any{"name": to[0].service}}
	} else {
		var routes []any
		for _, t := range to {
			routes = append(routes, map[string]any{"weight": t.weight, "destinationRef": map[string]any{"name": t.service}})
		}
		spec["policyRef"], spec["config"] = map[string]any{"name": "route-weighted"}, map[string]any{"routes": routes}
	}
	if len(rules) > 0 {
		spec["rules"] = rules
	}
	if position > 0 {
		spec["order"] = position
	}
	m.doc(at, "PolicyBinding", m.unique("PolicyBinding", api+"-"+suffix), nil, nil, spec)
}

// ruleList takes rules as an object or as a list of them.
func ruleList(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		return objects(map[string]any{"rules": v}, "rules")
	}
	return nil
}

// rules maps what a route or policy matches. It is false when an expression can't be
// used here, since leaving it out would match more.
func (m *mapper) rules(at piece, what string, list []map[string]any) ([]any, bool) {
	var out []any
	for _, r := range list {
		rule := map[string]any{}
		pattern := func(key, expression string) bool {
			if expression == "" || expression == ".*" {
				return true
			}
			if _, err := manifest.CompilePattern(expression); err != nil {
				m.lost(at, what, "its "+key+" "+quoted(expression)+" can't be used: "+err.Error(), "write the rule by hand")
				return false
			}
			rule[key] = expression
			return true
		}
		if !pattern("path", text(r, "path", "uriTemplateRegex")) || !pattern("methods", text(r, "methods", "methodRegex")) || !pattern("host", text(r, "host")) {
			return nil, false
		}
		headers := map[string]any{}
		for name, value := range object(r, "headers") {
			expression, _ := value.(string)
			if _, err := manifest.CompilePattern(expression); err != nil {
				m.lost(at, what, "the expression of its header "+quoted(name)+" can't be used: "+err.Error(), "write the rule by hand")
				return nil, false
			}
			headers[name] = expression
		}
		if len(headers) > 0 {
			rule["headers"] = headers
		}
		if len(rule) == 0 {
			return nil, true // one of the alternatives matches everything
		}
		out = append(out, rule)
	}
	return out, true
}
