package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// servesTLS are hosts that are known to serve HTTPS.
var servesTLS = regexp.MustCompile(`(?i)^(api\.github\.com|github\.com|graph\.microsoft\.com|login\.microsoftonline\.com|api\.twilio\.com|api\.stripe\.com|` +
	`api\.sendgrid\.com|hooks\.slack\.com|slack\.com|api\.openai\.com|([\w-]+\.)+(salesforce\.com|force\.com|googleapis\.com|amazonaws\.com|mulesoft\.com|cloudhub\.io|azure\.com|windows\.net))$`)

func plainRequest(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		switch {
		case e.Is(spaceHTTP, "request-connection"), e.Is(spaceHTTP, "request-config") && (e.Attr("host") != nil || e.Attr("protocol") != nil):
			s.plainRequestConnection(f, e)
		case e.Is(spaceHTTP, "request"):
			s.plainAddress(f, e, "url", "a request goes to ")
		case e.Is(spaceWSC, "connection"):
			s.plainAddress(f, e, "address", "the web service of "+configName(e)+" is called at ")
		}
	})
}

func (s *survey) plainRequestConnection(f *mule.XMLFile, e *document.Element) {
	host := e.Attr("host")
	if host == nil || strings.TrimSpace(host.Value.Text) == "" {
		return
	}
	at := deployed
	protocol := e.Attr("protocol")
	if protocol != nil {
		at = s.where(protocol.Value.Text, func(v string) bool { return strings.EqualFold(v, "HTTP") })
	}
	if at == nowhere {
		return
	}
	r := Report{Place: s.Attribute(f, e, "protocol"), Message: "requests of " + configName(e) + " go out without TLS"}
	switch {
	case s.every(host.Value.Text, isInside) || strings.Contains(strings.ToLower(configName(e)), "mock"):
		r.Severity = finding.Info
	case at == elsewhere:
		r.Severity, r.Message = finding.Low, r.Message+" in environments other than production"
	}
	if protocol == nil || !strings.Contains(protocol.Value.Text, "${") {
		edits := []Edit{withAttribute(f, e, "protocol", "HTTPS")}
		if e.Value("port") == "80" {
			edits = append(edits, withAttribute(f, e, "port", "443"))
		}
		r.Repair = suggested("use HTTPS", edits...)
	}
	s.Report(r)
}

// plainAddress complains of an address with http:// in an attribute.
func (s *survey) plainAddress(f *mule.XMLFile, e *document.Element, attribute, what string) {
	a := e.Attr(attribute)
	if a == nil {
		return
	}
	text := strings.TrimSpace(a.Value.Text)
	plain := func(v string) bool { return strings.HasPrefix(strings.ToLower(v), "http://") }
	at := s.where(text, plain)
	if scheme := strings.TrimLeft(strings.TrimPrefix(text, "#["), " "); at == nowhere && scheme != text && len(scheme) > 1 && plain(scheme[1:]) {
		at = deployed // an expression that begins with a text
		text = scheme[1:]
	} else if at == nowhere && plain(text) {
		at = deployed // what follows the scheme is not known
	}
	if at == nowhere {
		return
	}
	host := hostOf(text)
	r := Report{Place: s.Attribute(f, e, attribute), Detail: "@" + attribute, Message: what + "an address without TLS"}
	if host != "" && !strings.ContainsAny(host, "$#'\"") {
		r.Message = what + host + " without TLS"
	}
	switch {
	case s.every(text, func(v string) bool { return !plain(v) || isInside(hostOf(v)) }) || isInside(host):
		r.Severity = finding.Info
	case at == elsewhere:
		r.Severity, r.Message = finding.Low, r.Message+" in environments other than production"
	}
	if plain(strings.TrimSpace(a.Value.Text)) {
		start := strings.Index(a.Value.Text, "://")
		edit := Edit{File: f.File, Span: a.Value.Part(start, start), Text: "s"}
		r.Repair = suggested("use https://", edit)
		r.Repair.Safe = servesTLS.MatchString(host) && !strings.Contains(text, host+":")
	}
	s.Report(r)
}

// setting of connections to databases that end encryption or its checks, by the
// name in lower case, with what mends it.
func weakDatabaseSetting(key, value string) (mended string, weak bool) {
	value = strings.ToLower(value)
	switch strings.ToLower(key) {
	case "usessl", "encrypt", "ssl", "verifyservercertificate":
		return "true", value == "false"
	case "trustservercertificate":
		return "false", value == "true"
	case "sslmode":
		if value == "disabled" {
			return "VERIFY_IDENTITY", true
		}
		return "verify-full", value == "disable"
	case "oracle.net.encryption_client":
		return "REQUIRED", value == "rejected"
	}
	return "", false
}

var (
	databaseSetting = regexp.MustCompile(`([\w.]+)=([\w-]+)`)
	embedded        = regexp.MustCompile(`(?i)^jdbc:(h2:(mem|file|~)|hsqldb:(mem|file)|derby:|sqlite:)`)
)

func plainDatabase(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if e.Name.Space != spaceDB {
			return
		}
		key := e.Value("key")
		if key != "" && (e.Name.Local == "connection-property" || e.Name.Local == "property") {
			s.databaseProperty(f, e, key)
		}
		if a := e.Attr("url"); a != nil {
			s.databaseAddress(f, e, a)
		}
	})
}

func (s *survey) databaseProperty(f *mule.XMLFile, e *document.Element, key string) {
	a := e.Attr("value")
	if a == nil {
		return
	}
	connection := e.Parent
	for connection != nil && connection.Attr("host") == nil && connection.Attr("url") == nil && connection.Parent != nil {
		connection = connection.Parent
	}
	at := s.where(a.Value.Text, func(v string) bool { _, weak := weakDatabaseSetting(key, v); return weak })
	if at == nowhere {
		return
	}
	r := Report{Place: s.Attribute(f, e, "value"), Message: key + " weakens the encryption to the database of " + ownerOf(e)}
	switch {
	case at == elsewhere:
		r.Severity = finding.Low
	case s.every(connection.Value("host"), isLoopback):
		r.Severity = finding.Info
	}
	if mended, weak := weakDatabaseSetting(key, a.Value.Text); weak {
		r.Repair = suggested("set "+key+" to "+mended, withAttribute(f, e, "value", mended))
	}
	s.Report(r)
}

func (s *survey) databaseAddress(f *mule.XMLFile, e *document.Element, a *document.Attr) {
	first := func(v string) (weak []int) {
		if embedded.MatchString(v) || isLoopback(hostOf(v)) {
			return nil
		}
		for _, m := range databaseSetting.FindAllStringSubmatchIndex(v, 40) {
			if _, bad := weakDatabaseSetting(v[m[2]:m[3]], v[m[4]:m[5]]); bad {
				return m
			}
		}
		return nil
	}
	at := s.where(a.Value.Text, func(v string) bool { return first(v) != nil })
	m := first(a.Value.Text)
	if at == nowhere && m == nil {
		return
	}
	r := Report{Place: s.Attribute(f, e, "url"), Message: "the address of the database of " + ownerOf(e) + " weakens its encryption"}
	if at == elsewhere {
		r.Severity = finding.Low
	}
	if m != nil {
		key := a.Value.Text[m[2]:m[3]]
		mended, _ := weakDatabaseSetting(key, a.Value.Text[m[4]:m[5]])
		r.Message = key + " in the address of the database of " + ownerOf(e) + " weakens its encryption"
		r.Repair = suggested("set "+key+" to "+mended, Edit{File: f.File, Span: a.Value.Part(m[4], m[5]), Text: mended})
	}
	s.Report(r)
}

// plainScheme are the schemes of brokers and directories without TLS.
var plainScheme = regexp.MustCompile(`(?i)(^|\()(tcp|nio|amqp|ldap|redis|mqtt|stomp|nats)://`)

func plainBroker(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		for _, name := range [...]string{"brokerUrl", "brokerURL", "url", "address", "uri"} {
			a := e.Attr(name)
			if a == nil || !strings.HasPrefix(e.Name.Space, "http://www.mulesoft.org/schema/mule/") {
				continue
			}
			at := s.where(a.Value.Text, plainScheme.MatchString)
			if at == nowhere {
				if !plainScheme.MatchString(a.Value.Text) || len(s.settings(a.Value.Text)) > 0 {
					continue
				}
				at = deployed
			}
			r := Report{Place: c.Attribute(f, e, name), Message: ownerOf(e) + " connects without TLS", Repair: otherScheme(f, a, "tcp://", "ssl://")}
			if r.Repair == nil {
				r.Repair = otherScheme(f, a, "ldap://", "ldaps://")
			}
			switch {
			case at == elsewhere:
				r.Severity = finding.Low
			case s.every(a.Value.Text, func(v string) bool { return isInside(hostOf(strings.TrimPrefix(v, "failover:("))) }):
				r.Severity = finding.Info
			}
			c.Report(r)
		}
		if e.Name.Space == "http://www.mulesoft.org/schema/mule/kafka" && strings.HasSuffix(e.Name.Local, "-plaintext-connection") {
			c.Report(Report{Place: c.Element(f, e), Message: ownerOf(e) + " talks to Kafka without TLS"})
		}
	})
}
