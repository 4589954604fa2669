package mule

import (
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Bounds of what is taken from Maven files.
const (
	maxPOMParents      = 20
	maxPOMDependencies = 5_000
	maxPOMImports      = 10
)

// pomValue is a text of a Maven file and what holds it.
type pomValue struct {
	text    string
	element *document.Element
	from    *XMLFile
}

// workspace are the Maven files that are read together.
type workspace struct {
	byPath map[string]*POM
	byName map[string][]*POM
	done   map[*POM]bool
}

// readPOMs reads the Maven files of a workspace; parents, and what they manage,
// are looked for among the files, by their paths and by their coordinates. Files
// of other XML have no entry.
func readPOMs(files []*XMLFile) map[*XMLFile]*POM {
	w := workspace{byPath: map[string]*POM{}, byName: map[string][]*POM{}, done: map[*POM]bool{}}
	out := make(map[*XMLFile]*POM, len(files))
	for _, f := range files {
		if f.Document == nil || f.Document.Root == nil || f.Document.Root.Name.Local != "project" {
			continue
		}
		p := &POM{File: f}
		root, parent := f.Document.Root, below(f.Document.Root, "parent")
		p.GroupID = or(textBelow(root, "groupId"), textBelow(parent, "groupId"))
		p.ArtifactID = textBelow(root, "artifactId")
		p.Version = or(textBelow(root, "version"), textBelow(parent, "version"))
		p.Packaging = or(textBelow(root, "packaging"), "jar")
		out[f] = p
		w.byPath[path.Clean(f.Path)] = p
		name := p.GroupID + ":" + p.ArtifactID
		w.byName[name] = append(w.byName[name], p)
	}
	for _, p := range out {
		p.Parent = w.parent(p)
	}
	for _, f := range files {
		if p := out[f]; p != nil {
			w.finish(p)
		}
	}
	return out
}

// parent finds the file that a POM calls its parent.
func (w *workspace) parent(p *POM) *POM {
	e := below(p.File.Document.Root, "parent")
	if e == nil {
		return nil
	}
	group, artifact := textBelow(e, "groupId"), textBelow(e, "artifactId")
	relative := "../pom.xml"
	if r := below(e, "relativePath"); r != nil {
		relative = textOf(r)
	}
	if relative != "" {
		at := path.Join(path.Dir(path.Clean(p.File.Path)), relative)
		for _, at := range [...]string{at, path.Join(at, "pom.xml")} {
			if up := w.byPath[at]; up != nil && up != p && up.ArtifactID == artifact && up.GroupID == group {
				return up
			}
		}
	}
	return w.find(group, artifact, textBelow(e, "version"), p)
}

// find is the POM of some coordinates: that of the version, or the only one.
func (w *workspace) find(group, artifact, version string, not *POM) *POM {
	named := w.byName[group+":"+artifact]
	for _, p := range named {
		if p != not && p.Version == version {
			return p
		}
	}
	if len(named) == 1 && named[0] != not {
		return named[0]
	}
	return nil
}

// chain is a POM with the files above it, the nearest first.
func (p *POM) chain() []*POM {
	var out []*POM
	for up := p; up != nil && len(out) <= maxPOMParents && !slices.Contains(out, up); up = up.Parent {
		out = append(out, up)
	}
	return out
}

// finish fills in what needs parents.
func (w *workspace) finish(p *POM) {
	chain := p.chain()
	p.raw = map[string]pomValue{}
	for _, up := range slices.Backward(chain) {
		up.ownProperties(p.raw)
	}
	p.builtIn()
	p.GroupID, p.ArtifactID, p.Version = p.Expand(p.GroupID), p.Expand(p.ArtifactID), p.Expand(p.Version)
	p.Properties = make(map[string]string, len(p.raw))
	for name, v := range p.raw {
		if !strings.HasPrefix(name, "project.") && !strings.HasPrefix(name, "pom.") {
			p.Properties[name] = p.Expand(v.text)
		}
	}
	r := pomReader{w: w, pom: p, managed: map[string]*Dependency{}, seen: map[string]bool{}}
	for _, up := range chain {
		r.management(up, maxPOMImports)
	}
	for _, up := range chain {
		r.dependencies(up)
	}
	for _, up := range chain {
		r.plugins(up)
	}
	r.repositories()
	r.runtime()
	if slices.Contains(chain[1:], p) || len(chain) > 1 && chain[len(chain)-1].Parent != nil {
		p.Parent = nil // a circle, or too many
	}
}

// ownProperties adds those of one file: of profiles where nothing else says.
func (p *POM) ownProperties(raw map[string]pomValue) {
	root := p.File.Document.Root
	for _, e := range below(root, "properties").Elements() {
		raw[e.Name.Local] = pomValue{textOf(e), e, p.File}
	}
	for _, profile := range below(root, "profiles").Elements() {
		for _, e := range below(profile, "properties").Elements() {
			if _, ok := raw[e.Name.Local]; !ok {
				raw[e.Name.Local] = pomValue{textOf(e), e, p.File}
			}
		}
	}
}

// builtIn adds the properties that Maven itself defines.
func (p *POM) builtIn() {
	root := p.File.Document.Root
	parent := below(root, "parent")
	for name, v := range map[string]pomValue{
		"groupId":           {p.GroupID, below(root, "groupId"), p.File},
		"artifactId":        {p.ArtifactID, below(root, "artifactId"), p.File},
		"version":           {p.Version, below(root, "version"), p.File},
		"parent.version":    {textBelow(parent, "version"), below(parent, "version"), p.File},
		"parent.groupId":    {textBelow(parent, "groupId"), below(parent, "groupId"), p.File},
		"parent.artifactId": {textBelow(parent, "artifactId"), below(parent, "artifactId"), p.File},
	} {
		if v.text != "" {
			p.raw["project."+name], p.raw["pom."+name] = v, v
		}
	}
}

// below is the child of a local name, in whatever namespace: many leave that of
// Maven out.
func below(e *document.Element, names ...string) *document.Element {
	for _, name := range names {
		if e == nil {
			return nil
		}
		var found *document.Element
		for _, c := range e.Children {
			if child, ok := c.(*document.Element); ok && child.Name.Local == name {
				found = child
				break
			}
		}
		e = found
	}
	return e
}

// textOf is the text of an element without space around it.
func textOf(e *document.Element) string {
	if t := e.Content(); t != nil {
		return strings.TrimSpace(t.Value.Text)
	}
	return ""
}

func textBelow(e *document.Element, name string) string { return textOf(below(e, name)) }

func or(text, other string) string {
	if text != "" {
		return text
	}
	return other
}
