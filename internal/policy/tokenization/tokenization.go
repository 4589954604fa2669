// Package tokenization is the policies tokenization and detokenization: fields
// of messages become tokens and tokens fields again, without a vault. A token is
// a permutation of its value (FF1) under a key, so that equal values have equal
// tokens of the same form. Whoever can send values through tokenization can
// compare tokens; it is no encryption of messages.
package tokenization

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Tokenize is the entry of the catalogue for tokenization, which puts tokens in
// the place of fields.
func Tokenize() policy.Policy {
	return policy.Policy{
		Name: "tokenization", Title: "Tokenization", Category: "Security",
		Phase: policy.Shape, Schema: schema,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, false) },
	}
}

// Detokenize is the entry of the catalogue for detokenization, which puts the
// fields back in the place of their tokens.
func Detokenize() policy.Policy {
	return policy.Policy{
		Name: "detokenization", Title: "Detokenization", Category: "Security",
		Phase: policy.Shape, Schema: schema,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, true) },
	}
}

// maxValues is how many values of one message may be rewritten.
const maxValues = 10_000

// errKey says that a message names a key that is not in the settings.
var errKey = errors.New("the token's key is not among the keys")

type key struct {
	id      string
	ciphers cipherSet
}

// tokenizer is the settings of either policy, checked.
type tokenizer struct {
	Settings
	back       bool
	set        *fieldpath.Set
	formats    []*format // by field
	keys       map[string]*key
	active     *key
	expression *dataweave.Expression
	keyHeader  string
}

func compile(settings json.RawMessage, back bool) (policy.Compiled, error) {
	t := &tokenizer{back: back}
	if err := policy.DecodeWithDefaults(schema, settings, &t.Settings); err != nil {
		return nil, err
	}
	if t.StatusCode != 0 && t.StatusCode < 400 {
		return nil, errors.New("statusCode: a refusal has 400 to 599; correct it, or leave it out")
	}
	t.keyHeader = traffic.LowerName(t.KeyHeader)
	if err := t.compileKeys(); err != nil {
		return nil, err
	}
	if err := t.compileFields(); err != nil {
		return nil, err
	}
	t.Keys = nil
	return t, nil
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)

func (t *tokenizer) compileKeys() error {
	t.keys = make(map[string]*key, len(t.Keys))
	for i, k := range t.Keys {
		at := "keys[" + strconv.Itoa(i) + "]"
		raw, err := base64.StdEncoding.DecodeString(k.Key)
		switch {
		case !keyID.MatchString(k.ID):
			return errors.New(at + ".id: must be 1 to 16 letters, digits, - and _")
		case t.keys[k.ID] != nil:
			return errors.New(at + ".id: given twice")
		case err != nil || len(raw) != 32:
			return errors.New(at + ".key: must be 32 bytes in base64, as of openssl rand -base64 32")
		}
		made := &key{id: k.ID}
		if made.ciphers, err = newCipherSet(raw); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		t.keys[k.ID] = made
	}
	if t.ActiveKey == "" {
		t.ActiveKey = t.Keys[0].ID
	}
	if t.active = t.keys[t.ActiveKey]; t.active == nil {
		return errors.New("activeKey: no key has this id")
	}
	if t.KeyExpression == "" {
		return nil
	}
	if !t.back {
		return errors.New("keyExpression: it is for detokenization; new tokens are made with activeKey")
	}
	var err error
	if t.expression, err = dataweave.Compile(t.KeyExpression); err != nil {
		return fmt.Errorf("keyExpression: %w", err)
	}
	return nil
}

func (t *tokenizer) compileFields() error {
	formats := map[string]*format{}
	for i, f := range t.Formats {
		at := "formats[" + strconv.Itoa(i) + "]"
		c, err := compileFormat(f)
		switch {
		case err != nil:
			return fmt.Errorf("%s.%w", at, err)
		case formats[f.Name] != nil:
			return errors.New(at + ".name: given twice")
		case t.back && f.Domain == "maskCharacter":
			return errors.New(at + ".domain: there is no way back from a mask; remove the format")
		}
		formats[f.Name] = c
	}
	paths := make([]fieldpath.Path, len(t.Fields))
	for i, f := range t.Fields {
		at := "fields[" + strconv.Itoa(i) + "]"
		name, text := ".path", f.Path
		if text == "" && f.Expression != "" {
			name, text = ".expression", f.Expression
		} else if f.Expression != "" {
			return errors.New(at + ".expression: path is given too; remove one")
		}
		var err error
		if paths[i], err = fieldpath.Parse(text); err != nil {
			return fmt.Errorf("%s%s: %w", at, name, err)
		}
		c := formats[f.Format]
		if c == nil {
			return errors.New(at + ".format: no format has this name")
		}
		t.formats = append(t.formats, c)
	}
	var err error
	if t.set, err = fieldpath.NewSet(paths...); err != nil {
		return fmt.Errorf("fields: %w", err)
	}
	return nil
}

// Bind implements policy.Compiled.
func (t *tokenizer) Bind(policy.Env) (policy.Step, error) {
	public := "A value could not be tokenized."
	if t.back {
		public = "A token could not be read."
	}
	return policy.ContentStep{
		Request: t.Direction == "request", Response: t.Direction == "response",
		Limit: t.BodyLimit, PassOther: t.OnOtherContent == "pass", SkipStreams: t.OnStream == "skip",
		Status: t.StatusCode, Public: public, Rewrite: t.rewrite,
	}.Step(), nil
}

func (t *tokenizer) rewrite(x *traffic.Exchange, response bool) (string, error) {
	h, b := fieldpath.Side(x, response)
	k, err := t.keyOf(x, h, response)
	if err != nil {
		return "", err
	}
	unmatched := 0
	changed, err := t.set.Apply(h, b, fieldpath.Options{MaxValues: maxValues}, func(v fieldpath.Value) (fieldpath.Edit, error) {
		switch v.Kind {
		case fieldpath.Null:
			return fieldpath.Edit{}, nil
		case fieldpath.Container:
			return fieldpath.Edit{Do: fieldpath.Descend}, nil
		case fieldpath.Text, fieldpath.Number, fieldpath.Bool:
		}
		f := t.formats[v.Path]
		made, err := "", errDomain
		switch {
		case v.Kind == fieldpath.Bool:
		case t.back:
			made, err = f.detokenize(v.Text, k, t.keys)
		default:
			made, err = f.tokenize(v.Text, k)
		}
		switch {
		case err == nil:
			return fieldpath.Edit{Do: fieldpath.SetText, Text: made}, nil
		case t.FailOnUnmatched:
			return fieldpath.Edit{}, fmt.Errorf("%s: %w", t.set.Path(v.Path), err)
		}
		unmatched++
		return fieldpath.Edit{}, nil
	})
	if err != nil {
		return "", err
	}
	return t.done(h, k, changed, unmatched), nil
}

// done tells what was done, and the reader of tokens by which key.
func (t *tokenizer) done(h *traffic.Header, k *key, changed, unmatched int) string {
	if t.keyHeader != "" {
		h.Del(t.keyHeader)
		if !t.back && changed > 0 {
			h.Set(t.keyHeader, k.id)
		}
	}
	if changed+unmatched == 0 {
		return ""
	}
	verb := "tokenized"
	if t.back {
		verb = "detokenized"
	}
	text := strconv.Itoa(changed) + " values " + verb
	if unmatched > 0 {
		text += ", " + strconv.Itoa(unmatched) + " did not fit their format and passed"
	}
	return text
}

// keyOf is the key of a message.
func (t *tokenizer) keyOf(x *traffic.Exchange, h *traffic.Header, response bool) (*key, error) {
	if !t.back {
		return t.active, nil
	}
	id := ""
	if t.expression != nil {
		value, err := t.expression.Eval(&policy.Scope{Exchange: x, Response: response})
		if err != nil {
			return nil, errors.New("keyExpression could not be evaluated")
		}
		text, ok := value.AsString()
		if !ok && !value.IsNull() {
			return nil, errors.New("keyExpression gave something that is no text")
		}
		id = text
	}
	if id == "" && t.keyHeader != "" {
		id = h.Get(t.keyHeader)
	}
	if id == "" {
		return t.active, nil
	}
	if k := t.keys[id]; k != nil {
		return k, nil
	}
	return nil, errKey
}
