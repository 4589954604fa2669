package opinion

import "strings"

// Markup says whether the text could begin an element: browsers want a letter,
// or the mark of an end, a comment or an instruction, right behind "<". "a < b"
// begins none.
func Markup(text string) bool {
	for {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			return false
		}
		text = text[i+1:]
		if text != "" && !isSpace(text[0]) && !digit(text[0]) && text[0] != '=' && text[0] != '<' && text[0] != '-' {
			return true
		}
	}
}
