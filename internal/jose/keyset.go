package jose

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// MaxKeys is how many keys a key set may have.
const MaxKeys = 1000

// ErrAmbiguous tells that a key is left out because a different key of the same
// kind has its kid too.
var ErrAmbiguous = errors.New("another key has the same kid")

// errMixed says why a symmetric key is left out: a set that others read to
// verify must hold no key that signs.
var errMixed = errors.New("it is symmetric, in a set that also holds public keys")

// Permitted are the algorithms that keys of a set may be used with.
type Permitted struct {
	// Always are those that are used with any key they suit.
	Always Algorithms
	// Named are those that are used with a key that names its algorithm (alg).
	Named Algorithms
}

// LeftOut is a key of a set that is not used.
type LeftOut struct {
	// Position is where it stands in the set, from 0.
	Position int
	// Why says what is wrong with it, quoting nothing; ErrAmbiguous among others.
	Why error
}

// ReadKeySet takes the usable keys out of a JWK set and leaves the others, as RFC
// 7517 §5 advises; it is an error only when the text is no key set or has more
// than 1000 keys. use and key_ops must permit to verify, and an alg pins its key.
// Symmetric keys are left out of a set that also holds public ones, and so are
// different keys under one kid. A key that is written as one of had is that very
// key, so that what it verified stays known; it must have been read with the same
// permissions.
func ReadKeySet(text []byte, permitted Permitted, had []*Key) (keys []*Key, left []LeftOut, err error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, nil, errors.New("it is not a JWK set: a JSON object with keys")
	}
	if len(*set.Keys) > MaxKeys {
		return nil, nil, fmt.Errorf("the key set has more than %d keys", MaxKeys)
	}
	known := map[string]*Key{}
	for _, k := range had {
		known[k.raw] = k
	}
	mixed := isMixed(*set.Keys)
	read := make([]*Key, len(*set.Keys))
	for i, raw := range *set.Keys {
		k, err := known[string(raw)], error(nil)
		if k == nil {
			k, err = readJWK(raw, permitted)
		}
		if err == nil && mixed && k.isSymmetric() {
			err = errMixed
		}
		if err != nil {
			left = append(left, LeftOut{i, err})
			continue
		}
		read[i] = k
	}
	keys = []*Key{}
	for i, k := range read {
		switch {
		case k == nil: // left out already
		case k.isAmbiguous(read):
			left = append(left, LeftOut{i, ErrAmbiguous})
		default:
			keys = append(keys, k)
		}
	}
	return keys, left, nil
}

// readJWK reads one JWK (RFC 7517 §4).
func readJWK(raw []byte, permitted Permitted) (*Key, error) {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return nil, errors.New("it can't be read")
	}
	if err := parsed.Validate(); err != nil {
		return nil, errors.New("it is not complete")
	}
	if use, ok := parsed.KeyUsage(); ok && use != string(jwk.ForSignature) {
		return nil, errors.New("its use is not sig")
	}
	if ops, ok := parsed.KeyOps(); ok && !slices.Contains(ops, jwk.KeyOpVerify) {
		return nil, errors.New("its key_ops do not have verify")
	}
	set := permitted.Always
	if alg, ok := parsed.Algorithm(); ok {
		if set = permitted.Named & AlgorithmsWhere(func(name string) bool { return name == alg.String() }); set == 0 {
			return nil, errors.New("its alg is not one that the settings allow")
		}
	}
	public, err := parsed.PublicKey()
	if err != nil {
		return nil, errors.New("it has no public part")
	}
	var material any
	if err := jwk.Export(public, &material); err != nil {
		return nil, errors.New("its parts do not fit together")
	}
	k, err := NewKey(material, set)
	if err != nil {
		return nil, err
	}
	k.id, _ = parsed.KeyID()
	k.raw = string(raw)
	return k, nil
}
