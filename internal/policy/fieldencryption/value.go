package fieldencryption

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/traffic/fieldpath"
)

// What a plain value is, in front of it (aes-gcm) or as the cty of a JWE.
const (
	textValue = 't'
	jsonValue = 'j'
	xmlValue  = 'x'
)

// Reasons for not reading a value. They quote nothing of it.
var (
	errPlain    = errors.New("the value is not encrypted")
	errForm     = errors.New("the value is malformed")
	errAllowed  = errors.New("the JWE has another algorithm, content encryption or parameter than is allowed for its key")
	errKey      = errors.New("the value's key is not among the keys")
	errTampered = errors.New("the value was changed, moved from another field or scope, or encrypted with another key of this id")
	errContext  = errors.New("the JWE is not bound to this field and scope")
	errFormat   = errors.New("the value was encrypted in another format and can not stand here")
)

// prefix begins every value of the form aes-gcm.
const prefix = "enc:v1:"

// binding is what values of a field are bound to, as additional data.
func binding(scope, context string) []byte {
	return fmt.Appendf(nil, "farrier field 1 %d:%s %d:%s", len(scope), scope, len(context), context)
}

// seal encrypts by AES-256-GCM under a random nonce.
func (k *fieldKey) seal(kind byte, plain, bound []byte) string {
	sealed := k.aead.Seal(nil, nil, append([]byte{kind}, plain...), bound)
	return prefix + k.id + ":" + base64.RawURLEncoding.EncodeToString(sealed)
}

// open undoes seal.
func (e *encryptor) open(value string, bound []byte) (kind byte, plain []byte, err error) {
	rest, ok := strings.CutPrefix(value, prefix)
	if !ok {
		return 0, nil, errPlain
	}
	id, data, ok := strings.Cut(rest, ":")
	if !ok {
		return 0, nil, errForm
	}
	k := e.keys[id]
	if k == nil {
		return 0, nil, errKey
	}
	sealed, ok := decode(data)
	if !ok || len(sealed) < k.aead.Overhead()+1 {
		return 0, nil, errForm
	}
	if plain, err = k.aead.Open(nil, nil, sealed, bound); err != nil || len(plain) == 0 {
		return 0, nil, errTampered
	}
	return plain[0], plain[1:], nil
}

// decode reads base64url without padding, in its one canonical spelling.
func decode(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil
}

// plainOf is what of a field is encrypted.
func plainOf(v fieldpath.Value) (kind byte, plain []byte) {
	switch {
	case v.Kind == fieldpath.Text:
		return textValue, []byte(v.Text)
	case v.Format == fieldpath.XML:
		return xmlValue, v.Raw
	}
	return jsonValue, v.Raw
}

// editOf puts a decrypted value back. What is no text was not necessarily made
// by us, so that it is checked to be well-formed there.
func editOf(v fieldpath.Value, kind byte, plain []byte) (fieldpath.Edit, error) {
	switch {
	case kind == textValue && utf8.Valid(plain):
		return fieldpath.Edit{Do: fieldpath.SetText, Text: string(plain)}, nil
	case kind == textValue:
		return fieldpath.Edit{}, errForm
	case kind == jsonValue && v.Format == fieldpath.JSON, kind == xmlValue && v.Format == fieldpath.XML && !v.Attribute:
		return fieldpath.Edit{Do: fieldpath.SetRaw, Raw: plain}, nil
	}
	return fieldpath.Edit{}, errFormat
}
