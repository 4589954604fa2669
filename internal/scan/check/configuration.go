package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// configuration lists the checks of how an application is set up.
func configuration() []entry[Func] {
	return []entry[Func]{
		{"console-exposed", consoleExposed},
		{"no-autodiscovery", noAutodiscovery},
		{"autodiscovery-broken", autodiscoveryBroken},
		{"cors-any-origin", corsAnyOrigin},
		{"wildcard-listener", wildcardListener},
		{"route-around-apikit", routeAroundAPIkit},
		{"debug-endpoint", debugEndpoint},
		{"no-timeout", noTimeout},
		{"retry-without-bound", retryWithoutBound},
		{"unbounded-work", unboundedWork},
		{"no-page-limit", noPageLimit},
		{"large-memory-stream", largeMemoryStream},
		{"shared-cache", sharedCache},
		{"open-agent-server", openAgentServer},
		{"agent-tool-writes", agentToolWrites},
		{"agent-tool-runs-code", agentToolRunsCode},
		{"agent-tool-error-text", agentToolErrorText},
		{"plain-agent-connection", plainAgentConnection},
		{"domain-weakness", domainWeakness},
	}
}

func consoleExposed(c *Context) {
	s := surveyOf(c)
	for _, flow := range c.Project.Flows {
		if flow.Source == nil || s.stopped(flow) {
			continue
		}
		flow.Element.Walk(func(e *document.Element) bool {
			if e.Is(spaceCore, "when") {
				return false // something decides whether it is shown
			}
			if e.Is(spaceAPIkit, "console") {
				r := Report{Place: c.Element(flow.File, e), Message: "the flow " + flow.Name + " shows the API console"}
				if a := flow.Element.Attr("initialState"); a == nil || !strings.Contains(a.Value.Text, "${") {
					r.Repair = safely("do not start the flow", withAttribute(flow.File, flow.Element, "initialState", "stopped"))
				}
				c.Report(r)
			}
			return true
		})
	}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if c.Project.Major == 3 && e.Name.Local == "config" && strings.HasSuffix(e.Name.Space, "apikit") && s.where(e.Value("consoleEnabled"), isTrue) == deployed {
			c.Report(Report{
				Place: c.Attribute(f, e, "consoleEnabled"), Message: "the API console of " + e.Value("name") + " is switched on",
				Repair: suggested("switch the console off", withAttribute(f, e, "consoleEnabled", "false")),
			})
		}
	})
}

func noAutodiscovery(c *Context) {
	s := surveyOf(c)
	names, open := s.discovered()
	if c.Project.Kind != mule.Application || open {
		return
	}
	var plain []*mule.Flow
	routed := false
	for _, flow := range c.Project.Flows {
		switch {
		case !s.listens(flow) || s.every(s.Project.Config(flow.Source).Child(spaceHTTP, "listener-connection").Value("host"), isLoopback):
		case len(s.routers(flow)) > 0:
			routed = true
			if !names[flow.Name] {
				s.unmanaged(flow, len(names) > 0)
			}
		case strings.HasPrefix(s.listenerPath(flow)+"/", "/api/") && !healthPath.MatchString(s.listenerPath(flow)):
			plain = append(plain, flow)
		}
	}
	if !routed && len(names) == 0 && len(plain) > 1 {
		s.unmanaged(plain[0], false)
	}
}

// unmanaged complains of the main flow of an API that API Manager does not know.
func (s *survey) unmanaged(flow *mule.Flow, others bool) {
	r := Report{
		Place: s.Element(flow.File, flow.Element), Message: "no autodiscovery names the flow " + flow.Name + ", so that no policy of API Manager guards it",
		Repair: s.discovery(flow),
	}
	kernel := s.Project.Artifact != nil && s.Project.Artifact.RequiredProduct == "MULE"
	if others || kernel || s.guarded(flow) {
		r.Severity = finding.Low
	}
	s.Report(r)
}

// discovery makes an autodiscovery name a flow: one that names none that there is, or
// a new one.
func (s *survey) discovery(flow *mule.Flow) *Repair {
	var broken *Repair
	s.each(func(f *mule.XMLFile, e *document.Element) {
		name := e.Value("flowRef")
		if isAutodiscovery(e) && s.Project.FlowNamed(name) == nil && !strings.Contains(name, "${") {
			broken = suggested("name the flow in the autodiscovery", withAttribute(f, e, "flowRef", escaped(flow.Name)))
		}
	})
	if broken != nil {
		return broken
	}
	name, declaration := prefixIn(flow.Element.Parent, "http://www.mulesoft.org/schema/mule/api-gateway", "api-gateway")
	at := flow.Element.Whole.Start
	return suggested("name the flow in an autodiscovery", Edit{
		File: flow.File.File, Span: document.Span{Start: at, End: at},
		Text: "<" + name + "autodiscovery" + declaration + ` apiId="${api.id}" ignoreBasePath="true" flowRef="` + escapedAttribute(flow.Name) + `"/>` + or(lineLike(flow.File, flow.Element), "\n"),
	})
}

func isAutodiscovery(e *document.Element) bool {
	return e.Name.Local == "autodiscovery" && strings.HasSuffix(e.Name.Space, "/api-gateway")
}

// escapedAttribute is a text as it may stand in an attribute.
func escapedAttribute(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(s)
}

var digits = regexp.MustCompile(`^\d+$`)

func autodiscoveryBroken(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !isAutodiscovery(e) {
			return
		}
		name := e.Value("flowRef")
		flow := c.Project.FlowNamed(name)
		switch {
		case strings.Contains(name, "${"):
		case flow == nil:
			c.Report(Report{Place: c.Attribute(f, e, "flowRef"), Message: "there is no flow " + name + ", so that no policy is applied"})
		case flow.Source == nil:
			c.Report(Report{Place: c.Attribute(f, e, "flowRef"), Message: "the flow " + name + " has no listener, so that no policy is applied"})
		}
		if id := strings.TrimSpace(e.Value("apiId")); digits.MatchString(id) {
			c.Report(Report{
				Place: c.Attribute(f, e, "apiId"), Detail: "@apiId", Severity: finding.Low, Message: "the API id is fixed, whatever the environment",
				Repair: &Repair{
					Title: "take the API id from the environment", Safe: len(c.Project.Properties.Named("api.id")) > 0,
					Edits: []Edit{withAttribute(f, e, "apiId", "${api.id}")},
				},
			})
		}
	})
}

func corsAnyOrigin(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		header := ""
		for _, name := range [...]string{"key", "headerName", "propertyName"} {
			if v := e.Value(name); v != "" {
				header = v
			}
		}
		switch {
		case e.Is(spaceHTTP, "public-resource"), e.Is(spaceHTTP, "origin") && s.where(e.Value("url"), func(v string) bool { return v == "*" }) == deployed:
			s.publicResource(f, e)
		case strings.EqualFold(header, "access-control-allow-origin") && s.where(e.Value("value"), func(v string) bool { return v == "*" }) == deployed:
			c.Report(Report{
				Place: c.Element(f, e), Message: "pages of any origin may read the answers",
				Repair: suggested("allow the origin that a property names", withAttribute(f, e, "value", "${cors.origin}")),
			})
		}
	})
	s.eachScript(func(code *mule.Code) {
		inspect(code.Tree, func(n syntax.Node) bool {
			if o, ok := n.(*syntax.Object); ok {
				s.corsHeaders(code, o)
			}
			return true
		})
	}, "access-control-allow-origin")
}

func (s *survey) publicResource(f *mule.XMLFile, e *document.Element) {
	r := Report{Place: s.Element(f, e), Message: "pages of any origin may call " + ownerOf(e)}
	if e.Name.Local == "public-resource" {
		name := strings.TrimSuffix(writtenName(e), "public-resource") + "origin"
		r.Repair = suggested("allow the origin that a property names", Edit{File: f.File, Span: e.Whole, Text: "<" + name + ` url="${cors.origin}"/>`})
	} else {
		r.Repair = suggested("allow the origin that a property names", withAttribute(f, e, "url", "${cors.origin}"))
	}
	for up := e.Parent; up != nil; up = up.Parent {
		if s.where(up.Value("allowCredentials"), isTrue) == deployed {
			r.Severity, r.Message = finding.High, r.Message+" with the credentials of the user"
			break
		}
	}
	s.Report(r)
}

// corsHeaders judges the headers that an object of a script sets.
func (s *survey) corsHeaders(code *mule.Code, o *syntax.Object) {
	var origin syntax.Node
	credentials := false
	for _, f := range o.Fields {
		name, _ := wholeText(f.Key)
		switch strings.ToLower(name) {
		case "access-control-allow-origin":
			origin = f.Value
		case "access-control-allow-credentials":
			text, _ := wholeText(f.Value)
			b, is := f.Value.(*syntax.Bool)
			credentials = strings.EqualFold(text, "true") || is && b.Value
		}
	}
	if origin == nil {
		return
	}
	if text, ok := wholeText(origin); ok && strings.TrimSpace(text) == "*" {
		at := inCode(code, origin)
		s.Report(Report{
			Place: at, Message: "pages of any origin may read the answers",
			Repair: suggested("allow the origin that a property names", propertyCalled(at, "cors.origin")),
		})
		return
	}
	if selected, ok := origin.(*syntax.Select); ok && strings.EqualFold(selected.Name, "origin") {
		r := Report{Place: inCode(code, origin), Message: "whatever origin the request names may read the answers"}
		if credentials {
			r.Severity = finding.High
		}
		s.Report(r)
	}
}

func wildcardListener(c *Context) {
	s := surveyOf(c)
	for _, flow := range c.Project.Flows {
		if !s.listens(flow) || flow.Source.Value("allowedMethods") != "" || len(s.routers(flow)) > 0 {
			continue
		}
		switch s.listenerPath(flow) {
		case "/*", "/**":
			c.Report(Report{
				Place: c.Element(flow.File, flow.Source), Message: "the flow " + flow.Name + " takes any path and any method",
				Repair: suggested("take the methods GET and POST only", withAttribute(flow.File, flow.Source, "allowedMethods", "GET, POST")),
			})
		}
	}
}

func routeAroundAPIkit(c *Context) {
	s := surveyOf(c)
	names, open := s.discovered()
	if open || len(names) == 0 {
		return
	}
	for _, flow := range c.Project.Flows {
		if !s.listens(flow) || names[flow.Name] || healthPath.MatchString(s.listenerPath(flow)) || len(s.routers(flow)) > 0 || s.guarded(flow) ||
			s.every(s.Project.Config(flow.Source).Child(spaceHTTP, "listener-connection").Value("host"), isLoopback) || holdsElement(flow.Element, spaceAPIkit, "console") {
			continue
		}
		c.Report(Report{
			Place:   c.Element(flow.File, flow.Source),
			Message: "the flow " + flow.Name + " serves " + s.listenerPath(flow) + " beside the API that API Manager guards",
		})
	}
}

// holdsElement says whether an element of a name stands in another.
func holdsElement(e *document.Element, space, local string) bool {
	found := false
	e.Walk(func(e *document.Element) bool {
		found = found || e.Is(space, local)
		return !found
	})
	return found
}

var debugPath = regexp.MustCompile(`(?i)(^|/)(debug|admin|administration|actuator|heapdump|threaddump|jolokia|h2-console|phpinfo|test|tests|testing)(/|$)`)

func debugEndpoint(c *Context) {
	s := surveyOf(c)
	names, _ := s.discovered()
	for _, flow := range c.Project.Flows {
		if !s.listens(flow) || holdsElement(flow.Element, spaceAPIkit, "console") {
			continue
		}
		m := debugPath.FindStringSubmatch(s.listenerPath(flow))
		if m == nil {
			continue
		}
		r := Report{Place: c.Element(flow.File, flow.Source), Message: "the flow " + flow.Name + " serves " + s.listenerPath(flow)}
		if names[flow.Name] || s.guarded(flow) || strings.HasPrefix(strings.ToLower(m[2]), "test") {
			r.Severity = finding.Low
		}
		c.Report(r)
	}
}
