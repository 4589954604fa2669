package taint

import (
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// maxContractDepth is how many levels of a body are looked into.
const maxContractDepth = 4

// contract is what APIkit checked of a request before it called a flow.
type contract struct {
	// path, query and header are the kinds that a declared parameter is harmless
	// for, by its name, headers in lower case.
	path, query, header map[string]Kind
	// body is what is known of a JSON body.
	body *shape
	// strictQuery and strictHeader say that nothing undeclared comes through.
	strictQuery, strictHeader bool
}

// shape is what a schema says of a value.
type shape struct {
	clean  Kind
	fields map[string]*shape
	items  *shape
}

// contracts reads the descriptions of a project, each once.
type contracts struct {
	project *mule.Project
	read    map[string]*spec.Description
}

// of is the contract of the operation that a flow implements, nil where nothing
// is enforced.
func (c *contracts) of(config *document.Element, op *mule.Operation) *contract {
	if config == nil || op == nil || config.Value("disableValidations") == "true" {
		return nil
	}
	d := c.description(config)
	if d == nil {
		return nil
	}
	for i := range d.Operations {
		o := &d.Operations[i]
		if strings.EqualFold(o.Method, op.Method) && sameTemplate(o.Path, op.Path) {
			out := enforced(d, o, op.MediaType)
			out.strictQuery = config.Value("queryParamsStrictValidation") == "true"
			out.strictHeader = config.Value("headersStrictValidation") == "true"
			return out
		}
	}
	return nil
}

func (c *contracts) description(config *document.Element) *spec.Description {
	for _, api := range c.project.APIs {
		if api.Config != config || api.File == "" {
			continue
		}
		if d, ok := c.read[api.File]; ok {
			return d
		}
		if c.read == nil {
			c.read = map[string]*spec.Description{}
		}
		c.read[api.File] = nil
		dir, main := apiFolder(api.File)
		doc := languages.Read(spec.NewProject(fileTree{c.project.Files, dir}, spec.ProjectLimits{}), main)
		if doc != nil && doc.Description != nil {
			c.read[api.File] = doc.Description
		}
		return c.read[api.File]
	}
	return nil
}

// apiFolder is the folder that a description's references begin in, and the name
// of its main file there.
func apiFolder(name string) (dir, main string) {
	if i := strings.Index(name, "/api/"); i >= 0 {
		return name[:i+len("/api")], name[i+len("/api/"):]
	}
	return path.Dir(name), path.Base(name)
}

// sameTemplate compares the paths of two operations whose parameters may be
// written (id) or {id}.
func sameTemplate(a, b string) bool { return plainTemplate(a) == plainTemplate(b) }

var templateSigns = strings.NewReplacer(`\`, "/", "(", "{", ")", "}")

func plainTemplate(p string) string {
	return "/" + strings.Trim(templateSigns.Replace(p), "/")
}

// templateNames are the names of the parameters in a path.
func templateNames(p string) []string {
	var names []string
	for _, part := range strings.Split(plainTemplate(p), "{")[1:] {
		if name, _, ok := strings.Cut(part, "}"); ok && name != "" {
			names = append(names, strings.TrimPrefix(name, "+"))
		}
	}
	return names
}

func enforced(d *spec.Description, o *spec.Operation, media string) *contract {
	out := &contract{path: map[string]Kind{}, query: map[string]Kind{}, header: map[string]Kind{}}
	for i := range o.Parameters {
		p := &o.Parameters[i]
		s := shapeOf(d.Definitions, d.Definitions[p.Schema.Name], 1)
		clean := s.clean
		if s.items != nil {
			clean = s.items.clean
		}
		switch p.In {
		case spec.InPath:
			out.path[p.Name] = clean
		case spec.InQuery:
			out.query[p.Name] = clean
		case spec.InHeader:
			out.header[strings.ToLower(p.Name)] = clean
		case spec.InCookie:
		}
	}
	if o.Body == nil {
		return out
	}
	for i := range o.Body.Content {
		m := &o.Body.Content[i]
		if !strings.Contains(m.Range, "json") || media != "" && !strings.Contains(media, "json") {
			continue
		}
		if out.body = shapeOf(d.Definitions, d.Definitions[m.Schema.Name], maxContractDepth); len(o.Body.Content) > 1 && media == "" {
			out.body = nil // another form of the body is not checked by this schema
		}
	}
	return out
}

// shapeOf reads what a schema says; of alternatives only what holds for all.
func shapeOf(defs spec.Definitions, schema any, depth int) *shape {
	m := defs.Follow(schema)
	s := &shape{}
	if m == nil || depth < 0 {
		return s
	}
	s.clean = scalarClean(m)
	for _, part := range list(m["allOf"]) {
		s.add(shapeOf(defs, part, depth-1))
	}
	for _, word := range [...]string{"anyOf", "oneOf"} {
		if parts := list(m[word]); len(parts) > 0 {
			s.clean |= commonClean(defs, parts, depth-1)
		}
	}
	properties, _ := m["properties"].(map[string]any)
	for name, p := range properties {
		if s.fields == nil {
			s.fields = map[string]*shape{}
		}
		s.fields[name] = shapeOf(defs, p, depth-1)
	}
	if items, ok := m["items"]; ok {
		s.items = shapeOf(defs, items, depth-1)
	}
	return s
}

func (s *shape) add(o *shape) {
	s.clean |= o.clean
	for name, f := range o.fields {
		if s.fields == nil {
			s.fields = map[string]*shape{}
		}
		if s.fields[name] == nil {
			s.fields[name] = f
		}
	}
	if s.items == nil {
		s.items = o.items
	}
}

func commonClean(defs spec.Definitions, parts []any, depth int) Kind {
	common := EveryKind
	for _, part := range parts {
		m := defs.Follow(part)
		if m["type"] == "null" {
			continue
		}
		common &= shapeOf(defs, part, depth).clean
	}
	return common
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// scalarClean is what a schema of a single value makes harmless.
func scalarClean(m map[string]any) Kind {
	if _, ok := m["const"]; ok {
		return EveryKind
	}
	if values := list(m["enum"]); len(values) > 0 {
		return EveryKind
	}
	var clean Kind
	switch t := m["type"].(type) {
	case string:
		clean = typeClean(t, m)
	case []any:
		clean = EveryKind
		for _, one := range t {
			if name, _ := one.(string); name != "null" {
				clean &= typeClean(name, m)
			}
		}
	}
	return clean
}

func typeClean(name string, m map[string]any) Kind {
	switch name {
	case "integer", "number":
		if hasNumber(m, "maximum") || hasNumber(m, "exclusiveMaximum") {
			return EveryKind
		}
		return EveryKind &^ Size
	case "boolean":
		return EveryKind
	case "string":
		switch m["format"] {
		case "date", "date-time", "time", "date-only", "time-only", "datetime-only", "datetime":
			return EveryKind
		}
		if pattern, _ := m["pattern"].(string); pattern != "" {
			return cleanByPattern(pattern)
		}
	}
	return 0
}

func hasNumber(m map[string]any, name string) bool {
	switch m[name].(type) {
	case json.Number, float64, int:
		return true
	}
	return false
}

// fileTree shows the files of a project below a folder as a file system.
type fileTree struct {
	files map[string]*mule.File
	dir   string
}

// Open opens a file by its name below the folder.
func (t fileTree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	full := path.Join(t.dir, name)
	if f := t.files[full]; f != nil {
		return &openFile{name: path.Base(name), text: f.Text}, nil
	}
	var entries []fs.DirEntry
	prefix := full + "/"
	seen := map[string]bool{}
	for have := range t.files {
		rest, ok := strings.CutPrefix(have, prefix)
		if !ok {
			continue
		}
		first, _, below := strings.Cut(rest, "/")
		if !seen[first] {
			seen[first] = true
			entries = append(entries, fs.FileInfoToDirEntry(&openFile{name: first, folder: below, text: t.files[have].Text}))
		}
	}
	if len(entries) == 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return &openFile{name: path.Base(name), folder: true, entries: entries}, nil
}

// openFile is an open file, and what is told of it.
type openFile struct {
	name    string
	folder  bool
	text    []byte
	at      int
	entries []fs.DirEntry
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *openFile) Close() error               { return nil }
func (f *openFile) Name() string               { return f.name }
func (f *openFile) Size() int64                { return int64(len(f.text)) }
func (f *openFile) ModTime() time.Time         { return time.Time{} }
func (f *openFile) IsDir() bool                { return f.folder }
func (f *openFile) Sys() any                   { return nil }

func (f *openFile) Mode() fs.FileMode {
	if f.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

func (f *openFile) Read(b []byte) (int, error) {
	if f.at >= len(f.text) {
		return 0, io.EOF
	}
	n := copy(b, f.text[f.at:])
	f.at += n
	return n, nil
}

func (f *openFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		all := f.entries
		f.entries = nil
		return all, nil
	}
	if len(f.entries) == 0 {
		return nil, io.EOF
	}
	k := min(n, len(f.entries))
	out := f.entries[:k]
	f.entries = f.entries[k:]
	return out, nil
}
