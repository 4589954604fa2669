package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The bounds of before and after, in bytes: together as they are kept, and each
// as it is looked at.
const (
	valueLimit = 32 << 10
	readLimit  = 1 << 20
	// depthLimit bounds how deep they may be nested.
	depthLimit = 64
)

// hashedPrefix stands before every hash of a secret in the log, unkeyedPrefix
// before what Hashed hands out.
const (
	hashedPrefix  = "hashed:"
	unkeyedPrefix = "hashed:unkeyed:"
)

// Hashed stands for a secret in Before, After and Detail: two entries show that a
// secret was changed, and neither shows what it is. What it returns is on its way
// only; Record turns it into an HMAC-SHA-256 under a key derived from that of the
// checkpoints ("hashed:…"), so that a secret that is easy to guess can't be guessed
// from the log without that key.
func Hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return unkeyedPrefix + hex.EncodeToString(sum[:])
}

// keyed turns what Hashed returned into what is kept; false for any other text.
func (l *Log) keyed(value string) (string, bool) {
	sum, found := strings.CutPrefix(value, unkeyedPrefix)
	if raw, err := hex.DecodeString(sum); !found || err != nil || len(raw) != sha256.Size {
		return "", false
	}
	mac := hmac.New(sha256.New, l.pepper)
	mac.Write([]byte(sum))
	return hashedPrefix + hex.EncodeToString(mac.Sum(nil)), true
}

// words are the parts of a name: "newPassword" and "new_password" have the same.
var words = regexp.MustCompile(`[A-Z]+[a-z0-9]*|[a-z0-9]+`)

// speaksOfSecret reports whether a name is that of a secret, and not of something
// about one, as "secretGroup" or "tokenExpires" are.
func speaksOfSecret(name string) bool {
	low := strings.ToLower(name)
	if !slices.ContainsFunc([]string{
		"password", "passwd", "passphrase", "secret", "token", "credential", "authorization", "cookie", "apikey", "api_key", "api-key", "private",
	}, func(word string) bool { return strings.Contains(low, word) }) {
		return false
	}
	parts := words.FindAllString(name, -1)
	if len(parts) < 2 {
		return true
	}
	switch strings.ToLower(parts[len(parts)-1]) {
	case "id", "ids", "name", "names", "group", "groups", "url", "uri", "endpoint", "type", "kind", "at", "expiry", "expires",
		"count", "length", "age", "version", "method", "reference", "policy", "set", "days", "minutes", "seconds", "lifetime",
		"header", "headers", "origin", "scope", "scopes", "location", "issuer", "mode", "source", "format", "algorithm", "enabled", "required":
		return false
	}
	return true
}

// values makes before and after as they are kept: objects with sorted names, the
// secrets keyed, and no more than the log has room for.
func (l *Log) values(e *Entry) (before, after string, err error) {
	if before, err = l.value("before", e.Before); err != nil {
		return "", "", err
	}
	if after, err = l.value("after", e.After); err != nil {
		return "", "", err
	}
	if len(before)+len(after) > valueLimit && len(before) >= len(after) {
		before = digested([]byte(before))
	}
	if len(before)+len(after) > valueLimit {
		after = digested([]byte(after))
	}
	if len(before)+len(after) > valueLimit {
		before = digested([]byte(before))
	}
	return before, after, nil
}

func (l *Log) value(name string, text json.RawMessage) (string, error) {
	switch {
	case len(text) == 0 || string(text) == "null":
		return "", nil
	case len(text) > readLimit:
		return digested(text), nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return "", fmt.Errorf("%s is not a JSON object", name) // the error may show what stands in it
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s holds more than one JSON object", name)
	}
	if _, err := l.clean(object, name, false, 0); err != nil {
		return "", err
	}
	out, err := json.Marshal(object)
	return string(out), err
}

// harmless is a text that stands where a secret would: a mask, or a reference to where
// the secret is.
var harmless = regexp.MustCompile(`^(|true|false|[•*…]+|\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^{}]{1,300}\})$`)

// clean keys the secrets within a value, in place where it is an object or a list.
// Below a name that speaks of a secret, every text and number must be one that Hashed
// made. A name with dots in it is the path of a field in a document; who made the
// document named it, so that its text is hashed rather than refused.
func (l *Log) clean(value any, path string, secret bool, depth int) (any, error) {
	if depth > depthLimit {
		return nil, fmt.Errorf("%.100s is nested deeper than %d", path, depthLimit)
	}
	var err error
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if text, isText := v[name].(string); isText && strings.Contains(name, ".") && speaksOfSecret(name) && !harmless.MatchString(text) && !strings.HasPrefix(text, unkeyedPrefix) {
				v[name] = Hashed(text)
			}
			if v[name], err = l.clean(v[name], path+"."+name, secret || speaksOfSecret(name), depth+1); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = l.clean(v[i], path, secret, depth+1); err != nil {
				return nil, err
			}
		}
	case string:
		hash, hashed := l.keyed(v)
		switch {
		case hashed:
			return hash, nil
		case secret && !harmless.MatchString(v):
			return nil, fmt.Errorf("%.100s: its name speaks of a secret, which must not stand in the audit log; put audit.Hashed of it there", path)
		}
	case json.Number:
		if secret {
			return nil, fmt.Errorf("%.100s: its name speaks of a secret, which must not stand in the audit log; put audit.Hashed of it there", path)
		}
	}
	return value, nil
}

// digested stands for what is too large to be kept.
func digested(text []byte) string {
	sum := sha256.Sum256(text)
	return fmt.Sprintf(`{"digest":"sha256:%s","note":"too large for the audit log: %d bytes"}`, hex.EncodeToString(sum[:]), len(text))
}
