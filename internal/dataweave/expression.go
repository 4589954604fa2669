package dataweave

import (
	"fmt"
	"strings"
)

const (
	maxText    = 64 << 10 // bytes of a setting's text
	maxNesting = 100      // of parentheses, brackets, operands
	maxString  = 1 << 20  // bytes of a string that an expression makes or returns
	maxArray   = 1 << 16  // elements of an array that an expression makes
)

// Error says what is wrong with an expression, where, and how to mend it. It
// names types, never values: what a request carried stays out of messages.
type Error struct {
	// Offset is the byte of the setting's text, counted from 0.
	Offset int
	// Msg is the complaint, for people.
	Msg string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Msg) }

func errorf(offset int, format string, args ...any) *Error {
	return &Error{Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

// Env resolves the top-level names of an expression when it is evaluated, one
// by one, so that nothing is built that the expression does not read. A name
// that occurs twice is looked up twice: an Env keeps what was costly to build.
type Env interface {
	// Lookup returns the value of "attributes", "authentication", "payload" or
	// "vars"; false reads as null.
	Lookup(root string) (Value, bool)
}

// Expression is a compiled setting. It is immutable and may be evaluated by
// many goroutines at once.
type Expression struct {
	literal bool
	text    string // of a literal
	root    node
	reads   [len(roots)]bool
}

// roots are the names that an Env resolves.
const (
	rootAttributes = iota
	rootAuthentication
	rootPayload
	rootVars
)

var roots = [...]string{
	rootAttributes:     "attributes",
	rootAuthentication: "authentication",
	rootPayload:        "payload",
	rootVars:           "vars",
}

// Compile compiles a setting's text: `#[ expression ]` or, without #[ ], a
// literal string. Space around #[ ] is ignored; a literal is kept as it is.
// Every error is an *Error.
func Compile(text string) (*Expression, error) {
	if len(text) > maxText {
		return nil, errorf(maxText, "the text is longer than %d bytes; shorten the expression", maxText)
	}
	start := strings.Index(text, "#[")
	if start < 0 {
		return &Expression{literal: true, text: text, root: constant{String(text)}}, nil
	}
	if strings.TrimSpace(text[:start]) != "" {
		return nil, errorf(start, "text before #[ is not supported; put it into the expression: #['text ' ++ …]")
	}
	end := len(strings.TrimRight(text, " \t\r\n"))
	if text[end-1] != ']' {
		return nil, errorf(end, "the expression does not end with ]; close #[ with ] and put text after it into the expression")
	}
	p := &parser{lex: lexer{src: text[:end-1], pos: start + 2}}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Expression{root: root, reads: p.reads}, nil
}

// Literal returns the text of a setting that is no expression; ok is false for
// an expression.
func (e *Expression) Literal() (text string, ok bool) { return e.text, e.literal }

// Eval evaluates the expression. A String longer than 1 MiB is an error; every
// error is an *Error.
func (e *Expression) Eval(env Env) (Value, error) {
	v, err := e.root.eval(env)
	if err != nil {
		return Value{}, err
	}
	if v.kind == KindString && len(v.str) > maxString {
		return Value{}, errorf(0, "the result is longer than %d bytes", maxString)
	}
	return v, nil
}

// EvalString evaluates the expression and casts the result to text as
// Value.Text does: true is "true", null is "", 1.0 is "1". An Array or an
// Object is an error.
func (e *Expression) EvalString(env Env) (string, error) {
	v, err := e.Eval(env)
	if err != nil {
		return "", err
	}
	s, err := v.Text()
	if err != nil {
		return "", errorf(0, "%v", err)
	}
	return s, nil
}

// EvalBool evaluates the expression to a Boolean. The texts "true" and "false"
// count in any case, as they do for `as Boolean`; any other result, null too,
// is an error, so that a caller refuses rather than guesses.
func (e *Expression) EvalBool(env Env) (bool, error) {
	v, err := e.Eval(env)
	if err != nil {
		return false, err
	}
	v, err = castBoolean(v)
	if err != nil {
		return false, errorf(0, "the result must be a Boolean: %v", err)
	}
	return v.num == 1, nil
}

// UsesPayload tells whether `payload` occurs in the expression, so that the
// body has to be buffered before it is evaluated.
func (e *Expression) UsesPayload() bool { return e.reads[rootPayload] }

// Roots returns the top-level names that occur in the expression, sorted.
func (e *Expression) Roots() []string {
	var names []string
	for i, name := range roots {
		if e.reads[i] {
			names = append(names, name)
		}
	}
	return names
}
