package mule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// store is where files lie: a folder, an archive or memory. It is safe for
// concurrent use.
type store interface {
	// names are the files below, in no order; what is left out is reported.
	names(ctx context.Context, l *Limits, report func(Problem)) ([]string, error)
	// read is a file of at most limit bytes.
	read(name string, limit int64) ([]byte, error)
	// path is the name of a file as people know it.
	path(name string) string
}

var (
	errTooLarge  = errors.New("the file is too large and was not read")
	errIrregular = errors.New("this is no ordinary file and was not read")
	errPacked    = errors.New("the file is packed too tightly and was not read")
)

// skipped says which folders hold nothing that belongs to a project: what was
// built, what tools keep, and what others wrote.
func skipped(dir string) bool {
	base := path.Base(dir)
	switch base {
	case "node_modules":
		return true
	case "target":
		return !strings.HasPrefix(dir, "src/") && !strings.Contains(dir, "/src/")
	case ".github":
		return false
	}
	return len(base) > 1 && base[0] == '.'
}

// folder is a folder on disk. Nothing outside it is opened, whatever its links
// point at.
type folder struct {
	dir  string
	root *os.Root
}

func (f *folder) path(name string) string {
	if f.dir == "." {
		return name
	}
	return strings.TrimSuffix(f.dir, "/") + "/" + name
}

func (f *folder) names(ctx context.Context, l *Limits, report func(Problem)) ([]string, error) {
	var out []string
	err := fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			report(Problem{File: f.path(name), Message: reason(err)})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir() && name != "." && skipped(name):
			return fs.SkipDir
		case d.IsDir() && strings.Count(name, "/") >= l.Depth:
			report(Problem{File: f.path(name), Message: fmt.Sprintf("lies in more than %d folders and was not read", l.Depth)})
			return fs.SkipDir
		case len(out) >= l.Names:
			report(Problem{File: f.dir, Message: fmt.Sprintf("holds more than %d files; the rest was not read", l.Names)})
			return fs.SkipAll
		case d.Type().IsRegular(), d.Type() == fs.ModeSymlink:
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.dir, err)
	}
	return out, nil
}

func (f *folder) read(name string, limit int64) ([]byte, error) {
	// A pipe would block when it is opened.
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errIrregular
	}
	if info.Size() > limit {
		return nil, errTooLarge
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readUpTo(file, info.Size(), limit)
}

// readUpTo reads what is expected to be size bytes and must not be more than limit.
func readUpTo(r io.Reader, size, limit int64) ([]byte, error) {
	out := make([]byte, 0, min(size, limit)+1)
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case int64(len(out)) > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
	}
}

// memory is files in memory.
type memory struct {
	dir   string
	files map[string]string
}

func (m *memory) path(name string) string {
	if m.dir == "" {
		return name
	}
	return m.dir + "/" + name
}

func (m *memory) names(_ context.Context, _ *Limits, report func(Problem)) ([]string, error) {
	out := make([]string, 0, len(m.files))
	for name := range m.files {
		if !fs.ValidPath(name) {
			report(Problem{File: name, Message: "is no path inside the project"})
			continue
		}
		if !inSkipped(name) {
			out = append(out, name)
		}
	}
	return out, nil
}

func (m *memory) read(name string, limit int64) ([]byte, error) {
	text, ok := m.files[name]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case int64(len(text)) > limit:
		return nil, errTooLarge
	}
	return []byte(text), nil
}

// single is one file of a folder, which is named alone.
type single struct {
	*folder
	name string
}

func (s *single) names(context.Context, *Limits, func(Problem)) ([]string, error) {
	return []string{s.name}, nil
}

// reason is what people read of an error: the cause, without the operation and
// the path, which stand beside it.
func reason(err error) string {
	var where *fs.PathError
	if errors.As(err, &where) {
		err = where.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the file is gone, or a link that leads nowhere"
	case errors.Is(err, fs.ErrPermission):
		return "the file may not be read"
	case strings.Contains(err.Error(), "escapes"):
		return "a link that leads out of the project was not followed"
	}
	return err.Error()
}
