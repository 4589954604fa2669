package inventory

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/shape"
	"farrier.dev/farrier/internal/spec"
)

// contentOf lists the fields of a body, parents first. place is what stands before the
// path of a field in the place of a drift.
func contentOf(b *discovery.Body, drift map[string]string, place string) Content {
	c := Content{Status: b.Status, Media: b.Media, Count: b.Count}
	if b.Schema == nil {
		return c
	}
	objects := map[string]uint64{} // by path
	b.Schema.Walk(func(path string, n *shape.Schema) {
		objects[path] = n.Objects()
		if path == "" {
			return
		}
		if len(c.Fields) >= maxFields {
			c.More++
			return
		}
		f := fieldOf(path, n)
		if of := objects[parentOf(path)]; of > 0 && !strings.HasSuffix(path, "[]") && f.Name != "*" {
			f.Share = min(float64(n.Present())/float64(of), 1)
		}
		f.Drift = drift[place+" "+path]
		c.Fields = append(c.Fields, f)
	})
	return c
}

// parentOf is the path of what holds the object or element of a path.
func parentOf(path string) string {
	if bare, ok := strings.CutSuffix(path, "[]"); ok {
		return bare
	}
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

// fieldOf says what was concluded of one place in bodies.
func fieldOf(path string, n *shape.Schema) Field {
	v := n.Values()
	f := Field{
		Path: path, Name: path[strings.LastIndexByte(path, '/')+1:], Depth: strings.Count(path, "/"), Share: -1, Type: strings.Join(strs(n.Types()), " or "),
		Format: v.Format(), Enum: v.Enum(), Classes: strs(v.Classes()),
	}
	if f.Depth == 0 { // elements of an array that is the whole body
		f.Name, f.Depth = path, 1
	}
	slices.Sort(f.Classes)
	return f
}

// texts are the files of a description.
func texts(doc *spec.Document) []fileText {
	var out []fileText
	for _, name := range doc.Project.Files() {
		src, err := doc.Project.Source(name)
		if err != nil {
			continue
		}
		out = append(out, fileText{src.Name, string(src.Text)})
	}
	return out
}
