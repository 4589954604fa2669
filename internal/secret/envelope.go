package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

const boxFormat = "box-v1"

// DataKey encrypts the values of one group. It lies beside them, wrapped by the
// master key, so that rotating that one changes no value. Its printed form never
// shows it.
type DataKey struct{ key []byte }

// NewDataKey makes a random data key.
func NewDataKey() *DataKey {
	key := make([]byte, masterBytes)
	rand.Read(key) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	return &DataKey{key}
}

// Wrap seals the data key with the master key, for one purpose.
func (d *DataKey) Wrap(ring *Keyring, purpose string) (string, error) {
	return ring.Seal(purpose, d.key)
}

// UnwrapDataKey is the reverse of Wrap.
func UnwrapDataKey(ring *Keyring, purpose, wrapped string) (*DataKey, error) {
	key, err := ring.Open(purpose, wrapped)
	if err != nil {
		return nil, err
	}
	if len(key) != masterBytes {
		return nil, fmt.Errorf("%w: it is no data key", ErrSealed)
	}
	return &DataKey{key}, nil
}

// String hides the key.
func (d *DataKey) String() string { return "data key" }

// GoString hides the key.
func (d *DataKey) GoString() string { return d.String() }

func (d *DataKey) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(d.key)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts plain with AES-256-GCM and binds it to a place, as group, name and
// version: it opens nowhere else.
func (d *DataKey) Seal(place string, plain []byte) (string, error) {
	aead, err := d.aead()
	if err != nil {
		return "", err
	}
	return boxFormat + ":" + base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, []byte(place))), nil
}

// Open decrypts what Seal gave for the same place. All refusals are ErrSealed.
func (d *DataKey) Open(place, sealed string) ([]byte, error) {
	format, data, _ := strings.Cut(sealed, ":")
	box, err := base64.RawURLEncoding.Strict().DecodeString(data)
	if format != boxFormat || err != nil {
		return nil, fmt.Errorf("%w: it is not in the form %s:<data>", ErrSealed, boxFormat)
	}
	aead, err := d.aead()
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, box, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("%w: it was altered, or belongs elsewhere", ErrSealed)
	}
	return plain, nil
}

// Mark tells whether two values are the same without telling them: a keyed hash, 16
// hex digits, that nobody without the data key can compute for guesses.
func (d *DataKey) Mark(plain []byte) string {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte("farrier mark v1\x00"))
	mac.Write(plain)
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
