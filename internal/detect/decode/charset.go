package decode

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// wide are the encodings that begin with a byte order mark, or show by where
// their zero bytes stand (RFC 4627, section 3): the first two characters of a
// JSON or XML document are ASCII.
type wide struct {
	name   string
	width  int
	little bool
}

// wideOf recognises UTF-16 and UTF-32; begin is the length of the mark.
func wideOf(s string) (w wide, begin int) {
	switch {
	case strings.HasPrefix(s, "\x00\x00\xfe\xff"):
		return wide{"utf-32be", 4, false}, 4
	case strings.HasPrefix(s, "\xff\xfe\x00\x00"):
		return wide{"utf-32le", 4, true}, 4
	case strings.HasPrefix(s, "\xfe\xff"):
		return wide{"utf-16be", 2, false}, 2
	case strings.HasPrefix(s, "\xff\xfe"):
		return wide{"utf-16le", 2, true}, 2
	case len(s) < 4:
		return wide{}, 0
	case s[0] == 0 && s[1] == 0 && s[2] == 0 && s[3] != 0:
		return wide{"utf-32be", 4, false}, 0
	case s[0] != 0 && s[1] == 0 && s[2] == 0 && s[3] == 0:
		return wide{"utf-32le", 4, true}, 0
	case s[0] == 0 && s[1] != 0 && s[2] == 0 && s[3] != 0:
		return wide{"utf-16be", 2, false}, 0
	case s[0] != 0 && s[1] == 0 && s[2] != 0 && s[3] == 0:
		return wide{"utf-16le", 2, true}, 0
	}
	return wide{}, 0
}

// narrow writes a wide text as UTF-8.
func (t *Tree) narrow(s string, w wide) (string, bool) {
	n := len(s) / w.width * 3
	if w.width == 4 {
		n = len(s) / 4 * utf8.UTFMax
	}
	if !t.spend(n) {
		return "", false
	}
	b := t.arena.room(n)
	for ; len(s) >= w.width; s = s[w.width:] {
		r := w.unit(s)
		if w.width == 2 && utf16.IsSurrogate(r) && len(s) >= 4 {
			if pair := utf16.DecodeRune(r, w.unit(s[2:])); pair != utf8.RuneError {
				r, s = pair, s[2:]
			}
		}
		b = utf8.AppendRune(b, r)
	}
	return t.arena.keep(b), true
}

func (w wide) unit(s string) rune {
	var r rune
	for i := range w.width {
		k := i
		if w.little {
			k = w.width - 1 - i
		}
		r = r<<8 | rune(s[k])
	}
	return r
}

// legacy are the encodings that old SOAP clients use.
var legacy = map[string]*charmap.Charmap{
	"iso-8859-1": charmap.ISO8859_1, "latin1": charmap.ISO8859_1, "iso-8859-15": charmap.ISO8859_15,
	"windows-1252": charmap.Windows1252, "us-ascii": charmap.ISO8859_1, "ascii": charmap.ISO8859_1,
}

// xmlCharset cuts an XML declaration off that names another encoding than UTF-8
// and gives the rest in UTF-8, with the name. A text that was wide is UTF-8
// already, whatever it says of itself. Other declarations are for the reader.
func (t *Tree) xmlCharset(s string, wasWide bool) (rest, name string) {
	if !strings.HasPrefix(s, "<?xml ") {
		return s, ""
	}
	end := strings.Index(s[:min(len(s), 256)], "?>")
	if end < 0 {
		return s, ""
	}
	name = declaredEncoding(s[:end])
	if name == "" || name == "utf-8" {
		return s, ""
	}
	rest = s[end+2:]
	if wasWide && strings.HasPrefix(name, "utf-") {
		return rest, name
	}
	table, ok := legacy[name]
	if !ok || !t.spend(3*len(rest)) {
		return s, ""
	}
	b := t.arena.room(3 * len(rest))
	for i := range len(rest) {
		b = utf8.AppendRune(b, table.DecodeByte(rest[i]))
	}
	return t.arena.keep(b), name
}

// declaredEncoding is the encoding that an XML declaration names, in lower case.
func declaredEncoding(declaration string) string {
	_, after, ok := strings.Cut(declaration, "encoding")
	after = strings.TrimLeft(after, " \t\r\n=")
	if !ok || after == "" || after[0] != '"' && after[0] != '\'' {
		return ""
	}
	name, _, ok := strings.Cut(after[1:], after[:1])
	if !ok {
		return ""
	}
	return strings.ToLower(name)
}

// isText says that a content is text: UTF-8, or an older encoding with few bytes
// beyond ASCII, and no zero byte.
func isText(s string) bool {
	if strings.IndexByte(s, 0) >= 0 {
		return false
	}
	return utf8.ValidString(s) || latinText(s)
}

// latinText says that bytes that are no UTF-8 may still be text in an older
// encoding: no control characters, and few bytes beyond ASCII.
func latinText(s string) bool {
	high := 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 0x80:
			high++
		case b < ' ' && b != '\t' && b != '\n' && b != '\r':
			return false
		}
	}
	return high*4 <= len(s)
}

// trimCutRune cuts the beginning of a character off that a limit cut through.
func trimCutRune(s string) string {
	for i := 1; i <= min(utf8.UTFMax-1, len(s)); i++ {
		if tail := s[len(s)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				return s[:len(s)-i]
			}
			break
		}
	}
	return s
}

func blank(s string) bool { return len(bytes.TrimSpace(asBytes(s))) == 0 }
