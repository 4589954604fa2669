package judge

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/spec"
)

// statuses compares the codes of answers.
func (c *comparison) statuses() {
	v := c.views[0]
	if len(v.answers) == 0 {
		return // nothing is said of answers
	}
	for _, status := range slices.Sorted(maps.Keys(c.op.Statuses)) {
		count := c.op.Statuses[status]
		if count < discovery.AcceptParameterCalls || status < 200 || status > 599 || c.ofGateway(status, count) {
			continue
		}
		if !slices.ContainsFunc(c.views, func(v *view) bool { return v.answerTo(status) != nil }) {
			c.add(StatusUndocumented, fmt.Sprint(status), v.node.Get("responses"), count, times(count, "call"), "not described")
		}
	}
	for i := range v.answers {
		a := &v.answers[i]
		if a.from < 200 || a.to > 299 || c.op.Good < c.options.UnseenCalls {
			continue
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.op.Statuses)), func(s int) bool { return a.from <= s && s <= a.to }) && c.op.Statuses != nil {
			c.add(StatusUnused, a.name, a.node, c.op.Good, fmt.Sprintf("in none of %d good calls", c.op.Good), "described")
		}
	}
}

// ofGateway tells codes that policies, gateways and conditional requests bring, which
// descriptions rarely name.
func (c *comparison) ofGateway(status int, count uint64) bool {
	return ofGateway(status) || (status == 401 || status == 403) && count <= c.op.Refused || c.op.Method == http.MethodOptions
}

func ofGateway(status int) bool {
	switch status {
	case 304, 408, 413, 414, 429, 431, 502, 503, 504:
		return true
	}
	return false
}

// authentication compares what callers must prove with what calls carry.
func (c *comparison) authentication() {
	var all, none uint64
	for kind, n := range c.op.Authentication {
		all += n
		if kind == discovery.NoAuthentication {
			none += n
		}
	}
	if all == 0 || !c.headers || c.op.Method == http.MethodOptions {
		return
	}
	security := c.matches[0].operation.Security
	open := len(security) == 0
	for _, alternative := range security {
		open = open || len(alternative) == 0
	}
	at := c.views[0].node.Get("security")
	if open {
		if len(security) == 0 {
			c.undescribedCredentials(all)
		}
		return
	}
	if none > 0 && listed(none, all) {
		c.add(AuthenticationDiffers, "authentication", at, none, times(none, "good call")+" without credentials", c.demands(security))
	}
	if wrong := c.otherKinds(security, all); wrong != "" {
		c.add(AuthenticationDiffers, "authentication kind", at, all, wrong, c.demands(security))
	}
}

// undescribedCredentials tells that calls carry credentials of which nothing is said.
func (c *comparison) undescribedCredentials(all uint64) {
	var carried uint64
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(c.op.Authentication)) {
		n := c.op.Authentication[kind]
		if kind == discovery.NoAuthentication || kind == discovery.SessionCookie || n == 0 || c.describedKind(kind) {
			continue
		}
		carried += n
		kinds = append(kinds, string(kind))
	}
	if carried >= discovery.AcceptParameterCalls && float64(carried) >= discovery.AuthenticatedShare*float64(all) {
		c.add(AuthenticationDiffers, "authentication", nil, carried, "calls carry "+strings.Join(kinds, ", "), "no security is described")
	}
}

// describedKind says whether a kind of credentials is described as plain parameters.
func (c *comparison) describedKind(kind discovery.Authentication) bool {
	if kind != discovery.ClientID && kind != discovery.APIKey && kind != discovery.SessionCookie {
		return false
	}
	for _, m := range c.matches {
		if len(m.description.Document.Description.Credentials) > 0 {
			return true
		}
	}
	for _, v := range c.views {
		for i := range v.parameters {
			if p := &v.parameters[i]; isCredential(p.in, p.name) {
				return true
			}
		}
	}
	return false
}

func (c *comparison) demands(security [][]spec.Requirement) string {
	var names []string
	for _, alternative := range security {
		for _, r := range alternative {
			if !slices.Contains(names, r.Scheme) {
				names = append(names, r.Scheme)
			}
		}
	}
	return "demands " + strings.Join(names, ", ")
}

// otherKinds names credentials that many calls carry and no described scheme takes.
func (c *comparison) otherKinds(security [][]spec.Requirement, all uint64) string {
	taken := map[discovery.Authentication]bool{discovery.NoAuthentication: true, discovery.SessionCookie: true, discovery.Certificate: true}
	schemes := c.matches[0].description.Document.Description.Schemes
	for _, alternative := range security {
		for _, r := range alternative {
			s, ok := schemes[r.Scheme]
			kinds := kindsOf(s)
			if !ok || kinds == nil {
				return ""
			}
			for _, k := range kinds {
				taken[k] = true
			}
		}
	}
	var wrong []string
	for _, kind := range slices.Sorted(maps.Keys(c.op.Authentication)) {
		if n := c.op.Authentication[kind]; !taken[kind] && float64(n) > (1-discovery.AuthenticatedShare)*float64(all) && n >= discovery.AcceptParameterCalls {
			wrong = append(wrong, fmt.Sprintf("%s in %s", kind, times(n, "call")))
		}
	}
	return strings.Join(wrong, ", ")
}

// kindsOf are the kinds of credentials that a scheme takes; nil for any.
func kindsOf(s spec.SecurityScheme) []discovery.Authentication {
	switch strings.ToLower(s.Type) {
	case "oauth2", "openidconnect":
		return []discovery.Authentication{discovery.Bearer, discovery.JWTBearer}
	case "mutualtls":
		return []discovery.Authentication{discovery.Certificate}
	case "apikey":
		return []discovery.Authentication{discovery.APIKey, discovery.ClientID, discovery.SessionCookie, discovery.Bearer, discovery.JWTBearer}
	case "http":
		switch strings.ToLower(s.Scheme) {
		case "basic":
			return []discovery.Authentication{discovery.Basic}
		case "digest":
			return []discovery.Authentication{discovery.Digest}
		case "bearer":
			return []discovery.Authentication{discovery.Bearer, discovery.JWTBearer}
		case "negotiate":
			return []discovery.Authentication{discovery.Negotiate}
		}
	}
	return nil
}

// version tells a version that a header field chooses and no description names.
func (c *comparison) version() {
	name, value, ok := strings.Cut(c.op.Version, ":")
	if !ok {
		return
	}
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.ToLower(strings.TrimSpace(value))
	for i, v := range c.views {
		if name == "accept" || name == "content-type" {
			for k := range v.answers {
				if slices.ContainsFunc(v.answers[k].content, func(m media) bool { return sameMedia(m.Range, value) }) {
					return
				}
			}
			if slices.ContainsFunc(v.content, func(m media) bool { return sameMedia(m.Range, value) }) {
				return
			}
		}
		for k := range v.parameters {
			p := &v.parameters[k]
			if p.in != "header" || !strings.EqualFold(p.name, name) {
				continue
			}
			enum := c.matches[i].description.views.shapesOf(p.schema).enum()
			if enum == nil || slices.ContainsFunc(slices.Collect(maps.Keys(enum)), func(s string) bool { return strings.EqualFold(s, value) }) {
				return
			}
		}
	}
	c.add(VersionUndocumented, "version "+name, nil, c.op.Requests, "a version that the field "+name+" chooses", "not described")
}

func sameMedia(described, value string) bool {
	value, _, _ = strings.Cut(value, ";")
	return described == strings.TrimSpace(value)
}
