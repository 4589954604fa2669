package authserver

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// The greatest sizes of what clients send.
const (
	bodyLimit      = 16 << 10 // bytes
	parameterLimit = 64
	scopeLimit     = 64
)

// parameters are those of one request. What is empty counts as not sent
// (RFC 6749 §3.1).
type parameters struct {
	values url.Values
	// repeated are the names that stand more than once; resource may (RFC 8707 §2).
	repeated []string
}

var errParameters = errors.New("the parameters can't be read")

// parseParameters reads text as a query or form.
func parseParameters(text string) (parameters, error) {
	if len(text) > bodyLimit || strings.Count(text, "&") >= parameterLimit {
		return parameters{}, errParameters
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return parameters{}, errParameters
	}
	p := parameters{values: values}
	for name, list := range values {
		if !utf8.ValidString(name) || slices.ContainsFunc(list, func(v string) bool { return !utf8.ValidString(v) || strings.ContainsRune(v, 0) }) {
			return parameters{}, errParameters
		}
		if len(list) > 1 && name != "resource" {
			p.repeated = append(p.repeated, name)
		}
	}
	return p, nil
}

// get is the value of a parameter, empty when it was not sent.
func (p parameters) get(name string) string { return p.values.Get(name) }

// resources are the values of resource, each once.
func (p parameters) resources() []string {
	var list []string
	for _, one := range p.values["resource"] {
		if one != "" && !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// readForm reads the body of a request, in which alone parameters of the
// endpoints for clients may stand.
func readForm(w http.ResponseWriter, r *http.Request) (parameters, error) {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") {
		return parameters{}, refusal("invalid_request", "the body must be application/x-www-form-urlencoded")
	}
	text, err := readAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		return parameters{}, refusal("invalid_request", "the body can't be read, or is too long")
	}
	p, err := parseParameters(text)
	if err != nil {
		return parameters{}, refusal("invalid_request", "the parameters can't be read")
	}
	if len(p.repeated) > 0 {
		return parameters{}, refusal("invalid_request", "a parameter is repeated")
	}
	return p, nil
}

// parseScope reads a list of scopes (RFC 6749 §3.3), each once in its order.
func parseScope(text string) ([]string, bool) {
	var list []string
	for one := range strings.SplitSeq(text, " ") {
		if one == "" || strings.ContainsFunc(one, func(r rune) bool { return r < 0x21 || r > 0x7e || r == '"' || r == '\\' }) {
			return nil, false
		}
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list, len(list) <= scopeLimit
}

// visible tells whether a text is printable ASCII without blanks.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 0x21 || r > 0x7e })
}

// within tells whether all of some stand in all.
func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
}

// fields is the list in a text of words separated by blanks.
func fields(text string) []string { return strings.Fields(text) }
