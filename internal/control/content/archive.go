package content

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// maxOverhead is what headers and padding of an archive may take, in bytes.
	maxOverhead = maxFiles * 4096
	// maxPadding is how many zeros may end an archive, in bytes.
	maxPadding = 1 << 20
)

// signed are the first two entries of an archive, as they are.
type signed struct{ bundle, signature []byte }

// readArchive reads a bundle: a tar, or a tar in gzip. Its first two entries are
// bundle.json and bundle.sig, and nothing behind them is read before verify has
// agreed to them. keep takes each listed file in turn; what it kept is only good
// when readArchive returns without error.
func readArchive(in io.Reader, verify func(signed) (*Bundle, error), keep func(name string, body io.Reader) error) (*Bundle, error) {
	raw := bufio.NewReader(in)
	var plain io.Reader = raw
	if magic, _ := raw.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("reading the bundle: %w", err)
		}
		z.Multistream(false)
		plain = z
	}
	plain = io.LimitReader(plain, maxTotal+maxBundleFile+maxOverhead)
	a := &archive{tar: tar.NewReader(plain), seen: map[string]bool{}}
	b, err := a.read(verify, keep)
	if err != nil {
		return nil, err
	}
	if err := ended(plain, raw); err != nil {
		return nil, err
	}
	return b, nil
}

type archive struct {
	tar  *tar.Reader
	seen map[string]bool
}

func (a *archive) read(verify func(signed) (*Bundle, error), keep func(string, io.Reader) error) (*Bundle, error) {
	var s signed
	var err error
	if s.bundle, err = a.head(bundleFile, maxBundleFile); err != nil {
		return nil, err
	}
	if s.signature, err = a.head(signatureFile, ed25519.SignatureSize); err != nil {
		return nil, err
	}
	b, err := verify(s)
	if err != nil {
		return nil, err
	}
	for {
		h, err := a.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := checkName(h.Name); err != nil {
			return nil, fmt.Errorf("the bundle has a file that it must not have: %w", err)
		}
		i := slices.IndexFunc(b.Files, func(f File) bool { return f.Path == h.Name })
		if i < 0 {
			return nil, fmt.Errorf("%s is in the bundle, but bundle.json does not list it", h.Name)
		}
		if err := a.file(&b.Files[i], h.Size, keep); err != nil {
			return nil, err
		}
	}
	for _, f := range b.Files {
		if !a.seen[f.Path] {
			return nil, fmt.Errorf("%s is missing; bundle.json lists it", f.Path)
		}
	}
	return b, nil
}

// next is the next entry; each is a file, and of its own name.
func (a *archive) next() (*tar.Header, error) {
	h, err := a.tar.Next()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	switch {
	case h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("%.100q is no file: a bundle has no folders, links or devices", h.Name)
	case a.seen[h.Name]:
		return nil, fmt.Errorf("%.100q is in the bundle twice", h.Name)
	}
	a.seen[h.Name] = true
	return h, nil
}

func (a *archive) head(name string, limit int64) ([]byte, error) {
	h, err := a.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("this is no bundle: %s is missing", name)
	case err != nil:
		return nil, err
	case h.Name != name:
		return nil, fmt.Errorf("this is no bundle: %.100q stands where %s must stand", h.Name, name)
	case h.Size > limit:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, h.Size, limit)
	}
	text, err := io.ReadAll(a.tar)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return text, nil
}

func (a *archive) file(f *File, size int64, keep func(string, io.Reader) error) error {
	if size != f.Size {
		return fmt.Errorf("%s has %d bytes, but bundle.json says %d", f.Path, size, f.Size)
	}
	sum := sha256.New()
	counted := &counter{in: io.TeeReader(a.tar, sum)}
	if err := keep(f.Path, counted); err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	return f.checkSum(counted.n, hex.EncodeToString(sum.Sum(nil)))
}

type counter struct {
	in io.Reader
	n  int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// ended refuses an archive with anything behind its end but zeros.
func ended(plain io.Reader, raw *bufio.Reader) error {
	rest, err := io.ReadAll(io.LimitReader(plain, maxPadding+1))
	if err != nil {
		return fmt.Errorf("reading the end of the bundle: %w", err)
	}
	_, err = raw.ReadByte()
	if len(rest) > maxPadding || len(bytes.Trim(rest, "\x00")) > 0 || err == nil {
		return errors.New("there is more behind the end of the bundle")
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the end of the bundle: %w", err)
	}
	return nil
}
