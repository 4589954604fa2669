package governance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

// functions are those that Farrier's own rules name beside Spectral's. They judge
// a description as a whole, "given: $", unless they say otherwise.
var functions = map[string]spectral.Function{
	"schemas":           schemasFunction,
	"parameters":        parametersFunction,
	"secretText":        secretTextFunction,
	"bounds":            boundsFunction,
	"linearPatterns":    linearPatternsFunction,
	"pathParameters":    pathParametersFunction,
	"pagination":        paginationFunction,
	"responses":         responsesFunction,
	"examples":          examplesFunction,
	"authenticated":     authenticatedFunction,
	"separateSecurity":  separateSecurityFunction,
	"scopes":            scopesFunction,
	"securitySchemes":   securitySchemesFunction,
	"securityDeclared":  securityDeclaredFunction,
	"cookieCredentials": cookieCredentialsFunction,
	"versions":          versionsFunction,
	"provided":          providedFunction,
	"forbidden":         forbiddenFunction,
	"precedes":          precedesFunction,
	"addressDescribed":  addressDescribedFunction,
	"upstreams":         upstreamsFunction,
	"fact":              factFunction,
	"sensitiveFields":   sensitiveFieldsFunction,
}

// optionReader reads the functionOptions of a function. The first mistake is
// kept until done is asked.
type optionReader struct {
	node  *tree.Node
	known []string
	err   error
}

func readOptions(options *tree.Node) *optionReader {
	r := &optionReader{node: options}
	if options != nil && !options.Is(tree.Object) {
		r.err = tree.Wrong(options, "functionOptions must be an object")
	}
	return r
}

func (r *optionReader) get(name string) *tree.Node {
	r.known = append(r.known, name)
	return r.node.Get(name)
}

// list is a text or a list of texts.
func (r *optionReader) list(name string) []string {
	n := r.get(name)
	switch {
	case n == nil:
		return nil
	case n.Is(tree.String) || n.Is(tree.Number):
		return []string{n.Text}
	}
	var out []string
	for _, item := range n.List() {
		if !item.Is(tree.String) && !item.Is(tree.Number) {
			r.wrong(item, name+" must list texts")
		}
		out = append(out, item.Str())
	}
	if len(out) == 0 {
		r.wrong(n, name+" must be a text or a list of texts")
	}
	return out
}

// pattern is a regular expression (RE2) without regard of case, nil where there
// is none.
func (r *optionReader) pattern(name string) *regexp.Regexp {
	n := r.get(name)
	if n == nil {
		return nil
	}
	re, err := regexp.Compile("(?i)" + n.Str())
	if err != nil || !n.Is(tree.String) {
		r.wrong(n, name+" must be a regular expression (RE2)")
	}
	return re
}

func (r *optionReader) flag(name string) bool {
	n := r.get(name)
	if n != nil && !n.Is(tree.Bool) {
		r.wrong(n, name+" must be true or false")
	}
	return n.IsTrue()
}

// object is the members of an object.
func (r *optionReader) object(name string) []tree.Member {
	n := r.get(name)
	if n != nil && !n.Is(tree.Object) {
		r.wrong(n, name+" must be an object")
	}
	return n.Fields()
}

func (r *optionReader) wrong(n *tree.Node, problem string) {
	if r.err == nil {
		r.err = tree.Wrong(n, "%s", problem)
	}
}

// done gives the first mistake; an option that nobody asked for is one.
func (r *optionReader) done() error {
	if r.err != nil {
		return r.err
	}
	for _, m := range r.node.Fields() {
		if !slices.Contains(r.known, m.Name) {
			slices.Sort(r.known)
			return tree.Wrong(m.Value, "unknown option %.40q; known are %s", m.Name, strings.Join(r.known, ", "))
		}
	}
	return nil
}

// complaints collects the problems of one look at a document.
type complaints struct {
	found []spectral.Problem
}

func (c *complaints) add(at []string, format string, args ...any) {
	c.found = append(c.found, spectral.Problem{Message: fmt.Sprintf(format, args...), Path: at})
}

// below is a path with further steps, in memory of its own.
func below(at []string, steps ...string) []string {
	return append(slices.Clip(at), steps...)
}

// words writes a name in small letters with hyphens between its words: userEMail,
// user_e_mail and User-EMail are user-e-mail.
func words(name string) string {
	var b strings.Builder
	const longest = 200
	name = name[:min(len(name), longest)]
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_' || c == '.' || c == ' ' || c == '-' || c == '[' || c == ']' || c == '$' || c == '@':
			if b.Len() > 0 && i+1 < len(name) {
				b.WriteByte('-')
			}
			continue
		case isUpper(c) && i > 0 && (isLower(name[i-1]) || isDigit(name[i-1]) || isUpper(name[i-1]) && i+1 < len(name) && isLower(name[i+1])):
			b.WriteByte('-')
		}
		if isUpper(c) {
			c |= 0x20
		}
		b.WriteByte(c)
	}
	return hyphens.ReplaceAllString(b.String(), "-")
}

var hyphens = regexp.MustCompile(`-{2,}`)

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
