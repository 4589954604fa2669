package aws

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// event is the request as a function reads it.
type event struct {
	RawPath string            `json:"rawPath"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Query   map[string]string `json:"queryStringParameters"`
	Body    string            `json:"body"`
	Base64  bool              `json:"isBase64Encoded"`
}

// wrap makes the event of an exchange. Several values of one name are joined by
// commas.
func wrap(x *traffic.Exchange) ([]byte, error) {
	req := &x.Request
	e := event{RawPath: x.Upstream.Path, Method: req.Method, Headers: make(map[string]string, req.Header.Len()+4), Query: map[string]string{}}
	if req.RawQuery != "" {
		e.RawPath += "?" + req.RawQuery
	}
	for f := range req.Header.All() {
		if before, ok := e.Headers[f.Name]; ok {
			f.Value = before + "," + f.Value
		}
		e.Headers[f.Name] = f.Value
	}
	for _, name := range [...]string{"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"} {
		delete(e.Headers, name)
	}
	peer := req.Remote.Addr().String()
	if before := e.Headers["x-forwarded-for"]; before != "" {
		peer = before + ", " + peer
	}
	e.Headers["x-forwarded-for"] = peer
	for name, value := range map[string]string{"host": req.Host, "x-forwarded-proto": req.Scheme, "x-forwarded-host": req.Host, "x-correlation-id": x.ID} {
		if _, ok := e.Headers[name]; !ok {
			e.Headers[name] = value
		}
	}
	query, err := url.ParseQuery(req.RawQuery)
	if err != nil {
		return nil, errors.New("the query can't be read")
	}
	for name, values := range query {
		e.Query[name] = strings.Join(values, ",")
	}
	var content []byte
	if reader, _ := req.Body.Forward(); reader != nil {
		if content, err = io.ReadAll(reader); err != nil {
			return nil, errors.New("the content can't be read")
		}
	}
	e.Body, e.Base64 = string(content), false
	if len(content) > 0 && !textual(&req.Header, content) {
		e.Body, e.Base64 = base64.StdEncoding.EncodeToString(content), true
	}
	return json.Marshal(e) //nolint:wrapcheck // told in one place by the caller
}

// textual says that content can stand in JSON as it is.
func textual(h *traffic.Header, content []byte) bool {
	if h.Has("content-encoding") || !utf8.Valid(content) {
		return false
	}
	media, _, err := mime.ParseMediaType(h.Get("content-type"))
	if err != nil {
		return false
	}
	switch media {
	case "application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded", "application/graphql":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}

// result is the response as a function returns it, in either spelling that
// Envoy takes.
type result struct {
	StatusCode  int               `json:"statusCode"`
	StatusCode2 int               `json:"status_code"`
	Headers     map[string]string `json:"headers"`
	Cookies     []string          `json:"cookies"`
	Body        string            `json:"body"`
	Base64      bool              `json:"isBase64Encoded"`
	Base642     bool              `json:"is_base64_encoded"`
}

// notTaken are headers of a result that the gateway sets itself.
var notTaken = map[string]bool{
	"connection": true, "content-length": true, "keep-alive": true, "proxy-connection": true, "te": true,
	"trailer": true, "transfer-encoding": true, "upgrade": true,
}

// readResult makes the answer of what a function returned.
func readResult(text []byte) (policy.Answer, error) {
	var r result
	if err := json.Unmarshal(text, &r); err != nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return policy.Answer{}, errors.New("it is not a JSON object with statusCode, headers, cookies and body")
	}
	answer := policy.Answer{Status: r.StatusCode + r.StatusCode2}
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	if r.StatusCode != 0 && r.StatusCode2 != 0 || answer.Status < 200 || answer.Status > 599 {
		return policy.Answer{}, errors.New("its status is not one from 200 to 599")
	}
	add := func(name, value string) error {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return errors.New("it holds a header that is not valid")
		}
		if name = traffic.LowerName(name); !notTaken[name] {
			answer.Header = append(answer.Header, traffic.Field{Name: name, Value: value})
		}
		return nil
	}
	for name, value := range r.Headers {
		if err := add(name, value); err != nil {
			return policy.Answer{}, err
		}
	}
	for _, value := range r.Cookies {
		if err := add("set-cookie", value); err != nil {
			return policy.Answer{}, err
		}
	}
	answer.Body = []byte(r.Body)
	if r.Base64 || r.Base642 {
		content, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			return policy.Answer{}, fmt.Errorf("its body is not Base64: %w", errBase64)
		}
		answer.Body = content
	}
	if answer.Status == http.StatusNoContent || answer.Status == http.StatusNotModified {
		answer.Body = nil
	}
	return answer, nil
}

var errBase64 = errors.New("a character or the padding is wrong")
