// Package fieldencryption is the policies field-encryption and field-decryption:
// fields of messages are encrypted and bound to their place, and read again. It
// keeps no keys but those in the settings, and hides neither which fields there
// are nor how long their values are.
package fieldencryption

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Encrypt is the entry of the catalogue for field-encryption, which encrypts
// fields of messages.
func Encrypt() policy.Policy {
	return policy.Policy{
		Name: "field-encryption", Title: "Field Encryption", Category: "Security",
		Phase: policy.Shape, Schema: schema,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, false) },
	}
}

// Decrypt is the entry of the catalogue for field-decryption, which makes clear
// text of fields that were encrypted.
func Decrypt() policy.Policy {
	return policy.Policy{
		Name: "field-decryption", Title: "Field Decryption", Category: "Security",
		Phase: policy.Shape, Schema: schema,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, true) },
	}
}

// encryptor is the settings of either policy, checked.
type encryptor struct {
	Settings
	back   bool
	set    *fieldpath.Set
	keys   map[string]*fieldKey
	active *fieldKey
}

func compile(settings json.RawMessage, back bool) (policy.Compiled, error) {
	e := &encryptor{back: back}
	if err := policy.DecodeWithDefaults(schema, settings, &e.Settings); err != nil {
		return nil, err
	}
	if e.StatusCode != 0 && e.StatusCode < 400 {
		return nil, errors.New("statusCode: a refusal has 400 to 599; correct it, or leave it out")
	}
	if err := e.compileKeys(); err != nil {
		return nil, err
	}
	paths := make([]fieldpath.Path, len(e.Fields))
	for i := range e.Fields {
		var err error
		if paths[i], err = fieldpath.Parse(e.Fields[i].Path); err != nil {
			return nil, fmt.Errorf("fields[%d].path: %w", i, err)
		}
		if e.Fields[i].Context == "" {
			e.Fields[i].Context = e.Fields[i].Path
		}
	}
	var err error
	if e.set, err = fieldpath.NewSet(paths...); err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	return e, nil
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (e *encryptor) compileKeys() error {
	e.keys = make(map[string]*fieldKey, len(e.Keys))
	for i, k := range e.Keys {
		at := "keys[" + strconv.Itoa(i) + "]"
		made, err := parseKey(k.ID, k.Key, e.Form)
		switch {
		case !keyID.MatchString(k.ID):
			return errors.New(at + ".id: must be 1 to 64 letters, digits, -, _ and dots")
		case e.keys[k.ID] != nil:
			return errors.New(at + ".id: given twice")
		case err != nil:
			return fmt.Errorf("%s.key: %w", at, err)
		case e.back && made.private == nil:
			return errors.New(at + ".key: a public key can not decrypt; give the private one")
		}
		e.keys[k.ID] = made
	}
	if e.ActiveKey == "" {
		e.ActiveKey = e.Keys[0].ID
	}
	if e.active = e.keys[e.ActiveKey]; e.active == nil {
		return errors.New("activeKey: no key has this id")
	}
	e.Keys = nil
	return nil
}

// bound is the encryptor in one binding.
type bound struct {
	*encryptor
	// contexts are what values are bound to, by field.
	contexts [][]byte
}

// Bind implements policy.Compiled.
func (e *encryptor) Bind(env policy.Env) (policy.Step, error) {
	b := &bound{encryptor: e}
	scope := e.Scope
	if scope == "" {
		scope = env.API
	}
	for _, f := range e.Fields {
		b.contexts = append(b.contexts, binding(scope, f.Context))
	}
	public := "A field could not be encrypted."
	if e.back {
		public = "A field could not be decrypted."
	}
	return policy.ContentStep{
		Request: e.Direction == "request", Response: e.Direction == "response",
		Limit: e.BodyLimit, PassOther: e.OnOtherContent == "pass", SkipStreams: e.OnStream == "skip",
		Status: e.StatusCode, Public: public, Rewrite: b.rewrite,
	}.Step(), nil
}

func (b *bound) rewrite(x *traffic.Exchange, response bool) (string, error) {
	visit, verb := b.encrypt, " fields encrypted"
	if b.back {
		visit, verb = b.decrypt, " fields decrypted"
	}
	header, body := fieldpath.Side(x, response)
	changed, err := b.set.Apply(header, body, fieldpath.Options{MaxValues: b.MaxFields}, func(v fieldpath.Value) (fieldpath.Edit, error) {
		if v.Kind == fieldpath.Null {
			return fieldpath.Edit{}, nil
		}
		edit, err := visit(v)
		if err != nil {
			err = fmt.Errorf("%s: %w", b.set.Path(v.Path), err)
		}
		return edit, err
	})
	if err != nil || changed == 0 {
		return "", err
	}
	return strconv.Itoa(changed) + verb, nil
}

func (b *bound) encrypt(v fieldpath.Value) (fieldpath.Edit, error) {
	kind, plain := plainOf(v)
	if b.Form == "aes-gcm" {
		return fieldpath.Edit{Do: fieldpath.SetText, Text: b.active.seal(kind, plain, b.contexts[v.Path])}, nil
	}
	if len(plain) == 0 { // a JWE of nothing is not read by all
		if v.Format != fieldpath.JSON {
			return fieldpath.Edit{}, nil
		}
		kind, plain = jsonValue, v.Raw
	}
	token, err := b.active.sealJWE(kind, plain, b.contexts[v.Path])
	return fieldpath.Edit{Do: fieldpath.SetText, Text: token}, err
}

func (b *bound) decrypt(v fieldpath.Value) (fieldpath.Edit, error) {
	kind, plain, err := byte(0), []byte(nil), errPlain
	switch {
	case v.Kind != fieldpath.Text:
	case v.Text == "" && b.Form == "jwe" && v.Format != fieldpath.JSON:
		return fieldpath.Edit{}, nil
	case b.Form == "aes-gcm":
		kind, plain, err = b.open(v.Text, b.contexts[v.Path])
	default:
		kind, plain, err = b.openJWE(v.Text, b.contexts[v.Path])
	}
	switch {
	case err == nil:
		return editOf(v, kind, plain)
	case errors.Is(err, errPlain) && b.OnPlain == "pass":
		return fieldpath.Edit{}, nil
	}
	return fieldpath.Edit{}, err
}
