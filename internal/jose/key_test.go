package jose

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"sync"
	"testing"

	"farrier.dev/farrier/internal/jose/josetest"
)

var everything = Permitted{1<<len(algorithms) - 1, 1<<len(algorithms) - 1}

// pairs are private keys of all kinds, made once: RSA takes its time.
var pairs = sync.OnceValue(josetest.NewPairs)

// permit permits a family of algorithms and, for keys that name theirs, a second.
func permit(family string) Permitted {
	prefixes := map[string][2]string{"rsa": {"RS", "PS"}, "ps": {"PS", "PS"}, "es": {"ES", "EdDSA"}, "hmac": {"HS", "HS"}, "eddsa": {"EdDSA", "EdDSA"}}[family]
	of := func(prefix string) Algorithms {
		return AlgorithmsWhere(func(name string) bool { return strings.HasPrefix(name, prefix) })
	}
	return Permitted{of(prefixes[0]), of(prefixes[0]) | of(prefixes[1])}
}

// unread is a token of which only what a key looks at is read: the examples of
// the RFCs sign texts that are no claims.
func unread(t *testing.T, alg, text string) *Token {
	t.Helper()
	last := strings.LastIndexByte(text, '.')
	signature, err := Decode(text[last+1:])
	if err != nil {
		t.Fatal(err)
	}
	return &Token{Algorithm: alg, signed: text[:last], signature: signature}
}

// TestExamplesOfTheRFCs verifies RFC 7515 A.1 to A.3 and RFC 8037 A.4, and that
// any changed bit ends it.
func TestExamplesOfTheRFCs(t *testing.T) {
	const claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	cases := []struct{ name, alg, jwk, token string }{
		{
			"RFC 7515 A.1", "HS256",
			`{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
			"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		},
		{
			"RFC 7515 A.2", "RS256",
			`{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`,
			"eyJhbGciOiJSUzI1NiJ9." + claims + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
		},
		{
			"RFC 7515 A.3", "ES256",
			`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
			"eyJhbGciOiJFUzI1NiJ9." + claims + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
		},
		{
			"RFC 8037 A.4", "EdDSA",
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		},
	}
	for _, c := range cases {
		k, err := readJWK([]byte(c.jwk), everything)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		tok := unread(t, c.alg, c.token)
		if !k.Verifies(tok) {
			t.Errorf("%s does not verify", c.name)
		}
		for i := range tok.signature {
			tok.signature[i] ^= 1
			if k.Verifies(tok) {
				t.Errorf("%s verifies with byte %d of its signature changed", c.name, i)
			}
			tok.signature[i] ^= 1
		}
		tok.signed += "x"
		if k.Verifies(tok) {
			t.Errorf("%s verifies another text", c.name)
		}
	}
	t.Logf("verified %d examples", len(cases))
}

// TestEveryKeyAgainstEveryAlgorithm signs with each pair of key and algorithm
// that fit and claims each algorithm for it: only the true one verifies.
func TestEveryKeyAgainstEveryAlgorithm(t *testing.T) {
	accepted, refused := 0, 0
	for name, private := range pairs() {
		k, err := NewKey(josetest.PublicOf(private), everything.Always)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, by := range algorithms {
			if !k.Suits(by.name) {
				continue
			}
			for _, claimed := range algorithms {
				text := josetest.Sign(t, by.name, private, `{"alg":"`+claimed.name+`"}`, `{}`)
				tok, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := k.Verifies(tok), by == claimed; got != want {
					t.Errorf("%s, signed by %s, alg %s: verified is %v", name, by.name, claimed.name, got)
				} else if want {
					accepted++
				} else {
					refused++
				}
			}
		}
	}
	t.Logf("accepted %d, refused %d", accepted, refused)
	if accepted < 16 || refused < 150 {
		t.Error("too few were tried")
	}
}

// TestKeysOfSets reads JWKs that differ from a good one in one thing.
func TestKeysOfSets(t *testing.T) {
	rsaPublic := josetest.PublicOf(pairs()["rsa"])
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, method, jwk, want string }{
		{"RSA", "rsa", josetest.JWK(t, rsaPublic, ""), "RS256 RS384 RS512"},
		{"RSA for signatures", "rsa", josetest.JWK(t, rsaPublic, `"use":"sig"`), "RS256 RS384 RS512"},
		{"RSA to sign and verify", "rsa", josetest.JWK(t, rsaPublic, `"key_ops":["sign","verify"]`), "RS256 RS384 RS512"},
		{"RSA of alg RS384", "rsa", josetest.JWK(t, rsaPublic, `"alg":"RS384"`), "RS384"},
		{"RSA of alg PS256", "rsa", josetest.JWK(t, rsaPublic, `"alg":"PS256"`), "PS256"},
		{"Ed25519 of alg EdDSA for es", "es", josetest.JWK(t, josetest.PublicOf(pairs()["Ed25519"]), `"alg":"EdDSA"`), "EdDSA"},
		{"Ed25519 without alg for es", "es", josetest.JWK(t, josetest.PublicOf(pairs()["Ed25519"]), ""), ""},
		{"P-384", "es", josetest.JWK(t, josetest.PublicOf(pairs()["P-384"]), ""), "ES384"},
		{"P-384 of alg ES256", "es", josetest.JWK(t, josetest.PublicOf(pairs()["P-384"]), `"alg":"ES256"`), ""},
		{"symmetric", "hmac", josetest.JWK(t, pairs()["hmac"], ""), "HS256 HS384 HS512"},
		{"symmetric, short", "hmac", josetest.JWK(t, []byte("0123456789abcdef"), ""), ""},
		{"symmetric for rsa", "rsa", josetest.JWK(t, pairs()["hmac"], ""), ""},
		{"symmetric of alg RS256", "rsa", josetest.JWK(t, pairs()["hmac"], `"alg":"RS256"`), ""},
		{"RSA for encryption", "rsa", josetest.JWK(t, rsaPublic, `"use":"enc"`), ""},
		{"RSA for wrapping", "rsa", josetest.JWK(t, rsaPublic, `"key_ops":["wrapKey"]`), ""},
		{"RSA to sign only", "rsa", josetest.JWK(t, rsaPublic, `"key_ops":["sign"]`), ""},
		{"RSA of alg RSA-OAEP", "rsa", josetest.JWK(t, rsaPublic, `"alg":"RSA-OAEP"`), ""},
		{"RSA of alg none", "rsa", josetest.JWK(t, rsaPublic, `"alg":"none"`), ""},
		{"RSA of 1024 bits", "rsa", josetest.JWK(t, small.Public(), ""), ""},
		{"RSA without e", "rsa", strings.Replace(josetest.JWK(t, rsaPublic, ""), `"e"`, `"f"`, 1), ""},
		{"a point beside the curve", "es", `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}`, ""},
		{"an Ed25519 key too short", "eddsa", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg"}`, ""},
		{"X25519", "eddsa", `{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, ""},
		{"a kind that nobody knows", "rsa", `{"kty":"QUANTUM"}`, ""},
		{"no object", "rsa", `7`, ""},
	}
	for _, c := range cases {
		k, err := readJWK([]byte(c.jwk), permit(c.method))
		got := ""
		if err == nil {
			got = names(k.algorithms)
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
	}
	t.Logf("read %d keys", len(cases))
}

func names(set Algorithms) string {
	var list []string
	for i, a := range algorithms {
		if set&(1<<i) != 0 {
			list = append(list, a.name)
		}
	}
	return strings.Join(list, " ")
}

func TestShortEd25519(t *testing.T) {
	if _, err := NewKey(ed25519.PublicKey{1}, everything.Always); err == nil {
		t.Error("a short Ed25519 key is taken")
	}
}

// TestROCA holds that ordinary moduli do not have the fingerprint and that
// powers of 65537 have it. That of a real key is among Wycheproof's vectors.
func TestROCA(t *testing.T) {
	for name, private := range pairs() {
		if p, ok := private.(*rsa.PrivateKey); ok && isROCA(p.N) {
			t.Errorf("%s looks flawed", name)
		}
	}
	flawed := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123), nil)
	if !isROCA(flawed) || isROCA(flawed.Add(flawed, big.NewInt(1))) {
		t.Error("the fingerprint is not recognised")
	}
}

// TestAmbiguousKids holds which keys of one kid are left out.
func TestAmbiguousKids(t *testing.T) {
	a, err := NewKey(josetest.PublicOf(pairs()["rsa"]), permit("rsa").Always)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKey(josetest.PublicOf(pairs()["rsa too"]), permit("rsa").Always)
	if err != nil {
		t.Fatal(err)
	}
	named := func(k *Key, id string) *Key {
		other := *k
		other.id = id
		return &other
	}
	for _, c := range []struct {
		name string
		keys []*Key
		want int
	}{
		{"different kids", []*Key{named(a, "1"), named(b, "2")}, 2},
		{"one kid", []*Key{named(a, "1"), named(b, "1")}, 0},
		{"one kid, and a third", []*Key{named(a, "1"), named(b, "1"), named(b, "2")}, 1},
		{"no kids", []*Key{named(a, ""), named(b, "")}, 2},
		{"the same key twice", []*Key{named(a, "1"), named(a, "1")}, 2},
	} {
		stay := 0
		for _, k := range c.keys {
			if !k.isAmbiguous(c.keys) {
				stay++
			}
		}
		if stay != c.want {
			t.Errorf("%s: %d keys stay, want %d", c.name, stay, c.want)
		}
	}
}
