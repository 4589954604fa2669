package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// format is the version of bundle.json that this program reads.
const format = 1

// The first two entries of a bundle.
const (
	bundleFile    = "bundle.json"
	signatureFile = "bundle.sig"
)

// The limits of a bundle.
const (
	maxBundleFile = 4 << 20 // bytes of bundle.json
	maxFiles      = 10_000
	maxTotal      = 2 << 30 // bytes of all files
)

// Bundle is bundle.json: what a bundle says of itself. The signature is over
// its exact bytes, and covers the files by their checksums.
type Bundle struct {
	Format int `json:"format"`
	// Name is the series of updates, as "community".
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	// MinimumFarrier is the oldest Farrier that reads it, as "1.4.0"; empty for any.
	MinimumFarrier string `json:"minimumFarrier,omitempty"`
	// Key is the id of the key that signed it.
	Key   string `json:"key"`
	Files []File `json:"files"`
}

// File is one file of a bundle.
type File struct {
	Path string `json:"path"`
	// Size is in bytes, SHA256 in lower-case hexadecimal.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Lines are those of passwords/sha1-prefixes, and 0 elsewhere.
	Lines int `json:"lines,omitempty"`
}

// in is where the file lies in a folder.
func (f *File) in(dir string) string { return filepath.Join(dir, filepath.FromSlash(f.Path)) }

// checkPasswords holds a file that is too large for memory against checksum and
// form.
func (f *File) checkPasswords(dir string) error {
	size, sum, err := sumFile(f.in(dir))
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	if err := f.checkSum(size, sum); err != nil {
		return err
	}
	lines, err := readPasswords(f.in(dir))
	if err != nil {
		return fmt.Errorf("%s%w", f.Path, err)
	}
	if lines != f.Lines {
		return fmt.Errorf("%s: %d lines, but bundle.json says %d", f.Path, lines, f.Lines)
	}
	return nil
}

// check holds a text against size and checksum.
func (f *File) check(text []byte) error {
	sum := sha256.Sum256(text)
	return f.checkSum(int64(len(text)), hex.EncodeToString(sum[:]))
}

func (f *File) checkSum(size int64, sum string) error {
	switch {
	case size != f.Size:
		return fmt.Errorf("%s has %d bytes, but bundle.json says %d", f.Path, size, f.Size)
	case sum != f.SHA256:
		return fmt.Errorf("%s is not the file that was signed: its checksum is wrong", f.Path)
	}
	return nil
}

// kind is what a file of a bundle is for.
type kind uint8

const (
	unknown kind = iota
	ruleYAML
	ruleSecLang
	addresses
	bots
	passwords
	advisory
)

// layout are the files that a bundle may have. Folders below these are not.
var layout = [...]struct {
	kind kind
	form *regexp.Regexp
	max  int64 // bytes
}{
	{ruleYAML, regexp.MustCompile(`^rules/[a-z0-9][a-z0-9._-]{0,99}\.yaml$`), 256 << 10},
	{ruleSecLang, regexp.MustCompile(`^rules/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.conf$`), 1 << 20},
	{addresses, regexp.MustCompile(`^feeds/addresses\.txt$`), 64 << 20},
	{bots, regexp.MustCompile(`^feeds/bots\.txt$`), 1 << 20},
	{passwords, regexp.MustCompile(`^passwords/sha1-prefixes$`), 1 << 30},
	{advisory, regexp.MustCompile(`^advisories/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json$`), 1 << 20},
}

func kindOf(name string) kind {
	for _, l := range layout {
		if l.form.MatchString(name) {
			return l.kind
		}
	}
	return unknown
}

// checkName refuses the name of a file that no bundle has.
func checkName(name string) error {
	switch {
	case !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, `\`):
		return fmt.Errorf("%q leads out of the bundle", name)
	case kindOf(name) == unknown:
		return fmt.Errorf("%q is no file of a bundle; there are rules/*.yaml, rules/*.conf, feeds/addresses.txt, "+
			"feeds/bots.txt, passwords/sha1-prefixes and advisories/*.json", name)
	}
	return nil
}

func maxSize(name string) int64 {
	for _, l := range layout {
		if l.form.MatchString(name) {
			return l.max
		}
	}
	return 0
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// parseBundle reads bundle.json and refuses what is not of its form.
func parseBundle(text []byte) (*Bundle, error) {
	// The format comes first: a newer one may have other fields.
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("reading bundle.json: %w", err)
	}
	if head.Format != format {
		return nil, fmt.Errorf("bundle.json has format %d, this Farrier reads %d", head.Format, format)
	}
	b := &Bundle{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(b); err != nil {
		return nil, fmt.Errorf("reading bundle.json: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading bundle.json: more text behind the object")
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("bundle.json: %w", err)
	}
	return b, nil
}

func (b *Bundle) check() error {
	if !nameForm.MatchString(b.Name) {
		return fmt.Errorf("name %q: write lower-case letters, digits and hyphens", b.Name)
	}
	if _, err := parseVersion(b.Version); err != nil {
		return err
	}
	if b.MinimumFarrier != "" {
		if _, ok := parseRelease(b.MinimumFarrier); !ok {
			return fmt.Errorf("minimumFarrier %q: write a release, as 1.4.0", b.MinimumFarrier)
		}
	}
	if b.Created.IsZero() {
		return errors.New("created is missing")
	}
	if len(b.Files) == 0 || len(b.Files) > maxFiles {
		return fmt.Errorf("%d files: there must be one at least, and %d at most", len(b.Files), maxFiles)
	}
	var total int64
	seen := map[string]bool{}
	for _, f := range b.Files {
		if err := checkName(f.Path); err != nil {
			return err
		}
		// Some file systems know no upper case.
		folded := strings.ToLower(f.Path)
		if seen[folded] {
			return fmt.Errorf("%q is listed twice", f.Path)
		}
		seen[folded] = true
		switch limit := maxSize(f.Path); {
		case f.Size < 0 || f.Size > limit:
			return fmt.Errorf("%s: %d bytes; at most %d are allowed", f.Path, f.Size, limit)
		case !hashForm.MatchString(f.SHA256):
			return fmt.Errorf("%s: sha256 must be 64 lower-case hexadecimal digits", f.Path)
		case f.Lines < 0 || f.Lines > 0 && kindOf(f.Path) != passwords:
			return fmt.Errorf("%s: lines %d: only passwords/sha1-prefixes has them", f.Path, f.Lines)
		}
		total += f.Size
	}
	if total > maxTotal {
		return fmt.Errorf("%d bytes in all; at most %d are allowed", total, int64(maxTotal))
	}
	return nil
}

// version is a day and the number of the update on that day.
type version struct {
	day    time.Time
	serial int
}

// dayForm is the day in a version.
const dayForm = "2006.01.02"

var versionForm = regexp.MustCompile(`^(\d{4}\.\d{2}\.\d{2})-([1-9]\d{0,4})$`)

func parseVersion(text string) (version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("version %q: write the day and a number, as 2026.11.22-1", text)
	}
	day, err := time.Parse(dayForm, m[1])
	if err != nil {
		return version{}, fmt.Errorf("version %q: there is no such day", text)
	}
	serial, err := strconv.Atoi(m[2])
	return version{day, serial}, err
}

// newer says whether version a is newer than b; both are of the form.
func newer(a, b string) bool {
	x, _ := parseVersion(a)
	y, _ := parseVersion(b)
	if !x.day.Equal(y.day) {
		return x.day.After(y.day)
	}
	return x.serial > y.serial
}

var releaseForm = regexp.MustCompile(`^v?(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?$`)

func parseRelease(text string) (release [3]int, ok bool) {
	m := releaseForm.FindStringSubmatch(text)
	if m == nil {
		return release, false
	}
	for i := range release {
		release[i], _ = strconv.Atoi(m[i+1]) // digits, or nothing for 0
	}
	return release, true
}

// suits refuses a bundle that is for a newer Farrier. A Farrier that is no
// release, as one that was built from a working copy, takes all.
func (b *Bundle) suits(farrier string) error {
	wanted, _ := parseRelease(b.MinimumFarrier) // empty for any
	have, ok := parseRelease(farrier)
	if !ok {
		return nil
	}
	for i := range wanted {
		if have[i] != wanted[i] {
			if have[i] < wanted[i] {
				return fmt.Errorf("the bundle needs Farrier %s or later, this is %s", b.MinimumFarrier, farrier)
			}
			return nil
		}
	}
	return nil
}
