package discovery

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// FuzzObserve hands arbitrary observations to a learner; what it gives must go through
// a store and back.
func FuzzObserve(f *testing.F) {
	f.Add("GET", "/orders/17", "a=1&a=2&b[]=3&_=4", "application/json", `{"query":"{ a }"}`, "text/xml", "<a/>", "api.example.com", 200, uint16(7))
	f.Add("POST", "/Orders(id=1,x='a')/{x}", "%zz&=&", "multipart/form-data; boundary=x", "--x\r\n", "", "", "", 404, uint16(0xffff))
	f.Add("POST", "/soap/a.json:do", "query={a{b}}", "text/xml", "<Envelope><Body><A/></Body></Envelope>", "application/json", "[", "[::1]:80", 101, uint16(3))
	f.Fuzz(func(t *testing.T, method, path, query, media, body, media2, body2, host string, status int, bits uint16) {
		l := learner(t, func(o *Options) { o.Limits.Candidates, o.Limits.Hosts = 50, 5 })
		for i := range 40 {
			request := traffic.NewHeader(traffic.Field{Name: "content-type", Value: media}, traffic.Field{Name: "cookie", Value: body}, traffic.Field{Name: "accept", Value: media2}, traffic.Field{Name: "authorization", Value: query})
			answer := traffic.NewHeader(traffic.Field{Name: "content-type", Value: media2})
			o := &Observation{
				Source: FromGateway, Time: start.Add(time.Duration(i) * 40 * time.Second), Host: host, Method: method, Path: path, Query: query, Status: status,
				Request: Message{Header: &request, Body: []byte(body)}, Response: Message{Header: &answer, Body: []byte(body2)},
				Caller: Caller{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), ClientID: media},
				Attack: bits&1 != 0 && i%2 == 0, Refused: bits&2 != 0 && i%3 == 0, Sampled: bits&4 != 0, Local: bits&8 != 0, Assumed: bits&16 != 0,
				Template: strings.Repeat(path, int(bits>>14)),
			}
			if i%3 == 1 {
				o.Path += "/" + word(i)
			}
			l.Observe(o)
		}
		l.Edit([]Edit{{Kind: "merge", Path: path}, {Kind: "split", Path: path + "/x"}})
		s := l.Stats()
		if s.Candidates > 50 || s.Hosts > 5 {
			t.Fatalf("%+v", s)
		}
		again := learner(t, nil)
		for _, op := range l.Take(1000) {
			text, err := json.Marshal(op)
			if err != nil {
				t.Fatal(err)
			}
			back := new(Operation)
			if err := json.Unmarshal(text, back); err != nil {
				t.Fatal(err)
			}
			again.Restore([]*Operation{back})
		}
		l.Explain(method, host, path)
		if a, b := len(listed(t, l)), len(listed(t, again)); a != b {
			t.Fatalf("%d operations, %d after restoring", a, b)
		}
	})
}
