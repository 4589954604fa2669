package mirror

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"farrier.dev/farrier/internal/adapter"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/source/har"
	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/traffic"
)

// PushPath is where exchanges are pushed to: POST with a bearer token, in
// application/x-ndjson (an Entry on each line) or application/json (an Entry, a
// list of them, or a HAR archive). The answer says how many were taken and what
// is wrong with the others.
const PushPath = "/farrier/observations"

// The bounds of one push.
const (
	maxPush     = 16 << 20
	maxEntry    = 1 << 20
	maxEntries  = 10_000
	maxProblems = 20
	// ahead is how far the clock of a sender may be before ours.
	ahead = 5 * time.Minute
)

// Entry is one exchange as an agent pushes it. Method and url are required.
type Entry struct {
	// Time is when the request came (RFC 3339); now when it is not given.
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	// URL is the whole address, with its query.
	URL   string `json:"url"`
	Proto string `json:"proto"`
	// Status is that of the answer, 0 when it is not known.
	Status int `json:"status"`
	// Client is the address of the client, ClientID its application, Subject that of its
	// token; Service is what answered.
	Client   string `json:"client"`
	ClientID string `json:"clientId"`
	Subject  string `json:"subject"`
	Service  string `json:"service"`
	// Headers are names with a text or a list of texts.
	RequestHeaders  headers `json:"requestHeaders"`
	ResponseHeaders headers `json:"responseHeaders"`
	// Bodies are texts, or base64 in the second form, without content coding.
	RequestBody        string `json:"requestBody"`
	ResponseBody       string `json:"responseBody"`
	RequestBodyBase64  []byte `json:"requestBodyBase64"`
	ResponseBodyBase64 []byte `json:"responseBodyBase64"`
}

// headers are fields as JSON has them.
type headers []traffic.Field

// UnmarshalJSON reads an object of texts and lists of texts.
func (h *headers) UnmarshalJSON(text []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return errors.New("headers must be an object")
	}
	for name, value := range object {
		var one string
		var several []string
		if json.Unmarshal(value, &one) == nil {
			several = []string{one}
		} else if json.Unmarshal(value, &several) != nil {
			return errors.New("a header must be a text or a list of texts")
		}
		for _, text := range several {
			if *h = append(*h, traffic.Field{Name: name, Value: text}); len(*h) > maxFields {
				return fmt.Errorf("more than %d headers", maxFields)
			}
		}
	}
	return nil
}

// receipt is the answer to a push.
type receipt struct {
	Taken    int      `json:"taken"`
	Refused  int      `json:"refused"`
	Dropped  int      `json:"dropped"`
	Problems []string `json:"problems,omitempty"`
}

func (r *receipt) refuse(place int, kind string, err error) {
	r.Refused++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf("%s %d: %s", kind, place, err))
	}
}

// push takes exchanges with their answers.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = r.Header.Get("X-Mirror-Token")
	}
	if !s.access.Shows(token) {
		s.unauthorised.Add(1)
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	select {
	case s.pushing <- struct{}{}:
		defer func() { <-s.pushing }()
	default:
		s.busy.Add(1)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err == nil {
		body, err = content.Decode(r.Header.Get("Content-Encoding"), body, maxPush, content.DefaultRatio)
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong) || errors.Is(err, content.ErrTooLarge):
		answer(w, http.StatusRequestEntityTooLarge, receipt{Problems: []string{"a push may have 16 MiB; send several"}})
		return
	case err != nil:
		answer(w, http.StatusBadRequest, receipt{Problems: []string{"the body could not be read"}})
		return
	}
	var done receipt
	s.takeAll(body, &done)
	status := http.StatusOK
	if done.Taken+done.Dropped == 0 && done.Refused > 0 {
		status = http.StatusBadRequest
	}
	answer(w, status, done)
}

func answer(w http.ResponseWriter, status int, r receipt) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(r) // a sender that is gone misses nothing
}

// takeAll takes the entries of a push, whatever its form is.
func (s *Server) takeAll(body []byte, done *receipt) {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' {
		s.takeList(body, "entry", s.entry, done)
		return
	}
	if line, rest, _ := bytes.Cut(body, []byte("\n")); len(rest) == 0 || !json.Valid(line) {
		var archive struct {
			Log *struct {
				Entries json.RawMessage `json:"entries"`
			} `json:"log"`
		}
		if json.Unmarshal(body, &archive) == nil { // one document, on however many lines
			if archive.Log != nil {
				s.takeList(archive.Log.Entries, "entry of the archive", s.archived, done)
			} else {
				s.take(body, 1, "entry", s.entry, done)
			}
			return
		}
	}
	n := 0
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if n++; n > maxEntries {
			done.refuse(n, "line", fmt.Errorf("more than %d entries; send several pushes", maxEntries))
			return
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			s.take(line, n, "line", s.entry, done)
		}
	}
}

// takeList takes the entries of a JSON list, one by one.
func (s *Server) takeList(text []byte, kind string, read reader, done *receipt) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		done.refuse(1, kind, errors.New("there is no list of entries"))
		return
	}
	for n := 1; decoder.More(); n++ {
		var one json.RawMessage
		err := decoder.Decode(&one)
		if err == nil && n > maxEntries {
			err = fmt.Errorf("more than %d entries; send several pushes", maxEntries)
		}
		if err != nil {
			done.refuse(n, kind, err)
			return
		}
		s.take(one, n, kind, read, done)
	}
}

// reader makes an observation of one entry.
type reader func(text []byte) (*discovery.Observation, error)

func (s *Server) take(text []byte, place int, kind string, read reader, done *receipt) {
	if len(text) > maxEntry {
		done.refuse(place, kind, errors.New("it has more than 1 MiB"))
		return
	}
	o, err := read(text)
	if err != nil {
		s.unreadable.Add(1)
		done.refuse(place, kind, err)
		return
	}
	if now := s.o.Now(); o.Time.IsZero() || o.Time.After(now.Add(ahead)) {
		o.Time = now
	}
	o.Source, o.Sampled = discovery.FromMirror, true
	s.unanswered(o)
	if s.inbox.Put(o, false) {
		done.Taken++
	} else {
		done.Dropped++
	}
}

// archived reads an entry of a HAR archive.
func (s *Server) archived(text []byte) (*discovery.Observation, error) {
	o := &discovery.Observation{}
	if err := har.Parse(text, discovery.MaxBody, o); err != nil {
		return nil, err
	}
	return o, adapter.Address(o, o.Path)
}

// entry reads an Entry.
func (s *Server) entry(text []byte) (*discovery.Observation, error) {
	var e Entry
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return nil, reason(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the entry")
	}
	if e.Status != 0 && (e.Status < 100 || e.Status > 599) {
		return nil, errors.New("status must be 100 to 599, or 0")
	}
	o := &discovery.Observation{
		Time: e.Time, Method: e.Method, Proto: e.Proto, Status: e.Status, Service: e.Service,
		Caller: discovery.Caller{Address: adapter.Client(e.Client), ClientID: e.ClientID, Subject: e.Subject},
	}
	if !strings.Contains(e.URL, "://") {
		return nil, errors.New("url must be a whole address, as https://api.example.com/orders?limit=5")
	}
	if err := adapter.Address(o, e.URL); err != nil {
		return nil, err
	}
	message(&o.Request, e.RequestHeaders, e.RequestBody, e.RequestBodyBase64)
	message(&o.Response, e.ResponseHeaders, e.ResponseBody, e.ResponseBodyBase64)
	return o, nil
}

func message(m *discovery.Message, fields headers, text string, raw []byte) {
	if fields != nil {
		h := traffic.NewHeader(fields...)
		m.Header = &h
	}
	if m.Body = raw; text != "" {
		m.Body = []byte(text)
	}
	if len(m.Body) > discovery.MaxBody {
		m.Body, m.Partial = m.Body[:discovery.MaxBody], true
	}
}

// reason is an error of JSON without what stands in the text.
func reason(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var clock *time.ParseError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s must be no %s", kind.Field, kind.Value)
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON at byte %d", syntax.Offset)
	case errors.As(err, &clock):
		return errors.New("time must be as 2026-03-04T05:06:07Z")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it is cut off")
	}
	return err
}
