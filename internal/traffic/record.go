package traffic

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/finding"
)

// Outcome says in one word how an exchange ended.
type Outcome string

// The outcomes.
const (
	// Served is an answer of the service, whatever its status.
	Served Outcome = "served"
	// AnsweredLocally is an answer that a policy gave without objecting.
	AnsweredLocally Outcome = "answered"
	// RefusedByPolicy is a violation that a policy found.
	RefusedByPolicy Outcome = "refused"
	// RefusedByGateway is a request that no policy saw: bad framing, no route, overload.
	RefusedByGateway Outcome = "rejected"
	// Errored is a failure of a policy, the gateway or the service.
	Errored Outcome = "error"
)

// Record is one exchange, sealed: immutable, redacted by an allow-list. It
// holds no query or body value, no path segment that may name a person or
// thing, and header values only of the names in PublishedHeaders.
type Record struct {
	Version     int       `json:"version"`
	ID          string    `json:"id"`
	Received    time.Time `json:"received"`
	Environment string    `json:"environment"`
	Gateway     string    `json:"gateway"`
	Revision    uint64    `json:"revision"`
	API         string    `json:"api,omitempty"`
	// Operation is the method and the path with typed segments.
	Operation string `json:"operation"`
	Method    string `json:"method"`
	Proto     string `json:"proto,omitempty"`
	Host      string `json:"host,omitempty"`
	// Client is the verified address, ClientID the verified application.
	Client     string `json:"client,omitempty"`
	ClientID   string `json:"clientId,omitempty"`
	ClientName string `json:"clientName,omitempty"`

	Status  int     `json:"status"`
	Outcome Outcome `json:"outcome"`
	// Step is the binding that refused, Policy its type, Reason its sentence.
	Step   string `json:"step,omitempty"`
	Policy string `json:"policy,omitempty"`
	Reason string `json:"reason,omitempty"`

	Service      string        `json:"service,omitempty"`
	Took         time.Duration `json:"took"`
	UpstreamTook time.Duration `json:"upstreamTook,omitempty"`
	BytesIn      int64         `json:"bytesIn"`
	BytesOut     int64         `json:"bytesOut"`
	// Messages are counted on streams whose messages are inspected.
	Messages Messages `json:"messages,omitzero"`

	// Query are the names of the query parameters, without values.
	Query []string `json:"query,omitempty"`
	// Headers are the request's header names with the values of published ones.
	Headers      []Field           `json:"headers,omitempty"`
	Decisions    []Decision        `json:"decisions,omitempty"`
	Findings     []finding.Finding `json:"findings,omitempty"`
	NotInspected []string          `json:"notInspected,omitempty"`
	// Trimmed names the parts that were left out to keep to a size.
	Trimmed []string `json:"trimmed,omitempty"`
}

// PublishedHeaders are the request headers whose values a record may hold. Any
// other header leaves only its name.
var publishedHeaders = []string{
	"accept", "accept-encoding", "content-encoding", "content-length", "content-type",
	"host", "transfer-encoding", "upgrade", "user-agent",
}

// PublishedHeaders lists the request headers whose values records hold.
func PublishedHeaders() []string { return slices.Clone(publishedHeaders) }

// The bounds of a record, so that an attacker can't choose its size.
const (
	maxExcerpt    = 64
	maxText       = 256
	maxNames      = 64
	maxDecisions  = 64
	maxFindings   = 16
	maxSegments   = 16
	maxBare       = 16
	unnamedTarget = "{unreadable}"
)

// Ending is what the engine knows only when an exchange is over.
type Ending struct {
	Outcome           Outcome
	Took              time.Duration
	BytesIn, BytesOut int64
	Messages          Messages
	// Reason is the gateway's own sentence where no step refused.
	Reason string
	// Environment and Gateway name where the exchange was served.
	Environment, Gateway string
}

// Messages counts the messages of a stream that were inspected: those of the
// client and of the service, and how many of both were refused.
type Messages struct {
	In      int64 `json:"in"`
	Out     int64 `json:"out"`
	Refused int64 `json:"refused"`
}

// Seal makes the record of an exchange that is over. The exchange may be
// reused afterwards: the record shares nothing with it that can change.
func Seal(x *Exchange, end Ending) *Record {
	r := &Record{
		Version: 1, ID: x.ID, Received: x.Received, Revision: x.Revision,
		Environment: end.Environment, Gateway: end.Gateway,
		API: x.API, Operation: x.Operation(),
		Method: method(x.Request.Method), Proto: x.Request.Proto, Host: text(hostName(x.Request.Host), maxText),
		ClientID:   text(classify.Redact(x.Auth.ClientID), maxText),
		ClientName: text(classify.Redact(x.Auth.ClientName), maxText),
		Status:     x.Response.Status, Outcome: end.Outcome, Reason: text(end.Reason, maxText),
		Service: x.Upstream.Service, Took: end.Took, UpstreamTook: x.Upstream.Took,
		BytesIn: end.BytesIn, BytesOut: end.BytesOut, Messages: end.Messages,
		Query:   queryNames(x.Request.RawQuery),
		Headers: publishedFields(&x.Request.Header),
	}
	if x.Request.Client.IsValid() {
		r.Client = x.Request.Client.String()
	}
	r.Decisions = slices.Clone(x.Decisions[:min(len(x.Decisions), maxDecisions)])
	for i := range r.Decisions {
		d := &r.Decisions[i]
		d.Reason = text(classify.Redact(d.Reason), maxText)
		if d.Action == Refused || d.Action == Failed {
			r.Step, r.Policy, r.Reason = d.Binding, d.Policy, d.Reason
		}
	}
	r.Findings = sealFindings(x, r.Operation)
	for _, why := range x.NotInspected[:min(len(x.NotInspected), maxNames)] {
		r.NotInspected = append(r.NotInspected, text(why, maxText))
	}
	return r
}

func sealFindings(x *Exchange, operation string) []finding.Finding {
	found := slices.Clone(x.Findings[:min(len(x.Findings), maxFindings)])
	for i := range found {
		f := &found[i]
		f.Location.API, f.Location.Operation = x.API, operation
		f.Location.Place = place(f.Location.Place)
		f.Message = text(classify.Redact(f.Message), maxText)
		f.Excerpt = Excerpt(f.Location.Place, f.Excerpt)
		f.Fingerprint = finding.Fingerprint(f.Rule, f.Location)
	}
	return found
}

// Excerpt is what a record may show of matched text: at most 64 bytes, after
// secrets were replaced, and nothing at all from a place named like a secret.
func Excerpt(at, matched string) string {
	for name := range strings.FieldsFuncSeq(at, func(c rune) bool { return c == ' ' || c == '/' }) {
		if classify.SecretName(name) {
			return ""
		}
	}
	return text(classify.Redact(text(matched, 4*maxExcerpt)), maxExcerpt)
}

// place bounds the name of a place: parameter names are the client's to choose.
func place(at string) string { return text(classify.Redact(at), 2*maxExcerpt) }

// Operation is the method and the path template of a request for which no
// description names one: segments that look like values become their type.
func Operation(verb, path string) string {
	var b strings.Builder
	b.Grow(len("OPTIONS ") + len(path) + 1)
	b.WriteString(method(verb))
	b.WriteByte(' ')
	if path == "" {
		b.WriteString(unnamedTarget)
		return b.String()
	}
	n := 0
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if n++; n > maxSegments {
			b.WriteString("/…")
			break
		}
		b.WriteByte('/')
		b.WriteString(text(classify.Segment(segment), maxExcerpt))
	}
	return b.String()
}

func method(verb string) string {
	switch verb {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return verb
	case "":
		return "?"
	}
	return "OTHER"
}

func queryNames(raw string) []string {
	if raw == "" {
		return nil
	}
	var names []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, named := strings.Cut(pair, "=")
		if name == "" {
			continue
		}
		if !named && len(name) > maxBare {
			name = "{value}" // a token in the place of a name
		}
		if len(names) == maxNames {
			break
		}
		names = append(names, parameterName(name))
	}
	return names
}

// parameterName is the name of a parameter as a record shows it: who puts a value in
// the place of a name is not shown with it.
func parameterName(name string) string {
	plain, err := url.QueryUnescape(name)
	if err != nil {
		return hiddenName
	}
	for i := range len(plain) {
		switch c := plain[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= 0x80, strings.IndexByte("_-.[]()$*~!{}/|;", c) >= 0, c == '@' && i == 0:
		default:
			return hiddenName
		}
	}
	if len(plain) >= minHidden && strings.HasPrefix(classify.Segment(plain), "{") {
		return hiddenName
	}
	return place(name)
}

// hostName is a host as a record shows it: behind a wild card clients choose what stands
// in it.
func hostName(host string) string {
	if len(host) < minLabel {
		return host
	}
	labels := strings.Split(host, ".")
	hidden := false
	for i, label := range labels {
		if (len(label) >= minLabel || len(label) >= minHidden && label[0] <= '9') && !strings.Contains(label, ":") && isValue(label) {
			labels[i], hidden = hiddenName, true
		}
	}
	if !hidden {
		return host
	}
	return strings.Join(labels, ".")
}

// isValue tells a value in the place of a name that is written in small letters,
// whatever the value was written in.
func isValue(name string) bool {
	return strings.HasPrefix(classify.Segment(name), "{") || strings.HasPrefix(classify.Segment(strings.ToUpper(name)), "{")
}

// minLabel is the least length of a part of a host that may be a value; a date may be
// shorter.
const minLabel = 16

const (
	hiddenName = "{value}"
	// minHidden is the least length of a name that may be a value.
	minHidden = 7
)

// fieldName is the name of a field as a record shows it.
func fieldName(name string) string {
	plain := strings.TrimPrefix(name, "x-")
	if len(plain) >= minHidden && strings.ContainsAny(plain, "0123456789") && isValue(plain) {
		return hiddenName
	}
	return place(name)
}

func publishedFields(h *Header) []Field {
	fields := make([]Field, 0, min(h.Len(), maxNames))
	for f := range h.All() {
		if len(fields) == maxNames {
			break
		}
		shown := Field{Name: fieldName(f.Name)}
		if slices.Contains(publishedHeaders, f.Name) {
			shown.Value = text(classify.Redact(text(f.Value, 2*maxText)), maxText)
		}
		fields = append(fields, shown)
	}
	return fields
}

// text cuts at limit bytes, at a rune, and replaces what is not printable.
func text(s string, limit int) string {
	plain := len(s) <= limit
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			r = '·'
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
