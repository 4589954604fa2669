package secret

import (
	"bytes"
	"context"
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

// wrappedFormat marks a key in the file that an outside service has encrypted.
const wrappedFormat = "farrier-master-key-v1-wrapped"

// keyFileLimit bounds the key file, in bytes; all keys of a ring fit.
const keyFileLimit = 64 << 10

// Wrapper encrypts master keys with a key that never leaves its service.
type Wrapper interface {
	// Wrap returns one word of text that only Unwrap reads.
	Wrap(ctx context.Context, plain []byte) (string, error)
	// Unwrap is the reverse of Wrap.
	Unwrap(ctx context.Context, wrapped string) ([]byte, error)
}

// OpenKeyring reads the master key from dir, which must exist. At the first
// start, when there is no key and sealedExist answers false, it makes one
// (32 random bytes, mode 0600). When sealed values exist and the key does not,
// it refuses with ErrKeyMissing and never makes a second one, for a new key
// would turn "restore the file" into "all secrets are lost". A key file that
// anyone but its owner may read, or that is damaged, is ErrKeyFile.
func OpenKeyring(dir string, sealedExist func() (bool, error)) (*Keyring, error) {
	return openKeyFile(context.Background(), &keyFile{dir: dir}, sealedExist)
}

func openKeyFile(ctx context.Context, file *keyFile, sealedExist func() (bool, error)) (*Keyring, error) {
	all, plain, err := file.read(ctx)
	if err == nil {
		if plain && file.wrapper != nil {
			if err := file.replace(ctx, all); err != nil {
				return nil, fmt.Errorf("encrypting the master key: %w", err)
			}
		}
		return keyringOf(all, file), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
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
			"(a new key could not open them, so none is made)", ErrKeyMissing, file.path())
	}
	if err := file.make(ctx); err != nil {
		return nil, fmt.Errorf("making the master key: %w", err)
	}
	if all, _, err = file.read(ctx); err != nil {
		return nil, err
	}
	return keyringOf(all, file), nil
}

func keyringOf(all keys, file *keyFile) *Keyring {
	ring := &Keyring{file: file}
	ring.all.Store(&all)
	return ring
}

func newKeyring(master []byte) (*Keyring, error) {
	key, err := newMasterKey(master)
	if err != nil {
		return nil, err
	}
	return keyringOf(keys{key}, nil), nil
}

// newMasterKey derives the id from the key, so that it also proves that the key is
// whole.
func newMasterKey(master []byte) (masterKey, error) {
	id, err := hkdf.Key(sha256.New, master, nil, "farrier key id v1", 8)
	if err != nil {
		return masterKey{}, fmt.Errorf("deriving the key id: %w", err)
	}
	return masterKey{hex.EncodeToString(id), master}, nil
}

func randomMasterKey() (masterKey, error) {
	master := make([]byte, masterBytes)
	rand.Read(master) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	return newMasterKey(master)
}

// keyFile is the file of master keys in a data folder: the one that seals first,
// then those that still open. wrapper, when there is one, encrypts them.
type keyFile struct {
	dir     string
	wrapper Wrapper
}

func (f *keyFile) path() string { return filepath.Join(f.dir, KeyFile) }

// read gives the keys; plain says that one of them is not encrypted.
func (f *keyFile) read(ctx context.Context) (all keys, plain bool, err error) {
	text, err := readKeyFile(f.path())
	if err != nil {
		return nil, false, err
	}
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields)%3 != 0 {
		return nil, false, f.malformed()
	}
	for ; len(fields) > 0; fields = fields[3:] {
		key, err := f.key(ctx, fields[0], fields[1], fields[2])
		if err != nil {
			return nil, false, err
		}
		plain = plain || fields[0] == keyFormat
		all = append(all, key)
	}
	return all, plain, nil
}

func (f *keyFile) malformed() error {
	return fmt.Errorf("%w: %s does not hold a line %q with the key id and a line with the key; restore it from a backup", ErrKeyFile, f.path(), keyFormat)
}

// key reads one key of the file.
func (f *keyFile) key(ctx context.Context, format, id, word string) (masterKey, error) {
	var master []byte
	var err error
	switch {
	case format == keyFormat:
		if master, err = base64.StdEncoding.Strict().DecodeString(word); err != nil || len(master) != masterBytes {
			return masterKey{}, fmt.Errorf("%w: the key in %s is not %d bytes of base64; restore it from a backup", ErrKeyFile, f.path(), masterBytes)
		}
	case format == wrappedFormat && f.wrapper == nil:
		return masterKey{}, fmt.Errorf("%w: the key in %s is encrypted by an outside service; set masterKey as it was when the file was made", ErrKeyFile, f.path())
	case format == wrappedFormat:
		if master, err = f.wrapper.Unwrap(ctx, word); err != nil {
			return masterKey{}, fmt.Errorf("decrypting the key in %s: %w", f.path(), err)
		}
	default:
		return masterKey{}, f.malformed()
	}
	key, err := newMasterKey(master)
	if err != nil {
		return masterKey{}, err
	}
	if key.id != id || len(master) != masterBytes {
		return masterKey{}, fmt.Errorf("%w: the key in %s does not belong to the id beside it; restore it from a backup", ErrKeyFile, f.path())
	}
	return key, nil
}

func readKeyFile(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the data folder is the operator's own setting
	if err != nil {
		return "", fmt.Errorf("opening the master key: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	// The opened file is asked, not the name, so that it can not be exchanged in between.
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("opening the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: %s is not a regular file", ErrKeyFile, path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return "", fmt.Errorf("%w: %s has mode %04o, so others than its owner may use it; run: chmod 600 %s", ErrKeyFile, path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, keyFileLimit))
	if err != nil {
		return "", fmt.Errorf("reading the master key: %w", err)
	}
	return string(text), nil
}

// text is the file's content for these keys.
func (f *keyFile) text(ctx context.Context, all keys) ([]byte, error) {
	var out bytes.Buffer
	for _, key := range all {
		format, word := keyFormat, base64.StdEncoding.EncodeToString(key.bytes)
		if f.wrapper != nil {
			var err error
			if word, err = f.wrapper.Wrap(ctx, key.bytes); err != nil {
				return nil, err
			}
			if len(strings.Fields(word)) != 1 {
				return nil, errors.New("the service that encrypts it answered no single word")
			}
			format = wrappedFormat
		}
		_, _ = fmt.Fprintf(&out, "%s %s\n%s\n", format, key.id, word)
	}
	return out.Bytes(), nil
}

// make writes a new key aside and links it to its name, which fails if that
// name exists: neither a crash nor a second process can leave half a key or
// replace one.
func (f *keyFile) make(ctx context.Context) error {
	key, err := randomMasterKey()
	if err != nil {
		return err
	}
	return f.put(ctx, keys{key}, func(aside string) error {
		if err := os.Link(aside, f.path()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// replace puts these keys into the place of those in the file.
func (f *keyFile) replace(ctx context.Context, all keys) error {
	return f.put(ctx, all, func(aside string) error { return os.Rename(aside, f.path()) })
}

func (f *keyFile) put(ctx context.Context, all keys, place func(aside string) error) error {
	text, err := f.text(ctx, all)
	if err != nil {
		return err
	}
	aside, err := os.CreateTemp(f.dir, ".master-*.key") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name()) //nolint:errcheck // the name is gone or harmless
	_, err = aside.Write(text)
	if err = errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	if err := place(aside.Name()); err != nil {
		return err
	}
	return syncDir(f.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the data folder is the operator's own setting
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
