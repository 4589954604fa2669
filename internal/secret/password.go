package secret

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of one hash: OWASP's minimum for argon2id.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
)

// hashesAtOnce bounds how many passwords are hashed at the same time, and so
// the memory that sign-ins can take: 4 × 19 MiB.
const hashesAtOnce = 4

// errPasswordHash never says more: a stored hash is not for a log.
var errPasswordHash = errors.New("the stored password hash is not a valid PHC string")

// The cost of one hash where only approved algorithms may be used: OWASP's minimum for
// PBKDF2 with SHA-256.
const pbkdf2Iterations = 600_000

// ErrNotApproved says that a password was hashed by an algorithm that is not approved
// (FIPS 140-3), where only approved ones may be used: a new one must be set.
var ErrNotApproved = errors.New("the password was hashed by an algorithm that is not approved; set a new one")

// Hasher hashes and verifies passwords with argon2id, or, in approved mode, with PBKDF2.
// One hasher serves the whole process, because it bounds how many hashes run at once;
// callers beyond that wait, or give up with their context.
type Hasher struct {
	slots    chan struct{}
	approved bool
}

// NewHasher returns a hasher that runs at most four hashes at once.
func NewHasher() *Hasher { return &Hasher{slots: make(chan struct{}, hashesAtOnce)} }

// NewApprovedHasher returns a hasher for FIPS 140-3: PBKDF2-HMAC-SHA-256 with 600,000
// iterations. It verifies no argon2id hashes (ErrNotApproved).
func NewApprovedHasher() *Hasher {
	h := NewHasher()
	h.approved = true
	return h
}

// Hash returns the PHC string of a password with a fresh random salt
// ($argon2id$v=19$m=19456,t=2,p=1$salt$hash, or $pbkdf2-sha256$i=600000$salt$hash). Which passwords are good enough
// is the caller's rule; so is their greatest length.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	rand.Read(salt) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	enc := base64.RawStdEncoding
	if h.approved {
		key, err := h.stretch(ctx, password, salt, pbkdf2Iterations, argonKey)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("$pbkdf2-sha256$i=%d$%s$%s", pbkdf2Iterations, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
	}
	cost := argonCost{memory: argonMemory, time: argonTime, threads: argonThreads}
	key, err := h.derive(ctx, password, salt, cost, argonKey)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		cost.memory, cost.time, cost.threads, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// Verify reports whether password is the one that encoded was made from. An
// error says that this could not be found out, and must refuse.
func (h *Hasher) Verify(ctx context.Context, password, encoded string) (bool, error) {
	if strings.HasPrefix(encoded, "$pbkdf2-sha256$") {
		iterations, salt, want, err := parsePBKDF2(encoded)
		if err != nil {
			return false, err
		}
		got, err := h.stretch(ctx, password, salt, iterations, len(want))
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
	}
	cost, salt, want, err := parsePHC(encoded)
	if err != nil {
		return false, err
	}
	if h.approved {
		return false, ErrNotApproved
	}
	got, err := h.derive(ctx, password, salt, cost, uint32(len(want))) //nolint:gosec // parsePHC bounds it to 64
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// VerifyNobody does the work of Verify for an account that does not exist or
// has no password, so that the time of the answer tells nobody which accounts
// exist. Its answer is always "no".
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	if h.approved {
		_, err := h.stretch(ctx, password, make([]byte, argonSalt), pbkdf2Iterations, argonKey)
		return err
	}
	cost := argonCost{memory: argonMemory, time: argonTime, threads: argonThreads}
	_, err := h.derive(ctx, password, make([]byte, argonSalt), cost, argonKey)
	return err
}

type argonCost struct {
	memory, time uint32
	threads      uint8
}

// enter waits for room to hash; leave must be called afterwards.
func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
}

// stretch is PBKDF2-HMAC-SHA-256.
func (h *Hasher) stretch(ctx context.Context, password string, salt []byte, iterations, length int) ([]byte, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return pbkdf2.Key(sha256.New, password, salt, iterations, length)
}

// parsePBKDF2 reads $pbkdf2-sha256$i=N$salt$hash and bounds what it may cost.
func parsePBKDF2(encoded string) (iterations int, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 5 {
		return 0, nil, nil, errPasswordHash
	}
	if _, err := fmt.Sscanf(parts[2], "i=%d", &iterations); err != nil || parts[2] != fmt.Sprintf("i=%d", iterations) ||
		iterations < 1000 || iterations > 10_000_000 {
		return 0, nil, nil, errPasswordHash
	}
	if salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[3]); err != nil || len(salt) < 16 || len(salt) > 64 {
		return 0, nil, nil, errPasswordHash
	}
	if key, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil || len(key) < 16 || len(key) > 64 {
		return 0, nil, nil, errPasswordHash
	}
	return iterations, salt, key, nil
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, cost argonCost, length uint32) ([]byte, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return argon2.IDKey([]byte(password), salt, cost.time, cost.memory, cost.threads, length), nil
}

// parsePHC reads a PHC string and bounds what it may cost, so that a damaged
// row can not take the memory of the process.
func parsePHC(encoded string) (cost argonCost, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost, nil, nil, errPasswordHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.memory, &cost.time, &cost.threads); err != nil {
		return cost, nil, nil, errPasswordHash
	}
	if parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", cost.memory, cost.time, cost.threads) {
		return cost, nil, nil, errPasswordHash
	}
	if cost.memory < 8 || cost.memory > 256<<10 || cost.time < 1 || cost.time > 16 || cost.threads < 1 || cost.threads > 16 {
		return cost, nil, nil, errPasswordHash
	}
	salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	if err != nil || len(salt) < 8 || len(salt) > 64 {
		return cost, nil, nil, errPasswordHash
	}
	key, err = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err != nil || len(key) < 16 || len(key) > 64 {
		return cost, nil, nil, errPasswordHash
	}
	return cost, salt, key, nil
}
