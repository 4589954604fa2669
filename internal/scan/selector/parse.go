package selector

import (
	"fmt"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// parser reads selectors and paths by recursive descent.
type parser struct {
	lexer
	next  token
	depth int
	// positional says that the predicate that is read asks for positions.
	positional bool
}

// maxDepth is how deep brackets and parentheses may nest.
const maxDepth = 30

func newParser(text string) (*parser, error) {
	if len(text) > maxBytes {
		return nil, &Error{0, fmt.Sprintf("a selector has at most %d characters", maxBytes)}
	}
	p := &parser{lexer: lexer{text: text}}
	return p, p.advance()
}

func (p *parser) advance() (err error) {
	p.next, err = p.token()
	return err
}

func (p *parser) wrong(format string, args ...any) error {
	return &Error{p.next.at, fmt.Sprintf(format, args...)}
}

func (p *parser) is(op string) bool { return p.next.kind == operator && p.next.text == op }

// take goes on behind an operator if it is the next.
func (p *parser) take(op string) (bool, error) {
	if !p.is(op) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(op string) error {
	if !p.is(op) {
		return p.wrong("%q is missing", op)
	}
	return p.advance()
}

func (p *parser) end() error {
	if p.next.kind != end {
		return p.wrong("the selector should end here")
	}
	return nil
}

// pattern reads names with predicates, "/" and "//" between them.
func (p *parser) pattern() (pattern, error) {
	var out pattern
	below, err := p.take("//")
	if err != nil {
		return out, err
	}
	if !below {
		if out.rooted, err = p.take("/"); err != nil {
			return out, err
		}
	}
	for below = false; ; {
		if p.next.kind != word || p.next.call {
			return out, p.wrong("the name of an element is missing, as db:select")
		}
		s := step{axis: child, below: below}
		if err := p.nameTest(&s); err != nil {
			return out, err
		}
		if err := p.predicates(&s); err != nil {
			return out, err
		}
		out.steps = append(out.steps, s)
		switch {
		case p.is("//"):
			below = true
		case p.is("/"):
			below = false
		default:
			return out, nil
		}
		if err := p.advance(); err != nil {
			return out, err
		}
	}
}

func (p *parser) predicates(s *step) error {
	for p.is("[") {
		if p.depth++; p.depth > maxDepth {
			return p.wrong("brackets nest deeper than %d", maxDepth)
		}
		if err := p.advance(); err != nil {
			return err
		}
		outer := p.positional
		p.positional = false
		e, err := p.expression()
		if err != nil {
			return err
		}
		s.positional = s.positional || p.positional || e.gives() == number
		p.positional = outer
		s.predicates = append(s.predicates, e)
		if err := p.expect("]"); err != nil {
			return err
		}
		p.depth--
	}
	return nil
}

// nameTest reads the name of a step.
func (p *parser) nameTest(s *step) error {
	text := p.next.text
	switch {
	case text == Any:
		s.name = document.Name{Space: Any, Local: Any}
	case strings.HasPrefix(text, "*:"):
		s.name = document.Name{Space: Any, Local: text[2:]}
	default:
		prefix, local, found := strings.Cut(text, ":")
		if !found {
			prefix, local = "", text
		}
		space, ok := Space(prefix)
		if !ok {
			return p.wrong("the prefix %.40q is not known", prefix)
		}
		if s.axis == attribute && !found {
			space = "" // attributes without prefix have no namespace
		}
		s.name = document.Name{Space: space, Local: local}
	}
	return p.advance()
}

// expression reads what is joined by "or".
func (p *parser) expression() (expression, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.wrong("parentheses nest deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	return p.joined("or", func() (expression, error) { return p.joined("and", p.comparison) })
}

func (p *parser) joined(by string, operand func() (expression, error)) (expression, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	all := []expression{first}
	for p.next.kind == word && p.next.text == by {
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := operand()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 1 {
		return first, nil
	}
	return &junction{all: by == "and", of: all}, nil
}

func (p *parser) comparison() (expression, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	op := p.next.text
	if p.next.kind != operator || !strings.Contains(" = != < <= > >= ", " "+op+" ") {
		return left, nil
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	return &comparison{op: op, left: left, right: right}, nil
}

// operand reads a text, a number or a path; a path may begin with a function.
func (p *parser) operand() (expression, error) {
	t := p.next
	if t.kind == literal {
		return constant{result{kind: texts, texts: []string{t.text}}}, p.advance()
	}
	if t.kind == digits {
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, p.wrong("%.40q is no number", t.text)
		}
		return constant{result{kind: number, number: n}}, p.advance()
	}
	e, err := p.path()
	if err != nil || !p.is("|") {
		return e, err
	}
	u := &union{of: []expression{e}}
	for p.is("|") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if e, err = p.path(); err != nil {
			return nil, err
		}
		u.of = append(u.of, e)
	}
	for _, e := range u.of {
		if e.gives() != nodes {
			return nil, p.wrong("only paths can be joined by |")
		}
	}
	return u, nil
}

func (p *parser) path() (expression, error) {
	out := &path{}
	switch {
	case p.is("//"):
		out.from = fromRoot
	case p.is("/"):
		out.from = fromRoot
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		out.start = e
	case p.next.kind == word && p.next.call && p.next.text != "text":
		e, err := p.call()
		if err != nil {
			return nil, err
		}
		out.start = e
	default:
		s, err := p.step(false)
		if err != nil {
			return nil, err
		}
		out.steps = append(out.steps, s)
	}
	return p.rest(out)
}

// rest reads the predicates of a start and the steps behind it.
func (p *parser) rest(out *path) (expression, error) {
	if out.start != nil {
		filter := step{axis: self, name: document.Name{Space: Any, Local: Any}}
		if err := p.predicates(&filter); err != nil {
			return nil, err
		}
		if len(filter.predicates) > 0 {
			out.steps = append(out.steps, filter)
		}
	}
	for p.is("/") || p.is("//") {
		below := p.is("//")
		if err := p.advance(); err != nil {
			return nil, err
		}
		s, err := p.step(below)
		if err != nil {
			return nil, err
		}
		out.steps = append(out.steps, s)
	}
	if out.start == nil {
		return out, nil
	}
	if len(out.steps) == 0 {
		return out.start, nil
	}
	if out.start.gives() != nodes {
		return nil, p.wrong("only behind elements can a path go on")
	}
	return out, nil
}

func (p *parser) step(below bool) (step, error) {
	s := step{axis: child, below: below}
	t := p.next
	var err error
	switch {
	case p.is("."):
		s.axis, s.name = self, document.Name{Space: Any, Local: Any}
		err = p.advance()
	case p.is(".."):
		s.axis, s.name = parent, document.Name{Space: Any, Local: Any}
		err = p.advance()
	case p.is("@"):
		s.axis = attribute
		if err = p.advance(); err == nil && (p.next.kind != word || p.next.call) {
			err = p.wrong("the name of an attribute is missing")
		}
		if err == nil {
			err = p.nameTest(&s)
		}
	case t.kind == word && t.text == "text" && t.call:
		s.axis = text
		if err = p.advance(); err == nil {
			err = p.expect("(")
		}
		if err == nil {
			err = p.expect(")")
		}
	case t.kind == word:
		err = p.elementStep(&s)
	default:
		err = p.wrong("a path is missing, as @name or db:select")
	}
	if err != nil {
		return s, err
	}
	return s, p.predicates(&s)
}

func (p *parser) elementStep(s *step) error {
	t := p.next
	if strings.HasPrefix(p.text[p.pos:], "::") {
		a, ok := axes()[t.text]
		if !ok {
			return p.wrong("no axis is named %.40q", t.text)
		}
		s.axis = a
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.advance(); err != nil {
			return err
		}
		if p.next.kind != word || p.next.call {
			return p.wrong("the name of an element is missing, as db:select")
		}
	}
	return p.nameTest(s)
}

// call reads a function and its arguments.
func (p *parser) call() (expression, error) {
	at := p.next.at
	f, ok := functions()[p.next.text]
	if !ok {
		return nil, p.wrong("no function is named %.40q; known are %s", p.next.text, functionNames())
	}
	c := &call{name: p.next.text, function: f}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	for !p.is(")") {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, e)
		if more, err := p.take(","); err != nil {
			return nil, err
		} else if !more {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if problem := c.check(); problem != "" {
		return nil, &Error{at, problem}
	}
	p.positional = p.positional || c.name == "position" || c.name == "last"
	return c, nil
}
