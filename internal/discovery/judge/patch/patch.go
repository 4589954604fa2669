// Package patch writes drift into the source of a description: what traffic has and
// the description lacks is added at its place, in its form and indentation, and
// nothing else is touched. It edits RAML 1.0 and 0.8 and OpenAPI 2.0 to 3.1, in all
// files that they consist of. What needs somebody to decide, or stands in a form
// that is not edited, is told instead.
package patch

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// MaxChanges is how many differences one patch writes.
const MaxChanges = 1000

// Result is a patch of one description.
type Result struct {
	// Done are the differences that the patch writes, Skipped the others.
	Done    []Change `json:"done"`
	Skipped []Change `json:"skipped"`
	// Edits are the changes to the files as they are, Diff the same as a unified diff.
	Edits []finding.Edit `json:"edits"`
	Diff  string         `json:"diff"`
	// Files are the changed files as they become, by name.
	Files map[string][]byte `json:"-"`
}

// Change is one difference between traffic and the description.
type Change struct {
	discovery.Key
	// Kind is that of the drift, or shadow for a whole operation; Place is as in drift.
	Kind  string `json:"kind"`
	Place string `json:"place,omitempty"`
	// Why says why it was not written; empty where it was.
	Why string `json:"why,omitempty"`
}

// task is one difference with all that is needed to write it.
type task struct {
	Change
	judged *judge.Judged
	drift  int
	// path is the path of a shadow below the base path.
	path string
}

// writer edits the sources of one description.
type writer struct {
	judgement   *judge.Judgement
	description int
	doc         *spec.Document
	files       map[string]*file
	// raml is 1 for RAML 1.0, 0 for 0.8, and -1 for OpenAPI.
	raml int
	step int
	key  func(string) string
}

// Of writes a patch for one of the judged descriptions: its drift, and the shadow
// operations that are below its base paths.
func Of(j *judge.Judgement, description int) (*Result, error) {
	d := j.Description(description)
	if d == nil || d.Document == nil || d.Document.Root == nil || d.Document.Project == nil {
		return nil, fmt.Errorf("there is no source of description %d that could be edited", description)
	}
	w := &writer{judgement: j, description: description, doc: d.Document, raml: -1, key: openAPIKey}
	switch d.Document.Language {
	case spec.RAML10:
		w.raml, w.key = 1, key
	case spec.RAML08:
		w.raml, w.key = 0, key
	case spec.OpenAPI20, spec.OpenAPI30, spec.OpenAPI31:
	case spec.AsyncAPI2, spec.WSDL11, spec.GraphQL:
		return nil, fmt.Errorf("descriptions in %s are not edited", d.Document.Language)
	}
	tasks := w.tasks()
	r := w.write(tasks, false)
	if len(r.Files) > 0 && !w.valid(r.Files) {
		// Something of it breaks the description: one by one, so that the rest is kept.
		r = w.write(tasks, true)
	}
	return r, nil
}

// tasks are what there is to write, shadows last.
func (w *writer) tasks() []*task {
	var all, shadows []*task
	for i := range w.judgement.Operations {
		o := &w.judgement.Operations[i]
		if o.Described != nil && o.Described.Description == w.description {
			for k := range o.Drift {
				d := &o.Drift[k]
				all = append(all, &task{Change: Change{Key: d.Key, Kind: d.Kind, Place: d.Place}, judged: o, drift: k})
			}
		}
		if path, ok := w.owns(o); ok {
			shadows = append(shadows, &task{Change: Change{Key: o.Operation.Key, Kind: "shadow"}, judged: o, drift: -1, path: path})
		}
	}
	return append(all, shadows...)
}

// owns says whether a shadow belongs to the description, and gives its path there.
func (w *writer) owns(o *judge.Judged) (path string, ok bool) {
	op, d := o.Operation, w.judgement.Description(w.description)
	if !o.Is(discovery.Shadow) || op.Name != "" || op.Protocol != discovery.REST && op.Protocol != "" {
		return "", false
	}
	if op.API != "" && d.API != "" && op.API != d.API || d.Host != "" && op.Host != "*" && op.Host != d.Host {
		return "", false
	}
	same := op.API != "" && op.API == d.API
	bases := w.judgement.Bases(w.description)
	if same && len(d.BasePaths) == 0 {
		bases = append([]string{strings.TrimSuffix(op.BasePath, "/")}, bases...)
	}
	best := -1
	for _, base := range bases {
		rest, found := strings.CutPrefix(op.Path, base)
		if !found || rest != "" && rest[0] != '/' || len(base) <= best || base == "" && !same && w.judgement.Description(1) != nil {
			continue
		}
		if path, ok, best = rest, true, len(base); path == "" {
			path = "/"
		}
	}
	return path, ok
}

// write makes the changes. careful asks after each whether the description is still valid.
func (w *writer) write(tasks []*task, careful bool) *Result {
	w.files, w.step = map[string]*file{}, 0
	r := &Result{Files: map[string][]byte{}}
	written := map[string]bool{}
	for n, t := range tasks {
		c := t.Change
		if n >= MaxChanges {
			c.Why = fmt.Sprintf("one patch writes at most %d differences", MaxChanges)
			r.Skipped = append(r.Skipped, c)
			continue
		}
		kept := map[string][]line{}
		for name, f := range w.files {
			kept[name] = f.clone()
		}
		err := w.apply(t, written)
		if err == nil && careful && !w.valid(w.changed()) {
			err = fmt.Errorf("the description would not be valid with it")
		}
		if err != nil {
			for name, f := range w.files {
				if lines, ok := kept[name]; ok {
					f.lines = lines
				} else {
					delete(w.files, name)
				}
			}
			c.Why = err.Error()
			r.Skipped = append(r.Skipped, c)
			continue
		}
		r.Done = append(r.Done, c)
	}
	r.Files = w.changed()
	var diff strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		w.files[name].diff(&diff)
		r.Edits = append(r.Edits, w.files[name].edits()...)
	}
	r.Diff = diff.String()
	return r
}

func (w *writer) changed() map[string][]byte {
	all := map[string][]byte{}
	for name, f := range w.files {
		if text := f.text(); !bytes.Equal(text, f.was) {
			all[name] = text
		}
	}
	return all
}

// valid reads the description with the changed files.
func (w *writer) valid(changed map[string][]byte) bool {
	doc, err := Read(w.doc, changed)
	return err == nil && doc.Valid() && doc.Description != nil
}

// Read reads a description again with changed files in the place of its own.
func Read(doc *spec.Document, changed map[string][]byte) (*spec.Document, error) {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, name := range slices.Sorted(slices.Values(doc.Project.Files())) {
		text, ok := changed[name]
		if !ok {
			src, err := doc.Project.Source(name)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", name, err)
			}
			text = src.Text
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			return nil, fmt.Errorf("copying %s: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("copying the description: %w", err)
	}
	p, err := spec.OpenZip(archive.Bytes(), spec.ProjectLimits{})
	if err != nil {
		return nil, fmt.Errorf("reading the patched description: %w", err)
	}
	return languages.Read(p, doc.File), nil
}

// file is a file of the description that may be edited.
func (w *writer) file(name string) (*document, error) {
	if name == "" {
		name = w.doc.File
	}
	if w.files[name] == nil {
		src, err := w.doc.Project.Source(name)
		if err != nil {
			return nil, fmt.Errorf("%s can't be read", name)
		}
		w.files[name] = newFile(&tree.Source{Name: name, Text: src.Text})
	}
	if w.step == 0 {
		w.step = stepOf(w.files[name])
	}
	return &document{file: w.files[name]}, nil
}

// stepOf is how far the source indents.
func stepOf(f *file) int {
	for _, l := range f.lines {
		if n := indentOf(l.text); n > 0 && n <= 8 && !strings.HasPrefix(strings.TrimLeft(l.text, " "), "#") {
			return n
		}
	}
	return 2
}

// decisions are the kinds that somebody has to decide.
func decisions() map[string]string {
	return map[string]string{
		judge.ParameterUnused:       "whether to take it out is for its owner to decide",
		judge.FieldUnused:           "whether to take it out is for its owner to decide",
		judge.StatusUnused:          "whether to take it out is for its owner to decide",
		judge.TypeDiffers:           "either the callers or the description are wrong",
		judge.RequiredMissing:       "either the callers or the description are wrong",
		judge.EnumDiffers:           "the values are not known here: only their number is kept",
		judge.AuthenticationDiffers: "what callers must prove is for its owner to decide",
		judge.VersionUndocumented:   "a version may be a description of its own",
	}
}

// apply makes one change.
func (w *writer) apply(t *task, written map[string]bool) error {
	if why := decisions()[t.Kind]; why != "" {
		return fmt.Errorf("%s", why)
	}
	if t.Kind == "shadow" {
		return w.operation(t)
	}
	key := t.Kind + " " + t.Place + "\x00" + t.judged.Described.Path + "\x00" + t.judged.Described.Method
	if n := t.judged.Node(t.drift); t.Kind == judge.FieldUndocumented && n != nil {
		// Several operations may share a type: it gets a field once.
		key = fmt.Sprintf("%s:%d:%d %p %s", n.File(), n.Line, n.Column, n.Source, t.Place[strings.LastIndexByte(t.Place, '/'):])
	}
	if written[key] {
		return nil
	}
	if err := w.drift(t); err != nil {
		return err
	}
	written[key] = true
	return nil
}

func (w *writer) drift(t *task) error {
	switch t.Kind {
	case judge.FieldUndocumented:
		return w.field(t)
	case judge.ParameterUndocumented:
		return w.parameter(t)
	case judge.StatusUndocumented:
		return w.status(t)
	case judge.MediaUndocumented:
		return w.media(t)
	}
	return fmt.Errorf("drift of the kind %s is not written", t.Kind)
}
