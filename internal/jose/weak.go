package jose

import (
	"bytes"
	"crypto"
	"encoding/json"
	"math/big"
	"slices"
)

// isMixed says whether a set holds symmetric and public keys.
func isMixed(keys []json.RawMessage) bool {
	symmetric, public := false, false
	for _, raw := range keys {
		var k struct {
			Type string `json:"kty"`
		}
		if err := json.Unmarshal(raw, &k); err != nil {
			continue // what is no key is left out later
		}
		symmetric = symmetric || k.Type == "oct"
		public = public || k.Type != "oct"
	}
	return symmetric && public
}

func (k *Key) isSymmetric() bool {
	_, ok := k.material.([]byte)
	return ok
}

// isAmbiguous tells whether another key of the same kind has the key's kid too: by
// RFC 7517 section 4.5 it names one key. Keys of different kinds may be
// alternatives under one name, and a key may stand twice. A nil key is none.
func (k *Key) isAmbiguous(keys []*Key) bool {
	return k.id != "" && slices.ContainsFunc(keys, func(other *Key) bool {
		return other != nil && other.id == k.id && k.rivals(other)
	})
}

// rivals says whether the other is a different key of the same kind.
func (k *Key) rivals(other *Key) bool {
	if a, ok := k.material.([]byte); ok {
		b, same := other.material.([]byte)
		return same && !bytes.Equal(a, b)
	}
	a, ok := k.material.(interface{ Equal(x crypto.PublicKey) bool })
	return !ok || k.algorithms&other.algorithms != 0 && !a.Equal(other.material)
}

// rocaPrimes are the primes by which flawed keys are known.
var rocaPrimes = [...]int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
	103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// isROCA says whether a modulus has the fingerprint of the keys that can be
// factored because of how chips by Infineon made their primes (CVE-2017-15361):
// modulo each small prime it is a power of 65537. Of others one in about 2^27
// looks like this.
func isROCA(n *big.Int) bool {
	var rest big.Int
	for _, p := range rocaPrimes {
		r := rest.Mod(n, big.NewInt(p)).Int64()
		power := int64(1)
		for power != r {
			if power = power * 65537 % p; power == 1 {
				return false
			}
		}
	}
	return true
}
