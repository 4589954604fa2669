package gateway

import (
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

// TestChallenges holds that authorities are answered by exact token alone, before any
// API, and that all else of the path belongs to APIs.
func TestChallenges(t *testing.T) {
	const token, answer = "token-of-an-authority-0123456789", "token-of-an-authority-0123456789.thumbprint"
	b := newBench(t, setup{service: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the service")) }})
	rev := b.revision(&setup{})
	rev.Number, rev.Challenges = 2, map[string]string{token: answer}
	if err := b.g.Load(t.Context(), b.compile(rev, &setup{})); err != nil {
		t.Fatal(err)
	}
	path := "/.well-known/acme-challenge/"
	cases := []struct{ method, path, want string }{
		{"GET", path + token, answer},
		{"GET", path + token + "?x=1", answer},
		{"HEAD", path + token, ""},
		{"POST", path + token, "the service"},
		{"GET", path + token + "0", "the service"},
		{"GET", path + token[1:], "the service"},
		{"GET", path, "the service"},
		{"GET", path + token + "/", "the service"},
		{"GET", "/x" + path + token, "the service"},
		{"GET", strings.ToUpper(path) + token, "the service"},
	}
	for _, one := range cases {
		r := b.raw(one.method + " " + one.path + " HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		if one.method != "HEAD" && r.body != one.want || r.status != http.StatusOK {
			t.Errorf("%s %s: %d %q", one.method, one.path, r.status, r.body)
		}
		if local := r.header.Get("Content-Type") == "application/octet-stream"; local != (one.want != "the service") {
			t.Errorf("%s %s: %v", one.method, one.path, r.header)
		}
		if record := b.records.find(t, r.id); (record.Outcome == traffic.AnsweredLocally) != (one.want != "the service") {
			t.Errorf("%s %s: recorded as %s", one.method, one.path, record.Outcome)
		}
	}
	t.Logf("%d requests", len(cases))
}
