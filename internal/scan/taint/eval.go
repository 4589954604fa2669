package taint

import (
	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/mule"
)

// Scope is what an expression may look at. Functions that are nil know nothing.
type Scope struct {
	// Event gives a part of the event by its name: payload, attributes, vars, error,
	// message, correlationId, authentication, flow, item; and of Mule 3 flowVars,
	// sessionVars, recordVars, inboundProperties, outboundProperties, exception; nil
	// where it is not known.
	Event func(name string) *Value
	// Property gives what p('…'), Mule::p('…') and ${…} stand for.
	Property func(name string) *Value
	// Module gives the code of an imported module by its path, as "modules::user";
	// nil for one that is not in the project.
	Module func(path string) *mule.Code
	// Lookup is the result of a flow that lookup("…", payload) calls.
	Lookup func(flow string, payload *Value) *Value
	// Called is told of every call of a function.
	Called func(call *Called)
	// Cleans are the kinds that the result of a function is harmless for, by rules.
	Cleans func(function string) Kind
	// Place is where a part of a code stands.
	Place func(code *mule.Code, span syntax.Span) Place
	// Exhausted is set when the expression was too much work to be looked at whole.
	Exhausted bool
}

// Called is a call of a function with all that is known of its arguments.
type Called struct {
	// Name is the function as it was found: "readUrl" and "log" of the core,
	// "dw::Runtime::eval" of another module however it was imported, "modules::a::f"
	// and "f" of the project, "java!com::acme::Tool::run", and of MEL ".concat" for a
	// method and "new java.io.File" for a constructor.
	Name string
	Args []*Value
	// Result is what is known of the result.
	Result *Value
	// At is the call, ArgsAt its arguments.
	At     Place
	ArgsAt []Place
}

// Eval is what is known of the result of an expression or a script. Its ways go on
// those of the event.
func Eval(code *mule.Code, scope *Scope) *Value {
	if code == nil || code.Tree == nil || code.Tree.Body == nil {
		return nil
	}
	return Unseen()
}
