package layer

import "strings"

// minText is the length below which no text is under any decoding: "&lt",
// "%3c" and "\x3c" have three bytes at least.
const minText = 3

// mask is the set of classes of bytes that occur in a text.
type mask uint32

const (
	hasPercent mask = 1 << iota
	hasAmpersand
	hasBackslash
	hasPlus
	hasEquals
	hasNUL
	hasControl // other than NUL, tab, line feed and carriage return
	hasHigh    // 0x80 and above
	hasLong    // lead bytes of overlong UTF-8
	hasWide    // lead bytes of characters that stand for ASCII
	hasNewline
	hasComma // and the other separators of cells
	hasUpper
	hasNonHex // letters beyond f
	hasHexLetter
	hasDigit
	hasSymbol // slash, minus and underscore of Base64
	hasDot
	hasColon
	hasSpace
	hasOther // all the rest
)

var classes = classTable()

func classTable() (t [256]mask) {
	for i := range t {
		t[i] = classOf(byte(i))
	}
	return t
}

func classOf(c byte) mask {
	switch {
	case c == 0:
		return hasNUL
	case c == '\n' || c == '\r':
		return hasNewline
	case c == '\t':
		return hasComma | hasSpace
	case c < 0x20 || c == 0x7f:
		return hasControl
	case c >= 0x80:
		return highClassOf(c)
	case c >= '0' && c <= '9':
		return hasDigit
	case c >= 'A' && c <= 'Z':
		if c > 'F' {
			return hasUpper | hasNonHex
		}
		return hasUpper | hasHexLetter
	case c >= 'a' && c <= 'f':
		return hasHexLetter
	case c >= 'g' && c <= 'z':
		return hasNonHex
	}
	return punctuation[c]
}

var punctuation = [128]mask{
	'%': hasPercent | hasOther, '&': hasAmpersand | hasOther, '\\': hasBackslash | hasOther,
	'+': hasPlus | hasSymbol, '=': hasEquals, '/': hasSymbol, '-': hasSymbol, '_': hasSymbol,
	',': hasComma | hasOther, ';': hasComma | hasOther, '|': hasComma | hasOther,
	'.': hasDot | hasOther, ':': hasColon | hasOther, ' ': hasSpace,
	'!': hasOther, '"': hasOther, '#': hasOther, '$': hasOther, '\'': hasOther, '(': hasOther, ')': hasOther,
	'*': hasOther, '<': hasOther, '>': hasOther, '?': hasOther, '@': hasOther, '[': hasOther, ']': hasOther,
	'^': hasOther, '`': hasOther, '{': hasOther, '}': hasOther, '~': hasOther,
}

func highClassOf(c byte) mask {
	m := hasHigh
	switch c {
	case 0xc0, 0xc1, 0xe0, 0xf0:
		m |= hasLong
	}
	switch c {
	case 0xc5, 0xca, 0xcb, 0xe2, 0xe3, 0xef, 0xf0:
		m |= hasWide
	}
	return m
}

func maskOf(s string) mask {
	var a, b, c, d mask
	for len(s) >= 4 {
		a |= classes[s[0]]
		b |= classes[s[1]]
		c |= classes[s[2]]
		d |= classes[s[3]]
		s = s[4:]
	}
	for i := range len(s) {
		a |= classes[s[i]]
	}
	return a | b | c | d
}

// candidates gives the decoders that are worth asking about a text of mask m;
// each of them looks closer itself.
func candidates(text string, m mask) Set {
	var c Set
	if m&(hasPercent|hasAmpersand|hasBackslash|hasPlus|hasNUL|hasControl|hasHigh) != 0 {
		c = marked(text, m)
	}
	if m&(hasEquals|hasNewline|hasColon|hasOther) != 0 {
		c |= structured(text, m)
	}
	if len(text) < minBase64 {
		return c
	}
	if m&hasUpper != 0 && (len(text) >= minSure || maybeShort64(text)) {
		c |= baseCandidates(text, m)
	}
	if m&hasDigit != 0 && hexCandidate(text, m) {
		c |= SetOf(Hex)
	}
	return c
}

// marked gives the decoders that a single byte announces.
func marked(text string, m mask) Set {
	var c Set
	if m&hasPercent != 0 {
		c |= SetOf(Percent)
	}
	if m&hasAmpersand != 0 {
		c |= SetOf(HTML)
	}
	if m&hasBackslash != 0 {
		c |= SetOf(JS)
	}
	if m&hasPlus != 0 && m&hasUpper != 0 {
		c |= SetOf(UTF7)
	}
	if m&hasLong != 0 {
		c |= SetOf(Overlong)
	}
	if m&hasWide != 0 {
		c |= SetOf(Unicode)
	}
	if m&hasNUL != 0 || text[0] >= 0xfe {
		c |= SetOf(UTF16)
	}
	if m&(hasControl|hasNUL) != 0 {
		c |= SetOf(Protobuf)
	}
	return c | magicOf(text)
}

// structured gives the decoders that look at the whole of a text.
func structured(text string, m mask) Set {
	var c Set
	switch first := firstOf(text); first {
	case '{', '[':
		c |= SetOf(JSON)
	case '<':
		c |= SetOf(XML)
	case 'a', 'O', 's', 'S', 'C', 'E', 'i', 'b', 'd', 'N':
		if m&hasColon != 0 {
			c |= SetOf(PHP)
		}
	}
	if m&(hasColon|hasComma) == hasColon|hasComma {
		if bar := strings.IndexByte(text[:min(len(text), maxSessionName)], '|'); bar > 0 && isPHP(text[bar+1:]) {
			c |= SetOf(PHP)
		}
	}
	if m&hasEquals != 0 {
		c |= SetOf(FormPairs)
	}
	if m&hasNewline != 0 {
		if text[0] == '\n' { // field 1, of bytes
			c |= SetOf(Protobuf)
		}
		if m&(hasColon|hasSymbol) != 0 {
			c |= SetOf(YAML)
		}
		if m&hasComma != 0 {
			c |= SetOf(CSV)
		}
	}
	return c
}

// baseCandidates gives the decoders of the Base64 family. A text without a
// capital letter is not asked: every third byte that it encodes is a letter from
// i on, a brace, a bar, a tilde or no ASCII, which leaves no room for an attack.
func baseCandidates(text string, m mask) Set {
	if m&(hasOther|hasHigh|hasNUL|hasControl) == 0 {
		return SetOf(Base64, Base64URL)
	}
	var c Set
	if m&hasDot != 0 && len(text) >= minJWT && maybeJWT(text) {
		c |= SetOf(JWT)
	}
	if text[0]|0x20 == 'd' && m&hasColon != 0 {
		return c | SetOf(Base64, Base64URL)
	}
	if start, _ := nextToken(text, 0); start >= 0 {
		c |= SetOf(Base64, Base64URL)
	}
	return c
}

// firstOf gives the first byte that is not blank, or a blank.
func firstOf[T string | []byte](text T) byte {
	for i := range len(text) {
		if !isBlank(text[i]) {
			return text[i]
		}
	}
	return ' '
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isAlnum(c byte) bool { return isLetter(c) || isDigit(c) }
