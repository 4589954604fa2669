package datatype

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of type expressions.
const (
	maxExpression  = 16 << 10
	maxParentheses = 50
	maxUnion       = 500
)

// expression is a type expression: a name, an array, a union, or what may also
// be nil.
type expression struct {
	name string
	// array is the expression of the items.
	array *expression
	union []*expression
}

// parser reads a type expression.
type parser struct {
	text string
	at   int
	left int
}

// parse reads a type expression. Errors say what is wrong with it.
func parse(text string) (*expression, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("it is longer than %d characters", maxExpression)
	}
	p := &parser{text: text, left: maxUnion}
	e, err := p.union(0)
	if err == nil && p.at < len(p.text) {
		err = fmt.Errorf("%q stands where it can't", p.text[p.at:p.at+1])
	}
	return e, err
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *parser) union(depth int) (*expression, error) {
	var members []*expression
	for {
		e, err := p.postfix(depth)
		if err != nil {
			return nil, err
		}
		members = append(members, e)
		if p.left--; p.left < 0 {
			return nil, fmt.Errorf("it names more than %d types", maxUnion)
		}
		if !p.take("|") {
			break
		}
	}
	p.space()
	if len(members) == 1 {
		return members[0], nil
	}
	return &expression{union: members}, nil
}

func (p *parser) postfix(depth int) (*expression, error) {
	e, err := p.primary(depth)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		switch {
		case n > maxParentheses:
			return nil, errors.New("arrays are nested too deeply in it")
		case p.take("["):
			if !p.take("]") {
				return nil, errors.New("\"[\" must be followed by \"]\", as in Type[]")
			}
			e = &expression{array: e}
		case p.take("?"):
			e = &expression{union: []*expression{e, {name: "nil"}}}
		default:
			return e, nil
		}
	}
}

func (p *parser) primary(depth int) (*expression, error) {
	if p.take("(") {
		if depth >= maxParentheses {
			return nil, errors.New("parentheses are nested too deeply in it")
		}
		e, err := p.union(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a closing parenthesis is missing")
		}
		return e, err
	}
	p.space()
	end := strings.IndexAny(p.text[p.at:], "()[]|?")
	if end < 0 {
		end = len(p.text) - p.at
	}
	name := strings.TrimSpace(p.text[p.at : p.at+end])
	if name == "" {
		return nil, errors.New("the name of a type is missing")
	}
	p.at += end
	return &expression{name: name}, nil
}

// isExpression says whether a text is more than a name.
func isExpression(text string) bool { return strings.ContainsAny(text, "()[]|?") }
