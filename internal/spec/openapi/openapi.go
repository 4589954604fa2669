// Package openapi reads descriptions in OpenAPI 3.0 and 3.1, JSON or YAML, into
// the model of the room. A description is one document: references to anything
// outside it are refused. It reads what a request and its answer are held
// against, and is no linter: what it does not need it does not judge.
package openapi

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// MaxSize is the length in bytes of the longest description that is read.
const MaxSize = 4 << 20

// Error is what is wrong with a description, and where.
type Error struct {
	// Line is counted from 1; 0 where the whole document is meant.
	Line int
	// Problem says what is wrong and how to mend it.
	Problem string
}

// Error gives line and problem.
func (e *Error) Error() string {
	if e.Line == 0 {
		return "OpenAPI: " + e.Problem
	}
	return fmt.Sprintf("OpenAPI: line %d: %s", e.Line, e.Problem)
}

func wrong(n *node, format string, args ...any) error {
	line := 0
	if n != nil {
		line = n.line
	}
	return &Error{line, fmt.Sprintf(format, args...)}
}

// Parse reads a description in JSON or YAML. Errors are of type *Error.
func Parse(text []byte) (*spec.Description, error) {
	if len(text) > MaxSize {
		return nil, wrong(nil, "the description is longer than %d bytes", MaxSize)
	}
	root, err := readTree(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if err != nil {
		return nil, err
	}
	r := &reader{root: root, names: map[*node]string{}, out: &spec.Description{Definitions: spec.Definitions{}}}
	if err := r.document(); err != nil {
		return nil, err
	}
	return r.out, nil
}

// reader reads one tree into the model.
type reader struct {
	root *node
	// nullable tells OpenAPI 3.0, whose schemas differ from JSON Schema.
	nullable bool
	out      *spec.Description
	// names are the definitions made or to be made of nodes; waiting are those to
	// be made.
	names   map[*node]string
	waiting []*node
}

func (r *reader) document() error {
	if r.root.kind != object {
		return wrong(r.root, "must be an object with the field openapi")
	}
	version := r.root.get("openapi")
	switch {
	case version == nil && r.root.get("swagger") != nil:
		return wrong(r.root.get("swagger"), "this is Swagger 2.0; convert it to OpenAPI 3.0 or 3.1")
	case version == nil || version.kind != text:
		return wrong(r.root, "the field openapi is missing; it must be 3.0.x or 3.1.x")
	case strings.HasPrefix(version.text, "3.0."):
		r.nullable = true
	case !strings.HasPrefix(version.text, "3.1."):
		return wrong(version, "version %.20q is not read; it must be 3.0.x or 3.1.x", version.text)
	}
	if dialect := r.root.get("jsonSchemaDialect"); dialect != nil && !knownDialect(dialect.text) {
		return wrong(dialect, "only JSON Schema 2020-12 is read")
	}
	info := r.root.get("info")
	r.out.Title, r.out.Version = info.get("title").string(), info.get("version").string()
	if err := r.servers(); err != nil {
		return err
	}
	if err := r.credentials(); err != nil {
		return err
	}
	if err := r.paths(); err != nil {
		return err
	}
	if len(r.out.Operations) == 0 {
		return wrong(r.root, "it describes no operation")
	}
	if _, err := spec.NewMatcher(r.out.Operations); err != nil {
		return wrong(r.root.get("paths"), "%v", err)
	}
	return r.definitions()
}

func knownDialect(name string) bool {
	return name == "https://json-schema.org/draft/2020-12/schema" || strings.HasPrefix(name, "https://spec.openapis.org/oas/3.1/dialect/")
}

// servers reads the paths of the servers; variables have their defaults.
func (r *reader) servers() error {
	servers := r.root.get("servers")
	if servers != nil && servers.kind != array {
		return wrong(servers, "servers must be a list")
	}
	for _, s := range servers.list() {
		address := s.get("url").string()
		for _, m := range s.get("variables").members() {
			address = strings.ReplaceAll(address, "{"+m.name+"}", m.value.get("default").string())
		}
		u, err := url.Parse(address)
		if err != nil {
			return wrong(s, "the url of the server is malformed")
		}
		base := strings.TrimSuffix(u.EscapedPath(), "/")
		if base != "" && base[0] != '/' {
			base = "/" + base
		}
		r.out.BasePaths = append(r.out.BasePaths, base)
	}
	return nil
}

func (r *reader) credentials() error {
	for _, m := range r.root.get("components").get("securitySchemes").members() {
		scheme, err := r.resolve(m.value)
		if err != nil {
			return err
		}
		if scheme.get("type").string() == "apiKey" {
			r.out.Credentials = append(r.out.Credentials, spec.Credential{
				Name: scheme.get("name").string(), In: spec.Place(scheme.get("in").string()),
			})
		}
	}
	return nil
}

// resolve follows references inside the document.
func (r *reader) resolve(n *node) (*node, error) {
	for range maxChain {
		ref := n.get("$ref")
		if ref == nil {
			return n, nil
		}
		target, err := r.target(ref)
		if err != nil {
			return nil, err
		}
		n = target
	}
	return nil, wrong(n, "more than %d references lead to one another", maxChain)
}

const maxChain = 32

// target finds what a reference names.
func (r *reader) target(ref *node) (*node, error) {
	if ref.kind != text {
		return nil, wrong(ref, "$ref must be a text")
	}
	pointer, ok := strings.CutPrefix(ref.text, "#")
	switch {
	case !ok:
		return nil, wrong(ref, "the reference leads out of the document; bundle the description into one file")
	case pointer != "" && pointer[0] != '/':
		return nil, wrong(ref, "references to anchors are not read; write a JSON pointer, as #/components/schemas/NAME")
	}
	pointer, err := url.PathUnescape(pointer)
	if err != nil {
		return nil, wrong(ref, "the reference is malformed")
	}
	at := r.root
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if at = at.step(strings.NewReplacer("~1", "/", "~0", "~").Replace(step)); at == nil {
			return nil, wrong(ref, "the reference leads nowhere in the document")
		}
	}
	return at, nil
}
