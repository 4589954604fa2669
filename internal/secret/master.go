package secret

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// ErrOutside says that the keys come from outside and can only be changed there.
var ErrOutside = errors.New("the master key is kept outside of Farrier")

// maxKeys bounds the keys of a ring.
const maxKeys = 100

// MasterOptions say where the master key comes from.
type MasterOptions struct {
	// Dir is the data folder; SealedExist tells whether sealed values exist already
	// (see OpenKeyring).
	Dir         string
	SealedExist func() (bool, error)
	// Source is empty for the file in the data folder; env:NAME or file:/path for keys
	// that are kept elsewhere; vault-transit:https://HOST[/MOUNT]/KEY for the file in
	// the data folder encrypted by the transit engine of HashiCorp Vault.
	Source string
	// References resolve env: and file:.
	References Expander
	// Vault makes the client of a Vault at an address; needed for vault-transit: only.
	Vault func(address string) (*Vault, error)
}

// OpenMaster opens the keyring whose master key is where the options say. Keys that
// are kept outside are written as 32 bytes in base64 or hex, several of them apart
// by blanks or commas: the first seals, all open. Keys that lie in the data folder
// from before still open, so that the source can be changed without loss.
func OpenMaster(ctx context.Context, o MasterOptions) (*Keyring, error) {
	scheme, rest, _ := strings.Cut(o.Source, ":")
	switch scheme {
	case "":
		return openKeyFile(ctx, &keyFile{dir: o.Dir}, o.SealedExist)
	case "env", "file":
		return openOutside(ctx, o)
	case "vault-transit":
		wrapper, err := newTransit(rest, o.Vault)
		if err != nil {
			return nil, fmt.Errorf("masterKey: %w", err)
		}
		return openKeyFile(ctx, &keyFile{dir: o.Dir, wrapper: wrapper}, o.SealedExist)
	}
	return nil, errors.New("masterKey: must be env:NAME, file:/path or vault-transit:https://HOST/KEY")
}

func openOutside(ctx context.Context, o MasterOptions) (*Keyring, error) {
	text, err := o.References.Resolve(o.Source)
	if err != nil {
		return nil, fmt.Errorf("masterKey: %w", err)
	}
	var all keys
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \n\r\t", r) }) {
		master, err := base64.StdEncoding.Strict().DecodeString(word)
		if len(word) == 2*masterBytes {
			master, err = hex.DecodeString(word)
		}
		if err != nil || len(master) != masterBytes {
			return nil, fmt.Errorf("masterKey: %w: key %d of %s is not %d bytes in base64 or hex; make one with: openssl rand -base64 32",
				ErrKeyFile, len(all)+1, o.Source, masterBytes)
		}
		key, err := newMasterKey(master)
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	if len(all) == 0 || len(all) > maxKeys {
		return nil, fmt.Errorf("masterKey: %w: %s must hold 1 to %d keys", ErrKeyFile, o.Source, maxKeys)
	}
	before, _, err := (&keyFile{dir: o.Dir}).read(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, key := range before {
		if _, known := all.find(key.id); !known {
			all = append(all, key)
		}
	}
	ring := keyringOf(all, nil)
	ring.outside = o.Source
	return ring, nil
}

// Retired are the ids of the keys that open, but seal no more.
func (k *Keyring) Retired() []string {
	var ids []string
	for _, key := range (*k.all.Load())[1:] {
		ids = append(ids, key.id)
	}
	return ids
}

// Rotate makes a new master key, which seals from now on; the one before still
// opens what it has sealed. It is in the key file before anything is sealed with
// it. Keys that are kept outside are ErrOutside.
func (k *Keyring) Rotate(ctx context.Context) (id string, err error) {
	k.rotating.Lock()
	defer k.rotating.Unlock()
	if k.file == nil {
		return "", fmt.Errorf("%w: put a new key in front of the old one in %s and start Farrier again; it rewraps then", ErrOutside, k.outside)
	}
	all := *k.all.Load()
	if len(all) >= maxKeys {
		return "", fmt.Errorf("rotating the master key: there are %d keys; let go of those that are needed no more", len(all))
	}
	key, err := randomMasterKey()
	if err != nil {
		return "", err
	}
	next := append(keys{key}, all...)
	if err := k.file.replace(ctx, next); err != nil {
		return "", fmt.Errorf("rotating the master key: %w", err)
	}
	k.all.Store(&next)
	return key.id, nil
}

// Forget removes a retired key. What is sealed with it is lost, so the caller makes
// sure that nothing is.
func (k *Keyring) Forget(ctx context.Context, id string) error {
	k.rotating.Lock()
	defer k.rotating.Unlock()
	all := *k.all.Load()
	switch _, known := all.find(id); {
	case k.file == nil:
		return fmt.Errorf("%w: remove it from %s", ErrOutside, k.outside)
	case all[0].id == id:
		return errors.New("this is the key that seals; rotate first")
	case !known:
		return errors.New("there is no such key")
	}
	next := slices.DeleteFunc(slices.Clone(all), func(key masterKey) bool { return key.id == id })
	if err := k.file.replace(ctx, next); err != nil {
		return fmt.Errorf("removing a master key: %w", err)
	}
	k.all.Store(&next)
	return nil
}
