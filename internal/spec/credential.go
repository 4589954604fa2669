package spec

import "strings"

// credential is what a request must carry for one security scheme.
type credential struct {
	in   Place
	name string
	// schemes are those of Authorization of which one must be given, in lower case.
	schemes []string
	// certificate is that of the connection.
	certificate bool
	// unknown is a scheme of which nothing can be said.
	unknown bool
}

// security compiles what callers of an operation must present.
func (b *builder) security(op *Operation) [][]credential {
	if !b.kinds.Has(MissingCredential) {
		return nil
	}
	var all [][]credential
	for _, together := range op.Security {
		one := make([]credential, 0, len(together))
		for _, r := range together {
			one = append(one, credentialOf(b.description.Schemes[r.Scheme]))
		}
		all = append(all, one)
	}
	return all
}

func credentialOf(s SecurityScheme) credential {
	switch s.Type {
	case "apiKey":
		name := s.Name
		if s.In == InHeader {
			name = strings.ToLower(name)
		}
		return credential{in: s.In, name: name}
	case "http":
		return credential{in: InHeader, name: "authorization", schemes: []string{strings.ToLower(s.Scheme)}}
	case "oauth2", "openIdConnect":
		return credential{in: InHeader, name: "authorization", schemes: []string{"bearer", "dpop"}}
	case "mutualTLS":
		return credential{certificate: true}
	}
	return credential{unknown: true}
}

// credentials says whether one alternative of the security is presented.
func (in *inspection) credentials() {
	if len(in.check.security) == 0 {
		return
	}
	unknown := false
	for _, together := range in.check.security {
		all := true
		for i := range together {
			unknown = unknown || together[i].unknown
			all = all && in.presents(&together[i])
		}
		if !all {
			continue
		}
		if unknown {
			in.result.Unchecked = "security: a scheme is of a type that is not known"
		}
		return
	}
	in.add(MissingCredential, "security", "no credentials of a scheme that is described")
}

func (in *inspection) presents(c *credential) bool {
	r := in.request
	switch {
	case c.unknown:
		return true
	case c.certificate:
		return r.Certificate
	case c.in == InQuery:
		if !in.check.query && len(in.query) == 0 {
			in.query, _ = appendQuery(in.query[:0], r.Query)
		}
		return holds(in.query, c.name)
	case c.in == InCookie:
		if !in.check.cookies && len(in.cookies) == 0 {
			in.cookies, _ = appendCookies(in.cookies[:0], r.Header("cookie"))
		}
		return holds(in.cookies, c.name)
	case c.in != InHeader:
		return false
	}
	value := r.Header(c.name)
	if c.schemes == nil {
		return value != ""
	}
	scheme, rest, _ := strings.Cut(value, " ")
	for _, s := range c.schemes {
		if strings.EqualFold(s, scheme) && strings.TrimSpace(rest) != "" {
			return true
		}
	}
	return false
}

// holds says whether a pair has a value.
func holds(pairs []pair, name string) bool {
	for i := range pairs {
		if pairs[i].name == name && pairs[i].raw != "" {
			return true
		}
	}
	return false
}
