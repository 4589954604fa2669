// Package dataweave compiles the two kinds of DataWeave 2 that policies take in
// their settings and evaluates them per request, bounded in steps, depth and
// memory: expressions, `#[…]`, a subset that selects, compares and joins values
// (Compile), and scripts that transform messages (CompileScript). It is not a
// whole DataWeave runtime: what it lacks is refused, by name and place, when a
// setting is compiled. doc.md and script.md list both sides.
//
// The grammar of expressions, loosest operator first; { } repeats, [ ] is optional:
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
// Selecting from null is null.
package dataweave
