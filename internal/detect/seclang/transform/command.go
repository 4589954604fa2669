package transform

// What cmdLine does with a byte: nothing, or one or two of these.
const (
	drop    = 1 << iota
	space   // one of a run that becomes one space
	swallow // removes the space before it
	change  // never stays as it is
)

var commandKind, commandByte = func() (kind, to [256]uint8) {
	for b := range to {
		to[b] = uint8(b)
	}
	for b := 'A'; b <= 'Z'; b++ {
		kind[b] = change
		to[b] = uint8(b) | 0x20 //nolint:gosec // ASCII
	}
	for k, members := range map[uint8]string{drop | change: `"'\^`, space: " ", space | change: ",;\t\r\n", swallow: "/("} {
		for _, b := range []byte(members) {
			kind[b] = k
			if k&space != 0 {
				to[b] = ' '
			}
		}
	}
	return kind, to
}()

// appendCommand is cmdLine: quotes, backslashes and carets go, delimiters become
// one space, none before a slash or a parenthesis, and ASCII is lower case. It
// computes instead of branching, since spaces are hard to foresee.
func appendCommand(dst []byte, src string) []byte {
	n := len(dst)
	dst, out := room(dst, len(src))
	j, inside := 0, 0 // inside is 1 after a space that was written
	for i := range len(src) {
		c := src[i]
		kind := int(commandKind[c])
		dropped, spaced := kind&drop, kind/space&1
		j -= inside & (kind / swallow)
		out[j] = commandByte[c]
		j += 1 - (dropped | inside&spaced)
		inside = inside&dropped | spaced
	}
	return dst[:n+j]
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
