package raml

import (
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// securityScheme judges the declaration of a security scheme.
func (r *reader) securityScheme(n *tree.Node) {
	r.kind(n, "SecurityScheme")
	kind := r.unwrap(n.Get("type"))
	if !n.Is(tree.Object) {
		r.wrong(n, "raml-kind", "a security scheme must be an object with a type")
		return
	}
	r.object(n, shape{
		what: "a security scheme", target: targetsOf("SecurityScheme"),
		facets: map[string]check{
			"type": r.securityType, "displayName": r.text, "description": r.text, "describedBy": r.describedBy,
			"settings": func(n *tree.Node) { r.settings(n, kind.Str()) },
		},
		required: []string{"type"},
	})
	if kind := kind.Str(); n.Get("settings") == nil && (kind == "OAuth 1.0" || kind == "OAuth 2.0") {
		r.wrong(n, "raml-security-settings", "a security scheme of the type %s needs settings", kind)
	}
}

func (r *reader) securityType(n *tree.Node) {
	r.words(n)
	switch kind := r.unwrap(n).Str(); kind {
	case "OAuth 1.0", "OAuth 2.0", "Basic Authentication", "Digest Authentication":
	case "Pass Through":
		if !r.old {
			break
		}
		fallthrough
	default:
		if !strings.HasPrefix(kind, "x-") || kind == "x-" {
			r.wrong(n, "raml-security-type", "%q is no type of a security scheme; those of your own begin with x-", clip(kind))
		}
	}
}

// describedBy judges what a security scheme adds to requests and responses.
func (r *reader) describedBy(n *tree.Node) {
	r.object(n, shape{
		what: "describedBy",
		facets: map[string]check{
			"headers": r.fields, "queryParameters": r.fields, "responses": r.responses,
			"queryString": func(n *tree.Node) {
				if r.old {
					r.wrong(n, "raml-unknown-facet", "RAML 0.8 has no queryString")
					return
				}
				r.queryString(n)
			},
		},
	})
	r.exclusiveQuery(n)
}

// settings judges the settings of a security scheme.
func (r *reader) settings(n *tree.Node, kind string) {
	s := shape{what: "the settings of " + kind, target: targetsOf("SecuritySchemeSettings")}
	switch kind {
	case "OAuth 1.0":
		s.facets = map[string]check{
			"requestTokenUri": r.uri, "authorizationUri": r.uri, "tokenCredentialsUri": r.uri,
			"signatures": func(n *tree.Node) { r.oneOf(n, "raml-security-settings", "HMAC-SHA1", "RSA-SHA1", "PLAINTEXT") },
		}
		s.required = []string{"requestTokenUri", "authorizationUri", "tokenCredentialsUri"}
		if r.old {
			delete(s.facets, "signatures")
		}
	case "OAuth 2.0":
		s.facets = map[string]check{
			"accessTokenUri": r.uri, "authorizationUri": r.uri, "authorizationGrants": r.grants,
			"scopes": func(n *tree.Node) { r.list(n, true, r.words) },
		}
		s.required = r.requiredOfGrants(n)
	default:
		s.other = func(m tree.Member) bool { return true }
	}
	r.object(n, s)
}

// requiredOfGrants are the settings of OAuth 2.0 that its grants need.
func (r *reader) requiredOfGrants(n *tree.Node) []string {
	grants := r.unwrap(n.Get("authorizationGrants"))
	names := grants.List()
	if grants.Is(tree.String) {
		names = []*tree.Node{grants}
	}
	required := []string{"authorizationGrants"}
	has := func(grant string) bool {
		return slices.ContainsFunc(names, func(v *tree.Node) bool { return v.Text == grant })
	}
	if r.old {
		return required
	}
	if has("authorization_code") || has("implicit") {
		required = append(required, "authorizationUri")
	}
	if has("authorization_code") || has("password") || has("client_credentials") {
		required = append(required, "accessTokenUri")
	}
	return required
}

func (r *reader) grants(n *tree.Node) {
	r.list(n, true, func(v *tree.Node) {
		switch v.Str() {
		case "authorization_code", "password", "client_credentials", "implicit":
			if !r.old {
				return
			}
		case "code", "token", "owner", "credentials":
			if r.old {
				return
			}
		}
		if u, err := url.Parse(v.Str()); r.old || err != nil || !u.IsAbs() || v.Str() == "" {
			r.wrong(v, "raml-security-settings", "%q is no grant of OAuth 2.0, and no absolute URI", clip(v.Str()))
		}
	})
}

func (r *reader) oneOf(n *tree.Node, rule string, values ...string) {
	r.list(n, true, func(v *tree.Node) {
		if !slices.Contains(values, v.Str()) {
			r.wrong(v, rule, "%q is not one of %s", clip(v.Str()), strings.Join(values, ", "))
		}
	})
}

// uri judges the address of an endpoint.
func (r *reader) uri(n *tree.Node) {
	r.words(n)
	v := r.unwrap(n)
	if _, err := url.Parse(v.Str()); err != nil || strings.ContainsAny(v.Str(), " \n") {
		r.wrong(n, "raml-security-settings", "%q is no URI", clip(v.Str()))
	}
}

// securedBy judges which security schemes are applied.
func (r *reader) securedBy(n *tree.Node) {
	if n.Is(tree.Null) {
		return
	}
	r.list(n, true, func(v *tree.Node) {
		switch v.Kind {
		case tree.Null:
		case tree.String:
			r.schemeNamed(v, v.Text)
		case tree.Object:
			if len(v.Members) != 1 {
				r.wrong(v, "raml-secured-by", "an item of securedBy is the name of one security scheme, or an object with one name")
			}
			for _, m := range v.Members {
				if d, ok := r.schemeNamed(v, m.Name); ok {
					r.overrides(m.Value, d.value)
				}
			}
		case tree.Array, tree.Bool, tree.Number, tree.Include:
			r.wrong(v, "raml-secured-by", "an item of securedBy is null or the name of a security scheme")
		}
	})
}

func (r *reader) schemeNamed(n *tree.Node, name string) (declared, bool) {
	if r.alone || containsParameter(name) && r.loose {
		return declared{}, false
	}
	d, ok := r.scopeOf(n, r.api).find("securitySchemes", name)
	if !ok {
		r.wrong(n, "raml-unknown-security-scheme", "there is no security scheme %q; declare it under securitySchemes", clip(name))
	}
	return d, ok
}

// overrides judges the settings that are given where a scheme is applied.
func (r *reader) overrides(n, scheme *tree.Node) {
	if !n.Is(tree.Object) {
		if !n.Is(tree.Null) {
			r.wrong(n, "raml-secured-by", "the parameters of a security scheme must be an object")
		}
		return
	}
	scopes := r.unwrap(n.Get("scopes"))
	known := r.unwrap(scheme.At("settings", "scopes"))
	if scopes == nil || known == nil {
		return
	}
	names := r.scoped[scheme]
	if names == nil {
		names = map[string]bool{}
		for _, v := range r.listed(known) {
			names[v.Text] = true
		}
		r.scoped[scheme] = names
	}
	r.list(n.Get("scopes"), true, func(v *tree.Node) {
		if !names[v.Str()] {
			r.wrong(v, "raml-security-scope", "the security scheme has no scope %q", clip(v.Str()))
		}
	})
}
