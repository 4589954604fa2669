package farrier_test

import (
	"go/ast"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkRooms holds that every folder of internal is listed in the floors
// table, and that nothing there lies outside a room.
func checkRooms(h *house, report breach) int {
	seen := map[string]bool{}
	for _, p := range h.sorted() {
		if p.room == "" || seen[p.room] {
			continue
		}
		seen[p.room] = true
		if _, ok := h.floors[p.room]; !ok {
			report("internal/"+p.room, "no such room in %s", floorsFile)
		}
	}
	return len(seen)
}

// checkFloors holds that a room imports rooms of lower floors only. What lies
// outside internal stands on top: it may import every room, and no room may
// import it. Tests obey too.
func checkFloors(h *house, report breach) int {
	looked := 0
	for _, e := range h.edges(true) {
		if e.from.room == "" {
			continue
		}
		looked++
		room, _ := roomOf(e.dir)
		from, known := h.floors[e.from.room]
		to, listed := h.floors[room]
		switch {
		case room == "":
			report(e.file.path, "%s imports %s, which lies outside the house", e.from.room, e.dir)
		case room == e.from.room || !known || !listed:
			// Inside one room checkFolders rules; checkRooms tells of the unlisted.
		case to > from:
			report(e.file.path, "%s (floor %d) imports %s (floor %d): up", e.from.room, from, room, to)
		case to == from:
			report(e.file.path, "%s imports %s, both on floor %d: sideways", e.from.room, room, to)
		}
	}
	return looked
}

// listers may import every folder of their own room.
var listers = map[string]string{
	"policy/catalogue": "the only list of the policies",
	"spec/languages":   "the only list of the languages of descriptions",
	"encoding/tree":    "one tree of several syntaxes, which other folders read",
	"scan/check":       "judges by what the analysis of data found and by what is known of versions",
}

// checkFolders holds that a folder of a room knows the folders it lies in and
// those that lie in it, but not the ones beside it. A folder named for tests
// (policytest, storetest) may be imported by tests of the same room. Two
// policies are left to checkPoliciesApart.
func checkFolders(h *house, report breach) int {
	looked := 0
	for _, e := range h.edges(true) {
		room, inner := roomOf(e.dir)
		if room == "" || room != e.from.room {
			continue
		}
		looked++
		from := e.from.inner
		switch {
		case within(from, inner) || within(inner, from):
		case listers[path.Join(room, from)] != "":
		case e.file.test && strings.HasSuffix(inner, "test"):
		case room == "policy" && h.isPolicy(e.from.dir) && h.isPolicy(e.dir):
		default:
			report(e.file.path, "%s imports %s beside it", e.from.dir, e.dir)
		}
	}
	return looked
}

// within tells whether the path inner lies in outer or is it; the empty path
// is the room, which everything lies in.
func within(inner, outer string) bool {
	return outer == "" || inner == outer || strings.HasPrefix(inner, outer+"/")
}

// isPolicy tells whether dir is the folder of one policy: a direct child of
// internal/policy that has what only policies have, or that the catalogue lists.
func (h *house) isPolicy(dir string) bool {
	if path.Dir(dir) != "internal/policy" || h.packages[dir] == nil {
		return false
	}
	return h.has(dir+"/schema.json") || h.conversations(dir) > 0 || h.catalogued(dir)
}

func (h *house) has(file string) bool {
	_, err := fs.Stat(h.files, file)
	return err == nil
}

func (h *house) conversations(dir string) int {
	found, err := fs.Glob(h.files, dir+"/testdata/*.txtar")
	if err != nil {
		return 0
	}
	return len(found)
}

const catalogueFile = "internal/policy/catalogue/catalogue.go"

// catalogued tells whether the catalogue's list imports dir by a name, which
// the compiler then wants to see used.
func (h *house) catalogued(dir string) bool {
	p := h.packages[path.Dir(catalogueFile)]
	if p == nil {
		return false
	}
	for _, f := range p.files {
		if f.path != catalogueFile {
			continue
		}
		for _, spec := range f.ast.Imports {
			blank := spec.Name != nil && spec.Name.Name == "_"
			if !blank && spec.Path.Value == strconv.Quote(modulePath+"/"+dir) {
				return true
			}
		}
	}
	return false
}

// checkPoliciesApart holds that no policy imports another, in tests neither.
func checkPoliciesApart(h *house, report breach) int {
	looked := 0
	for _, p := range h.sorted() {
		if h.isPolicy(p.dir) {
			looked++
		}
	}
	for _, e := range h.edges(true) {
		if e.from.dir != e.dir && h.isPolicy(e.from.dir) && h.isPolicy(e.dir) {
			report(e.file.path, "%s imports another policy, %s", e.from.dir, e.dir)
		}
	}
	return looked
}

// checkPolicyFolders holds that each policy is listed, has a schema and at
// least one conversation.
func checkPolicyFolders(h *house, report breach) int {
	looked := 0
	for _, p := range h.sorted() {
		if !h.isPolicy(p.dir) {
			continue
		}
		looked++
		if !h.catalogued(p.dir) {
			report(p.dir, "not listed in %s", catalogueFile)
		}
		if !h.has(p.dir + "/schema.json") {
			report(p.dir, "no schema.json; go generate %s makes it", p.dir)
		}
		if h.conversations(p.dir) == 0 {
			report(p.dir, "no conversation in testdata/*.txtar")
		}
	}
	return looked
}

// A wall stands where the floors alone would let an import through.
type wall struct {
	rooms  []string
	beyond []string // rooms, or packages of others when they contain a slash
}

var walls = []wall{
	{[]string{"policy", "detect", "router", "gateway"}, []string{"store", "database/sql"}},
	{[]string{"detect"}, []string{"sharedstate", "revision"}},
}

// checkWalls holds that nothing behind a wall is imported, directly or through
// rooms that are not walled themselves and would tell. Tests are free: one may
// want a database to compare with.
func checkWalls(h *house, report breach) int {
	looked := 0
	direct := map[string][]edge{}
	for _, e := range h.edges(false) {
		direct[e.from.dir] = append(direct[e.from.dir], e)
	}
	for _, w := range walls {
		for _, room := range slices.Concat(w.rooms, w.beyond) {
			if _, ok := h.floors[room]; !ok && !strings.Contains(room, "/") {
				report("the wall of "+strings.Join(w.rooms, ", "), "no room %s in %s", room, floorsFile)
			}
		}
		for _, p := range h.sorted() {
			if !slices.Contains(w.rooms, p.room) {
				continue
			}
			looked++
			if way := h.wayTo(p.dir, w, direct, map[string]bool{}); way != nil {
				report(p.dir, "imports %s", strings.Join(way, ", which imports "))
			}
		}
	}
	return looked
}

// wayTo returns the packages by which dir gets through the wall, or nil.
func (h *house) wayTo(dir string, w wall, direct map[string][]edge, seen map[string]bool) []string {
	p := h.packages[dir]
	if p == nil || seen[dir] {
		return nil
	}
	seen[dir] = true
	for _, f := range p.files {
		for _, spec := range f.ast.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if !f.test && slices.Contains(w.beyond, name) {
				return []string{name}
			}
		}
	}
	for _, e := range direct[dir] {
		room, _ := roomOf(e.dir)
		switch {
		case slices.Contains(w.beyond, room):
			return []string{e.dir}
		case slices.Contains(w.rooms, room):
			continue
		}
		if rest := h.wayTo(e.dir, w, direct, seen); rest != nil {
			return append([]string{e.dir}, rest...)
		}
	}
	return nil
}

// checkEnvironment holds that only app, secret and cmd read the environment.
// Tests may, and folders named for tests.
func checkEnvironment(h *house, report breach) int {
	looked := 0
	for _, p := range h.sorted() {
		free := p.room == "app" || p.room == "secret" || within(p.dir, "cmd") || strings.HasSuffix(p.dir, "test")
		for _, f := range p.files {
			if f.test || free {
				continue
			}
			looked++
			for _, call := range environmentReads(f.ast) {
				report(f.set.Position(call.Pos()).String(), "%s reads the environment", call.Sel.Name)
			}
		}
	}
	return looked
}

// environmentReads finds the uses of os.Getenv and its like, by whatever name
// the file imports their package.
func environmentReads(file *ast.File) []*ast.SelectorExpr {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		if from, _ := strconv.Unquote(spec.Path.Value); from == "os" || from == "syscall" {
			name := from
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = true
		}
	}
	var found []*ast.SelectorExpr
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && names[x.Name] {
			switch sel.Sel.Name {
			case "Getenv", "LookupEnv", "Environ", "ExpandEnv":
				found = append(found, sel)
			}
		}
		return true
	})
	return found
}

// cellars are names of packages without a subject.
var cellars = []string{"util", "utils", "common", "helper", "helpers", "types", "shared", "base", "misc", "lib", "pkg"}

// checkNames holds that no package and no folder of one bears such a name.
func checkNames(h *house, report breach) int {
	for _, p := range h.sorted() {
		if slices.Contains(cellars, path.Base(p.dir)) || slices.Contains(cellars, p.name()) {
			report(p.dir, "package %s: name it for its subject", p.name())
		}
	}
	return len(h.packages)
}

// checkComments holds that each package that is not only tests has one package
// comment, of the form that go doc expects.
func checkComments(h *house, report breach) int {
	looked := 0
	for _, p := range h.sorted() {
		code, comments := 0, 0
		for _, f := range p.files {
			if f.test {
				continue
			}
			code++
			if f.ast.Doc == nil {
				continue
			}
			comments++
			want := "Package " + p.name() + " "
			if p.name() != "main" && !strings.HasPrefix(f.ast.Doc.Text(), want) {
				report(f.path, "the package comment does not begin with %q", want)
			}
		}
		if code == 0 {
			continue
		}
		looked++
		switch {
		case comments == 0:
			report(p.dir, "package %s has no package comment", p.name())
		case comments > 1:
			report(p.dir, "package %s has %d package comments, in different files", p.name(), comments)
		}
	}
	return looked
}
