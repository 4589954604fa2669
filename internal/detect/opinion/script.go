package opinion

import "strings"

// globals are the global objects of browsers, by which scripts reach functions
// without naming them: window["al"+"ert"](1).
var globals = []string{"self", "document", "this", "top", "window"}

// Script says whether the text reaches into a global object of browsers by
// brackets or through a comment, as no sentence does: "window [navy blue]" and
// "def name(self): ... [1]" do not.
func Script(text string) bool {
	lower := strings.ToLower(text)
	for _, global := range globals {
		for at := 0; ; {
			i := strings.Index(lower[at:], global)
			if i < 0 {
				break
			}
			at += i + len(global)
			if rest := strings.TrimLeft(lower[at:], " \t\r\n\v"); rest != "" && reaches(rest, lower[:at-len(global)]) {
				return true
			}
		}
	}
	return false
}

// reaches says that what follows a global object takes a member out of it.
func reaches(rest, before string) bool {
	if rest[0] == ')' && strings.HasSuffix(before, "(") { // (self)["x"]
		rest = strings.TrimLeft(rest[1:], " \t\r\n")
	}
	if strings.HasPrefix(rest, "/*") || strings.HasPrefix(rest, "?.[") {
		return true
	}
	if rest == "" || rest[0] != '[' {
		return false
	}
	key, _, _ := strings.Cut(strings.TrimLeft(rest[1:], " \t\r\n"), "]")
	if key == "" {
		return false
	}
	if strings.ContainsAny(key, "\"'`/+([{$!~\\=") || digit(key[0]) {
		return true
	}
	// A variable: a single name.
	return !strings.ContainsAny(key, " ,;:-")
}
