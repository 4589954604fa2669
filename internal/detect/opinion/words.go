package opinion

import "strings"

// isSpace says that a byte parts words.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// leastProse is the number of plain words that make a text prose.
const leastProse = 3

// prose says that a text has at least so many words as people write them: of
// two letters or more, not all of them capitals, and with nothing but
// punctuation around them.
func prose(text string) bool {
	words := 0
	for word := range strings.FieldsSeq(text) {
		if word = strings.TrimRight(strings.TrimLeft(word, "(\"'*_"), ".,:;!?)\"'*_"); len(word) > 1 && plain(word) && !digit(word[0]) && strings.ToUpper(word) != word {
			if words++; words >= leastProse {
				return true
			}
		}
	}
	return false
}
