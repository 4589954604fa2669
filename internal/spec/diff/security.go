package diff

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// open says whether anybody may call: no alternative, or an empty one.
func open(alternatives [][]spec.Requirement) bool {
	return len(alternatives) == 0 || slices.ContainsFunc(alternatives, func(a []spec.Requirement) bool { return len(a) == 0 })
}

// need is what one alternative asks for: the scopes of each scheme.
type need map[string]map[string]bool

// needs reads alternatives. A scheme is known by its name where both
// descriptions declare it, otherwise by what it is, so that another name is no
// change.
func (c *comparer) needs(s *side, alternatives [][]spec.Requirement) []need {
	var all []need
	for _, alternative := range alternatives {
		n := need{}
		for _, r := range alternative {
			key := c.schemeKey(s, r.Scheme)
			if n[key] == nil {
				n[key] = map[string]bool{}
			}
			for _, scope := range r.Scopes {
				n[key][scope] = true
			}
		}
		all = append(all, n)
	}
	return all
}

func (c *comparer) schemeKey(s *side, name string) string {
	_, before := c.old.Schemes[name]
	_, after := c.new.Schemes[name]
	if scheme, declared := s.Schemes[name]; declared && (!before || !after) {
		return "a scheme of " + describe(scheme)
	}
	return name
}

// describe says what a scheme is.
func describe(s spec.SecurityScheme) string {
	text := s.Type
	if s.Scheme != "" {
		text += " " + s.Scheme
	}
	if s.Name != "" {
		text += fmt.Sprintf(" %s %q", s.In, cut(s.Name))
	}
	return text
}

// strength orders schemes by how hard it is to come in without being let in: 0
// is not known. A key in an address stands in logs; Basic sends the password
// itself.
func strength(s spec.SecurityScheme) int {
	switch s.Type {
	case "mutualTLS":
		return 6
	case "oauth2", "openIdConnect":
		return 5
	case "apiKey":
		if s.In == spec.InQuery {
			return 1
		}
		return 3
	case "http":
		switch s.Scheme {
		case "bearer", "dpop":
			return 4
		case "digest":
			return 3
		case "basic":
			return 2
		}
	}
	return 0
}

// strengthOf is that of the strongest scheme of an alternative.
func (c *comparer) strengthOf(s *side, alternative []spec.Requirement) int {
	most := 0
	for _, r := range alternative {
		most = max(most, strength(s.Schemes[r.Scheme]))
	}
	return most
}

// covers says whether who satisfies b satisfies a: a asks for nothing more.
func (a need) covers(b need) bool {
	for scheme, scopes := range a {
		had, ok := b[scheme]
		if !ok {
			return false
		}
		for scope := range scopes {
			if !had[scope] {
				return false
			}
		}
	}
	return true
}

// sameSchemes says whether two needs differ in scopes alone.
func (a need) sameSchemes(b need) bool {
	return slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
}

func (a need) within(b need) bool {
	for scheme := range a {
		if _, ok := b[scheme]; !ok {
			return false
		}
	}
	return true
}

// String lists schemes and scopes.
func (a need) String() string {
	var parts []string
	for _, scheme := range slices.Sorted(maps.Keys(a)) {
		text := cut(scheme)
		if scopes := slices.Sorted(maps.Keys(a[scheme])); len(scopes) > 0 {
			text += " (" + cut(strings.Join(scopes, ", ")) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}

// maxAlternatives is how many alternatives of an operation are compared.
const maxAlternatives = 64

func (c *comparer) security(old, updated [][]spec.Requirement) {
	c.within("security", false, c.at.old.Line, c.at.new.Line, func() {
		wasOpen, isOpen := open(old), open(updated)
		switch {
		case !wasOpen && isOpen:
			c.add(SecurityRemoved, Security, Widens, "anybody may call it now")
			return
		case wasOpen && !isOpen:
			c.add(SecurityAdded, Breaking, Narrows, "callers must prove who they are now")
			return
		case wasOpen && isOpen:
			return
		}
		if len(old) > maxAlternatives || len(updated) > maxAlternatives {
			c.exceeded = true
			return
		}
		was, is := c.needs(c.old, old), c.needs(c.new, updated)
		c.refused(was, is)
		c.letIn(was, is, old, updated)
	})
}

// refused tells who is no longer let in.
func (c *comparer) refused(was, is []need) {
	for _, o := range was {
		if slices.ContainsFunc(is, func(n need) bool { return n.covers(o) }) {
			continue
		}
		kind, message := AlternativeRefused, o.String()+" no longer suffices"
		for _, n := range is {
			if n.sameSchemes(o) {
				kind, message = ScopesAdded, "was "+o.String()+", is "+n.String()
				break
			}
			if o.within(n) {
				kind, message = RequirementAdded, "was "+o.String()+", is "+n.String()
			}
		}
		c.add(kind, Breaking, Narrows, "%s", message)
	}
}

// letIn tells who is let in that wasn't.
func (c *comparer) letIn(was, is []need, old, updated [][]spec.Requirement) {
	weakest := c.strengthOf(c.old, old[0])
	for _, alternative := range old {
		weakest = min(weakest, c.strengthOf(c.old, alternative))
	}
	for i, n := range is {
		if slices.ContainsFunc(was, func(o need) bool { return o.covers(n) }) {
			continue
		}
		kind, class, message := AlternativeAdded, Harmless, n.String()+" suffices now"
		if s := c.strengthOf(c.new, updated[i]); s == 0 || s < weakest {
			kind, class = AlternativeWeaker, Security
			message += ", which is weaker than what was asked for"
		}
		for _, o := range was {
			if n.sameSchemes(o) {
				kind, class, message = ScopesRemoved, Security, "was "+o.String()+", is "+n.String()
				break
			}
			if n.within(o) {
				kind, class, message = RequirementRemoved, Security, "was "+o.String()+", is "+n.String()
			}
		}
		c.add(kind, class, Widens, "%s", message)
	}
}

// schemes compares those that both descriptions declare.
func (c *comparer) schemes() {
	for _, name := range slices.Sorted(maps.Keys(c.old.Schemes)) {
		o := c.old.Schemes[name]
		n, ok := c.new.Schemes[name]
		if !ok || describe(o) == describe(n) {
			continue
		}
		c.at = context{place: "security scheme " + name, old: Position{Line: o.Line}, new: Position{Line: n.Line}}
		c.add(SchemeChanged, Breaking, Both, "was %s, is %s", describe(o), describe(n))
		if strength(n) < strength(o) {
			c.add(SchemeWeakened, Security, Neither, "%s is weaker than %s", describe(n), describe(o))
		}
	}
	c.at = context{}
}

// servers compares where the API is served. An address that is relative is
// compared as it stands.
func (c *comparer) servers() {
	was, is := addresses(c.old.Servers), addresses(c.new.Servers)
	encrypted := func(all map[string]string, address string) bool {
		_, rest, _ := strings.Cut(address, "://")
		return all["https://"+rest] != "" || all["wss://"+rest] != ""
	}
	for _, address := range slices.Sorted(maps.Keys(was)) {
		if is[address] == "" {
			c.at = context{place: "server " + cut(was[address])}
			c.add(ServerRemoved, Breaking, Narrows, "is no longer described")
		}
	}
	for _, address := range slices.Sorted(maps.Keys(is)) {
		if was[address] != "" {
			continue
		}
		c.at = context{place: "server " + cut(is[address])}
		c.add(ServerAdded, Harmless, Widens, "is new")
		if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "ws://") {
			message := "is new, and nothing on the way to it is encrypted"
			if encrypted(was, address) {
				message = "was encrypted, and no longer is"
			}
			c.add(ServerUnencrypted, Security, Neither, "%s", message)
		}
	}
	c.at = context{}
}

// addresses gives addresses as they were written, by what they mean.
func addresses(all []string) map[string]string {
	out := map[string]string{}
	for _, address := range all {
		key := strings.TrimRight(address, "/")
		if u, err := url.Parse(key); err == nil && u.Host != "" {
			u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
			if u.Scheme == "https" {
				u.Host = strings.TrimSuffix(u.Host, ":443")
			}
			if u.Scheme == "http" {
				u.Host = strings.TrimSuffix(u.Host, ":80")
			}
			key = u.String()
		}
		if out[key] == "" {
			out[key] = address
		}
		if out[key] == "" {
			out[key] = "/"
		}
	}
	return out
}
