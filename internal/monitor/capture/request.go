package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/traffic"
)

// MaxBody is how much of a body is kept, in bytes.
const MaxBody = 128 << 10

// maxPlain bounds one record before it is sealed, in bytes.
const maxPlain = 1 << 20

// maxRules bounds the rules and places of one record.
const maxRules = 16

// version is that of the form of a record.
const version = 1

// Request is one captured request, its secrets replaced by placeholders.
type Request struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"`
	Received time.Time `json:"received"`
	// API is namespace/name; Operation the method and path template.
	API       string `json:"api"`
	Operation string `json:"operation"`
	// Client is the verified address.
	Client netip.Addr `json:"client,omitzero"`

	Method string          `json:"method"`
	Scheme string          `json:"scheme"`
	Host   string          `json:"host"`
	Proto  string          `json:"proto"`
	Target string          `json:"target"`
	Path   string          `json:"path"`
	Query  string          `json:"query,omitempty"`
	Header []traffic.Field `json:"header"`
	// Read says that the body had been read; Partial that Body is its beginning,
	// or nothing of it where it could not be kept.
	Read    bool `json:"read"`
	Partial bool `json:"partial,omitempty"`

	// Refused is what became of the request; Rules and Places are those of the
	// findings that there were.
	Refused bool     `json:"refused"`
	Rules   []string `json:"rules,omitempty"`
	Places  []string `json:"places,omitempty"`
	// Hidden are the places in which something was replaced.
	Hidden []string `json:"hidden,omitempty"`

	// Run names the process, Hour counts hours since 1970, Slot is the place in
	// the reservoir of operation and hour, and Seen how many there had been.
	Run  string `json:"run"`
	Hour int64  `json:"hour"`
	Slot int    `json:"slot,omitempty"`
	Seen int64  `json:"seen"`

	Body []byte `json:"-"`
}

// Exchange makes of a captured request one that can be judged. Placeholders are
// filled with letters, or digits, of about the same length.
func (q *Request) Exchange() *traffic.Exchange {
	x := &traffic.Exchange{ID: q.ID, Received: q.Received, API: q.API, SubPath: fill(q.Path)}
	r := &x.Request
	r.Method, r.Scheme, r.Host, r.Proto = q.Method, q.Scheme, q.Host, q.Proto
	r.RawTarget, r.Path, r.RawQuery = fill(q.Target), fill(q.Path), fill(q.Query)
	r.Client = q.Client
	fields := make([]traffic.Field, len(q.Header))
	for i, f := range q.Header {
		fields[i] = traffic.Field{Name: f.Name, Value: fill(f.Value)}
	}
	r.Header.SetSorted(fields)
	if q.Read {
		body := []byte(fill(string(q.Body)))
		r.Body.SetSource(nil, 0)
		r.Body.ShowCopy(body, q.Partial, nil)
	}
	return x
}

// Undecided says that what findings were about was replaced when the request
// was captured, so that nobody can tell whether it would be found again.
func (q *Request) Undecided() bool {
	return slices.ContainsFunc(q.Places, func(place string) bool {
		top, _, _ := strings.Cut(place, " > ")
		return slices.ContainsFunc(q.Hidden, func(hidden string) bool {
			return hidden == everywhere || top == hidden || strings.HasPrefix(top, hidden+"/") || strings.HasPrefix(top, hidden+" ")
		})
	})
}

// copyOf copies what is kept of an exchange, unredacted.
func copyOf(x *traffic.Exchange, refused bool) *Request {
	r := &x.Request
	q := &Request{
		Version: version, ID: x.ID, Received: x.Received, API: x.API, Operation: strings.Clone(x.Operation()), Client: r.Client,
		Method: strings.Clone(r.Method), Scheme: r.Scheme, Host: strings.Clone(r.Host), Proto: strings.Clone(r.Proto),
		Target: strings.Clone(r.RawTarget), Path: strings.Clone(r.Path), Query: strings.Clone(r.RawQuery),
		Header: make([]traffic.Field, 0, r.Header.Len()), Read: r.Body.Loaded(), Refused: refused,
	}
	for f := range r.Header.All() {
		q.Header = append(q.Header, traffic.Field{Name: strings.Clone(f.Name), Value: strings.Clone(f.Value)})
	}
	if q.Read {
		body := r.Body.Bytes()
		q.Partial = r.Body.Partial() || len(body) > MaxBody
		q.Body = bytes.Clone(body[:min(len(body), MaxBody)])
	}
	for i := range x.Findings {
		f := &x.Findings[i]
		q.Rules = add(q.Rules, f.Rule)
		q.Places = add(q.Places, f.Location.Place)
	}
	return q
}

func add(list []string, one string) []string {
	if len(list) == maxRules || slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

// size is about how much memory a request takes.
func (q *Request) size() int64 {
	n := len(q.Body) + len(q.Target) + len(q.Path) + len(q.Query)
	for _, f := range q.Header {
		n += len(f.Name) + len(f.Value)
	}
	return int64(n + 512)
}

// redact replaces secrets in all of the request.
func (q *Request) redact() {
	r := &redactor{}
	contentType := ""
	for i := range q.Header {
		f := &q.Header[i]
		if f.Name == "content-type" && contentType == "" {
			contentType = f.Value
		}
		f.Name, f.Value = escape(f.Name), escape(f.Value)
		f.Value = r.header(*f)
		f.Name = r.value("", f.Name, "header "+f.Name)
	}
	q.Target, q.Path, q.Query = r.target(escape(q.Target)), r.path(escape(q.Path)), r.query(escape(q.Query))
	q.Host = r.value("", escape(q.Host), "header host")
	q.Method = r.value("", escape(q.Method), everywhere)
	body, omitted := r.body(contentType, escape(string(q.Body)))
	q.Body = []byte(body)
	q.Partial = q.Partial || omitted
	for i := range q.Places {
		q.Places[i] = classify.Redact(q.Places[i][:min(len(q.Places[i]), maxPlace)])
	}
	q.Hidden = r.hidden
}

// marshal writes a record: a line of JSON, and then the body as it is.
func (q *Request) marshal() ([]byte, error) {
	head, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("writing a captured request: %w", err)
	}
	if len(head)+len(q.Body) > maxPlain {
		without := *q
		without.Body, without.Partial = nil, true
		without.Hidden = append(slices.Clone(q.Hidden), "body")
		if len(head) > maxPlain-1024 || q.Body == nil {
			return nil, errTooLong
		}
		return without.marshal()
	}
	return append(append(head, '\n'), q.Body...), nil
}

var (
	errTooLong = errors.New("the captured request is too long")
	errForm    = errors.New("it is not in the form of a captured request")
)

// unmarshal reads what marshal wrote.
func unmarshal(plain []byte) (*Request, error) {
	head, body, ok := bytes.Cut(plain, []byte("\n"))
	if !ok {
		return nil, errForm
	}
	q := new(Request)
	if err := json.Unmarshal(head, q); err != nil {
		return nil, fmt.Errorf("reading a captured request: %w", err)
	}
	if q.Version != version {
		return nil, fmt.Errorf("a captured request of version %d: this program reads version %d", q.Version, version)
	}
	q.Body = body
	return q, nil
}
