package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	// maxFile bounds one file, in bytes; maxFiles and maxDocuments what one Load
	// or Read takes in all.
	maxFile      = 4 << 20
	maxFiles     = 10_000
	maxDocuments = 20_000
)

// File is the text of one manifest file and the name to call it by.
type File struct {
	Name string
	Text []byte
}

// Descriptions of APIs may lie below the folder of manifests that name them; they
// are told from resources by their first fields.
var (
	describesAPI = regexp.MustCompile(`(?m)^["']?(openapi|swagger|asyncapi)["']?[ \t]*:|\A#%`)
	resourceHead = regexp.MustCompile(`(?m)^["']?(apiVersion|kind|Kind)["']?[ \t]*:`)
)

// Load reads files, and directories with all that lies below them: names that
// end in .yaml or .yml, in sorted order, without hidden files, editors' backups
// and descriptions of APIs. Symbolic links are followed, each file and directory once, so that a
// mounted ConfigMap reads as people see it. A file is at most 4 MiB and not
// empty, and there are at most 10,000 files and 20,000 documents.
func Load(paths []string) *Set { return Join(paths, nil) }

// Join reads what lies at some paths, as Load does, and manifests that are in
// memory beside it, as Read does.
func Join(paths []string, beside []File) *Set {
	l := &loader{seen: make(map[string]bool), problems: new(problems)}
	for _, path := range paths {
		files, failed, seen := len(l.files), len(l.problems.list), len(l.seen)
		l.add(path, true)
		if len(l.files) == files && len(l.problems.list) == failed && len(l.seen) > seen {
			l.problems.warnf(position{file: path, line: 1}, "", "no .yaml or .yml file here")
		}
	}
	set := read(l.files, beside)
	set.problems.list = append(l.problems.list, set.problems.list...)
	if HasErrors(l.problems.list) {
		set.unsure = true
	}
	return set
}

type loader struct {
	files    []File
	seen     map[string]bool // by path without symbolic links
	problems *problems
}

func (l *loader) fail(path string, err error) {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	l.problems.errorf(position{file: path, line: 1}, "", "not readable: %v", err)
}

// add reads one path. named says that a person gave it, so that its name does
// not matter.
func (l *loader) add(path string, named bool) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		l.fail(path, err)
		return
	}
	if absolute, err := filepath.Abs(target); err == nil {
		target = absolute
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		l.fail(path, err)
	case l.seen[target]:
	case info.IsDir():
		l.seen[target] = true
		l.directory(path)
	case !named && !IsName(filepath.Base(path)):
	case !info.Mode().IsRegular():
		l.fail(path, errors.New("it is no regular file"))
	default:
		l.seen[target] = true
		l.file(path, named)
	}
}

func (l *loader) directory(path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		l.fail(path, err)
		return
	}
	for _, entry := range entries { // sorted by name
		name := entry.Name()
		hidden := strings.HasPrefix(name, ".")
		if !hidden && (IsName(name) || isDirectory(path, entry)) {
			l.add(filepath.Join(path, name), false)
		}
	}
}

// isDirectory looks behind a link before it is followed, so that a dangling
// link that is no manifest is no problem.
func isDirectory(path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(filepath.Join(path, entry.Name()))
	return err == nil && info.IsDir()
}

// IsName says whether Load reads a file of this name when it finds it in a
// folder.
func IsName(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasPrefix(name, "~") {
		return false
	}
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

func (l *loader) file(path string, named bool) {
	if len(l.files) >= maxFiles {
		l.fail(path, fmt.Errorf("more than %d files", maxFiles))
		return
	}
	text, err := readFile(path)
	if err != nil {
		l.fail(path, err)
		return
	}
	if !named && describesAPI.Match(text) && !resourceHead.Match(text) {
		return
	}
	if len(text) == 0 {
		// Writing a file in place empties it first. To take that for a manifest
		// that says nothing would take away every API in it.
		l.fail(path, errors.New("it is empty; write it, or remove it"))
		return
	}
	l.files = append(l.files, File{Name: filepath.ToSlash(path), Text: text})
}

func readFile(path string) (text []byte, err error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the files
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return text, nil
}

// Read reads manifests that are already in memory, under the limits of Load.
// Files that they name are not read.
func Read(files []File) *Set { return read(nil, files) }

func read(onDisk, inMemory []File) *Set {
	set := &Set{inMemory: map[string]bool{}}
	for _, file := range inMemory {
		set.inMemory[file.Name] = true
	}
	room := maxDocuments
	for i, file := range slices.Concat(onDisk, inMemory) {
		if len(file.Text) > maxFile {
			set.problems.errorf(position{file: file.Name, line: 1}, "", "larger than %d MiB; split it", maxFile>>20)
			set.unsure = true
			continue
		}
		roots, complete := documents(file.Name, file.Text, room, &set.problems)
		if !complete {
			set.unsure = true
		}
		room -= len(roots)
		r := &reader{set: set, problems: &set.problems, onDisk: i < len(onDisk)}
		for _, root := range roots {
			r.resource(root)
		}
	}
	return set
}

// Files reads the files that Load reads, and gives their texts. The error names all
// that could not be read.
func Files(paths []string) ([]File, error) {
	l := &loader{seen: make(map[string]bool), problems: new(problems)}
	for _, path := range paths {
		l.add(path, true)
	}
	var wrong []error
	for _, p := range l.problems.sorted() {
		wrong = append(wrong, errors.New(p.Text()))
	}
	return l.files, errors.Join(wrong...)
}
