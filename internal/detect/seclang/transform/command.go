package transform

// What cmdLine does with a byte: nothing, or one or two of these.
const (
	change = 1 << iota // never stays as it is
	drop
	space   // one of a run that becomes one space
	swallow // removes the space before it
)

var commandKind, commandByte = func() (kind, to [256]uint8) {
	for b := range to {
		to[b] = uint8(b)
	}
	for b := 'A'; b <= 'Z'; b++ {
		kind[b] = change
		to[b] = uint8(b) | 0x20
	}
	for k, members := range map[uint8]string{drop | change: `"'\^`, space: " ", space | change: ",;\t\r\n", swallow: "/("} {
		for _, b := range []byte(members) {
			kind[b] = k
		}
	}
	return kind, to
}()

// appendCommand is cmdLine: quotes, backslashes and carets go, delimiters become
// one space, none before a slash or a parenthesis, and ASCII is lower case.
func appendCommand(dst []byte, src string) []byte {
	n := len(dst)
	dst, out := room(dst, len(src)+8)
	i, j, inside := 0, 0, 0 // inside is 1 after a space that was written
	special := false
	for i < len(src) {
		if !special && i+8 <= len(src) {
			w := word(src, i)
			putWord(out[j:], w^between(w&^highs, 'A', 'Z')&^w>>2)
			if same := unmarked(commandMarks(w)); same > 0 {
				i += same
				j += same
				inside = 0
				if same == 8 {
					continue
				}
			}
		}
		c := src[i]
		i++
		kind := commandKind[c]
		special = kind > change
		switch {
		case kind&space != 0:
			out[j] = ' '
			j += 1 - inside
			inside = 1
		case kind&drop == 0:
			if kind == swallow {
				j -= inside
			}
			out[j] = commandByte[c]
			j++
			inside = 0
		}
	}
	return dst[:n+j]
}

// commandMarks marks the bytes of w that need more than lower case, and some
// that do not.
func commandMarks(w uint64) uint64 {
	a := w &^ highs
	const caretAndBackslash = ones * ('^' ^ '\\')
	return (between(a, ' ', '/') | between(a, '\t', '\r') | equal(a, ';') | equal(a|caretAndBackslash, '^')) &^ w
}

// changesCommand looks for a byte that never stays, or a space before one that
// swallows it.
func changesCommand(s string) bool {
	before := false
	for i := range len(s) {
		switch kind := commandKind[s[i]]; {
		case kind == 0:
			before = false
		case kind&change != 0 || before:
			return true
		default:
			before = kind == space
		}
	}
	return false
}
