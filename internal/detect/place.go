package detect

import (
	"fmt"
	"strings"
)

// kind is a part of a request, in our words.
type kind string

// The parts of a request, a response or a stream.
const (
	inQuery  kind = "query"
	inHeader kind = "header"
	inCookie kind = "cookie"
	inBody   kind = "body"
	inJSON   kind = "body json"
	inXML    kind = "body xml"
)

// kinds are ordered so that a longer name comes before its beginning.
var kinds = [...]kind{
	"body multipart file name", "body multipart header", "body multipart", "body form", inJSON, inXML, "body text",
	"body graphql", "body grpc", inBody, "method", "protocol", "path", inQuery, inHeader, inCookie,
	"response body", "response header", "response status", "message", wholeRequest,
}

// place is where in a request something is, taken apart: "body json /items/0 >
// base64" is a kind, a name and the layers below.
type place struct {
	kind   kind
	name   string
	layers string
}

// parsePlace takes a place apart; it is of no kind when nothing has that name.
func parsePlace(text string) place {
	head, layers, _ := strings.Cut(text, " > ")
	for _, k := range kinds {
		if rest, ok := strings.CutPrefix(head, string(k)); ok && (rest == "" || rest[0] == ' ') {
			return place{k, strings.TrimSpace(rest), layers}
		}
	}
	return place{}
}

// pattern is a place as operators write it. It covers all that lies below.
type pattern struct {
	any       bool
	arguments bool
	kind      kind
	name      []string
	hasName   bool
	layers    string
}

// crsCollections are the names that the Core Rule Set has for parts of requests.
var crsCollections = map[string]kind{
	"ARGS": "", "ARGS_GET": inQuery, "ARGS_POST": inBody,
	"REQUEST_HEADERS": inHeader, "REQUEST_COOKIES": inCookie,
}

// parsePattern reads a place as findings name it, with "*" for any one name in
// it, or as the Core Rule Set does, "ARGS:note". Empty means everywhere.
func parsePattern(text string) (pattern, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return pattern{any: true}, nil
	}
	if collection, name, _ := strings.Cut(text, ":"); strings.ToUpper(collection) == collection {
		k, ok := crsCollections[collection]
		if !ok {
			return pattern{}, fmt.Errorf("place: %q is none of ARGS, ARGS_GET, ARGS_POST, REQUEST_HEADERS, REQUEST_COOKIES", collection)
		}
		p := pattern{kind: k, arguments: strings.HasPrefix(collection, "ARGS")}
		if rest, ok := strings.CutPrefix(name, "json."); ok && p.arguments {
			// The Core Rule Set writes json.items.0.note where we write /items/0/note.
			name = "/" + strings.ReplaceAll(rest, ".", "/")
		}
		return p.named(name), nil
	}
	at := parsePlace(text)
	if at.kind == "" {
		return pattern{}, fmt.Errorf("place: %q is no part of a request, as \"query note\" or \"body json /note\" is", text)
	}
	return pattern{kind: at.kind, layers: at.layers}.named(at.name), nil
}

func (p pattern) named(name string) pattern {
	if p.kind == inHeader {
		name = strings.ToLower(name)
	}
	p.hasName = name != ""
	p.name = strings.Split(name, "/")
	return p
}

// covers says whether a place is the one meant, or below it.
func (p *pattern) covers(text string) bool {
	if p.any {
		return true
	}
	at := parsePlace(text)
	within := at.kind == p.kind || strings.HasPrefix(string(at.kind), string(p.kind)+" ")
	if p.arguments && p.kind == "" {
		within = at.kind == inQuery || strings.HasPrefix(string(at.kind), string(inBody)+" ")
	}
	if !within || p.layers != "" && at.layers != p.layers && !strings.HasPrefix(at.layers, p.layers+" ") {
		return false
	}
	if !p.hasName {
		return true
	}
	parts := strings.Split(at.name, "/")
	if len(parts) < len(p.name) || len(parts) > len(p.name) && at.kind != inJSON && at.kind != inXML {
		return false
	}
	for i, want := range p.name {
		if want != "*" && want != parts[i] {
			return false
		}
	}
	return true
}
