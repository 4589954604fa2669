// Package tokens counts the tokens of texts as the models of the GPT-4o family
// do, GPT-4o-mini among them (encoding o200k_base). Other models split texts
// otherwise; for them the count is an estimate. It gives numbers only, no tokens.
package tokens

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

const (
	// piece is the length in bytes of what is counted at once, so that memory
	// stays bounded: a longer text is split, which may add a token at each seam.
	piece = 32 << 10
	// exact is how many bytes of one sum are counted; what lies behind them is
	// estimated. Hostile text takes 2 µs a byte.
	exact = 128 << 10
	// fewest is the least that is estimated: a token for so many bytes.
	fewest = 6
)

// Counter counts. Its vocabulary is built when it is first asked, which takes
// about a tenth of a second and some 6 MiB, shared by all counters. It is safe
// for concurrent use.
type Counter struct {
	codec func() *codec.Codec
}

// NewCounter makes a counter.
func NewCounter() *Counter {
	// Not by its name: that would bring the vocabularies of all models along.
	return &Counter{sync.OnceValue(codec.NewO200kBase)}
}

// Sum adds up the tokens of texts that belong together. It is not safe for
// concurrent use.
type Sum struct {
	counter *Counter
	// counted are the bytes counted, rest those that were not.
	counted, rest int
	tokens        int64
}

// Begin begins a sum.
func (c *Counter) Begin() *Sum { return &Sum{counter: c} }

// Count is the number of tokens of one text, as a sum gives it.
func (c *Counter) Count(text string) int64 {
	s := c.Begin()
	s.Add(text)
	return s.Tokens()
}

// Add adds a text. Names of special tokens count as the text that they are.
// Where a text can not be split it counts its bytes, which is never too few.
func (s *Sum) Add(text string) {
	if n := exact - s.counted; len(text) > n {
		n = whole(text, n)
		s.rest += len(text) - n
		text = text[:n]
	}
	s.counted += len(text)
	for text != "" {
		n := cut(text)
		s.tokens += s.counter.count(text[:n])
		text = text[n:]
	}
}

// Tokens is the number of tokens so far: exact for the first 128 KiB, for the
// rest in the same proportion, but never less than one for six bytes.
func (s *Sum) Tokens() int64 {
	if s.rest == 0 {
		return s.tokens
	}
	estimate := int64(s.rest) * s.tokens / int64(max(1, s.counted))
	return s.tokens + max(estimate, int64(s.rest+fewest-1)/fewest)
}

func (c *Counter) count(text string) int64 {
	n, err := c.codec().Count(text)
	if err != nil {
		return int64(len(text))
	}
	return int64(n)
}

// cut is where a text is split: before a blank or else between two characters.
func cut(text string) int {
	if len(text) <= piece {
		return len(text)
	}
	if i := strings.LastIndexByte(text[:piece], ' '); i > piece/2 {
		return i
	}
	return whole(text, piece)
}

// whole is n, or a little less where that would cut a character.
func whole(text string, n int) int {
	for i := n; i > 0 && i > n-utf8.UTFMax && i < len(text); i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return max(0, n)
}
