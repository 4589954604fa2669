package detect

import (
	"strings"
)

// kind is a part of a request, in our words.
type kind string

// The parts of a request.
const (
	inMethod       kind = "method"
	inProtocol     kind = "protocol"
	inPath         kind = "path"
	inQuery        kind = "query"
	inHeader       kind = "header"
	inCookie       kind = "cookie"
	inBody         kind = "body"
	inForm         kind = "body form"
	inJSON         kind = "body json"
	inXML          kind = "body xml"
	inText         kind = "body text"
	inMultipart    kind = "body multipart"
	inFileName     kind = "body multipart file name"
	inPartHeader   kind = "body multipart header"
	inWholeRequest kind = "request"
)

// place is where in a request something is: "query id" or "body json /items/0".
type place struct {
	kind kind
	// name is the parameter, or the JSON pointer or path of elements.
	name string
}

// String is the place as it stands in findings.
func (p place) String() string {
	if p.name == "" {
		return string(p.kind)
	}
	return string(p.kind) + " " + p.name
}

// maxName bounds the names in places, which clients choose.
const maxName = 128

func named(k kind, name string) place {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return place{k, name}
}

// variablePlace is the place of a variable of the rule engine that is not an
// argument; arguments are found by their key.
func variablePlace(variable, key string) (place, bool) {
	switch variable {
	case "REQUEST_METHOD":
		return place{kind: inMethod}, true
	case "REQUEST_PROTOCOL":
		return place{kind: inProtocol}, true
	case "REQUEST_LINE", "REQUEST_URI", "REQUEST_URI_RAW", "REQUEST_FILENAME", "REQUEST_BASENAME":
		return place{kind: inPath}, true
	case "QUERY_STRING":
		return place{kind: inQuery}, true
	case "REQUEST_HEADERS", "REQUEST_HEADERS_NAMES":
		return named(inHeader, strings.ToLower(key)), true
	case "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES":
		return named(inCookie, key), true
	case "REQUEST_BODY", "REQUEST_BODY_LENGTH", "REQBODY_PROCESSOR":
		return place{kind: inBody}, true
	case "FILES":
		return place{kind: inFileName}, true
	case "FILES_NAMES":
		return place{kind: inMultipart}, true
	case "MULTIPART_PART_HEADERS":
		return named(inPartHeader, key), true
	}
	return place{}, false
}

func isArgument(variable string) bool {
	return variable == "ARGS" || strings.HasPrefix(variable, "ARGS_")
}
