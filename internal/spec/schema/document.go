package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"math/bits"
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// types is a set of JSON types, in the order in which they are told.
type types uint8

const (
	isNull types = 1 << iota
	isBoolean
	isNumber
	isInteger
	isString
	isArray
	isObject
	anyType = 0x7f
)

// item is one value, or the name of a member, which stands before its value. What
// is in an object or array follows it.
type item struct {
	// kind is one type; that of a name is isString.
	kind types
	// own says that the text stands in Document.texts, not in data. opaque is a
	// string that is no text.
	own, opaque, truth bool
	// The text of a string without quotes, or of a number.
	start, end int32
	// next is the item behind the value.
	next int32
	// count is the number of characters, members or elements.
	count int32
}

// Document is one value, as it is held against schemas, and the memory for doing
// so. It is read into again and again, to spare memory, and is not safe for
// concurrent use. Its zero value is ready for use.
type Document struct {
	items []item
	data  []byte
	texts []byte
	// open are the objects and arrays begun, the innermost last.
	open    []int32
	scanner jsontext.Scanner
	state   run
	seed    maphash.Seed
	seeded  bool
}

// keptItems is how many items a document keeps memory for when it is released.
const keptItems = 1 << 14

// Reset empties the document, whose memory stays for what is read next, unless it
// has grown large.
func (d *Document) Reset() {
	if cap(d.items) > keptItems || cap(d.texts) > keptItems*8 {
		d.items, d.texts, d.state = nil, nil, run{}
	}
	d.items, d.texts, d.open, d.data = d.items[:0], d.texts[:0], d.open[:0], nil
	d.scanner.Reset(nil, jsontext.Limits{})
}

// ErrNumber reports a number of more than 400 characters or with an exponent
// beyond ±400: to compare it exactly would cost more than it may.
var ErrNumber = errors.New("a number is too long to be compared exactly")

const maxNumber = 400

// CheckNumber says whether a number in JSON's grammar is short enough to be
// compared; the error is ErrNumber.
func CheckNumber[T string | []byte](text T) error {
	if len(text) > maxNumber {
		return ErrNumber
	}
	for i := range len(text) {
		if text[i] != 'e' && text[i] != 'E' {
			continue
		}
		exponent := 0
		for i++; i < len(text); i++ {
			if '0' <= text[i] && text[i] <= '9' {
				exponent = min(exponent*10+int(text[i]-'0'), maxNumber+1)
			}
		}
		if exponent > maxNumber {
			return ErrNumber
		}
	}
	return nil
}

// Parse reads a JSON text, which must not be changed while the document is used.
// Names must be unique in their object, whatever the limits say. Errors are those
// of jsontext.Scanner, and ErrNumber.
func (d *Document) Parse(data []byte, limits jsontext.Limits) error {
	d.Reset()
	if len(data) > math.MaxInt32 {
		return &encoding.LimitError{Format: "json", Limit: "MaxBytes", Max: math.MaxInt32}
	}
	limits.UniqueNames = true
	d.data = data
	d.scanner.Reset(data, limits)
	for {
		t, err := d.scanner.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading JSON: %w", err)
		}
		if err := d.token(t); err != nil {
			return fmt.Errorf("reading JSON: %w", err)
		}
	}
}

func (d *Document) token(t jsontext.Token) error {
	switch t.Kind {
	case jsontext.BeginObject:
		d.begin(isObject)
	case jsontext.BeginArray:
		d.begin(isArray)
	case jsontext.EndObject, jsontext.EndArray:
		d.End()
	case jsontext.Name, jsontext.String:
		it := item{kind: isString, count: int32(t.Chars)} //nolint:gosec // less than the document is long
		if t.Escaped {
			it.own, it.start = true, int32(len(d.texts)) //nolint:gosec // less than the document is long
			d.texts = t.AppendText(d.texts)
			it.end = int32(len(d.texts)) //nolint:gosec // less than the document is long
		} else {
			it.start, it.end = int32(t.Offset+1), int32(t.Offset+len(t.Raw)-1) //nolint:gosec // less than the document is long
		}
		d.add(it, t.Kind == jsontext.Name)
	case jsontext.Number:
		d.add(item{kind: isNumber, start: int32(t.Offset), end: int32(t.Offset + len(t.Raw))}, false) //nolint:gosec // less than the document is long
		return CheckNumber(t.Raw)
	case jsontext.True, jsontext.False:
		d.add(item{kind: isBoolean, truth: t.Kind == jsontext.True}, false)
	case jsontext.Null:
		d.add(item{kind: isNull}, false)
	case jsontext.None:
	}
	return nil
}

// add appends an item and counts it where it stands.
func (d *Document) add(it item, name bool) {
	it.next = int32(len(d.items)) + 1 //nolint:gosec // less than the document is long
	if len(d.open) > 0 {
		if in := &d.items[d.open[len(d.open)-1]]; name || in.kind == isArray {
			in.count++
		}
	}
	d.items = append(d.items, it)
}

func (d *Document) begin(kind types) {
	at := int32(len(d.items)) //nolint:gosec // less than the document is long
	d.add(item{kind: kind}, false)
	d.open = append(d.open, at)
}

// The functions from here on build a value piece by piece, instead of reading it.
// Text is copied.

// BeginObject begins an object; its members are a Name and a value each.
func (d *Document) BeginObject() { d.begin(isObject) }

// BeginArray begins an array.
func (d *Document) BeginArray() { d.begin(isArray) }

// End ends the innermost object or array.
func (d *Document) End() {
	at := d.open[len(d.open)-1]
	d.open = d.open[:len(d.open)-1]
	d.items[at].next = int32(len(d.items)) //nolint:gosec // less than the document is long
}

// Name adds the name of a member.
func (d *Document) Name(name string) { d.add(d.text(isString, name), true) }

// String adds a string.
func (d *Document) String(text string) { d.add(d.text(isString, text), false) }

// Number adds a number that has JSON's grammar and passes CheckNumber.
func (d *Document) Number(text string) { d.add(d.text(isNumber, text), false) }

// Boolean adds true or false.
func (d *Document) Boolean(truth bool) { d.add(item{kind: isBoolean, truth: truth}, false) }

// Null adds null.
func (d *Document) Null() { d.add(item{kind: isNull}, false) }

// Opaque adds a string that is no text in UTF-8, as the content of a file: it has
// no length in characters, and is like no other. All else is judged, so that a
// client gets around no enum, pattern or format by what it sends.
func (d *Document) Opaque(content string) {
	it := d.text(isString, content)
	it.opaque = true
	d.add(it, false)
}

func (d *Document) text(kind types, text string) item {
	it := item{kind: kind, own: true, start: int32(len(d.texts))} //nolint:gosec // less than the document is long
	d.texts = append(d.texts, text...)
	it.end = int32(len(d.texts)) //nolint:gosec // less than the document is long
	if kind == isString {
		it.count = int32(utf8.RuneCountInString(text)) //nolint:gosec // less than the document is long
	}
	return it
}

// Add adds a value as it is unmarshalled: map[string]any, []any, string, bool,
// nil and json.Number. Anything else is an error, as is a number that is too long.
// Members are in the order of their names.
func (d *Document) Add(value any) error {
	switch v := value.(type) {
	case nil:
		d.Null()
	case bool:
		d.Boolean(v)
	case string:
		d.String(v)
	case json.Number:
		if err := CheckNumber(string(v)); err != nil {
			return err
		}
		d.Number(string(v))
	case []any:
		d.BeginArray()
		for _, inner := range v {
			if err := d.Add(inner); err != nil {
				return err
			}
		}
		d.End()
	case map[string]any:
		d.BeginObject()
		for _, name := range sorted(v) {
			d.Name(name)
			if err := d.Add(v[name]); err != nil {
				return err
			}
		}
		d.End()
	default:
		return fmt.Errorf("a value of type %T is none of JSON", value)
	}
	return nil
}

// bytes are the text of a string, name or number.
func (d *Document) bytes(it *item) []byte {
	if it.own {
		return d.texts[it.start:it.end]
	}
	return d.data[it.start:it.end]
}

// whole says whether a number is an integer, as 1.0 and 1e3 are.
func (d *Document) whole(it *item) bool {
	text := d.bytes(it)
	for _, c := range text {
		if c == '.' || c == 'e' || c == 'E' {
			return decimalOf(text).whole()
		}
	}
	return true
}

// typeName is the type of an item as it is told.
func (d *Document) typeName(it *item) string {
	return typeNames[bits.TrailingZeros8(uint8(it.kind))]
}
