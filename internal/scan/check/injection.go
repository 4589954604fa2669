package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// injection lists the checks of code that data may become part of.
func injection() []entry[Func] {
	return []entry[Func]{
		{"sql-of-unknown-origin", sqlOfUnknownOrigin},
		{"graphql-text", graphQLText},
		{"script-internals", scriptInternals},
		{"log-lines", logLines},
		{"csv-formula", csvFormula},
		{"redirects-with-credentials", redirectsWithCredentials},
	}
}

func sqlOfUnknownOrigin(c *Context) {
	if c.Taint == nil {
		return
	}
	told := map[*document.Element]bool{}
	for _, u := range c.Taint.Unknowns {
		if u.Sink.Rule != "MS-INJ-01" && u.Sink.Rule != "MS-INJ-02" || told[u.At.Element] {
			continue
		}
		told[u.At.Element] = true
		c.Report(Report{Place: u.At, Message: "the SQL of " + titled(u.At.Element) + " is put together at run time of values whose origin is not known"})
	}
}

// graphQLHead is how the text of a GraphQL operation begins.
var graphQLHead = regexp.MustCompile(`^\s*((query|mutation|subscription)\b[^"']*\{|\{\s*[A-Za-z_]\w*\s*[({:])`)

func graphQLText(c *Context) {
	eachCode(c, func(s snippet) {
		s.walk(func(n syntax.Node) bool {
			f, ok := n.(*syntax.Field)
			if !ok || fieldName(f) != "query" {
				return true
			}
			parts := textParts(f.Value)
			if parts[0].x != nil || !graphQLHead.MatchString(parts[0].text) {
				return true
			}
			for _, p := range parts {
				if p.x != nil && usesEvent(p.x) {
					c.Report(Report{Place: s.at(p.x.Bytes()), Message: "a value of the event becomes part of the text of a GraphQL query"})
					break
				}
			}
			return true
		})
	})
}

// inside are the words of scripts that reach out of them, and what they do.
var inside = []struct {
	word     *regexp.Regexp
	does     string
	severity finding.Severity
}{
	{regexp.MustCompile(`\bRuntime\s*\.\s*getRuntime\b|\bProcessBuilder\b|["'\]]\s*\.\s*execute\s*\(|\bos\s*\.\s*(system|popen)\s*\(|\bsubprocess\s*\.`), "starts processes", finding.High},
	{regexp.MustCompile(`\bregistry\s*\.\s*\w+|\bmuleContext\s*\.`), "takes objects out of the registry", finding.Medium},
	{regexp.MustCompile(`\bClass\s*\.\s*forName\b|\bnew\s+GroovyShell\b|\bGroovyClassLoader\b|\bURLClassLoader\b|\bEval\s*\.\s*me\b`), "loads code", finding.High},
	{regexp.MustCompile(`\bnew\s+(java\.net\.)?URL\s*\(|\.\s*toURL\s*\(\s*\)`), "opens addresses", finding.Medium},
	{regexp.MustCompile(`\bSystem\s*\.\s*(exit|setProperty|setSecurityManager)\b`), "changes the runtime", finding.Medium},
}

// isScript says whether the text of an element is a script.
func isScript(e *document.Element) bool {
	if !strings.HasSuffix(e.Name.Space, "/scripting") {
		return false
	}
	switch e.Name.Local {
	case "code", "script", "text":
		return true
	}
	return false
}

func scriptInternals(c *Context) {
	eachScript(c, func(place func(start, end int) taint.Place, text string) {
		for _, i := range inside {
			if m := i.word.FindStringIndex(text); m != nil {
				c.Report(Report{Place: place(m[0], m[1]), Message: "the script " + i.does, Severity: i.severity})
				return
			}
		}
	})
}

// eachScript visits the scripts of a project, without their comments, those in
// files of the class path too.
func eachScript(c *Context, visit func(place func(start, end int) taint.Place, text string)) {
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		if !isScript(e) {
			return
		}
		name, v := e.Value("file"), (*document.Value)(nil)
		if t := e.Content(); t != nil {
			v = &t.Value
			if parts := c.Project.Template(f, e, v); parts.Form == mule.FileReference {
				name = parts.Parts[0].Placeholder
			}
		}
		if file := c.Project.Resource(name); name != "" && file != nil {
			visit(func(start, end int) taint.Place {
				return taint.Place{File: file, Span: document.Span{Start: start, End: end}, Element: e}
			}, blanked(string(file.Text), strings.HasSuffix(name, ".py")))
			return
		}
		if v != nil {
			visit(func(start, end int) taint.Place {
				return taint.Place{File: f.File, Span: v.Part(start, end), Element: e}
			}, blanked(v.Text, false))
		}
	})
}

// hitReport is the report of a hit.
func hitReport(h taint.Hit, message string) Report {
	return Report{Place: h.At, Message: message, Way: h.Way, Hits: []*taint.Hit{&h}}
}

// logLines reports what reaches the log, where its layout lets line breaks through.
func logLines(c *Context) {
	if structuredLogs(c.Project) {
		return
	}
	told := map[*document.Element]bool{}
	for _, h := range c.hitsOf("MS-INJ-18") {
		if !told[h.At.Element] && !logsJSON(c, h.At.Element) {
			told[h.At.Element] = true
			c.Report(hitReport(h, "request data becomes part of a line of the log"))
		}
	}
}

// logsJSON says whether the whole message of a logger is one JSON value.
func logsJSON(c *Context, e *document.Element) bool {
	f := surveyOf(c).file(e)
	a := e.Attr("message")
	if f == nil || a == nil {
		return false
	}
	code := c.Project.Template(f, e, &a.Value).Code()
	if code == nil || code.Tree == nil {
		return false
	}
	for _, d := range code.Tree.Directives {
		if o, ok := d.(*syntax.Format); ok && o.Output && strings.Contains(o.MIME, "json") {
			return true
		}
	}
	return false
}

// structuredLogs says whether every layout of the project's logs escapes line breaks.
func structuredLogs(p *mule.Project) bool {
	found := false
	for _, l := range p.Logging {
		if l.File.Test {
			continue
		}
		for _, a := range l.Appenders {
			for _, layout := range a.Layouts {
				if !layout.Structured() {
					return false
				}
				found = true
			}
		}
	}
	return found
}

// formulaGuard is a pattern that looks for signs that begin formulas.
var formulaGuard = regexp.MustCompile(`=.{0,12}[@+\-]|@.{0,12}[=+\-]`)

func csvFormula(c *Context) {
	told := map[*document.Element]bool{}
	for _, h := range c.hitsOf("MS-INJ-23") {
		if told[h.At.Element] || guardsFormulas(c, h) {
			continue
		}
		told[h.At.Element] = true
		c.Report(hitReport(h, "request data becomes a field of CSV, also when it begins like a formula"))
	}
}

// guardsFormulas says whether a script on the way of a hit looks for such signs.
func guardsFormulas(c *Context, h taint.Hit) bool {
	guarded := false
	for _, step := range h.Way {
		e := step.At.Element
		if e == nil {
			continue
		}
		f := surveyOf(c).file(e)
		if f == nil {
			continue
		}
		e.Walk(func(e *document.Element) bool {
			eachCodeOf(c, f, e, func(s snippet) {
				s.walk(func(n syntax.Node) bool {
					r, ok := n.(*syntax.Regex)
					guarded = guarded || ok && formulaGuard.MatchString(r.Text)
					return true
				})
			})
			return !guarded && e.Parent != nil && e.Parent.Parent != nil
		})
	}
	return guarded
}

var credentialHeader = regexp.MustCompile(`(?i)\b(authorization|x-api-key|apikey|api-key|cookie)\b`)

func redirectsWithCredentials(c *Context) {
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		switch {
		case e.Is(spaceHTTP, "request"):
			a := e.Attr("url")
			config := c.Project.Config(e)
			if a == nil || !changingHost(c, f, e, a) || e.Value("followRedirects") == "false" ||
				e.Attr("followRedirects") == nil && config.Value("followRedirects") == "false" {
				return
			}
			if h := e.Child(spaceHTTP, "headers").Content(); h == nil || !credentialHeader.MatchString(h.Value.Text) {
				return
			}
		case e.Is(spaceHTTP, "request-config"):
			connection := e.Child(spaceHTTP, "request-connection")
			a := connection.Attr("host")
			if a == nil || !changingHost(c, f, connection, a) || e.Value("followRedirects") == "false" || connection.Child(spaceHTTP, "authentication") == nil {
				return
			}
		default:
			return
		}
		c.Report(Report{
			Place: c.Element(f, e), Message: titled(e) + " sends credentials to a host that is not fixed, and follows its redirects",
			Repair: suggested("follow no redirects", withAttribute(f, e, "followRedirects", "false")), Confidence: finding.MediumConfidence,
		})
	})
}

// changingHost says whether an address, or a host, is made of what is in the event.
func changingHost(c *Context, f *mule.XMLFile, e *document.Element, a *document.Attr) bool {
	t := c.Project.Template(f, e, &a.Value)
	if len(t.Parts) == 0 || t.Parts[0].Code == nil || t.Parts[0].Code.Tree == nil || t.Parts[0].Code.Tree.Body == nil {
		return false
	}
	for _, p := range textParts(t.Parts[0].Code.Tree.Body) {
		if p.x != nil {
			return usesEvent(p.x)
		}
		if _, rest, ok := strings.Cut(p.text, "://"); ok && strings.Contains(rest, "/") {
			return false
		}
	}
	return false
}
