package framing

import "net/netip"

// Classes of octets, RFC 9110 §5.6.2 and §5.5, RFC 3986.
const (
	isToken  = 1 << iota // tchar
	isValue              // field-content: HTAB, SP, VCHAR, obs-text
	isTarget             // VCHAR without '#'
	isHost               // reg-name without percent-encoding and sub-delims
	isHex
	isAlnum
)

// octets holds the classes of every octet, lower its lower-case form.
var (
	octets = classify()
	lower  = lowerCase()
)

func classify() (t [256]uint8) {
	for i := range t {
		b := byte(i)
		digit := b >= '0' && b <= '9'
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		if digit || letter {
			t[i] |= isToken | isHost | isAlnum
		}
		if digit || b|0x20 >= 'a' && b|0x20 <= 'f' {
			t[i] |= isHex
		}
		if b == '\t' || b >= ' ' && b != 0x7f {
			t[i] |= isValue
		}
		if b > ' ' && b < 0x7f && b != '#' {
			t[i] |= isTarget
		}
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		t[b] |= isToken
	}
	for _, b := range []byte("-._~") {
		t[b] |= isHost
	}
	return t
}

func lowerCase() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] = byte(i) + 'a' - 'A'
		}
	}
	return t
}

// all reports whether every octet of s is of the class.
func all[T string | []byte](s T, class uint8) bool {
	ok := class
	for i := range len(s) {
		ok &= octets[s[i]]
	}
	return ok != 0
}

// equalFold reports whether s is the lower-case name, in any case.
func equalFold[T string | []byte](s T, name string) bool {
	if len(s) != len(name) {
		return false
	}
	for i := range len(s) {
		if lower[s[i]] != name[i] {
			return false
		}
	}
	return true
}

// resembles reports whether s would be the lower-case name to a reader that
// takes '_', '.' and the like for '-'.
func resembles[T string | []byte](s T, name string) bool {
	if len(s) != len(name) {
		return false
	}
	for i := range len(s) {
		if lower[s[i]] != name[i] && (name[i] != '-' || octets[s[i]]&isAlnum != 0) {
			return false
		}
	}
	return true
}

// twins reports whether two field names differ in nothing but '_' against '-'.
func twins[T string | []byte](a, b T) bool {
	if len(a) != len(b) {
		return false
	}
	differ := false
	for i := range len(a) {
		x, y := lower[a[i]], lower[b[i]]
		if x == y {
			continue
		}
		if x != '_' && x != '-' || y != '_' && y != '-' {
			return false
		}
		differ = true
	}
	return differ
}

// trim removes optional white space (SP, HTAB) from both ends.
func trim[T string | []byte](s T) T {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// validHost reports whether s is uri-host [ ":" port ] with a name, an IPv4
// address or a bracketed IPv6 address, and a port of 1 to 5 digits up to 65535.
func validHost[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > 255 {
		return false
	}
	end := len(s)
	if s[0] == '[' {
		end = 1
		for end < len(s) && (octets[s[end]]&isHex != 0 || s[end] == ':' || s[end] == '.') {
			end++
		}
		if end == len(s) || s[end] != ']' {
			return false
		}
		if a, err := netip.ParseAddr(string(s[1:end])); err != nil || !a.Is6() {
			return false
		}
		end++
	} else {
		for i := range len(s) {
			if s[i] == ':' {
				end = i
				break
			}
		}
		if end == 0 || !all(s[:end], isHost) || s[0] == '.' {
			return false
		}
	}
	if end == len(s) {
		return true
	}
	port := s[end+1:]
	if s[end] != ':' || len(port) == 0 || len(port) > 5 {
		return false
	}
	n := 0
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
		n = n*10 + int(port[i]-'0')
	}
	return n <= 65535
}
