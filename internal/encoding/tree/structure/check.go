package structure

import (
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Problem is what is wrong with a value.
type Problem struct {
	File         string
	Line, Column int
	// Path leads from the root to the value; nil for one in another document, or
	// where it is very long.
	Path []string
	// Rule is the name of what was violated, as "unknown-field".
	Rule, Message string
}

// Check is one tree that is held against a grammar.
type Check struct {
	Grammar *Grammar
	// Target is what a reference leads to; Path is the way from the root to it, nil
	// where that is in another document. Without Target references are not followed.
	Target func(ref *tree.Node) (*tree.Node, error)
	Path   func(ref *tree.Node) []string
	// Visit, if given, is called once for each object that the grammar names, after
	// those in it. The path is nil in other documents and must not be kept.
	Visit func(object string, n *tree.Node, path []string)
	// Report is told of each problem and says whether to go on.
	Report func(Problem) bool

	root string
	// seen are the objects that were looked at; noted are the targets of references.
	seen, noted map[visit]bool
	waiting     []step
	path        []string
	outside     bool
	stopped     bool
}

type visit struct {
	n *tree.Node
	o *object
}

// step is a value that a reference leads to.
type step struct {
	n       *tree.Node
	v       *value
	path    []string
	outside bool
}

// Run holds a tree against the object of the grammar with this name, and
// everything that it refers to.
func (c *Check) Run(root *tree.Node, object string) {
	c.root, c.seen, c.noted = object, map[visit]bool{}, map[visit]bool{}
	c.waiting = []step{{n: root, v: &value{what: isObject, object: c.Grammar.objects[object]}}}
	for len(c.waiting) > 0 && !c.stopped {
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.path, c.outside = slices.Clone(next.path), next.outside
		c.value(next.n, next.v, "")
	}
}

// Also has a value looked at that the grammar leaves open, as an object of this
// name. The path is as in Visit, from which it may be called.
func (c *Check) Also(n *tree.Node, object string, path []string) {
	if o := c.Grammar.objects[object]; o != nil {
		c.waiting = append(c.waiting, step{n, &value{what: isEither, object: o}, slices.Clone(path), path == nil})
	}
}

// Wrong reports a problem with a value at a path of the root; nil for one in
// another document.
func (c *Check) Wrong(n *tree.Node, path []string, rule, format string, args ...any) {
	c.report(Problem{File: n.File(), Line: int(n.Line), Column: int(n.Column), Path: slices.Clone(path), Rule: rule, Message: fmt.Sprintf(format, args...)})
}

// maxPath is how long the names of a path are together, in bytes: documents may
// have names as long as themselves.
const maxPath = 8 << 10

func (c *Check) report(p Problem) {
	length := 0
	for _, step := range p.Path {
		if length += len(step); length > maxPath {
			p.Path = nil
			break
		}
	}
	if !c.stopped && !c.Report(p) {
		c.stopped = true
	}
}

// wrong reports a problem with the value that is looked at, or below it.
func (c *Check) wrong(n *tree.Node, rule, format string, args ...any) {
	c.Wrong(n, c.here(), rule, format, args...)
}

func (c *Check) here() []string {
	switch {
	case c.outside:
		return nil
	case c.path == nil:
		return []string{}
	}
	return c.path
}

// into looks at a value one step below.
func (c *Check) into(step string, n *tree.Node, v *value, name string) {
	c.path = append(c.path, step)
	c.value(n, v, name)
	c.path = c.path[:len(c.path)-1]
}

// value holds a value against what a field takes; name is the field's.
func (c *Check) value(n *tree.Node, v *value, name string) {
	if c.stopped {
		return
	}
	fits := v
	for fits != nil && !fits.takes(n.Kind) {
		fits = fits.or
	}
	if fits == nil {
		c.wrong(n, "wrong-kind", "%s must be %s, not %s", subject(name), v.kinds(), a(n.Kind.String()))
		return
	}
	switch fits.what {
	case isList:
		c.list(n, fits, name)
	case isMap:
		for i := range n.Members {
			if c.stopped {
				return
			}
			c.into(n.Members[i].Name, n.Members[i].Value, fits.of, n.Members[i].Name)
		}
	case isEither:
		if ref := n.Get("$ref"); ref != nil {
			c.path = append(c.path, "$ref")
			c.follow(ref, fits)
			c.path = c.path[:len(c.path)-1]
			return
		}
		c.object(n, fits.object)
	case isObject:
		c.object(n, fits.object)
	case isPointer:
		c.follow(n, &value{what: isEither, object: fits.object})
	default:
		if problem := fits.scalar(n); problem != "" {
			c.wrong(n, "wrong-value", "%s must be %s", subject(name), problem)
		}
	}
}

func subject(name string) string {
	if name == "" {
		return "the value"
	}
	return clip(name)
}

// takes says whether a value of a kind can be meant.
func (v *value) takes(k tree.Kind) bool {
	switch v.what {
	case isAny:
		return true
	case isNull:
		return k == tree.Null
	case isText, isURL, isURI, isEmail, isWord, isPointer:
		return k == tree.String
	case isBool, isTrue:
		return k == tree.Bool
	case isNumber, isPositive, isInteger, isCount:
		return k == tree.Number
	case isList:
		return k == tree.Array
	case isMap:
		return k == tree.Object
	case isObject, isEither:
		return k == tree.Object || k == tree.Bool && v.object.boolean
	}
	return false
}

// kinds says what a field takes.
func (v *value) kinds() string {
	var all []string
	for ; v != nil; v = v.or {
		word := ""
		switch v.what {
		case isText, isURL, isURI, isEmail:
			word = "a text"
		case isPointer:
			word = "the text of a reference"
		case isWord:
			word = "one of " + strings.Join(v.words, ", ")
		case isBool, isTrue:
			word = "true or false"
		case isNumber, isPositive:
			word = "a number"
		case isInteger, isCount:
			word = "a whole number"
		case isList:
			word = "a list"
		case isMap, isObject, isEither:
			word = "an object"
			if v.object != nil {
				word = a(spaced(v.object.name)) + " object"
				if v.object.boolean {
					word += " or true or false"
				}
			}
		case isNull:
			word = "null"
		case isAny:
			word = "anything"
		}
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return strings.Join(all, " or ")
}

// a puts the indefinite article before a word.
func a(word string) string {
	switch {
	case word == "null" || word == "":
		return word
	case strings.ContainsRune("aeiox", rune(word[0])):
		return "an " + word
	}
	return "a " + word
}

func spaced(name string) string { return strings.ReplaceAll(name, "-", " ") }

// scalar says what a value must be that is not, though its kind is right.
func (v *value) scalar(n *tree.Node) string {
	switch v.what {
	case isWord:
		if !slices.Contains(v.words, n.Text) {
			return "one of " + strings.Join(v.words, ", ")
		}
	case isTrue:
		if !n.IsTrue() {
			return "true"
		}
	case isURL, isURI:
		u, err := url.Parse(n.Text)
		if err != nil {
			return "a URL"
		}
		if v.what == isURI && u.Scheme == "" {
			return "an absolute URL, as https://example.com/"
		}
	case isEmail:
		if one, err := mail.ParseAddress(n.Text); err != nil || one.Address != n.Text {
			return "an e-mail address, as team@example.com"
		}
	case isInteger, isCount:
		f, err := strconv.ParseFloat(n.Text, 64)
		if err != nil || f != math.Trunc(f) || v.what == isCount && f < 0 {
			return map[what]string{isInteger: "a whole number", isCount: "a whole number from 0"}[v.what]
		}
	case isPositive:
		if f, err := strconv.ParseFloat(n.Text, 64); err != nil || f <= 0 {
			return "a number above 0"
		}
	case isAny, isNull, isText, isBool, isNumber, isList, isMap, isObject, isEither, isPointer:
	}
	return ""
}

func (c *Check) list(n *tree.Node, v *value, name string) {
	if v.filled && len(n.Items) == 0 {
		c.wrong(n, "empty", "%s must not be an empty list; leave it out instead", subject(name))
	}
	var seen map[string]bool
	for i, item := range n.Items {
		if c.stopped {
			return
		}
		c.into(strconv.Itoa(i), item, v.of, name)
		if !v.unique || item.Kind == tree.Object || item.Kind == tree.Array {
			continue
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		if key := item.Kind.String() + item.Text; seen[key] {
			c.path = append(c.path, strconv.Itoa(i))
			c.wrong(item, "repeated", "%s lists %s twice", subject(name), clip(item.Text))
			c.path = c.path[:len(c.path)-1]
		} else {
			seen[key] = true
		}
	}
}

// follow notes what a reference leads to, to be looked at later.
func (c *Check) follow(ref *tree.Node, v *value) {
	if ref.Kind != tree.String {
		c.wrong(ref, "wrong-kind", "$ref must be a text, not %s", a(ref.Kind.String()))
		return
	}
	if c.Target == nil {
		return
	}
	target, err := c.Target(ref)
	if err != nil {
		problem := err.Error()
		if e, ok := err.(*tree.Error); ok { //nolint:errorlint // the place is known, of wrapped ones too
			problem = e.Problem
		}
		c.wrong(ref, "reference", "%s", problem)
		return
	}
	path := c.Path(ref)
	if path != nil {
		if found := c.Grammar.at(c.root, path); found != nil && found != v.object {
			c.wrong(ref, "reference-kind", "the reference leads to %s object, where %s object must stand", a(spaced(found.name)), a(spaced(v.object.name)))
			return
		}
	}
	if key := (visit{target, v.object}); !c.seen[key] && !c.noted[key] {
		c.noted[key] = true
		c.waiting = append(c.waiting, step{target, v, path, path == nil})
	}
}

// at is the object that the grammar has at a path, nil where it doesn't say.
func (g *Grammar) at(root string, path []string) *object {
	v := &value{what: isObject, object: g.objects[root]}
	for _, step := range path {
		for v != nil && v.of == nil && v.object == nil {
			v = v.or
		}
		switch {
		case v == nil:
			return nil
		case v.of != nil:
			v = v.of
		default:
			v = v.object.field(step)
		}
	}
	for ; v != nil; v = v.or {
		if v.object != nil && v.what != isPointer {
			return v.object
		}
	}
	return nil
}

// field is what an object's field of a name takes, nil for an unknown one.
func (o *object) field(name string) *value {
	if f := o.fields[name]; f != nil {
		return f.value
	}
	for _, p := range o.pattern {
		if p.name.MatchString(name) {
			return p.value
		}
	}
	if o.extensions && strings.HasPrefix(name, "x-") {
		return anything
	}
	return o.rest
}

var anything = &value{what: isAny}
