package detecttest

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// combination is one encoding in one place.
type combination struct{ encoding, place string }

// everywhere lists the places of a text in the order in which they are written
// above.
var everywhere = []string{
	queryValue, queryName, pathSegment, formValue, formName, jsonString, jsonName, xmlText, xmlAttribute, soapBody,
	multipartField, multipartName, cookieValue, headerValue, refererValue, agentValue, graphqlArgument, graphqlVariable,
	grpcMessage, untypedBody, wrongType,
}

// decodedIn says in which places one encoding is undone.
type decodedIn struct {
	encoding string
	places   []string
}

// decoded says in which places a plausible service undoes an encoding: servers
// decode URLs, forms and JSON; proxies in front of them once more; applications
// decode Base64 in tokens, cursors, cookies and content fields, JSON in strings,
// gzip in content fields, percent in cookies and in strings that hold URLs;
// browsers decode entities and XML parsers references; databases and frameworks
// normalise full-width letters of what people type.
var decoded = []decodedIn{
	{plain, everywhere},
	{percent, []string{queryValue, queryName, pathSegment, formValue, formName, cookieValue, refererValue, jsonString}},
	{doublePercent, []string{queryValue, pathSegment, formValue}},
	{overlong, []string{queryValue, pathSegment}},
	{base64Std, []string{queryValue, formValue, jsonString, cookieValue, headerValue, xmlText, soapBody, multipartField, graphqlVariable, grpcMessage}},
	{base64URL, []string{queryValue, pathSegment, cookieValue, headerValue, jsonString}},
	{entities, []string{xmlText, xmlAttribute, soapBody, jsonString, formValue, multipartField}},
	{jsonEscapes, []string{jsonString, jsonName, graphqlVariable, graphqlArgument, untypedBody, wrongType}},
	{mixed, []string{queryValue, formValue, jsonString, xmlText, cookieValue, graphqlArgument, soapBody}},
	{utf16Body, []string{jsonString, xmlText, soapBody}},
	{gzipBase64, []string{jsonString, soapBody, formValue}},
	{jwtPayload, []string{jwtClaim, cookieValue, formValue, jsonString}},
	{nestedJSON, []string{jsonString, formValue, graphqlVariable, multipartField, grpcMessage}},
	{base64JSON, []string{formValue, queryValue, cookieValue, headerValue}},
	{fullWidth, []string{queryValue, formValue, jsonString, graphqlVariable}},
}

// Types whose texts harm only in some places: in the name of a parameter only
// what is evaluated or put into a query or a page, in a file name only what
// reaches a file system, a shell, a page or a log, in a client's own description
// only what is logged, shown or counted.
var (
	inNames  = []string{"sql-injection", "nosql-injection", "cross-site-scripting", "log4shell", "template-injection", "java-expression", "dataweave", "php-code", "server-side-include", "command-injection", "prototype-pollution"}
	inFiles  = []string{"sql-injection", "cross-site-scripting", "command-injection", "path-traversal", "log4shell", "template-injection", "server-side-include", "header-injection"}
	inAgents = []string{"sql-injection", "cross-site-scripting", "command-injection", "log4shell", "server-side-include", "php-code", "java-expression"}
	noHeader = []string{"header-injection", "mail-header-injection"} // a header can not carry a line break
	// Texts of these types are shown in pages, or read by XML.
	asHTML    = []string{"cross-site-scripting", "server-side-include"}
	disguised = []string{"sql-injection", "cross-site-scripting", "command-injection", "path-traversal", "php-code"}
	widened   = []string{"sql-injection", "cross-site-scripting", "path-traversal", "server-side-request"}
	overlongs = []string{"path-traversal", "cross-site-scripting"}
)

// fits reports whether the text of a type does harm, and can be written, in an
// encoding and a place.
func fits(kind, text string, c combination) bool {
	in := func(list []string) bool { return slices.Contains(list, kind) }
	switch c.encoding {
	case mixed:
		if !in(disguised) {
			return false
		}
	case fullWidth:
		if !in(widened) {
			return false
		}
	case overlong:
		if !in(overlongs) {
			return false
		}
	case entities:
		if !in(asHTML) && !slices.Contains([]string{xmlText, xmlAttribute, soapBody}, c.place) {
			return false
		}
	}
	switch c.place {
	case queryName, formName, jsonName:
		return in(inNames)
	case multipartName:
		return in(inFiles) && !strings.ContainsRune(text, 0)
	case agentValue, refererValue:
		return in(inAgents) && !hasControl(text)
	case headerValue:
		return !in(noHeader) && (c.encoding != plain || !hasControl(text) && utf8.ValidString(text))
	case cookieValue:
		return !in(noHeader) && (c.encoding != plain && c.encoding != mixed || !hasControl(text))
	case xmlText, xmlAttribute, soapBody:
		return c.encoding == base64Std || c.encoding == gzipBase64 || inXML(text)
	case untypedBody, wrongType:
		return inXML(text)
	}
	return true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// inXML reports whether XML 1.0 can carry the text.
func inXML(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' })
}

// decodedAs is what decoded is to texts, for the other shapes.
var decodedAs = map[string][]decodedIn{
	shapeWire: {{plain, []string{queryValue, pathSegment, formValue}}},
	shapeJSON: {
		{plain, []string{jsonValue, jsonBody, jsonString, graphqlVariable, queryValue, wrongType, untypedBody}},
		{utf16Body, []string{jsonValue}},
		{nestedJSON, []string{jsonString, formValue}},
		{base64Std, []string{formValue}},
		{base64URL, []string{queryValue}},
		{percent, []string{cookieValue}},
		{jwtPayload, []string{jwtClaim}},
		{base64JSON, []string{formValue}},
	},
	shapePair: {
		{plain, []string{queryPair, formPair}},
		{percent, []string{queryPair, formPair}},
		{doublePercent, []string{queryPair}},
	},
	shapeXML: {
		{plain, []string{xmlBody, xmlFile, jsonString, untypedBody, wrongType, formValue, grpcMessage}},
		{utf16Body, []string{xmlBody}},
		{base64Std, []string{formValue, jsonString}},
		{gzipBase64, []string{formValue}},
		{percent, []string{queryValue}},
		{jsonEscapes, []string{jsonString}},
	},
	shapeAgent:   {{plain, []string{agentValue, agentValue, agentValue, agentValue, agentValue}}}, // one for each kind of first request
	shapeGraphQL: {{plain, []string{graphqlBody, graphqlQuery, graphqlBatch}}, {percent, []string{graphqlQuery}}},
	shapeFile:    {{plain, []string{fileUpload, fileUpload, filePut}}, {base64Std, []string{fileJSON, fileJSON}}},
	shapeBytes: {
		{plain, []string{binaryBody, grpcMessage}},
		{base64Std, []string{cookieValue, jsonString, formValue, headerValue, soapBody}},
		{base64URL, []string{queryValue}},
		{gzipBase64, []string{jsonString}},
	},
}

// combinations lists what a seed is sent as.
func combinations(kind string, s seed) []combination {
	table := decoded
	if s.shape != shapeText {
		table = decodedAs[s.shape]
	}
	var all []combination
	for _, d := range table {
		for _, p := range d.places {
			c := combination{d.encoding, p}
			switch {
			case s.shape == shapeText && !fits(kind, s.text, c):
			case s.shape == shapeWire && p == pathSegment && strings.Contains(s.text, "%u"): // servers refuse it in a path
			default:
				all = append(all, c)
			}
		}
	}
	return all
}
