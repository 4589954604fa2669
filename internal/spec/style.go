package spec

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Style is how a parameter's value is written (OpenAPI, style values).
type Style string

// The styles.
const (
	Form           Style = "form"
	Simple         Style = "simple"
	Label          Style = "label"
	Matrix         Style = "matrix"
	SpaceDelimited Style = "spaceDelimited"
	PipeDelimited  Style = "pipeDelimited"
	DeepObject     Style = "deepObject"
)

// DefaultStyle is the style of a parameter that names none.
func DefaultStyle(in Place) Style {
	if in == InQuery || in == InCookie {
		return Form
	}
	return Simple
}

// Allows says whether the style may be used in a place.
func (s Style) Allows(in Place) bool {
	switch in {
	case InPath:
		return s == Simple || s == Label || s == Matrix
	case InHeader:
		return s == Simple
	case InQuery:
		return s == Form || s == SpaceDelimited || s == PipeDelimited || s == DeepObject
	case InCookie:
		return s == Form
	}
	return false
}

// MaxItems is how many items or properties one parameter may have.
const MaxItems = 1000

// Reasons for which a parameter can't be read.
var (
	errMany    = fmt.Errorf("has more than %d items", MaxItems)
	errEscape  = errors.New("is not encoded as it should be")
	errText    = errors.New("is not UTF-8, or holds a zero byte")
	errForm    = errors.New("is not written in the style described")
	errTwice   = errors.New("stands more than once")
	errPairs   = errors.New("must be pairs of names and values")
	errNesting = errors.New("has more than one level of brackets")
)

// unescape decodes one piece of a raw text.
type unescape func(string) (string, error)

func plain(text string) (string, error) { return text, checkText(text) }

func pathText(text string) (string, error) {
	decoded, err := url.PathUnescape(text)
	if err != nil {
		return "", errEscape
	}
	return decoded, checkText(decoded)
}

func queryText(text string) (string, error) {
	decoded, err := url.QueryUnescape(text)
	if err != nil {
		return "", errEscape
	}
	return decoded, checkText(decoded)
}

func checkText(text string) error {
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return errText
	}
	return nil
}

// split parts a raw text, so that an encoded separator parts nothing.
func split(raw, separator string) ([]string, error) {
	if strings.Count(raw, separator) >= MaxItems {
		return nil, errMany
	}
	return strings.Split(raw, separator), nil
}

// list reads parts as the items of an array.
func list(parts []string, k kinds, decode unescape) (any, error) {
	if len(parts) > MaxItems {
		return nil, errMany
	}
	out := make([]any, len(parts))
	for i, part := range parts {
		text, err := decode(part)
		if err != nil {
			return nil, err
		}
		out[i] = scalar(text, k)
	}
	return out, nil
}

// pairs reads parts as the properties of an object: name, value, name, value.
func (s *shape) pairs(parts []string, decode unescape) (any, error) {
	if len(parts)%2 != 0 {
		return nil, errPairs
	}
	out := make(map[string]any, len(parts)/2)
	for p := range slices.Chunk(parts, 2) {
		if err := s.put(out, p[0], p[1], decode); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// equals reads parts of the form name=value as the properties of an object.
func (s *shape) equals(parts []string, decode unescape) (any, error) {
	out := make(map[string]any, len(parts))
	for _, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, errPairs
		}
		if err := s.put(out, name, value, decode); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *shape) put(out map[string]any, name, value string, decode unescape) error {
	name, err := decode(name)
	if err != nil {
		return err
	}
	text, err := decode(value)
	if err != nil {
		return err
	}
	if _, twice := out[name]; twice {
		return errTwice
	}
	inner, _ := s.of(name)
	out[name] = scalar(text, inner.kinds)
	return nil
}

// text reads a whole raw value as a scalar.
func text(raw string, k kinds, decode unescape) (any, error) {
	decoded, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return scalar(decoded, k), nil
}

// reading is one way of reading a parameter.
type reading struct {
	value any
	err   error
}

func read(value any, err error) reading { return reading{value, err} }

// delimited reads a value whose items are parted by a separator, in each way
// that the shape allows: structures first.
func (p *parameter) delimited(raw, separator string, exploded bool, decode unescape) []reading {
	var all []reading
	parts, err := split(raw, separator)
	if err != nil && p.shape.kinds&(kindArray|kindObject) != 0 {
		return []reading{{nil, err}}
	}
	if p.shape.kinds&kindArray != 0 {
		all = append(all, read(list(parts, p.shape.items, decode)))
	}
	if p.shape.kinds&kindObject != 0 {
		if exploded {
			all = append(all, read(p.shape.equals(parts, decode)))
		} else {
			all = append(all, read(p.shape.pairs(parts, decode)))
		}
	}
	return append(all, p.scalars(raw, decode)...)
}

// scalars reads a value as a scalar: as a number where it may be one, then as a
// string.
func (p *parameter) scalars(raw string, decode unescape) []reading {
	k := p.shape.kinds & scalars
	if k == 0 {
		return nil
	}
	all := []reading{read(text(raw, k, decode))}
	if k&kindString != 0 && k != kindString {
		all = append(all, read(text(raw, kindString, decode)))
	}
	return all
}

// inPath reads a value that stands in a path.
func (p *parameter) inPath(raw string) []reading {
	switch p.described.Style {
	case Label:
		return p.label(raw)
	case Matrix:
		return p.matrix(raw)
	case Form, Simple, SpaceDelimited, PipeDelimited, DeepObject:
	}
	return p.delimited(raw, ",", p.described.Explode, pathText)
}

// label reads ".a,b" and, exploded, ".a.b". The versions of OpenAPI before 3.0.4
// wrote ".a.b" in either case.
func (p *parameter) label(raw string) []reading {
	rest, ok := strings.CutPrefix(raw, ".")
	if !ok {
		return []reading{{nil, errForm}}
	}
	if p.described.Explode {
		return p.delimited(rest, ".", true, pathText)
	}
	all := p.delimited(rest, ",", false, pathText)
	if p.shape.kinds&(kindArray|kindObject) != 0 && strings.Contains(rest, ".") && !strings.Contains(rest, ",") {
		all = append(all, p.delimited(rest, ".", false, pathText)...)
	}
	return all
}

// matrix reads ";name=a,b", and exploded ";name=a;name=b" or ";r=1;g=2".
func (p *parameter) matrix(raw string) []reading {
	rest, ok := strings.CutPrefix(raw, ";")
	if !ok {
		return []reading{{nil, errForm}}
	}
	parts, err := split(rest, ";")
	if err != nil {
		return []reading{{nil, err}}
	}
	var all []reading
	if p.described.Explode && p.shape.kinds&kindObject != 0 {
		all = append(all, read(p.shape.equals(parts, pathText)))
	}
	values := make([]string, len(parts))
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if name != p.described.Name {
			return append(all, reading{nil, errForm})
		}
		values[i] = value
	}
	switch {
	case p.described.Explode && p.shape.kinds&kindArray != 0:
		all = append(all, read(list(values, p.shape.items, pathText)))
	case len(values) > 1:
		return append(all, reading{nil, errTwice})
	case !p.described.Explode:
		return append(all, p.delimited(values[0], ",", false, pathText)...)
	}
	return append(all, p.scalars(values[0], pathText)...)
}
