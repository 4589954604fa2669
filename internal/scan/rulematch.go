package scan

import (
	"errors"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/selector"
)

// match is one item of a rule's match.
type match struct {
	selector *selector.Selector
	// at leads to what the finding points at; nil for the start tag.
	at      *selector.Path
	message *message
	fix     *matchFix
	// severity replaces that of the rule where it is set.
	severity finding.Severity
}

// matchFix is what an item says of its repair.
type matchFix struct {
	safe  bool
	title string
	// remove are the attributes and elements to take out, whole the element itself.
	remove []*selector.Path
	whole  bool
	// set are attributes to write, "text" in replace the text to put in the place of
	// that of the element.
	set     []setting
	replace string
	insert  string
}

// setting is an attribute and its new value.
type setting struct{ name, value string }

func readMatch(f *form, n *tree.Node) *match {
	s := newForm(n, "an item of match", "select", "at", "message", "severity", "fix")
	defer f.take(s)
	m := &match{}
	if s.err != nil {
		return m
	}
	var err error
	if m.selector, err = selector.Compile(s.needed("select")); err != nil && s.err == nil {
		s.failSelector(n.Get("select"), err)
	}
	if at := s.text("at"); at != "" {
		m.at = s.path(n.Get("at"), at)
	}
	m.message = readMessage(s, n.Get("message"))
	if n.Get("severity") != nil {
		if m.severity, err = finding.ParseSeverity(s.text("severity")); err != nil {
			s.fail(n.Get("severity"), "%v", err)
		}
	}
	if n.Get("fix") != nil {
		m.fix = readMatchFix(s, n.Get("fix"))
	}
	return m
}

// failSelector tells a mistake in a selector at its place, as well as the file
// shows it.
func (f *form) failSelector(n *tree.Node, err error) {
	at := *n
	var wrong *selector.Error
	if errors.As(err, &wrong) && n.Source != nil && !strings.Contains(n.Text, "\n") {
		line := strings.Split(string(n.Source.Text), "\n")[n.Line-1]
		if i := strings.Index(line, n.Text); i >= 0 {
			at.Column = int32(len([]rune(line[:i+min(wrong.Offset, len(n.Text))])) + 1) //nolint:gosec // within a line
		}
	}
	f.fail(&at, "the selector is wrong at %v", err)
}

// path reads a path; "text" is short for text().
func (f *form) path(n *tree.Node, text string) *selector.Path {
	if text == "text" {
		text = "text()"
	}
	p, err := selector.CompilePath(text)
	if err != nil {
		f.failSelector(n, err)
	}
	return p
}

func readMatchFix(f *form, n *tree.Node) *matchFix {
	s := newForm(n, "fix", "safe", "title", "remove", "set", "insert", "replace")
	defer f.take(s)
	x := &matchFix{}
	if s.err != nil {
		return x
	}
	x.safe, x.title = s.truth("safe"), s.needed("title")
	for _, text := range s.texts("remove") {
		if text == "." {
			x.whole = true
			continue
		}
		x.remove = append(x.remove, s.path(n.Get("remove"), text))
	}
	for _, m := range n.Get("set").Fields() {
		name, ok := strings.CutPrefix(m.Name, "@")
		if !ok || name == "" || strings.ContainsAny(name, ` <>"'=/`) || !m.Value.Is(tree.String) {
			s.fail(m.Value, "set gives attributes their values, as {\"@insecure\": \"false\"}")
		}
		x.set = append(x.set, setting{name, m.Value.Str()})
	}
	if replace := n.Get("replace"); replace != nil {
		r := newForm(replace, "replace", "text")
		x.replace = r.needed("text")
		s.take(r)
	}
	if x.insert = s.text("insert"); x.insert != "" {
		if _, err := document.Read("insert", []byte(wrapped(4, x.insert)), xmltext.DefaultLimits()); err != nil {
			s.fail(n.Get("insert"), "what is to be inserted is no element: %v", err)
		}
	}
	if len(x.remove) == 0 && !x.whole && len(x.set) == 0 && x.replace == "" && x.insert == "" {
		s.fail(n, "fix needs one of remove, set, insert and replace")
	}
	return x
}
