package spectral

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"farrier.dev/farrier/internal/encoding/tree"
)

// variables are what the templates of messages name.
type variables struct {
	property, err, description string
	described                  bool
	path                       []string
	value                      *tree.Node
}

// text is the variable of a name, known where there is one.
func (v *variables) text(name string) (text string, known bool) {
	switch name {
	case "property":
		return v.property, true
	case "error":
		return v.err, true
	case "path":
		return encodedPointer(v.path), true
	case "description":
		if !v.described {
			return "null", true
		}
		return v.description, true
	case "value":
		return valueOf(v.value).String(), true
	}
	return "", false
}

// expand fills a template: {{name}} is a variable, #{{…}} an expression of
// texts, variables, print("…"), toUpperCase() and +.
func expand(template string, v *variables) string {
	if !strings.Contains(template, "{{") {
		return template
	}
	var b strings.Builder
	for {
		at := strings.Index(template, "{{")
		if at < 0 {
			b.WriteString(template)
			return b.String()
		}
		end := strings.Index(template[at:], "}}")
		inner := ""
		if end >= 0 {
			inner = template[at+2 : at+end]
		}
		if end < 3 || strings.ContainsAny(inner, "}\n") {
			b.WriteString(template[:at+2])
			template = template[at+2:]
			continue
		}
		before := template[:at]
		template = template[at+end+2:]
		if evaluated := strings.HasSuffix(before, "#"); evaluated {
			b.WriteString(before[:len(before)-1])
			b.WriteString(evaluate(inner, v))
			continue
		}
		b.WriteString(before)
		text, _ := v.text(inner)
		b.WriteString(text)
	}
}

// evaluate is the expression of a template; what it doesn't know is empty.
func evaluate(text string, v *variables) string {
	e := &expressionParser{text: text}
	root, err := e.expression()
	if e.space(); err != nil || e.at != len(text) {
		return ""
	}
	out, _ := evaluatePart(root, v)
	return out
}

func evaluatePart(n *syntax, v *variables) (string, bool) {
	switch n.op {
	case "literal":
		return n.literal.String(), true
	case "name":
		return v.text(n.text)
	case "+":
		if len(n.parts) == 1 {
			return evaluatePart(n.parts[0], v)
		}
		a, knownA := evaluatePart(n.parts[0], v)
		b, knownB := evaluatePart(n.parts[1], v)
		if !knownA || !knownB {
			return "", false
		}
		return a + b, true
	case "call":
		callee := n.parts[0]
		if callee.op == "." && callee.text == "toUpperCase" {
			text, known := evaluatePart(callee.parts[0], v)
			return strings.ToUpper(text), known
		}
		if callee.op == "name" && callee.text == "print" && len(n.parts) == 2 && n.parts[1].op == "literal" {
			return v.print(n.parts[1].literal.text), true
		}
	}
	return "", false
}

// print is the function of templates that writes what begins a sentence.
func (v *variables) print(what string) string {
	switch what {
	case "property":
		if v.property == "" {
			return "The document "
		}
		return `"` + v.property + `" property `
	case "value":
		return printValue(v.value)
	}
	text, _ := v.text(what)
	return text
}

// dotted writes a path with dots and brackets.
func dotted(path []string) string {
	var b strings.Builder
	for i, step := range path {
		_, err := strconv.ParseFloat(step, 64)
		switch {
		case step == "" || strings.ContainsFunc(step, unicode.IsSpace):
			b.WriteString("['" + step + "']")
		case err == nil:
			b.WriteString("[" + step + "]")
		case i == 0:
			b.WriteString(step)
		default:
			b.WriteString("." + step)
		}
	}
	return unescapePointer(b.String())
}

// encodedPointer writes a path as a JSON pointer in a URI fragment (RFC 6901).
func encodedPointer(path []string) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, step := range path {
		step = strings.ReplaceAll(strings.ReplaceAll(unescapePointer(step), "~", "~0"), "/", "~1")
		b.WriteString("/" + uriEscapes.Replace(url.PathEscape(step)))
	}
	return b.String()
}

// uriEscapes turns what url.PathEscape leaves into what encodeURIComponent does.
var uriEscapes = strings.NewReplacer("$", "%24", "&", "%26", "+", "%2B", "=", "%3D", ":", "%3A", "@", "%40", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")
