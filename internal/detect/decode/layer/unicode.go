package layer

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// overlong reads sequences of UTF-8 that are longer than their character needs,
// and the two-byte ones with a plain second byte that old servers took, as ASCII.
func (o *opener) overlong() {
	text := o.text
	buf, found := o.s.buf[:0], false
	for i := 0; i < len(text); {
		if c := text[i]; classes[c]&hasLong != 0 {
			if r, n := overlongAt(text[i:]); n > 0 {
				o.changed(buf)
				buf, found = utf8.AppendRune(buf, r), true
				i += n
				continue
			}
		}
		buf = append(buf, text[i])
		i++
	}
	o.keep(buf)
	if found {
		o.emitChanges(Overlong, buf)
	}
}

func overlongAt(s string) (rune, int) {
	tail := func(i int) rune {
		if i < len(s) && s[i]&0xc0 == 0x80 {
			return rune(s[i] & 0x3f)
		}
		return -1
	}
	b, c, d := tail(1), tail(2), tail(3)
	switch {
	case s[0] < 0xe0 && b >= 0:
		return rune(s[0]&1)<<6 | b, 2
	case s[0] < 0xe0 && len(s) > 1 && (s[1] == '.' || s[1] == '/' || s[1] == 0x1c):
		return rune(s[0]&1)<<6 | rune(s[1]), 2
	case s[0] == 0xe0 && b >= 0 && b < 0x20 && c >= 0:
		return b<<6 | c, 3
	case s[0] == 0xf0 && b >= 0 && b < 0x10 && c >= 0 && d >= 0:
		return b<<12 | c<<6 | d, 4
	}
	return 0, 0
}

// bestFit writes characters that programs turn into ASCII (full-width and small
// forms, mathematical letters, look-alikes of quotes, slashes and angles) as
// that ASCII. Curly quotes are left: prose is full of them.
func (o *opener) bestFit() {
	text := o.text
	buf, found := o.s.buf[:0], false
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			buf = append(buf, text[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if c := asciiOf(r); c != 0 {
			o.changed(buf)
			buf, found = append(buf, c), true
		} else {
			buf = append(buf, text[i:i+n]...)
		}
		i += n
	}
	o.keep(buf)
	if found {
		o.emitChanges(Unicode, buf)
	}
}

// asciiOf gives the ASCII character that r stands for, or 0.
func asciiOf(r rune) byte {
	switch {
	case r >= 0xff01 && r <= 0xff5e:
		return byte((r - 0xff01 + '!') & 127)
	case r >= 0xfe50 && r <= 0xfe6b:
		return smallForms[r-0xfe50]
	case r >= 0x1d400 && r < 0x1d6a4: // thirteen alphabets of 52 letters
		return letterOf((r - 0x1d400) % 52)
	case r >= 0x1d7ce && r <= 0x1d7ff:
		return byte('0' + (r-0x1d7ce)%10&15)
	case r >= 0x24b6 && r <= 0x24e9: // circled
		return letterOf(r - 0x24b6)
	}
	return lookAlike(r)
}

const smallForms = ",\x00.\x00;:?!\x00(){}\x00\x00#&*+-<>=\x00\\$%@"

func letterOf(i rune) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return alphabet[i]
}

func lookAlike(r rune) byte {
	switch r {
	case 0x02b9, 0x02bc, 0x02c8, 0x2032, 0x2035:
		return '\''
	case 0x02ba, 0x2033, 0x2036:
		return '"'
	case 0x02cb:
		return '`'
	case 0x2039, 0x2329, 0x3008:
		return '<'
	case 0x203a, 0x232a, 0x3009:
		return '>'
	case 0x2044, 0x2215:
		return '/'
	case 0x2216:
		return '\\'
	case 0x2024:
		return '.'
	case 0x017f:
		return 's'
	case 0x212a:
		return 'K'
	case 0x3000:
		return ' '
	case 0x2223:
		return '|'
	}
	return 0
}

// utf16 reads UTF-16 of either order: behind its mark, or when most of it is
// ASCII with a NUL before or behind each character.
func (o *opener) utf16() {
	text := o.text
	big, found, start := byteOrder(text)
	if !found && !o.named {
		return
	}
	buf := o.s.buf[:0]
	for i := start; i+1 < len(text); i += 2 {
		r := unit16(text, i, big)
		if utf16.IsSurrogate(r) && i+3 < len(text) {
			if full := utf16.DecodeRune(r, unit16(text, i+2, big)); full != utf8.RuneError {
				r = full
				i += 2
			}
		}
		buf = utf8.AppendRune(buf, r)
	}
	o.keep(buf)
	if len(buf) > 0 {
		o.emitBytes(UTF16, "", buf)
	}
}

func unit16(s string, i int, big bool) rune {
	if big {
		return rune(s[i])<<8 | rune(s[i+1])
	}
	return rune(s[i+1])<<8 | rune(s[i])
}

// utf7 undoes the runs between plus and minus. A text counts as UTF-7 when one
// of them holds an ASCII character that is no letter and no digit.
func (o *opener) utf7() {
	text := o.text
	buf, found := o.s.buf[:0], false
	for i := 0; i < len(text); {
		if text[i] != '+' {
			next := strings.IndexByte(text[i:], '+')
			if next < 0 {
				next = len(text) - i
			}
			buf = append(buf, text[i:i+next]...)
			i += next
			continue
		}
		end := i + 1
		for end < len(text) && digits64[text[end]] != badDigit && text[end] != '-' && text[end] != '_' {
			end++
		}
		var special bool
		run := text[i+1 : end]
		buf, special = appendUTF7(buf, run)
		found = found || special
		if i = end; i < len(text) && text[i] == '-' {
			if !special {
				buf = append(buf, '-')
			}
			i++
		}
	}
	o.keep(buf)
	if found {
		o.emitBytes(UTF7, "", buf)
	}
}

// appendUTF7 appends the characters of a run, or the run as it is when it holds
// no special character. A run that is none may still be one from its last plus
// on.
func appendUTF7(dst []byte, run string) ([]byte, bool) {
	start := len(dst)
	if out, special := decodeUTF7(dst, run); special {
		return out, true
	}
	dst = dst[:start]
	if p := strings.LastIndexByte(run, '+'); p >= 0 {
		dst = append(append(dst, '+'), run[:p]...)
		mark := len(dst)
		if out, special := decodeUTF7(dst, run[p+1:]); special {
			return out, true
		}
		return append(append(dst[:mark], '+'), run[p+1:]...), false
	}
	return append(append(dst, '+'), run...), false
}

// decodeUTF7 appends the characters of a run. It is none when bits are left over,
// or when it is long and few of its characters are Latin, as in Base64.
func decodeUTF7(dst []byte, run string) (out []byte, special bool) {
	var v uint64
	bits, units, latin := 0, 0, 0
	for i := range len(run) {
		v, bits = v<<6|uint64(digits64[run[i]]), bits+6
		if bits < 16 {
			continue
		}
		bits -= 16
		r := rune(v >> bits & 0xffff)
		units++
		if r < 0x100 {
			latin++
		}
		if units == 1024 && latin*8 < units {
			return dst, false
		}
		if r < utf8.RuneSelf && asciiKind[r] == 2 {
			special = true
		}
		dst = utf8.AppendRune(dst, r)
	}
	if bits >= 6 || v&(1<<bits-1) != 0 || units > 64 && latin*2 < units {
		return dst, false
	}
	return dst, special
}
