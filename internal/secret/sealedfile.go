package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteSealed keeps plain in a file that only this keyring opens (mode 0600), made
// beside the old one and then put in its place, so that there is always a whole one.
func (k *Keyring) WriteSealed(path, purpose string, plain []byte) error {
	sealed, err := k.Seal(purpose, plain)
	if err != nil {
		return fmt.Errorf("sealing %s: %w", filepath.Base(path), err)
	}
	next, err := os.OpenFile(path+".next", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // in our own data folder
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	_, err = next.WriteString(sealed)
	err = errors.Join(err, next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(path+".next", path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}

// ReadSealed reads what WriteSealed kept. A file that is not there is
// fs.ErrNotExist.
func (k *Keyring) ReadSealed(path, purpose string) ([]byte, error) {
	sealed, err := os.ReadFile(path) //nolint:gosec // in our own data folder
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	plain, err := k.Open(purpose, string(sealed))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	return plain, nil
}
