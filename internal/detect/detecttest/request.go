package detecttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// request is what a raw request is written from.
type request struct {
	method, target string
	header         []string // "Name: value"
	contentType    string   // empty: none is sent
	body           []byte   // nil: neither a body nor its length is sent
}

var (
	hosts       = []string{"api.example.com", "gateway.example.com", "orders.example.org", "api.shop.example", "eu.api.example.net", "partner-api.example.com", "10.20.30.40:8081"}
	collections = []string{"orders", "customers", "invoices", "products", "shipments", "tickets", "accounts", "payments", "reviews", "documents", "users", "claims", "bookings", "articles", "devices"}
	prefixes    = []string{"/v1", "/v2", "/api", "/api/v1", "/api/v3", "/rest", "/crm/v2", "/sales/api", ""}
	fieldNames  = []string{"name", "note", "comment", "description", "title", "message", "city", "reference", "search", "text", "customerName", "remark", "subject", "label", "value", "template", "path", "file", "url", "expression", "filter", "user"}
	queryNames  = []string{"q", "id", "search", "filter", "name", "sort", "category", "status", "ref", "page", "file", "url", "redirect", "lang", "view", "user", "from", "key", "path", "format"}
	ownHeaders  = []string{"X-Request-Source", "X-Client-Name", "X-Tenant", "X-Forwarded-For", "X-Api-Version", "X-User-Id", "X-Original-URL", "X-Correlation-Hint", "X-Device-Name", "X-Callback-Url"}
	clients     = []string{"curl/8.5.0", "okhttp/4.12.0", "python-requests/2.32.3", "axios/1.7.7", "Go-http-client/1.1", "PostmanRuntime/7.42.0", "Java/21.0.4", "insomnia/10.1.1", "Apache-HttpClient/5.3.1 (Java/17.0.12)", "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"}
)

// resource is a path of an ordinary API.
func resource(r *rand.Rand) string {
	p := pick(r, prefixes) + "/" + pick(r, collections)
	if r.IntN(3) == 0 {
		p += fmt.Sprintf("/%d", 1+r.IntN(99999))
	}
	return p
}

// raw writes the request with the lines every client sends.
func (q request) raw(r *rand.Rand) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", q.method, q.target)
	if !q.has("Host") {
		fmt.Fprintf(&b, "Host: %s\r\n", pick(r, hosts))
	}
	if !q.has("User-Agent") {
		fmt.Fprintf(&b, "User-Agent: %s\r\n", pick(r, clients))
	}
	if !q.has("Accept") {
		fmt.Fprintf(&b, "Accept: %s\r\n", pick(r, []string{"application/json", "*/*", "application/json, text/plain, */*", "application/json;q=0.9, application/xml;q=0.5"}))
	}
	for _, h := range q.header {
		b.WriteString(h + "\r\n")
	}
	if q.contentType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", q.contentType)
	}
	if q.body != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(q.body))
	}
	b.WriteString("\r\n")
	b.Write(q.body)
	return b.Bytes()
}

func (q request) has(name string) bool {
	for _, h := range q.header {
		if len(h) > len(name) && h[len(name)] == ':' && strings.EqualFold(h[:len(name)], name) {
			return true
		}
	}
	return false
}

// part is one part of a multipart body.
type part struct {
	name, file, contentType string
	body                    []byte
}

var escapeDisposition = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A")

func multipartBody(r *rand.Rand, parts ...part) (contentType string, body []byte) {
	boundary := fmt.Sprintf(pick(r, []string{"----WebKitFormBoundary%016x", "--------------------------%024d", "%032x", "=_part_%d_7"}), r.Uint64())
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, escapeDisposition.Replace(p.name))
		if p.file != "" {
			fmt.Fprintf(&b, "; filename=\"%s\"", escapeDisposition.Replace(p.file))
		}
		b.WriteString("\r\n")
		if p.contentType != "" {
			fmt.Fprintf(&b, "Content-Type: %s\r\n", p.contentType)
		}
		b.WriteString("\r\n")
		b.Write(p.body)
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	if strings.ContainsAny(boundary, "=") {
		boundary = `"` + boundary + `"`
	}
	return "multipart/form-data; boundary=" + boundary, b.Bytes()
}

// protoString appends a field of wire type 2.
func protoString(dst []byte, field int, s string) []byte {
	return append(protoVarint(protoVarint(dst, uint64(field)<<3|2), uint64(len(s))), s...)
}

func protoVarint(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// grpcFrame puts the five bytes of a gRPC message in front of it.
func grpcFrame(message []byte) []byte {
	n := len(message)
	return append([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, message...)
}
