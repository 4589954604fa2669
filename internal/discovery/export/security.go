package export

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// security writes by which credentials an operation is called, and tells which
// parameters are such.
func (d *description) security(u *union, out map[string]any) map[place]bool {
	keys := map[place]bool{}
	var alternatives []any
	for _, kind := range names(u.authentication) {
		name, scheme, at := schemeOf(discovery.Authentication(kind), u)
		if scheme == nil {
			continue
		}
		if at != (place{}) {
			keys[at] = true
		}
		d.schemes[name] = scheme
		alternatives = append(alternatives, map[string]any{name: []any{}})
	}
	if len(alternatives) == 0 {
		return keys
	}
	if u.authentication[discovery.NoAuthentication] > 0 || u.authentication[discovery.OtherScheme] > 0 {
		alternatives = append(alternatives, map[string]any{})
	}
	out["security"] = alternatives
	return keys
}

// schemeOf gives the scheme of a kind of credentials with its name, and the parameter
// that it takes the place of; nil for kinds that a description can not name.
func schemeOf(kind discovery.Authentication, u *union) (string, map[string]any, place) {
	web := func(name, scheme string) (string, map[string]any, place) {
		return name, map[string]any{"type": "http", "scheme": scheme}, place{}
	}
	switch kind {
	case discovery.Bearer:
		return web("bearer", "bearer")
	case discovery.JWTBearer:
		return "jwt", map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}, place{}
	case discovery.Basic:
		return web("basic", "basic")
	case discovery.Digest:
		return web("digest", "digest")
	case discovery.Negotiate:
		return web("negotiate", "negotiate")
	case discovery.AWSSignature:
		return web("awsSignature", "AWS4-HMAC-SHA256")
	case discovery.HMACSignature:
		return web("hmac", "hmac")
	case discovery.Certificate:
		return "certificate", map[string]any{"type": "mutualTLS"}, place{}
	case discovery.APIKey:
		return key("apiKey", place{"header", "x-api-key"}, u.keyPlace("apikey", "subscriptionkey", "accesskey", "xkey", "key", "authtoken", "accesstoken", "token"))
	case discovery.ClientID:
		return key("clientId", place{"header", "client_id"}, u.keyPlace("clientid", "xclientid"))
	case discovery.SessionCookie:
		return key("session", place{"cookie", "session"}, u.cookie())
	default:
		return "", nil, place{}
	}
}

// key is the scheme of a key at its place, found or presumed.
func key(name string, presumed, found place) (string, map[string]any, place) {
	at := found
	if at == (place{}) {
		at = presumed
	} else {
		name += title(at.in) + title(at.name)
	}
	return plainName(name, "apiKey"), map[string]any{"type": "apiKey", "in": at.in, "name": visible(at.name)}, found
}

// keyPlace finds the parameter that holds a key, by the ends of names.
func (u *union) keyPlace(ends ...string) place {
	var found []place
	for at := range u.parameters {
		if at.in == "path" {
			continue
		}
		plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(at.name))
		for _, end := range ends {
			if strings.HasSuffix(plain, end) && !strings.Contains(plain, "csrf") && !strings.Contains(plain, "pagetoken") {
				found = append(found, at)
				break
			}
		}
	}
	return u.most(found)
}

func (u *union) cookie() place {
	var found []place
	for at := range u.parameters {
		if at.in == "cookie" && strings.Contains(strings.ToLower(at.name), "s") {
			found = append(found, at)
		}
	}
	return u.most(slices.DeleteFunc(found, func(at place) bool {
		lower := strings.ToLower(at.name)
		return !strings.Contains(lower, "sess") && !strings.Contains(lower, "sid") && !strings.Contains(lower, "auth")
	}))
}

// most is the place that most calls had.
func (u *union) most(places []place) (best place) {
	for _, at := range places {
		if best == (place{}) || u.parameters[at].Count > u.parameters[best].Count ||
			u.parameters[at].Count == u.parameters[best].Count && at.name < best.name {
			best = at
		}
	}
	return best
}
