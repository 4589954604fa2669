package jwtvalidation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/jose"
)

// permit are the algorithms that settings allow: by themselves, and for keys of a
// key set that name their algorithm. bits is 0 when the settings name no length.
func permit(method string, bits int) jose.Permitted {
	family := map[string]string{"rsa": "RS", "ps": "PS", "es": "ES", "hmac": "HS", "eddsa": "EdDSA"}
	of := func(method string) jose.Algorithms {
		prefix, known := family[method]
		return jose.AlgorithmsWhere(func(name string) bool {
			digits, ok := strings.CutPrefix(name, prefix)
			return known && ok && (bits == 0 || digits == "" || digits == strconv.Itoa(bits))
		})
	}
	permitted := jose.Permitted{Always: of(method), Named: of(method)}
	switch method {
	case "rsa":
		permitted.Named |= of("ps")
	case "es":
		permitted.Named |= of("eddsa")
	}
	return permitted
}

// textKey reads a key from text: for hmac the text itself, else a public key or
// certificate in PEM, with or without the lines that begin and end it.
func textKey(text, method string, allowed jose.Algorithms) (*jose.Key, error) {
	if method == "hmac" {
		k, err := jose.NewKey([]byte(text), allowed)
		if err != nil {
			return nil, fmt.Errorf("the key has %d bytes; HS256 needs at least 32, HS384 48 and HS512 64", len(text))
		}
		return k, nil
	}
	public, err := jose.ParsePublicKey(text)
	if err != nil {
		return nil, err
	}
	k, err := jose.NewKey(public, allowed)
	if errors.Is(err, jose.ErrUnsuited) {
		return nil, errors.New("the key does not suit signingMethod and signingKeyLength")
	}
	return k, err
}

// textKeys remembers the keys that an expression gave as text.
type textKeys struct {
	method  string
	allowed jose.Algorithms

	mu    sync.Mutex
	known map[string]*jose.Key
}

const maxTextKeys = 256

// read is the key of this text, or why it is none.
func (t *textKeys) read(text string) (*jose.Key, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.known[text]; k != nil {
		return k, nil
	}
	k, err := textKey(text, t.method, t.allowed)
	if err != nil {
		return nil, err
	}
	if t.known == nil || len(t.known) >= maxTextKeys {
		t.known = make(map[string]*jose.Key)
	}
	t.known[text] = k
	return k, nil
}
