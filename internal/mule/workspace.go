package mule

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Workspace is the projects that were found. It holds their names, not their
// files, and is safe for concurrent use.
type Workspace struct {
	limits   Limits
	opened   []io.Closer
	found    []*place
	problems []Problem
	seen     map[string]bool
	// poms are all Maven files by their path and by group and artifact.
	poms map[string][]*pomPlace
	// byArtifact are the projects by group and artifact, byName by the name of their
	// artifact or folder.
	byArtifact, byName map[string][]*place
}

// place is where a project lies.
type place struct {
	store store
	// dir is its folder as people know it, root the same in the store.
	dir, root string
	// names are its files in the store.
	names []string
	// name is that of the folder or file.
	name string
	// common says that it is what lies beside projects.
	common bool

	group, artifact, version string

	// once and project keep what others share.
	once    sync.Once
	project *Project
}

// pomPlace is where a Maven file lies.
type pomPlace struct {
	store store
	name  string
	once  sync.Once
	file  *XMLFile
}

// Len is the number of projects.
func (w *Workspace) Len() int { return len(w.found) }

// Dir is the folder or archive of a project, as people know it.
func (w *Workspace) Dir(i int) string { return w.found[i].dir }

// Problems are what was left out when projects were looked for; those of files
// stand in their projects.
func (w *Workspace) Problems() []Problem { return w.problems }

// Close ends the use of the files; no project can be read afterwards.
func (w *Workspace) Close() error {
	var first error
	for _, c := range w.opened {
		if err := c.Close(); err != nil && first == nil {
			first = fmt.Errorf("closing what holds the projects: %w", err)
		}
	}
	w.opened = nil
	return first
}

// maxProblems bounds what is told about a workspace.
const maxProblems = 1000

func (w *Workspace) report(p Problem) {
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, p)
	}
}

// add notes a project, unless another path led to it.
func (w *Workspace) add(p *place) {
	dir, key := p.dir, p.dir
	if whole, err := filepath.Abs(filepath.FromSlash(dir)); err == nil {
		key = whole
	}
	p.name = filepath.Base(key)
	if one, ok := p.store.(*single); ok {
		key += "\x00" + one.name
		p.name = strings.TrimSuffix(one.name, ".xml")
	} else if p.common {
		key += "\x00"
	}
	if len(w.found) >= w.limits.Projects {
		w.report(Problem{File: dir, Message: fmt.Sprintf("is one project more than %d and was not read", w.limits.Projects)})
		return
	}
	if w.seen[key] {
		return
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[key] = true
	w.found = append(w.found, p)
}

// indexPOM notes a Maven file.
func (w *Workspace) indexPOM(f *XMLFile, keep store) {
	p := &pomPlace{store: keep, name: f.Name}
	if w.poms == nil {
		w.poms = map[string][]*pomPlace{}
	}
	group, artifact, _, packaging := coordinates(f)
	w.poms[f.Path] = append(w.poms[f.Path], p)
	if packaging == "pom" || packaging == "" {
		w.poms[group+":"+artifact] = append(w.poms[group+":"+artifact], p)
	}
}

// readPOM reads a Maven file, nil where it is none.
func (w *Workspace) readPOM(s store, name string) *XMLFile {
	text, err := s.read(name, w.limits.FileBytes)
	if err != nil {
		return nil
	}
	d, err := document.Read(s.path(name), text, w.limits.XML)
	if err != nil || d.Root.Name.Local != "project" {
		return nil
	}
	return &XMLFile{File: &File{Name: name, Path: s.path(name), Text: text}, Document: d}
}

// maxPOMFiles bounds how many Maven files one builds on.
const maxPOMFiles = 50

// pomFiles are a Maven file and those of the workspace that it builds on.
func (w *Workspace) pomFiles(own *XMLFile) []*XMLFile {
	out := []*XMLFile{own}
	if w == nil {
		return out
	}
	seen := map[*pomPlace]bool{}
	for i := 0; i < len(out) && len(out) < maxPOMFiles; i++ {
		var candidates []*pomPlace
		if parent := below(out[i].Document.Root, "parent"); parent != nil {
			relative := or(textBelow(parent, "relativePath"), "../pom.xml")
			at := path.Join(path.Dir(out[i].Path), relative)
			candidates = append(w.poms[at], w.poms[path.Join(at, "pom.xml")]...)
		}
		for _, name := range importedPOMs(out[i]) {
			candidates = append(candidates, w.poms[name[0]+":"+name[1]]...)
		}
		for _, c := range candidates {
			if seen[c] || c.store.path(c.name) == own.Path || len(out) >= maxPOMFiles {
				continue
			}
			seen[c] = true
			c.once.Do(func() { c.file = w.readPOM(c.store, c.name) })
			if c.file != nil {
				out = append(out, c.file)
			}
		}
	}
	return out
}

// link notes the projects by the names that others call them.
func (w *Workspace) link() {
	w.byArtifact, w.byName = map[string][]*place{}, map[string][]*place{}
	for _, p := range w.found {
		if p.common {
			continue
		}
		pom := pomName(p)
		if pom != "" {
			if f := w.readPOM(p.store, pom); f != nil {
				p.group, p.artifact, p.version, _ = coordinates(f)
				key := p.group + ":" + p.artifact
				w.byArtifact[key] = append(w.byArtifact[key], p)
			}
		}
		w.byName[p.name] = append(w.byName[p.name], p)
		if p.artifact != "" && p.artifact != p.name {
			w.byName[p.artifact] = append(w.byName[p.artifact], p)
		}
	}
}

// pomName is the Maven file of a project in its store, empty for none.
func pomName(p *place) string {
	own := path.Join(p.root, "pom.xml")
	if _, ok := slices.BinarySearch(p.names, own); ok {
		return own
	}
	for _, name := range namesIn(p.names, path.Join(p.root, "META-INF/maven")) {
		if path.Base(name) == "pom.xml" {
			return name
		}
	}
	return ""
}

// Read reads a project of number i, with the domain and the libraries of the
// workspace that it uses. Files that can't be read are among its Problems.
func (w *Workspace) Read(ctx context.Context, i int) (*Project, error) {
	if i < 0 || i >= len(w.found) {
		return nil, fmt.Errorf("there is no project %d among %d", i, len(w.found))
	}
	at := w.found[i]
	p, err := w.read(ctx, at, nil)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", at.dir, err)
	}
	if p.Kind != Common {
		w.addDomain(ctx, at, p)
		w.addLibraries(ctx, at, p)
	}
	p.finish()
	return p, ctx.Err()
}

// share is a project that others use, which is read once and has no links.
func (w *Workspace) share(ctx context.Context, at *place) *Project {
	at.once.Do(func() {
		// It stays, so the end of one reader must not end it.
		p, err := w.read(context.WithoutCancel(ctx), at, nil)
		if err == nil {
			p.finish()
			at.project = p
		}
	})
	return at.project
}

// addDomain finds the domain of an application.
func (w *Workspace) addDomain(ctx context.Context, own *place, p *Project) {
	if p.Kind == Domain {
		return
	}
	if p.POM != nil {
		for _, d := range p.POM.Dependencies {
			if d.Classifier == "mule-domain" {
				p.DomainName = d.ArtifactID
				if at := pick(w.byArtifact[d.GroupID+":"+d.ArtifactID], d.Version); at != nil && at != own {
					p.Shared = w.share(ctx, at)
				}
				return
			}
		}
	}
	if p.DomainName = p.domainName(); p.DomainName == "" {
		return
	}
	for name := p.DomainName; ; {
		for _, at := range w.byName[name] {
			if at != own {
				if d := w.share(ctx, at); d != nil && d.Kind == Domain {
					p.Shared = d
					return
				}
			}
		}
		// Deployed domains are called after their artifact and version.
		cut := strings.LastIndexByte(name, '-')
		if cut <= 0 {
			return
		}
		name = name[:cut]
	}
}

// maxLibraries bounds how many libraries of a workspace one project may use.
const maxLibraries = 200

// addLibraries finds the projects beside that a project uses, and those that they
// use.
func (w *Workspace) addLibraries(ctx context.Context, own *place, p *Project) {
	seen := map[*place]bool{own: true}
	queue := []*Project{p}
	for len(queue) > 0 {
		pom := queue[0].POM
		queue = queue[1:]
		if pom == nil {
			continue
		}
		for _, d := range pom.Dependencies {
			at := pick(w.byArtifact[d.GroupID+":"+d.ArtifactID], d.Version)
			if d.Classifier == "mule-domain" || at == nil || seen[at] || len(p.Libraries) >= maxLibraries {
				continue
			}
			seen[at] = true
			if l := w.share(ctx, at); l != nil && l.Kind != Domain {
				p.Libraries = append(p.Libraries, l)
				queue = append(queue, l)
			}
		}
	}
}

// pick is the project of a version, else the only one.
func pick(of []*place, version string) *place {
	for _, p := range of {
		if p.version == version {
			return p
		}
	}
	if len(of) == 1 {
		return of[0]
	}
	return nil
}
