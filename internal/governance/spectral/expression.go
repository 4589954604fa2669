package spectral

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// syntax is a part of an expression: an operator and what it works on.
type syntax struct {
	// op is an operator of JavaScript, or one of "literal", "list", "@", "name",
	// ".", "[", "call", "?".
	op      string
	text    string
	literal value
	parts   []*syntax
}

// expressionParser reads the part of JavaScript's expressions that filters are
// written in.
type expressionParser struct {
	text  string
	at    int
	depth int
}

func (e *expressionParser) wrong(format string, args ...any) error {
	return fmt.Errorf("character %d: %s", e.at+1, fmt.Sprintf(format, args...))
}

func (e *expressionParser) rest() string { return e.text[e.at:] }

func (e *expressionParser) space() {
	e.at += len(e.rest()) - len(strings.TrimLeft(e.rest(), " \t\r\n"))
}

func (e *expressionParser) accept(token string) bool {
	e.space()
	if strings.HasPrefix(e.rest(), token) {
		e.at += len(token)
		return true
	}
	return false
}

func (e *expressionParser) expression() (*syntax, error) {
	if e.depth++; e.depth > maxNesting {
		return nil, e.wrong("expressions are nested deeper than %d", maxNesting)
	}
	defer func() { e.depth-- }()
	test, err := e.binary(0)
	if err != nil || !e.accept("?") {
		return test, err
	}
	yes, err := e.expression()
	if err != nil {
		return nil, err
	}
	if !e.accept(":") {
		return nil, e.wrong(": is missing")
	}
	no, err := e.expression()
	return &syntax{op: "?", parts: []*syntax{test, yes, no}}, err
}

// levels are the operators of two sides, those that bind least first; of one
// level the longer stand first. It is never changed.
var levels = [][]string{
	{"||", "??"},
	{"&&"},
	{"===", "!==", "==", "!="},
	{"<=", ">=", "<", ">", "in ", "~="},
	{"+", "-"},
	{"*", "/", "%"},
}

func (e *expressionParser) binary(level int) (*syntax, error) {
	if level == len(levels) {
		return e.unary()
	}
	left, err := e.binary(level + 1)
	for err == nil {
		i := slices.IndexFunc(levels[level], e.accept)
		if i < 0 {
			return left, nil
		}
		var right *syntax
		right, err = e.binary(level + 1)
		left = &syntax{op: strings.TrimSpace(levels[level][i]), parts: []*syntax{left, right}}
	}
	return nil, err
}

func (e *expressionParser) unary() (*syntax, error) {
	if e.depth++; e.depth > maxNesting {
		return nil, e.wrong("expressions are nested deeper than %d", maxNesting)
	}
	defer func() { e.depth-- }()
	for _, op := range []string{"typeof ", "void ", "!", "-", "+"} {
		if e.accept(op) {
			of, err := e.unary()
			return &syntax{op: strings.TrimSpace(op), parts: []*syntax{of}}, err
		}
	}
	n, err := e.primary()
	for err == nil {
		switch {
		case e.accept("?."), e.accept("."):
			name := e.identifier()
			if name == "" {
				return nil, e.wrong("a name is missing")
			}
			n = &syntax{op: ".", text: name, parts: []*syntax{n}}
		case e.accept("["):
			var index *syntax
			if index, err = e.expression(); err == nil && !e.accept("]") {
				err = e.wrong("] is missing")
			}
			n = &syntax{op: "[", parts: []*syntax{n, index}}
		case e.accept("("):
			var arguments []*syntax
			arguments, err = e.list(")")
			n = &syntax{op: "call", parts: append([]*syntax{n}, arguments...)}
		default:
			return n, nil
		}
	}
	return nil, err
}

func (e *expressionParser) list(end string) ([]*syntax, error) {
	var out []*syntax
	if e.accept(end) {
		return nil, nil
	}
	for {
		item, err := e.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, item)
		if e.accept(end) {
			return out, nil
		}
		if !e.accept(",") {
			return nil, e.wrong("%s is missing", end)
		}
	}
}

func (e *expressionParser) identifier() string {
	e.space()
	end := strings.IndexFunc(e.rest(), func(r rune) bool {
		return r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if end < 0 {
		end = len(e.rest())
	}
	name := e.rest()[:end]
	e.at += end
	return name
}

func (e *expressionParser) primary() (*syntax, error) {
	e.space()
	if e.at >= len(e.text) {
		return nil, e.wrong("a value is missing")
	}
	switch c := e.text[e.at]; {
	case c == '(':
		e.at++
		inner, err := e.expression()
		if err == nil && !e.accept(")") {
			err = e.wrong(") is missing")
		}
		return inner, err
	case c == '[':
		e.at++
		items, err := e.list("]")
		return &syntax{op: "list", parts: items}, err
	case c == '@':
		e.at++
		if e.at < len(e.text) && (e.text[e.at] == ' ' || e.text[e.at] == '\t') {
			return &syntax{op: "@", text: "@"}, nil
		}
		return &syntax{op: "@", text: "@" + e.identifier()}, nil
	case c == '\'' || c == '"':
		text, err := e.quoted(c)
		return literal(stringValue(text)), err
	case c == '/':
		return e.regularExpression()
	case c >= '0' && c <= '9':
		return e.numeral()
	}
	name := e.identifier()
	switch name {
	case "":
		return nil, e.wrong("unexpected %q", e.text[e.at])
	case "true", "false":
		return literal(truthValue(name == "true")), nil
	case "null":
		return literal(value{kind: nullValue}), nil
	}
	return &syntax{op: "name", text: name}, nil
}

func literal(v value) *syntax { return &syntax{op: "literal", literal: v} }

func (e *expressionParser) numeral() (*syntax, error) {
	end := strings.IndexFunc(e.rest(), func(r rune) bool { return !strings.ContainsRune("0123456789.", r) })
	if end < 0 {
		end = len(e.rest())
	}
	f, err := strconv.ParseFloat(e.rest()[:end], 64)
	if err != nil {
		return nil, e.wrong("not a number")
	}
	e.at += end
	return literal(numericValue(f)), nil
}

func (e *expressionParser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := e.at + 1; i < len(e.text); i++ {
		switch c := e.text[i]; c {
		case quote:
			e.at = i + 1
			return b.String(), nil
		case '\\':
			if i++; i < len(e.text) {
				b.WriteByte(unescape(e.text[i]))
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", e.wrong("a quote is missing")
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	}
	return c
}

func (e *expressionParser) regularExpression() (*syntax, error) {
	class := false
	for i := e.at + 1; i < len(e.text); i++ {
		switch e.text[i] {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '/':
			if class {
				continue
			}
			pattern := e.text[e.at+1 : i]
			e.at = i + 1
			end := len(e.rest()) - len(strings.TrimLeft(e.rest(), "abcdefghijklmnopqrstuvwxyz"))
			flags := e.rest()[:end]
			e.at += end
			re, err := compileRegex(pattern, flags)
			return literal(value{kind: regexValue, regex: re}), err
		}
	}
	return nil, e.wrong("the end of a regular expression is missing")
}
