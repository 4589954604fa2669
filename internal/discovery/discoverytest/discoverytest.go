// Package discoverytest makes traffic whose truth is known: of a description of
// an API it draws requests and answers as clients, scanners and attackers would
// send them over a month, and says of each what it is; Compare then holds what
// was learned against what was really called. It knows no learner, and is
// imported by tests alone.
//
// # What is drawn
//
// Everything is a function of description and seed. Operations are called with a
// popularity by Zipf's law; a tenth of them only 1 to 5 times in the month, a
// twentieth never. A template of a path has one kind for the whole API, chosen by
// its schema, then its name, then the seed, and values of a pool that is used
// with a skew. An optional parameter or property has one probability for each
// operation and place, often a rare one (3 %). Operations of which no request and
// answer can be drawn that their own description allows are never called.
//
// Of all requests about 5 % are malformed and refused, 4 % scans, 2 % attacks and
// 3 % what no description speaks of: preflights, HEAD, favicon.ico, robots.txt and
// health probes. Of calls as described some are refused or fail, and some ask for
// what is not there. 0.8 % of them carry a parameter that only tracks.
// A fifth of everything, chosen at random, is held back from learning.
//
// # What is right
//
// An operation is a host, a method and a template with the path of the first
// server before it. What follows a "#" or "?" in a described path is never part
// of a path: operations that differ in nothing else are one. Templates are equal
// when their literal segments and the positions of their templates are; a slash
// at the end does not count. A segment with literal parts beside a template, as
// "{id}.json", must have the same parts, unless it is the only one of its
// position and method: then a plain template is right as well.
//
// The group of an operation is Fixed when its path has no template, IDLike when
// all of its templates hold identifiers (integers, UUIDs, ObjectIds, hexadecimal,
// dates, e-mail addresses, codes, slugs that end in a number), and WordLike when
// one of them holds words or enumerated names.
//
// Recall is the share of the operations learned of those that were called at
// least 3 times and answered with 2xx or 3xx (Good), held-back calls not counted.
// Precision is the share of the right ones of those learned. A learned operation
// that is equal to none counts against WordLike when all operations of the truth
// that its template could cover are WordLike, otherwise against the rest. To know
// HEAD or OPTIONS of a path, favicon.ico and robots.txt as operations is wrong; an
// operation at the path of the health probe is neither right nor wrong.
//
// A parameter is a place and a name as on the wire: that of a template is its
// position among the templates of the path, counted from 0, that of a header is
// in lower case, that of a property of a JSON body is its path as
// "customer.addresses[].city". Members of maps, whose names are data, and headers
// that every client sends are none. Recall is over the operations found, of the
// parameters that were in more than 1 % and in at least 3 of their good calls;
// those of paths are told apart, since templates tell them already. Parameters
// of multipart bodies are none.
//
// A type is right when it is the described one. Where the wire did not show it,
// more is right: a text in which every value reads as an integer, a number or a
// boolean may be that; a number of which every value was an integer may be an
// integer; a list that held several items in fewer than 3 calls may be what its
// items are; an object or document written as one text may be a string. Where
// values had several types, all of them must be known. Null is no type.
package discoverytest

import (
	"net/http"
	"net/netip"
	"time"
)

// Class is what an exchange is.
type Class string

// The classes.
const (
	// Good is a call as described, answered with 2xx or 3xx.
	Good Class = "good"
	// Failing is a call as described that was refused or failed.
	Failing Class = "failing"
	// Missing is a call as described for something that is not there.
	Missing Class = "missing"
	// Malformed is a call of a client that is not as described, and was refused.
	Malformed Class = "malformed"
	Scan      Class = "scan"
	Attack    Class = "attack"
	// Noise is what no description speaks of and no harm is meant by.
	Noise Class = "noise"
)

// Classes are all classes.
func Classes() []Class {
	return []Class{Good, Failing, Missing, Malformed, Scan, Attack, Noise}
}

// Exchange is one request and its answer.
type Exchange struct {
	// Index counts from 0 in the order of time.
	Index  int
	Time   time.Time
	Client netip.Addr
	Method string
	// Target is path and query as they stand in the request line.
	Target string
	Host   string
	Header http.Header
	Body   []byte

	Status       int
	AnswerHeader http.Header
	AnswerBody   []byte

	Mark Mark
}

// Mark is the truth about one exchange.
type Mark struct {
	Class Class
	// Held tells that it is held back from learning.
	Held bool
	// Tracking tells that a parameter was added that only tracks.
	Tracking bool
	// Method and Template are those of the operation called, the template with the
	// base path; empty where none was.
	Method, Template string
	// Segments are the values of the template, in their order.
	Segments []Segment
	// Sent are the parameters that a good call carried, Answered the properties of
	// its answer.
	Sent, Answered []Sent
	// Faithless tells that only messages could be drawn that the description does
	// not allow; the class then is not Good.
	Faithless bool
}

// Segment is one value in a path.
type Segment struct {
	Name, Value string
	Kind        Kind
}

// Sent is one parameter or property as it was sent.
type Sent struct {
	// Place is path, query, header, cookie, body or form.
	Place, Name string
	// Declared is the type of JSON that its schema names, "" for none, or array or
	// object; Shown is that of the value itself.
	Declared, Shown string
	// Items is how many values it had.
	Items int
	// OneText tells that a list, an object or a document was written as one text.
	OneText bool
}
