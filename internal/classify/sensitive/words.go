package sensitive

import "unicode/utf8"

// The most of a name that is read: its end, which says what stands there.
const (
	maxName  = 72
	maxWords = 14
	maxJoin  = 4
	// minGlued is the length from which an unknown word is tried as several words
	// written without a separator, as in dateofbirth.
	minGlued = 7
	maxWord  = 32
	maxPart  = 20
)

// entry is what the vocabulary says of a word or of several in a row.
type entry struct {
	role    role
	effects []effect
	// joins is of how many words the longest phrase is that begins with this word.
	joins int
}

// known tells whether the vocabulary says something of the word; otherwise it is
// but a part of phrases.
func (e *entry) known() bool { return e.role != 0 || e.effects != nil }

// effect is what a word adds to the score of a class, in hundredths: in the name
// itself, and in what lies around.
type effect struct {
	class       index
	own, around int16
}

// role is what a word is in a name.
type role uint16

const (
	// generic words say nothing of what they name: number, value, code.
	generic role = 1 << iota
	// qualifying words may follow what a name is about: phone home, nom client.
	qualifying
	// about words turn a name into one about the thing: phone type.
	about
	// asking words begin names of flags and counts: has email.
	asking
	// person and thing tell whose "name" a name is.
	person
	thing
	// wrapping members hold what the document is about: data, result.
	wrapping
	// naming words are "name" in many languages.
	naming
	// linking words are passed over: date of birth.
	linking
)

// text is a name as words in small letters, one behind the other.
type text struct {
	buf   [maxName]byte
	start [maxWords + 1]uint8
	n     int
}

func (t *text) word(i int) []byte { return t.buf[t.start[i]:t.start[i+1]] }

func (t *text) join(i, j int) []byte { return t.buf[t.start[i]:t.start[j]] }

func (t *text) add(word []byte) {
	if t.n == maxWords || len(word) == 0 {
		return
	}
	from := int(t.start[t.n])
	size := copy(t.buf[from:], word)
	t.n++
	t.start[t.n] = uint8(from + size) // #nosec G115 -- at most maxName
}

// split cuts a name at separators, between letters and digits, and where the
// case of letters says that a word begins. Accents are dropped.
func (t *text) split(name string) {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	var word [maxName]byte
	n := 0
	last := byte(0)
	for i := 0; i < len(name); {
		c := name[i]
		size := 1
		var second byte
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(name[i:])
			c, second = plain(r)
		}
		i += size
		kind := kindOf(c)
		if kind == 0 {
			t.add(word[:n])
			n, last = 0, 0
			continue
		}
		next := byte(0)
		if i < len(name) {
			next = kindOf(name[i])
		}
		// A word begins where small letters end, at the last capital of several,
		// and between letters and digits; IPv6 is ipv and 6.
		if n > 0 && (kind == 'A' && (last == 'a' || last == 'A' && next == 'a' && name[i:] != "s" && name[i] != 'v') || (kind == '9') != (last == '9')) {
			t.add(word[:n])
			n = 0
		}
		last = kind
		if kind == 'A' {
			c |= 0x20
		}
		for _, b := range [2]byte{c, second} {
			if b != 0 && n < len(word) {
				word[n] = b
				n++
			}
		}
	}
	t.add(word[:n])
}

func kindOf(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return '9'
	case 'a' <= c && c <= 'z':
		return 'a'
	case 'A' <= c && c <= 'Z':
		return 'A'
	}
	return 0
}

// plain gives a letter without its accent, as one or two ASCII letters.
func plain(r rune) (first, second byte) {
	const from = "àáâãåçèéêëìíîïñòóôõøùúûýÿąćęłńśźżščřžůě" + "ÀÁÂÃÅÇÈÉÊËÌÍÎÏÑÒÓÔÕØÙÚÛÝ"
	const to = "aaaaaceeeeiiiinooooouuuyyacelnszzscrzue" + "AAAAACEEEEIIIINOOOOOUUUY"
	switch r {
	case 'ä', 'æ', 'Ä':
		return 'a', 'e'
	case 'ö', 'œ', 'Ö':
		return 'o', 'e'
	case 'ü', 'Ü':
		return 'u', 'e'
	case 'ß':
		return 's', 's'
	}
	k := 0
	for _, f := range from {
		if f == r {
			return to[k], 0
		}
		k++
	}
	return 0, 0
}

// phrase is a part of a name that the vocabulary knows, or one word that it does
// not.
type phrase struct {
	*entry
	number bool
}

// phrases are the parts of a name.
type phrases struct {
	of [maxWords]phrase
	n  int
}

// parse reads a name.
func (v vocabulary) parse(name string) phrases {
	var raw, t text
	raw.split(name)
	var single [maxWords]*entry
	for i := range raw.n {
		v.unglue(&t, &single, raw.word(i))
	}
	var out phrases
	for i := 0; i < t.n; {
		e, next := single[i], i+1
		if e != nil {
			for j := min(t.n, i+e.joins); j > i+1; j-- {
				if longer := v[string(t.join(i, j))]; longer != nil && longer.known() {
					e, next = longer, j
					break
				}
			}
		}
		out.of[out.n] = phrase{e, t.word(i)[0] <= '9'}
		out.n++
		i = next
	}
	return out
}

// unglue adds a word to t, or the words that it is made of, each with its entry.
// Linking words are left out.
func (v vocabulary) unglue(t *text, single *[maxWords]*entry, word []byte) {
	add := func(word []byte, e *entry) {
		if t.n < maxWords && (e == nil || e.role&linking == 0) {
			single[t.n] = e
			t.add(word)
		}
	}
	e := v[string(word)]
	if e != nil || len(word) < minGlued || len(word) > maxWord {
		add(word, e)
		return
	}
	var ends [maxWords]int
	var parts [maxWords]*entry
	n := 0
	for at := 0; at < len(word); at = ends[n-1] {
		end := min(len(word), at+maxPart)
		var part *entry
		for ; end >= at+2; end-- {
			if part = v[string(word[at:end])]; part != nil {
				break
			}
		}
		if part == nil || n == len(ends) {
			add(word, nil)
			return
		}
		ends[n], parts[n] = end, part
		n++
	}
	at := 0
	for i, end := range ends[:n] {
		add(word[at:end], parts[i])
		at = end
	}
}
