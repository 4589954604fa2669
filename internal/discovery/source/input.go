package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxLayers is how often a file may be compressed.
const maxLayers = 2

// maxWindow bounds what a zstd file may make its reader hold, in bytes.
const maxWindow = 128 << 20

// opener is a file that is opened when its turn comes.
type opener struct {
	name string
	open func() (io.ReadCloser, error)
}

// list finds the files of a path.
func (r *reader) list(path string) error {
	if path == "-" {
		if r.options.Stdin == nil {
			return errors.New("there is no standard input to read")
		}
		r.files = []opener{{"standard input", func() (io.ReadCloser, error) { return io.NopCloser(r.options.Stdin), nil }}}
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("opening a source: %w", err)
	}
	if !info.IsDir() {
		r.files = []opener{{path, func() (io.ReadCloser, error) { return os.Open(path) }}} //nolint:gosec // the path is what the operator named
		return nil
	}
	r.folder = true
	root, err := os.OpenRoot(path)
	if err != nil {
		return fmt.Errorf("opening a source: %w", err)
	}
	defer root.Close() //nolint:errcheck // read only
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			r.tally.begin(path + "/" + name)
			r.tally.skip(0, "it could not be opened")
			return nil //nolint:nilerr // it is counted, and the others are read
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		case len(r.files) == MaxFiles:
			return fmt.Errorf("%s holds more than %d files: name folders inside it one by one", path, MaxFiles)
		}
		r.files = append(r.files, opener{path + "/" + name, func() (io.ReadCloser, error) { return openIn(path, name) }})
		return nil
	})
	if err != nil {
		return err
	}
	if len(r.files) == 0 {
		return fmt.Errorf("%s holds no files", path)
	}
	return nil
}

// openIn opens a file in a folder, and nothing outside it.
func openIn(folder, name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // read only
	return root.Open(name)
}

// open begins the next file. Of a folder, what can't be read is counted.
func (r *reader) open() error {
	next := r.files[0]
	r.files = r.files[1:]
	r.name = next.name
	r.tally.begin(next.name)
	err := r.begin(next)
	if err == nil {
		r.tally.format(r.at.format())
		return nil
	}
	r.closeFile()
	if !r.folder {
		return err
	}
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		r.tally.skip(0, "it is in no format that is known here")
	default:
		r.tally.skip(0, "it could not be opened")
	}
	return nil
}

func (r *reader) begin(next opener) error {
	file, err := next.open()
	if err != nil {
		return fmt.Errorf("opening a source: %w", err)
	}
	r.closers = append(r.closers, file)
	buffered := bufio.NewReaderSize(file, 1<<16)
	for range maxLayers {
		inner, err := r.decompress(buffered)
		if err != nil {
			return fmt.Errorf("opening %s: %w", next.name, err)
		}
		if inner == nil {
			break
		}
		buffered = bufio.NewReaderSize(inner, 1<<16)
	}
	in := bufio.NewReaderSize(buffered, MaxLine)
	if start, err := in.Peek(3); err == nil && bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3)
	}
	r.at, err = r.detect(in)
	if err != nil {
		return fmt.Errorf("opening %s: %w", next.name, err)
	}
	return nil
}

// decompress opens one layer, or gives nil when there is none.
func (r *reader) decompress(in *bufio.Reader) (io.Reader, error) {
	start, _ := in.Peek(10)
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b, 8}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		r.closers = append(r.closers, z)
		return z, nil
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		r.closers = append(r.closers, z.IOReadCloser())
		return z, nil
	case len(start) == 10 && bytes.HasPrefix(start, []byte("BZh")) && bytes.Equal(start[4:], []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}):
		return bzip2.NewReader(in), nil
	}
	return nil, nil //nolint:nilnil // no layer is an answer
}
