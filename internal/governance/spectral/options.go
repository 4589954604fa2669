package spectral

import (
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// knownOptions refuses members of functionOptions that a function does not know,
// and misses those that it needs, which begin with "!".
func knownOptions(options *tree.Node, names ...string) error {
	if options != nil && options.Kind != tree.Object && options.Kind != tree.Null {
		return tree.Wrong(options, "functionOptions must be an object")
	}
	for i, name := range names {
		if needed, found := strings.CutPrefix(name, "!"); found {
			if names[i] = needed; options.Get(needed) == nil {
				return tree.Wrong(options, "functionOptions lack %q", needed)
			}
		}
	}
	for _, m := range options.Fields() {
		if !slices.Contains(names, m.Name) {
			return tree.Wrong(m.Value, "functionOptions have no %q; known are %s", m.Name, strings.Join(names, ", "))
		}
	}
	return nil
}

// noOptions makes a function that has none.
func noOptions(check Check) Function {
	return func(options *tree.Node) (Check, error) {
		if len(options.Fields()) > 0 || options != nil && options.Kind != tree.Object && options.Kind != tree.Null {
			return nil, tree.Wrong(options, "the function has no functionOptions")
		}
		return check, nil
	}
}

func textOption(options *tree.Node, name string) (string, error) {
	n := options.Get(name)
	if n == nil || n.Kind == tree.String {
		return n.Str(), nil
	}
	return "", tree.Wrong(n, "%s must be a text", name)
}

func flagOption(options *tree.Node, name string) (bool, error) {
	n := options.Get(name)
	if n == nil || n.Kind == tree.Bool {
		return n.IsTrue(), nil
	}
	return false, tree.Wrong(n, "%s must be true or false", name)
}

func textsOption(options *tree.Node, name string, least int) ([]string, error) {
	n := options.Get(name)
	if !n.Is(tree.Array) || len(n.Items) < least {
		return nil, tree.Wrong(n, "%s must be a list of at least %d texts", name, least)
	}
	out := make([]string, len(n.Items))
	for i, item := range n.Items {
		if item.Kind != tree.String {
			return nil, tree.Wrong(item, "%s must be a list of texts", name)
		}
		out[i] = item.Text
	}
	return out, nil
}

// regexOption is a pattern; nil where there is none.
func regexOption(options *tree.Node, name string) (*regex, error) {
	n := options.Get(name)
	if n == nil {
		return nil, nil //nolint:nilnil // no pattern is no mistake
	}
	if n.Kind != tree.String && n.Kind != writtenInScript {
		return nil, tree.Wrong(n, "%s must be a regular expression", name)
	}
	re, err := writtenRegex(n.Text)
	if err != nil {
		return nil, tree.Wrong(n, "%s: %s", name, err)
	}
	return re, nil
}

// writtenInScript is the kind of regular expressions that come from scripts
// rather than from texts.
const writtenInScript = tree.Include

// printPattern writes a pattern as messages show it.
func printPattern(n *tree.Node) string {
	if n.Kind == writtenInScript {
		return n.Text[1:strings.LastIndexByte(n.Text, '/')]
	}
	return quote(n.Text)
}

func numberOption(options *tree.Node, name string) (*float64, error) {
	n := options.Get(name)
	if n == nil {
		return nil, nil //nolint:nilnil // no number is no mistake
	}
	if n.Kind != tree.Number {
		return nil, tree.Wrong(n, "%s must be a number", name)
	}
	f := numberOf(n)
	return &f, nil
}

// printValue writes a value as messages show it.
func printValue(n *tree.Node) string {
	switch v := valueOf(n); {
	case v.kind == textValue:
		return quote(v.text)
	case v.isArray():
		return "Array[]"
	case v.kind == nodeValue:
		return "Object{}"
	default:
		return v.String()
	}
}

func printValues(list []*tree.Node) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = printValue(n)
	}
	return strings.Join(out, ", ")
}

// quote writes a text as JSON does.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ':
			_, _ = fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
