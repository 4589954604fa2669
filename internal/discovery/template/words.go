package template

import (
	_ "embed"
	"strings"
)

//go:embed words.txt
var wordList string

// Words is the vocabulary: words of APIs and ordinary English, written for this
// program. It is immutable and safe for concurrent use.
type Words struct {
	// rank says where a stem stands: words of APIs before ordinary ones.
	rank map[string]Rank
	// pairs counts which letters follow one another in the stems.
	pairs [26][26]bool
}

// Rank is how much a word says about a segment.
type Rank uint8

// The ranks.
const (
	// Unknown is no word, and Given the name of a person.
	Unknown Rank = iota
	Given
	// Ordinary is a word of ordinary English, which people also use as names.
	Ordinary
	// Common is a word that paths of APIs are made of.
	Common
)

// NewWords reads the vocabulary.
func NewWords() *Words {
	w := &Words{rank: make(map[string]Rank, 5000)}
	rank := Common
	for line := range strings.SplitSeq(wordList, "\n") {
		if strings.HasPrefix(line, "#") {
			switch {
			case strings.Contains(line, "Ordinary"):
				rank = Ordinary
			case strings.Contains(line, "Given"):
				rank = Given
			}
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if w.rank[word] == Unknown {
				w.rank[word] = rank
			}
			for i := 1; i < len(word); i++ {
				a, b := word[i-1]-'a', word[i]-'a'
				if a < 26 && b < 26 {
					w.pairs[a][b] = true
				}
			}
		}
	}
	return w
}

// Rank tells what is known of one word in lower case, inflected or not.
func (w *Words) Rank(word string) Rank {
	if r := w.rank[word]; r != Unknown {
		return r
	}
	if len(word) < 4 {
		return Unknown
	}
	best := w.inflected(word)
	if best == Common || len(word) < 6 {
		return best
	}
	for _, prefix := range [...]string{"un", "re", "pre", "non", "sub", "multi", "auto", "inter", "super", "co", "de", "dis", "mis", "over", "under"} {
		if rest, ok := strings.CutPrefix(word, prefix); ok && len(rest) >= 4 {
			if best = max(best, w.rank[rest], w.inflected(rest)); best == Common {
				return best
			}
		}
	}
	return best
}

// endings are what English puts behind a stem.
var endings = [...]string{
	"s", "es", "ed", "d", "ing", "er", "r", "ers", "or", "ors", "ion", "ions", "tion", "tions", "ation", "ations", "ment", "ments",
	"able", "ible", "al", "als", "ally", "ly", "ness", "less", "ful", "ity", "ive", "ist", "ists", "ic", "ical", "y", "ship", "able",
	"ability", "ization", "ize", "ized", "ized", "ise", "ised", "ance", "ence", "ant", "ent", "ingly", "ings",
}

func (w *Words) inflected(word string) Rank {
	best := Unknown
	for _, ending := range endings {
		stem, ok := strings.CutSuffix(word, ending)
		if !ok || len(stem) < 3 {
			continue
		}
		best = max(best, w.rank[stem])
		if len(ending) > 1 && ending[0] != 's' {
			best = max(best, w.withE(stem))
			if n := len(stem); stem[n-1] == stem[n-2] {
				best = max(best, w.rank[stem[:n-1]])
			}
		}
		// categories, copied, supplier: the y of the stem became an i.
		if n := len(stem); stem[n-1] == 'i' {
			best = max(best, w.withY(stem[:n-1]))
		}
		if best == Common {
			return best
		}
	}
	return best
}

// withE and withY look for a stem with a letter behind it, without allocating.
func (w *Words) withE(stem string) Rank { return w.with(stem, 'e') }
func (w *Words) withY(stem string) Rank { return w.with(stem, 'y') }

func (w *Words) with(stem string, c byte) Rank {
	var buf [32]byte
	if len(stem) >= len(buf) {
		return Unknown
	}
	n := copy(buf[:], stem)
	buf[n] = c
	return w.rank[string(buf[:n+1])]
}

// maxWord is the longest segment that is looked up in the vocabulary.
const maxWord = 80

// Reading is what the vocabulary says of a whole segment.
type Reading struct {
	// Words is how many words it is made of, 0 when it is not made of words.
	Words int
	// Rank is that of its least known word.
	Rank Rank
}

// Read takes a segment apart at hyphens, underscores, dots, blanks and changes of
// case, and tells whether words remain. A few digits behind a word are let pass,
// as in "oauth2"; so are up to one part in four that is unknown.
func (w *Words) Read(segment string) Reading {
	if len(segment) == 0 || len(segment) > maxWord {
		return Reading{}
	}
	if r := w.whole(segment); r > Given {
		return Reading{1, r}
	}
	var buf [maxWord]byte
	total, strange, small, rank := 0, 0, 0, Common
	for rest := segment; rest != ""; {
		var part string
		part, rest = nextPart(rest)
		if part == "" {
			continue
		}
		lower := string(lowered(buf[:0], part))
		total++
		switch r := w.part(lower); {
		case r <= Given:
			strange++
		case len(lower) <= 2 || filling(lower):
			small++
		case r < rank:
			rank = r
		}
	}
	if total == 0 || strange*4 > total || small == total || total == 1 && isDigit(segment[len(segment)-1]) {
		return Reading{}
	}
	return Reading{total, rank}
}

// whole looks the segment up as it stands, in lower case, when it is one word.
func (w *Words) whole(segment string) Rank {
	var buf [maxWord]byte
	for i := range len(segment) {
		if c := segment[i]; i > 0 && 'A' <= c && c <= 'Z' && 'a' <= segment[i-1] && segment[i-1] <= 'z' {
			return Unknown
		}
	}
	lower := lowered(buf[:0], segment)
	r := w.rank[string(lower)]
	// US, IT and CAN are codes; API and PDF are words of APIs.
	if r == Ordinary && len(segment) <= 3 && upper(segment) || len(segment) == 2 && upper(segment) && r != Common {
		return Unknown
	}
	if r == Unknown && len(segment) >= 4 {
		return w.Rank(string(lower))
	}
	return r
}

func (w *Words) part(lower string) Rank {
	word := strings.TrimRight(lower, "0123456789")
	if len(lower)-len(word) > 2 {
		return w.rank[lower]
	}
	if word == "" {
		// A number of one or two digits stands between words, as in "top-10".
		return Ordinary
	}
	if len(word) == 1 {
		return Ordinary
	}
	if r := w.Rank(word); r != Unknown {
		return r
	}
	return w.glued(word)
}

// glued tells words written together, as "getuserdetails".
func (w *Words) glued(text string) Rank {
	if len(text) < 6 || len(text) > 32 {
		return Unknown
	}
	// reach[i] is the rank of the best reading of text[:i], parts its words.
	var reach [33]Rank
	var parts [33]uint8
	reach[0] = Common
	for end := 3; end <= len(text); end++ {
		for start := max(0, end-14); start+3 <= end; start++ {
			if reach[start] == Unknown || parts[start] >= 4 {
				continue
			}
			r := min(reach[start], w.Rank(text[start:end]))
			if r > max(Given, reach[end]) {
				reach[end], parts[end] = r, parts[start]+1
			}
		}
	}
	return reach[len(text)]
}

// filling tells words that stand between others and say nothing of what they name.
func filling(word string) bool {
	switch word {
	case "and", "for", "from", "the", "with", "without", "all", "not", "per", "via", "into", "out", "off", "one", "two", "any", "each", "last", "most", "new", "old":
		return true
	}
	return false
}

// nextPart cuts the first part off: up to a separator or a change of case.
func nextPart(s string) (part, rest string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-' || c == '_' || c == '.' || c == ' ' || c == '$' || c == '+' || c == ':':
			return s[:i], s[i+1:]
		case i == 0:
		case 'A' <= c && c <= 'Z' && (!isUpper(s[i-1]) || i+1 < len(s) && isLower(s[i+1])) && s[i-1] != '-':
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func lowered(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func upper(s string) bool {
	for i := range len(s) {
		if !isUpper(s[i]) {
			return false
		}
	}
	return s != ""
}

// sayable tells whether the letters of a text follow one another as in words: text
// that nobody can say was not written by people.
func (w *Words) sayable(s string) bool {
	odd, run, pairs := 0, 0, 0
	var before byte
	for i := range len(s) {
		c := s[i] | 0x20
		if c < 'a' || c > 'z' {
			before, run = 0, 0
			continue
		}
		if strings.IndexByte("aeiouy", c) >= 0 {
			run = 0
		} else if run++; run > 4 {
			return false
		}
		if before != 0 {
			if pairs++; !w.pairs[before-'a'][c-'a'] {
				odd++
			}
		}
		before = c
	}
	return odd*5 <= pairs
}
