package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
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

// KeyFile is the name of the master key's file in the data folder.
const KeyFile = "master.key"

const (
	keyFormat    = "farrier-master-key-v1"
	sealFormat   = "sealed-v1"
	masterBytes  = 32
	keyFileLimit = 4096
)

// The refusals of this file that a caller may want to tell apart.
var (
	// ErrKeyMissing says that sealed values exist but their key does not.
	ErrKeyMissing = errors.New("the master key is missing")
	// ErrKeyFile says that the key file can not be trusted: readable by others, or damaged.
	ErrKeyFile = errors.New("the master key file is refused")
	// ErrSealed says that a sealed value can not be opened: another key, another purpose, or altered.
	ErrSealed = errors.New("the sealed value can not be opened")
)

// Keyring holds the master key of one data folder. It is safe for use by many
// goroutines. Its printed form never shows the key.
type Keyring struct {
	id     string
	master []byte
}

// OpenKeyring reads the master key from dir, which must exist. At the first
// start, when there is no key and sealedExist answers false, it makes one
// (32 random bytes, mode 0600). When sealed values exist and the key does not,
// it refuses with ErrKeyMissing and never makes a second one, for a new key
// would turn "restore the file" into "all secrets are lost". A key file that
// anyone but its owner may read, or that is damaged, is ErrKeyFile.
func OpenKeyring(dir string, sealedExist func() (bool, error)) (*Keyring, error) {
	path := filepath.Join(dir, KeyFile)
	ring, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	if sealedExist == nil {
		return nil, errors.New("opening the keyring: nobody can say whether sealed values exist, so no key is made")
	}
	exist, err := sealedExist()
	if err != nil {
		return nil, fmt.Errorf("looking for sealed values before making a master key: %w", err)
	}
	if exist {
		return nil, fmt.Errorf("%w: %s does not exist, but values sealed with it do; restore the file from a backup "+
			"(a new key could not open them, so none is made)", ErrKeyMissing, path)
	}
	if err := makeKey(dir, path); err != nil {
		return nil, err
	}
	return readKey(path)
}

// ID names the master key. It stands in every sealed value and says nothing
// about the key itself.
func (k *Keyring) ID() string { return k.id }

// String names the key by its id.
func (k *Keyring) String() string { return "master key " + k.id }

// GoString keeps %#v from printing the key.
func (k *Keyring) GoString() string { return k.String() }

// Seal encrypts plain for one purpose with AES-256-GCM under a key derived for
// that purpose (HKDF-SHA-256) and a random nonce. The purpose (as
// "control/contract-secret") is bound to the value, so that a value sealed for
// one can not be opened as another. The result is text:
// sealed-v1:<key id>:<base64 of nonce and ciphertext>.
func (k *Keyring) Seal(purpose string, plain []byte) (string, error) {
	aead, err := k.aead(purpose)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	box := aead.Seal(nil, nil, plain, []byte(purpose))
	return sealFormat + ":" + k.id + ":" + base64.RawURLEncoding.EncodeToString(box), nil
}

// Open decrypts what Seal returned for the same purpose. All refusals are
// ErrSealed and never repeat the value.
func (k *Keyring) Open(purpose, sealed string) ([]byte, error) {
	format, rest, _ := strings.Cut(sealed, ":")
	if format != sealFormat {
		return nil, fmt.Errorf("%w: it is not in the form %s:<key id>:<data>", ErrSealed, sealFormat)
	}
	id, data, found := strings.Cut(rest, ":")
	if !found {
		return nil, fmt.Errorf("%w: it is not in the form %s:<key id>:<data>", ErrSealed, sealFormat)
	}
	if id != k.id {
		return nil, fmt.Errorf("%w: it was sealed with another master key than %s; restore the key file it was sealed with", ErrSealed, k.id)
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("%w: its data is not base64", ErrSealed)
	}
	aead, err := k.aead(purpose)
	if err != nil {
		return nil, fmt.Errorf("opening a sealed value: %w", err)
	}
	plain, err := aead.Open(nil, nil, box, []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("%w: it was altered, or sealed for another purpose than %q", ErrSealed, purpose)
	}
	return plain, nil
}

// IsSealed reports whether value has the form that Seal writes, whatever key it
// was sealed with.
func IsSealed(value string) bool { return strings.HasPrefix(value, sealFormat+":") }

func (k *Keyring) aead(purpose string) (cipher.AEAD, error) {
	if purpose == "" {
		return nil, errors.New("a purpose must be named")
	}
	key, err := hkdf.Key(sha256.New, k.master, nil, "farrier seal v1: "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func newKeyring(master []byte) (*Keyring, error) {
	// The id is derived from the key, so it also proves that the file is whole.
	id, err := hkdf.Key(sha256.New, master, nil, "farrier key id v1", 8)
	if err != nil {
		return nil, fmt.Errorf("deriving the key id: %w", err)
	}
	return &Keyring{id: hex.EncodeToString(id), master: master}, nil
}

func readKey(path string) (*Keyring, error) {
	f, err := os.Open(path) //nolint:gosec // the data folder is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("opening the master key: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	// The opened file is asked, not the name, so that it can not be exchanged in between.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrKeyFile, path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, so others than its owner may use it; run: chmod 600 %s", ErrKeyFile, path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, keyFileLimit))
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 3 || fields[0] != keyFormat {
		return nil, fmt.Errorf("%w: %s does not hold a line %q with the key id and a line with the key; restore it from a backup", ErrKeyFile, path, keyFormat)
	}
	master, err := base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(master) != masterBytes {
		return nil, fmt.Errorf("%w: the key in %s is not %d bytes of base64; restore it from a backup", ErrKeyFile, path, masterBytes)
	}
	ring, err := newKeyring(master)
	if err != nil {
		return nil, err
	}
	if ring.id != fields[1] {
		return nil, fmt.Errorf("%w: the key in %s does not belong to the id beside it; restore it from a backup", ErrKeyFile, path)
	}
	return ring, nil
}

// makeKey writes a new key aside and links it to its name, which fails if that
// name exists: neither a crash nor a second process can leave half a key or
// replace one.
func makeKey(dir, path string) (err error) {
	master := make([]byte, masterBytes)
	rand.Read(master) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	ring, err := newKeyring(master)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("making the master key: %w", err)
		}
	}()
	f, err := os.CreateTemp(dir, ".master-*.key") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the name is gone or harmless
	text := fmt.Sprintf("%s %s\n%s\n", keyFormat, ring.id, base64.StdEncoding.EncodeToString(master))
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the data folder is the operator's own setting
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
