package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// maxReach bounds how many flows are followed from one.
const maxReach = 200

// reach visits the elements of a flow and of the flows that it refers to, each
// once, until visit says false; then it does not go below that element. The flow
// is the one that the element stands in.
func (s *survey) reach(flow *mule.Flow, visit func(at *mule.Flow, e *document.Element) bool) {
	seen := map[*mule.Flow]bool{flow: true}
	queue := []*mule.Flow{flow}
	for len(queue) > 0 && s.Err() == nil {
		at := queue[0]
		queue = queue[1:]
		at.Element.Walk(func(e *document.Element) bool {
			if e.Is(spaceCore, "flow-ref") && len(seen) < maxReach {
				if next := s.Project.FlowNamed(e.Value("name")); next != nil && !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
			return visit(at, e)
		})
	}
}

// isRouter says whether an element is a router of APIkit.
func isRouter(e *document.Element) bool {
	return e.Name.Local == "router" && strings.Contains(e.Name.Space, "apikit")
}

// routers are the routers of APIkit in a flow and in those that it refers to.
func (s *survey) routers(flow *mule.Flow) []*document.Element {
	var out []*document.Element
	s.reach(flow, func(_ *mule.Flow, e *document.Element) bool {
		if isRouter(e) {
			out = append(out, e)
		}
		return true
	})
	return out
}

// listens says whether a flow is started by requests, and is not stopped.
func (s *survey) listens(flow *mule.Flow) bool {
	return flow.Source != nil && flow.Source.Is(spaceHTTP, "listener") && !s.stopped(flow)
}

// stopped says whether a flow is not started where the application is run, or
// whether a property decides that is not known.
func (s *survey) stopped(flow *mule.Flow) bool {
	a := flow.Element.Attr("initialState")
	if a == nil {
		return false
	}
	return s.where(a.Value.Text, func(v string) bool { return v != "stopped" }) != deployed
}

// listenerPath is the path that a flow listens at, with that of its configuration.
func (s *survey) listenerPath(flow *mule.Flow) string {
	first := func(text string) string {
		if all := s.settings(text); len(all) > 0 {
			return all[0].text
		}
		return text
	}
	base := first(s.Project.Config(flow.Source).Value("basePath"))
	return path.Join("/", base, first(flow.Source.Value("path")))
}

// discovered are the names of the flows that autodiscovery names; open says that a
// name is not known, so that any flow may be meant.
func (s *survey) discovered() (names map[string]bool, open bool) {
	names = map[string]bool{}
	globals := s.Project.Globals
	for _, l := range s.Project.Libraries {
		globals = slices.Concat(globals, l.Globals)
	}
	for _, e := range globals {
		if e.Name.Local != "autodiscovery" || !strings.HasSuffix(e.Name.Space, "/api-gateway") {
			continue
		}
		name := e.Value("flowRef")
		names[name] = true
		all := s.settings(name)
		open = open || len(all) == 0
		for _, v := range all {
			names[v.text] = true
		}
	}
	return names, open
}

var (
	healthPath  = regexp.MustCompile(`(?i)(^|/)_?(health|healthz|healthcheck|health-check|health_check|ping|alive|live|liveness|livez|ready|readiness|readyz|status|version|heartbeat|isalive|is-alive)(/\*?|\*)?$`)
	callerWords = regexp.MustCompile(`(?i)authori[sz]ation|client_?id|client_?secret|api-?_?key|\btoken\b|jwt|bearer|authentication\.|signature|hmac`)
	guardName   = regexp.MustCompile(`(?i)auth|jwt|token|credential|security|api-?_?key|signature`)
)

// guards says whether an element looks at who calls.
func guards(e *document.Element) bool {
	switch local := e.Name.Local; {
	case e.Is(spaceHTTP, "basic-security-filter"), strings.Contains(local, "authorization-filter"), strings.Contains(local, "security-filter"),
		strings.Contains(e.Name.Space, "oauth2-provider"), strings.Contains(local, "jwt"), strings.Contains(e.Name.Space, "jwt"):
		return true
	case e.Is(spaceCore, "raise-error"):
		kind := e.Value("type")
		return strings.Contains(kind, "UNAUTHORIZED") || strings.Contains(kind, "FORBIDDEN") || strings.Contains(kind, "AUTH")
	case e.Is(spaceCore, "flow-ref"):
		return guardName.MatchString(e.Value("name"))
	case e.Is(spaceCore, "when"):
		return callerWords.MatchString(e.Value("expression"))
	case strings.HasSuffix(e.Name.Space, "/validation"), strings.HasSuffix(e.Name.Space, "/java"):
		for i := range e.Attrs {
			if v := e.Attrs[i].Value.Text; callerWords.MatchString(v) || e.Attrs[i].Name.Local == "method" && guardName.MatchString(v) {
				return true
			}
		}
	}
	return false
}

// guarded says whether a flow, or one that it refers to, looks at who calls, or its
// listener demands a certificate.
func (s *survey) guarded(flow *mule.Flow) bool {
	found := flow.Source != nil && s.mutual(s.Project.Config(flow.Source))
	s.reach(flow, func(_ *mule.Flow, e *document.Element) bool {
		found = found || guards(e)
		return !found
	})
	return found
}

// mutual says whether a listener demands certificates of those that it trusts.
func (s *survey) mutual(config *document.Element) bool {
	found := false
	config.Walk(func(e *document.Element) bool {
		context := e.Child(spaceTLS, "context")
		if named := namedContext(e); named != nil {
			context = s.Project.Global(named.Value.Text)
			found = found || context == nil && s.Project.DomainName != "" // a domain that is not at hand may say so
		}
		if store := context.Child(spaceTLS, "trust-store"); store != nil {
			found = found || store.Value("insecure") != "true"
		}
		return !found
	})
	return found
}
