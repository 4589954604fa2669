package seclang

import (
	"errors"
	"fmt"
	"strings"
)

// macro is text with %{VARIABLE.key} in it.
type macro struct {
	tokens []token
}

// token is literal text if its variable is nil; else text is what stands for a
// value that is missing, which is what was between the braces.
type token struct {
	text string
	from *variable
	key  string // lower case
}

func compileMacro(text string) (*macro, error) {
	m := &macro{}
	for text != "" {
		before, rest, found := strings.Cut(text, "%{")
		if before != "" {
			m.tokens = append(m.tokens, token{text: before})
		}
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("%q has no closing brace: add }", "%{"+rest)
		}
		name, key, _ := strings.Cut(inside, ".")
		if strings.HasSuffix(inside, ".") {
			return nil, errors.New("a name is missing before } in %{" + inside + "}: write %{TX.name}")
		}
		v, ok := lookupVariable(strings.ToUpper(name))
		if !ok {
			return nil, fmt.Errorf("%%{%s} names no variable: check the spelling of %s", inside, name)
		}
		m.tokens = append(m.tokens, token{text: inside, from: v, key: strings.ToLower(key)})
		text = after
	}
	return m, nil
}

// literal is the text of a macro without variables.
func (m *macro) literal() (string, bool) {
	switch {
	case m == nil || len(m.tokens) == 0:
		return "", true
	case len(m.tokens) == 1 && m.tokens[0].from == nil:
		return m.tokens[0].text, true
	}
	return "", false
}

// prefix is the literal text that it begins with.
func (m *macro) prefix() string {
	if len(m.tokens) > 0 && m.tokens[0].from == nil {
		return m.tokens[0].text
	}
	return ""
}

// fold replaces variables whose value constant knows.
func (m *macro) fold(constant func(token) (string, bool)) *macro {
	if m == nil {
		return nil
	}
	var b strings.Builder
	out := &macro{}
	flush := func() {
		if b.Len() > 0 {
			out.tokens = append(out.tokens, token{text: b.String()})
			b.Reset()
		}
	}
	for _, t := range m.tokens {
		text, ok := t.text, t.from == nil
		if !ok {
			text, ok = constant(t)
		}
		if ok {
			b.WriteString(text)
			continue
		}
		flush()
		if t.from == nil {
			continue
		}
		out.tokens = append(out.tokens, t)
	}
	flush()
	return out
}

// expand gives the text of a macro in a run.
func (r *run) expand(m *macro, p *program) string {
	if m == nil {
		return ""
	}
	if len(m.tokens) == 1 {
		return r.expandToken(&m.tokens[0], p)
	}
	r.text = r.text[:0]
	for i := range m.tokens {
		r.text = append(r.text, r.expandToken(&m.tokens[i], p)...)
	}
	from := len(r.arena)
	r.arena = append(r.arena, r.text...)
	return r.since(from)
}

func (r *run) expandToken(t *token, p *program) string {
	if t.from == nil {
		return t.text
	}
	switch t.from.kind {
	case ofTX:
		if v, ok := r.getTX(t.key); ok {
			return v
		}
	case ofMatchedVar:
		return r.matchedVar
	case ofMatchedVarName:
		return r.matchedVarName
	case ofHighestSeverity:
		return r.highestSeverity()
	case ofArgsSize:
		return r.argsSize()
	case ofRule:
		if v, ok := ruleField(p, t.key); ok {
			return v
		}
	case ofMatchedVars, ofMatchedVarsNames:
		for i := range r.matchedVars {
			if strings.ToLower(r.matchedVars[i].key) == t.key {
				return r.matchedVars[i].text
			}
		}
	case ofInput:
		for _, c := range t.from.in {
			for _, i := range r.valuesIn(c) {
				if c >= firstSingle || r.lowerKey(i) == t.key {
					return r.value(i).Text
				}
			}
		}
	case ofNothing:
	}
	return t.text
}
