package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control/secrets/acme"
	"farrier.dev/farrier/internal/programtest/pebble"
)

// answering answers challenges on a port.
type answering struct {
	port int

	mu      sync.Mutex
	answers map[string]string
}

func newAnswering(t *testing.T) *answering {
	t.Helper()
	a := &answering{answers: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		answer, known := a.answers[strings.TrimPrefix(r.URL.Path, "/.well-known/acme-challenge/")]
		if !known {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	a.port = server.Listener.Addr().(*net.TCPAddr).Port
	return a
}

func (a *answering) present(_ context.Context, answers map[string]string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.Copy(a.answers, answers)
	return nil
}

func client(t *testing.T, roots string) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(roots)) {
		t.Fatal("no roots")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func account(t *testing.T, directory string) *acme.Account {
	t.Helper()
	key, err := acme.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &acme.Account{Directory: directory, Key: key, Contact: "ops@example.com"}
}

func explained(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text, _, known := acme.Explain(err)
	if !known || !strings.Contains(text, want) || len(text) > 410 || strings.ContainsAny(text, "\n\r\x1b") {
		t.Errorf("explained as %q (%v), want %q; %v", text, known, want, err)
	}
}

// TestObtain obtains certificates from pebble: with several names, with nonces that are
// refused, bound to an external account, and a second time with the same account.
func TestObtain(t *testing.T) {
	mac := []byte("a key of 32 bytes for an account")
	at := newAnswering(t)
	authority := pebble.Start(t, pebble.Options{Port: at.port, BadNonces: "30", Accounts: map[string]string{"kid-1": pebble.HMAC(mac)}})
	a := account(t, authority.Directory)
	a.KeyID, a.HMAC = "kid-1", mac
	domains := []string{"shop.example.test", "www.example.test"}
	kept := 0
	steps := acme.Steps{Keep: func(context.Context) error { kept++; return nil }, Present: at.present}
	for range 2 {
		order := &acme.Order{}
		chain, err := acme.Obtain(t.Context(), client(t, authority.Roots), a, order, domains, steps)
		if err != nil {
			t.Fatal(err)
		}
		if !order.Key.PublicKey.Equal(chain[0].PublicKey) || len(chain) < 2 || len(chain[0].DNSNames) != 2 {
			t.Errorf("a chain of %d for %v", len(chain), chain[0].DNSNames)
		}
	}
	if authority.Accounts() > 1+8 || kept != 3 || a.URI == "" {
		t.Errorf("%d requests for an account, kept %d times", authority.Accounts(), kept)
	}
	stranger := account(t, authority.Directory)
	_, err := acme.Obtain(t.Context(), client(t, authority.Roots), stranger, &acme.Order{}, domains, steps)
	explained(t, err, "externalAccountRequired")
}

// TestRefused holds that refusals are told in words, and leave an order that can be
// repeated.
func TestRefused(t *testing.T) {
	at := newAnswering(t)
	authority := pebble.Start(t, pebble.Options{Port: at.port, Forbidden: []string{"forbidden.example.test"}})
	a := account(t, authority.Directory)
	keep := func(context.Context) error { return nil }
	order := &acme.Order{}
	_, err := acme.Obtain(t.Context(), client(t, authority.Roots), a, order, []string{"shop.example.test"},
		acme.Steps{Keep: keep, Present: func(context.Context, map[string]string) error { return nil }})
	explained(t, err, "could not verify shop.example.test")
	if order.URL != "" {
		t.Error("an order that has failed is kept")
	}
	_, err = acme.Obtain(t.Context(), client(t, authority.Roots), a, order, []string{"forbidden.example.test"}, acme.Steps{Keep: keep, Present: at.present})
	explained(t, err, "rejectedIdentifier")
	_, err = acme.Obtain(t.Context(), &http.Client{Transport: &http.Transport{}}, a, order, []string{"shop.example.test"}, acme.Steps{Keep: keep, Present: at.present})
	explained(t, err, "can't be reached: x509")
	a.URI = strings.Replace(authority.Directory, "/dir", "/my-account/unknown", 1)
	_, err = acme.Obtain(t.Context(), client(t, authority.Roots), a, order, []string{"shop.example.test"}, acme.Steps{Keep: keep, Present: at.present})
	explained(t, err, "accountDoesNotExist")
	if a.URI != "" {
		t.Error("an account that the authority does not know is kept")
	}
}

// TestResumed interrupts orders at every request, and goes on: there is never more than
// one order, and one certificate in the end.
func TestResumed(t *testing.T) {
	at := newAnswering(t)
	authority := pebble.Start(t, pebble.Options{Port: at.port})
	played := 0
	for cut := 2; ; cut++ {
		a, order, before := account(t, authority.Directory), &acme.Order{}, authority.Orders()
		asked, done := 0, false
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			authority.Before(func(*http.Request) {
				if asked++; asked == cut {
					cancel()
				}
			})
			chain, err := acme.Obtain(ctx, client(t, authority.Roots), a, order, []string{"shop.example.test"},
				acme.Steps{Keep: func(context.Context) error { return nil }, Present: at.present})
			cancel()
			if err == nil {
				done = order.Key.PublicKey.Equal(chain[0].PublicKey)
				break
			}
		}
		if !done {
			t.Fatalf("interrupted at request %d it does not go on", cut)
		}
		if n := authority.Orders() - before; n > 2 {
			t.Errorf("interrupted at request %d there were %d orders", cut, n)
		}
		played++
		if asked < cut {
			break
		}
	}
	if t.Logf("interrupted at %d requests", played); played < 8 {
		t.Error("too few")
	}
}

// TestHostileDirectory holds that a directory that wants to harm is bounded: what it
// sends is read up to a limit, it leads nowhere, and its words are no way to read what
// stands elsewhere.
func TestHostileDirectory(t *testing.T) {
	secret := "the words of an inner service"
	inner := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, secret) }))
	t.Cleanup(inner.Close)
	directory := func(base string) string {
		return fmt.Sprintf(`{"newNonce":"%[1]s/n","newAccount":"%[1]s/a","newOrder":"%[1]s/o","revokeCert":"%[1]s/r","keyChange":"%[1]s/k"}`, base)
	}
	endless := func(w http.ResponseWriter, text string) int64 {
		for n := int64(0); ; n += int64(len(text)) {
			if _, err := io.WriteString(w, text); err != nil || n > 64<<20 {
				return n
			}
		}
	}
	var sent int64
	for _, one := range []struct {
		name, want string
		answer     func(w http.ResponseWriter, r *http.Request, base string)
	}{
		{"endless directory", "more than 1 MiB", func(w http.ResponseWriter, _ *http.Request, _ string) {
			_, _ = io.WriteString(w, `{"x":"`)
			sent = endless(w, strings.Repeat("a", 1<<16))
		}},
		{"redirect", "redirect", func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, inner.URL, http.StatusFound)
		}},
		{"cleartext", "https://", func(w http.ResponseWriter, _ *http.Request, _ string) {
			_, _ = io.WriteString(w, directory("http://127.0.0.1:1"))
		}},
		{"no problem of ACME", "HTTP 400", func(w http.ResponseWriter, r *http.Request, base string) {
			w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString([]byte("a nonce of a test")))
			if r.URL.Path == "/" {
				_, _ = io.WriteString(w, directory(base))
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, secret)
		}},
		{"words with line breaks", "malformed", func(w http.ResponseWriter, r *http.Request, base string) {
			w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString([]byte("a nonce of a test")))
			if r.URL.Path == "/" {
				_, _ = io.WriteString(w, directory(base))
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"type":"urn:ietf:params:acme:error:malformed","detail":"a\nb\u001b[31m%s"}`, strings.Repeat("c", 100_000))
		}},
		{"no JSON", "not ACME", func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = io.WriteString(w, secret) }},
	} {
		t.Run(one.name, func(t *testing.T) {
			var server *httptest.Server
			server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { one.answer(w, r, server.URL) }))
			t.Cleanup(server.Close)
			a := account(t, server.URL+"/")
			_, err := acme.Obtain(t.Context(), server.Client(), a, &acme.Order{}, []string{"shop.example.test"}, acme.Steps{Keep: func(context.Context) error { return nil }})
			explained(t, err, one.want)
			if text, _, _ := acme.Explain(err); strings.Contains(text, "words of an inner") {
				t.Errorf("the page would show %q", text)
			}
		})
	}
	if sent > 32<<20 {
		t.Errorf("%d bytes were read", sent)
	}
	// One that never answers ends with the context.
	hang := make(chan struct{})
	slow := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(func() { close(hang); slow.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := acme.Obtain(ctx, slow.Client(), account(t, slow.URL), &acme.Order{}, []string{"shop.example.test"}, acme.Steps{})
	explained(t, err, "took too long")
}

func TestDomains(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("d%d.example.com", i)
	}
	cases := []struct {
		in   []string
		want string
	}{
		{[]string{"Shop.Example.com.", "shop.example.com", " www.example.com "}, ""},
		{[]string{"xn--bcher-kva.example"}, ""},
		{[]string{"localhost"}, ""},
		{many[:100], ""},
		{many, "1 to 100"},
		{nil, "1 to 100"},
		{[]string{"*.example.com"}, "dns-01"},
		{[]string{"bücher.example"}, "ASCII form"},
		{[]string{"192.0.2.1"}, "an address"},
		{[]string{"::1"}, "an address"},
		{[]string{"a..example.com"}, "no name of DNS"},
		{[]string{"-a.example.com"}, "no name of DNS"},
		{[]string{"a_b.example.com"}, "no name of DNS"},
		{[]string{"shop.example.com/path"}, "no name of DNS"},
		{[]string{strings.Repeat("a", 64) + ".com"}, "no name of DNS"},
		{[]string{strings.Repeat("a.", 130) + "com"}, "longer than 253"},
	}
	for _, one := range cases {
		got, err := acme.Domains(one.in)
		if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
			t.Errorf("%.60q: %v, want %q", one.in, err, one.want)
		}
		if one.want == "" && len(got) == 0 {
			t.Errorf("%.60q gives nothing", one.in)
		}
	}
	if got, _ := acme.Domains(cases[0].in); len(got) != 2 || got[0] != "shop.example.com" {
		t.Errorf("%v", got)
	}
	t.Logf("%d lists of names", len(cases))
}

func FuzzDomains(f *testing.F) {
	for _, seed := range []string{"shop.example.com", "*.example.com", "a b", "xn--a.b", "1.2.3.4", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := acme.Domains([]string{text})
		if err != nil {
			return
		}
		again, err := acme.Domains(got)
		if err != nil || len(again) != 1 || again[0] != got[0] || strings.ContainsAny(got[0], "*/: \n") {
			t.Errorf("%q becomes %q, %q (%v)", text, got, again, err)
		}
	})
}
