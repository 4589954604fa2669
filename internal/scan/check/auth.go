package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// auth lists the checks of who may do what.
func auth() []entry[Func] {
	return []entry[Func]{
		{"unauthenticated-endpoint", unauthenticatedEndpoint},
		{"basic-over-http", basicOverHTTP},
		{"home-made-authentication", homeMadeAuthentication},
		{"unverified-token", unverifiedToken},
		{"object-without-owner", objectWithoutOwner},
		{"admin-operations", adminOperations},
		{"whole-answers", wholeAnswers},
		{"oauth-client", oauthClient},
		{"credential-in-query", credentialInQuery},
	}
}

func basicOverHTTP(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		switch {
		case e.Is(spaceHTTP, "basic-security-filter"):
			s.filterOverHTTP(f, e)
		case e.Is(spaceHTTP, "basic-authentication"):
			s.basicRequest(f, e)
		}
	})
}

// filterOverHTTP judges a filter by the listener of its flow.
func (s *survey) filterOverHTTP(f *mule.XMLFile, e *document.Element) {
	flow := s.flowOf(e)
	if flow == nil || !flow.Source.Is(spaceHTTP, "listener") {
		return
	}
	connection := connectionOf(s.Project.Config(flow.Source), "listener-connection")
	if connection == nil || !s.plain(connection) || s.every(connection.Value("host"), isLoopback) {
		return
	}
	port := connection.Value("port")
	if pom := s.Project.POM; strings.Contains(port, "http.p") || pom != nil && pom.Target != mule.UnknownTarget && pom.Target != mule.Standalone {
		return // the platform may end TLS before the application
	}
	s.Report(Report{
		Place: s.Element(f, e), Message: "names and passwords for the flow " + flow.Name + " come over plain HTTP", Also: []*document.Element{connection},
	})
}

// connectionOf is what says how a configuration connects, nil for none.
func connectionOf(config *document.Element, local string) *document.Element {
	if config == nil {
		return nil
	}
	if c := config.Child(spaceHTTP, local); c != nil {
		return c
	}
	if config.Attr("host") != nil || config.Attr("protocol") != nil {
		return config // that of Mule 3
	}
	return nil
}

// plain says whether a connection is without TLS where the application is run.
func (s *survey) plain(connection *document.Element) bool {
	if connection.Attr("tlsContext") != nil || connection.Child(spaceTLS, "context") != nil {
		return false
	}
	a := connection.Attr("protocol")
	return a == nil || s.where(a.Value.Text, func(v string) bool { return strings.EqualFold(v, "HTTP") }) == deployed
}

func (s *survey) basicRequest(f *mule.XMLFile, e *document.Element) {
	connection := e.Parent
	if connection.Is(spaceHTTP, "authentication") {
		connection = connection.Parent
	}
	if !connection.Is(spaceHTTP, "request-connection") || !s.plain(connection) || s.every(connection.Value("host"), isInside) {
		return
	}
	r := Report{Place: s.Element(f, e), Message: "name and password go over plain HTTP", Also: []*document.Element{connection}}
	if len(s.settings(connection.Value("host"))) == 0 {
		r.Severity = finding.Medium // it may be a host of the same machine
	}
	s.Report(r)
}

// credentialName is the name of a header or parameter that holds a credential.
var credentialName = regexp.MustCompile(`(?i)^(authorization|proxy-authorization|x?[-_]?api[-_]?key|client[-_]?secret|x[-_]client[-_]secret|x?[-_]?auth[-_]?token|access[-_]?token|x[-_]token|token|password|passwd|secret|x[-_]secret)$`)

// isCredential says whether a path is that of a credential in a request.
func isCredential(path string) bool {
	for _, begin := range [...]string{"attributes.headers.", "attributes.queryParams.", "message.inboundProperties.", "vars.headers."} {
		if name, ok := strings.CutPrefix(path, begin); ok {
			name = strings.TrimPrefix(name, "'http.query.params'.")
			return credentialName.MatchString(name)
		}
	}
	return false
}

func homeMadeAuthentication(c *Context) {
	told := map[*document.Element]bool{}
	eachCode(c, func(s snippet) {
		e := s.Element
		if e == nil || s.attribute != "expression" || e.Name.Local != "when" && e.Name.Local != "is-true" && e.Name.Local != "is-false" {
			return
		}
		s.walk(func(n syntax.Node) bool {
			b, ok := n.(*syntax.Binary)
			if !ok || b.Op != "==" && b.Op != "!=" || told[e] {
				return true
			}
			if isCredential(pathOf(b.Left)) && isFixed(b.Right) || isCredential(pathOf(b.Right)) && isFixed(b.Left) {
				told[e] = true
				c.Report(Report{Place: s.at(b.Bytes()), Message: "the flow compares a credential of the request itself"})
			}
			return true
		})
	})
}

// isFixed says whether an expression is a text of the project or a property.
func isFixed(n syntax.Node) bool {
	n = bare(n)
	if b, ok := n.(*syntax.Binary); ok && b.Op == "++" {
		return isFixed(b.Left) && isFixed(b.Right)
	}
	if text, ok := literalOf(n); ok {
		return strings.TrimSpace(text) != ""
	}
	call, ok := n.(*syntax.Call)
	return ok && calledName(call) == "p"
}

func oauthClient(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !strings.HasSuffix(e.Name.Space, "/oauth") && !strings.Contains(e.Name.Local, "oauth") || strings.HasSuffix(e.Name.Space, "oauth2-provider") {
			return
		}
		for _, name := range [...]string{"tokenUrl", "authorizationUrl", "externalCallbackUrl"} {
			a := e.Attr(name)
			if a == nil || s.where(a.Value.Text, func(v string) bool { return strings.HasPrefix(strings.ToLower(v), "http://") && !isInside(hostOf(v)) }) != deployed {
				continue
			}
			c.Report(Report{
				Place: c.Attribute(f, e, name), Detail: "@" + name, Message: "the " + name + " of " + titled(e) + " is an address without TLS",
				Repair: otherScheme(f, a, "http://", "https://"),
			})
		}
		if e.Value("encodeClientCredentialsInBody") == "true" {
			c.Report(Report{
				Place: c.Attribute(f, e, "encodeClientCredentialsInBody"), Detail: "@encodeClientCredentialsInBody", Severity: finding.Low,
				Message: titled(e) + " sends the client's credentials in the body, where logs keep them",
				Repair:  suggested("send them in the Authorization header", withAttribute(f, e, "encodeClientCredentialsInBody", "false")),
			})
		}
	})
}

// queryCredential is the name of a query parameter that holds a credential.
var queryCredential = regexp.MustCompile(`(?i)^(access[-_]?token|auth[-_]?token|api[-_]?key|client[-_]?secret|password|passwd|secret|id[-_]?token|refresh[-_]?token|token)$`)

func credentialInQuery(c *Context) {
	told := map[*document.Element]bool{}
	report := func(s snippet, n syntax.Node, message string) {
		if !told[s.Element] {
			told[s.Element] = true
			c.Report(Report{Place: s.at(n.Bytes()), Message: message})
		}
	}
	eachCode(c, func(s snippet) {
		outbound := s.Element.Is(spaceHTTP, "query-params")
		s.walk(func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Field:
				if outbound && queryCredential.MatchString(fieldName(n)) {
					report(s, n, "the call carries the credential "+fieldName(n)+" in its address")
				}
			case *syntax.Select:
				name, ok := strings.CutPrefix(pathOf(n), "attributes.queryParams.")
				if ok && s.Element != nil && queryCredential.MatchString(name) {
					report(s, n, "clients send the credential "+name+" in the address")
				}
			}
			return true
		})
	})
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		if e.Name.Space == spaceHTTP && e.Name.Local == "query-param" && queryCredential.MatchString(e.Value("paramName")) {
			c.Report(Report{Place: c.Element(f, e), Message: "the call carries the credential " + e.Value("paramName") + " in its address"})
		}
	})
}
