package tokenenforcement

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/traffic"
)

// TestBound: a token that is bound to a client certificate passes with that
// certificate alone.
func TestBound(t *testing.T) {
	sum := sha256.Sum256([]byte("certificate"))
	claims := map[string]any{"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}}
	g, err := (&rules{}).grant(claims, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for raw, reason := range map[string]string{"certificate": "", "another": "bound to another client certificate"} {
		x := &traffic.Exchange{}
		x.Request.TLS = &traffic.TLS{Peer: []*x509.Certificate{{Raw: []byte(raw)}}}
		if err := g.bound(x); (err == nil) != (reason == "") || err != nil && !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestTimes: what counts as begun and as over, and until when a token is known.
func TestTimes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		answer string
		life   lifetime
		reason string
		keep   time.Duration // from now; 0 for not at all
	}{
		{`{}`, lifetime{most: time.Minute, withoutExpiry: true}, "", time.Minute},
		{`{}`, lifetime{unbounded: true}, "", 0},
		{`{}`, lifetime{most: time.Minute}, "", 0},
		{`{"exp":1000030}`, lifetime{most: time.Minute, withoutExpiry: true}, "", 30 * time.Second},
		{`{"exp":1000090}`, lifetime{most: time.Minute, withoutExpiry: true}, "", time.Minute},
		{`{"exp":1000090}`, lifetime{unbounded: true}, "", 90 * time.Second},
		{`{"exp":1000090,"expires_in":5}`, lifetime{unbounded: true}, "", 90 * time.Second},
		{`{"expires_in":5}`, lifetime{unbounded: true}, "", 5 * time.Second},
		{`{"expires_in":0}`, lifetime{unbounded: true}, "its expiry is over", 0},
		{`{"exp":1000000}`, lifetime{unbounded: true}, "its expiry is over", 0},
		{`{"exp":"soon"}`, lifetime{unbounded: true}, "exp is no number", 0},
		{`{"exp":-1}`, lifetime{unbounded: true}, "exp is no number of seconds", 0},
		{`{"exp":1e300}`, lifetime{most: time.Minute}, "", time.Minute},
		{`{"expires_in":1e300}`, lifetime{most: time.Minute}, "", time.Minute},
		{`{"nbf":1000001}`, lifetime{unbounded: true}, "its nbf lies ahead", 0},
		{`{"nbf":1000000}`, lifetime{most: time.Minute, withoutExpiry: true}, "", time.Minute},
	} {
		claims, err := object([]byte(c.answer))
		if err != nil {
			t.Fatal(err)
		}
		g, err := (&rules{longest: c.life}).grant(claims, now)
		switch {
		case c.reason != "":
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s: got %v, want %q", c.answer, err, c.reason)
			}
		case err != nil:
			t.Errorf("%s: %v", c.answer, err)
		case c.keep == 0 && !g.keep.IsZero() || c.keep != 0 && !g.keep.Equal(now.Add(c.keep)):
			t.Errorf("%s: kept until %v, want %v", c.answer, g.keep, c.keep)
		}
	}
}

// TestScopes holds AND and OR against their meaning.
func TestScopes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scope := rapid.SampledFrom([]string{"a", "b", "c", "A"})
		wanted, granted := rapid.SliceOfN(scope, 1, 3).Draw(t, "wanted"), rapid.SliceOfN(scope, 0, 4).Draw(t, "granted")
		has := map[string]bool{}
		for _, one := range scopesOf(strings.Join(granted, " ")) {
			has[one] = true
		}
		all, some := true, false
		for _, one := range wanted {
			all, some = all && has[one], some || has[one]
		}
		and, or := (&rules{scopes: wanted}).enough(granted), (&rules{scopes: wanted, anyScope: true}).enough(granted)
		if and != all || or != some {
			t.Fatalf("AND %v, want %v; OR %v, want %v", and, all, or, some)
		}
	})
}

// FuzzAnswer: no answer panics, and none makes a header that is none.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"active":true,"client_id":"mobile","exp":4102444800,"scope":"a b","cnf":{"x5t#S256":"x"}}`, `{"active":false}`,
		`{"active":true,"a b":"x","n":1e999,"l":["a",1,true,null],"scope":["a"]}`, `[]`, `null`, `{"access_token":{"u":"v"},"A_b":1,"a-B":2}`,
	} {
		f.Add(seed, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, how uint8) {
		s := &server{style: style(how % 4)}
		claims, err := s.read(http.StatusOK, []byte(text))
		if err != nil {
			return
		}
		g, err := (&rules{expose: true, consumer: byClientID, scopes: []string{"a"}}).grant(claims, time.Unix(1, 0))
		if err != nil {
			return
		}
		for _, field := range g.headers {
			if !strings.HasPrefix(field.Name, exposedPrefix) || !httpguts.ValidHeaderFieldName(field.Name) || !httpguts.ValidHeaderFieldValue(field.Value) {
				t.Fatalf("header %q: %q", field.Name, field.Value)
			}
		}
	})
}
