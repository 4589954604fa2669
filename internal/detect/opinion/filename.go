package opinion

import "strings"

// FileName says whether the name of an uploaded file has more in it than people
// put there: quotes that end something, pairs, separators or tags. Apostrophes
// within words and the folders of Windows are usual.
func FileName(text string) bool {
	if len(text) > 2 && letter(text[0]) && text[1] == ':' && text[2] == '\\' {
		text = text[2:]
	}
	if strings.Contains(text, `..\`) || strings.ContainsAny(text, "\"|;`$*?:{}\r\n\x00") {
		return true
	}
	for i := range len(text) {
		before, after := byte(0), byte(0)
		if i > 0 {
			before = text[i-1]
		}
		if i+1 < len(text) {
			after = text[i+1]
		}
		switch {
		case text[i] == '<' && !digit(after) && after != '=' && after != ' ',
			text[i] == '=' && strings.IndexByte("<>~^", before) < 0,
			text[i] == '\'' && !apostrophe(before, after, text[i+1:]):
			return true
		}
	}
	dot := strings.LastIndexByte(text, '.')
	return dot < 0 || len(text)-dot > 8
}

// apostrophe says that a quote mark stands within a word or a name, or for the
// letters that are left out in front of one.
func apostrophe(before, after byte, rest string) bool {
	if wordByte(before) {
		return wordByte(after) || after == ' ' || after == '-'
	}
	return (before == 0 || before == ' ') && len(rest) > 1 && letter(after) && (rest[1] == ' ' || rest[1] == '-')
}

func wordByte(c byte) bool { return letter(c) || digit(c) || c >= 0x80 }
