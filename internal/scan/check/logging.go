package check

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// logging lists the checks of what is written to logs.
func logging() []entry[Func] {
	return []entry[Func]{
		{"payload-logged", payloadLogged},
		{"credentials-logged", credentialsLogged},
		{"wire-logging", wireLogging},
		{"log-lookups", logLookups},
		{"plain-logs", plainLogs},
	}
}

// quiet says whether a logger writes only while somebody looks for a mistake.
func quiet(e *document.Element) bool {
	level := strings.ToUpper(e.Value("level") + e.Value("priority"))
	return level == "DEBUG" || level == "TRACE"
}

// isLogger says whether an element writes to the log.
func isLogger(e *document.Element) bool {
	return e.Is(spaceCore, "logger") || e != nil && strings.HasSuffix(e.Name.Space, "/json-logger") && e.Name.Local == "logger"
}

// logged visits what loggers write, by the logger.
func logged(c *Context, visit func(f *mule.XMLFile, logger *document.Element, s snippet)) {
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		logger := e
		if !isLogger(logger) && isLogger(e.Parent) {
			logger = e.Parent
		}
		if !isLogger(logger) {
			return
		}
		eachCodeOf(c, f, e, func(s snippet) {
			if e != logger || s.attribute == "message" || s.attribute == "content" {
				visit(f, logger, s)
			}
		})
	})
}

// shows visits the names and selections whose value an expression shows as it is,
// or as part of a text or document: those that are only compared, counted or hashed
// are left out.
func shows(n syntax.Node, visit func(n syntax.Node, path string)) {
	syntax.Walk(n, func(x syntax.Node) bool {
		switch x := x.(type) {
		case *syntax.Name, *syntax.Select:
			if path := pathOf(x); path != "" {
				visit(x, path)
				return false
			}
		case *syntax.Cast:
			return !x.Is
		case *syntax.Call:
			return showsArguments(x, visit)
		case *syntax.Binary:
			return !compares(x.Op)
		case *syntax.If:
			shows(x.Then, visit)
			shows(x.Else, visit)
			return false
		case *syntax.Match:
			for _, c := range x.Cases {
				shows(c.Body, visit)
			}
			return false
		}
		return true
	})
}

// maker are the functions whose result holds only what their lambda picks.
var maker = regexp.MustCompile(`^(map|flatMap|mapObject|pluck|reduce|filter|filterObject|groupBy|orderBy|distinctBy)$`)

func showsArguments(call *syntax.Call, visit func(n syntax.Node, path string)) bool {
	name := calledName(call)
	if tellsLittle(name) {
		return false
	}
	if maker.MatchString(name) && len(call.Args) > 1 && !strings.HasPrefix(name, "filter") && !strings.HasSuffix(name, "By") {
		shows(call.Args[1], visit)
		return false
	}
	for _, a := range call.Args {
		shows(a, visit)
	}
	if _, ok := call.Function.(*syntax.Select); ok {
		shows(call.Function, visit) // a method of Mule 3
	}
	return false
}

// wholePayload says whether a path is that of the payload as such.
func wholePayload(path string) bool {
	switch path {
	case "payload", "message.payload", "message.payloadAs", "message.payloadAsString", "originalPayload", "vars.payload", "vars.originalPayload", "flowVars.payload":
		return true
	}
	return false
}

func payloadLogged(c *Context) {
	told := map[*document.Element]bool{}
	logged(c, func(f *mule.XMLFile, logger *document.Element, s snippet) {
		if quiet(logger) || told[logger] {
			return
		}
		shows(s.Tree.Body, func(n syntax.Node, path string) {
			if told[logger] || !wholePayload(path) {
				return
			}
			told[logger] = true
			r := Report{Place: s.at(n.Bytes()), Message: titled(logger) + " writes the payload to the log"}
			if logger.Is(spaceCore, "logger") {
				r.Repair = suggested("log it at level DEBUG", withAttribute(f, logger, "level", "DEBUG"))
			}
			c.Report(r)
		})
	})
}

// secretField is the last part of the path of a credential.
var secretField = regexp.MustCompile(`(?i)^(password|passwd|pwd|passphrase|secret|client[-_]?secret|(access|refresh|id|auth|bearer|session)[-_]?token|token|jwt|authorization|proxy-authorization|x?[-_]?api[-_]?key|private[-_]?key|secret[-_]?key|cookie|set-cookie|otp|cvv|cvc)$`)

func credentialsLogged(c *Context) {
	told := map[*document.Element]bool{}
	report := func(logger *document.Element, r Report) {
		if told[logger] {
			return
		}
		told[logger] = true
		if quiet(logger) {
			r.Severity = finding.Low
		}
		c.Report(r)
	}
	logged(c, func(_ *mule.XMLFile, logger *document.Element, s snippet) {
		shows(s.Tree.Body, func(n syntax.Node, path string) {
			last := path[strings.LastIndexByte(path, '.')+1:]
			switch {
			case strings.Contains(path, ".") && secretField.MatchString(last) && !strings.HasPrefix(path, "error."):
				r := Report{Place: s.at(n.Bytes()), Message: titled(logger) + " writes the credential " + last + " to the log"}
				if strings.EqualFold(last, "token") {
					r.Severity = finding.Medium // of a page, of a search …
				}
				report(logger, r)
			case path == "attributes.headers", path == "message.inboundProperties":
				report(logger, Report{Place: s.at(n.Bytes()), Message: titled(logger) + " writes all headers to the log", Severity: finding.Medium})
			case path == "attributes" && c.startedByHTTP(logger):
				report(logger, Report{Place: s.at(n.Bytes()), Message: titled(logger) + " writes all headers to the log", Severity: finding.Medium})
			}
		})
		s.walk(func(n syntax.Node) bool {
			if call, ok := n.(*syntax.Call); ok && calledName(call) == "p" && len(call.Args) == 1 {
				if text, _ := literalOf(call.Args[0]); strings.HasPrefix(text, "secure::") {
					report(logger, Report{Place: s.at(call.Bytes()), Message: titled(logger) + " writes a secure property to the log"})
				}
			}
			return true
		})
	})
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		a := e.Attr("message")
		if a == nil || !isLogger(e) {
			return
		}
		for _, part := range c.Project.Template(f, e, &a.Value).Parts {
			if part.Kind == mule.SecurePlaceholder {
				place := taint.Place{File: f.File, Span: a.Value.Part(part.Start, part.End), Element: e}
				report(e, Report{Place: place, Message: titled(e) + " writes a secure property to the log"})
			}
		}
	})
}

// startedByHTTP says whether the flow of an element begins with a listener.
func (c *Context) startedByHTTP(e *document.Element) bool {
	f := c.flowOf(e)
	return f != nil && f.Source.Is(spaceHTTP, "listener")
}

// wire are loggers that write whole requests and responses below INFO.
var wire = []string{
	"org.mule.service.http.impl.service.HttpMessageLogger", "org.mule.service.http.netty", "org.mule.extension.http", "org.mule.runtime.http",
	"org.mule.module.http.internal.HttpMessageLogger", "org.mule.transport.http", "org.apache.http.wire", "org.apache.http", "httpclient.wire",
	"org.apache.hc.client5.http.wire", "com.ning.http", "com.mulesoft.extension.http", "org.apache.cxf", "org.mule.extension.ws", "org.mule.wsdl.parser",
}

func wireLogging(c *Context) {
	for _, l := range c.Project.Logging {
		if l.File.Test {
			continue
		}
		for _, g := range l.Loggers {
			if !slices.Contains(wire, g.Name) || g.Level != "DEBUG" && g.Level != "TRACE" && g.Level != "ALL" {
				continue
			}
			r := Report{Place: c.Attribute(l.File, g.Element, "level"), Detail: g.Name, Message: "the logger " + g.Name + " writes whole messages to the log"}
			if g.Element.Attr("level") != nil {
				r.Repair = safely("log warnings only", withAttribute(l.File, g.Element, "level", "WARN"))
			}
			c.Report(r)
		}
	}
}

// lookup is a value that log4j looks up again for every line.
var lookup = regexp.MustCompile(`(?i)\$?\$\{(ctx|jndi|ldap|event|map|sd):([A-Za-z0-9_.-]*)[^}]*\}`)

func logLookups(c *Context) {
	for _, l := range c.Project.Logging {
		if l.File.Test {
			continue
		}
		for _, a := range l.Appenders {
			for _, layout := range a.Layouts {
				if layout.Value == nil {
					continue
				}
				for _, m := range lookup.FindAllStringSubmatchIndex(layout.Pattern, -1) {
					c.Report(lookupReport(l.File, layout, m))
				}
			}
		}
	}
}

func lookupReport(f *mule.XMLFile, layout *mule.Layout, m []int) Report {
	span := layout.Value.Part(m[0], m[1])
	kind := strings.ToLower(layout.Pattern[m[2]:m[3]])
	r := Report{
		Place:   taint.Place{File: f.File, Span: span, Element: layout.Element},
		Message: "the layout looks up " + kind + " values for every line", Detail: layout.Pattern[m[0]:m[1]],
	}
	if kind != "jndi" && kind != "ldap" {
		r.Severity = finding.Medium // newer versions of log4j look nothing up in the result
	}
	if name := layout.Pattern[m[4]:m[5]]; kind == "ctx" && name != "" {
		r.Repair = safely("write the value with %X", Edit{File: f.File, Span: span, Text: "%X{" + name + "}"})
	}
	return r
}

func plainLogs(c *Context) {
	if len(c.hitsOf("MS-LOG-06")) == 0 || structuredLogs(c.Project) {
		return
	}
	for _, l := range c.Project.Logging {
		if l.File.Test {
			continue
		}
		for _, a := range l.Appenders {
			for _, layout := range a.Layouts {
				if !layout.Structured() {
					c.Report(Report{Place: c.Element(l.File, layout.Element), Message: "the appender " + a.Name + " writes lines of text"})
					return
				}
			}
		}
	}
}
