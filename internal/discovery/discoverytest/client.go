package discoverytest

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"farrier.dev/farrier/internal/spec"
)

// client is one source of requests.
type client struct {
	address netip.Addr
	id      string
	agent   string
	// traced clients send a traceparent, speaking ones a language.
	traced, speaking bool
}

// people draws who calls.
func (w *world) people() {
	r := seeded(w.Seed, "clients")
	for i := range min(2000, 20+w.Requests/60) {
		address := netip.AddrFrom4([4]byte{byte(20 + r.IntN(170)), byte(r.IntN(256)), byte(r.IntN(256)), byte(1 + r.IntN(254))})
		if r.chance(0.1) {
			address = netip.MustParseAddr("2001:db8:" + strconv.FormatInt(int64(1+r.IntN(65535)), 16) + "::" + strconv.FormatInt(int64(1+i), 16))
		}
		w.clients = append(w.clients, client{address, "client-" + r.hex(8), oneOf(r, agents...), r.chance(0.3), r.chance(0.4)})
	}
	for i := range 6 {
		w.scanners = append(w.scanners, client{netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + i)}), "", oneOf(r, scannerAgents...), false, false})
		w.villains = append(w.villains, client{netip.AddrFrom4([4]byte{203, 0, 113, byte(101 + i)}), "", oneOf(r, scannerAgents...), false, false})
	}
}

// identify adds what every request of a client carries, and its credentials.
func (w *world) identify(r random, op *operation, c *client, q *request, cookies *[]string) {
	w.usual(r, c, q.header)
	described := op.described
	if len(described.Security) == 0 {
		return
	}
	for _, needed := range described.Security[0] {
		scheme, ok := w.description.Schemes[needed.Scheme]
		if !ok {
			continue
		}
		secret := seeded(w.Seed, "secret", c.id, needed.Scheme)
		switch {
		case scheme.Type == "apiKey" && scheme.In == spec.InQuery:
			q.credential(spec.InQuery, scheme.Name, url.QueryEscape(scheme.Name)+"="+secret.from(base62, 32))
		case scheme.Type == "apiKey" && scheme.In == spec.InCookie:
			*cookies = append(*cookies, scheme.Name+"="+secret.from(base62, 32))
		case scheme.Type == "apiKey":
			q.header.Set(scheme.Name, secret.from(base62, 32))
		case scheme.Type == "http" && scheme.Scheme == "basic":
			q.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.id+":"+secret.from(base62, 16))))
		case scheme.Type == "http", scheme.Type == "oauth2", scheme.Type == "openIdConnect":
			q.header.Set("Authorization", "Bearer "+token(secret, c.id))
		default:
		}
	}
}

// credential sets a query parameter that proves who calls, unless it was drawn.
func (q *request) credential(in spec.Place, name, text string) {
	for _, s := range q.sent {
		if s.Place == string(in) && s.Name == name {
			return
		}
	}
	q.query = append(q.query, text)
}

// usual adds the headers that every client sends.
func (w *world) usual(r random, c *client, header http.Header) {
	header.Set("User-Agent", c.agent)
	header.Set("Accept", oneOf(r, "application/json", "*/*", "application/json, text/plain, */*"))
	header.Set("Accept-Encoding", "gzip, deflate")
	if c.speaking && header.Get("Accept-Language") == "" {
		header.Set("Accept-Language", "en-US,en;q=0.9")
	}
	if c.traced && header.Get("Traceparent") == "" {
		header.Set("Traceparent", "00-"+r.hex(32)+"-"+r.hex(16)+"-01")
	}
}

// token is an access token as authorization servers issue them; nobody signed it.
func token(r random, subject string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"`+r.hex(8)+`"}`)) + "." +
		encode([]byte(`{"iss":"https://login.example.com/","sub":"`+subject+`","azp":"`+subject+`","iat":1767000000,"exp":1790000000}`)) + "." + r.from(base62, 86)
}
