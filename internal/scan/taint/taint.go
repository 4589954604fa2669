package taint

import (
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// Position says where in a text that is put together data does the harm.
type Position uint8

// The positions.
const (
	// Anywhere is anywhere in the argument, also as all of it.
	Anywhere Position = iota
	// InValue is where a bound parameter could stand in SQL or SOQL; InIdentifier
	// where none could: the name of a table or column, a keyword, or all of it.
	InValue
	InIdentifier
	// InHost is the scheme, host or port of an address, or all of it; InPath what
	// stands behind them.
	InHost
	InPath
	// InName is the name (key) of an object's field: the name of a header.
	InName
	// AsWhole is data that is the whole argument, not a part that was chosen.
	AsWhole
)

// Sink declares where data does harm.
type Sink struct {
	// Rule is the id of the rule that declares it.
	Rule string
	// Elements are the message processors and configurations; Argument is "@name",
	// the name of a child element whose text or script it is, "." for the text of the
	// element itself, or of an outcome: "response" (what the client reads),
	// "response headers", "log". It may go on with a field: "http:headers/Location",
	// "response headers/Location". Outcomes are those of Elements, as http:listener or
	// logger, or of all where none are named. A response that is the payload is hit
	// where the payload was made; loggers of level DEBUG and TRACE write no "log".
	// What is given to Java counts for a kind only when the class of the project that
	// is called comes to such code.
	Elements []document.Name
	Argument string
	// Function is a function of DataWeave instead of elements, as "readUrl",
	// "dw::Runtime::eval" or "java!"; its argument of number Index counts, from 0.
	Function string
	Index    int

	Kind     Kind
	From     Label
	Position Position
}

// Origin declares elements of which data comes, beside those built in.
type Origin struct {
	Rule     string
	Elements []document.Name
	// Sets is what of the event it fills: "payload", "attributes" or "vars.name".
	Sets  []string
	Label Label
}

// Cleaner declares functions and validators that make data harmless, beside those
// built in.
type Cleaner struct {
	Function string
	Elements []document.Name
	Kind     Kind
}

// Declarations are what rules declare.
type Declarations struct {
	Sinks    []*Sink
	Origins  []*Origin
	Cleaners []*Cleaner
}

// Hit is data of a source that reaches a sink.
type Hit struct {
	Sink   *Sink
	Source *Source
	// At is the argument, or the part of it, that the data is put into.
	At Place
	// Way is every step from the source to the sink, both included.
	Way []Step
	// Entry is the flow that a stranger can start and that the way begins in.
	Entry *mule.Flow
	// Argument is what is known of the whole argument.
	Argument *Value
}

// Step is one stop on the way.
type Step struct {
	At      Place
	Message string
}

// Unknown is the argument of a sink that is no constant, and of which it could not
// be shown where it comes from.
type Unknown struct {
	Sink *Sink
	At   Place
	// Unreached says that no flow was seen that runs it.
	Unreached bool
}

// Result is what was found in one project. Each element and rule has at most one
// hit for each source and entry.
type Result struct {
	Hits     []Hit
	Unknowns []Unknown
	// Reached are the flows that a source was seen to start, or to call.
	Reached map[*mule.Flow]bool
	// Exhausted says that a bound was met, so that something may be missing.
	Exhausted bool
}
