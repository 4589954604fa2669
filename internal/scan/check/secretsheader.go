package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

var secretHeaderName = regexp.MustCompile(`(?i)^(?:proxy-)?authorization$|^x-api-?key$|^api[-_]?key$|^x-apikey$|^(?:x-)?client[-_]secret$|^x-(?:auth|access|api)-token$|^access_token$|^ocp-apim-subscription-key$|^subscription-key$|^x-functions-key$|^private-token$|^x-vault-token$|^x-auth-key$`)

// keyParameter are names of parameters that hold keys in some services, and other
// things in others.
var keyParameter = regexp.MustCompile(`(?i)^(?:key|app_?id|token|auth|access_?key|license_?key|code)$`)

// opaqueKey says whether a value is long and mixed as only generated keys are.
func opaqueKey(value string) bool {
	const shortest = 20
	return len(value) >= shortest && keyCharacters.MatchString(value) && strings.ContainsAny(value, "0123456789") &&
		strings.ContainsAny(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

var keyCharacters = regexp.MustCompile(`^[A-Za-z0-9_+/=]+$`)

var schemeForm = regexp.MustCompile(`(?i)^(?:basic|bearer|token|apikey|api-key|digest|sharedaccesssignature|ssws|key)\s+`)

// isHeaderSecret says whether a literal value of a header for credentials is one.
func isHeaderSecret(value string) bool {
	value = strings.TrimSpace(value)
	if isMarked(value) || strings.HasPrefix(value, "p(") {
		return false
	}
	rest := schemeForm.ReplaceAllString(value, "")
	return len(rest) >= 4 && isPlain(rest) && issuedKey(rest) == "" && !strings.ContainsAny(rest, " ") &&
		!bareScheme.MatchString(rest)
}

var bareScheme = regexp.MustCompile(`(?i)^(?:basic|bearer|token|digest)$`)

// secretInHeader finds credentials that requests are sent with.
func secretInHeader(c *Context) {
	for _, f := range c.Project.Configs {
		if c.Err() != nil {
			return
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			if !isTestSpace(e) {
				headerPair(c, f, e)
				headerObject(c, f, e)
			}
			return true
		})
	}
}

// headerPair looks at elements that name one header or parameter.
func headerPair(c *Context, f *mule.XMLFile, e *document.Element) {
	value := e.Attr("value")
	if value == nil {
		return
	}
	for _, attribute := range [...]string{"key", "headerName", "paramName", "propertyName", "name"} {
		a := e.Attr(attribute)
		if a != nil && secretHeaderName.MatchString(a.Value.Text) && isHeaderSecret(constantText(value.Value.Text)) {
			reportHeader(c, f, e, value.Whole, value.Value.Span, a.Value.Text)
			return
		}
	}
}

func reportHeader(c *Context, f *mule.XMLFile, e *document.Element, span, secret document.Span, name string) {
	r := Report{
		Place:   taint.Place{File: f.File, Span: span, Element: e},
		Message: "the credential in " + name + " is written into the file", Detail: name, secret: secret,
	}
	if f.Test {
		r.Severity = finding.Low
	} else {
		r.Repair = secretElsewhere(c, taint.Place{File: f.File, Span: secret, Element: e}, name, span == secret)
	}
	c.Report(r)
}

// headerObject looks at objects of DataWeave that are headers, parameters, or
// variables for them.
func headerObject(c *Context, f *mule.XMLFile, e *document.Element) {
	var code *mule.Code
	switch {
	case e.Name.Local == "headers", e.Name.Local == "query-params", e.Name.Local == "set-attributes", e.Is(spaceEE, "set-variable"):
		code = c.Project.Script(f, e)
	case e.Is(spaceCore, "set-variable"):
		if a := e.Attr("value"); a != nil {
			code = c.Project.Template(f, e, &a.Value).Code()
		}
	}
	if code == nil || code.Tree == nil || code.File != f.File {
		return
	}
	for _, field := range fieldsOf(code.Tree.Body, 0) {
		key, keyed := literalText(field.Key)
		value, plain := literalText(field.Value)
		named := secretHeaderName.MatchString(key) || e.Name.Local == "query-params" && keyParameter.MatchString(key) && opaqueKey(value)
		if keyed && plain && named && isHeaderSecret(value) {
			at := field.Value.Bytes()
			span := document.Span{Start: code.Offset(at.Start), End: code.Offset(at.End)}
			reportHeader(c, f, e, span, span, key)
		}
	}
}

// fieldsOf are the fields of an object and of those that it is put together from.
func fieldsOf(n syntax.Node, depth int) []*syntax.Field {
	if depth > 20 {
		return nil
	}
	switch n := n.(type) {
	case *syntax.Object:
		return n.Fields
	case *syntax.Group:
		return fieldsOf(n.X, depth+1)
	case *syntax.Binary:
		return append(fieldsOf(n.Left, depth+1), fieldsOf(n.Right, depth+1)...)
	case *syntax.If:
		return append(fieldsOf(n.Then, depth+1), fieldsOf(n.Else, depth+1)...)
	}
	return nil
}

// literalText is a text without interpolation.
func literalText(n syntax.Node) (string, bool) {
	s, ok := n.(*syntax.String)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, part := range s.Parts {
		if part.X != nil {
			return "", false
		}
		b.WriteString(part.Text)
	}
	return b.String(), true
}
