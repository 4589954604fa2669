package traffic

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPath says that a path has no single meaning to every server behind the
// gateway, and is refused with 400.
var ErrPath = errors.New("ambiguous path")

// NormalisePath gives a request path the one form that policies match and that
// is forwarded (RFC 3986 §6.2.2): dot segments removed, duplicate slashes
// joined, unreserved characters decoded, percent signs followed by upper-case
// digits. It refuses paths that servers are known to read differently: encoded
// NUL, slash, backslash, semicolon, percent, hash and question mark, control
// characters, a bare backslash, dot segments that climb above the root, and
// dot segments with parameters ("..;x"), which servlet containers climb by.
// A path that already has the form is returned as it is, without allocating.
func NormalisePath(raw string) (string, error) {
	if raw == "" {
		return "/", nil
	}
	if raw[0] != '/' {
		return "", fmt.Errorf("%w: it must begin with a slash", ErrPath)
	}
	if plainPath(raw) {
		return raw, nil
	}
	decoded, err := decodeUnreserved(raw)
	if err != nil {
		return "", err
	}
	return removeDotSegments(decoded)
}

// plainPath says that a path holds no percent sign, no doubtful character, no
// empty segment and no dot at the begin of a segment.
func plainPath(path string) bool {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			if i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.') {
				return false
			}
		case c == '%' || c == '\\' || c <= ' ' || c >= 0x7f:
			return false
		}
	}
	return true
}

const upperHex = "0123456789ABCDEF"

func decodeUnreserved(raw string) (string, error) {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c <= ' ' || c == 0x7f:
			return "", fmt.Errorf("%w: control character or space", ErrPath)
		case c == '\\':
			return "", fmt.Errorf("%w: backslash", ErrPath)
		case c >= 0x80:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		case c != '%':
			b.WriteByte(c)
		default:
			if i+2 >= len(raw) {
				return "", fmt.Errorf("%w: cut percent encoding", ErrPath)
			}
			hi, lo := unhex(raw[i+1]), unhex(raw[i+2])
			if hi < 0 || lo < 0 {
				return "", fmt.Errorf("%w: broken percent encoding", ErrPath)
			}
			i += 2
			if err := writeDecoded(&b, byte(hi<<4|lo)); err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

func writeDecoded(b *strings.Builder, d byte) error {
	switch {
	case d < ' ' || d == 0x7f:
		return fmt.Errorf("%w: encoded control character", ErrPath)
	case strings.IndexByte(`/\;%#?`, d) >= 0:
		return fmt.Errorf("%w: encoded %q", ErrPath, string(rune(d)))
	case isUnreserved(d):
		b.WriteByte(d)
	default:
		b.WriteByte('%')
		b.WriteByte(upperHex[d>>4])
		b.WriteByte(upperHex[d&15])
	}
	return nil
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func removeDotSegments(path string) (string, error) {
	segments := strings.Split(path[1:], "/")
	kept := segments[:0]
	slash := false
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case "", ".":
			slash = last
		case "..":
			if len(kept) == 0 {
				return "", fmt.Errorf("%w: it climbs above the root", ErrPath)
			}
			kept = kept[:len(kept)-1]
			slash = last
		default:
			if strings.HasPrefix(s, ".;") || strings.HasPrefix(s, "..;") {
				return "", fmt.Errorf("%w: a dot segment with parameters", ErrPath)
			}
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return "/", nil
	}
	joined := "/" + strings.Join(kept, "/")
	if slash {
		joined += "/"
	}
	return joined, nil
}
