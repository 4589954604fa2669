package opinion

import (
	"slices"
	"strings"
)

// maxNesting bounds the parentheses that are followed.
const maxNesting = 40

// bytesPerStep is how many bytes of a long token cost a step.
const bytesPerStep = 32

// parser reads what follows an operand of a statement. It accepts more than any
// one dialect does, but never two operands side by side.
type parser struct {
	lex   lexer
	token token
	// before is the kind of the token before.
	before kind
	depth  int
	// steps is the number of tokens that may still be read.
	steps *int
	// strong says that a clause or statement was read, which no prose has.
	strong bool
	// marks counts what was read that is no word: a clause of words alone is
	// hardly one.
	marks int
}

func newParser(s string, quote byte, steps *int) *parser {
	p := &parser{lex: lexer{rest: s, quote: quote}, steps: steps}
	p.advance()
	return p
}

// advance reads the next token; when there were too many, the text is over.
func (p *parser) advance() {
	if *p.steps--; *p.steps <= 0 {
		p.token = token{kind: other}
		return
	}
	before := len(p.lex.rest)
	switch p.before = p.token.kind; p.before {
	case leftParen, comma, star, text, open, number, operator:
		p.marks++
	case variable:
		if p.token.word == "@@" {
			p.marks++
		}
	default:
	}
	p.token = p.lex.next()
	*p.steps -= (before - len(p.lex.rest)) / bytesPerStep
}

func (p *parser) is(words ...string) bool {
	return p.token.kind == word && slices.Contains(words, p.token.word)
}

func (p *parser) accept(words ...string) bool {
	if p.is(words...) {
		p.advance()
		return true
	}
	return false
}

// done says that the statement may end here: at the end of the text, or where
// the text hides the rest of the surroundings.
func (p *parser) done() bool { return p.token.kind == end || p.token.kind == comment }

// bare judges a text that stands where a value, a name or a statement does. A
// mere value or name is no attack: it must do more than that.
func bare(s string, steps *int) bool {
	p := newParser(s, 0, steps)
	if p.statement() {
		return true
	}
	p = newParser(s, 0, steps)
	return p.expression() && p.continuation() && (p.strong || meaningful(s, 0))
}

// pasted judges what follows a quote that ends the string around the text.
func pasted(s string, quote byte, steps *int) bool {
	p := newParser(s, quote, steps)
	switch p.token.kind {
	case end, other, text, open, number, dot:
		return false
	case comment:
		return true
	default:
	}
	return p.continuation() && (p.strong || meaningful(s, quote))
}

// meaningful says that expressions compare or call something, or hide what
// follows, and are not just names and values with words between them: "1 or
// more" is prose, and "1 or 1" is not.
func meaningful(s string, quote byte) bool {
	l := lexer{rest: s, quote: quote}
	names, numbers, connected := 0, 0, false
	last := token{}
	for t := l.next(); t.kind != end; t = l.next() {
		switch {
		case t.kind == variable, t.kind == open, t.kind == comment && (quote != 0 || connected):
			return true
		case t.kind == operator && strings.Contains(" = <> != <= >= < > || <=> == ~ ^ ", " "+t.word+" "):
			return true
		case t.kind == leftParen && last.kind == word && !slices.Contains(connectives, last.word):
			if after := l; !slices.Contains(queryFunctions, last.word) && !after.mereName() {
				return true
			}
		case t.kind == word && slices.Contains(connectives, t.word):
			connected = true
		case t.kind == word && t.word != "true" && t.word != "false" && t.word != "null":
			names++
		case t.kind == number:
			numbers++
		}
		last = t
	}
	return connected && names == 0 && numbers > 0
}

// queryFunctions are the functions of OData that no database has.
var queryFunctions = []string{"startswith", "endswith", "substringof", "indexof", "tolower", "toupper", "matchespattern"}

// filter says that a text is a filter of OData: comparisons by words and calls,
// with all strings closed, and no operator or keyword of SQL.
func filter(s string) bool {
	l, compares := lexer{rest: s}, false
	for t := l.next(); t.kind != end; t = l.next() {
		switch t.kind {
		case word:
			compares = compares || slices.Contains(comparisons, t.word) || slices.Contains(queryFunctions, t.word)
			if slices.Contains(reserved, t.word) && !slices.Contains([]string{"and", "or", "in"}, t.word) {
				return false
			}
		case number, text, leftParen, rightParen, comma, dot:
		case operator:
			if t.word != "/" && t.word != "-" {
				return false
			}
		default:
			return false
		}
	}
	return compares
}

// comparisons are the operators of OData.
var comparisons = []string{"eq", "ne", "gt", "ge", "lt", "le", "has"}

// mereName says that nothing but a name stands before the next parenthesis.
func (l *lexer) mereName() bool {
	return l.next().kind == word && l.next().kind == rightParen
}

var connectives = []string{"or", "and", "xor", "like", "rlike", "regexp", "between", "in", "is", "div", "mod", "sounds", "case", "not", "ilike", "similar", "glob", "match"}

// continuation reads what may follow an operand, to the end.
func (p *parser) continuation() bool {
	for p.token.kind == rightParen { // of the surroundings
		p.advance()
	}
	for !p.done() {
		switch {
		case p.token.kind == semicolon:
			p.advance()
			if p.done() {
				return true
			}
			p.strong = p.statement()
			return p.strong
		case p.operatorAhead():
			if !p.operation() {
				return false
			}
		case p.clauseAhead():
			whole, before := p.is("union", "except", "intersect", "minus", "procedure", "waitfor", "into", "shutdown"), p.marks
			p.strong = p.clause() && (whole || p.marks > before)
			return p.strong
		case p.token.kind == rightParen:
			p.advance()
		case p.token.kind == comma:
			p.advance()
			if !p.expression() {
				return false
			}
			p.accept("asc", "desc")
		default:
			return false
		}
	}
	return true
}

func (p *parser) operatorAhead() bool {
	return p.token.kind == operator && p.token.word != "!" || p.token.kind == star ||
		p.is("or", "and", "xor", "like", "ilike", "rlike", "regexp", "between", "in", "is", "not", "div", "mod", "sounds", "collate", "similar", "glob", "match", "escape", "isnull", "notnull", "at")
}

// operation reads an operator and its right operand.
func (p *parser) operation() bool {
	o := p.token
	p.advance()
	switch o.word {
	case "not":
		if !p.is("like", "ilike", "rlike", "regexp", "between", "in", "similar", "null", "glob") {
			return false
		}
		return p.operation()
	case "is":
		p.accept("not")
		return p.accept("null", "true", "false", "unknown", "json", "distinct") || p.expression()
	case "isnull", "notnull":
		return true
	case "between":
		return p.operand() && p.tail() && p.accept("and") && p.operand()
	case "sounds", "similar":
		return p.accept("like", "to") && p.operand()
	case "in":
		return (p.token.kind == leftParen || p.is("boolean", "natural")) && p.operand()
	}
	if p.done() { // "' and" with the rest of the surroundings as operand
		return o.kind == operator || o.kind == star
	}
	return p.operand()
}

// tail reads operators that bind closer than the one of the caller.
func (p *parser) tail() bool {
	for p.token.kind == operator || p.token.kind == star {
		if !p.operation() {
			return false
		}
	}
	return true
}

// expression reads an operand and the operators after it.
func (p *parser) expression() bool {
	if !p.operand() {
		return false
	}
	for p.operatorAhead() {
		if !p.operation() {
			return false
		}
	}
	return true
}

// operand reads a value, a name, a call, a case or a nested statement.
func (p *parser) operand() bool {
	for p.token.kind == operator && strings.Contains("- + ~ ! @", p.token.word) || p.is("not", "binary", "distinct", "all", "any", "some", "exists", "prior", "interval", "row", "array", "date", "timestamp") && !p.wordAlone() {
		p.advance()
	}
	switch p.token.kind {
	case number, variable:
		p.advance()
		return true
	case text, open:
		for p.token.kind == text || p.token.kind == open { // 'a' 'b' is one string
			p.advance()
		}
		return true
	case star:
		p.advance()
		return true
	case leftParen:
		return p.parenthesis()
	case word:
		return p.name()
	default:
		return false
	}
}

// wordAlone says that nothing follows the word which an operand could be.
func (p *parser) wordAlone() bool {
	ahead := p.lex
	t := ahead.next()
	return t.kind == end || t.kind == comment || t.kind == comma || t.kind == rightParen || t.kind == operator
}

func (p *parser) parenthesis() bool {
	if p.depth++; p.depth > maxNesting {
		return true
	}
	p.advance()
	ok := p.token.kind == rightParen || p.is("select", "with", "values") && p.statement() || p.list()
	if !ok {
		return false
	}
	p.depth--
	if p.token.kind == rightParen {
		p.advance()
		return true
	}
	return p.done() // closed by the surroundings
}

// list reads expressions with commas between them, as calls take them.
func (p *parser) list() bool {
	for {
		if !p.expression() {
			return false
		}
		if p.accept("as", "using", "from", "for", "separator", "order") {
			p.accept("by")
			if !p.expression() {
				return false
			}
			p.accept("asc", "desc")
		}
		if p.token.kind != comma {
			return true
		}
		p.advance()
	}
}

// reserved words are no names in any dialect that matters.
var reserved = []string{
	"select", "union", "where", "from", "group", "order", "having", "into", "values", "table", "and", "or", "by", "on", "join",
	"then", "when", "else", "as", "like", "between", "in", "is", "limit", "except", "intersect", "update", "insert", "delete", "drop", "alter", "create", "set",
}

func (p *parser) name() bool {
	if p.is("case") {
		return p.caseExpression()
	}
	if p.is("select", "with") {
		return p.statement()
	}
	if slices.Contains(reserved, p.token.word) {
		return false
	}
	p.advance()
	for p.token.kind == dot {
		p.advance()
		if p.token.kind != word && p.token.kind != star {
			return false
		}
		p.advance()
	}
	if p.token.kind == leftParen {
		return p.parenthesis()
	}
	return true
}

func (p *parser) caseExpression() bool {
	p.advance()
	if !p.is("when") && !p.expression() {
		return false
	}
	for p.accept("when") {
		if !p.expression() || !p.accept("then") || !p.expression() {
			return false
		}
	}
	if p.accept("else") && !p.expression() {
		return false
	}
	return p.accept("end") || p.done()
}
