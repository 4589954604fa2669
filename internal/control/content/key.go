package content

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	publicBlock  = "PUBLIC KEY"
	privateBlock = "PRIVATE KEY"
	// maxKeyFile bounds a file with a key, in bytes; maxKeys how many are trusted.
	maxKeyFile = 16 << 10
	maxKeys    = 100
)

var keyIDForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// GenerateKey makes a key for signing bundles, in the form that ParsePrivateKey
// and ParsePublicKey read: PEM, as other programs write it too.
func GenerateKey() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, fmt.Errorf("writing a key: %w", err)
	}
	public, err = encodePublicKey(pub)
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), public, err
}

func encodePublicKey(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// KeyID names a key: the first 16 hexadecimal digits of the SHA-256 of it.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

func block(text []byte, kind string) (*pem.Block, error) {
	b, rest := pem.Decode(text)
	switch {
	case b == nil:
		return nil, fmt.Errorf("it is not PEM; a key begins with -----BEGIN %s-----", kind)
	case b.Type == privateBlock && kind == publicBlock:
		return nil, errors.New("it is a private key, which stays with who signs; give the public one")
	case b.Type != kind:
		return nil, fmt.Errorf("it holds a %q, not a %q", b.Type, kind)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("there is more behind the key")
	}
	return b, nil
}

// ParsePublicKey reads an Ed25519 public key (PEM, PKIX).
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	b, err := block(text, publicBlock)
	if err != nil {
		return nil, err
	}
	any, err := x509.ParsePKIXPublicKey(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	key, ok := any.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("it is a key of another kind; bundles are signed with Ed25519")
	}
	return key, nil
}

// ParsePrivateKey reads an Ed25519 private key (PEM, PKCS #8).
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	b, err := block(text, privateBlock)
	if err != nil {
		return nil, err
	}
	any, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, errors.New("reading the key: it is damaged") // the inner error may speak of the key
	}
	key, ok := any.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("it is a key of another kind; bundles are signed with Ed25519")
	}
	return key, nil
}

// Key is a trusted key.
type Key struct {
	ID string
	// Since is when it was trusted.
	Since time.Time

	key ed25519.PublicKey
}

func (f *Folder) keysDir() string { return filepath.Join(f.dir, "keys") }

// Trust takes the public key in text for bundles to come, and gives its id.
func (f *Folder) Trust(text []byte) (id string, err error) {
	key, err := ParsePublicKey(text)
	if err != nil {
		return "", err
	}
	unlock, err := f.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	keys, err := f.Keys()
	if err != nil {
		return "", err
	}
	id = KeyID(key)
	switch {
	case slices.ContainsFunc(keys, func(k Key) bool { return k.ID == id }):
		return id, nil
	case len(keys) >= maxKeys:
		return "", fmt.Errorf("%d keys are trusted already; untrust one first", len(keys))
	}
	if err := os.MkdirAll(f.keysDir(), 0o700); err != nil {
		return "", fmt.Errorf("making the folder of keys: %w", err)
	}
	text, err = encodePublicKey(key)
	if err != nil {
		return "", err
	}
	return id, replaceFile(filepath.Join(f.keysDir(), id+".pem"), text)
}

// Keys are the trusted keys, in the order of their ids.
func (f *Folder) Keys() ([]Key, error) {
	entries, err := os.ReadDir(f.keysDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the trusted keys: %w", err)
	}
	var keys []Key
	for _, e := range entries {
		id, isKey := strings.CutSuffix(e.Name(), ".pem")
		if !isKey {
			continue
		}
		k, err := f.key(id)
		if err != nil {
			return nil, err
		}
		keys = append(keys, *k)
	}
	return keys, nil
}

// key reads one trusted key; fs.ErrNotExist says that it is not trusted.
func (f *Folder) key(id string) (*Key, error) {
	if !keyIDForm.MatchString(id) {
		return nil, fmt.Errorf("%q is no id of a key; farrier content keys lists them", id)
	}
	name := filepath.Join(f.keysDir(), id+".pem")
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading the trusted key %s: %w", id, err)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("reading the trusted key %s: the file is too large", id)
	}
	text, err := os.ReadFile(name) //nolint:gosec // in our own folder, by a name that was checked
	if err != nil {
		return nil, fmt.Errorf("reading the trusted key %s: %w", id, err)
	}
	key, err := ParsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading the trusted key %s: %w", id, err)
	}
	if KeyID(key) != id {
		return nil, fmt.Errorf("reading the trusted key %s: the file holds another key, %s", id, KeyID(key))
	}
	return &Key{ID: id, Since: info.ModTime().UTC(), key: key}, nil
}

// Untrust believes the key no longer. Without force it refuses while content
// that the key signed is installed: that would no longer be served.
func (f *Folder) Untrust(id string, force bool) error {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := f.key(id); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the key %s is not trusted; farrier content keys lists those that are", id)
	} else if err != nil && !keyIDForm.MatchString(id) {
		return err
	}
	if !force {
		st, err := f.readState()
		if err != nil {
			return err
		}
		for _, one := range []*installed{st.Current, st.Previous} {
			if one != nil && one.Key == id {
				return fmt.Errorf("content %s is installed and signed with the key %s; without the key it is no longer served (--force does so)", one.Version, id)
			}
		}
	}
	if err := os.Remove(filepath.Join(f.keysDir(), id+".pem")); err != nil {
		return fmt.Errorf("removing the key %s: %w", id, err)
	}
	return nil
}
