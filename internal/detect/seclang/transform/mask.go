package transform

import "unicode/utf8"

// Mask says of which classes a text has at least one byte or, for the last
// five, one character.
type Mask uint32

// The classes of bytes; each byte is of exactly one.
const (
	Lower     Mask = 1 << iota // a-z
	Upper                      // A-Z
	Digit                      // 0-9
	Blank                      // space
	LineSpace                  // \t \r \n
	PageSpace                  // \v \f
	Null                       // NUL
	Control                    // the other control characters, DEL included
	Percent                    // %
	Plus                       // +
	Backslash                  // \
	Ampersand                  // &
	Slash                      // /
	Dot                        // .
	Star                       // *
	Hash                       // #
	Dash                       // -
	Quote                      // " '
	Caret                      // ^
	Comma                      // ,
	Semicolon                  // ;
	Colon                      // :
	Paren                      // ( )
	Angle                      // < >
	Equals                     // =
	Other                      // the other printable ASCII characters
	High                       // 0x80 and above

	// Broken is set for bytes that are no valid UTF-8.
	Broken
	// LatinSpace is set for U+0085, U+00A0 and for a byte 0xA0 that belongs to no character.
	LatinSpace
	// WideSpace is set for the other white space of Unicode outside ASCII.
	WideSpace
	// WideUpper is set for characters outside ASCII that have another lower case.
	WideUpper
	// WideLower is set for characters outside ASCII that have another upper case.
	WideLower
)

var classes = func() (t [256]Mask) {
	for b := range t {
		switch {
		case b >= utf8.RuneSelf:
			t[b] = High
		case b < ' ' || b == 0x7f:
			t[b] = Control
		case '0' <= b && b <= '9':
			t[b] = Digit
		case 'A' <= b && b <= 'Z':
			t[b] = Upper
		case 'a' <= b && b <= 'z':
			t[b] = Lower
		default:
			t[b] = Other
		}
	}
	for class, members := range map[Mask]string{
		Blank: " ", LineSpace: "\t\r\n", PageSpace: "\v\f", Null: "\x00",
		Percent: "%", Plus: "+", Backslash: `\`, Ampersand: "&", Slash: "/", Dot: ".",
		Star: "*", Hash: "#", Dash: "-", Quote: `"'`, Caret: "^", Comma: ",",
		Semicolon: ";", Colon: ":", Paren: "()", Angle: "<>", Equals: "=",
	} {
		for _, b := range []byte(members) {
			t[b] = class
		}
	}
	return t
}()

// MaskOf returns the classes that occur in s: one pass, and a second over the
// characters outside ASCII where there are any.
func MaskOf(s string) Mask {
	var m, n Mask
	rest := s
	for len(rest) >= 8 {
		m |= classes[rest[0]] | classes[rest[1]] | classes[rest[2]] | classes[rest[3]]
		n |= classes[rest[4]] | classes[rest[5]] | classes[rest[6]] | classes[rest[7]]
		rest = rest[8:]
	}
	for i := range len(rest) {
		m |= classes[rest[i]]
	}
	m |= n
	if m&High != 0 {
		m |= wideMask(s)
	}
	return m
}

// wideMask returns the classes of the characters outside ASCII.
func wideMask(s string) Mask {
	var all trait
	for i := ascii(s); i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= 0xc2 && c < 0xe0 && i+1 < len(s) && s[i+1]&0xc0 == 0x80 { // most alphabets
			all |= traitsOf(int(c&0x1f), s[i+1])
			i += 2
			continue
		}
		traits, size := traitsAt(s, i)
		all |= traits
		i += size
	}
	return Mask(all) << 27
}
