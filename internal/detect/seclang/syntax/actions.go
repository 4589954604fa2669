package syntax

import (
	"errors"
	"fmt"
	"strings"
)

// ParseActions reads a list of actions as it stands in a SecRule or in a
// SecRuleUpdateActionById: id:1,deny,msg:'Hello, world'. Commas in single
// quotes separate nothing; a character behind a backslash never separates or
// quotes, and the backslash stays.
func ParseActions(text string) ([]Action, error) {
	var out []Action
	start, colon, quoted := 0, -1, false
	for i := 0; i <= len(text); i++ {
		if i < len(text) {
			switch c := text[i]; {
			case i > 0 && text[i-1] == '\\':
				continue
			case c == '\'' && i > 0:
				quoted = !quoted
				continue
			case quoted:
				continue
			case c == ':' && colon < 0 && i > 0:
				colon = i
				continue
			case c != ',' || i == 0:
				continue
			}
		}
		a, err := parseAction(text[start:i], colon-start)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
		start, colon = i+1, -1
	}
	if quoted {
		return nil, fmt.Errorf("a single quote in the actions is never closed: add it, and write an apostrophe as \\', in %q", shorten(text))
	}
	return out, nil
}

// parseAction reads one action whose name ends at the colon, if it is >= 0.
func parseAction(text string, colon int) (Action, error) {
	name, value := text, ""
	if colon >= 0 {
		name, value = text[:colon], text[colon+1:]
	}
	a := Action{
		Name:  strings.ToLower(strings.TrimSpace(name)),
		Value: unquote(strings.TrimSpace(value)),
	}
	switch {
	case a.Name == "" && value == "":
		return a, errors.New("an action is empty: remove the comma or the quotes around nothing")
	case !isWord(a.Name):
		return a, fmt.Errorf("%q is no action: separate actions with commas, and put a value that has commas in single quotes", shorten(a.Name))
	}
	return a, nil
}

// shorten keeps a message readable.
func shorten(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
