package content

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Draft is what whoever signs a bundle says of it.
type Draft struct {
	Name, Version  string
	MinimumFarrier string
	Created        time.Time
	// Gzip compresses it.
	Gzip bool
	// Compile may be nil for CompileRules.
	Compile Compile
}

// Sign writes a bundle of the files in dir. It refuses what Update would refuse
// of it.
func Sign(dir string, d Draft, key ed25519.PrivateKey, out io.Writer) (*Bundle, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("signing: the key is of another kind")
	}
	b := &Bundle{
		Format: format, Name: d.Name, Version: d.Version, Created: d.Created.UTC().Truncate(time.Second),
		MinimumFarrier: d.MinimumFarrier, Key: KeyID(public), Files: []File{},
	}
	if err := b.list(dir); err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	c, err := read(b, dir, true)
	if err != nil {
		return nil, err
	}
	if d.Compile == nil {
		d.Compile = CompileRules
	}
	if err := d.Compile.throughout(c.Sources); err != nil {
		return nil, fmt.Errorf("its rules do not compile: %w", err)
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing bundle.json: %w", err)
	}
	if len(text) > maxBundleFile {
		return nil, fmt.Errorf("bundle.json has %d bytes, more than %d", len(text), maxBundleFile)
	}
	return b, b.write(dir, text, ed25519.Sign(key, text), d.Gzip, out)
}

// list fills in the files of a folder, in the order of their names.
func (b *Bundle) list(dir string) error {
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		inner, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		f := File{Path: filepath.ToSlash(inner)}
		if err := checkName(f.Path); err != nil {
			return err
		}
		if f.Size, f.SHA256, err = sumFile(name); err != nil {
			return err
		}
		if kindOf(f.Path) == passwords {
			if f.Lines, err = readPasswords(name); err != nil {
				return fmt.Errorf("%s%w", f.Path, err)
			}
		}
		b.Files = append(b.Files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the files of the bundle: %w", err)
	}
	return nil
}

func sumFile(name string) (size int64, sum string, err error) {
	file, err := os.Open(name) //nolint:gosec // in a folder that the operator named
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = file.Close() }()
	h := sha256.New()
	size, err = io.Copy(h, file)
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// write writes the archive. Equal files and an equal draft give equal bytes.
func (b *Bundle) write(dir string, text, signature []byte, zip bool, out io.Writer) (err error) {
	closers := []io.Closer{}
	if zip {
		z := gzip.NewWriter(out)
		closers = append(closers, z)
		out = z
	}
	t := tar.NewWriter(out)
	closers = append([]io.Closer{t}, closers...)
	add := func(name string, size int64, body io.Reader) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: b.Created, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if _, err := io.Copy(t, body); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		return nil
	}
	if err := add(bundleFile, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	if err := add(signatureFile, int64(len(signature)), bytes.NewReader(signature)); err != nil {
		return err
	}
	for _, f := range b.Files {
		if err := b.addFile(dir, f, add); err != nil {
			return err
		}
	}
	for _, c := range closers {
		if err := c.Close(); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
	}
	return nil
}

func (b *Bundle) addFile(dir string, f File, add func(string, int64, io.Reader) error) error {
	file, err := os.Open(f.in(dir))
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	defer func() { _ = file.Close() }()
	return add(f.Path, f.Size, file)
}

// FirstVersion is the first version of a day.
func FirstVersion(day time.Time) string { return day.UTC().Format(dayForm) + "-1" }
