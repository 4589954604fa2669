// Package secret keeps what must not be read: it seals values under a master
// key, compares them in constant time, hashes passwords, makes tokens and
// resolves references to values that live elsewhere (environment, files). It
// has no tables and knows nothing of who asks; where a sealed value is kept is
// the business of the room that owns it.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
)

// tokenBytes is the entropy of a token: 256 bits, beyond guessing, so that its
// hash needs neither salt nor stretching.
const tokenBytes = 32

// Equal reports whether a and b are the same text. The time it takes depends
// on their lengths only, never on where they first differ: both are hashed
// with SHA-256 and the digests are compared in constant time.
func Equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// NewToken makes an opaque random token (256 bits, 43 characters that are safe
// in a URL or cookie) and its SHA-256. Only the hash is to be stored; the token
// goes to its bearer.
func NewToken() (token string, hash []byte) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	token = base64.RawURLEncoding.EncodeToString(raw)
	return token, HashToken(token)
}

// NewID makes a random id that may be shown and proves nothing (64 bits, 16 hexadecimal
// digits).
func NewID() string {
	raw := make([]byte, 8)
	rand.Read(raw) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	return hex.EncodeToString(raw)
}

// HashToken is the SHA-256 of a token as NewToken returned it, by which a
// presented token is looked up.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
