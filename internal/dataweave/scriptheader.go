package dataweave

import (
	"slices"
	"strings"
)

// script parses the directives and the body.
func (p *scriptParser) script(s *Script) error {
	if err := p.advance(); err != nil {
		return err
	}
	s.root = p.push()
	s.output = output{media: "", indent: true, declaration: true, header: true, separator: ','}
	if err := p.directives(&s.output); err != nil {
		return err
	}
	var err error
	if s.body, err = p.body(); err != nil {
		return err
	}
	if p.tok.kind != tokenEnd {
		return p.unexpected("an operator, or the end of the script")
	}
	s.reads = p.reads
	return p.pop()
}

// body parses an expression, or the entries of an Object without its braces.
func (p *scriptParser) body() (scriptNode, error) {
	if !p.keyHere() {
		return p.expression()
	}
	n := &objectNode{pos: p.tok.pos}
	for {
		e, err := p.entry()
		if err != nil {
			return nil, err
		}
		n.entries = append(n.entries, e)
		if more, err := p.accept(","); err != nil || !more {
			return n, err
		}
	}
}

// directives parses what stands above ---.
func (p *scriptParser) directives(o *output) error {
	some := false
	if p.tok.is("%") {
		some = true
		if err := p.version(); err != nil {
			return err
		}
	}
	for {
		t := p.tok
		if t.is("---") {
			return p.advance()
		}
		var err error
		switch {
		case t.kind != tokenName:
			if some {
				return p.unexpected("--- and the expression of the script")
			}
			return nil
		case t.text == "output":
			err = p.outputDirective(o)
		case t.text == "import":
			err = p.importDirective()
		case t.text == "ns":
			err = p.namespace()
		case t.text == "input":
			return errorf(t.pos, "the directive `input` is not supported; the Content-Type says what the payload is")
		case t.text == "type":
			return errorf(t.pos, "the directive `type` is not supported; leave types out")
		default:
			var found bool
			if found, err = p.declaration(); err == nil && !found {
				if some {
					return p.unexpected("--- and the expression of the script")
				}
				return nil
			}
		}
		if err != nil {
			return err
		}
		some = true
	}
}

// declaration parses var or fun, if one stands here.
func (p *scriptParser) declaration() (bool, error) {
	switch {
	case p.tok.is("var"):
		if err := p.advance(); err != nil {
			return true, err
		}
		return true, p.variable()
	case p.tok.is("fun"):
		if err := p.advance(); err != nil {
			return true, err
		}
		name := p.tok.token
		if name.kind != tokenName || strings.Contains(name.text, "::") {
			return true, p.unexpected("the name of a function")
		}
		if err := p.advance(); err != nil {
			return true, err
		}
		return true, p.function(name, "=")
	}
	return false, nil
}

// do parses do { declarations --- expression }.
func (p *scriptParser) do() (scriptNode, error) {
	return p.unguarded(func() (scriptNode, error) {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if err := p.expect("{", "behind do"); err != nil {
			return nil, err
		}
		n := &doNode{scope: p.push()}
		some := false
		for {
			found, err := p.declaration()
			if err != nil {
				return nil, err
			}
			if !found {
				break
			}
			some = true
		}
		if parted, err := p.accept("---"); err != nil {
			return nil, err
		} else if some && !parted {
			return nil, p.unexpected("--- behind the declarations")
		}
		var err error
		if n.body, err = p.body(); err != nil {
			return nil, err
		}
		if err := p.pop(); err != nil {
			return nil, err
		}
		return n, p.expect("}", "to close do { }")
	})
}

// version parses %dw 2.0.
func (p *scriptParser) version() error {
	at := p.tok.pos
	word := p.raw(at)
	if word != "%dw" {
		return errorf(at, "a script begins with %%dw 2.0")
	}
	if err := p.lex.skipSpace(); err != nil {
		return err
	}
	at = p.lex.pos
	if number := p.raw(at); !strings.HasPrefix(number, "2.") {
		return errorf(at, "only DataWeave 2 is supported; write %%dw 2.0")
	}
	return p.advance()
}

// raw reads up to the next white space or comma.
func (p *scriptParser) raw(at int) string {
	rest := p.lex.src[at:]
	n := strings.IndexAny(rest, " \t\r\n,")
	if n < 0 {
		n = len(rest)
	}
	p.lex.pos = at + n
	return rest[:n]
}

// word reads the raw word behind the present token.
func (p *scriptParser) word() (text string, pos int, err error) {
	if err := p.lex.skipSpace(); err != nil {
		return "", 0, err
	}
	pos = p.lex.pos
	return p.raw(pos), pos, nil
}

// namespace parses ns prefix URI.
func (p *scriptParser) namespace() error {
	if err := p.advance(); err != nil {
		return err
	}
	name := p.tok
	if name.kind != tokenName || strings.Contains(name.text, "::") {
		return p.unexpected("the prefix of the namespace")
	}
	uri, pos, err := p.word()
	if err != nil {
		return err
	}
	if uri == "" || uri == "---" {
		return errorf(pos, "expected the URI of the namespace")
	}
	p.spaces[name.text] = &namespace{name.text, uri}
	return p.advance()
}

// importDirective parses import * from MODULE, import a, b from MODULE and
// import MODULE. What it names is there without it too; it is checked.
func (p *scriptParser) importDirective() error {
	if err := p.advance(); err != nil {
		return err
	}
	if p.tok.kind == tokenName && !p.ahead(func() bool { return p.next() && (p.tok.is(",") || p.tok.is("from") || p.tok.is("as")) }) {
		return p.module()
	}
	var names []token
	for {
		names = append(names, p.tok.token)
		if err := p.advance(); err != nil {
			return err
		}
		if more, err := p.accept(","); err != nil {
			return err
		} else if !more {
			break
		}
	}
	if p.tok.is("as") {
		return errorf(p.tok.pos, "another name (as) for what is imported is not supported; use its own name")
	}
	if err := p.expect("from", "and the module"); err != nil {
		return err
	}
	module := p.tok
	if err := p.module(); err != nil {
		return err
	}
	for _, name := range names {
		if name.is("*") {
			continue
		}
		if b, ok := p.builtins[name.text]; !ok || b.module != module.text {
			return errorf(name.pos, "the module %s has no function %.40q here; script.md lists the functions that there are", module.text, name.text)
		}
	}
	return nil
}

// module parses the name of a module that there is.
func (p *scriptParser) module() error {
	t := p.tok
	for _, b := range p.builtins {
		if b.module == t.text {
			return p.advance()
		}
	}
	return errorf(t.pos, "the module %.60q is not supported; script.md lists the functions that there are", t.text)
}

// outputDirective parses output application/json indent=false, ….
func (p *scriptParser) outputDirective(o *output) error {
	if o.media != "" {
		return errorf(p.tok.pos, "the directive `output` stands twice")
	}
	media, pos, err := p.word()
	if err != nil {
		return err
	}
	short := map[string]string{"json": mediaJSON, "xml": mediaXML, "text": mediaText, "csv": mediaCSV, "urlencoded": mediaForm}
	if long, ok := short[media]; ok {
		media = long
	}
	if !slices.Contains(medias(), media) {
		return errorf(pos, "the output %.60q is not supported; there are %s", media, strings.Join(medias(), ", "))
	}
	o.media = media
	if err := p.advance(); err != nil {
		return err
	}
	for {
		if _, err := p.accept(","); err != nil {
			return err
		}
		if p.tok.kind != tokenName || !p.ahead(func() bool { return p.next() && p.tok.is("=") }) {
			return nil
		}
		name := p.tok
		for range 2 {
			if err := p.advance(); err != nil {
				return err
			}
		}
		if err := o.set(name.text, p.tok.text); err != nil {
			return errorf(name.pos, "%v", err)
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
}
