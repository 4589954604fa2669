package spec

import (
	"fmt"
	"iter"
	"sync"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/spec/schema"
)

// Options say how strictly a Checker holds messages against a description.
type Options struct {
	// Block are the kinds of violations of which Result.Violations tells, Watch
	// those of which Result.Watched does; all others are not looked for. Where both
	// are empty, Block is DefaultKinds.
	Block, Watch KindSet
	// UnknownQuery adds UnknownParameter to Block.
	UnknownQuery bool
	// ReadOnly refuses properties of bodies that are only read.
	ReadOnly bool
	// Most is how many violations are told, at least 1.
	Most int
}

// Checker holds requests, and the answers to them, against a description. It is
// immutable and safe for concurrent use.
type Checker struct {
	matcher    *Matcher
	operations map[*Operation]*check
	options    Options
	// kinds are all that are looked for.
	kinds       KindSet
	limits      jsontext.Limits
	inspections sync.Pool
}

// Request is what a Checker looks at.
type Request struct {
	// Path is what the description's templates match, as it stands in the request;
	// Query is without its question mark.
	Method, Path, Query string
	// Header gives the values of a header, given in lower case, joined by commas,
	// or of Cookie by semicolons.
	Header func(name string) string
	// Names are the names of all headers, in lower case. They are only asked for
	// UnknownHeader, and may be nil without it.
	Names iter.Seq[string]
	// Certificate tells that the client proved who it is by a certificate.
	Certificate bool
	// Body is the whole content, decoded. It must not be changed while it is
	// looked at.
	Body []byte
	// Unread says that the body is not known: it is then not judged.
	Unread bool
}

// Answer is the response to a request.
type Answer struct {
	Status int
	// Header and Body are as those of a Request.
	Header func(name string) string
	Body   []byte
	Unread bool
	// Bodiless says that the request was HEAD: the answer describes a body that it
	// does not carry.
	Bodiless bool
}

// Result is what a Checker says of a message.
type Result struct {
	// Operation is nil when the description has none.
	Operation *Operation
	// Violations are the first ones of the kinds of Options.Block; none when the
	// message is as described.
	Violations []Violation
	// Watched are the first ones of the kinds of Options.Watch.
	Watched []Violation
	// Unchecked says which part was not held against its schema, and why; empty
	// for none.
	Unchecked string
}

// NewChecker compiles a description. Schemas that can't be compiled are errors
// with their line.
func NewChecker(d *Description, o Options) (*Checker, error) {
	if o.Block == 0 && o.Watch == 0 {
		o.Block = DefaultKinds()
	}
	if o.UnknownQuery {
		o.Block |= KindsOf(UnknownParameter)
	}
	o.Most = max(o.Most, 1)
	to := Requests
	if o.ReadOnly {
		to = StrictRequests
	}
	c := &Checker{
		operations: make(map[*Operation]*check, len(d.Operations)), options: o, kinds: o.Block | o.Watch, limits: Limits(),
	}
	c.inspections.New = func() any { return new(inspection) }
	var err error
	if c.matcher, err = NewMatcher(d.Operations); err != nil {
		return nil, err
	}
	b := builder{description: d, kinds: c.kinds}
	if b.requests, err = NewValidators(d.Definitions, to); err != nil {
		return nil, err
	}
	if b.answers, err = NewValidators(d.Definitions, Answers); err != nil {
		return nil, err
	}
	for i := range d.Operations {
		op := &d.Operations[i]
		if c.operations[op], err = b.check(op); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Method, op.Path, err)
		}
	}
	return c, nil
}

// inspection is one message that is judged, with the memory for it.
type inspection struct {
	*Checker
	check   *check
	request *Request
	result  Result
	// document holds the value that is judged.
	document schema.Document
	query    []pair
	cookies  []pair
	values   []string
	room     [8]string
}

func (c *Checker) inspection(r *Request) *inspection {
	in, _ := c.inspections.Get().(*inspection)
	in.Checker, in.request, in.check, in.result = c, r, nil, Result{}
	return in
}

// release gives the memory back, without what points into the message.
func (in *inspection) release() Result {
	res := in.result
	clear(in.query[:cap(in.query)])
	clear(in.cookies[:cap(in.cookies)])
	in.query, in.cookies, in.values = in.query[:0], in.cookies[:0], nil
	in.request, in.check, in.result, in.room = nil, nil, Result{}, [8]string{}
	in.document.Reset()
	in.inspections.Put(in)
	return res
}

// left is how many violations of a kind may still be told.
func (in *inspection) left(k Kind) int {
	switch {
	case in.options.Block.Has(k):
		return in.options.Most - len(in.result.Violations)
	case in.options.Watch.Has(k):
		return in.options.Most - len(in.result.Watched)
	}
	return 0
}

// full tells that nothing can be told that matters more.
func (in *inspection) full() bool { return len(in.result.Violations) >= in.options.Most }

// add tells a violation.
func (in *inspection) add(k Kind, place, rule string) {
	switch {
	case in.left(k) <= 0:
	case in.options.Block.Has(k):
		in.result.Violations = append(in.result.Violations, Violation{k, place, rule})
	default:
		in.result.Watched = append(in.result.Watched, Violation{k, place, rule})
	}
}

// invalid tells what is wrong with the value in the document.
func (in *inspection) invalid(v *Validator, k Kind, at string) {
	for _, found := range v.told(&in.document, k, at, in.left(k)) {
		in.add(k, found.Place, found.Rule)
	}
}

// Check holds a request against the description.
func (c *Checker) Check(r *Request) Result {
	in := c.inspection(r)
	op, values, known := c.matcher.Match(r.Method, r.Path, in.room[:0])
	if op == nil {
		if known {
			in.add(UnknownMethod, "method", "not described for this path")
		} else {
			in.add(UnknownPath, "path", "not described")
		}
		return in.release()
	}
	in.check, in.values, in.result.Operation = c.operations[op], values, op
	in.parameters()
	if !in.full() && c.kinds.Has(MissingCredential) {
		in.credentials()
	}
	if !in.full() {
		in.body()
	}
	return in.release()
}

// CheckAnswer holds the response to a request against what the operation
// describes, which is that of the result of Check.
func (c *Checker) CheckAnswer(op *Operation, a *Answer) Result {
	k := c.operations[op]
	if k == nil {
		return Result{}
	}
	in := c.inspection(nil)
	in.check, in.result.Operation = k, op
	in.answer(a)
	return in.release()
}
