package layer

import (
	"strings"
	"unicode/utf8"
)

// percent undoes one layer of %XX and %uXXXX; escapes that are none stay as they
// are. A plus is a blank when the text has none of its own, as in a query.
func (o *opener) percent() {
	text := o.text
	i := strings.IndexByte(text, '%')
	for i >= 0 && !isEscape(text, i) {
		next := strings.IndexByte(text[i+1:], '%')
		if next < 0 {
			return
		}
		i += 1 + next
	}
	if i < 0 {
		return
	}
	plus := o.mask&hasSpace == 0 && o.mask&hasPlus != 0
	buf := o.s.buf[:0]
	for p := 0; p < len(text); {
		c := text[p]
		if c == '%' {
			if b, ok := hexByte(text, p+1); ok {
				o.changed(buf)
				buf = append(buf, b)
				p += 3
				continue
			}
			if r, ok := percentU(text, p); ok {
				o.changed(buf)
				buf = utf8.AppendRune(buf, r)
				p += 6
				continue
			}
		}
		if c == '+' && plus {
			o.changed(buf)
			c = ' '
		}
		buf = append(buf, c)
		p++
	}
	o.keep(buf)
	o.emitChanges(Percent, buf)
}

func isEscape(text string, p int) bool {
	if _, ok := hexByte(text, p+1); ok {
		return true
	}
	_, ok := percentU(text, p)
	return ok
}

// percentU reads the %uXXXX at p.
func percentU(text string, p int) (rune, bool) {
	if p+6 > len(text) || text[p+1]|0x20 != 'u' {
		return 0, false
	}
	return hexRune(text[p+2 : p+6])
}

// hexRune reads all of s as a hexadecimal number; more than 21 bits are none.
func hexRune(s string) (rune, bool) {
	var r rune
	for i := range len(s) {
		v := hexDigits[s[i]]
		if v > 15 || r > 0x10ffff {
			return 0, false
		}
		r = r<<4 | rune(v)
	}
	return r, len(s) > 0
}

// hexByte reads two hexadecimal digits at p.
func hexByte(text string, p int) (byte, bool) {
	if p+2 > len(text) {
		return 0, false
	}
	hi, lo := hexDigits[text[p]], hexDigits[text[p+1]]
	return hi<<4 | lo&15, hi|lo < 16
}

// hexDigits gives the value of a hexadecimal digit, 255 for other bytes.
var hexDigits = hexTable()

func hexTable() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}
