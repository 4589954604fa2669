package detecttest

import (
	"strings"
	"testing"
	"unicode"
)

func TestBenign(t *testing.T) {
	kinds, protocols := counts{}, counts{}
	words, size := map[string]bool{}, 0
	for c := range Benign(0) {
		kinds[c.Type]++
		protocols[c.Protocol]++
		size += len(c.Raw)
		for _, w := range strings.FieldsFunc(string(c.Raw), func(r rune) bool { return !unicode.IsLetter(r) }) {
			if len(w) < 20 && !strings.ContainsAny(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
				words[w] = true
			}
		}
	}
	total := check(t, Benign(0))
	kinds.log(t, "type")
	protocols.log(t, "protocol")
	t.Logf("%d benign requests of %d kinds, %d kB, %d different words in lower case", total, len(kinds), size>>10, len(words))
	if total < 20000 || len(kinds) < 30 {
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
