package opinion

import "strings"

// URL says whether the text begins like an address: with a scheme and a colon.
func URL(text string) bool {
	scheme, _, ok := strings.Cut(text, ":")
	return ok && scheme != "" && len(scheme) < 16 && strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}
