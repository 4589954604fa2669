package fieldencryption

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

// contextParameter is the parameter of protected headers that binds a JWE to a
// field: the compact form has no additional data of its own.
const contextParameter = "ctx"

var contentTypes = map[byte]string{jsonValue: "json", xmlValue: "xml"}

func contextOf(bound []byte) string {
	sum := sha256.Sum256(bound)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sealJWE encrypts into a compact JWE.
func (k *fieldKey) sealJWE(kind byte, plain, bound []byte) (string, error) {
	header := jwe.NewHeaders()
	parameters := map[string]any{jwe.KeyIDKey: k.id, contextParameter: contextOf(bound)}
	if kind != textValue {
		parameters[jwe.ContentTypeKey] = contentTypes[kind]
	}
	for name, value := range parameters {
		if err := header.Set(name, value); err != nil {
			return "", fmt.Errorf("writing the JWE's header: %w", err)
		}
	}
	token, err := jwe.Encrypt(plain, jwe.WithKey(k.algorithm, k.public), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(header))
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	return string(token), nil
}

// jweHeader are the parameters that a JWE may have: any other is refused, zip and
// crit among them.
type jweHeader struct {
	Alg, Enc, Kid, Typ, Cty, Ctx string
	Apu, Apv                     string
	Epk                          *struct{ Kty, Crv, X, Y string }
}

var jweNames = map[string]bool{
	"alg": true, "enc": true, "kid": true, "typ": true, "cty": true, "ctx": true, "apu": true, "apv": true, "epk": true,
}

// openJWE reads a compact JWE: our own front first, which lets through nothing
// but the one algorithm of the key, then the library.
func (e *encryptor) openJWE(value string, bound []byte) (kind byte, plain []byte, err error) {
	parts := strings.Split(value, ".")
	if len(parts) != 5 || !strings.HasPrefix(value, "ey") {
		return 0, nil, errPlain
	}
	var raw [5][]byte
	for i, part := range parts {
		var ok bool
		if raw[i], ok = decode(part); !ok {
			return 0, nil, errForm
		}
	}
	header, err := readHeader(raw[0])
	if err != nil {
		return 0, nil, err
	}
	k := e.keys[header.Kid]
	switch {
	case k == nil:
		return 0, nil, errKey
	case header.Alg != k.algorithm.String() || header.Enc != "A256GCM" || !k.suits(header):
		return 0, nil, errAllowed
	case len(raw[1]) != k.wrapped || len(raw[2]) != 12 || len(raw[4]) != 16:
		return 0, nil, errForm
	}
	if plain, err = jwe.Decrypt([]byte(value), jwe.WithKey(k.algorithm, k.private)); err != nil {
		return 0, nil, errTampered
	}
	if header.Ctx != contextOf(bound) && (header.Ctx != "" || e.RequireContext) {
		return 0, nil, errContext
	}
	switch header.Cty {
	case "":
		return textValue, plain, nil
	case "json", "application/json":
		return jsonValue, plain, nil
	case "xml", "application/xml":
		return xmlValue, plain, nil
	case "text", "text/plain", "plain":
		return textValue, plain, nil
	}
	return 0, nil, errFormat
}

// suits says whether the ephemeral key is there exactly where it must be.
func (k *fieldKey) suits(h *jweHeader) bool {
	if k.curve == "" {
		return h.Epk == nil && h.Apu == "" && h.Apv == ""
	}
	return h.Epk != nil && h.Epk.Kty == "EC" && h.Epk.Crv == k.curve && h.Epk.X != "" && h.Epk.Y != ""
}

// maxHeader is the length in bytes of the longest protected header.
const maxHeader = 4096

func readHeader(raw []byte) (*jweHeader, error) {
	limits := jsontext.DefaultLimits()
	limits.UniqueNames, limits.MaxDepth = true, 2
	var names map[string]json.RawMessage
	var h jweHeader
	if len(raw) > maxHeader || jsontext.Valid(raw, limits) != nil || json.Unmarshal(raw, &names) != nil || json.Unmarshal(raw, &h) != nil {
		return nil, errForm
	}
	for name := range names {
		if !jweNames[name] {
			return nil, errAllowed
		}
	}
	if names == nil {
		return nil, errForm
	}
	return &h, nil
}
