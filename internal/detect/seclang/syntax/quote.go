package syntax

import (
	"errors"
	"strings"
)

var errOpenQuote = errors.New(`a quoted argument is never closed: add the closing ", and write quotes inside it as \"`)

// cutQuoted splits text, which begins with a double quote, behind the closing
// one. A quote behind an odd number of backslashes does not close.
func cutQuoted(text string) (inner, rest string, err error) {
	backslashes := 0
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			backslashes++
			continue
		case text[i] == '"' && backslashes%2 == 0:
			return text[1:i], text[i+1:], nil
		}
		backslashes = 0
	}
	return "", "", errOpenQuote
}

// unescape turns \" into " and leaves every other backslash alone, so that
// regular expressions stay as they are.
func unescape(text string) string { return strings.ReplaceAll(text, `\"`, `"`) }

// unquote removes one pair of surrounding quotes, double or single.
func unquote(text string) string {
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}

// splitArguments splits the arguments of a directive that is no rule.
func splitArguments(text string) ([]string, error) {
	var out []string
	for {
		text = strings.TrimLeft(text, blank)
		if text == "" {
			return out, nil
		}
		switch text[0] {
		case '"':
			inner, rest, err := cutQuoted(text)
			if err != nil {
				return nil, err
			}
			if rest != "" && !strings.ContainsRune(blank, rune(rest[0])) {
				return nil, errors.New(`text follows a closing " at once: put a space between arguments, and write quotes inside one as \"`)
			}
			out, text = append(out, unescape(inner)), rest
		case '`':
			return append(out, strings.Trim(text, "`")), nil
		default:
			end := strings.IndexAny(text, blank)
			if end < 0 {
				end = len(text)
			}
			out, text = append(out, text[:end]), text[end:]
		}
	}
}
