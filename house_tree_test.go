package farrier_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	modulePath = "farrier.dev/farrier"
	floorsFile = "internal/floors.txt"
)

// house is a source tree as the rules see it: its packages, and the floors
// they stand on. It is read from files alone; nothing is built.
type house struct {
	files    fs.FS
	floors   map[string]int
	packages map[string]*pkg // by directory, slash-separated, "." for the root
}

// pkg is one directory with Go files in it.
type pkg struct {
	dir   string
	room  string // the room it belongs to, "" outside internal
	inner string // its path inside the room, "" for the room itself
	files []*source
}

// source is one parsed Go file.
type source struct {
	path      string
	test      bool
	generated bool
	lines     int
	set       *token.FileSet
	ast       *ast.File
}

// edge is one import of a package of this module by a file of it.
type edge struct {
	from *pkg
	file *source
	dir  string // directory of the imported package
}

// readHouse parses the tree below root: every directory but hidden ones,
// testdata and those that are modules of their own.
func readHouse(root fs.FS) (*house, error) {
	h := &house{files: root, packages: map[string]*pkg{}}
	floors, err := readFloors(root)
	if err != nil {
		return nil, err
	}
	h.floors = floors
	err = fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(root, p)
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		return h.addFile(p)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tree: %w", err)
	}
	return h, nil
}

func skipDir(root fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	name := path.Base(dir)
	if name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (h *house) addFile(name string) error {
	text, err := fs.ReadFile(h.files, name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	p := h.packages[dir]
	if p == nil {
		p = &pkg{dir: dir}
		p.room, p.inner = roomOf(dir)
		h.packages[dir] = p
	}
	p.files = append(p.files, &source{
		path:      name,
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(tree),
		lines:     bytes.Count(text, []byte("\n")),
		set:       set,
		ast:       tree,
	})
	return nil
}

// roomOf splits "internal/policy/cors" into "policy" and "cors". The room is
// empty for a directory outside internal.
func roomOf(dir string) (room, inner string) {
	below, ok := strings.CutPrefix(dir, "internal/")
	if !ok {
		return "", ""
	}
	room, inner, _ = strings.Cut(below, "/")
	return room, inner
}

// readFloors reads the floors table: lines "floor room: sentence", blank lines
// and lines that begin with #.
func readFloors(root fs.FS) (map[string]int, error) {
	text, err := fs.ReadFile(root, floorsFile)
	if err != nil {
		return nil, fmt.Errorf("reading the floors: %w", err)
	}
	floors := map[string]int{}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		head, sentence, colon := strings.Cut(line, ": ")
		number, room, space := strings.Cut(head, " ")
		floor, err := strconv.Atoi(number)
		if err != nil || !colon || !space || room == "" || sentence == "" {
			return nil, fmt.Errorf("%s:%d: %q is not \"floor room: sentence\"", floorsFile, i+1, line)
		}
		if _, twice := floors[room]; twice {
			return nil, fmt.Errorf("%s:%d: room %s is listed twice", floorsFile, i+1, room)
		}
		floors[room] = floor
	}
	if len(floors) == 0 {
		return nil, errors.New(floorsFile + " lists no room")
	}
	return floors, nil
}

// edges lists the imports inside the module, of code or of code and tests.
func (h *house) edges(tests bool) []edge {
	var out []edge
	for _, p := range h.sorted() {
		for _, f := range p.files {
			if f.test && !tests {
				continue
			}
			for _, spec := range f.ast.Imports {
				target, _ := strconv.Unquote(spec.Path.Value)
				dir, ok := strings.CutPrefix(target, modulePath+"/")
				if ok && dir != p.dir {
					out = append(out, edge{p, f, dir})
				}
			}
		}
	}
	return out
}

// sorted returns the packages by directory, so that every run reports alike.
func (h *house) sorted() []*pkg {
	out := make([]*pkg, 0, len(h.packages))
	for _, dir := range slices.Sorted(maps.Keys(h.packages)) {
		out = append(out, h.packages[dir])
	}
	return out
}

// code returns the files of p that are neither tests nor generated.
func (p *pkg) code() []*source {
	var out []*source
	for _, f := range p.files {
		if !f.test && !f.generated {
			out = append(out, f)
		}
	}
	return out
}

// name returns the package name, taken from the code where there is any.
func (p *pkg) name() string {
	for _, f := range p.files {
		if !f.test {
			return f.ast.Name.Name
		}
	}
	return strings.TrimSuffix(p.files[0].ast.Name.Name, "_test")
}
