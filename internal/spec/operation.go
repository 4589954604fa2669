package spec

import (
	"fmt"
	"strings"
)

// check is one operation, compiled.
type check struct {
	parameters []parameter
	templates  map[string]int
	// known are query parameters that stand for themselves: credentials; so are
	// cookies and headers.
	known, knownCookies, knownHeaders map[string]bool
	// cookies and query tell that a parameter takes them.
	cookies, query bool
	body           *Body
	content        []content
	security       [][]credential
	answers        []answer
}

// content is one form of a body, compiled.
type content struct {
	media     *Media
	validator *Validator
	shape     shape
}

// answer is a described response, compiled.
type answer struct {
	described *Response
	content   []content
	headers   []parameter
}

// parameter is one parameter, compiled.
type parameter struct {
	described *Parameter
	shape     shape
	validator *Validator
	// others are the names of the other parameters of the place.
	others map[string]bool
	header string
	// at is how its place is told; simple tells that its value is one text.
	at     string
	simple bool
}

// builder compiles operations.
type builder struct {
	description       *Description
	requests, answers *Validators
	kinds             KindSet
}

func (b *builder) check(op *Operation) (*check, error) {
	c := &check{templates: map[string]int{}, known: map[string]bool{}, knownCookies: map[string]bool{}, knownHeaders: map[string]bool{}, body: op.Body}
	for i, name := range TemplateNames(op.Path) {
		c.templates[name] = i
	}
	known := map[Place]map[string]bool{InQuery: c.known, InCookie: c.knownCookies, InHeader: c.knownHeaders}
	for _, k := range b.description.Credentials {
		c.know(known, k.In, k.Name)
	}
	for _, s := range b.description.Schemes {
		if s.Type == "apiKey" {
			c.know(known, s.In, s.Name)
		}
	}
	names := map[Place]map[string]bool{InQuery: {}, InCookie: {}}
	for i := range op.Parameters {
		p, err := b.parameter(&op.Parameters[i], b.requests)
		if err != nil {
			return nil, err
		}
		in := p.described.In
		c.cookies = c.cookies || in == InCookie
		c.query = c.query || in == InQuery
		if names[in] != nil {
			names[in][p.described.Name] = true
		}
		if p.others = names[in]; in == InHeader {
			c.know(known, in, p.described.Name)
		}
		c.parameters = append(c.parameters, p)
	}
	c.security = b.security(op)
	var err error
	if op.Body != nil {
		if c.content, err = b.content(op.Body.Content, b.requests); err != nil {
			return nil, fmt.Errorf("request body: %w", err)
		}
	}
	if b.kinds&answerKinds() != 0 {
		err = b.answersOf(c, op)
	}
	return c, err
}

func (c *check) know(known map[Place]map[string]bool, in Place, name string) {
	if in == InHeader {
		name = strings.ToLower(name)
	}
	if known[in] != nil {
		known[in][name] = true
	}
}

func (b *builder) parameter(described *Parameter, validators *Validators) (parameter, error) {
	v, err := validators.Of(described.Schema)
	if err != nil {
		return parameter{}, fmt.Errorf("parameter %s: %w", described.Name, err)
	}
	p := parameter{
		described: described, validator: v, header: strings.ToLower(described.Name), at: string(described.In) + " " + described.Name,
		shape: b.description.Definitions.shapeOf(b.description.Definitions[described.Schema.Name], 1),
	}
	p.simple = p.shape.kinds&(kindArray|kindObject) == 0 && described.Media == "" &&
		(described.Style == Simple || described.Style == Form && described.Explode)
	return p, nil
}

func (b *builder) content(described []Media, validators *Validators) ([]content, error) {
	var all []content
	for i := range described {
		m := &described[i]
		v, err := validators.Of(m.Schema)
		if err != nil {
			return nil, err
		}
		all = append(all, content{m, v, b.description.Definitions.shapeOf(b.description.Definitions[m.Schema.Name], 1)})
	}
	return all, nil
}

func (b *builder) answersOf(c *check, op *Operation) error {
	for i := range op.Responses {
		r := &op.Responses[i]
		made := answer{described: r}
		var err error
		if made.content, err = b.content(r.Content, b.answers); err != nil {
			return fmt.Errorf("response body: %w", err)
		}
		for j := range r.Headers {
			p, err := b.parameter(&r.Headers[j], b.answers)
			if err != nil {
				return fmt.Errorf("response: %w", err)
			}
			made.headers = append(made.headers, p)
		}
		c.answers = append(c.answers, made)
	}
	return nil
}

// contentFor is MediaFor of what is compiled.
func contentFor(all []content, media string) *content {
	var found *content
	rank := 0
	for i := range all {
		if r := all[i].media.rank(media); r > rank {
			found, rank = &all[i], r
		}
	}
	return found
}
