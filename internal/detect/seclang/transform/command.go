package transform

// What cmdLine does with a byte.
const (
	keep   = iota
	change // makes it lower case
	drop
	space // begins or continues a run that becomes one space
	delimiter
	swallow // removes the space before it
)

var commandKind, commandByte = func() (kind, to [256]uint8) {
	for b := range to {
		to[b] = uint8(b)
	}
	for b := 'A'; b <= 'Z'; b++ {
		kind[b] = change
		to[b] = uint8(b) | 0x20 //nolint:gosec // ASCII
	}
	for k, members := range map[uint8]string{drop: `"'\^`, space: " ", delimiter: ",;\t\r\n", swallow: "/("} {
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
	dst, out := room(dst, len(src))
	j, inside := 0, false
	for i := range len(src) {
		c := src[i]
		switch commandKind[c] {
		case drop:
		case space, delimiter:
			if !inside {
				out[j] = ' '
				j++
				inside = true
			}
		case swallow:
			if inside {
				j--
				inside = false
			}
			out[j] = c
			j++
		default:
			out[j] = commandByte[c]
			j++
			inside = false
		}
	}
	return dst[:n+j]
}

// changesCommand looks for a byte that never stays, or a space before one that
// swallows it.
func changesCommand(s string) bool {
	before := false
	for i := range len(s) {
		switch commandKind[s[i]] {
		case keep:
			before = false
		case space:
			if before {
				return true
			}
			before = true
		case swallow:
			if before {
				return true
			}
		default:
			return true
		}
	}
	return false
}
