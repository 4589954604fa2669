package scan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/scan/repair"
	"farrier.dev/farrier/internal/scan/selector"
)

// mutator writes the files of a project as others might, with the same meaning. It
// may change nothing.
type mutator struct {
	name  string
	files func(files map[string]string) map[string]string
}

// mutators are the ways to write a project.
func mutators() []mutator {
	return []mutator{
		{"CRLF", texts(anyFile, func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") })},
		{"byte order mark", texts(isXML, func(s string) string { return "\ufeff" + s })},
		{"tabs", texts(isXML, func(s string) string { return deepIndent.ReplaceAllStringFunc(s, tabs) })},
		{"no line end at the end", texts(anyFile, func(s string) string { return strings.TrimRight(s, "\n") })},
		{"empty lines at the end", texts(anyFile, func(s string) string { return s + "\n\n" })},
		{"attributes on lines", elements(attributesOnLines)},
		{"attributes in reverse", elements(attributesReversed)},
		{"the other quotes", elements(otherQuotes)},
		{"space in tags", elements(spaceInTags)},
		{"other prefixes", texts(isMule, otherPrefixes)},
		{"comments", elements(commentBefore("<!-- größer > kleiner & 'mehr' -->"))},
		{"comments in lines", elements(commentBefore("<!-- 日本\n\t— zwei Zeilen -->\n"))},
		{"CDATA or not", elements(otherText)},
		{"references in attributes", elements(lineEndInAttribute)},
		{"in try", elements(nested("<try>", "</try>"))},
		{"in choice", elements(nested(`<choice><when expression="#[true]">`, `</when></choice>`))},
		{"in foreach", elements(nested(`<foreach collection="#[1 to 2]">`+"\n        ", "\n      </foreach>"))},
		{"on one line", texts(isXML, func(s string) string { return betweenTags.ReplaceAllString(s, "><") })},
		{"twice", texts(isMule, twice)},
		{"empty elements", elements(otherEmpty)},
		{"all namespaces", texts(isMule, allNamespaces)},
		{"prefixes for others", texts(isMule, foreignPrefixes)},
		{"input parameters", elements(moreParameters)},
		{"YAML or properties", otherProperties},
		{"no default namespace", texts(isMule, noDefault)},
	}
}

func anyFile(string) bool    { return true }
func isXML(name string) bool { return strings.HasSuffix(name, ".xml") }

func isMule(name string) bool {
	return isXML(name) && name != pomName && !strings.Contains(name, "log4j") && !strings.Contains(name, "settings")
}

// texts changes each file by itself.
func texts(of func(name string) bool, change func(string) string) func(map[string]string) map[string]string {
	return func(files map[string]string) map[string]string {
		out := maps.Clone(files)
		for name, text := range files {
			if of(name) {
				out[name] = change(text)
			}
		}
		return out
	}
}

// elements changes the elements of XML files by edits.
func elements(edits func(e *document.Element) []repair.Edit) func(map[string]string) map[string]string {
	return texts(isXML, func(text string) string { return edited(text, edits) })
}

func edited(text string, edits func(e *document.Element) []repair.Edit) string {
	d, err := document.Read("x.xml", []byte(text), xmltext.DefaultLimits())
	if err != nil {
		return text
	}
	var all repair.Set
	d.Root.Walk(func(e *document.Element) bool {
		all = append(all, edits(e)...)
		return true
	})
	out, err := repair.Apply([]byte(text), all)
	if err != nil || repair.Readable("x.xml", []byte(text), out) != nil {
		return text
	}
	return string(out)
}

var (
	deepIndent  = regexp.MustCompile(`(?m)^(?:    |  )+`)
	betweenTags = regexp.MustCompile(`>\s*\n\s*<`)
)

func tabs(s string) string {
	return strings.Repeat("\t", max(1, len(s)/4))
}

func sourceOf(e *document.Element, s document.Span) string {
	return string(e.Document.Text[s.Start:s.End])
}

func attributesOnLines(e *document.Element) []repair.Edit {
	var out []repair.Edit
	for _, a := range e.Attrs {
		lead := a.Whole.Start
		for strings.ContainsRune(" \t\r\n", rune(e.Document.Text[lead-1])) {
			lead--
		}
		out = append(out, repair.Edit{Start: lead, End: a.Whole.Start, Text: "\n        "})
	}
	return out
}

func attributesReversed(e *document.Element) []repair.Edit {
	var out []repair.Edit
	for i, a := range e.Attrs {
		out = append(out, repair.Edit{Start: a.Whole.Start, End: a.Whole.End, Text: sourceOf(e, e.Attrs[len(e.Attrs)-1-i].Whole)})
	}
	return out
}

func otherQuotes(e *document.Element) []repair.Edit {
	var out []repair.Edit
	for _, a := range e.Attrs {
		text, s := sourceOf(e, a.Value.Span), a.Value.Span
		from, to, name := `"`, `'`, "&apos;"
		if e.Document.Text[s.Start-1] == '\'' {
			from, to, name = to, from, "&quot;"
		}
		text = strings.ReplaceAll(strings.ReplaceAll(text, to, name), map[string]string{`"`: "&quot;", `'`: "&apos;"}[from], from)
		out = append(out, repair.Edit{Start: s.Start - 1, End: s.End + 1, Text: to + text + to})
	}
	return out
}

func spaceInTags(e *document.Element) []repair.Edit {
	at := e.Tag.End - 1
	if e.Empty {
		at--
	}
	out := []repair.Edit{{Start: at, End: at, Text: "\n  "}}
	for _, a := range e.Attrs {
		out = append(out, repair.Edit{Start: a.Value.Span.Start - 2, End: a.Value.Span.Start - 1, Text: " = "})
	}
	return out
}

func commentBefore(comment string) func(e *document.Element) []repair.Edit {
	return func(e *document.Element) []repair.Edit {
		if e.Parent == nil || strings.Contains(string(e.Document.Text), "farrier:ignore") {
			return nil
		}
		return []repair.Edit{{Start: e.Tag.Start, End: e.Tag.Start, Text: comment}}
	}
}

// otherText writes a text as CDATA or with references, whichever it is not.
func otherText(e *document.Element) []repair.Edit {
	t := e.Content()
	if t == nil || len(e.Elements()) > 0 || strings.TrimSpace(t.Value.Text) == "" || strings.Contains(t.Value.Text, "]]>") {
		return nil
	}
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&#62;").Replace(t.Value.Text)
	if !t.CDATA {
		text = "<![CDATA[" + t.Value.Text + "]]>"
	}
	return []repair.Edit{{Start: t.Whole.Start, End: t.Whole.End, Text: text}}
}

func lineEndInAttribute(e *document.Element) []repair.Edit {
	var out []repair.Edit
	for _, a := range e.Attrs {
		if text := sourceOf(e, a.Value.Span); strings.HasPrefix(text, "#[") {
			out = append(out, repair.Edit{Start: a.Value.Span.Start + 2, End: a.Value.Span.Start + 2, Text: "&#10;&#x9;"})
		}
	}
	return out
}

var sources = regexp.MustCompile(`listener|scheduler|^poll$|endpoint|^on-|trigger|subscriber|receiver|error-handler|exception-strategy|consumer`)

// nested puts each step of a flow into others.
func nested(before, behind string) func(e *document.Element) []repair.Edit {
	return func(e *document.Element) []repair.Edit {
		p := e.Parent
		if p == nil || !p.Is(coreSpace, "flow") && !p.Is(coreSpace, "sub-flow") || p.Prefix != "" || sources.MatchString(e.Name.Local) || strings.Contains(string(e.Document.Text), "farrier:ignore") {
			return nil
		}
		return []repair.Edit{{Start: e.Whole.Start, End: e.Whole.Start, Text: before}, {Start: e.Whole.End, End: e.Whole.End, Text: behind}}
	}
}

const coreSpace = "http://www.mulesoft.org/schema/mule/core"

// twice has everything again, under other names.
func twice(text string) string {
	d, err := document.Read("x.xml", []byte(text), xmltext.DefaultLimits())
	if err != nil || d.Root.Empty || len(d.Root.Elements()) == 0 || strings.Contains(text, "farrier:ignore") {
		return text
	}
	var names []string
	for _, e := range d.Root.Elements() {
		if a := e.Attr("name"); a != nil {
			names = append(names, `"`+sourceOf(e, a.Value.Span)+`"`, `"`+sourceOf(e, a.Value.Span)+`-again"`)
		}
	}
	end := strings.LastIndex(text, "</")
	return text[:end] + strings.NewReplacer(names...).Replace(text[d.Root.Tag.End:end]) + text[end:]
}

func otherEmpty(e *document.Element) []repair.Edit {
	name := e.Name.Local
	if e.Prefix != "" {
		name = e.Prefix + ":" + name
	}
	if e.Empty {
		return []repair.Edit{{Start: e.Tag.End - 2, End: e.Tag.End, Text: "></" + name + ">"}}
	}
	if len(e.Children) == 0 && e.Parent != nil {
		return []repair.Edit{{Start: e.Tag.End - 1, End: e.Whole.End, Text: " />"}}
	}
	return nil
}

var declaration = regexp.MustCompile(`xmlns:([\w.-]+)="([^"]*)"`)

func rootTag(text string) (begin, end int) {
	d, err := document.Read("x.xml", []byte(text), xmltext.DefaultLimits())
	if err != nil {
		return -1, -1
	}
	return d.Root.Tag.Start, d.Root.Tag.End
}

// otherPrefixes calls the namespaces otherwise.
func otherPrefixes(text string) string {
	begin, end := rootTag(text)
	if begin < 0 {
		return text
	}
	for _, m := range declaration.FindAllStringSubmatch(text[begin:end], -1) {
		if m[1] == "xsi" || m[1] == "doc" || strings.Contains(text, m[1]+":mule") {
			continue
		}
		old := regexp.MustCompile(`(</?|\sxmlns:|\s)` + regexp.QuoteMeta(m[1]) + `([:=])`)
		text = old.ReplaceAllStringFunc(text, func(s string) string {
			if strings.TrimSpace(s) == m[1]+"=" {
				return s // an attribute of that name
			}
			return strings.Replace(s, m[1], m[1]+"-x", 1)
		})
	}
	return text
}

func declare(text, declarations string) string {
	begin, end := rootTag(text)
	if begin < 0 {
		return text
	}
	name := firstName.FindString(text[begin:end])
	return text[:begin] + name + declarations + text[begin+len(name):]
}

func allNamespaces(text string) string {
	out := ""
	prefixes := selector.Prefixes()
	for _, p := range sortedKeys(prefixes) {
		if !strings.Contains(text, "xmlns:"+p+"=") {
			out += fmt.Sprintf("\n    xmlns:%s=%q", p, prefixes[p])
		}
	}
	return declare(text, out)
}

// foreignPrefixes uses the prefixes that are usual for something else.
func foreignPrefixes(text string) string {
	out := ""
	for _, p := range []string{"tls", "validation", "api-gateway", "http", "db", "email"} {
		if !strings.Contains(text, "xmlns:"+p+"=") {
			out += fmt.Sprintf(" xmlns:%s=%q", p, "urn:other:"+p)
		}
	}
	return declare(text, out)
}

// noDefault gives the elements of the default namespace a prefix.
func noDefault(text string) string {
	begin, end := rootTag(text)
	if begin < 0 || !strings.HasPrefix(text[begin:end], "<mule ") || strings.Contains(text[end:], "xmlns=") {
		return text
	}
	text = strings.Replace(text, ` xmlns="`+coreSpace+`"`, ` xmlns="`+coreSpace+`" xmlns:mule="`+coreSpace+`"`, 1)
	return edited(text, func(e *document.Element) []repair.Edit {
		if e.Prefix != "" || e.Name.Space != coreSpace {
			return nil
		}
		out := []repair.Edit{{Start: e.Tag.Start + 1, End: e.Tag.Start + 1, Text: "mule:"}}
		if !e.Empty {
			at := e.Whole.End - len(e.Name.Local) - 1
			out = append(out, repair.Edit{Start: at, End: at, Text: "mule:"})
		}
		return out
	})
}

func moreParameters(e *document.Element) []repair.Edit {
	sql := e.Child(selector.Prefixes()["db"], "sql")
	if sql == nil || e.Child(e.Name.Space, "input-parameters") != nil || strings.HasPrefix(e.Name.Local, "bulk") || strings.HasPrefix(e.Name.Local, "execute") {
		return nil
	}
	parameters := []string{"<%sinput-parameters><![CDATA[#[{p1: 1}]]]></%[1]sinput-parameters>", "<%sinput-parameters>#[{ }]</%[1]sinput-parameters>", "<%sinput-parameters><![CDATA[#[output application/java\n---\n{\n\t\"other\" : vars.a,\n\tlast: 'x'\n}]]]></%[1]sinput-parameters>"}
	return []repair.Edit{{Start: sql.Whole.End, End: sql.Whole.End, Text: fmt.Sprintf(parameters[sql.Whole.Start%3], e.Prefix+":")}}
}

var propertyLine = regexp.MustCompile(`^([\w.-]+)\s*[=:]\s*(.*)$`)

// otherProperties writes .properties as YAML, and flat YAML as .properties.
func otherProperties(files map[string]string) map[string]string {
	out := maps.Clone(files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		base, yaml := strings.CutSuffix(name, ".yaml")
		if !yaml {
			var properties bool
			if base, properties = strings.CutSuffix(name, ".properties"); !properties || !strings.Contains(name, "resources/") {
				continue
			}
		}
		text, ok := rewritten(files[name], yaml)
		if !ok {
			continue
		}
		other := base + ".yaml"
		if yaml {
			other = base + ".properties"
		}
		delete(out, name)
		out[other] = text
		short, long := name[strings.LastIndex(name, "/")+1:], other[strings.LastIndex(other, "/")+1:]
		for n, t := range out {
			if isXML(n) {
				out[n] = strings.ReplaceAll(t, short, long)
			}
		}
	}
	return out
}

func rewritten(text string, yaml bool) (string, bool) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		m := propertyLine.FindStringSubmatch(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			b.WriteString(line + "\n")
		case m == nil || m[2] == "" || strings.ContainsAny(m[2], `\|`) || strings.Contains(m[2], " #"):
			return "", false
		case yaml:
			b.WriteString(m[1] + "=" + strings.Trim(m[2], `"'`) + "\n")
		default:
			fmt.Fprintf(&b, "%s: %q\n", m[1], m[2])
		}
	}
	return b.String(), true
}
