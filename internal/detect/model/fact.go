// Package model is what was learned of the values that an operation normally
// takes: their types, lengths, characters and places. It describes a value
// without keeping it, says how far another deviates and why, and is otherwise
// passive: who teaches it, and what a deviation means, is decided elsewhere.
package model

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Fact is what is learned of one value: never the value itself.
type Fact struct {
	// Place is where the value stands, as findings name it, with "*" for the
	// positions in lists.
	Place string
	// Type is the narrowest type that the value has.
	Type Type
	// Length is in characters.
	Length int
	// Characters is which classes of characters occur.
	Characters Characters
}

// Describe makes the fact of a value. Only its first 4096 bytes are looked at
// for characters.
func Describe(place, text string) Fact {
	f := Fact{Place: general(place), Length: utf8.RuneCountInString(text)}
	for i := range len(text[:min(len(text), maxLook)]) {
		f.Characters |= 1 << classes[text[i]]
	}
	f.Type = typeOf(text, f.Characters)
	return f
}

const maxLook = 4 << 10

// general puts a star for each number in a JSON pointer or path of layers.
func general(place string) string {
	if !strings.ContainsAny(place, "0123456789") || !strings.Contains(place, "/") {
		return place
	}
	parts := strings.Split(place, "/")
	for i, part := range parts {
		if number, rest, _ := strings.Cut(part, " "); number != "" && strings.Trim(number, "0123456789") == "" {
			parts[i] = "*"
			if rest != "" {
				parts[i] += " " + rest
			}
		}
	}
	return strings.Join(parts, "/")
}

// Characters is a set of classes of characters, one bit a class.
type Characters uint64

// The classes: three kinds of letters and digits, white space, what is not
// ASCII, control characters, and each mark of ASCII by itself.
const (
	lower = iota
	upper
	digits
	space
	lineBreak
	control
	foreign
	marks // the first of 32
)

// marksOfASCII are in the order of their bits.
const marksOfASCII = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

var classes = func() (table [256]uint8) {
	for i := range table {
		switch c := byte(i); {
		case 'a' <= c && c <= 'z':
			table[i] = lower
		case 'A' <= c && c <= 'Z':
			table[i] = upper
		case '0' <= c && c <= '9':
			table[i] = digits
		case c == ' ':
			table[i] = space
		case c == '\n', c == '\r', c == '\t':
			table[i] = lineBreak
		case c >= 0x80:
			table[i] = foreign
		case strings.IndexByte(marksOfASCII, c) >= 0:
			table[i] = marks + uint8(strings.IndexByte(marksOfASCII, c))
		default:
			table[i] = control
		}
	}
	return table
}()

// sharp are the marks with which most attacks leave a value behind.
var sharp = set("\"'`<>(){};|$\\&=") | 1<<control

func set(characters string) (all Characters) {
	for i := range len(characters) {
		all |= 1 << classes[characters[i]]
	}
	return all
}

// String shows a set as a class of a regular expression.
func (c Characters) String() string {
	names := [marks]string{"a-z", "A-Z", "0-9", " ", `\n`, `\x00-\x1f`, "non-ASCII"}
	var b strings.Builder
	b.WriteByte('[')
	for rest := uint64(c); rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); i < marks {
			b.WriteString(names[i])
		} else {
			b.WriteByte(marksOfASCII[i-marks])
		}
	}
	b.WriteByte(']')
	return b.String()
}

// Type is what a value looks like. Types are ordered: strict ones first.
type Type uint8

// The types.
const (
	Empty Type = iota
	Boolean
	Integer
	Decimal
	Date
	UUID
	Email
	Word
	Text
	types
)

var typeNames = [...]string{"empty", "boolean", "integer", "decimal number", "date", "UUID", "e-mail address", "word", "text"}

// String is the type's name.
func (t Type) String() string { return typeNames[t] }

// strict says that a value of another type is out of place where this type is
// the rule.
func (t Type) strict() bool { return t >= Boolean && t <= Email }

func typeOf(s string, c Characters) Type {
	const number = 1 << digits
	within := func(allowed Characters) bool { return c&^allowed == 0 }
	switch {
	case s == "":
		return Empty
	case s == "true" || s == "false":
		return Boolean
	case within(number|set("-+")) && c&number != 0 && strings.LastIndexAny(s, "+-") <= 0:
		return Integer
	case within(number|set("-+.eE")) && (s[0] == '-' || s[0] == '+' || s[0]-'0' < 10) && strings.Count(s, ".") <= 1 && strings.Count(s, "-") <= 1 && strings.LastIndexByte(s, '-') <= 0:
		return Decimal
	case len(s) == 36 && within(number|1<<lower|1<<upper|set("-")) && s[8] == '-' && s[13] == '-' && s[18] == '-':
		return UUID
	case len(s) >= 8 && len(s) <= 35 && within(number|1<<upper|1<<lower|set("-:.+/ ")) && dated(s):
		return Date
	case within(number|1<<lower|1<<upper|1<<foreign|set("@.-_+'")) && strings.Count(s, "@") == 1 && s[0] != '@' && strings.Contains(s[strings.IndexByte(s, '@'):], "."):
		return Email
	case within(number | 1<<lower | 1<<upper | set("_-.")):
		return Word
	}
	return Text
}

// dated says that a text begins like a date of ISO 8601 or as people write it.
func dated(s string) bool {
	const forms = "dddd-dd-dd dd.dd.dddd dd/dd/dddd dddd/dd/dd"
	for form := range strings.FieldsSeq(forms) {
		if len(s) < len(form) {
			continue
		}
		fits := true
		for i := range len(form) {
			if form[i] == 'd' && s[i]-'0' >= 10 || form[i] != 'd' && s[i] != form[i] {
				fits = false
				break
			}
		}
		if fits {
			return true
		}
	}
	return false
}
