package mule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Find looks for Mule projects: in folders and all below them, in zip archives and
// deployable jars, and in single XML files. What can't be read is left out and
// named in the Problems of the workspace; a path that isn't there is an error.
func Find(ctx context.Context, paths []string, limits Limits) (*Workspace, error) {
	w := &Workspace{limits: limits.orDefault()}
	for _, p := range paths {
		if err := w.find(ctx, p); err != nil {
			_ = w.Close()
			return nil, err
		}
	}
	w.link()
	return w, nil
}

// find looks for projects in one path.
func (w *Workspace) find(ctx context.Context, at string) error {
	info, err := os.Stat(at)
	if err != nil {
		return fmt.Errorf("looking for Mule projects: %w", err)
	}
	at = filepath.Clean(at)
	shown := filepath.ToSlash(at)
	if info.IsDir() {
		root, err := os.OpenRoot(at)
		if err != nil {
			return fmt.Errorf("looking for Mule projects: %w", err)
		}
		w.opened = append(w.opened, root)
		f := &folder{dir: shown, root: root}
		return w.search(ctx, f, f, true)
	}
	root, err := os.OpenRoot(filepath.Dir(at))
	if err != nil {
		return fmt.Errorf("looking for Mule projects: %w", err)
	}
	w.opened = append(w.opened, root)
	base := filepath.Base(at)
	switch strings.ToLower(filepath.Ext(base)) {
	case ".xml":
		f := &folder{dir: path.Dir(shown), root: root}
		one := &single{folder: f, name: base}
		if !w.anyMule(one, []string{base}) {
			w.report(Problem{File: shown, Message: "holds no elements of Mule"})
			return nil
		}
		w.add(&place{store: one, dir: f.dir, names: []string{base}})
		return nil
	case ".zip", ".jar", ".war":
		a, err := openArchive(root, base, shown, &w.limits)
		if err != nil {
			w.report(Problem{File: shown, Message: reason(err)})
			return nil
		}
		if a.file != nil {
			w.opened = append(w.opened, a.file)
		}
		return w.search(ctx, a, a, true)
	}
	return fmt.Errorf("looking for Mule projects: %s is no folder, no .zip or .jar archive and no .xml file", shown)
}

// maxCommon bounds how many files beside projects are read.
const maxCommon = 1000

// search looks for the projects of a store, which are read of keep later; top says
// that archives in it are opened.
func (w *Workspace) search(ctx context.Context, s, keep store, top bool) error {
	names, err := s.names(ctx, &w.limits, w.report)
	if err != nil {
		return err
	}
	slices.Sort(names)
	roots := map[string]bool{}
	for _, name := range names {
		if root, ok := rootOf(name); ok && !roots[root] {
			roots[root] = true
		}
	}
	for _, name := range names {
		if path.Base(name) == "pom.xml" {
			f := w.readPOM(s, name)
			if f == nil {
				continue
			}
			w.indexPOM(f, keep)
			if root := dirOf(name); !roots[root] && !strings.Contains("/"+name, "/META-INF/") && w.ofMule(s, f, names) {
				roots[root] = true
			}
		}
	}
	found := settle(roots, names)
	for _, root := range found {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("looking for Mule projects: %w", err)
		}
		w.add(&place{store: keep, dir: dirName(s, root), root: root, names: without(namesIn(names, root), root, found)})
	}
	opened := 0
	if top {
		if opened, err = w.archives(ctx, s, names, found); err != nil {
			return err
		}
	}
	if len(found) == 0 && opened == 0 && w.anyMule(s, names) {
		w.add(&place{store: keep, dir: dirName(s, ""), names: names})
	}
	if common := commonOf(names, found); len(found) > 0 && len(common) > 0 {
		w.add(&place{store: keep, dir: dirName(s, ""), names: common, common: true})
	}
	return nil
}

// inAny says whether a file lies in one of some sorted folders.
func inAny(name string, roots []string) bool {
	for dir := name; dir != ""; {
		dir = dirOf(dir)
		if _, ok := slices.BinarySearch(roots, dir); ok {
			return true
		}
	}
	return false
}

// commonOf are the files beside the projects of a repository that rules look at.
func commonOf(names, roots []string) []string {
	var out []string
	for _, name := range names {
		if len(out) < maxCommon && isCommon(name) && !inAny(name, roots) {
			out = append(out, name)
		}
	}
	return out
}

// archives looks into the archives beside the projects of a store: those on top,
// and those that are named as Maven names deployables. It says how many projects
// they hold.
func (w *Workspace) archives(ctx context.Context, s store, names, found []string) (int, error) {
	before := len(w.found)
	for _, name := range names {
		ext := strings.ToLower(path.Ext(name))
		deployable := strings.Contains(name, "-mule-application") || strings.Contains(name, "-mule-domain") || strings.Contains(name, "-mule-policy")
		if ext != ".jar" && ext != ".zip" || strings.Contains(name, "/") && !deployable || inAny(name, found) {
			continue
		}
		a, keep, err := w.openInside(s, name)
		if err != nil {
			w.report(Problem{File: s.path(name), Message: reason(err)})
			continue
		}
		had := len(w.found)
		if err := w.search(ctx, a, keep, false); err != nil {
			return 0, err
		}
		switch {
		case a.file == nil:
		case len(w.found) == had:
			_ = a.file.Close()
		default:
			w.opened = append(w.opened, a.file)
		}
	}
	return len(w.found) - before, nil
}

// openInside opens an archive of a store, and says what it is read of later.
func (w *Workspace) openInside(s store, name string) (*archive, store, error) {
	switch s := s.(type) {
	case *folder:
		a, err := openArchive(s.root, name, s.path(name), &w.limits)
		return a, a, err
	case *archive:
		n := &nested{outer: s, name: name, l: &w.limits}
		a, err := n.open()
		return a, n, err
	}
	return nil, nil, errIrregular
}

// without leaves out the files of other projects that lie inside.
func without(names []string, root string, roots []string) []string {
	inner := namesIn(roots, root)
	if root == "" {
		inner = slices.DeleteFunc(slices.Clone(roots), func(r string) bool { return r == "" })
	}
	if len(inner) == 0 {
		return names
	}
	out := make([]string, 0, len(names))
	for _, name := range names {
		if !inAny(name, inner) {
			out = append(out, name)
		}
	}
	return out
}

// anyMule says whether any XML file of a store is one of Mule.
func (w *Workspace) anyMule(s store, names []string) bool {
	for _, name := range names {
		if strings.HasSuffix(name, ".xml") {
			if text, err := s.read(name, w.limits.FileBytes); err == nil && looksMule(text) {
				return true
			}
		}
	}
	return false
}

// ofMule says whether a Maven file is that of a Mule project: by its packaging, or
// because there are DataWeave files or files of Mule among its resources.
func (w *Workspace) ofMule(s store, pom *XMLFile, names []string) bool {
	switch textBelow(pom.Document.Root, "packaging") {
	case "mule-application", "mule-domain", "mule-policy", "mule", "dw-library":
		return true
	case "pom", "mule-domain-bundle":
		return false
	}
	dir := dirOf(pom.Name)
	for _, folder := range [...]string{"src/main/resources", "src/main/dw"} {
		for _, name := range namesIn(names, path.Join(dir, folder)) {
			if strings.HasSuffix(name, ".dwl") {
				return true
			}
			if strings.HasSuffix(name, ".xml") && bytes.Contains(pom.Text, []byte("mule")) {
				if text, err := s.read(name, w.limits.FileBytes); err == nil && looksMule(text) {
					return true
				}
			}
		}
	}
	return false
}

// domainOf is the name of the domain that an application says it uses.
func domainOf(artifact, deploy []byte) string {
	var a struct {
		Domain string `json:"domain"`
	}
	if json.Unmarshal(artifact, &a) == nil && a.Domain != "" && a.Domain != "default" {
		return a.Domain
	}
	entries, _ := readEntries(deploy)
	for _, e := range entries {
		if e.name == "domain" && e.value != "default" {
			return strings.TrimSpace(e.value)
		}
	}
	return ""
}

// dirOf is the folder of a file, "" for none.
func dirOf(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// dirName is a folder of a store as people know it.
func dirName(s store, dir string) string {
	if dir != "" {
		return s.path(dir)
	}
	switch s := s.(type) {
	case *folder:
		return s.dir
	case *archive:
		return s.dir
	case *memory:
		return s.dir
	}
	return ""
}

// coordinates are those that a Maven file gives itself, as written.
func coordinates(f *XMLFile) (group, artifact, version, packaging string) {
	root := f.Document.Root
	parent := below(root, "parent")
	return or(textBelow(root, "groupId"), textBelow(parent, "groupId")), textBelow(root, "artifactId"),
		or(textBelow(root, "version"), textBelow(parent, "version")), textBelow(root, "packaging")
}

// imported are the coordinates of the files that a Maven file builds on: its
// parent, and what dependencyManagement imports.
func importedPOMs(f *XMLFile) [][2]string {
	var out [][2]string
	add := func(e *document.Element) {
		if e != nil {
			out = append(out, [2]string{textBelow(e, "groupId"), textBelow(e, "artifactId")})
		}
	}
	root := f.Document.Root
	add(below(root, "parent"))
	for _, d := range below(root, "dependencyManagement", "dependencies").Elements() {
		if textBelow(d, "scope") == "import" {
			add(d)
		}
	}
	return out
}
