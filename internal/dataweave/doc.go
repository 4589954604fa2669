// Package dataweave compiles the `#[…]` expressions that policies take in
// their settings and evaluates them per request: a subset of DataWeave 2 that
// selects, compares and joins values and has no loops, lambdas or output
// formats. It is neither a DataWeave runtime nor a reader of .dwl scripts.
//
// The grammar, loosest operator first; { } repeats, [ ] is optional:
//
//	setting    = "#[" expression "]" | literal text
//	expression = or { "default" or }
//	or         = and { "or" and }
//	and        = negation { "and" negation }
//	negation   = [ "not" ] equality
//	equality   = relation { ( "==" | "!=" ) relation }
//	relation   = infix { ( "<" | ">" | "<=" | ">=" ) infix }
//	infix      = sum { function sum }                  xs contains x
//	sum        = cast { ( "++" | "--" ) cast }
//	cast       = unary { "as" ( "String" | "Number" | "Boolean" ) }
//	unary      = { "!" } selection
//	selection  = operand { "." name | "." string | "[" expression "]" }
//	operand    = string | number | "true" | "false" | "null" | array | root
//	           | function "(" [ expression { "," expression } ] ")"
//	           | "if" expression expression "else" expression
//	           | "(" expression ")"
//	array      = "[" [ expression { "," expression } ] "]"
//	root       = "attributes" | "authentication" | "payload" | "vars"
//
// Selecting from null is null. What the subset lacks is refused when the
// setting is compiled, by name and with its offset; doc.md lists both sides.
package dataweave
