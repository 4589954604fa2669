package spec

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
)

// ProjectLimits bound what one description may consist of; zero stands for the default.
type ProjectLimits struct {
	// Document bounds each document.
	Document tree.Options
	// Files is how many documents are read, Bytes how long they are together.
	Files, Bytes int
}

// The defaults of ProjectLimits.
const (
	DefaultMaxFiles = 2000
	DefaultMaxBytes = 32 << 20
)

// Project is the files that a description consists of. It reads each once, none
// outside its folder, and nothing from the network. It is safe for concurrent use.
type Project struct {
	files  fs.FS
	limits ProjectLimits

	mu    sync.Mutex
	read  map[string]*file
	bytes int
}

type file struct {
	src  *tree.Source
	root *tree.Node
	// err is why there is no source; treeErr why there is no tree.
	err, treeErr error
	parsed       bool
}

// NewProject makes the project of a folder.
func NewProject(files fs.FS, limits ProjectLimits) *Project {
	if limits.Files == 0 {
		limits.Files = DefaultMaxFiles
	}
	if limits.Bytes == 0 {
		limits.Bytes = DefaultMaxBytes
	}
	if limits.Document.MaxBytes == 0 {
		limits.Document.MaxBytes = tree.DefaultMaxBytes
	}
	return &Project{files: files, limits: limits, read: map[string]*file{}}
}

// OpenFolder is the project of a folder on disk, which symbolic links do not
// lead out of.
func OpenFolder(dir string, limits ProjectLimits) (*Project, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the project: %w", err)
	}
	return NewProject(root.FS(), limits), nil
}

// OpenZip is the project of a zip archive, as Exchange gives them.
func OpenZip(archive []byte, limits ProjectLimits) (*Project, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	return NewProject(r, limits), nil
}

// OneFile is the project of a single document.
func OneFile(name string, text []byte, limits ProjectLimits) *Project {
	p := NewProject(nil, limits)
	p.read[name] = &file{src: &tree.Source{Name: name, Text: text}}
	return p
}

// Files are the names of the documents read so far, unordered.
func (p *Project) Files() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, 0, len(p.read))
	for name, f := range p.read {
		if f.err == nil {
			names = append(names, name)
		}
	}
	return names
}

// List gives the names of all files of the project, at most as many as may be
// read, in lexical order.
func (p *Project) List() ([]string, error) {
	if p.files == nil {
		return p.Files(), nil
	}
	var names []string
	err := fs.WalkDir(p.files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if names = append(names, name); len(names) > p.limits.Files {
				return fmt.Errorf("the project has more than %d files", p.limits.Files)
			}
		}
		return err
	})
	return names, err
}

// Source reads a file by its name: relative to the folder of the project, with
// slashes. Errors say in words why there is none.
func (p *Project) Source(name string) (*tree.Source, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.file(name)
	return f.src, f.err
}

// Tree reads a file of JSON or YAML.
func (p *Project) Tree(name string) (*tree.Node, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.file(name)
	if f.err != nil {
		return nil, f.err
	}
	if !f.parsed {
		f.root, f.treeErr = tree.Read(f.src, p.limits.Document)
		f.parsed = true
	}
	return f.root, f.treeErr
}

// file is for who holds mu.
func (p *Project) file(name string) *file {
	name = path.Clean(name)
	f := p.read[name]
	if f == nil {
		f = &file{}
		f.src, f.err = p.load(name)
		p.read[name] = f
	}
	return f
}

func (p *Project) load(name string) (*tree.Source, error) {
	switch {
	case p.files == nil:
		return nil, fmt.Errorf("%s: the description is one document, other files are not read", name)
	case !fs.ValidPath(name):
		return nil, fmt.Errorf("%s: leads out of the project", name)
	case len(p.read) >= p.limits.Files:
		return nil, fmt.Errorf("%s: the description consists of more than %d files", name, p.limits.Files)
	}
	// Opening a pipe would wait for who writes into it.
	info, err := fs.Stat(p.files, name)
	var f fs.File
	if err == nil && info.Mode().IsRegular() {
		f, err = p.files.Open(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file in the project", name)
	case err == nil && f == nil:
		return nil, fmt.Errorf("%s: is no regular file", name)
	case err != nil:
		return nil, fmt.Errorf("%s: can't be read: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	most := min(p.limits.Document.MaxBytes, p.limits.Bytes-p.bytes)
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	// What is refused counts too: an archive makes long files out of little.
	p.bytes += min(len(text), most)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: can't be read: %w", name, err)
	case len(text) > p.limits.Document.MaxBytes:
		return nil, fmt.Errorf("%s: is longer than %d bytes", name, p.limits.Document.MaxBytes)
	case len(text) > most:
		return nil, fmt.Errorf("%s: the files of the description are longer than %d bytes together", name, p.limits.Bytes)
	}
	return &tree.Source{Name: name, Text: text}, nil
}

// Join is the name of the file that a reference in another file means: one that
// begins with a slash is below the folder of the project.
func Join(from, ref string) string {
	if strings.HasPrefix(ref, "/") {
		return path.Clean(strings.TrimPrefix(ref, "/"))
	}
	return path.Join(path.Dir(from), ref)
}

// Target is what a JSON reference ("other.yaml#/pointer", RFC 6901) in a file
// leads to.
func (p *Project) Target(from, ref string) (*tree.Node, error) {
	name, pointer, _ := strings.Cut(ref, "#")
	if name == "" {
		name = from
	} else {
		if u, err := url.Parse(name); err != nil || u.Scheme != "" || u.Host != "" {
			return nil, errors.New("the reference leads to another address; only files of the project are read")
		}
		decoded, err := url.PathUnescape(name)
		if err != nil {
			return nil, errors.New("the reference is malformed")
		}
		name = Join(from, decoded)
	}
	root, err := p.Tree(name)
	if err != nil {
		return nil, err
	}
	if pointer == "" || pointer == "/" {
		return root, nil
	}
	if pointer[0] != '/' {
		return nil, errors.New("references to anchors are not read; write a JSON pointer, as #/components/schemas/NAME")
	}
	pointer, err = url.PathUnescape(pointer)
	if err != nil {
		return nil, errors.New("the reference is malformed")
	}
	for step := range strings.SplitSeq(pointer[1:], "/") {
		if root = root.Step(strings.NewReplacer("~1", "/", "~0", "~").Replace(step)); root == nil {
			return nil, fmt.Errorf("the reference leads nowhere in %s", name)
		}
	}
	return root, nil
}
