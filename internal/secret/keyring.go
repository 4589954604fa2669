package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// KeyFile is the name of the master key's file in the data folder.
const KeyFile = "master.key"

const (
	keyFormat   = "farrier-master-key-v1"
	sealFormat  = "sealed-v1"
	masterBytes = 32
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

// SealMark begins every sealed value.
const SealMark = sealFormat + ":"

// masterKey is one key with the id that is derived from it.
type masterKey struct {
	id    string
	bytes []byte
}

// keys are those of a keyring at one moment: the first seals, all open.
type keys []masterKey

func (k keys) find(id string) (masterKey, bool) {
	for _, one := range k {
		if one.id == id {
			return one, true
		}
	}
	return masterKey{}, false
}

// Keyring holds the master key of one data folder, and those that came before it
// and may still be needed. It is safe for use by many goroutines, also while the
// key is rotated. Its printed form never shows a key.
type Keyring struct {
	all atomic.Pointer[keys]

	rotating sync.Mutex
	file     *keyFile // nil: the keys come from outside and are changed there
	outside  string   // where they come from then
}

// ID names the master key. It stands in every sealed value and says nothing
// about the key itself.
func (k *Keyring) ID() string { return (*k.all.Load())[0].id }

// String names the key by its id.
func (k *Keyring) String() string { return "master key " + k.ID() }

// GoString keeps %#v from printing the key.
func (k *Keyring) GoString() string { return k.String() }

// Seal encrypts plain for one purpose with AES-256-GCM under a key derived for
// that purpose (HKDF-SHA-256) and a random nonce. The purpose (as
// "control/contract-secret") is bound to the value, so that a value sealed for
// one can not be opened as another. The result is text:
// sealed-v1:<key id>:<base64 of nonce and ciphertext>.
func (k *Keyring) Seal(purpose string, plain []byte) (string, error) {
	key := (*k.all.Load())[0]
	aead, err := key.aead(purpose)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	box := aead.Seal(nil, nil, plain, []byte(purpose))
	return sealFormat + ":" + key.id + ":" + base64.RawURLEncoding.EncodeToString(box), nil
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
	key, ok := k.all.Load().find(id)
	if !ok {
		return nil, fmt.Errorf("%w: it was sealed with another master key than %s; restore the key file it was sealed with", ErrSealed, k.ID())
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("%w: its data is not base64", ErrSealed)
	}
	aead, err := key.aead(purpose)
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
func IsSealed(value string) bool { return strings.HasPrefix(value, SealMark) }

// Stale reports whether value was sealed with another key than the one that seals
// now: it is to be rewrapped before that key can go.
func (k *Keyring) Stale(value string) bool {
	id := SealedBy(value)
	return id != "" && id != k.ID()
}

// SealedBy is the id of the key that value was sealed with, empty when it is no
// sealed value.
func SealedBy(value string) string {
	if !IsSealed(value) {
		return ""
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(value, sealFormat+":"), ":")
	return id
}

// Rewrap seals value anew when it was sealed with an older key; changed is false,
// and value comes back as it is, when there is nothing to do.
func (k *Keyring) Rewrap(purpose, value string) (sealed string, changed bool, err error) {
	if !k.Stale(value) {
		return value, false, nil
	}
	plain, err := k.Open(purpose, value)
	if err != nil {
		return "", false, err
	}
	sealed, err = k.Seal(purpose, plain)
	return sealed, err == nil, err
}

func (k masterKey) aead(purpose string) (cipher.AEAD, error) {
	if purpose == "" {
		return nil, errors.New("a purpose must be named")
	}
	key, err := hkdf.Key(sha256.New, k.bytes, nil, "farrier seal v1: "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
