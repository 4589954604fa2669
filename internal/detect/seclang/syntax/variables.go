package syntax

import (
	"fmt"
	"strings"
)

// ParseVariables reads a list of variables as it stands in a SecRule or in a
// SecRuleUpdateTargetById: ARGS|!ARGS:foo|&TX:/^a/|XML:/*.
func ParseVariables(text string) ([]Variable, error) {
	var out []Variable
	for {
		v, rest, err := cutVariable(text)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if rest == "" {
			return out, nil
		}
		if rest[0] != '|' {
			return nil, fmt.Errorf("%q follows the key of %s: separate variables with | and write a slash in a regular expression as \\/", rest, v.Name)
		}
		text = rest[1:]
	}
}

// cutVariable reads the first variable of a list; rest begins with what
// follows it.
func cutVariable(text string) (v Variable, rest string, err error) {
	name := text
	if i := strings.IndexAny(text, ":|"); i >= 0 {
		name, rest = text[:i], text[i:]
	}
	v.Name = name
	switch {
	case strings.HasPrefix(name, "!"):
		v.Exclude, v.Name = true, name[1:]
	case strings.HasPrefix(name, "&"):
		v.Count, v.Name = true, name[1:]
	}
	if !isWord(v.Name) {
		return v, "", fmt.Errorf("%q is no variable: write names separated by |, as ARGS|REQUEST_HEADERS:Host", name)
	}
	v.Name = strings.ToUpper(v.Name)
	if !strings.HasPrefix(rest, ":") {
		return v, rest, nil
	}
	v.Key, v.Regex, rest, err = cutKey(rest[1:], v.Name == "XML" || v.Name == "JSON")
	if err == nil && v.Key == "" {
		err = fmt.Errorf("the key of %s is empty: remove the colon to mean all of it", v.Name)
	}
	return v, rest, err
}

// cutKey reads what is selected: a plain key, /expression/, either in single
// quotes, or for XML and JSON a path, in which a slash means nothing.
func cutKey(text string, path bool) (key string, regex bool, rest string, err error) {
	if path {
		key, rest = cutBar(text)
		return key, false, rest, nil
	}
	if inner, quoted := strings.CutPrefix(text, "'"); quoted && !strings.HasPrefix(inner, "/") {
		i := strings.IndexByte(inner, '\'')
		if i < 0 {
			return "", false, "", fmt.Errorf("the quote in %q is never closed: add '", text)
		}
		return inner[:i], false, inner[i+1:], nil
	}
	inner, quoted := strings.CutPrefix(text, "'")
	expression, isRegex := strings.CutPrefix(inner, "/")
	if !isRegex {
		key, rest = cutBar(text)
		return key, false, rest, nil
	}
	i := closingSlash(expression)
	if i < 0 {
		return "", true, "", fmt.Errorf("the regular expression in %q is never closed: add /", text)
	}
	key, rest = expression[:i], expression[i+1:]
	if quoted {
		var closed bool
		if rest, closed = strings.CutPrefix(rest, "'"); !closed {
			return "", true, "", fmt.Errorf("the quote in %q is not closed behind the regular expression: add '", text)
		}
	}
	return key, true, rest, nil
}

// cutBar splits text before the next bar; rest begins with it.
func cutBar(text string) (before, rest string) {
	if i := strings.IndexByte(text, '|'); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// closingSlash is the index of the first slash that no backslash escapes, or
// -1.
func closingSlash(expression string) int {
	escaped := false
	for i := range len(expression) {
		switch {
		case escaped:
			escaped = false
		case expression[i] == '\\':
			escaped = true
		case expression[i] == '/':
			return i
		}
	}
	return -1
}
