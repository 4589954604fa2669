package mule

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
)

// directoryBytes bounds how much of an archive is read before the number of its
// files is known.
const directoryBytes = 32 << 20

// archive is a zip or jar file.
type archive struct {
	dir   string
	files map[string]*zip.File
	// refused are entries that lie outside or stand twice.
	refused []Problem
	ratio   uint64
	file    *os.File
}

var (
	errDirectory = errors.New("the directory of the archive is too large")
	errArchive   = errors.New("the archive is too large and was not read")
)

// openArchive opens an archive of a folder.
func openArchive(root *os.Root, name, dir string, l *Limits) (*archive, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errIrregular
	}
	if info.Size() > l.ArchiveBytes {
		return nil, errArchive
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	a, err := newArchive(file, info.Size(), dir, l)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	a.file = file
	return a, nil
}

// nested is an archive in another. It is unpacked into memory while it is read,
// and forgotten then.
type nested struct {
	outer *archive
	name  string
	l     *Limits
}

func (n *nested) open() (*archive, error) {
	text, err := n.outer.read(n.name, n.l.NestedBytes)
	if err != nil {
		return nil, err
	}
	return newArchive(bytes.NewReader(text), int64(len(text)), n.outer.path(n.name), n.l)
}

func (n *nested) path(name string) string { return n.outer.path(n.name) + "!/" + name }

func (n *nested) names(ctx context.Context, l *Limits, report func(Problem)) ([]string, error) {
	a, err := n.open()
	if err != nil {
		return nil, err
	}
	return a.names(ctx, l, report)
}

func (n *nested) read(name string, limit int64) ([]byte, error) {
	a, err := n.open()
	if err != nil {
		return nil, err
	}
	return a.read(name, limit)
}

func newArchive(r io.ReaderAt, size int64, dir string, l *Limits) (*archive, error) {
	budget := &boundedReader{r: r}
	budget.left.Store(directoryBytes)
	z, err := zip.NewReader(budget, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	if len(z.File) > l.ArchiveNames {
		return nil, fmt.Errorf("the archive holds more than %d files and was not read", l.ArchiveNames)
	}
	budget.unbounded.Store(true)
	a := &archive{dir: dir, files: make(map[string]*zip.File, len(z.File)), ratio: l.ArchiveRatio}
	for _, f := range z.File {
		switch {
		case strings.HasSuffix(f.Name, "/"):
		case !fs.ValidPath(f.Name) || strings.ContainsAny(f.Name, "\\\x00"):
			a.refuse("%q is no path inside the archive", f.Name)
		case a.files[f.Name] != nil:
			a.refuse("%q stands in the archive twice", f.Name)
		default:
			a.files[f.Name] = f
		}
	}
	return a, nil
}

// refuse remembers a few of the entries that are left out.
func (a *archive) refuse(format, name string) {
	if len(a.refused) < 10 {
		a.refused = append(a.refused, Problem{File: a.dir, Message: fmt.Sprintf(format, name)})
	}
}

func (a *archive) path(name string) string { return a.dir + "!/" + name }

func (a *archive) names(ctx context.Context, l *Limits, report func(Problem)) ([]string, error) {
	for _, p := range a.refused {
		report(p)
	}
	out := make([]string, 0, len(a.files))
	for name, f := range a.files {
		if f.Mode().IsRegular() && strings.Count(name, "/") <= l.Depth && !inSkipped(name) {
			out = append(out, name)
		}
	}
	return out, ctx.Err()
}

// inSkipped says whether a file lies in a folder that is left out.
func inSkipped(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if skipped(dir) {
			return true
		}
	}
	return false
}

func (a *archive) read(name string, limit int64) ([]byte, error) {
	f := a.files[name]
	switch {
	case f == nil:
		return nil, fs.ErrNotExist
	case f.UncompressedSize64 > uint64(max(limit, 0)): //nolint:gosec // not negative
		return nil, errTooLarge
	case f.UncompressedSize64 > 64<<10 && f.UncompressedSize64/max(f.CompressedSize64, 1) > a.ratio:
		return nil, errPacked
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return readUpTo(r, int64(f.UncompressedSize64), limit) //nolint:gosec // at most limit, an int64
}

// boundedReader reads at most as many bytes as are left, until it is unbounded.
type boundedReader struct {
	r         io.ReaderAt
	left      atomic.Int64
	unbounded atomic.Bool
}

func (b *boundedReader) ReadAt(p []byte, off int64) (int, error) {
	if !b.unbounded.Load() && b.left.Add(-int64(len(p))) < 0 {
		return 0, errDirectory
	}
	return b.r.ReadAt(p, off)
}
