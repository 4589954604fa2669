package datamasking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

// mask is a Masking, checked.
type mask struct {
	Masking
	full string
	key  []byte
}

// fullLength is the length of a full mask, whatever the value's.
const fullLength = 8

func compileMask(m Masking, key string) (*mask, error) {
	switch {
	case utf8.RuneCountInString(m.MaskCharacter) != 1:
		return nil, errors.New("maskCharacter: must be one character")
	case m.Mask != "partial" && m.KeepFirst+m.KeepLast > 0:
		return nil, errors.New("keepFirst and keepLast are for the mask partial; set it, or remove them")
	case m.Mask == "partial" && m.KeepFirst+m.KeepLast == 0:
		return nil, errors.New("mask: partial keeps nothing; set keepFirst or keepLast, or write full")
	case m.Mask == "hash" && len(key) < 16:
		return nil, errors.New("mask: hash needs a hashKey of at least 16 characters, or every value could be guessed")
	}
	return &mask{Masking: m, full: strings.Repeat(m.MaskCharacter, fullLength), key: []byte(key)}, nil
}

// text is what stands for a text.
func (m *mask) text(value string) string {
	switch m.Mask {
	case "partial":
		return m.partial(value)
	case "hash":
		sum := hmac.New(sha256.New, m.key)
		sum.Write([]byte(value))
		return hex.EncodeToString(sum.Sum(nil)[:16])
	case "null", "remove":
		return ""
	}
	return m.full
}

func (m *mask) partial(value string) string {
	count := utf8.RuneCountInString(value)
	if m.KeepFirst+m.KeepLast >= count {
		return m.full
	}
	var b strings.Builder
	n := 0
	for _, r := range value {
		if n < m.KeepFirst || n >= count-m.KeepLast {
			b.WriteRune(r)
		} else {
			b.WriteString(m.MaskCharacter)
		}
		n++
	}
	return b.String()
}

// edit is what is done with a field.
func (m *mask) edit(v fieldpath.Value) fieldpath.Edit {
	switch {
	case m.Mask == "remove":
		return fieldpath.Edit{Do: fieldpath.Remove}
	case m.Mask == "null" && !v.Inside:
		return fieldpath.Edit{Do: fieldpath.SetNull}
	case v.Kind == fieldpath.Container:
		return fieldpath.Edit{Do: fieldpath.Descend}
	case v.Kind == fieldpath.Null, v.Text == "":
		return fieldpath.Edit{}
	}
	return fieldpath.Edit{Do: fieldpath.SetText, Text: m.text(v.Text)}
}

// detector masks what looks like sensitive data.
type detector map[classify.Class]*mask

// edit is what is done with a value to which no field leads.
func (d detector) edit(v fieldpath.Value) fieldpath.Edit {
	if v.Kind != fieldpath.Text && v.Kind != fieldpath.Number {
		return fieldpath.Edit{}
	}
	text := v.Text
	var b strings.Builder
	done := 0
	for _, found := range classify.Find(text) {
		m := d[found.Class]
		if m == nil {
			continue
		}
		b.WriteString(text[done:found.Start])
		b.WriteString(m.text(text[found.Start:found.End]))
		done = found.End
	}
	if done == 0 {
		return fieldpath.Edit{}
	}
	b.WriteString(text[done:])
	return fieldpath.Edit{Do: fieldpath.SetText, Text: b.String()}
}
