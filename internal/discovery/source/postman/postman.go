// Package postman reads the answers that people saved in a Postman collection
// (format 2.0 and 2.1): one observation for each. It knows nothing of files.
package postman

import (
	"encoding/json"
	"errors"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// ErrItem reports an item that is not one of a collection.
var ErrItem = errors.New("not an item of a Postman collection")

// maxDepth is how deep folders may lie in each other, maxHeaders the most
// headers of one message.
const (
	maxDepth   = 30
	maxHeaders = 200
)

type item struct {
	Item     []json.RawMessage `json:"item"`
	Request  json.RawMessage   `json:"request"`
	Response []saved           `json:"response"`
}

type saved struct {
	Original json.RawMessage `json:"originalRequest"`
	Code     int             `json:"code"`
	Header   json.RawMessage `json:"header"`
	Body     string          `json:"body"`
}

type request struct {
	Method string          `json:"method"`
	URL    json.RawMessage `json:"url"`
	Header json.RawMessage `json:"header"`
	Body   *struct {
		Mode string `json:"mode"`
		Raw  string `json:"raw"`
	} `json:"body"`
}

// Parse gives the observations of one item of a collection and of all that lie
// in it. The whole address is left in Path; bodies are cut at limit bytes. A
// variable {{name}} at the begin of an address is the host; one in the path is
// left as it is.
func Parse(text []byte, limit int, yield func(*discovery.Observation)) error {
	return parse(text, limit, 0, yield)
}

func parse(text []byte, limit, depth int, yield func(*discovery.Observation)) error {
	var it item
	if depth > maxDepth || json.Unmarshal(text, &it) != nil {
		return ErrItem
	}
	for _, inner := range it.Item {
		if err := parse(inner, limit, depth+1, yield); err != nil {
			return err
		}
	}
	for _, s := range it.Response {
		original := s.Original
		if len(original) == 0 || string(original) == "null" {
			original = it.Request
		}
		var r request
		if json.Unmarshal(original, &r) != nil || r.Method == "" {
			continue
		}
		o := &discovery.Observation{Source: discovery.FromHAR, Sampled: true, Method: r.Method, Path: address(r.URL), Status: s.Code}
		if o.Path == "" || s.Code < 100 || s.Code > 999 {
			continue
		}
		o.Request.Header, o.Response.Header = header(r.Header), header(s.Header)
		if r.Body != nil {
			if r.Body.Mode == "raw" {
				cut(&o.Request, r.Body.Raw, limit)
			} else {
				o.Request.Unseen = r.Body.Mode != "" && r.Body.Mode != "none"
			}
		}
		cut(&o.Response, s.Body, limit)
		yield(o)
	}
	return nil
}

func cut(m *discovery.Message, text string, limit int) {
	if text == "" {
		return
	}
	m.Partial = len(text) > limit
	m.Body = []byte(text[:min(len(text), limit)])
}

// address is the raw address of a URL, which is a text or an object.
func address(text json.RawMessage) string {
	var raw string
	if json.Unmarshal(text, &raw) != nil {
		var object struct {
			Raw string `json:"raw"`
		}
		if json.Unmarshal(text, &object) != nil {
			return ""
		}
		raw = object.Raw
	}
	if strings.HasPrefix(raw, "{{") {
		// The host is a variable: nothing is known of it.
		_, rest, _ := strings.Cut(raw, "}}")
		if !strings.HasPrefix(rest, "/") {
			_, path, found := strings.Cut(rest, "/")
			if !found {
				return "/"
			}
			rest = "/" + path
		}
		return rest
	}
	if !strings.Contains(raw, "://") && raw != "" {
		return "http://" + raw
	}
	return raw
}

func header(text json.RawMessage) *traffic.Header {
	var pairs []struct {
		Key      string `json:"key"`
		Value    string `json:"value"`
		Disabled bool   `json:"disabled"`
	}
	var h traffic.Header
	if json.Unmarshal(text, &pairs) != nil {
		return &h
	}
	for _, p := range pairs[:min(len(pairs), maxHeaders)] {
		if p.Key != "" && !p.Disabled {
			h.Add(traffic.LowerName(p.Key), p.Value)
		}
	}
	return &h
}
