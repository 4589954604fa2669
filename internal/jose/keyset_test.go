package jose

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/jose/josetest"
)

func jwks(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

// TestKeySets holds which keys of a set are used, and which are left out where.
func TestKeySets(t *testing.T) {
	a := josetest.JWK(t, josetest.PublicOf(pairs()["rsa"]), `"kid":"a"`)
	b := josetest.JWK(t, josetest.PublicOf(pairs()["rsa too"]), `"kid":"b"`)
	asA := strings.Replace(b, `"kid":"b"`, `"kid":"a"`, 1)
	secret := josetest.JWK(t, pairs()["hmac"], `"kid":"s"`)
	for _, c := range []struct {
		name string
		keys []string
		ids  string
		left []int
	}{
		{"none", nil, "", nil},
		{"two", []string{a, b}, "a b", nil},
		{"what is no key", []string{`7`, a, `{"kty":"QUANTUM"}`, b}, "a b", []int{0, 2}},
		{"one twice", []string{a, a}, "a a", nil},
		{"different keys of one kid", []string{a, `7`, asA, b}, "b", []int{0, 1, 2}},
		{"symmetric alone", []string{secret}, "s", nil},
		{"symmetric and public", []string{secret, a}, "a", []int{0}},
	} {
		keys, left, err := ReadKeySet(jwks(c.keys...), everything, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var ids []string
		for _, k := range keys {
			ids = append(ids, k.ID())
		}
		var at []int
		for _, l := range left {
			at = append(at, l.Position)
			if l.Why == nil || c.keys[l.Position] == asA && !errors.Is(l.Why, ErrAmbiguous) {
				t.Errorf("%s: left out because %v", c.name, l.Why)
			}
		}
		slices.Sort(at)
		if got := strings.Join(ids, " "); got != c.ids || !slices.Equal(at, c.left) {
			t.Errorf("%s: %q, left out %v", c.name, got, at)
		}
	}
	for _, text := range []string{"", "7", `{}`, `{"keys":null}`, `{"keys":{}}`, string(jwks(strings.Split(strings.Repeat("7 ", MaxKeys), " ")...))} {
		if _, _, err := ReadKeySet([]byte(text), everything, nil); err == nil {
			t.Errorf("%.40q is a key set", text)
		}
	}
	if keys, left, err := ReadKeySet(jwks(slices.Repeat([]string{"7"}, MaxKeys)...), everything, nil); err != nil || len(keys) != 0 || len(left) != MaxKeys {
		t.Errorf("%d keys: %v", MaxKeys, err)
	}
}

// TestKeysThatStay holds that a key written as before is the same key, unless its
// set has become one that it must not be in.
func TestKeysThatStay(t *testing.T) {
	secret, public := josetest.JWK(t, pairs()["hmac"], ""), josetest.JWK(t, josetest.PublicOf(pairs()["rsa"]), "")
	had, _, err := ReadKeySet(jwks(secret), everything, nil)
	if err != nil || len(had) != 1 {
		t.Fatal(had, err)
	}
	if now, _, err := ReadKeySet(jwks(secret), everything, had); err != nil || len(now) != 1 || now[0] != had[0] {
		t.Errorf("another key, or %v", err)
	}
	if now, _, err := ReadKeySet(jwks(secret, public), everything, had); err != nil || len(now) != 1 || now[0] == had[0] {
		t.Errorf("the symmetric key stays beside a public one, or %v", err)
	}
}

// FuzzKeySet holds that no text makes the reader panic, and that what it gives is
// pinned.
func FuzzKeySet(f *testing.F) {
	f.Add(jwks(josetest.JWK(f, pairs()["hmac"], `"kid":"a","alg":"HS256"`)))
	f.Add(jwks(josetest.JWK(f, josetest.PublicOf(pairs()["P-256"]), `"use":"sig"`), `7`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _, err := ReadKeySet(text, permit("es"), nil)
		if err != nil {
			return
		}
		for _, k := range keys {
			if k.algorithms == 0 || k.algorithms&^permit("es").Named != 0 {
				t.Fatalf("a key of %q is pinned to %b", text, k.algorithms)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	claims := `{"iss":"https://id.example.test/","sub":"248289761001","aud":["orders","shop"],"client_id":"0123456789abcdef","iat":1700000000,"exp":4102444800,"scope":"orders:read orders:write","roles":["user","admin"],"name":"Alice Example","email":"alice@example.test"}`
	for alg, pair := range map[string]string{"RS256": "rsa", "HS256": "hmac"} {
		b.Run(alg, func(b *testing.B) {
			private := pairs()[pair]
			text := josetest.Sign(b, alg, private, `{"alg":"`+alg+`","kid":"a","typ":"JWT"}`, claims)
			k, err := NewKey(josetest.PublicOf(private), everything.Always)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				t, err := Parse(text)
				if err != nil || !k.Verifies(t) {
					b.Fatal(err)
				}
			}
		})
	}
}
