package secret

import (
	"context"
	"crypto/rand"
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
var errPasswordHash = errors.New("the stored password hash is not a valid argon2id PHC string")

// Hasher hashes and verifies passwords with argon2id. One hasher serves the
// whole process, because it bounds how many hashes run at once; callers beyond
// that wait, or give up with their context.
type Hasher struct {
	slots chan struct{}
}

// NewHasher returns a hasher that runs at most four hashes at once.
func NewHasher() *Hasher { return &Hasher{slots: make(chan struct{}, hashesAtOnce)} }

// Hash returns the PHC string of a password with a fresh random salt
// ($argon2id$v=19$m=19456,t=2,p=1$salt$hash). Which passwords are good enough
// is the caller's rule; so is their greatest length.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	rand.Read(salt) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	cost := argonCost{memory: argonMemory, time: argonTime, threads: argonThreads}
	key, err := h.derive(ctx, password, salt, cost, argonKey)
	if err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		cost.memory, cost.time, cost.threads, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// Verify reports whether password is the one that encoded was made from. An
// error says that this could not be found out, and must refuse.
func (h *Hasher) Verify(ctx context.Context, password, encoded string) (bool, error) {
	cost, salt, want, err := parsePHC(encoded)
	if err != nil {
		return false, err
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
	cost := argonCost{memory: argonMemory, time: argonTime, threads: argonThreads}
	_, err := h.derive(ctx, password, make([]byte, argonSalt), cost, argonKey)
	return err
}

type argonCost struct {
	memory, time uint32
	threads      uint8
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, cost argonCost, length uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
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
