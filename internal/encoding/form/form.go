// Package form reads application/x-www-form-urlencoded pairs, as they stand in
// query strings and form bodies (WHATWG URL, section 5.1), one by one and under a
// limit. It decodes only what is asked for, and tells of what a stricter or a laxer
// reader would understand differently. Only "&" separates pairs; ";" does not.
package form

import (
	"unicode/utf8"

	"farrier.dev/farrier/internal/encoding"
)

// DefaultMaxPairs is the published default for the number of pairs.
const DefaultMaxPairs = 1000

// Text is what an Iterator reads: a query is a string, a body is bytes.
type Text interface{ string | []byte }

// Iterator gives the pairs of a text in their order. Empty pairs, as in "a&&b",
// are passed over.
type Iterator[T Text] struct {
	text  T
	pos   int
	left  int
	most  int
	found Pair[T]
	err   error
}

// Pairs begins to read text, which is a query without its "?" or a body. More
// than most pairs are an error; a negative number is no limit.
func Pairs[T Text](text T, most int) Iterator[T] {
	return Iterator[T]{text: text, left: most, most: most}
}

// Next reads a pair and tells whether there was one. It allocates nothing.
func (it *Iterator[T]) Next() bool {
	for it.err == nil && it.pos < len(it.text) {
		start := it.pos
		end, equals := start, -1
		for end < len(it.text) && it.text[end] != '&' {
			if equals < 0 && it.text[end] == '=' {
				equals = end
			}
			end++
		}
		it.pos = end + 1
		if end == start {
			continue
		}
		if it.left == 0 {
			it.err = &encoding.LimitError{Format: "form", Limit: "MaxPairs", Max: it.most, Offset: start}
			return false
		}
		it.left--
		it.found = Pair[T]{Offset: start, Name: Part[T]{it.text[start:end]}}
		if equals >= 0 {
			it.found.HasValue = true
			it.found.Name.Raw = it.text[start:equals]
			it.found.Value.Raw = it.text[equals+1 : end]
		}
		return true
	}
	return false
}

// Pair is the pair that Next read.
func (it *Iterator[T]) Pair() Pair[T] { return it.found }

// Err tells why Next stopped early: nil, or an *encoding.LimitError named
// MaxPairs.
func (it *Iterator[T]) Err() error { return it.err }

// Pair is one name and its value.
type Pair[T Text] struct {
	// Offset is the number of bytes before the pair.
	Offset int
	// HasValue tells "a=" from "a".
	HasValue bool
	// Name is what stands before the first "=".
	Name Part[T]
	// Value is what stands behind it.
	Value Part[T]
}

// Part is a name or a value as it stands in the text, whose memory it shares.
type Part[T Text] struct{ Raw T }

// Facts are what decoding tells of a part, apart from its text.
type Facts struct {
	// BadEscape: a "%" without two hexadecimal digits. It is kept as it is, as
	// browsers do; many servers refuse the pair or the request instead.
	BadEscape bool
	// Encoded: at least one escape or "+" was decoded.
	Encoded bool
	// NUL: the decoded text holds a zero byte.
	NUL bool
	// NotUTF8: the decoded text is not UTF-8.
	NotUTF8 bool
	// Semicolon: the raw text holds ";", at which some servers part pairs.
	Semicolon bool
}

// Decode gives the decoded part and what is to be told of it. Where nothing is
// encoded it gives Raw itself and allocates nothing.
func (p Part[T]) Decode() (T, Facts) {
	if !p.encoded() {
		return p.Raw, plainFacts(p.Raw)
	}
	out, f := p.AppendDecoded(make([]byte, 0, len(p.Raw)))
	return T(out), f
}

// AppendDecoded appends the decoded part to dst. Its facts are about the part.
func (p Part[T]) AppendDecoded(dst []byte) ([]byte, Facts) {
	var f Facts
	from := len(dst)
	for i := 0; i < len(p.Raw); i++ {
		c := p.Raw[i]
		switch c {
		case '+':
			f.Encoded = true
			c = ' '
		case '%':
			if i+2 < len(p.Raw) && isHex(p.Raw[i+1]) && isHex(p.Raw[i+2]) {
				f.Encoded = true
				c = unhex(p.Raw[i+1])<<4 | unhex(p.Raw[i+2])
				i += 2
			} else {
				f.BadEscape = true
			}
		}
		dst = append(dst, c)
	}
	f.NotUTF8 = !utf8.Valid(dst[from:])
	for _, c := range dst[from:] {
		f.NUL = f.NUL || c == 0
	}
	for i := range len(p.Raw) {
		f.Semicolon = f.Semicolon || p.Raw[i] == ';'
	}
	return dst, f
}

// plainFacts are the facts of a text in which nothing is encoded.
func plainFacts[T Text](text T) Facts {
	var f Facts
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			var head [utf8.UTFMax]byte
			r, n := utf8.DecodeRune(head[:copy(head[:], text[i:])])
			f.NotUTF8 = f.NotUTF8 || r == utf8.RuneError && n == 1
			i += n
			continue
		case c == 0:
			f.NUL = true
		case c == ';':
			f.Semicolon = true
		}
		i++
	}
	return f
}

// encoded tells whether decoding changes the part or tells of an escape.
func (p Part[T]) encoded() bool {
	for i := range len(p.Raw) {
		if p.Raw[i] == '%' || p.Raw[i] == '+' {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
