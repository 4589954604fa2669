package mule

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// With is the project with other texts for some of its files, by their names in it,
// as it is once they are edited. What does not change is shared with it; domain,
// libraries and parents of the Maven file are the same.
func (p *Project) With(ctx context.Context, texts map[string][]byte) (*Project, error) {
	w, name, common := p.workspace, p.Name, false
	if w == nil {
		w = &Workspace{limits: DefaultLimits()}
	}
	if p.at != nil {
		name, common = p.at.name, p.at.common
	}
	names := make([]string, 0, len(p.Files)+len(texts))
	for name := range p.Files {
		names = append(names, name)
	}
	for name := range texts {
		if p.Files[name] == nil && fs.ValidPath(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	q, err := w.read(ctx, &place{store: &overlay{project: p, texts: texts}, dir: p.Dir, name: name, common: common, names: names}, p)
	if err != nil {
		return nil, err
	}
	q.Shared, q.DomainName, q.Libraries = p.Shared, p.DomainName, p.Libraries
	q.finish()
	return q, nil
}

// overlay is the files of a project with other texts for some.
type overlay struct {
	project *Project
	texts   map[string][]byte
}

func (o *overlay) path(name string) string {
	if f := o.project.Files[name]; f != nil {
		return f.Path
	}
	if at := o.project.at; at != nil {
		if at.root != "" {
			return at.store.path(at.root + "/" + name)
		}
		return at.store.path(name)
	}
	return o.project.Dir + "/" + name
}

func (o *overlay) names(context.Context, *Limits, func(Problem)) ([]string, error) { return nil, nil }

func (o *overlay) read(name string, limit int64) ([]byte, error) {
	text, ok := o.texts[name]
	if !ok {
		if f := o.project.Files[name]; f != nil {
			return f.Text, nil
		}
		return nil, fs.ErrNotExist
	}
	if int64(len(text)) > limit {
		return nil, errTooLarge
	}
	return text, nil
}

// same is a file of the project that the store gives no other text for.
func (p *Project) same(name string, s store) *File {
	if p == nil {
		return nil
	}
	if o, ok := s.(*overlay); !ok || o.texts[name] != nil {
		return nil
	}
	return p.Files[name]
}

// documentOf is the document that was read of a file, nil for none.
func (p *Project) documentOf(f *File) *document.Document {
	if p == nil {
		return nil
	}
	for _, all := range [...][]*XMLFile{p.Configs, p.Documents} {
		i, ok := slices.BinarySearchFunc(all, f, func(x *XMLFile, f *File) int { return strings.Compare(x.Name, f.Name) })
		if ok && all[i].File == f {
			return all[i].Document
		}
	}
	return nil
}

// scriptOf is the script that was read of a file for the same Mule, nil for none.
func (p *Project) scriptOf(f *File, major int) *Script {
	if p == nil || p.Major != major {
		return nil
	}
	if s := p.Scripts[f.ClassPath]; s != nil && s.File == f {
		return s
	}
	return nil
}
