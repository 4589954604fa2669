package judge

import (
	"bytes"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// embedded finds where in its file a text stands that is a document of its own: a JSON
// schema in RAML. Its nodes count their lines from its own beginning.
type embedded struct {
	// before is the number of lines of the file before the first one of the text, for
	// each text.
	before map[*tree.Source]int
	// texts are the lines of the texts of a file, by the text: it may stand there more than
	// once.
	texts map[string]map[string][]int
}

// lineOf is the line of a node in its file, 0 where it is not known.
// near is the line of the operation that it belongs to.
func (v *views) lineOf(n *tree.Node, near int) int {
	if n == nil || n.Source == nil || n.Line <= 0 {
		return 0
	}
	if before, ok := v.embedded(n.Source, near); ok {
		return before + int(n.Line)
	}
	return int(n.Line)
}

// embedded says whether a source is a text in another document, and how many lines of
// the file stand before it.
func (v *views) embedded(src *tree.Source, near int) (before int, ok bool) {
	raml := v.doc.Project != nil && strings.HasPrefix(string(v.doc.Language), "raml")
	if !raml || src.Name == "" {
		return 0, false
	}
	if before, known := v.inner.before[src]; known {
		return before, before != whole
	}
	if v.inner.before == nil {
		v.inner.before, v.inner.texts = map[*tree.Source]int{}, map[string]map[string][]int{}
	}
	// The file was read when the description was.
	file, err := v.doc.Project.Source(src.Name)
	before = whole
	if err == nil && !bytes.Equal(file.Text, src.Text) {
		before = nearest(v.textsOf(file)[strings.TrimPrefix(string(src.Text), "\ufeff")], near)
	}
	v.inner.before[src] = before
	return before, before != whole
}

// nearest is the first of the lines that is not before another one; 0 where there is none.
func nearest(lines []int, near int) int {
	for _, line := range lines {
		if line >= near {
			return line
		}
	}
	if len(lines) > 0 {
		return lines[0]
	}
	return 0
}

// whole marks sources that are files.
const whole = -1 << 30

// textsOf are the texts of several lines in a file, with the line that they begin behind.
func (v *views) textsOf(file *tree.Source) map[string][]int {
	if found := v.inner.texts[file.Name]; found != nil {
		return found
	}
	found := map[string][]int{}
	v.inner.texts[file.Name] = found
	root, err := tree.Read(&tree.Source{Name: file.Name, Text: file.Text}, tree.Options{Lenient: true})
	if err != nil {
		return found
	}
	lines := bytes.Split(file.Text, []byte("\n"))
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		for i := range n.Members {
			walk(n.Members[i].Value)
		}
		for _, item := range n.Items {
			walk(item)
		}
		if n.Kind != tree.String || !strings.HasPrefix(strings.TrimLeft(n.Text, " \t\r\n"), "{") {
			return
		}
		line := int(n.Line)
		if line >= 1 && line <= len(lines) && !isBlock(lines[line-1]) {
			line-- // it begins on its own line
		}
		found[n.Text] = append(found[n.Text], line)
	}
	walk(root)
	return found
}

// isBlock says whether a line ends by beginning a block of text.
func isBlock(line []byte) bool {
	text := strings.TrimRight(string(line), " \t\r")
	if at := strings.Index(text, " #"); at >= 0 {
		text = strings.TrimRight(text[:at], " \t")
	}
	text = strings.TrimRight(text, "+-0123456789")
	return strings.HasSuffix(text, "|") || strings.HasSuffix(text, ">")
}
