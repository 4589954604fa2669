package scan

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/scan/selector"
)

// example is a small project that a rule must, or must not, complain of.
type example struct {
	node *tree.Node
	// text is the snippet as it is written; empty for whole files.
	text  string
	files map[string]string
	major int
	// count is how many findings there must be, line that of the first (0 for any),
	// fixed what the only changed file or the snippet is after the fix.
	count, line int
	fixed       string
}

// The places of snippets and of what every example has beside it.
const (
	appFour, appThree = "src/main/mule/app.xml", "src/main/app/app.xml"
	artifactName      = "mule-artifact.json"
	deployName        = "src/main/app/mule-deploy.properties"
	pomName           = "pom.xml"
)

func readExamples(f *form, r *rule, name string) ([]*example, error) {
	var out []*example
	for _, n := range f.list(name) {
		out = append(out, readExample(f, r, n, name == "bad"))
	}
	if len(out) == 0 {
		f.fail(f.node.Get(name), "a rule needs at least one example that is good, and one that is bad")
	}
	return out, f.err
}

func readExample(f *form, r *rule, n *tree.Node, bad bool) *example {
	e := &example{node: n, files: map[string]string{}, major: 4}
	if len(r.Majors) == 1 {
		e.major = r.Majors[0]
	}
	if n.Is(tree.String) {
		e.text, e.count = n.Text, 1
		e.snippet()
		return e
	}
	known := []string{"xml", "files", "mule"}
	if bad {
		known = append(known, "count", "line", "fixed")
	}
	s := newForm(n, "an example", known...)
	defer f.take(s)
	if s.err != nil {
		return e
	}
	e.major = s.number("mule", e.major)
	e.count, e.line = s.number("count", 1), s.number("line", 0)
	e.text, e.fixed = n.Get("xml").Str(), n.Get("fixed").Str()
	if (e.text == "") == (n.Get("files") == nil) || e.major != 3 && e.major != 4 || bad && e.count == 0 {
		s.fail(n, "an example has either xml or files, mule 3 or 4, and a count from 1 on")
	}
	for _, m := range n.Get("files").Fields() {
		if !m.Value.Is(tree.String) || !localName(m.Name) {
			s.fail(m.Value, "files gives names inside the project their texts")
			continue
		}
		e.files[m.Name] = m.Value.Text
		if first := strings.TrimSpace(m.Value.Text); strings.HasSuffix(m.Name, ".xml") && strings.HasPrefix(first, "<") && !whole(first) {
			e.files[m.Name] = wrapped(e.major, m.Value.Text)
		}
	}
	e.snippet()
	return e
}

func localName(name string) bool {
	return name != "" && !strings.HasPrefix(name, "/") && !slices.Contains(strings.Split(name, "/"), "..") && !strings.ContainsAny(name, "\\\x00")
}

// whole says whether the text of an XML file is that of a whole document.
func whole(text string) bool {
	for _, begin := range []string{"<?xml", "<mule", "<domain:mule", "<project", "<settings", "<Configuration", "<configuration", "<beans", "<policy", "<!--?"} {
		if rest, ok := strings.CutPrefix(text, begin); ok && (rest == "" || begin == "<?xml" || strings.IndexByte(" \t\r\n>", rest[0]) >= 0) {
			return true
		}
	}
	return false
}

// snippet adds what an example does not write out.
func (e *example) snippet() {
	main, runtime, meta, text := appFour, "4.9.0", artifactName, `{"minMuleVersion": "4.9.0"}`
	if e.major == 3 {
		main, runtime, meta, text = appThree, "3.9.5", deployName, "redeployment.enabled=true\n"
	}
	if e.text != "" {
		e.files[main] = wrapped(e.major, e.text)
	}
	if _, ok := e.files[pomName]; !ok {
		e.files[pomName] = pomText(runtime)
	}
	if _, ok := e.files[meta]; !ok {
		e.files[meta] = text
	}
}

// pomText is a Maven file that says nothing but what every application says.
func pomText(runtime string) string {
	packaging := "mule-application"
	if strings.HasPrefix(runtime, "3.") {
		packaging = "mule"
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
	<modelVersion>4.0.0</modelVersion>
	<groupId>com.example</groupId>
	<artifactId>example</artifactId>
	<version>1.0.0</version>
	<packaging>` + packaging + `</packaging>
	<properties>
		<app.runtime>` + runtime + `</app.runtime>
	</properties>
</project>
`
}

const wrapEnd = "</mule>\n"

// wrapped puts elements into a document that declares the prefixes they use. Its
// first line is that of the elements.
func wrapped(major int, text string) string { return wrapStart(major, text) + text + wrapEnd }

// eachPrefix visits what stands before a colon where the name of an element or
// attribute may begin.
func eachPrefix(text string, visit func(prefix string)) {
	for at := 0; ; {
		i := strings.IndexByte(text[at:], ':')
		if i < 0 {
			return
		}
		at += i + 1
		begin := at - 1
		for begin > 0 && isName(text[begin-1]) {
			begin--
		}
		if begin > 0 && begin < at-1 && strings.IndexByte("< \t\r\n", text[begin-1]) >= 0 && at < len(text) && isName(text[at]) {
			visit(text[begin : at-1])
		}
	}
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func wrapStart(major int, text string) string {
	spaces := map[string]string{"doc": documentation}
	seen := map[string]bool{}
	eachPrefix(text, func(prefix string) {
		if seen[prefix] {
			return
		}
		seen[prefix] = true
		space, _ := selector.Space(prefix)
		if major == 3 {
			switch prefix {
			case "spring":
				space, _ = selector.Space("beans")
			case "apikit":
				space, _ = selector.Space("apikit3")
			}
		}
		if space != "" && !strings.Contains(text, "xmlns:"+prefix+"=") {
			spaces[prefix] = space
		}
	})
	var b strings.Builder
	b.WriteString(`<mule xmlns="http://www.mulesoft.org/schema/mule/core"`)
	for _, p := range sortedKeys(spaces) {
		b.WriteString(" xmlns:" + p + `="` + spaces[p] + `"`)
	}
	b.WriteString(">")
	return b.String()
}

// unwrapped is the snippet in a document that wrapped made.
func unwrapped(text string) string {
	_, inside, _ := strings.Cut(text, ">")
	return strings.TrimSuffix(inside, wrapEnd)
}

// shown is an example as people read it.
func (e *example) shown() string {
	if e.text != "" {
		return strings.TrimSpace(e.text)
	}
	var b strings.Builder
	for _, m := range e.node.Get("files").Fields() {
		b.WriteString("-- " + m.Name + " --\n" + strings.TrimSpace(m.Value.Text) + "\n")
	}
	return strings.TrimSpace(b.String())
}
