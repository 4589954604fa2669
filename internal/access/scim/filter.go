package scim

import (
	"encoding/json"
	"strings"
)

// Filter is a question about resources (RFC 7644, section 3.4.2.2). The nil filter
// matches all.
type Filter struct{ root *node }

// node is one part of a filter.
type node struct {
	// op is and, or, not, has (a value path) or a comparison.
	op          string
	left, right *node
	attr, sub   *attribute
	// within says which values of attr are compared.
	within *node
	value  any
}

// ParseFilter reads a filter about resources of a schema. Its error is an *Error of
// type invalidFilter.
func ParseFilter(s *Schema, text string) (*Filter, error) {
	p := &parser{schema: s, kind: InvalidFilter}
	if err := p.lex(text); err != nil {
		return nil, err
	}
	root, err := p.or(0)
	if err == nil && p.at < len(p.tokens) {
		err = p.wrong("nothing may follow %q", p.tokens[p.at-1].text)
	}
	if err != nil {
		return nil, err
	}
	return &Filter{root}, nil
}

// token is a word, a quoted text or one of ( ) [ ].
type token struct {
	text   string
	quoted bool
}

// parser reads a filter or a path. Names are looked up in subs while that is set, else
// in the schema.
type parser struct {
	schema *Schema
	subs   []attribute
	// kind is the scimType of errors.
	kind        string
	tokens      []token
	at          int
	comparisons int
}

func (p *parser) wrong(format string, args ...any) error { return Bad(p.kind, format, args...) }

// lex takes a text apart.
func (p *parser) lex(text string) error {
	if len(text) > MaxFilter {
		return p.wrong("it is longer than %d bytes", MaxFilter)
	}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t':
			i++
		case strings.IndexByte("()[]", c) >= 0:
			p.tokens = append(p.tokens, token{text: text[i : i+1]})
			i++
		case c == '"':
			end := i + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			var value string
			if end >= len(text) || json.Unmarshal([]byte(text[i:end+1]), &value) != nil {
				return p.wrong("the quoted text at %d is no JSON text", i+1)
			}
			p.tokens = append(p.tokens, token{value, true})
			i = end + 1
		case isWord(c):
			end := i
			for end < len(text) && isWord(text[end]) {
				end++
			}
			p.tokens = append(p.tokens, token{text: text[i:end]})
			i = end
		default:
			return p.wrong("%q at %d is not understood", c, i+1)
		}
	}
	if len(p.tokens) == 0 {
		return p.wrong("it is empty")
	}
	return nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_$:.-+", c) >= 0
}

// take goes on when the next token is one of these words or signs, in whatever case.
func (p *parser) take(texts ...string) string {
	if p.at < len(p.tokens) && !p.tokens[p.at].quoted {
		for _, text := range texts {
			if strings.EqualFold(p.tokens[p.at].text, text) {
				p.at++
				return text
			}
		}
	}
	return ""
}

func (p *parser) or(depth int) (*node, error) { return p.chain("or", depth, p.and) }

func (p *parser) and(depth int) (*node, error) { return p.chain("and", depth, p.one) }

func (p *parser) chain(op string, depth int, next func(int) (*node, error)) (*node, error) {
	left, err := next(depth)
	for err == nil && p.take(op) != "" {
		var right *node
		right, err = next(depth)
		left = &node{op: op, left: left, right: right}
	}
	return left, err
}

// one is a comparison, or something in parentheses.
func (p *parser) one(depth int) (*node, error) {
	not := p.take("not") != ""
	if p.take("(") == "" {
		if not {
			return nil, p.wrong("after not comes (")
		}
		return p.comparison(depth)
	}
	if depth++; depth > MaxFilterDepth {
		return nil, p.wrong("parentheses are nested more than %d deep", MaxFilterDepth)
	}
	inner, err := p.or(depth)
	if err != nil {
		return nil, err
	}
	if p.take(")") == "" {
		return nil, p.wrong("a ) is missing")
	}
	if not {
		inner = &node{op: "not", left: inner}
	}
	return inner, nil
}

// name reads the name of an attribute.
func (p *parser) name() (attr, sub *attribute, err error) {
	if p.at >= len(p.tokens) || p.tokens[p.at].quoted || !isWord(p.tokens[p.at].text[0]) {
		return nil, nil, p.wrong("the name of an attribute is missing")
	}
	name := p.tokens[p.at].text
	p.at++
	var ok bool
	if p.subs != nil {
		attr = find(p.subs, name)
		ok = attr != nil
	} else {
		attr, sub, ok = p.schema.resolve(name)
	}
	if !ok {
		return nil, nil, p.wrong("there is no attribute %.64q", name)
	}
	return attr, sub, nil
}

// bracket reads what stands between [ and ] after an attribute, and a sub-attribute
// behind it.
func (p *parser) bracket(attr *attribute, depth int) (within *node, sub *attribute, err error) {
	if !attr.multi || attr.subs == nil || p.subs != nil {
		return nil, nil, p.wrong("%s has no values to choose from by [ ]", attr.name)
	}
	p.subs = attr.subs
	within, err = p.or(depth)
	p.subs = nil
	if err != nil {
		return nil, nil, err
	}
	if p.take("]") == "" {
		return nil, nil, p.wrong("a ] is missing")
	}
	if p.at < len(p.tokens) && !p.tokens[p.at].quoted && strings.HasPrefix(p.tokens[p.at].text, ".") {
		name := p.tokens[p.at].text[1:]
		p.at++
		if sub = find(attr.subs, name); sub == nil {
			return nil, nil, p.wrong("%s has no part %.64q", attr.name, name)
		}
	}
	return within, sub, nil
}

func (p *parser) comparison(depth int) (*node, error) {
	if p.comparisons++; p.comparisons > MaxComparisons {
		return nil, p.wrong("it compares more than %d times", MaxComparisons)
	}
	attr, sub, err := p.name()
	if err != nil {
		return nil, err
	}
	n := &node{attr: attr, sub: sub}
	if sub == nil && !attr.dropped && p.take("[") != "" {
		if n.within, n.sub, err = p.bracket(attr, depth); err != nil {
			return nil, err
		}
		if n.sub == nil {
			n.op = "has"
			return n, nil
		}
	}
	if n.op = p.take("eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"); n.op == "" {
		return nil, p.wrong("after %s comes one of eq, ne, co, sw, ew, pr, gt, ge, lt, le", attr.name)
	}
	if n.op == "pr" {
		return n, nil
	}
	if p.at >= len(p.tokens) {
		return nil, p.wrong("the value to compare %s with is missing", attr.name)
	}
	if n.value, err = p.literal(); err != nil {
		return nil, err
	}
	return n, n.check(p)
}

// literal reads a value to compare with: a text, true, false or null.
func (p *parser) literal() (any, error) {
	t := p.tokens[p.at]
	p.at++
	if t.quoted {
		return t.text, nil
	}
	switch strings.ToLower(t.text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil //nolint:nilnil // null is a value
	}
	return nil, p.wrong("%.64q is no value; texts stand in quotation marks", t.text)
}

// valued is the attribute whose values are compared.
func (n *node) valued() *attribute {
	switch {
	case n.sub != nil:
		return n.sub
	case n.attr.multi && n.attr.subs != nil:
		return find(n.attr.subs, "value")
	}
	return n.attr
}

// check refuses comparisons that make no sense, and turns what stands for a boolean
// into one.
func (n *node) check(p *parser) error {
	if n.attr.dropped {
		return nil
	}
	at := n.valued()
	if at == nil || at.kind == complexKind {
		return p.wrong("%s has parts; compare one of them", n.attr.name)
	}
	if n.value == nil {
		if n.op != "eq" && n.op != "ne" {
			return p.wrong("null can only be compared by eq and ne")
		}
		return nil
	}
	if at.kind == boolKind {
		value, ok := truth(n.value)
		if !ok || n.op != "eq" && n.op != "ne" {
			return p.wrong("%s is compared with true or false, by eq or ne", at.name)
		}
		n.value = value
		return nil
	}
	text, ok := n.value.(string)
	if !ok {
		return p.wrong("%s is compared with a text", at.name)
	}
	if at.kind == timeKind {
		if _, ok := instant(text); !ok {
			return p.wrong("%.64q is no time, as 2026-01-31T12:00:00Z", text)
		}
	}
	return nil
}
