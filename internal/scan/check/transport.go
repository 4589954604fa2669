package check

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// transport lists the checks of connections.
func transport() []entry[Func] {
	return []entry[Func]{
		{"plain-http-listener", plainHTTPListener},
		{"listener-without-tls-context", listenerWithoutContext},
		{"certificate-checks-off", certificateChecksOff},
		{"old-tls-protocols", oldProtocols},
		{"weak-cipher-suites", weakSuites},
		{"plain-http-request", plainRequest},
		{"plain-ftp", plainFTP},
		{"sftp-host-key", sftpHostKey},
		{"plain-mail", plainMail},
		{"plain-database", plainDatabase},
		{"plain-broker", plainBroker},
		{"key-material", keyMaterial},
		{"insecure-cookie", insecureCookie},
	}
}

// listenerConnection says whether an element says how an HTTP listener listens.
func listenerConnection(e *document.Element) bool {
	return e.Is(spaceHTTP, "listener-connection") ||
		e.Is(spaceHTTP, "listener-config") && (e.Attr("host") != nil || e.Attr("port") != nil || e.Attr("protocol") != nil)
}

// configName is the name of the configuration that a connection belongs to.
func configName(e *document.Element) string {
	if name := e.Value("name"); name != "" {
		return name
	}
	return e.Parent.Value("name")
}

// keyStoreSkeleton is a TLS context to be filled by properties.
func keyStoreSkeleton(c *Context, f *mule.XMLFile, e *document.Element) []Edit {
	name, declaration := prefixIn(e, spaceTLS, "tls")
	key, forKey := secretPlaceholder(c, "tls.keystore.keyPassword")
	password, forPassword := secretPlaceholder(c, "tls.keystore.password")
	return append(withSecrets(c, forKey, forPassword), withChild(f, e, "<"+name+"context"+declaration+">",
		"\t<"+name+`key-store type="pkcs12" path="${tls.keystore.path}" keyPassword="`+key+`" password="`+password+`"/>`, "</"+name+"context>"))
}

func plainHTTPListener(c *Context) {
	s := surveyOf(c)
	production := s.production()
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if e.Is(spaceHTTP, "inbound-endpoint") || e.Is(spaceCore, "inbound-endpoint") && strings.HasPrefix(e.Value("address"), "http://") {
			s.plainEndpoint(f, e, production)
		}
		if !listenerConnection(e) {
			return
		}
		at := deployed
		if a := e.Attr("protocol"); a != nil {
			at = s.where(a.Value.Text, func(v string) bool { return strings.EqualFold(v, "HTTP") })
		}
		if at == nowhere {
			return
		}
		r := Report{Place: c.Attribute(f, e, "protocol"), Message: "the listener " + configName(e) + " takes requests without TLS"}
		r.Severity, r.Message = s.listenerRisk(e, at, production, r.Message)
		edits := []Edit{withAttribute(f, e, "protocol", "HTTPS")}
		if namedContext(e) == nil && e.Child(spaceTLS, "context") == nil {
			edits = append(edits, keyStoreSkeleton(c, f, e)...)
		}
		if a := e.Attr("protocol"); a == nil || !strings.Contains(a.Value.Text, "${") {
			r.Repair = suggested("serve HTTPS with a key store that properties name", edits...)
		}
		c.Report(r)
	})
}

// plainEndpoint complains of an endpoint of the HTTP transport of Mule 3; that of
// HTTPS is another.
func (s *survey) plainEndpoint(f *mule.XMLFile, e *document.Element, production bool) {
	r := Report{Place: s.Element(f, e), Severity: finding.Medium, Message: "the endpoint takes requests without TLS"}
	local := func(v string) bool { return isLoopback(v) || isLoopback(hostOf(v)) }
	switch {
	case s.every(e.Value("host"), local) || s.every(e.Value("address"), local):
		r.Severity, r.Message = finding.Info, r.Message+", on the loopback interface only"
	case strings.Contains(e.Value("port")+e.Value("address"), "${http.private.port}"):
		r.Severity, r.Message = finding.Info, r.Message+", behind a load balancer that ends TLS"
	case production && s.target() != mule.UnknownTarget:
		r.Severity = finding.High
	}
	s.Report(r)
}

// listenerRisk is how bad a listener without TLS is, and why.
func (s *survey) listenerRisk(e *document.Element, at verdict, production bool, message string) (finding.Severity, string) {
	port := e.Value("port")
	is := func(number string) bool {
		return s.every(port, func(v string) bool { return v == number })
	}
	target := s.target()
	platform := target == mule.CloudHub2 || target == mule.RuntimeFabric
	switch {
	case s.every(e.Value("host"), isLoopback):
		return finding.Info, message + ", on the loopback interface only"
	case strings.Contains(port, "${http.private.port}") || target == mule.CloudHub && is("8091"):
		return finding.Info, message + ", behind a load balancer that ends TLS"
	case platform && (strings.Contains(port, "${http.port}") || is("8081")):
		return finding.Info, message + ", behind the ingress of the platform, which ends TLS"
	case at == elsewhere:
		return finding.Low, message + " in environments other than production"
	case s.Project.Kind == mule.Application && !s.refersTo(configName(e)):
		return finding.Low, message + ", though nothing listens with it yet"
	case platform || !production, target == mule.UnknownTarget:
		// Who does not know where it is deployed can't know what stands in front of it.
		return finding.Medium, message
	}
	return finding.High, message
}

// target is where the project says that it is deployed.
func (s *survey) target() mule.Target {
	if s.Project.POM == nil {
		return mule.UnknownTarget
	}
	return s.Project.POM.Target
}

func listenerWithoutContext(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !listenerConnection(e) || s.where(e.Value("protocol"), func(v string) bool { return strings.EqualFold(v, "HTTPS") }) != deployed {
			return
		}
		context := e.Child(spaceTLS, "context")
		named := namedContext(e)
		if context == nil && named != nil {
			if context = c.Project.Global(named.Value.Text); context == nil {
				return // a domain or a library that is not at hand may have it
			}
		}
		if context.Child(spaceTLS, "key-store") != nil {
			return
		}
		r := Report{Place: c.Element(f, e), Message: "the HTTPS listener " + configName(e) + " has no TLS context"}
		switch {
		case context == nil:
			r.Repair = suggested("add a key store that properties name", keyStoreSkeleton(c, f, e)...)
		case named != nil:
			r.Place = c.Attribute(f, e, named.Name.Local)
			r.Message = "the TLS context of the HTTPS listener " + configName(e) + " has no key store"
		default:
			r.Place = c.Element(f, context)
			r.Message = "the TLS context of the HTTPS listener " + configName(e) + " has no key store"
		}
		c.Report(r)
	})
}

func plainFTP(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		space := e.Name.Space == "http://www.mulesoft.org/schema/mule/ftp"
		if !space || e.Name.Local != "connection" && !strings.HasSuffix(e.Name.Local, "bound-endpoint") {
			return
		}
		r := Report{Place: c.Element(f, e), Message: "files and the log-in of " + configName(e) + " travel in the clear"}
		if s.every(e.Value("host"), isLoopback) {
			r.Severity = finding.Info
		}
		c.Report(r)
	})
}

func sftpHostKey(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !e.Is("http://www.mulesoft.org/schema/mule/sftp", "connection") || e.Value("knownHostsFile") != "" {
			return
		}
		r := Report{
			Place: c.Element(f, e), Message: "the host key of the SFTP server of " + configName(e) + " is not checked",
			Repair: suggested("check the host key", withAttribute(f, e, "knownHostsFile", "${sftp.knownHostsFile}")),
		}
		if s.every(e.Value("host"), isLoopback) {
			r.Severity = finding.Info
		}
		c.Report(r)
	})
}

func plainMail(c *Context) {
	const space = "http://www.mulesoft.org/schema/mule/email"
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		protocol, found := strings.CutSuffix(e.Name.Local, "-connection")
		if e.Name.Space != space || !found || protocol != "smtp" && protocol != "imap" && protocol != "pop3" {
			return
		}
		enabled, required := false, false
		for _, p := range e.Child(space, "properties").Elements() {
			on := s.every(p.Value("value"), func(v string) bool { return strings.EqualFold(v, "true") })
			switch p.Value("key") {
			case "mail." + protocol + ".starttls.enable":
				enabled = on
			case "mail." + protocol + ".starttls.required", "mail." + protocol + ".ssl.enable":
				required = on
			}
		}
		if required {
			return
		}
		r := Report{Place: c.Element(f, e), Message: "mail of " + configName(e) + " goes without TLS"}
		if enabled {
			r.Severity, r.Message = finding.Low, "mail of "+configName(e)+" goes without TLS when the server does not offer it"
		}
		if s.every(e.Value("host"), isLoopback) {
			r.Severity = finding.Info
		}
		if e.Child(space, "properties") == nil {
			at := writtenName(e)[:len(writtenName(e))-len(e.Name.Local)]
			r.Repair = suggested("demand STARTTLS", withChild(f, e, "<"+at+"properties>",
				"\t<"+at+`property key="mail.`+protocol+`.starttls.enable" value="true"/>`,
				"\t<"+at+`property key="mail.`+protocol+`.starttls.required" value="true"/>`, "</"+at+"properties>"))
		}
		c.Report(r)
	})
}
