package jose

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

// maxDepth is how deep a header may nest.
const maxDepth = 300

// Header is the protected header of a JWS: a JSON object in which every name
// occurs once.
type Header struct{ members []member }

type member struct {
	name  string
	value []byte // as it stands in the header
}

// Has tells whether the header has a member of this name.
func (h Header) Has(name string) bool { return h.raw(name) != nil }

// Number gives a member that is a number; false when it is none.
func (h Header) Number(name string) (float64, bool) {
	value := h.raw(name)
	if value == nil || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return 0, false
	}
	number, err := strconv.ParseFloat(string(value), 64)
	return number, err == nil
}

func (h Header) raw(name string) []byte {
	for i := range h.members {
		if h.members[i].name == name {
			return h.members[i].value
		}
	}
	return nil
}

// names are alg and kid.
func (h Header) names() (algorithm, keyID string, err error) {
	algorithm, ok := plainText(h.raw("alg"))
	if !ok || algorithm == "" {
		return "", "", errAlg
	}
	if kid := h.raw("kid"); kid != nil {
		if keyID, ok = plainText(kid); !ok {
			return "", "", errKid
		}
	}
	return algorithm, keyID, nil
}

// plainText is the text of a JSON string that was found well-formed.
func plainText(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err == nil
}

// readHeader reads the segment of a header. Numbers beyond a float64 are refused,
// for readers disagree about them as they do about names that repeat.
func readHeader(segment string) (Header, error) {
	text, err := Decode(segment)
	if err != nil {
		return Header{}, err
	}
	limits := jsontext.NoLimits()
	limits.UniqueNames, limits.MaxDepth = true, maxDepth
	var s jsontext.Scanner
	s.Reset(text, limits)
	if first, err := s.Next(); err != nil || first.Kind != jsontext.BeginObject {
		return Header{}, errHeader
	}
	h := Header{members: make([]member, 0, 4)}
	var one member
	begin := 0
	for {
		t, err := s.Next()
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil || t.Kind == jsontext.Number && !isFloat(t.Raw) {
			return Header{}, errHeader
		}
		switch depth := s.Depth(); {
		case depth == 1 && t.Kind == jsontext.Name:
			one = member{name: string(t.Text())}
		case depth == 1 && t.IsScalar():
			one.value = t.Raw
			h.members = append(h.members, one)
		case depth == 1:
			one.value = text[begin:s.Offset()]
			h.members = append(h.members, one)
		case depth == 2 && (t.Kind == jsontext.BeginObject || t.Kind == jsontext.BeginArray):
			begin = t.Offset
		}
	}
}

func isFloat(number []byte) bool {
	_, err := strconv.ParseFloat(string(number), 64)
	return err == nil
}

// elements are the elements of a JSON array, as they stand in it.
func elements(value []byte) ([][]byte, bool) {
	if value == nil {
		return nil, false
	}
	list, isArray, err := jsontext.Elements(value, jsontext.NoLimits())
	return list, isArray && err == nil
}
