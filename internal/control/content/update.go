package content

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// temporary begins the names of folders that are being made or removed.
const temporary = ".next-"

// Update installs a bundle and puts it into service. It refuses one that is not
// newer than what is installed, or of another name, unless forced. With an error
// nothing has changed.
func (f *Folder) Update(in io.Reader, force bool) (Status, error) {
	unlock, err := f.lock()
	if err != nil {
		return Status{}, err
	}
	defer unlock()
	s, err := f.readState()
	if err != nil {
		if !force {
			return Status{}, fmt.Errorf("%w (--force begins anew)", err)
		}
		s = &state{}
	}
	next, err := os.MkdirTemp(f.dir, temporary)
	if err != nil {
		return Status{}, fmt.Errorf("making a folder for the content: %w", err)
	}
	defer func() { _ = os.RemoveAll(next) }()
	b, folder, err := f.unpack(in, next, func(b *Bundle) error {
		if err := b.suits(f.o.Farrier); err != nil || force {
			return err
		}
		return b.follows(s.Current)
	})
	if err != nil {
		return Status{}, err
	}
	c, err := read(b, next, true)
	if err != nil {
		return Status{}, err
	}
	if err := f.o.Compile.throughout(c.Sources); err != nil {
		return Status{}, fmt.Errorf("its rules do not compile together with those of this Farrier: %w", err)
	}
	one := &installed{Folder: folder, Name: b.Name, Version: b.Version, Key: b.Key, At: f.o.Now().UTC()}
	if err := f.settle(next, one); err != nil {
		return Status{}, err
	}
	if s.Current == nil || s.Current.Folder != folder {
		s.Previous = s.Current
	}
	s.Current, s.Action = one, ActionUpdate
	if err := f.writeState(s); err != nil {
		return Status{}, err
	}
	f.clean(s)
	st := Status{Version: b.Version, Name: b.Name, Key: b.Key, Installed: one.At, Counts: c.Counts}
	if s.Previous != nil {
		st.Previous = s.Previous.Version
	}
	return st, nil
}

// follows refuses a bundle that is not an update of what is installed.
func (b *Bundle) follows(one *installed) error {
	switch {
	case one == nil:
		return nil
	case one.Name != b.Name:
		return fmt.Errorf("it is content %q, but %q is installed; --force replaces one by the other", b.Name, one.Name)
	case one.Version == b.Version:
		return fmt.Errorf("version %s is installed already; --force installs it again", b.Version)
	case !newer(b.Version, one.Version):
		return fmt.Errorf("version %s is older than the installed %s; farrier content rollback goes back, --force installs the older one", b.Version, one.Version)
	}
	return nil
}

// unpack writes the files of a bundle into a folder, and names the folder that
// it shall have: by version and checksum, so that two bundles that claim one
// version never share it.
func (f *Folder) unpack(in io.Reader, dir string, agree func(*Bundle) error) (b *Bundle, folder string, err error) {
	verify := func(s signed) (*Bundle, error) {
		b, err := f.verify(s)
		if err != nil {
			return nil, err
		}
		if err := agree(b); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(s.bundle)
		folder = b.Version + "." + hex.EncodeToString(sum[:4])
		if err := writeFile(filepath.Join(dir, bundleFile), strings.NewReader(string(s.bundle))); err != nil {
			return nil, err
		}
		return b, writeFile(filepath.Join(dir, signatureFile), strings.NewReader(string(s.signature)))
	}
	b, err = readArchive(in, verify, func(name string, body io.Reader) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		return writeFile(path, body)
	})
	return b, folder, err
}

// settle puts a finished folder in its place.
func (f *Folder) settle(next string, one *installed) error {
	place := filepath.Join(f.dir, one.Folder)
	if _, err := os.Stat(place); err == nil {
		// The same bundle, installed before. What is there may be damaged, and
		// the new folder is not.
		aside := next + "-old"
		if err := os.Rename(place, aside); err != nil {
			return fmt.Errorf("moving the content aside: %w", err)
		}
		defer func() { _ = os.RemoveAll(aside) }()
	}
	if err := os.Rename(next, place); err != nil {
		return fmt.Errorf("putting the content in its place: %w", err)
	}
	return syncDir(f.dir)
}

// clean removes what neither serves nor is kept to go back to. What can't be
// removed now is removed by the next update.
func (f *Folder) clean(s *state) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		_, err := parseVersion(strings.TrimSuffix(name, filepath.Ext(name)))
		if !e.IsDir() || err != nil && !strings.HasPrefix(name, temporary) {
			continue
		}
		if s.Current != nil && s.Current.Folder == name || s.Previous != nil && s.Previous.Folder == name {
			continue
		}
		_ = os.RemoveAll(filepath.Join(f.dir, name))
	}
}

// Rollback puts the content before the last update into service again, or
// nothing if there was none: then only what Farrier was built with serves. So it
// does when builtin is set. The version that is left stays on disk until the
// next update.
func (f *Folder) Rollback(builtin bool) (Status, error) {
	unlock, err := f.lock()
	if err != nil {
		return Status{}, err
	}
	defer unlock()
	s, err := f.readState()
	if err != nil {
		if !builtin {
			return Status{}, fmt.Errorf("%w (--builtin begins anew)", err)
		}
		s = &state{}
	} else if s.Current == nil {
		return Status{}, errors.New("no content is installed; only what Farrier was built with serves")
	}
	if builtin {
		s.Previous = nil
	}
	var c *Content
	if s.Previous != nil {
		if c, err = f.load(s.Previous, true); err == nil {
			err = f.o.Compile.throughout(c.Sources)
		}
		if err != nil {
			return Status{}, fmt.Errorf("the content before, %s, can't serve: %w (--builtin goes back to what Farrier was built with)", s.Previous.Version, err)
		}
	}
	s.Current, s.Previous, s.Action = s.Previous, nil, ActionRollback
	if err := f.writeState(s); err != nil {
		return Status{}, err
	}
	if c == nil {
		return Status{}, nil
	}
	return Status{Version: c.Version, Name: c.Name, Key: c.Key, Installed: s.Current.At, Counts: c.Counts}, nil
}

// writeFile writes a new file so that it survives a power loss.
func writeFile(path string, body io.Reader) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // in our own folder, by a name that was checked
	if err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	_, err = io.Copy(file, body)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // our own folder
	if err != nil {
		return fmt.Errorf("opening a folder: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("writing the folder %s: %w", filepath.Base(path), err)
	}
	return nil
}
