package transform

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// entityList has the named character references of HTML, one a line: the
// name, with its semicolon where it must have one, and its code points.
//
//go:embed entities.txt
var entityList string

const (
	longestName = 32 // CounterClockwiseContourIntegral;
	longestBare = 6  // of the names that do without a semicolon
)

// entities has what each name stands for.
var entities = sync.OnceValue(func() map[string]string {
	m := make(map[string]string, 2231)
	for line := range strings.Lines(entityList) {
		fields := strings.Fields(line)
		var text []byte
		for _, f := range fields[1:] {
			code, err := strconv.ParseInt(f, 16, 32)
			if err != nil {
				panic("the list of entities is broken: " + line)
			}
			text = utf8.AppendRune(text, rune(code))
		}
		m[fields[0]] = string(text)
	}
	return m
})

// windows1252 has the characters that the numbers 0x80 to 0x9f stand for.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

// appendEntities is htmlEntityDecode, by the rules of HTML for text: the
// longest name counts, and old names need no semicolon.
func appendEntities(dst []byte, src string) []byte {
	for {
		i := strings.IndexByte(src, '&')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		src = src[i:]
		code, text, size := entityAt(src)
		switch {
		case size == 0:
			dst = append(dst, '&')
			size = 1
		case text != "":
			dst = append(dst, text...)
		default:
			dst = utf8.AppendRune(dst, code)
		}
		src = src[size:]
	}
}

func changesEntities(s string) bool {
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			return false
		}
		s = s[i:]
		if _, _, size := entityAt(s); size > 0 {
			return true
		}
		s = s[1:]
	}
}

// entityAt returns what the reference stands for with which s begins, the
// ampersand included, and its length: 0 if there is none.
func entityAt(s string) (code rune, text string, size int) {
	if len(s) >= 2 && s[1] == '#' {
		code, size = numberAt(s)
		return code, "", size
	}
	i := 1
	for i < len(s) && classes[s[i]]&(letters|Digit) != 0 {
		i++
	}
	if i < 3 { // no name is shorter than two letters
		return 0, "", 0
	}
	names := entities()
	if i < len(s) && s[i] == ';' && i <= longestName {
		if text, ok := names[s[1:i+1]]; ok {
			return 0, text, i + 1
		}
	}
	for end := min(i, 1+longestBare); end > 2; end-- {
		if text, ok := names[s[1:end]]; ok {
			return 0, text, end
		}
	}
	return 0, "", 0
}

// numberAt reads &#123; and &#x7b; with or without the semicolon.
func numberAt(s string) (code rune, size int) {
	i, base := 2, rune(10)
	if i < len(s) && s[i]|0x20 == 'x' {
		i, base = 3, 16
	}
	first := i
	for i < len(s) && rune(nibble[s[i]]) < base {
		if code <= utf8.MaxRune {
			code = code*base + rune(nibble[s[i]])
		}
		i++
	}
	switch {
	case i == first:
		return 0, 0
	case i < len(s) && s[i] == ';':
		i++
	}
	switch {
	case 0x80 <= code && code <= 0x9f:
		code = windows1252[code-0x80]
	case code == 0:
		code = utf8.RuneError
	}
	return code, i // AppendRune replaces what is no character
}
