// Package fieldpath finds fields of a message's content by paths and rewrites
// them in place: in JSON, XML and form bodies alike, under limits, leaving every
// byte as it was that no edit touches. It does not know what is done with a
// field: masking, tokens and encryption are the business of policies.
package fieldpath

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/traffic"
)

// Format is a format of content that fields can be found in.
type Format uint8

// The formats.
const (
	// None is any other.
	None Format = iota
	// JSON is RFC 8259.
	JSON
	// XML is XML 1.0 without document type declarations.
	XML
	// Form is application/x-www-form-urlencoded.
	Form
)

// FormatOf is the format that a Content-Type names.
func FormatOf(contentType string) Format {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return None
	}
	switch {
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return JSON
	case media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml"):
		return XML
	case media == "application/x-www-form-urlencoded":
		return Form
	}
	return None
}

// Kind is the kind of a value.
type Kind uint8

// The kinds of values.
const (
	// Text is a JSON string, the text of an XML element without children, an
	// attribute or a parameter of a form.
	Text Kind = iota + 1
	// Number is a JSON number.
	Number
	// Bool is JSON's true or false.
	Bool
	// Null is JSON's null.
	Null
	// Container is a JSON object or array, or an XML element with children.
	Container
)

// Value is a field as it is found. Its memory is lent until the visitor returns.
type Value struct {
	// Path is the index of the path that leads to it, -1 for none.
	Path int
	// Kind is what it is, Format where it stands.
	Kind   Kind
	Format Format
	// Inside says that it lies in a container that the path leads to.
	Inside bool
	// Attribute says that it is an attribute of XML.
	Attribute bool
	// Text is the decoded text; of numbers and truth values the spelling, of
	// containers and null nothing.
	Text string
	// Raw is a JSON value or the content of an XML element as it stands; of
	// attributes and parameters nil.
	Raw []byte
}

// Action is what is to be done with a value.
type Action uint8

// The actions.
const (
	// Keep leaves the value as it is.
	Keep Action = iota
	// SetText puts a text there: a JSON string, an XML text, a parameter.
	SetText
	// SetRaw puts JSON, or the content of an XML element, there as it is written.
	// It must be well-formed.
	SetRaw
	// SetNull puts null there; in XML and forms, nothing.
	SetNull
	// Remove takes the member, item, element, attribute or parameter out. The
	// root becomes null or empty instead.
	Remove
	// Descend visits all values inside a container, one by one.
	Descend
)

// Edit is what a visitor answers.
type Edit struct {
	Do   Action
	Text string // for SetText
	Raw  []byte // for SetRaw
}

// Visitor decides on one value. An error ends the rewriting and is returned as
// it is.
type Visitor func(v Value) (Edit, error)

// Options bound and widen a rewriting.
type Options struct {
	// All visits also the values that no path leads to, one by one.
	All bool
	// MaxValues is how many values paths may lead to; more are an
	// *encoding.LimitError of that name.
	MaxValues int
}

// Reasons for not rewriting.
var (
	// ErrContentType reports content that is neither JSON, nor XML, nor a form.
	ErrContentType = errors.New("the content is neither JSON, nor XML, nor a form")
	// ErrReplacement reports an edit that can not stand where it is to stand.
	ErrReplacement = errors.New("a field can not be replaced by what was made of it")
)

// maxDepth is how deep documents may be nested.
const maxDepth = 300

// Rewrite visits the fields of a document and returns it with the edits, and how
// many fields were changed. Where none is, that is body itself. Syntax errors are
// *encoding.SyntaxError; what was visited before one is of no meaning.
func (s *Set) Rewrite(format Format, body []byte, o Options, visit Visitor) (out []byte, changed int, err error) {
	w := &work{marks: marks{set: s}, doc: body, options: o, left: o.MaxValues, visit: visit, fixed: -1, format: format}
	switch format {
	case JSON:
		err = w.json()
	case XML:
		err = w.xml()
	case Form:
		err = w.form()
	case None:
		err = ErrContentType
	}
	if err != nil {
		return nil, 0, err
	}
	return w.result(), w.changed, nil
}

// work is one rewriting.
type work struct {
	marks
	doc     []byte
	format  Format
	options Options
	visit   Visitor
	edits   []edit
	changed int
	left    int
	// fixed is the path whose container this document is, -1 for a document of
	// its own.
	fixed int
}

// edit replaces a part of the document.
type edit struct {
	from, to int
	text     []byte
}

func (w *work) result() []byte {
	if len(w.edits) == 0 {
		return w.doc
	}
	// Removals are known only when what follows has been read.
	slices.SortStableFunc(w.edits, func(a, b edit) int { return a.from - b.from })
	size := len(w.doc)
	for _, e := range w.edits {
		size += len(e.text)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range w.edits {
		if e.from < at { // an attribute of an element that is taken out
			continue
		}
		out = append(append(out, w.doc[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, w.doc[at:]...)
}

func (w *work) replace(from, to int, text []byte) {
	w.edits = append(w.edits, edit{from, to, text})
	w.changed++
}

// ask calls the visitor, within the limit.
func (w *work) ask(v Value) (Edit, error) {
	v.Format = w.format
	if v.Inside = w.fixed >= 0; v.Inside {
		v.Path = w.fixed
	}
	if v.Path >= 0 {
		if w.left--; w.left < 0 {
			return Edit{}, &encoding.LimitError{Format: "fields", Limit: "MaxValues", Max: w.options.MaxValues}
		}
	}
	return w.visit(v)
}

// within is the work on a container of this document, which the path leads to.
func (w *work) within(doc []byte, path int) *work {
	return &work{doc: doc, format: w.format, options: w.options, left: w.left, visit: w.visit, fixed: path, marks: marks{set: &Set{}}}
}

// Side is the header and the body of one side of an exchange.
func Side(x *traffic.Exchange, response bool) (*traffic.Header, *traffic.Body) {
	if response {
		return &x.Response.Header, &x.Response.Body
	}
	return &x.Request.Header, &x.Request.Body
}

// Apply rewrites a loaded body in place and says how many fields were changed.
// An empty body is left alone.
func (s *Set) Apply(h *traffic.Header, b *traffic.Body, o Options, visit Visitor) (changed int, err error) {
	if len(b.Bytes()) == 0 {
		return 0, nil
	}
	out, changed, err := s.Rewrite(FormatOf(h.Joined("content-type")), b.Bytes(), o, visit)
	if err != nil || changed == 0 {
		return 0, err
	}
	if err := b.Replace(out); err != nil {
		return 0, fmt.Errorf("replacing the body: %w", err)
	}
	// What tells of the old body is wrong of the new one.
	for _, name := range [...]string{"content-encoding", "content-md5", "digest", "content-digest", "repr-digest", "etag", "accept-ranges"} {
		h.Del(name)
	}
	if h.Has("content-length") {
		h.Set("content-length", strconv.Itoa(len(out)))
	}
	return changed, nil
}
