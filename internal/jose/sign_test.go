package jose

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/jose/josetest"
)

// TestSigners holds that with each pair of algorithm and key either a signer is
// refused, or its tokens verify with the public key and with no other.
func TestSigners(t *testing.T) {
	signed, refused := 0, 0
	for name, private := range pairs() {
		k, err := NewKey(josetest.PublicOf(private), everything.Always)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range algorithms {
			s, err := NewSigner(a.name, private)
			if (err == nil) != k.Suits(a.name) {
				t.Errorf("%s for %s: %v", name, a.name, err)
			}
			if err != nil {
				refused++
				continue
			}
			text, err := s.Sign([]byte(`{"alg":"`+a.name+`"}`), []byte(`{"sub":"alice"}`))
			if err != nil {
				t.Fatal(err)
			}
			tok, err := Parse(text)
			if err != nil || string(tok.Payload) != `{"sub":"alice"}` || !k.Verifies(tok) {
				t.Errorf("%s by %s: %v", name, a.name, err)
			}
			if other, err := NewKey(josetest.PublicOf(pairs()["rsa too"]), everything.Always); err != nil || name != "rsa too" && other.Verifies(tok) {
				t.Errorf("%s by %s: another key verifies it, or %v", name, a.name, err)
			}
			signed++
		}
	}
	t.Logf("signed %d tokens, refused %d signers", signed, refused)
	if signed < 19 || refused < 70 {
		t.Error("too few were tried")
	}
}

func TestNewSignerRefuses(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		algorithm string
		key       any
		want      string
	}{
		{"none", []byte{}, "unknown"},
		{"rs256", pairs()["rsa"], "unknown"},
		{"RS256", small, "1024 bits"},
		{"RS256", pairs()["rsa"].(*rsa.PrivateKey).Public(), "of a kind"},
		{"RS256", []byte(strings.Repeat("k", 64)), "needs a private key"},
		{"HS256", []byte(strings.Repeat("k", 31)), "at least 32 bytes"},
		{"HS512", []byte(strings.Repeat("k", 63)), "at least 64 bytes"},
		{"ES512", pairs()["P-256"], "needs a key on P-521"},
		{"PS256", pairs()["P-256"], "needs an RSA key"},
		{"EdDSA", pairs()["rsa"], "not RSA"},
		{"RS256", nil, "of a kind"},
	} {
		if _, err := NewSigner(c.algorithm, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.algorithm, err, c.want)
		}
	}
}

// FuzzPEM holds that no text makes the readers of keys panic, and that none is
// quoted.
func FuzzPEM(f *testing.F) {
	f.Add(josetest.PEM(f, josetest.PublicOf(pairs()["Ed25519"])))
	f.Add("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
	f.Add("MIGH")
	f.Fuzz(func(t *testing.T, text string) {
		public, err := ParsePublicKey(text)
		if (err == nil) != (public != nil) || err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
			t.Fatalf("%v, %v", public, err)
		}
		if _, err := NewKey(public, everything.Always); public == nil && err == nil {
			t.Fatal("nothing is a key")
		}
		private, err := ParsePrivateKey(text)
		if (err == nil) != (private != nil) || err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
			t.Fatalf("%v, %v", private != nil, err)
		}
	})
}
