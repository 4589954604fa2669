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

// decoded says in which places a plausible service undoes an encoding: servers
// decode URLs, forms and JSON; proxies in front of them once more; applications
// decode Base64 in tokens, cursors, cookies and content fields, JSON in strings,
// gzip in content fields, percent in cookies and in strings that hold URLs;
// browsers decode entities and XML parsers references; databases and frameworks
// normalise full-width letters of what people type.
var decoded = []struct {
	encoding string
	places   []string
}{
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

// combinations lists what a seed is sent as.
func combinations(kind string, s seed) []combination {
	switch s.shape {
	case shapeWire:
		if strings.Contains(s.text, "%u") { // servers refuse it in a path
			return []combination{{plain, queryValue}, {plain, formValue}}
		}
		return []combination{{plain, queryValue}, {plain, pathSegment}, {plain, formValue}}
	case shapeJSON:
		return []combination{
			{plain, jsonValue}, {plain, jsonBody}, {plain, jsonString}, {plain, graphqlVariable}, {plain, queryValue}, {plain, wrongType}, {plain, untypedBody},
			{utf16Body, jsonValue}, {nestedJSON, jsonString}, {nestedJSON, formValue}, {base64Std, formValue}, {base64URL, queryValue}, {percent, cookieValue}, {jwtPayload, jwtClaim}, {base64JSON, formValue},
		}
	case shapePair:
		return []combination{{plain, queryPair}, {plain, formPair}, {percent, queryPair}, {percent, formPair}, {doublePercent, queryPair}}
	case shapeXML:
		return []combination{
			{plain, xmlBody}, {utf16Body, xmlBody}, {plain, xmlFile}, {plain, jsonString}, {plain, untypedBody}, {plain, wrongType},
			{base64Std, formValue}, {base64Std, jsonString}, {gzipBase64, formValue}, {plain, formValue}, {percent, queryValue}, {plain, grpcMessage}, {jsonEscapes, jsonString},
		}
	case shapeAgent:
		return []combination{{plain, agentValue}, {plain, agentValue}, {plain, agentValue}, {plain, agentValue}, {plain, agentValue}}
	case shapeGraphQL:
		return []combination{{plain, graphqlBody}, {plain, graphqlQuery}, {percent, graphqlQuery}, {plain, graphqlBatch}}
	case shapeFile:
		return []combination{{plain, fileUpload}, {plain, filePut}, {base64Std, fileJSON}, {plain, fileUpload}, {base64Std, fileJSON}}
	case shapeBytes:
		return []combination{{plain, binaryBody}, {base64Std, cookieValue}, {base64Std, jsonString}, {base64Std, formValue}, {base64URL, queryValue}, {base64Std, headerValue}, {base64Std, soapBody}, {plain, grpcMessage}, {gzipBase64, jsonString}}
	}
	var all []combination
	for _, d := range decoded {
		for _, p := range d.places {
			if c := (combination{d.encoding, p}); fits(kind, s.text, c) {
				all = append(all, c)
			}
		}
	}
	return all
}
