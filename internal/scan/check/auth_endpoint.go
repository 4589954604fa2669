package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

const spaceGateway = "http://www.mulesoft.org/schema/mule/api-gateway"

var (
	// openPath are paths that are open by intent.
	openPath = regexp.MustCompile(`(?i)(^|[/_-])(health|healthz|healthcheck|ping|alive|liveness|live|ready|readiness|readyz|status|heartbeat|version|info|favicon\.ico|robots\.txt|swagger|docs?|console|login|token|authorize|oauth2?|callback)([/_*-]|$)`)
	// authWord are words in names of elements, flows, classes and paths that show
	// that callers are told apart there.
	authWord = regexp.MustCompile(`(?i)auth|jwt|oidc|saml|token|security|credential|signature|hmac|verify|api[-_ ]?key|client[-_ ]?id|login|introspect|userinfo|allow-?list|white-?list|access[-_ ]?control`)
	// authUse are expressions that look at who calls.
	authUse = regexp.MustCompile(`(?i)headers\s*(\.|\[)\s*['"]?(authorization|client_id|client_secret|x-api-key|apikey|api-key|api_key|x-[\w-]*(key|token|secret|signature|auth)[\w-]*|[\w-]*signature[\w-]*)|attributes\.clientCertificate|\bauthentication\s*\.|inboundProperties\W+(authorization|client_id)|\bpayload\.(token|secret|signature|api_?key)\s*[!=]=`)
)

// unauthenticatedEndpoint reports listeners of flows that do some work and in which
// nothing asks who calls. They are worse where the project is deployed somewhere.
func unauthenticatedEndpoint(c *Context) {
	p := c.Project
	if p.Kind == mule.Policy || p.Kind == mule.Library || p.Kind == mule.Domain {
		return
	}
	s := surveyOf(c)
	guarded, all := s.gatewayFlows()
	if all {
		return
	}
	for _, f := range p.Flows {
		if !f.Source.Is(spaceHTTP, "listener") || guarded[f.Name] || openPath.MatchString(f.Source.Value("path")) {
			continue
		}
		config := p.Config(f.Source)
		connection := connectionOf(config, "listener-connection")
		if connection != nil && (s.every(connection.Value("host"), isLoopback) || s.asksCertificate(connection)) {
			continue
		}
		v := &endpointView{survey: s, seen: map[*mule.Flow]bool{}}
		v.flow(f)
		if v.asks || !v.works {
			continue
		}
		r := Report{Place: c.Element(f.File, f.Source), Message: "nothing was found that asks who calls the flow " + f.Name}
		// A private port is reached from inside the network only.
		if config == nil || s.unplaced() || !v.touches || strings.Contains(connection.Value("port"), "private") {
			r.Severity = finding.Medium
		}
		c.Report(r)
	}
}

// unplaced says whether nothing says where the project is deployed: much that is
// published is made to be tried out.
func (s *survey) unplaced() bool {
	return s.Project.POM == nil || s.Project.POM.Target == mule.UnknownTarget
}

// gatewayFlows are the flows that autodiscovery puts under the gateway; all says
// that any flow may be.
func (s *survey) gatewayFlows() (flows map[string]bool, all bool) {
	flows = map[string]bool{}
	s.each(func(_ *mule.XMLFile, e *document.Element) {
		switch {
		case e.Is(spaceGateway, "autodiscovery"):
			name := e.Value("flowRef")
			flows[name] = true
			all = all || name == "" || strings.ContainsAny(name, "$#") || s.Project.FlowNamed(name) == nil
		case strings.HasSuffix(e.Name.Space, "/api-platform-gw"):
			all = all || e.Value("flowRef") == ""
			flows[e.Value("flowRef")] = true
		case strings.HasSuffix(e.Name.Space, "/http-policy"), strings.Contains(e.Name.Space, "spring-security"), strings.Contains(e.Name.Space, "springframework.org/schema/security"):
			all = all || e.Name.Local != "security-manager"
		}
	})
	for name := range s.Project.Files {
		if strings.Contains(name, "/policies/") || strings.HasPrefix(name, "policies/") {
			all = true
		}
	}
	return flows, all
}

// asksCertificate says whether a listener asks clients for certificates that it checks.
func (s *survey) asksCertificate(connection *document.Element) bool {
	context := connection.Child(spaceTLS, "context")
	if a := namedContext(connection); context == nil && a != nil {
		if context = s.Project.Global(a.Value.Text); context == nil {
			return true // a domain that is not at hand may say so
		}
	}
	trust := context.Child(spaceTLS, "trust-store")
	return trust != nil && trust.Value("insecure") != "true"
}

// endpointView is what is seen of an endpoint in its flow and those that it calls.
type endpointView struct {
	*survey
	seen map[*mule.Flow]bool
	// asks says that something looks at who calls; works that it does more than to
	// answer a constant; touches that it reaches data or other systems.
	asks, works, touches bool
}

const maxCalledFlows = 200

func (v *endpointView) flow(f *mule.Flow) {
	if f == nil || v.seen[f] || len(v.seen) >= maxCalledFlows || v.asks {
		return
	}
	v.seen[f] = true
	for _, step := range f.Steps {
		step.Walk(func(e *document.Element) bool {
			v.element(f.File, e)
			return !v.asks
		})
	}
}

func (v *endpointView) element(file *mule.XMLFile, e *document.Element) {
	space := e.Name.Space[strings.LastIndexByte(e.Name.Space, '/')+1:]
	switch {
	case e.Is(spaceCore, "logger"), e.Is(spaceCore, "error-handler"):
		return
	case e.Is(spaceCore, "flow-ref"):
		name := e.Value("name")
		if authWord.MatchString(name) {
			v.asks = true
			return
		}
		v.flow(v.Project.FlowNamed(name))
	case e.Is(spaceAPIkit, "console"):
		v.works = false
		v.asks = true
		return
	case strings.Contains(e.Name.Space, "apikit") && e.Name.Local == "router":
		v.works = true
		v.operations(e)
	case authWord.MatchString(e.Name.Local) && space != "oauth", strings.Contains(space, "security"), strings.Contains(space, "oauth2-provider"):
		v.asks = true
		return
	}
	for _, name := range [...]string{"class", "path", "component-ref", "ref", "config-ref"} {
		if value := e.Value(name); value != "" && (e.Name.Local == "invoke" || e.Name.Local == "invoke-static" || e.Name.Local == "request" ||
			e.Name.Local == "custom-transformer" || e.Name.Local == "component") && authWord.MatchString(value) {
			v.asks = true
		}
	}
	if !isCoreSpace(e.Name.Space) && e.Parent != nil && isCoreSpace(e.Parent.Name.Space) && space != "json-logger" && space != "validation" &&
		e.Name.Local != "set-cache" && e.Name.Local != "load-static-resource" {
		v.works, v.touches = true, true
	}
	eachCodeOf(v.Context, file, e, func(s snippet) {
		v.asks = v.asks || authUse.MatchString(s.Text)
	})
}

func isCoreSpace(space string) bool { return space == spaceCore || space == spaceEE }

// operations looks at the flows that APIkit calls.
func (v *endpointView) operations(router *document.Element) {
	for _, f := range v.Project.Flows {
		if f.Operation != nil && (f.Operation.Config == "" || f.Operation.Config == router.Value("config-ref")) {
			v.flow(f)
		}
	}
}

// tokenParts is how expressions take a token apart to read what it says.
var tokenParts = regexp.MustCompile(`splitBy\s*\(?\s*(["'/])\\{0,2}\.["'/]`)

var tokenWord = regexp.MustCompile(`(?i)authorization|bearer|jwt|token`)

// verifies are names of what checks the signature of a token.
var verifies = regexp.MustCompile(`(?i)jwt|verif|validate[-_]?(access[-_]?)?token|token[-_]?valid|introspect|oauth2?-provider|jose|nimbus|jwks`)

func unverifiedToken(c *Context) {
	s := surveyOf(c)
	if guarded, all := s.gatewayFlows(); all || len(guarded) > 0 || s.verifiesTokens() {
		return
	}
	told := false
	eachCode(c, func(code snippet) {
		if told || !strings.Contains(code.Text, "fromBase64") || !tokenParts.MatchString(code.Text) || !tokenWord.MatchString(code.Text) {
			return
		}
		code.walk(func(n syntax.Node) bool {
			call, ok := n.(*syntax.Call)
			if ok && calledName(call) == "fromBase64" && !told {
				told = true
				c.Report(Report{Place: code.at(call.Bytes()), Message: "the claims of a token are read, and nothing in the project checks its signature"})
			}
			return true
		})
	})
}

// verifiesTokens says whether anything in the project may check signatures of tokens.
func (s *survey) verifiesTokens() bool {
	found := false
	s.each(func(_ *mule.XMLFile, e *document.Element) {
		switch {
		case found:
		case e.Is(spaceCore, "flow-ref"), e.Is(spaceCore, "flow"), e.Is(spaceCore, "sub-flow"):
			found = verifies.MatchString(e.Value("name"))
		case e.Name.Local == "invoke" || e.Name.Local == "invoke-static" || e.Name.Local == "new":
			found = verifies.MatchString(e.Value("class") + " " + e.Value("method"))
		case e.Is(spaceHTTP, "request"):
			found = verifies.MatchString(e.Value("path") + e.Value("url"))
		case !isCoreSpace(e.Name.Space):
			found = verifies.MatchString(e.Name.Local) || strings.HasSuffix(e.Name.Space, "/crypto") && strings.Contains(e.Name.Local, "validate")
		}
	})
	for _, f := range s.Project.Java {
		found = found || verifies.Match(f.Text)
	}
	return found
}
