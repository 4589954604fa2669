package content

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// Options are what a folder works with; Compile may be nil for CompileRules.
type Options struct {
	// Data is the data folder.
	Data string
	Now  func() time.Time
	// Farrier is the version of this program.
	Farrier string
	Compile Compile
}

// Folder is what is installed in a data folder. Its methods may be used by
// several processes at once: changes take a lock of their own, and readers see
// the content before a change or behind it.
type Folder struct {
	o   Options
	dir string
}

// Open names the folder; nothing is read or made before it is needed.
func Open(o Options) *Folder {
	if o.Compile == nil {
		o.Compile = CompileRules
	}
	return &Folder{o: o, dir: filepath.Join(o.Data, "content")}
}

// ErrNotTrusted says that content is signed with a key that is not trusted.
var ErrNotTrusted = errors.New("not trusted")

// stateFile says which content is in service.
const stateFile = "current"

// The actions that change what is in service.
const (
	ActionUpdate   = "update"
	ActionRollback = "rollback"
)

// state is the file current.
type state struct {
	Format int `json:"format"`
	// Action is what changed it last, At when.
	Action string    `json:"action"`
	At     time.Time `json:"at"`
	// Current is nil when only what Farrier was built with serves, Previous
	// when there is nothing to go back to.
	Current  *installed `json:"current"`
	Previous *installed `json:"previous"`
}

// installed is content in a folder of its own.
type installed struct {
	Folder  string    `json:"folder"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Key     string    `json:"key"`
	At      time.Time `json:"installed"`
}

func (f *Folder) readState() (*state, error) {
	text, err := os.ReadFile(filepath.Join(f.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &state{Format: format}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading which content is in service: %w", err)
	}
	return parseState(text)
}

func parseState(text []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading which content is in service: %w", err)
	}
	if s.Format != format {
		return nil, fmt.Errorf("reading which content is in service: format %d, this Farrier reads %d", s.Format, format)
	}
	for _, one := range []*installed{s.Current, s.Previous} {
		if one == nil {
			continue
		}
		if _, err := parseVersion(one.Version); err != nil || !strings.HasPrefix(one.Folder, one.Version) || filepath.Base(one.Folder) != one.Folder {
			return nil, fmt.Errorf("reading which content is in service: %q is no folder of content %q", one.Folder, one.Version)
		}
	}
	return &s, nil
}

func (f *Folder) writeState(s *state) error {
	s.Format, s.At = format, f.o.Now().UTC()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("writing which content is in service: %w", err)
	}
	return replaceFile(filepath.Join(f.dir, stateFile), append(text, '\n'))
}

// lock keeps other changes of the folder out.
func (f *Folder) lock() (unlock func(), err error) {
	l, err := store.LockDir(f.dir)
	if errors.Is(err, store.ErrLocked) {
		return nil, errors.New("another farrier content command is at work in this data folder; try again when it has ended")
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = l.Close() }, nil
}

// verify agrees to the first two entries of a bundle when a trusted key signed
// them.
func (f *Folder) verify(s signed) (*Bundle, error) {
	// Of what nobody vouches for yet, only the key is read.
	var head struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(s.bundle, &head); err != nil {
		return nil, fmt.Errorf("reading bundle.json: %w", err)
	}
	if !keyIDForm.MatchString(head.Key) {
		return nil, errors.New("bundle.json does not say which key signed it")
	}
	k, err := f.key(head.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("it is signed with the key %s, which is %w; "+
			"if you know who holds it, give the public key to farrier content trust", head.Key, ErrNotTrusted)
	}
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(k.key, s.bundle, s.signature) {
		return nil, fmt.Errorf("the signature is wrong: the key %s did not sign this bundle.json", k.ID)
	}
	return parseBundle(s.bundle)
}

// Load reads the content in service and compiles its rules, or gives None when
// there is none. It trusts the folder no more than the bundle it came from.
func (f *Folder) Load() (*Content, error) {
	for {
		s, err := f.readState()
		if err != nil {
			return nil, err
		}
		if s.Current == nil {
			return None(), nil
		}
		c, err := f.load(s.Current, false)
		if err == nil && len(c.Sources) > 0 {
			// They compiled when they were installed, but perhaps with another Farrier.
			err = f.o.Compile(usualLevel, c.Sources)
		}
		if err == nil {
			return c, nil
		}
		// Content is removed two updates later, perhaps while it is read.
		if again, stateErr := f.readState(); stateErr != nil || again.Current != nil && again.Current.Folder == s.Current.Folder {
			return nil, fmt.Errorf("content %s: %w", s.Current.Version, err)
		}
	}
}

// load reads installed content.
func (f *Folder) load(one *installed, thorough bool) (*Content, error) {
	dir := filepath.Join(f.dir, one.Folder)
	var s signed
	var err error
	if s.bundle, err = readBounded(filepath.Join(dir, bundleFile), maxBundleFile); err != nil {
		return nil, err
	}
	if s.signature, err = readBounded(filepath.Join(dir, signatureFile), ed25519.SignatureSize); err != nil {
		return nil, err
	}
	b, err := f.verify(s)
	if err != nil {
		return nil, err
	}
	if b.Version != one.Version {
		return nil, fmt.Errorf("the folder holds content %s", b.Version)
	}
	return read(b, dir, thorough)
}

func readBounded(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > limit {
		err = fmt.Errorf("%d bytes, more than %d", info.Size(), limit)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(name), err)
	}
	text, err := os.ReadFile(name) //nolint:gosec // in our own folder
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(name), err)
	}
	return text, nil
}

// Status is what is installed.
type Status struct {
	// Version is empty when nothing is; Previous when there is nothing to go
	// back to but what Farrier was built with.
	Version, Previous string
	Name, Key         string
	Installed         time.Time
	Counts            Counts
}

// Show tells what is installed. It reads the content thoroughly, so that damage
// is found.
func (f *Folder) Show() (Status, error) {
	s, err := f.readState()
	if err != nil {
		return Status{}, err
	}
	var st Status
	if s.Previous != nil {
		st.Previous = s.Previous.Version
	}
	if s.Current == nil {
		return st, nil
	}
	st.Version, st.Name, st.Key, st.Installed = s.Current.Version, s.Current.Name, s.Current.Key, s.Current.At
	c, err := f.load(s.Current, true)
	if err != nil {
		return st, fmt.Errorf("content %s: %w", st.Version, err)
	}
	st.Counts = c.Counts
	return st, nil
}

// replaceFile writes a file beside the old one and puts it in its place.
func replaceFile(path string, text []byte) error {
	if err := writeFile(path+".next", strings.NewReader(string(text))); err != nil {
		return err
	}
	if err := os.Rename(path+".next", path); err != nil {
		return fmt.Errorf("replacing %s: %w", filepath.Base(path), err)
	}
	return syncDir(filepath.Dir(path))
}
