package control

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Readable reports whether an address, decoded, is text that every database takes: its
// path and its query are UTF-8 without NUL. Neither a name nor a place in a list is
// anything else.
func Readable(u *url.URL) bool {
	good := func(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }
	if !good(u.Path) {
		return false
	}
	for name, values := range u.Query() {
		if !good(name) {
			return false
		}
		for _, value := range values {
			if !good(value) {
				return false
			}
		}
	}
	return true
}
