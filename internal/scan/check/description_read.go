package check

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// The bounds of a description that is held against flows.
const (
	maxDescriptionFiles = 500
	maxDescriptionBytes = 8 << 20
)

// readDescription reads the description whose main file is given, of RAML or
// OpenAPI; nil for others.
func readDescription(p *mule.Project, main string) *spec.Document {
	root := path.Dir(main)
	if at := strings.Index(main, "/api/"); at >= 0 {
		root = main[:at+len("/api")]
	}
	files := projectFiles{files: p.Files, root: root}
	limits := spec.ProjectLimits{Files: maxDescriptionFiles, Bytes: maxDescriptionBytes, Document: tree.Options{MaxBytes: maxDescriptionBytes}}
	doc := languages.Read(spec.NewProject(files, limits), strings.TrimPrefix(main, root+"/"))
	switch doc.Language {
	case spec.RAML08, spec.RAML10, spec.OpenAPI20, spec.OpenAPI30, spec.OpenAPI31:
		return doc
	case spec.AsyncAPI2, spec.WSDL11, spec.GraphQL:
	}
	return nil
}

// projectFiles are the files of a project below a folder, as a file system without
// folders.
type projectFiles struct {
	files map[string]*mule.File
	root  string
}

// Open opens a file by its name below the folder.
func (p projectFiles) Open(name string) (fs.File, error) {
	f := p.files[path.Join(p.root, name)]
	if !fs.ValidPath(name) || f == nil || f.Text == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &openFile{bytes.NewReader(f.Text), f}, nil
}

// openFile is a file of a project that is being read, and what is known of it.
type openFile struct {
	*bytes.Reader
	file *mule.File
}

func (o *openFile) Close() error               { return nil }
func (o *openFile) Stat() (fs.FileInfo, error) { return o, nil }
func (o *openFile) Name() string               { return path.Base(o.file.Name) }
func (o *openFile) Size() int64                { return int64(len(o.file.Text)) }
func (o *openFile) Mode() fs.FileMode          { return 0o444 }
func (o *openFile) ModTime() time.Time         { return time.Time{} }
func (o *openFile) IsDir() bool                { return false }
func (o *openFile) Sys() any                   { return nil }

// outputOf is the media type that the script in an element writes, empty where it
// says none or it is no text.
func (s *survey) outputOf(flow *mule.Flow, e *document.Element) string {
	code := s.Project.Script(flow.File, e)
	if code == nil || code.Tree == nil {
		return ""
	}
	for _, d := range code.Tree.Directives {
		if f, ok := d.(*syntax.Format); ok && f.Output {
			media := strings.ToLower(f.MIME)
			if !strings.Contains(media, "/") || media == "application/java" || media == "application/dw" || media == "*/*" {
				return ""
			}
			return media
		}
	}
	return ""
}

// unconstrainedString joins what data reaches with what the contract says of it.
func unconstrainedString(c *Context) {
	if c.Taint == nil {
		return
	}
	const harmful = taint.SQL | taint.SOQL | taint.NoSQL | taint.LDAP | taint.XPath | taint.XSLT | taint.Command | taint.Code |
		taint.ClassName | taint.URL | taint.URLPath | taint.FilePath
	s := surveyOf(c)
	var all []*described
	told := map[string]bool{}
	for i := range c.Taint.Hits {
		hit := &c.Taint.Hits[i]
		if hit.Source == nil || hit.Source.Label&taint.Client == 0 || hit.Sink.Kind&harmful == 0 {
			continue
		}
		if all == nil {
			if all = s.describedAPIs(); len(all) == 0 {
				return
			}
		}
		for _, d := range all {
			o := d.of(operationFlow(hit))
			if o == nil || d.config.Value("disableValidations") == "true" {
				continue
			}
			p := parameterOf(o, hit.Source.What)
			if p == nil || !unconstrained(d.Description.Definitions, p.Schema) {
				continue
			}
			key := o.Method + " " + o.Path + " " + string(p.In) + " " + p.Name
			if !told[key] {
				told[key] = true
				c.Report(Report{Place: s.describedAt(d, o, p), Detail: key, Way: hit.Way, Message: key + " may be any text, and reaches " + reached(hit)})
			}
		}
	}
}

func reached(hit *taint.Hit) string {
	if e := hit.At.Element; e != nil {
		return titled(e)
	}
	return "a dangerous place"
}

// operationFlow is the flow of an operation that the way of data passes.
func operationFlow(hit *taint.Hit) *mule.Flow {
	if f := hit.Source.At.Flow; f != nil && f.Operation != nil {
		return f
	}
	for i := range hit.Way {
		if f := hit.Way[i].At.Flow; f != nil && f.Operation != nil {
			return f
		}
	}
	if f := hit.At.Flow; f != nil && f.Operation != nil {
		return f
	}
	if hit.Entry != nil && hit.Entry.Operation != nil {
		return hit.Entry
	}
	return nil
}

// parameterOf is the parameter that a part of the event is, as
// "attributes.queryParams.name"; nil for others.
func parameterOf(o *spec.Operation, what string) *spec.Parameter {
	places := map[string]spec.Place{"queryParams": spec.InQuery, "uriParams": spec.InPath, "headers": spec.InHeader}
	rest, ok := strings.CutPrefix(what, "attributes.")
	kind, name, named := strings.Cut(rest, ".")
	if !ok || !named {
		return nil
	}
	name = strings.Trim(name, `'"`)
	for i := range o.Parameters {
		if p := &o.Parameters[i]; p.In == places[kind] && (p.Name == name || p.In == spec.InHeader && strings.EqualFold(p.Name, name)) {
			return p
		}
	}
	return nil
}

// unconstrained says whether a schema lets any characters through.
func unconstrained(all spec.Definitions, schema spec.Schema) bool {
	if !schema.Described() {
		return true
	}
	m := all.Follow(all[schema.Name])
	if kind, ok := m["type"].(string); m == nil || ok && kind != "string" {
		return false
	}
	for _, keyword := range [...]string{"enum", "const", "format", "allOf", "anyOf", "oneOf", "items"} {
		if m[keyword] != nil {
			return false
		}
	}
	pattern, _ := m["pattern"].(string)
	return !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$")
}

// describedAt is where a description has a parameter, or its operation.
func (s *survey) describedAt(d *described, o *spec.Operation, p *spec.Parameter) taint.Place {
	file := s.Project.Files[d.api.File]
	line := p.Line
	if line == 0 || path.Base(o.File) != path.Base(d.api.File) {
		line = o.Line
	}
	if file == nil || path.Base(o.File) != path.Base(d.api.File) {
		return taint.Place{File: file}
	}
	start := 0
	for range line - 1 {
		next := bytes.IndexByte(file.Text[start:], '\n')
		if next < 0 {
			break
		}
		start += next + 1
	}
	end := len(file.Text)
	if next := bytes.IndexByte(file.Text[start:], '\n'); next >= 0 {
		end = start + next
	}
	for start < end && file.Text[start] == ' ' {
		start++
	}
	return taint.Place{File: file, Span: document.Span{Start: start, End: end}}
}
