// Package spec is descriptions of APIs in one model: RAML, OpenAPI, WSDL,
// GraphQL descriptions in one model; spec.Matcher names the operation of a
// request, and a Checker holds a request against what is described. One folder
// below reads one language into the model; today that is OpenAPI. The package
// knows no policy. The files of a description are read through a Project, under
// limits.
package spec

// Description is one API as somebody described it. It must not be changed once
// something was compiled from it.
type Description struct {
	Title, Version string
	// BasePaths are the paths of the servers, each beginning with a slash and
	// without one at its end; that of a server at the root is empty.
	BasePaths  []string
	Operations []Operation
	// Servers are the addresses of the servers, variables with their defaults.
	Servers []string
	// Definitions hold every schema that an operation reaches.
	Definitions Definitions
	// Schemes are the ways by which callers prove who they are, by name.
	Schemes map[string]SecurityScheme
	// Credentials are parameters by which callers prove who they are. They count
	// as described.
	Credentials []Credential
}

// Definitions are schemas by name: JSON Schema 2020-12 as it is unmarshalled,
// numbers as json.Number, with references "#/$defs/NAME" to one another.
// Annotations other than readOnly, writeOnly and format are left out.
type Definitions map[string]any

// Schema is one schema of a description.
type Schema struct {
	// Name is its key in Definitions; empty stands for no schema, which every
	// value satisfies.
	Name string
	// Line is where it stands in the description, counted from 1.
	Line int
}

// Described says whether there is a schema.
func (s Schema) Described() bool { return s.Name != "" }

// Operation is a method of a path template.
type Operation struct {
	// Method is in upper case; Path begins with a slash and may hold templates
	// in braces, as "/orders/{id}".
	Method, Path string
	// ID is the operationId, empty where there is none.
	ID string
	// Line is where it stands in the description, counted from 1.
	Line int
	// File is the document that it stands in.
	File       string
	Deprecated bool
	// DeprecatedSince and Sunset are the moments of its deprecation and of its end
	// as they are written in x-deprecated-since and x-sunset; empty for none.
	DeprecatedSince, Sunset string
	// Security are alternatives; each lists what a caller must satisfy together.
	// An empty alternative lets anybody in; none at all means that nothing is said.
	Security [][]Requirement
	// Roles are those of x-required-roles, of which a caller needs one.
	Roles      []string
	Parameters []Parameter
	// Body is the request's content; nil when none is described.
	Body      *Body
	Responses []Response
}

// Requirement is one scheme that a caller must satisfy, with the scopes (OAuth
// 2.0, OpenID Connect) or roles that it must have.
type Requirement struct {
	Scheme string
	Scopes []string
}

// SecurityScheme is a way by which callers prove who they are.
type SecurityScheme struct {
	// Type is that of OpenAPI 3.1: apiKey, http, mutualTLS, oauth2, openIdConnect;
	// other types of RAML as they are written there.
	Type string
	// Scheme is that of HTTP, in lower case, as "basic" or "bearer".
	Scheme string
	// Name and In are where a key stands.
	Name string
	In   Place
	// Line is where it is declared, counted from 1.
	Line int
}

// Place is where a parameter stands in the request.
type Place string

// The places.
const (
	InPath   Place = "path"
	InQuery  Place = "query"
	InHeader Place = "header"
	InCookie Place = "cookie"
)

// Parameter is one parameter of an operation.
type Parameter struct {
	Name string
	In   Place
	// Line is where it stands in the description, counted from 1.
	Line     int
	Required bool
	// AllowEmpty lets a query parameter stand without a value.
	AllowEmpty bool
	Style      Style
	Explode    bool
	Schema     Schema
	// Media is the media type of a parameter that is a document of its own; Style
	// then means nothing. Only JSON is looked into.
	Media string
}

// Credential is the place of a key.
type Credential struct {
	Name string
	In   Place
}

// Body is what a request carries.
type Body struct {
	Required bool
	Content  []Media
}

// Media is one form of a content.
type Media struct {
	// Range is a media type or range in lower case without parameters, as
	// "application/json", "text/*" or "*/*".
	Range  string
	Schema Schema
}

// Response is one answer of an operation.
type Response struct {
	// From and To are the status codes that it describes. 0 is the answer to all
	// that no other describes.
	From, To int
	Content  []Media
	// Headers are those of the answer, each in the place InHeader and the style
	// Simple. Content-Type is not among them.
	Headers []Parameter
}

// ResponseTo is the response that describes a status code: one of this code
// alone before one of a range, before the default; nil when there is none.
func (o *Operation) ResponseTo(status int) *Response {
	var found *Response
	for i := range o.Responses {
		r := &o.Responses[i]
		switch {
		case r.From == status && r.To == status:
			return r
		case r.From <= status && status <= r.To:
			found = r
		case r.From == 0 && found == nil:
			found = r
		}
	}
	return found
}

// MediaFor is the closest description of a media type, given in lower case
// without parameters: the type itself, then type/*, then */*; nil when there is
// none.
func MediaFor(content []Media, media string) *Media {
	var found *Media
	rank := 0
	for i := range content {
		if r := content[i].rank(media); r > rank {
			found, rank = &content[i], r
		}
	}
	return found
}

// rank is how closely the range describes a media type, 0 for not at all.
func (m *Media) rank(media string) int {
	switch {
	case m.Range == media:
		return 3
	case m.Range == "*/*":
		return 1
	case len(m.Range) > 1 && m.Range[len(m.Range)-2:] == "/*" && len(media) >= len(m.Range)-1 && media[:len(m.Range)-1] == m.Range[:len(m.Range)-1]:
		return 2
	}
	return 0
}
