package dataweave

import (
	"regexp"
	"strings"
)

// scriptToken is a token of a script: a string may hold expressions.
type scriptToken struct {
	token
	parts []part
}

// part is a piece of an interpolated string: text, or the place of the
// expression of $(…).
type part struct {
	text     string
	from, to int
}

// scriptParser is a recursive descent over the levels of precedence, the
// loosest first, as parser is for settings; it counts its own depth too.
type scriptParser struct {
	lex      lexer
	tok      scriptToken
	depth    int
	scope    *scope
	builtins map[string]builtin
	spaces   map[string]*namespace
	reads    [len(roots)]bool
	// guard says that a condition of a case is parsed, whose parentheses before
	// -> are no parameters.
	guard bool
}

func newScriptParser(src string, begin int) *scriptParser {
	return &scriptParser{lex: lexer{src: src, pos: begin}, builtins: builtins(), spaces: map[string]*namespace{}}
}

func (p *scriptParser) advance() error {
	if err := p.lex.skipSpace(); err != nil {
		return err
	}
	if at := p.lex.pos; at < len(p.lex.src) && (p.lex.src[at] == '\'' || p.lex.src[at] == '"' || p.lex.src[at] == '`') {
		t, err := p.string(p.lex.src[at])
		p.tok = t
		return err
	}
	t, err := p.lex.next()
	p.tok = scriptToken{token: t}
	return err
}

// string reads a quoted string with its $(…).
func (p *scriptParser) string(quote byte) (scriptToken, error) {
	l := &p.lex
	start := l.pos
	l.pos++
	var parts []part
	var b strings.Builder
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == quote:
			l.pos++
			t := token{kind: tokenString, text: b.String(), pos: start, end: l.pos}
			if parts != nil {
				parts = append(parts, part{text: b.String()})
			}
			return scriptToken{t, parts}, nil
		case c == '\\':
			if err := l.escape(&b); err != nil {
				return scriptToken{}, err
			}
			continue
		case c == '$' && strings.HasPrefix(l.src[l.pos:], "$("):
			from := l.pos + 2
			to, err := p.closing(from)
			if err != nil {
				return scriptToken{}, err
			}
			parts = append(parts, part{text: b.String()}, part{from: from, to: to})
			b.Reset()
			l.pos = to + 1
			continue
		}
		b.WriteByte(c)
		l.pos++
	}
	return scriptToken{}, errorf(start, "the string is not closed; add %c", quote)
}

// closing finds the ) that ends the expression of an interpolation.
func (p *scriptParser) closing(from int) (int, error) {
	inner := scriptParser{lex: lexer{src: p.lex.src, pos: from}, depth: p.depth}
	if inner.depth++; inner.depth > maxNesting {
		return 0, errorf(from, "nested deeper than %d; split the expression", maxNesting)
	}
	p.depth++
	defer func() { p.depth-- }()
	for open := 1; ; {
		if err := inner.advance(); err != nil {
			return 0, err
		}
		switch {
		case inner.tok.kind == tokenEnd:
			return 0, errorf(from-2, "the interpolation is not closed; add ), or write \\$ for the character")
		case inner.tok.kind != tokenSymbol:
		case inner.tok.text == "(":
			open++
		case inner.tok.text == ")":
			if open--; open == 0 {
				return inner.tok.pos, nil
			}
		}
	}
}

// pattern is a regular expression, and the same for a whole text.
type pattern struct{ find, whole *regexp.Regexp }

// regex reads a regular expression whose first slash is the present token.
func (p *scriptParser) regex() (*pattern, error) {
	l, start := &p.lex, p.tok.pos
	l.pos = start + 1
	for l.pos < len(l.src) && l.src[l.pos] != '/' && l.src[l.pos] != '\n' {
		if l.src[l.pos] == '\\' {
			l.pos++
		}
		l.pos++
	}
	if l.pos >= len(l.src) || l.src[l.pos] != '/' {
		return nil, errorf(start, "the regular expression is not closed; add /")
	}
	text := strings.ReplaceAll(l.src[start+1:l.pos], `\/`, "/")
	l.pos++
	find, err := regexp.Compile(text)
	whole, err2 := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil || err2 != nil {
		return nil, errorf(start, "the regular expression is not valid RE2, which has no look-around and no back references")
	}
	return &pattern{find, whole}, p.advance()
}

// ahead runs a look at the tokens that follow and puts the parser back.
func (p *scriptParser) ahead(look func() bool) bool {
	tok, pos := p.tok, p.lex.pos
	found := look()
	p.tok, p.lex.pos = tok, pos
	return found
}

// next moves on and says whether there was another token.
func (p *scriptParser) next() bool { return p.advance() == nil && p.tok.kind != tokenEnd }

// lambdaHere says whether the parenthesis that is the present token holds
// parameters: behind its end stands ->.
func (p *scriptParser) lambdaHere() bool {
	return p.tok.is("(") && !p.guard && p.ahead(func() bool {
		if !p.next() || !p.tok.is(")") && p.tok.kind != tokenName {
			return false
		}
		for open := 1; ; {
			if p.tok.kind == tokenSymbol {
				switch p.tok.text {
				case "(", "[", "{", "[?":
					open++
				case ")", "]", "}":
					open--
				}
			}
			if !p.next() {
				return false
			}
			if open == 0 {
				return p.tok.is("->")
			}
		}
	})
}

// lambdaAhead says whether a lambda begins here, be it in parentheses.
func (p *scriptParser) lambdaAhead() bool {
	return p.ahead(func() bool {
		for p.tok.is("(") {
			if p.lambdaHere() {
				return true
			}
			if !p.next() {
				return false
			}
		}
		return false
	})
}

// keyHere says whether a key of an object stands here.
func (p *scriptParser) keyHere() bool {
	if p.tok.kind != tokenName && p.tok.kind != tokenString && p.tok.kind != tokenNumber {
		return false
	}
	return p.ahead(func() bool {
		if !p.next() {
			return false
		}
		if p.tok.is("#") {
			if !p.next() { // to the local name
				return false
			}
			if !p.next() { // to what follows it
				return false
			}
		}
		return p.tok.is(":") || p.tok.is("@")
	})
}

func (p *scriptParser) accept(text string) (bool, error) {
	if !p.tok.is(text) {
		return false, nil
	}
	return true, p.advance()
}

func (p *scriptParser) expect(text, why string) error {
	if !p.tok.is(text) {
		return p.unexpected(text + " " + why)
	}
	return p.advance()
}

// enter counts one level of nesting; the caller leaves with p.depth--.
func (p *scriptParser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return errorf(p.tok.pos, "nested deeper than %d; split the expression", maxNesting)
	}
	return nil
}

// unexpected explains a token that can't stand where it stands.
func (p *scriptParser) unexpected(expected string) error {
	t := p.tok
	switch t.kind {
	case tokenEnd:
		return errorf(t.pos, "the script ends too early; expected %s", expected)
	case tokenString:
		return errorf(t.pos, "unexpected string; expected %s", expected)
	default:
	}
	if name, mend := scriptUnsupported(t.text); name != "" {
		return errorf(t.pos, "%s is not supported; %s", name, mend)
	}
	return errorf(t.pos, "unexpected %.40q; expected %s", t.text, expected)
}

// scriptUnsupported names what DataWeave has and scripts here have not.
func scriptUnsupported(text string) (name, mend string) {
	switch text {
	case "|":
		return "a date literal or union type (|)", "write the date as a String"
	case "{|", "|}":
		return "a closed type (" + text + ")", "write an Object, { }"
	case "->":
		return "a lambda as a value (->)", "write it where map, filter and their like take it, or as fun"
	case "unless", "otherwise", "using", "when":
		return "`" + text + "`, which is DataWeave 1,", "use if … else … and do { }"
	case "update", "upsert":
		return "the update operator", "use mapObject, or -- and ++"
	case "~=":
		return "the operator ~=", "cast one side with `as` and compare with =="
	case "<<", ">>":
		return "the operator " + text, "use + and ++"
	case "&&":
		return "the operator &&", "use `and`"
	case "||":
		return "the operator ||", "use `or`"
	case ".&", ".#", "&", "^":
		return "the selector " + text, "use .key, .*key, ..key, .@name or [n]"
	case "async", "native", "dynamic", "lookup", "readUrl", "p", "random", "zip", "unzip", "find", "then", "onNull", "pow", "sqrt",
		"readLines", "evaluate", "eval", "sign", "toBinaryText":
		return "the function " + text, "script.md lists the functions that there are"
	case "message", "flow", "server", "mule", "app", "correlationId", "error", "dataType":
		return "the binding " + text, "policies have attributes, authentication, payload and vars"
	}
	return "", ""
}
