package detecttest

import (
	"strings"
	"testing"
	"unicode"
)

func TestBenign(t *testing.T) {
	kinds, protocols := counts{}, counts{}
	size, n, least := 0, 0, 20000
	if testing.Short() {
		n, least = 3000, 3000
	}
	total := check(t, Benign(n), func(c Case) {
		kinds[c.Type]++
		protocols[c.Protocol]++
		size += len(c.Raw)
	})
	kinds.log(t, "type")
	protocols.log(t, "protocol")
	t.Logf("%d benign requests of %d kinds, %d kB", total, len(kinds), size>>10)
	if total < least || len(kinds) < 30 {
		t.Errorf("the corpus has shrunk to %d requests of %d kinds", total, len(kinds))
	}
}

func TestBenignFields(t *testing.T) {
	total, words := 0, map[string]bool{}
	distinct := map[string]bool{}
	for text := range BenignFields(20000) {
		total++
		distinct[text] = true
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
			words[w] = true
		}
	}
	t.Logf("%d texts, %d of them different, %d words, %d lists of texts", total, len(distinct), len(words), len(vocabulary().texts))
	if len(distinct) < total*8/10 {
		t.Errorf("only %d of %d texts are different", len(distinct), total)
	}
}
