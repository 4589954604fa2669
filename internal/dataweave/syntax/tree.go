// Package syntax reads DataWeave: version 2 whole, and version 1 as Mule 3 has it.
// It gives a tree whose every node knows the bytes that it was written with, goes
// on behind mistakes, and runs nothing.
package syntax

// Span is a range of bytes of the script, End excluded.
type Span struct{ Start, End int }

// Bytes is the span itself, for what embeds it.
func (s Span) Bytes() Span { return s }

func (s *Span) own() *Span { return s }

// Version is the version of the language.
type Version uint8

// The versions. Two is that of Mule 4, One that of Mule 3.
const (
	Two Version = iota + 2
	One Version = 1
)

// Script is a whole script or module.
type Script struct {
	Version Version
	// Directives are those of the header, in their order.
	Directives []Directive
	// Separated says that "---" stands between header and body.
	Separated bool
	// Body is nil for a module.
	Body Node
	// Problems are what could not be read, in the order of their places. What
	// they are about stands in the tree as Bad.
	Problems []Problem
}

// Problem is a mistake in a script.
type Problem struct {
	Span
	// Message says what is wrong and, where that is known, what was expected.
	Message string
}

// Node is an expression or a part of one: a pointer to one of the types below.
type Node interface{ Bytes() Span }

// The expressions.
type (
	// Name is a variable, function or namespace path, as written: "payload", "$",
	// "$$", "dw::core::Strings::capitalize", and of version 1 "flowVars".
	Name struct {
		Span
		Name string
	}
	// String is a text. Parts are at least one; those with X are "$(…)" and "$name".
	String struct {
		Span
		// Quote is '"', '\'' or '`'.
		Quote byte
		Parts []Part
	}
	// Number is a number as written.
	Number struct {
		Span
		Text string
	}
	// Bool is true or false.
	Bool struct {
		Span
		Value bool
	}
	// Null is null.
	Null struct{ Span }
	// Temporal is what stands between bars, as |2003-10-01| or |P1D|.
	Temporal struct {
		Span
		Text string
	}
	// Regex is what stands between slashes, escapes as written.
	Regex struct {
		Span
		Text string
	}
	// Array is [a, b].
	Array struct {
		Span
		Items []Node
	}
	// Object is {a: 1}, and a body a: 1 without braces.
	Object struct {
		Span
		Fields []*Field
		// Bare says that the braces are left out.
		Bare bool
	}
	// Unary is a prefix operator: "-", "not", "!"; "~" only in patterns.
	Unary struct {
		Span
		Op string
		X  Node
	}
	// Binary is an operator between two operands that is no function: + - * / ++ --
	// >> << == != ~= < > <= >= and or default to.
	Binary struct {
		Span
		Op          string
		Left, Right Node
	}
	// Call is f(a, b), a infix b and, with First, "f a" of version 1.
	Call struct {
		Span
		Function Node
		Types    []Type
		Args     []Node
		// Infix says that it is written as "left function right".
		Infix bool
		// First says that it is written as "function argument", as version 1 has it.
		First bool
	}
	// Select is a selector behind X.
	Select struct {
		Span
		X    Node
		Kind Selector
		// Name is that of a field, as decoded; empty where Index is given.
		Name string
		// Prefix is that of a qualified name, as ns0 in .ns0#name.
		Prefix string
		// Quoted says that the name is written as a text.
		Quoted bool
		// Index is what stands in brackets, the condition of a filter, or the
		// expression in ."$(x)".
		Index Node
		// Assert is ! and Exists is ? behind it.
		Assert, Exists bool
	}
	// Lambda is (a, b) -> body.
	Lambda struct {
		Span
		Types  []TypeParameter
		Params []*Param
		Result Type
		Body   Node
	}
	// If is if (c) a else b. Else is nil only for an element of an array that is
	// there on a condition: [1, (a) if c].
	If struct {
		Span
		// Unless says that Then is what the condition must not hold for. When says
		// that it is written as version 1 has it: a when c otherwise b.
		Unless, When     bool
		Cond, Then, Else Node
	}
	// Match is x match { case … }.
	Match struct {
		Span
		X     Node
		Cases []*Case
	}
	// Do is do { header --- body }.
	Do struct {
		Span
		Directives []Directive
		Body       Node
	}
	// Using is using (a = 1) body.
	Using struct {
		Span
		Vars []*Var
		Body Node
	}
	// Update is x update { case … }.
	Update struct {
		Span
		X     Node
		Cases []*UpdateCase
	}
	// Cast is x as T {format: "…"}, and x is T with Is.
	Cast struct {
		Span
		X      Node
		Is     bool
		Type   Type
		Schema *Object
	}
	// Metadata is x <~ {…}: metadata put on a value.
	Metadata struct {
		Span
		X, Schema Node
	}
	// Group is an expression in parentheses, which is what spreads in objects and
	// arrays.
	Group struct {
		Span
		X Node
	}
	// Bad is what could not be read; X is what could be made of it, or nil.
	Bad struct {
		Span
		X Node
	}
)

// Part is a piece of a text.
type Part struct {
	Span
	// Text is a piece of text, escapes decoded; X an expression in it.
	Text string
	X    Node
}

// Field is a field of an object.
type Field struct {
	Span
	// Key is a *String for a plain name too; any other expression stands in
	// parentheses. It is nil for a spread (…) whose value is Value.
	Key Node
	// Plain says that the key is written as a name without quotes, Prefix that of
	// its namespace.
	Plain  bool
	Prefix string
	// Attributes are those in @(…); nil for none.
	Attributes *Object
	Value      Node
	// If is the condition of a conditional field ("(a: 1) if c"); nil for none.
	If Node
}

// Param is a parameter of a function.
type Param struct {
	Span
	Name    string
	Type    Type
	Default Node
	// Optional says that "?" stands behind the name, in the type of a function.
	Optional bool
}

// Case is one case of a match.
type Case struct {
	Span
	// Bind is the name that the value gets, empty for none.
	Bind string
	// Pattern is a literal or expression that the value equals, a *Regex that it
	// matches (Regexp), an *Array or *Object of names to take apart, where "~ rest" is
	// a *Unary that is the last item, or the value of the last field; nil for none.
	Pattern Node
	Regexp  bool
	// Is is a type that the value must have, nil for none.
	Is Type
	// If is a condition, nil for none.
	If Node
	// Else says that it is the case of all other values.
	Else bool
	Body Node
}

// UpdateCase is one case of an update.
type UpdateCase struct {
	Span
	// Bind is the name that the old value gets, empty for $.
	Bind string
	// Path is the selectors from the value on: *Select over a Name "".
	Path Node
	// Upsert is the ! behind the path.
	Upsert bool
	If     Node
	Body   Node
}

// Selector is the kind of a Select.
type Selector uint8

// The selectors.
const (
	SelectField                Selector = iota + 1 // .name
	SelectFields                                   // .*name and [*"name"]
	SelectDescendants                              // ..name and ..
	SelectAllDescendants                           // ..*name
	SelectAttribute                                // .@name, .@ and [@e]
	SelectAttributes                               // .*@name
	SelectNamespace                                // .#
	SelectMetadata                                 // .^name and .^
	SelectKey                                      // .&name and [&e]: the pair
	SelectIndex                                    // [e]
	SelectRange                                    // [a to b], whose Index is the Binary "to"
	SelectFilter                                   // [?(c)]
	SelectAllFilter                                // [*?(c)]
	SelectDescendantAttributes                     // ..@name
)

// The directives of a header.
type (
	// Directive is one of the following.
	Directive interface{ Bytes() Span }
	// Declared is the version line "%dw 2.0".
	Declared struct {
		Span
		Text string
	}
	// Var is var a: T = e, and %var of version 1.
	Var struct {
		Span
		Name  string
		Type  Type
		Value Node
		// Annotations stand before it, as @Lazy.
		Annotations []Annotation
	}
	// Fun is fun f<T>(a: T): R = e, and %function of version 1.
	Fun struct {
		Span
		Name        string
		Lambda      *Lambda
		Annotations []Annotation
	}
	// Import is import a, b as c from m::n.
	Import struct {
		Span
		// Module is its path with "::"; Alias that of a whole module ("import m as n").
		Module, Alias string
		// Names are what is taken of it; All says that it is "*".
		Names []Imported
		All   bool
	}
	// NamespaceOf is ns a http://….
	NamespaceOf struct {
		Span
		Prefix, URI string
	}
	// TypeOf is type A<T> = ….
	TypeOf struct {
		Span
		Name       string
		Parameters []TypeParameter
		Type       Type
	}
	// Format is input NAME MIME prop=value and output MIME prop=value.
	Format struct {
		Span
		// Output says which; Name is that of an input.
		Output bool
		Name   string
		Type   Type
		// MIME is as written, or the name behind "with"; Properties are in their order.
		MIME       string
		Properties []Property
	}
	// AnnotationOf is annotation A(…), for completeness.
	AnnotationOf struct {
		Span
		Name   string
		Params []*Param
	}
)

// Imported is one name taken of a module.
type Imported struct{ Name, Alias string }

// Property is one setting of a reader or writer.
type Property struct {
	Span
	Name  string
	Value Node
}

// Annotation is @Name(args).
type Annotation struct {
	Span
	Name string
	Args []Node
}

// Parse reads a script or a module. It always gives a script: what is wrong with
// it stands in its problems. A script that is longer than MaxBytes or nested
// deeper than MaxDepth is Bad from there on.
func Parse(text string) *Script { return parse(text, 0) }

// ParseExpression reads an expression as Mule has it between "#[" and "]" of
// version 2: a script whose header is usually left out.
func ParseExpression(text string) *Script { return parse(text, Two) }

// The bounds of what is read.
const (
	MaxBytes = 4 << 20
	MaxDepth = 1000
)
