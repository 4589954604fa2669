package httpcaching

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// entry is one response that is kept.
type entry struct {
	Status int             `json:"status"`
	Header []traffic.Field `json:"header"`
	// Vary are the fields of the request on which the response depends, as they
	// were sent.
	Vary []traffic.Field `json:"vary,omitempty"`
	// Stored is when it was kept, Age how old it was then, in seconds.
	Stored time.Time `json:"stored"`
	Age    int64     `json:"age,omitempty"`
	// Public says that it may be given to callers with other credentials.
	Public bool `json:"public,omitempty"`

	body []byte
}

// encode writes the length of the head, the head and the body.
func (e *entry) encode() ([]byte, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("writing the head: %w", err)
	}
	text := make([]byte, 0, binary.MaxVarintLen64+len(head)+len(e.body))
	text = binary.AppendUvarint(text, uint64(len(head)))
	return append(append(text, head...), e.body...), nil
}

var errDamaged = errors.New("what is kept is damaged")

func decode(text []byte) (*entry, error) {
	length, n := binary.Uvarint(text)
	if n <= 0 || length > uint64(len(text)-n) { //nolint:gosec // n is at most len(text)
		return nil, errDamaged
	}
	head, body := text[n:n+int(length)], text[n+int(length):] //nolint:gosec // length was compared
	e := &entry{body: body}
	if err := json.Unmarshal(head, e); err != nil || e.Status < 200 || e.Status > 599 {
		return nil, errDamaged
	}
	return e, nil
}

// entryOf makes an entry of a response and says how long it may be kept; nil
// when it may not.
func (b *cache) entryOf(x *traffic.Exchange, by *asking) (*entry, time.Duration) {
	header := &x.Response.Header
	said := directives(header.Joined("cache-control"))
	life := time.Duration(b.TTL) * time.Second
	shared := said.has("public") || said.has("must-revalidate")
	if _, set := said.seconds("s-maxage"); set {
		shared = true
	}
	e := &entry{Status: x.Response.Status, Stored: b.now(), Public: shared}
	if age, err := strconv.ParseInt(header.Get("age"), 10, 64); err == nil && age > 0 {
		e.Age = age
	}
	if b.UseHTTPCacheHeaders {
		if said.has("no-store") || said.has("no-cache") || said.has("private") {
			return nil, 0
		}
		if fresh, set := b.freshness(header, said); set {
			life = min(life, fresh-time.Duration(e.Age)*time.Second)
		}
	}
	// The answer to one caller is not for all (RFC 9111 §3.5); a cookie never is.
	if (by.personal || b.forOne(x)) && !shared || header.Has("set-cookie") || life <= 0 {
		return nil, 0
	}
	for name := range strings.SplitSeq(header.Joined("vary"), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "*" {
			return nil, 0
		}
		if name == "" {
			continue
		}
		value := by.header.Joined(name)
		if value != x.Request.Header.Joined(name) {
			return nil, 0 // a step behind set it: the next request can't be told by it
		}
		e.Vary = append(e.Vary, traffic.Field{Name: name, Value: value})
	}
	content, _ := x.Response.Body.Forward()
	if content != nil {
		body, err := io.ReadAll(content)
		if err != nil || len(body) > maxEntry {
			return nil, 0
		}
		e.body = body
	}
	e.Header = fields(header, b.now(), x.Response.Body.Changed())
	return e, life
}

// freshness is how long a response says that it is fresh (RFC 9111 §4.2.1).
func (b *cache) freshness(header *traffic.Header, said cacheControl) (life time.Duration, set bool) {
	for _, name := range [...]string{"s-maxage", "max-age"} {
		if n, ok := said.seconds(name); ok {
			return time.Duration(min(n, 1<<31)) * time.Second, true
		}
	}
	expires, ok := header.Lookup("expires")
	if !ok {
		return 0, false
	}
	at, err := http.ParseTime(expires)
	if err != nil {
		return 0, true // RFC 9111 §5.3: in the past
	}
	from := b.now()
	if date, err := http.ParseTime(header.Get("date")); err == nil {
		from = date
	}
	return at.Sub(from), true
}

// fields are those of a response that are kept, without those that speak of
// content that a step has changed. Date is added when it is missing.
func fields(header *traffic.Header, now time.Time, changed bool) []traffic.Field {
	var list []traffic.Field
	for f := range header.All() {
		switch f.Name {
		case "connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "upgrade", "age", "x-correlation-id":
		case "content-encoding", "etag", "content-md5", "digest", "repr-digest", "content-digest", "accept-ranges":
			if !changed {
				list = append(list, f)
			}
		default:
			// What a quota leaves is told to each caller by itself.
			if !strings.HasPrefix(f.Name, "x-ratelimit-") {
				list = append(list, f)
			}
		}
	}
	if !header.Has("date") {
		list = append(list, traffic.Field{Name: "date", Value: now.UTC().Format(http.TimeFormat)})
	}
	return list
}

// fits says whether the entry answers a request: the fields on which it depends
// are the same, and the client can read its coding.
func (e *entry) fits(x *traffic.Exchange) bool {
	for _, f := range e.Vary {
		if x.Request.Header.Joined(f.Name) != f.Value {
			return false
		}
	}
	for _, f := range e.Header {
		if f.Name == "content-encoding" && !reads(x.Request.Header.Joined("accept-encoding"), f.Value) {
			return false
		}
	}
	return true
}

// reads says whether a client that accepts these codings can read content in
// another, or in several (RFC 9110 §12.5.3).
func reads(accepted, codings string) bool {
	for coding := range strings.SplitSeq(codings, ",") {
		coding = strings.TrimSpace(coding)
		if coding != "" && !strings.EqualFold(coding, "identity") && !accepts(accepted, coding) {
			return false
		}
	}
	return true
}

func accepts(accepted, coding string) bool {
	for one := range strings.SplitSeq(accepted, ",") {
		name, parameter, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		weight, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
		q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
		return !given || err == nil && q > 0
	}
	return false
}

// age is how old the response is, in seconds.
func (e *entry) age(now time.Time) int64 {
	return e.Age + max(0, int64(now.Sub(e.Stored)/time.Second))
}

func (e *entry) etag() string {
	for _, f := range e.Header {
		if f.Name == "etag" {
			return f.Value
		}
	}
	return ""
}

// matches says whether If-None-Match names a tag, by weak comparison
// (RFC 9110 §13.1.2).
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || one != "" && strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func seconds(n int64) string { return strconv.FormatInt(n, 10) }

// cacheControl is the value of Cache-Control (RFC 9111 §5.2).
type cacheControl []string

func directives(value string) cacheControl {
	if value == "" {
		return nil
	}
	return strings.Split(strings.ToLower(value), ",")
}

func (c cacheControl) has(name string) bool {
	return slices.ContainsFunc(c, func(one string) bool {
		bare, _, _ := strings.Cut(one, "=")
		return strings.TrimSpace(bare) == name
	})
}

func (c cacheControl) seconds(name string) (int64, bool) {
	for _, one := range c {
		bare, value, _ := strings.Cut(one, "=")
		if strings.TrimSpace(bare) != name {
			continue
		}
		n, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(value), `"`), 10, 64)
		if err != nil || n < 0 {
			return 0, true // what can't be read is stale
		}
		return n, true
	}
	return 0, false
}

// order remembers which responses this gateway kept, in their order, so that
// the oldest give way.
type order struct {
	most int
	mu   sync.Mutex
	keys []string
	have map[string]bool
	next int
}

func newOrder(most int) *order { return &order{most: most, have: map[string]bool{}} }

// add remembers a key, and returns those that must go.
func (o *order) add(key string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.have[key] {
		return nil
	}
	o.have[key] = true
	if len(o.keys) < o.most {
		o.keys = append(o.keys, key)
		return nil
	}
	old := o.keys[o.next]
	delete(o.have, old)
	o.keys[o.next] = key
	o.next = (o.next + 1) % o.most
	return []string{old}
}
