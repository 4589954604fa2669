package syntax

import (
	"errors"
	"fmt"
	"strings"
)

// parseRule reads what follows SecRule: variables, "operator" and, if there
// are any, "actions".
func parseRule(text string) (*Rule, error) {
	variables, rest, err := cutVariables(text)
	if err != nil {
		return nil, err
	}
	rest = strings.TrimLeft(rest, blank)
	if rest == "" {
		return nil, errors.New(`the operator is missing: write SecRule VARIABLES "@operator argument" "actions"`)
	}
	if rest[0] != '"' {
		return nil, errors.New(`the operator is not quoted: write it as "@operator argument"`)
	}
	operator, rest, err := cutQuoted(rest)
	if err != nil {
		return nil, err
	}
	r := &Rule{}
	if r.Variables, err = ParseVariables(variables); err != nil {
		return nil, err
	}
	if r.Operator, err = parseOperator(unescape(operator)); err != nil {
		return nil, err
	}
	rest = strings.TrimLeft(rest, blank)
	if rest == "" {
		return r, nil
	}
	if len(rest) < 2 || rest[0] != '"' || rest[len(rest)-1] != '"' {
		return nil, errors.New(`the actions are not quoted: write one list "id:1,phase:2,..." behind the operator, and quotes inside the operator as \"`)
	}
	if rest = rest[1 : len(rest)-1]; rest == "" {
		return r, nil
	}
	r.Actions, err = ParseActions(rest)
	return r, err
}

// cutVariables splits off the list of variables, which ModSecurity lets stand
// in double quotes.
func cutVariables(text string) (variables, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		return cutQuoted(text)
	}
	end := strings.IndexAny(text, blank)
	if end < 0 {
		return text, "", nil
	}
	return text[:end], text[end:], nil
}

// parseOperator reads [!][@name] argument. Without a name it is rx.
func parseOperator(text string) (Operator, error) {
	var o Operator
	rest, negated := strings.CutPrefix(text, "!")
	o.Negated = negated
	named, isNamed := strings.CutPrefix(rest, "@")
	if !isNamed {
		o.Name, o.Argument = "rx", strings.TrimSpace(rest)
		return o, nil
	}
	name, argument := named, ""
	if i := strings.IndexAny(named, blank); i >= 0 {
		name, argument = named[:i], named[i:]
	}
	if !isWord(name) {
		return o, fmt.Errorf("%q is no operator: write @ and its name, a space and its argument", "@"+name)
	}
	o.Name, o.Argument = strings.ToLower(name), strings.TrimSpace(argument)
	return o, nil
}

// isWord says whether s can be the name of a variable, an operator or an
// action.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
