package check

import (
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

func xmlModuleEntities(c *Context) {
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		if !strings.HasSuffix(e.Name.Space, "/xml-module") || e.Name.Local != "config" {
			return
		}
		r := Report{Place: c.Attribute(f, e, "expandEntities")}
		switch e.Value("expandEntities") {
		case "ALL":
			r.Message = titled(e) + " expands external entities"
		case "INTERNAL":
			// No file is opened, but documents can still grow without end.
			r.Message, r.Severity = titled(e)+" expands entities that documents declare", finding.Medium
		default:
			return
		}
		r.Repair = safely("expand no entities", withAttribute(f, e, "expandEntities", "NEVER"))
		c.Report(r)
	})
}

// reading is a property of a reader, as it is set in a script or in a media type.
type reading struct {
	format, name, value string
	at                  taint.Place
	// span is where the value stands in the file that at names.
	span document.Span
}

// eachReading visits the properties of readers that scripts and media types set,
// and, with an empty name, each format that they read as such.
func eachReading(c *Context, visit func(reading)) {
	eachCode(c, func(s snippet) { eachReadingOf(s, visit) })
	surveyOf(c).each(func(f *mule.XMLFile, e *document.Element) {
		for _, name := range [...]string{"mimeType", "outputMimeType"} {
			a := e.Attr(name)
			if a == nil {
				continue
			}
			format, _, _ := strings.Cut(a.Value.Text, ";")
			for _, m := range mediaSetting.FindAllStringSubmatchIndex(a.Value.Text, -1) {
				visit(reading{
					strings.TrimSpace(format), a.Value.Text[m[2]:m[3]], a.Value.Text[m[4]:m[5]],
					c.Attribute(f, e, name), a.Value.Part(m[4], m[5]),
				})
			}
		}
	})
}

var mediaSetting = regexp.MustCompile(`;\s*(\w+)\s*=\s*"?(\w+)`)

func eachReadingOf(s snippet, visit func(reading)) {
	tell := func(format, name string, value syntax.Node, whole syntax.Span) {
		span := value.Bytes()
		text := ""
		if span.Start >= 0 && span.End <= len(s.Text) && span.Start <= span.End {
			text = strings.Trim(s.Text[span.Start:span.End], `"' `)
		}
		visit(reading{format, name, text, s.at(whole), s.at(span).Span})
	}
	for _, d := range s.Tree.Directives {
		o, ok := d.(*syntax.Format)
		if !ok || o.Output {
			continue
		}
		visit(reading{format: o.MIME, at: s.at(o.Bytes())})
		for i := range o.Properties {
			tell(o.MIME, o.Properties[i].Name, o.Properties[i].Value, o.Properties[i].Bytes())
		}
	}
	s.walk(func(n syntax.Node) bool {
		call, ok := n.(*syntax.Call)
		if !ok || len(call.Args) < 2 || calledName(call) != "read" && calledName(call) != "readUrl" {
			return true
		}
		format, _ := literalOf(call.Args[1])
		visit(reading{format: format, at: s.at(call.Bytes())})
		if len(call.Args) < 3 {
			return true
		}
		if o, ok := bare(call.Args[2]).(*syntax.Object); ok {
			for _, field := range o.Fields {
				tell(format, fieldName(field), field.Value, field.Bytes())
			}
		}
		return true
	})
}

func isXMLFormat(format string) bool {
	return strings.EqualFold(format, "application/xml") || strings.EqualFold(format, "text/xml") || strings.HasSuffix(strings.ToLower(format), "+xml") ||
		strings.EqualFold(format, "xml")
}

// xmlReaderEntities finds readers that open external entities. They do so only where
// document types are accepted, too: by supportDtd, or by an old runtime.
func xmlReaderEntities(c *Context) {
	type place struct {
		file *mule.File
		e    *document.Element
	}
	var external, types []reading
	accepted := map[place][]Edit{}
	off := func(r reading) Edit { return Edit{File: r.at.File, Span: r.span, Text: "false"} }
	eachReading(c, func(r reading) {
		if !isXMLFormat(r.format) || !strings.EqualFold(r.value, "true") {
			return
		}
		switch strings.ToLower(r.name) {
		case "externalentities":
			external = append(external, r)
		case "supportdtd":
			types = append(types, r)
			k := place{r.at.File, r.at.Element}
			accepted[k] = append(accepted[k], off(r))
		}
	})
	told := map[place]bool{}
	old := runtimeBefore(c.Project, mule.Runtime{Major: 4, Minor: 4})
	for _, r := range external {
		k := place{r.at.File, r.at.Element}
		report := Report{Place: r.at, Detail: r.name, Message: "the XML reader opens external entities"}
		edits := []Edit{off(r)}
		if len(accepted[k]) == 0 && !old {
			report.Message += " as soon as document types are accepted"
			report.Severity, report.Confidence = finding.High, finding.MediumConfidence
		} else if !told[k] {
			edits = append(edits, accepted[k]...)
		}
		told[k] = true
		report.Repair = safely("switch "+r.name+" off", edits...)
		c.Report(report)
	}
	for _, r := range types {
		if !told[place{r.at.File, r.at.Element}] {
			// Without external entities no file is opened.
			c.Report(Report{
				Place: r.at, Detail: r.name, Message: "the XML reader accepts document types", Severity: finding.Medium,
				Repair: safely("switch "+r.name+" off", off(r)),
			})
		}
	}
}

// maxEntities is how many entities a reader may expand before it is told.
const maxEntities = 100

func xmlEntityCount(c *Context) {
	eachReading(c, func(r reading) {
		if n, err := strconv.Atoi(r.value); err == nil && n > maxEntities && isXMLFormat(r.format) && strings.EqualFold(r.name, "maxEntityCount") {
			c.Report(Report{Place: r.at, Detail: r.name, Message: "the XML reader expands up to " + r.value + " entities", Repair: fewerEntities(r)})
		}
	})
}

const dtdProperty = "com.mulesoft.dw.xml.supportDTD"

func xmlDTDDefault(c *Context) {
	for _, p := range c.Project.Properties.Named(dtdProperty) {
		if p.File != nil && !p.File.Test && strings.EqualFold(strings.TrimSpace(p.Value), "true") {
			c.Report(Report{
				Place:   taint.Place{File: p.File, Span: document.Span{Start: p.Offset, End: p.End}},
				Message: "XML readers accept document types", Confidence: finding.HighConfidence,
			})
			return
		}
	}
	if !runtimeBefore(c.Project, mule.Runtime{Major: 4, Minor: 3}) {
		return
	}
	told := false
	eachReading(c, func(r reading) {
		if !told && isXMLFormat(r.format) && r.name == "" && r.at.File != nil {
			told = true
			c.Report(Report{
				Place: r.at, Message: "XML is read by a runtime whose reader accepts document types unless it is told otherwise",
				Severity: finding.Low, Confidence: finding.LowConfidence,
			})
		}
	})
}

func yamlOnOldRuntime(c *Context) {
	if !runtimeBefore(c.Project, mule.Runtime{Major: 4, Minor: 4}) {
		return
	}
	eachReading(c, func(r reading) {
		if f := strings.ToLower(r.format); r.name == "" && (f == "application/yaml" || f == "application/x-yaml" || f == "text/yaml" || f == "yaml") {
			c.Report(Report{Place: r.at, Message: "YAML is read by a runtime from before the patches of its YAML library"})
		}
	})
}

// runtimeBefore says whether all versions that a project names lie before one.
func runtimeBefore(p *mule.Project, line mule.Runtime) bool {
	var texts []string
	if p.POM != nil && p.POM.MuleVersion != "" {
		texts = append(texts, p.POM.MuleVersion)
	}
	if p.Artifact != nil && p.Artifact.MinMuleVersion != "" {
		texts = append(texts, p.Artifact.MinMuleVersion)
	}
	known := false
	for _, text := range texts {
		r, err := mule.ParseRuntime(text)
		if err != nil {
			continue
		}
		if r.Major != line.Major || r.Minor >= line.Minor {
			return false
		}
		known = true
	}
	return known
}
