// Package har reads one entry of an HTTP archive (HAR 1.2), as browsers and
// tools that stand between a client and a server write them, into an
// observation. It knows nothing of files.
package har

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// Why an entry gives no observation.
var (
	// ErrEntry reports an entry that is not one of HAR 1.2.
	ErrEntry = errors.New("not an entry of HAR 1.2")
	// ErrNoAnswer reports a request without an answer: it was blocked, cancelled or failed.
	ErrNoAnswer = errors.New("a request without an answer")
	// ErrScheme reports an address that is not HTTP: data:, blob:, an extension's.
	ErrScheme = errors.New("an address that is not HTTP")
)

// maxHeaders is the most headers of one message that are looked at.
const maxHeaders = 200

type entry struct {
	Started  string `json:"startedDateTime"`
	Request  *request
	Response *response
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type request struct {
	Method      string    `json:"method"`
	URL         string    `json:"url"`
	HTTPVersion string    `json:"httpVersion"`
	Headers     []pair    `json:"headers"`
	BodySize    float64   `json:"bodySize"`
	PostData    *postData `json:"postData"`
}

type postData struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
	Encoding string `json:"encoding"`
	Params   []struct {
		pair
		FileName string `json:"fileName"`
	} `json:"params"`
}

type response struct {
	Status      float64 `json:"status"`
	HTTPVersion string  `json:"httpVersion"`
	Headers     []pair  `json:"headers"`
	BodySize    float64 `json:"bodySize"`
	Content     struct {
		Size     float64 `json:"size"`
		MimeType string  `json:"mimeType"`
		Text     *string `json:"text"`
		Encoding string  `json:"encoding"`
	} `json:"content"`
}

// Parse fills o from the JSON text of one entry. The whole address is left in
// o.Path; bodies are cut at limit bytes.
func Parse(text []byte, limit int, o *discovery.Observation) error {
	var e entry
	if json.Unmarshal(text, &e) != nil || e.Request == nil || e.Request.URL == "" || e.Request.Method == "" {
		return ErrEntry
	}
	address := e.Request.URL
	scheme, rest, found := strings.Cut(address, "://")
	switch scheme = strings.ToLower(scheme); {
	case !found:
		return ErrScheme
	case scheme == "ws":
		address = "http://" + rest
	case scheme == "wss":
		address = "https://" + rest
	case scheme != "http" && scheme != "https":
		return ErrScheme
	}
	if e.Response == nil || e.Response.Status < 100 || e.Response.Status > 999 {
		return ErrNoAnswer
	}
	o.Source, o.Sampled = discovery.FromHAR, true
	o.Method, o.Path = e.Request.Method, address
	o.Status = int(e.Response.Status)
	o.Proto = protocol(e.Request.HTTPVersion, e.Response.HTTPVersion)
	o.Time = started(e.Started)
	o.Request.Header = header(e.Request.Headers)
	o.Response.Header = header(e.Response.Headers)
	e.Request.body(o, limit)
	e.Response.body(o, limit)
	return nil
}

func (r *request) body(o *discovery.Observation, limit int) {
	p := r.PostData
	if p == nil {
		o.Request.Unseen = r.BodySize > 0
		return
	}
	if p.MimeType != "" && !o.Request.Header.Has("content-type") {
		o.Request.Header.Add("content-type", p.MimeType)
	}
	text := p.Text
	if text == "" && len(p.Params) > 0 && strings.HasPrefix(strings.ToLower(p.MimeType), "application/x-www-form-urlencoded") {
		text = form(p)
	}
	cut(&o.Request, text, p.Encoding, limit)
	if len(o.Request.Body) == 0 {
		o.Request.Unseen = r.BodySize > 0 || len(p.Params) > 0 || o.Request.Unseen
	}
}

// form writes the parameters as the client did; some tools write them decoded,
// others as they were sent.
func form(p *postData) string {
	escape := func(text string) string {
		if decoded, err := url.QueryUnescape(text); err == nil && decoded != text {
			return text
		}
		return url.QueryEscape(text)
	}
	var b strings.Builder
	for i, one := range p.Params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(one.Name) + "=" + escape(one.Value))
	}
	return b.String()
}

func (r *response) body(o *discovery.Observation, limit int) {
	if r.Content.MimeType != "" && r.Content.MimeType != "x-unknown" && !o.Response.Header.Has("content-type") {
		o.Response.Header.Add("content-type", r.Content.MimeType)
	}
	if r.Content.Text == nil || *r.Content.Text == "" {
		o.Response.Unseen = r.Content.Size > 0 || r.BodySize > 0
		return
	}
	cut(&o.Response, *r.Content.Text, r.Content.Encoding, limit)
}

// cut keeps the beginning of a body.
func cut(m *discovery.Message, text, encoding string, limit int) {
	if !strings.EqualFold(encoding, "base64") {
		m.Partial = len(text) > limit
		m.Body = []byte(text[:min(len(text), limit)])
		return
	}
	// Only what is kept is decoded; some tools break the lines.
	coded := strings.NewReader(text)
	body := make([]byte, min(limit, base64.StdEncoding.DecodedLen(len(text)))+1)
	n := 0
	decoder := base64.NewDecoder(base64.StdEncoding, coded)
	for n < len(body) {
		read, err := decoder.Read(body[n:])
		n += read
		if err != nil {
			if n == 0 {
				m.Unseen = true
			}
			break
		}
	}
	m.Partial = n > limit
	if n > 0 {
		m.Body = body[:min(n, limit)]
	}
}

// header leaves out the pseudo headers of HTTP/2 and HTTP/3.
func header(pairs []pair) *traffic.Header {
	pairs = pairs[:min(len(pairs), maxHeaders)]
	fields := make([]traffic.Field, 0, len(pairs))
	for _, p := range pairs {
		if p.Name != "" && p.Name[0] != ':' {
			fields = append(fields, traffic.Field{Name: p.Name, Value: p.Value})
		}
	}
	h := traffic.NewHeader(fields...)
	return &h
}

func protocol(versions ...string) string {
	for _, v := range versions {
		switch v = strings.ToUpper(v); {
		case v == "H2" || strings.HasPrefix(v, "HTTP/2"):
			return "HTTP/2.0"
		case v == "H3" || strings.HasPrefix(v, "HTTP/3") || strings.HasPrefix(v, "H3-"):
			return "HTTP/3.0"
		case v == "HTTP/1.1" || v == "HTTP/1.0":
			return v
		}
	}
	return ""
}

func started(text string) time.Time {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}
