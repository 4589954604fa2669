package audit

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The names of the files in the data folder: the key that signs checkpoints, its
// public half beside it, and the last checkpoint.
const (
	KeyFile  = "audit.key"
	HeadFile = "audit.head"
	// PublicEnding follows the name of the key's file in that of the public half.
	PublicEnding = ".pub"
)

const (
	privateFormat = "farrier-audit-key-v1"
	publicFormat  = "farrier-audit-public-key-v1"
	keyFileLimit  = 4096
	// keyBytes is the size of a seed, and of the public half too.
	keyBytes = ed25519.SeedSize
)

// The refusals about keys.
var (
	// ErrKeyMissing says that there are checkpoints but not the key that signed them.
	ErrKeyMissing = errors.New("the key of the audit log is missing")
	// ErrKeyFile says that the file of a key can not be trusted: readable by others,
	// or damaged.
	ErrKeyFile = errors.New("the file of the audit log's key is refused")
)

// Public is what tells whether a checkpoint is genuine.
type Public struct {
	id  string
	key ed25519.PublicKey
}

// ID names the key: the beginning of the SHA-256 of its public half, in hex.
func (p *Public) ID() string { return p.id }

// Key signs checkpoints. Its printed form never shows it.
type Key struct {
	Public
	private ed25519.PrivateKey
}

// String names the key by its id.
func (k *Key) String() string { return "audit key " + k.id }

// GoString keeps %#v from printing the key.
func (k *Key) GoString() string { return k.String() }

func newKey(seed []byte) *Key {
	private := ed25519.NewKeyFromSeed(seed)
	public, _ := private.Public().(ed25519.PublicKey)
	return &Key{Public: *newPublic(public), private: private}
}

func newPublic(key ed25519.PublicKey) *Public {
	sum := sha256.Sum256(key)
	return &Public{id: hex.EncodeToString(sum[:8]), key: key}
}

// pepper is what the hashes of secrets are keyed with.
func (k *Key) pepper() ([]byte, error) {
	return hkdf.Key(sha256.New, k.private.Seed(), nil, "farrier audit secrets v1", sha256.Size)
}

// OpenKey reads the key at path. When there is none and signed answers false, it
// makes one (mode 0600), and its public half beside it. Where something was signed
// already it refuses with ErrKeyMissing and never makes a second one: a new key
// would make every older checkpoint look forged.
func OpenKey(path string, signed func() (bool, error)) (*Key, error) {
	seed, err := readKey(path, privateFormat, true)
	if err == nil {
		return newKey(seed), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	there, err := signed()
	if err != nil {
		return nil, fmt.Errorf("looking for checkpoints before making an audit key: %w", err)
	}
	if there {
		return nil, fmt.Errorf("%w: %s does not exist, but checkpoints signed with it do; restore the file from a backup "+
			"(until then nothing is signed, and no second key is made)", ErrKeyMissing, path)
	}
	if err := makeKey(path); err != nil {
		return nil, err
	}
	if seed, err = readKey(path, privateFormat, true); err != nil {
		return nil, err
	}
	return newKey(seed), nil
}

// ReadPublic reads the public half from its own file, or from that of the key.
func ReadPublic(path string) (*Public, error) {
	key, err := readKey(path, publicFormat, false)
	if err == nil {
		return newPublic(key), nil
	}
	seed, other := readKey(path, privateFormat, true)
	if other == nil {
		return &newKey(seed).Public, nil
	}
	return nil, other
}

// makeKey writes a new key aside and links it to its name, so that neither a crash
// nor a second process can leave half a key or replace one.
func makeKey(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("making the audit key: %w", err)
		}
	}()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	key := newKey(private.Seed())
	if err := place(path, keyText(privateFormat, key.id, key.private.Seed()), 0o600); err != nil {
		return err
	}
	return place(path+PublicEnding, keyText(publicFormat, key.id, key.key), 0o644)
}

func keyText(format, id string, key []byte) string {
	return format + " " + id + "\n" + base64.StdEncoding.EncodeToString(key) + "\n"
}

// place makes a file that must not exist yet, whole or not at all.
func place(path, text string, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".audit-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the name is gone or harmless
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder is the operator's own setting
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readKey(path, format string, private bool) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the file is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("opening the audit key: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	// The opened file is asked, not the name, so that it can not be exchanged in between.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the audit key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrKeyFile, path)
	}
	if perm := info.Mode().Perm(); private && perm&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, so others than its owner may use it; run: chmod 600 %s", ErrKeyFile, path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, keyFileLimit))
	if err != nil {
		return nil, fmt.Errorf("reading the audit key: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 3 || fields[0] != format {
		return nil, fmt.Errorf("%w: %s does not hold a line %q with the key id and a line with the key; restore it from a backup", ErrKeyFile, path, format)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(key) != keyBytes {
		return nil, fmt.Errorf("%w: the key in %s is not %d bytes of base64; restore it from a backup", ErrKeyFile, path, keyBytes)
	}
	id := newPublic(key).id
	if private {
		id = newKey(key).id
	}
	if id != fields[1] {
		return nil, fmt.Errorf("%w: the key in %s does not belong to the id beside it; restore it from a backup", ErrKeyFile, path)
	}
	return key, nil
}
