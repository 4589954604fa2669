package governance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// security is what an operation asks of its callers: alternatives, each of which
// lists what must be satisfied together. said is false where nothing is said.
func (d *description) security(o *operation) (alternatives []*tree.Node, said bool) {
	n := o.node.Get("security")
	if n == nil && !o.webhook {
		n = d.root.Get("security")
	}
	return n.List(), n != nil
}

// anonymous says whether an operation lets anybody in.
func (d *description) anonymous(o *operation) bool {
	alternatives, _ := d.security(o)
	return len(alternatives) == 0 || slices.ContainsFunc(alternatives, func(a *tree.Node) bool { return len(a.Fields()) == 0 })
}

// scheme is a declared way by which callers prove who they are.
type scheme struct {
	name string
	node *tree.Node
	at   []string
}

func (d *description) schemes() []scheme {
	var out []scheme
	for _, at := range [][]string{{"components", "securitySchemes"}, {"securityDefinitions"}} {
		for _, m := range d.root.At(at...).Fields() {
			if !strings.HasPrefix(m.Name, "x-") {
				out = append(out, scheme{m.Name, d.follow(m.Value), below(at, m.Name)})
			}
		}
	}
	return out
}

// kind is the type of a scheme as the functions name it: basic, bearer, api-key,
// oauth2, openid, mutual-tls, digest and the like, or the type as it is written.
func (s *scheme) kind() string {
	switch kind := s.node.Get("type").Str(); kind {
	case "http":
		return strings.ToLower(s.node.Get("scheme").Str())
	case "apiKey":
		return "api-key"
	case "openIdConnect":
		return "openid"
	case "mutualTLS":
		return "mutual-tls"
	default:
		return strings.ToLower(kind)
	}
}

// operationFilter chooses operations: methods in small letters, and regular
// expressions for the path with the operationId behind a blank.
type operationFilter struct {
	methods       []string
	paths, except *regexp.Regexp
	// parameters asks for a path with a template.
	parameters bool
}

func readFilter(r *optionReader) *operationFilter {
	return &operationFilter{r.list("methods"), r.pattern("paths"), r.pattern("except"), r.flag("withParameters")}
}

func (f *operationFilter) chooses(o *operation) bool {
	text := o.path + " " + words(o.node.Get("operationId").Str())
	switch {
	case !oneOf(f.methods, strings.ToLower(o.method)), f.paths != nil && !f.paths.MatchString(text),
		f.except != nil && f.except.MatchString(text), f.parameters && !strings.Contains(o.path, "{"):
		return false
	}
	return true
}

// authenticatedFunction is the function "authenticated": operations that methods,
// paths, except and withParameters choose must know their caller. With unsaid it
// complains of those that say nothing only, with said of those that let anybody
// in on purpose only, with declared of an API of which no operation knows its
// caller, and of such an API otherwise only once or, with beside, not at all.
func authenticatedFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	filter := readFilter(r)
	unsaid, explicit, declared, webhooks := r.flag("unsaid"), r.flag("said"), r.flag("declared"), r.flag("webhooks")
	beside := r.flag("beside")
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		operations := d.operations()
		some := slices.ContainsFunc(operations, func(o *operation) bool { return !d.anonymous(o) })
		switch {
		case declared && !some && len(operations) > 0:
			out.add(nil, "no operation asks its callers who they are")
			return out.found
		case declared, beside && !some:
			return nil
		}
		for _, o := range operations {
			if o.webhook != webhooks || !filter.chooses(o) || !d.anonymous(o) {
				continue
			}
			switch _, said := d.security(o); {
			case said && unsaid, !said && explicit, !some && len(out.found) > 0:
			case said:
				out.add(o.at, "%s lets anybody in", o.name())
			default:
				out.add(o.at, "%s says nothing about who may call it", o.name())
			}
		}
		return out.found
	}, nil
}

// separateSecurityFunction is the function "separateSecurity": the operations
// that it chooses must ask for a scheme, scope or role that not all others ask
// for.
func separateSecurityFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	filter := readFilter(r)
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		others := map[string]bool{}
		var chosen []*operation
		for _, o := range d.operations() {
			if !o.webhook && filter.chooses(o) {
				chosen = append(chosen, o)
			} else {
				others[d.demands(o)] = true
			}
		}
		for _, o := range chosen {
			if demands := d.demands(o); demands != "" && others[demands] {
				out.add(o.at, "%s asks of its callers what ordinary operations ask too: %s", o.name(), demands)
			}
		}
		return out.found
	}, nil
}

// demands is what an operation asks of its callers, in words that are equal where
// the demands are.
func (d *description) demands(o *operation) string {
	alternatives, _ := d.security(o)
	texts := make([]string, 0, len(alternatives))
	for _, a := range alternatives {
		var all []string
		for _, m := range a.Fields() {
			scopes := make([]string, 0, len(m.Value.List()))
			for _, s := range m.Value.List() {
				scopes = append(scopes, s.Str())
			}
			slices.Sort(scopes)
			all = append(all, strings.TrimSpace(m.Name+" "+strings.Join(scopes, " ")))
		}
		slices.Sort(all)
		texts = append(texts, strings.Join(all, " and "))
	}
	slices.Sort(texts)
	return strings.Join(texts, " or ")
}

// scopesFunction is the function "scopes": with declared, scopes that operations
// ask for must be those of the scheme; otherwise the operations that it chooses
// must ask for a scope where they ask for OAuth 2.0 and the scheme has scopes.
func scopesFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	filter, declared := readFilter(r), r.flag("declared")
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		schemes := map[string]*scheme{}
		for _, s := range d.schemes() {
			schemes[s.name] = &s
		}
		for _, o := range d.operations() {
			if !filter.chooses(o) {
				continue
			}
			alternatives, _ := d.security(o)
			for _, a := range alternatives {
				for _, m := range a.Fields() {
					s := schemes[m.Name]
					switch {
					case s == nil:
					case declared:
						s.undeclared(&out, o, m.Value)
					case s.kind() == "oauth2" && len(m.Value.List()) == 0 && len(s.scopes()) > 0:
						out.add(o.at, "%s accepts every token of %q: no scope is asked for", o.name(), m.Name)
					}
				}
			}
		}
		return out.found
	}, nil
}

// undeclared complains of scopes that no flow of an OAuth 2.0 scheme grants.
func (s *scheme) undeclared(out *complaints, o *operation, scopes *tree.Node) {
	if s.kind() != "oauth2" {
		return
	}
	known := s.scopes()
	for _, scope := range scopes.List() {
		if !known[scope.Str()] {
			out.add(o.at, "%s asks for the scope %q, which %q does not declare", o.name(), scope.Str(), s.name)
		}
	}
}

// scopes are those that the flows of an OAuth 2.0 scheme grant.
func (s *scheme) scopes() map[string]bool {
	out := map[string]bool{}
	for _, m := range s.node.Get("scopes").Fields() {
		out[m.Name] = true
	}
	for _, flow := range s.node.Get("flows").Fields() {
		for _, m := range flow.Value.Get("scopes").Fields() {
			out[m.Name] = true
		}
	}
	return out
}

// securitySchemesFunction is the function "securitySchemes": it complains, with
// the words of say, of declared schemes of some kinds; in is where keys stand,
// names a regular expression for the name of the key. With cleartext it complains
// only where a server speaks HTTP without TLS; without is a list of members of
// which a scheme must have one not to be complained of; with unused it complains
// of those that no operation asks for.
func securitySchemesFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	kinds, places, names, except := r.list("kinds"), r.list("in"), r.pattern("names"), r.list("exceptKinds")
	cleartext, unused, without, say := r.flag("cleartext"), r.flag("unused"), r.list("without"), r.get("say").Str()
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		if cleartext && len(d.cleartextServers()) == 0 {
			return nil
		}
		used := map[string]bool{}
		for _, o := range d.operations() {
			alternatives, _ := d.security(o)
			for _, a := range alternatives {
				for _, m := range a.Fields() {
					used[m.Name] = true
				}
			}
		}
		for _, s := range d.schemes() {
			key := s.node.Get("name").Str()
			has := slices.ContainsFunc(without, func(name string) bool { return !isEmpty(s.node.Get(name)) })
			if oneOf(kinds, s.kind()) && !slices.Contains(except, s.kind()) && oneOf(places, s.node.Get("in").Str()) &&
				(names == nil || names.MatchString(words(key))) && !has && (!unused || !used[s.name]) {
				out.add(s.at, "the security scheme %q (%s) %s", s.name, s.kind(), say)
			}
		}
		return out.found
	}, nil
}

// cleartextServers are the addresses of servers that speak HTTP without TLS; those
// on the machine itself do not count.
func (d *description) cleartextServers() []string {
	var out []string
	for _, s := range d.root.Get("servers").List() {
		if u := s.Get("url").Str(); strings.HasPrefix(strings.ToLower(u), "http://") && !loopback.MatchString(u) {
			out = append(out, u)
		}
	}
	for _, s := range d.root.Get("schemes").List() {
		if s.Str() == "http" && !loopback.MatchString("//"+d.root.Get("host").Str()) {
			out = append(out, "http://"+d.root.Get("host").Str())
		}
	}
	return out
}

var loopback = regexp.MustCompile(`(?i)^(\w+:)?//(localhost|127\.\d+\.\d+\.\d+|\[::1\])([:/]|$)`)

// securityDeclaredFunction is the function "securityDeclared": what operations
// and the API ask of callers must be schemes that are declared.
func securityDeclaredFunction(options *tree.Node) (spectral.Check, error) {
	if err := readOptions(options).done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		known := map[string]bool{}
		for _, s := range d.schemes() {
			known[s.name] = true
		}
		check := func(list *tree.Node, at []string) {
			for i, a := range list.List() {
				for _, m := range a.Fields() {
					if !known[m.Name] {
						out.add(below(at, "security", fmt.Sprint(i), m.Name), "the security scheme %q is declared nowhere", m.Name)
					}
				}
			}
		}
		check(d.root.Get("security"), nil)
		for _, o := range d.operations() {
			check(o.node.Get("security"), o.at)
		}
		return out.found
	}, nil
}

// cookieCredentialsFunction is the function "cookieCredentials": operations that
// change something and accept a cookie as the proof of who calls must ask for
// something that another site can't send: a header that token names.
func cookieCredentialsFunction(options *tree.Node) (spectral.Check, error) {
	r := readOptions(options)
	filter, token := readFilter(r), r.pattern("token")
	if err := r.done(); err != nil {
		return nil, err
	}
	return func(in *spectral.Input) []spectral.Problem {
		var out complaints
		d := resolved(in.Value)
		cookies, tokens := map[string]bool{}, map[string]bool{}
		for _, s := range d.schemes() {
			key := s.kind() == "api-key"
			cookies[s.name] = key && s.node.Get("in").Str() == "cookie" || key && words(s.node.Get("name").Str()) == "cookie"
			tokens[s.name] = key && s.node.Get("in").Str() == "header" && token != nil && token.MatchString(words(s.node.Get("name").Str()))
		}
		for _, o := range d.operations() {
			if !filter.chooses(o) || slices.ContainsFunc(d.parameters(o), func(p parameter) bool {
				return p.in == "header" && token != nil && token.MatchString(words(p.name))
			}) {
				continue
			}
			alternatives, _ := d.security(o)
			for _, a := range alternatives {
				fields := a.Fields()
				if slices.ContainsFunc(fields, func(m tree.Member) bool { return cookies[m.Name] }) && !slices.ContainsFunc(fields, func(m tree.Member) bool { return tokens[m.Name] }) {
					out.add(o.at, "%s acts on a cookie alone, which a browser sends for any site", o.name())
					break
				}
			}
		}
		return out.found
	}, nil
}
