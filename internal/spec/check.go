package spec

import (
	"fmt"
	"mime"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// Options say how strictly a Checker holds requests against a description.
type Options struct {
	// UnknownQuery refuses query parameters that are not described.
	UnknownQuery bool
	// ReadOnly refuses properties of bodies that are only read.
	ReadOnly bool
	// Most is how many violations are told, at least 1.
	Most int
}

// Checker holds requests against a description. It is immutable and safe for
// concurrent use.
type Checker struct {
	matcher    *Matcher
	operations map[*Operation]*check
	options    Options
	limits     jsontext.Limits
}

// check is one operation, compiled.
type check struct {
	parameters []parameter
	templates  map[string]int
	// known are query parameters that stand for themselves: credentials.
	known map[string]bool
	// deep tells that a deepObject may take pairs.
	cookies, query bool
	body           *Body
	content        map[string]*Validator
}

// parameter is one parameter, compiled.
type parameter struct {
	described *Parameter
	shape     shape
	validator *Validator
	// others are the names of the other parameters of the place.
	others map[string]bool
	header string
}

// Request is what a Checker looks at.
type Request struct {
	// Path is what the description's templates match, as it stands in the request;
	// Query is without its question mark.
	Method, Path, Query string
	// Header gives the values of a header, given in lower case, joined by commas,
	// or of Cookie by semicolons.
	Header func(name string) string
	// Body is the whole content, decoded.
	Body []byte
	// Unread says that the body is not known: it is then not judged.
	Unread bool
}

// Result is what a Checker says of a request.
type Result struct {
	// Operation is nil when the description has none.
	Operation *Operation
	// Violations are the first ones; none when the request is as described.
	Violations []Violation
	// Unchecked says which part was not held against its schema, and why; empty
	// for none.
	Unchecked string
}

// brief is the length in bytes from which a body's violations are not listed.
const brief = 16 << 10

// NewChecker compiles a description. Schemas that can't be compiled are errors
// with their line.
func NewChecker(d *Description, o Options) (*Checker, error) {
	to := Requests
	if o.ReadOnly {
		to = StrictRequests
	}
	validators, err := NewValidators(d.Definitions, to)
	if err != nil {
		return nil, err
	}
	c := &Checker{operations: make(map[*Operation]*check, len(d.Operations)), options: o, limits: Limits()}
	if c.matcher, err = NewMatcher(d.Operations); err != nil {
		return nil, err
	}
	for i := range d.Operations {
		op := &d.Operations[i]
		if c.operations[op], err = newCheck(d, op, validators); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Method, op.Path, err)
		}
	}
	return c, nil
}

func newCheck(d *Description, op *Operation, validators *Validators) (*check, error) {
	c := &check{templates: map[string]int{}, known: map[string]bool{}, content: map[string]*Validator{}, body: op.Body}
	for i, name := range TemplateNames(op.Path) {
		c.templates[name] = i
	}
	names := map[Place]map[string]bool{InQuery: {}, InCookie: {}}
	for _, k := range d.Credentials {
		if k.In == InQuery {
			c.known[k.Name] = true
		}
	}
	for i := range op.Parameters {
		p := &op.Parameters[i]
		v, err := validators.Of(p.Schema)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		c.cookies = c.cookies || p.In == InCookie
		c.query = c.query || p.In == InQuery
		if names[p.In] != nil {
			names[p.In][p.Name] = true
		}
		c.parameters = append(c.parameters, parameter{
			described: p, validator: v, others: names[p.In], header: strings.ToLower(p.Name),
			shape: d.Definitions.shapeOf(d.Definitions[p.Schema.Name], 1),
		})
	}
	if op.Body == nil {
		return c, nil
	}
	for _, m := range op.Body.Content {
		v, err := validators.Of(m.Schema)
		if err != nil {
			return nil, fmt.Errorf("request body: %w", err)
		}
		c.content[m.Range] = v
	}
	return c, nil
}

// Check holds a request against the description.
func (c *Checker) Check(r *Request) Result {
	var room [8]string
	op, values, known := c.matcher.Match(r.Method, r.Path, room[:0])
	switch {
	case op == nil && known:
		return Result{Violations: []Violation{{"method", "not described for this path"}}}
	case op == nil:
		return Result{Violations: []Violation{{"path", "not described"}}}
	}
	k := c.operations[op]
	res := Result{Operation: op}
	c.checkParameters(k, r, values, &res)
	if len(res.Violations) < c.options.Most {
		c.checkBody(k, r, &res)
	}
	return res
}

func (c *Checker) checkParameters(k *check, r *Request, values []string, res *Result) {
	var query, cookies []pair
	var err error
	if k.query || c.options.UnknownQuery {
		if query, err = queryPairs(r.Query); err != nil {
			res.Violations = append(res.Violations, Violation{"query", err.Error()})
			return
		}
	}
	if k.cookies {
		if cookies, err = cookiePairs(r.Header("cookie")); err != nil {
			res.Violations = append(res.Violations, Violation{"cookie", err.Error()})
			return
		}
	}
	for i := range k.parameters {
		if len(res.Violations) >= c.options.Most {
			return
		}
		p := &k.parameters[i]
		var found []reading
		switch p.described.In {
		case InPath:
			at, ok := k.templates[p.described.Name]
			if !ok {
				continue
			}
			found = p.inPath(values[at])
			if p.described.Media != "" {
				found = p.document(values[at], pathText)
			}
		case InQuery:
			found = p.fromPairs(query)
		case InCookie:
			found = p.fromPairs(cookies)
		case InHeader:
			found = p.inHeader(r.Header(p.header))
		}
		p.judge(found, c.options.Most-len(res.Violations), res)
	}
	if c.options.UnknownQuery {
		c.unknown(k, query, res)
	}
}

func (c *Checker) unknown(k *check, query []pair, res *Result) {
	for _, p := range query {
		if len(res.Violations) >= c.options.Most {
			return
		}
		if !p.known && !k.known[p.name] {
			res.Violations = append(res.Violations, Violation{"query " + cut(p.name), "not described"})
		}
	}
}

func (p *parameter) fromPairs(pairs []pair) []reading {
	if p.described.Media == "" {
		return p.inPairs(pairs)
	}
	var found []reading
	for i := range pairs {
		if pairs[i].name != p.described.Name {
			continue
		}
		if pairs[i].known = true; found != nil {
			return []reading{{nil, errTwice}}
		}
		found = p.document(pairs[i].raw, queryText)
	}
	return found
}

func (p *parameter) inHeader(value string) []reading {
	switch {
	case value == "":
		return nil
	case p.described.Media != "":
		return p.document(value, plain)
	case p.shape.kinds&(kindArray|kindObject) == 0:
		return p.scalars(value, plain)
	}
	return p.delimited(value, ",", p.described.Explode, func(text string) (string, error) {
		return plain(strings.Trim(text, " \t"))
	})
}

// document reads a parameter that is a document of its own.
func (p *parameter) document(raw string, decode unescape) []reading {
	text, err := decode(raw)
	if err != nil || !isJSON(p.described.Media) {
		return []reading{{nil, err}}
	}
	value, err := Value([]byte(text), Limits())
	return []reading{{value, err}}
}

// judge adds the violations of a parameter: none when one reading satisfies its
// schema, otherwise those of the first reading.
func (p *parameter) judge(found []reading, most int, res *Result) {
	at := string(p.described.In) + " " + p.described.Name
	if len(found) == 0 {
		if p.described.Required {
			res.Violations = append(res.Violations, Violation{at, "required, but missing"})
		}
		return
	}
	if p.described.Media != "" && !isJSON(p.described.Media) && found[0].err == nil {
		res.Unchecked = at + ": only JSON is looked into"
		return
	}
	for _, r := range found {
		if r.err == nil && (p.validator.Valid(r.value) || r.value == "" && p.described.AllowEmpty) {
			return
		}
	}
	if err := found[0].err; err != nil {
		res.Violations = append(res.Violations, Violation{at, unwrapped(err)})
		return
	}
	res.Violations = append(res.Violations, p.validator.Violations(found[0].value, at, most, false)...)
}

func (c *Checker) checkBody(k *check, r *Request, res *Result) {
	add := func(rule string) { res.Violations = append(res.Violations, Violation{"body", rule}) }
	switch {
	case len(r.Body) == 0 && !r.Unread:
		if k.body != nil && k.body.Required {
			add("required, but missing")
		}
		return
	case k.body == nil:
		add("no body is described for this operation")
		return
	}
	media, _, err := mime.ParseMediaType(r.Header("content-type"))
	if err != nil {
		res.Violations = append(res.Violations, Violation{"header content-type", "missing or malformed"})
		return
	}
	described := MediaFor(k.body.Content, media)
	switch {
	case described == nil:
		res.Violations = append(res.Violations, Violation{"header content-type", "not described for this operation"})
		return
	case !isJSON(media):
		res.Unchecked = "body: only JSON is held against its schema"
		return
	case r.Unread:
		res.Unchecked = "body: it is longer than is looked at"
		return
	}
	value, err := Value(r.Body, c.limits)
	if err != nil {
		if limit := encoding.Exceeded(err); limit != "" {
			add("exceeds the limit " + limit)
			return
		}
		add("not JSON: " + unwrapped(err))
		return
	}
	v := k.content[described.Range]
	res.Violations = append(res.Violations, v.Violations(value, "body", c.options.Most-len(res.Violations), len(r.Body) > brief)...)
}

// isJSON says whether a media type without parameters is JSON (RFC 8259, or the
// suffix of RFC 6839).
func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}
