package opinion

import "strings"

// PHP says whether a ${...} in the text is more than the placeholder of a
// template: PHP runs expressions in it, and a mere name is none.
func PHP(text string) bool {
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return false
		}
		text = strings.TrimLeft(text[i+1:], " \t\r\n")
		if !strings.HasPrefix(text, "{") {
			continue
		}
		inside, _, closed := strings.Cut(text[1:], "}")
		if closed && !placeholder(strings.TrimSpace(inside)) {
			return true
		}
	}
}

// placeholder says that a text is a name, of several parts perhaps, that may
// have a default of plain characters: "user.firstName", "PORT:-8080".
func placeholder(s string) bool {
	name, standard, has := strings.Cut(s, ":")
	if name == "" || !letter(name[0]) && !digit(name[0]) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]") != "" {
		return false
	}
	return !has || strings.Trim(standard, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+/ ") == ""
}
