package mule

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding/tree"
)

// maxPropertyYAML bounds a YAML file of properties, in bytes; maxPropertyDepth how
// deep names may be nested.
const maxPropertyYAML, maxPropertyDepth = 4 << 20, 40

// readYAMLEntries reads the properties of a YAML file, nested names joined by dots.
// A file that is not quite YAML, as with a name that stands twice or a value
// ![…] without quotes, is read line by line; then the error says why.
func readYAMLEntries(file *File) ([]entry, error) {
	root, err := tree.Read(&tree.Source{Name: file.Path, Text: file.Text}, tree.Options{
		MaxBytes: maxPropertyYAML, MaxNodes: maxEntries * 2, MaxDepth: maxPropertyDepth,
	})
	if err != nil {
		if len(bytes.TrimSpace(file.Text)) == 0 || len(file.Text) > maxPropertyYAML {
			return nil, nil
		}
		return looseYAML(file.Text), err
	}
	y := yamlEntries{text: file.Text, lines: lineStarts(file.Text)}
	y.node("", root)
	return y.out, nil
}

func lineStarts(text []byte) []int {
	lines := []int{0}
	for i, b := range text {
		if b == '\n' {
			lines = append(lines, i+1)
		}
	}
	return lines
}

// maxYAMLLine bounds how far a line is searched for the end of a value.
const maxYAMLLine = 16 << 10

type yamlEntries struct {
	text  []byte
	lines []int
	out   []entry
	// The place that was asked for last, from which the next is near.
	line, column int32
	at           int
}

func (y *yamlEntries) node(name string, n *tree.Node) {
	for i := range n.Fields() {
		m := &n.Members[i]
		inner := m.Name
		if name != "" {
			inner = name + "." + m.Name
		}
		if len(inner) > 1024 || len(y.out) >= maxEntries {
			return
		}
		switch m.Value.Kind {
		case tree.Object:
			y.node(inner, m.Value)
		case tree.Array:
			for i, item := range m.Value.Items {
				if item.Kind == tree.Object {
					y.node(inner+"["+strconv.Itoa(i)+"]", item)
				} else {
					y.scalar(inner+"["+strconv.Itoa(i)+"]", y.offset(m.Line, m.Column), item)
				}
			}
		case tree.Null, tree.Bool, tree.Number, tree.String, tree.Include:
			y.scalar(inner, y.offset(m.Line, m.Column), m.Value)
		}
	}
}

func (y *yamlEntries) scalar(name string, nameAt int, n *tree.Node) {
	start := y.offset(n.Line, n.Column)
	end := y.lineEnd(start)
	raw := y.text[start:end]
	switch {
	case n.Text == "":
		end = start
	case len(raw) == 0:
	case raw[0] == '"' || raw[0] == '\'':
		start, end = insideQuotes(y.text, start)
	case bytes.HasPrefix(raw, []byte(n.Text)):
		end = start + len(n.Text)
	default:
		if i := bytes.Index(raw, []byte(n.Text)); i >= 0 {
			start, end = start+i, start+i+len(n.Text)
		}
	}
	y.out = append(y.out, entry{name, n.Text, nameAt, start, end})
}

// insideQuotes is the span inside the quotes that a value begins with.
func insideQuotes(text []byte, at int) (start, end int) {
	quote := text[at]
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return at + 1, i
		}
	}
	return at + 1, len(text)
}

// offset is the byte at which a line and column stand.
func (y *yamlEntries) offset(line, column int32) int {
	if line < 1 || int(line) > len(y.lines) {
		return 0
	}
	if line != y.line || column < y.column {
		y.line, y.column, y.at = line, 1, y.lines[line-1]
		if line == 1 && bytes.HasPrefix(y.text, []byte("\xef\xbb\xbf")) {
			y.at += 3
		}
	}
	for ; y.column < column && y.at < len(y.text); y.column++ {
		_, n := utf8.DecodeRune(y.text[y.at:])
		y.at += n
	}
	return y.at
}

func (y *yamlEntries) lineEnd(at int) int {
	end := min(len(y.text), at+maxYAMLLine)
	if i := bytes.IndexAny(y.text[at:end], "\r\n"); i >= 0 {
		return at + i
	}
	return end
}

// looseYAML reads lines "name: value", nested by their indentation, and passes
// over everything else.
func looseYAML(text []byte) []entry {
	type level struct {
		indent int
		name   string
	}
	var out []entry
	var open []level
	at := 0
	for line := range bytes.Lines(text) {
		begin := at
		at += len(line)
		content := bytes.TrimRight(line, " \t\r\n")
		inner := bytes.TrimLeft(content, " ")
		indent := len(content) - len(inner)
		name, value, found := bytes.Cut(inner, []byte(":"))
		if !found || len(inner) == 0 || inner[0] == '#' || inner[0] == '-' || len(value) > 0 && value[0] != ' ' && value[0] != '\t' || len(out) >= maxEntries {
			continue
		}
		for len(open) > 0 && open[len(open)-1].indent >= indent {
			open = slices.Delete(open, len(open)-1, len(open))
		}
		full := strings.Trim(string(bytes.TrimSpace(name)), `"'`)
		if len(open) > 0 {
			full = open[len(open)-1].name + "." + full
		}
		value = bytes.TrimLeft(value, " \t")
		if len(value) == 0 || value[0] == '#' {
			if len(open) < maxPropertyDepth && len(full) <= 1024 {
				open = append(open, level{indent, full})
			}
			continue
		}
		start := begin + len(content) - len(value)
		end := begin + len(content)
		if value[0] == '"' || value[0] == '\'' {
			start, end = insideQuotes(text[:end], start)
		} else if i := bytes.Index(value, []byte(" #")); i >= 0 {
			end = start + len(bytes.TrimRight(value[:i], " \t"))
		}
		out = append(out, entry{full, string(text[start:end]), begin + indent, start, end})
	}
	return out
}
