package layer

import "strings"

const (
	minBase64 = 8  // shortest text tried as a whole
	minSure   = 16 // shorter ones must decode to clean text with a character that is no letter or digit
	minToken  = 22 // shortest run tried within longer text: 16 bytes without padding
	minHex    = 16
	minDigits = 20 // of hexadecimal without a letter: shorter ones are numbers
)

const badDigit = 0x80

// digits64 gives the value of a digit of Base64, of either alphabet.
var digits64 = base64Table()

func base64Table() (t [256]byte) {
	for i := range t {
		t[i] = badDigit
	}
	for i := range byte(26) {
		t['A'+i], t['a'+i] = i, 26+i
	}
	for i := range byte(10) {
		t['0'+i] = 52 + i
	}
	t['+'], t['-'], t['/'], t['_'] = 62, 62, 63, 63
	return t
}

// base64 opens the text as a whole or, failing that, the tokens in it.
func (o *opener) base64(d Decoder) {
	if d == Base64URL && o.enabled.Has(Base64) && !o.named {
		return // both alphabets are read by one pass, which names what it found
	}
	if o.dataURL() {
		return
	}
	if len(o.text) > len(basic) && strings.EqualFold(o.text[:len(basic)], basic) {
		o.wholeBase64(d, strings.TrimLeft(o.text[len(basic):], " "), true)
		return
	}
	if o.named || o.mask&(hasOther|hasHigh|hasNUL|hasControl) == 0 && !o.mostlyBlanks() {
		if o.wholeBase64(d, o.text, o.named) {
			return
		}
		if o.mask&(hasEquals|hasSpace|hasNewline) == 0 {
			o.segments(o.text)
			return
		}
	}
	o.tokens()
}

// mostlyBlanks tells prose from Base64 whose plus signs became blanks.
func (o *opener) mostlyBlanks() bool {
	return o.mask&hasSpace != 0 && strings.Count(o.text, " ")*8 > len(o.text)
}

// alphabet names the decoder of a run; with but one of the two enabled it is
// that one.
func (o *opener) alphabet(run string) Decoder {
	url := strings.IndexByte(run, '-') >= 0 || strings.IndexByte(run, '_') >= 0
	if url && o.enabled.Has(Base64URL) || !o.enabled.Has(Base64) {
		return Base64URL
	}
	return Base64
}

// dataURL opens data:...;base64, whatever it decodes to.
func (o *opener) dataURL() bool {
	if len(o.text) < 13 || o.text[0]|0x20 != 'd' || !strings.EqualFold(o.text[:5], "data:") {
		return false
	}
	comma := strings.IndexByte(o.text[:min(len(o.text), 256)], ',')
	if comma < 7 || !strings.EqualFold(o.text[comma-7:comma], ";base64") && !strings.EqualFold(o.text[comma-6:comma], "base64") {
		return false
	}
	buf := appendBase64(o.s.buf[:0], o.text[comma+1:], true)
	o.keep(buf)
	return o.reveal(o.alphabet(""), buf, true)
}

// basic begins the value of Authorization that holds a name and a password.
const basic = "basic "

// wholeBase64 opens a text that is nothing but Base64; sure says that it is.
func (o *opener) wholeBase64(d Decoder, text string, sure bool) bool {
	text = strings.TrimRight(text, "= \t\r\n")
	if !sure && (len(text) < minBase64-2 || strings.IndexByte(text, '=') >= 0) {
		return false
	}
	buf := appendBase64(o.s.buf[:0], text, sure)
	o.keep(buf)
	if len(buf) == 0 {
		return false
	}
	if !o.named {
		d = o.alphabet(text)
	}
	return o.reveal(d, buf, sure || len(text) >= minSure-2)
}

// tokens opens the clear runs of Base64 in longer text.
func (o *opener) tokens() {
	for start, end := nextToken(o.text, 0); start >= 0 && !o.stopped; start, end = nextToken(o.text, end+1) {
		o.token(o.text[start:end])
	}
}

// nextToken finds the next run of Base64 from i on, or -1. It looks at the byte
// where a run would end first and goes back from there, so that prose costs little.
func nextToken(text string, i int) (start, end int) {
	for i+minToken <= len(text) {
		k := i + minToken - 1
		for k >= i && digits64[text[k]] != badDigit {
			k--
		}
		if k >= i {
			i = k + 1
			continue
		}
		end = i + minToken
		for end < len(text) && digits64[text[end]] != badDigit {
			end++
		}
		return i, end
	}
	return -1, -1
}

// token opens a run.
func (o *opener) token(run string) {
	if !hasCapital(run) {
		return
	}
	buf := appendBase64(o.s.buf[:0], run, false)
	o.keep(buf)
	if !o.reveal(o.alphabet(run), buf, true) {
		o.segments(run)
	}
}

// maxPath is the longest run that may be a path: longer ones are data.
const maxPath = 8192

// segments opens what stands between slashes, which may also part a path.
func (o *opener) segments(run string) {
	if len(run) > maxPath || strings.IndexByte(run, '/') < 0 {
		return
	}
	for segment := range strings.SplitSeq(run, "/") {
		if len(segment) < minToken || o.stopped {
			continue
		}
		buf := appendBase64(o.s.buf[:0], segment, false)
		o.keep(buf)
		o.reveal(o.alphabet(segment), buf, true)
	}
}

func hasCapital(s string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

// appendBase64 appends what src encodes: either alphabet, padding optional, line
// breaks skipped, a blank read as the plus that it was before form decoding. A
// byte that is none of these ends it, with nothing unless lenient.
func appendBase64(dst []byte, src string, lenient bool) []byte {
	start := len(dst)
	var v uint32
	n := 0
	for i := 0; i < len(src); {
		for n == 0 && i+4 <= len(src) {
			a, b, c, d := digits64[src[i]], digits64[src[i+1]], digits64[src[i+2]], digits64[src[i+3]]
			if (a|b|c|d)&badDigit != 0 {
				break
			}
			dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|d)
			i += 4
		}
		if i == len(src) {
			break
		}
		x := digits64[src[i]]
		if x == badDigit {
			switch src[i] {
			case '\r', '\n', '\t':
				i++
				continue
			case ' ':
				x = 62
			default:
				if !lenient {
					return dst[:start]
				}
				return flush64(dst, v, n)
			}
		}
		i++
		v = v<<6 | uint32(x)
		if n++; n == 4 {
			dst = append(dst, byte(v>>16&255), byte(v>>8&255), byte(v&255))
			v, n = 0, 0
		}
	}
	return flush64(dst, v, n)
}

// flush64 appends the bytes of n digits that are left over.
func flush64(dst []byte, v uint32, n int) []byte {
	switch n {
	case 2:
		return append(dst, byte(v>>4&255))
	case 3:
		return append(dst, byte(v>>10&255), byte(v>>2&255))
	}
	return dst
}

// hex opens a text of hexadecimal digits, also after 0x.
func (o *opener) hex() {
	text := strings.TrimSpace(o.text)
	prefixed := len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x'
	if prefixed {
		text = text[2:]
	}
	if len(text)%2 != 0 || len(text) < minHex && !o.named && (!prefixed || len(text) < 8) {
		return
	}
	buf := o.s.buf[:0]
	for i := 0; i < len(text); i += 2 {
		b, ok := hexByte(text, i)
		if !ok {
			return
		}
		buf = append(buf, b)
	}
	o.keep(buf)
	o.reveal(Hex, buf, o.named || len(text) >= 2*minHex)
}

// maybeShort64 tells whether a short text of Base64 could decode to clean text;
// most words and codes can not.
func maybeShort64(text string) bool {
	for len(text) >= 4 {
		a, b, c, d := digits64[text[0]], digits64[text[1]], digits64[text[2]], digits64[text[3]]
		if (a|b|c|d)&badDigit != 0 {
			return true
		}
		if x := a<<2 | b>>4; x < 0x80 && asciiKind[x] == 0 {
			return false
		}
		if x := b<<4 | c>>2; x < 0x80 && asciiKind[x] == 0 {
			return false
		}
		if x := c<<6 | d; x < 0x80 && asciiKind[x] == 0 {
			return false
		}
		text = text[4:]
	}
	return true
}

// hexCandidate tells whether a text of mask m may be text in hexadecimal. Short
// ones, as hashes are, must look it: half printable, or printable for a while, or
// with zeros, or with a magic.
func hexCandidate(text string, m mask) bool {
	if m&(hasSpace|hasNewline) != 0 {
		text = strings.TrimSpace(text)
		if len(text) < minBase64 {
			return false
		}
	}
	if text[0] == '0' && text[1]|0x20 == 'x' {
		return true
	}
	if m&(hasNonHex|hasSymbol|hasOther|hasEquals|hasHigh) != 0 || len(text) < minHex || m&hasHexLetter == 0 && len(text) < minDigits {
		return false
	}
	if len(text) > 80 {
		return true
	}
	switch text[:2] {
	case "1f", "1F", "78", "28", "ac", "AC", "ff", "FF", "fe", "FE":
		return true
	}
	printable, zeros, run := 0, 0, 0
	for i := 0; i+1 < len(text); i += 2 {
		switch c := text[i]; {
		case c >= '2' && c <= '7':
			printable++
			if run++; run == 10 {
				return true
			}
		case c == '0' && text[i+1] == '0':
			zeros++
			run = 0
		default:
			run = 0
		}
	}
	return printable*4 >= len(text) || zeros > 2
}
