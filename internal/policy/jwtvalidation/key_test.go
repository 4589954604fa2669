package jwtvalidation

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

var everything = permitted{1<<len(algorithms) - 1, 1<<len(algorithms) - 1}

// unread is a token of which only what a key looks at is read: the examples of
// the RFCs sign texts that are no claims.
func unread(t *testing.T, alg, text string) *token {
	t.Helper()
	last := strings.LastIndexByte(text, '.')
	signature, err := decodeSegment(text[last+1:])
	if err != nil {
		t.Fatal(err)
	}
	return &token{alg: alg, signed: text[:last], signature: signature}
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
		if !k.verifies(tok) {
			t.Errorf("%s does not verify", c.name)
		}
		for i := range tok.signature {
			tok.signature[i] ^= 1
			if k.verifies(tok) {
				t.Errorf("%s verifies with byte %d of its signature changed", c.name, i)
			}
			tok.signature[i] ^= 1
		}
		tok.signed += "x"
		if k.verifies(tok) {
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
		k, err := newKey(publicOf(private), everything.always)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, by := range algorithms {
			if k.algorithms&(1<<i) == 0 {
				continue
			}
			for _, claimed := range algorithms {
				text := sign(t, by.name, private, `{"alg":"`+claimed.name+`"}`, `{}`)
				tok, err := parseToken(text)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := k.verifies(tok), by == claimed; got != want {
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

// TestForgeries are the attacks on JWS libraries that have names.
func TestForgeries(t *testing.T) {
	rsaKey, ecKey := pairs()["rsa"].(*rsa.PrivateKey), pairs()["P-256"].(*ecdsa.PrivateKey)
	rsaPEM := pemOf(t, rsaKey.Public())
	rs := bind(t, settingsOf(t, map[string]any{"textKey": rsaPEM}), nil)
	es := bind(t, settingsOf(t, map[string]any{"signingMethod": "es", "textKey": pemOf(t, ecKey.Public())}), nil)
	hs := bind(t, settingsOf(t, map[string]any{"signingMethod": "hmac", "signingKeyLength": 256, "textKey": string(pairs()["hmac"].([]byte))}), nil)

	es256 := sign(t, "ES256", ecKey, `{"alg":"ES256"}`, `{}`)
	cut := strings.LastIndexByte(es256, '.') + 1
	es256Signature, err := decodeSegment(es256[cut:])
	if err != nil {
		t.Fatal(err)
	}
	n := elliptic.P256().Params().N
	withSignature := func(signature []byte) string { return es256[:cut] + encode(signature) }
	r, s := new(big.Int).SetBytes(es256Signature[:32]), new(big.Int).SetBytes(es256Signature[32:])
	der, err := ecdsa.SignASN1(rand.Reader, ecKey, digestOf(es256[:cut-1]))
	if err != nil {
		t.Fatal(err)
	}
	salt := func(length int) string {
		head := encode([]byte(`{"alg":"PS256"}`)) + ".e30"
		signature, err := rsa.SignPSS(rand.Reader, rsaKey, 5, digestOf(head), &rsa.PSSOptions{SaltLength: length})
		if err != nil {
			t.Fatal(err)
		}
		return head + "." + encode(signature)
	}
	ps := bind(t, settingsOf(t, map[string]any{"signingMethod": "ps", "textKey": rsaPEM}), nil)
	own := jwkOf(t, pairs()["rsa too"].(*rsa.PrivateKey).Public(), "")

	cases := []struct {
		name  string
		step  *bound
		token string
		good  bool
	}{
		{"RS256", rs, sign(t, "RS256", rsaKey, `{"alg":"RS256"}`, `{}`), true},
		{"alg none", rs, encode([]byte(`{"alg":"none"}`)) + ".e30.", false},
		{"alg None", rs, encode([]byte(`{"alg":"None"}`)) + ".e30.", false},
		{"alg none with a signature", rs, sign(t, "RS256", rsaKey, `{"alg":"none"}`, `{}`), false},
		{"the public key as HMAC secret", rs, sign(t, "HS256", []byte(rsaPEM), `{"alg":"HS256"}`, `{}`), false},
		{"the public key as HMAC secret, called RS256", rs, sign(t, "HS256", []byte(rsaPEM), `{"alg":"RS256"}`, `{}`), false},
		{"alg in lower case", rs, sign(t, "RS256", rsaKey, `{"alg":"rs256"}`, `{}`), false},
		{"an empty signature", rs, encode([]byte(`{"alg":"RS256"}`)) + ".e30.", false},
		{"PS256 where rsa is set", rs, salt(32), false},
		{"another key, brought along as jwk", rs, sign(t, "RS256", pairs()["rsa too"], `{"alg":"RS256","jwk":`+own+`}`, `{}`), false},
		{"another key, brought along as jku", rs, sign(t, "RS256", pairs()["rsa too"], `{"alg":"RS256","jku":"https://evil.test/keys"}`, `{}`), false},
		{"a good token with jku", rs, sign(t, "RS256", rsaKey, `{"alg":"RS256","jku":"https://evil.test/keys"}`, `{}`), true},
		{"claims exchanged", rs, exchange(sign(t, "RS256", rsaKey, `{"alg":"RS256"}`, `{"sub":"a"}`), `{"sub":"b"}`), false},
		{"PS256", ps, salt(32), true},
		{"PS256 without salt", ps, salt(0), false},
		{"PS256 with a shorter salt", ps, salt(20), false},
		{"PS256 with a longer salt", ps, salt(64), false},
		{"ES256", es, es256, true},
		{"r and s zero (psychic signature)", es, withSignature(make([]byte, 64)), false},
		{"r the order, s the order", es, withSignature(append(n.FillBytes(make([]byte, 32)), n.FillBytes(make([]byte, 32))...)), false},
		{"r zero", es, withSignature(append(make([]byte, 32), es256Signature[32:]...)), false},
		{"r beyond the order", es, withSignature(append(new(big.Int).Add(r, n).FillBytes(make([]byte, 33)), s.FillBytes(make([]byte, 33))...)), false},
		{"signature in DER", es, withSignature(der), false},
		{"signature cut", es, withSignature(es256Signature[:63]), false},
		{"signature with a byte more", es, withSignature(append(es256Signature[:64:64], 0)), false},
		{"another curve", es, sign(t, "ES384", pairs()["P-384"], `{"alg":"ES384"}`, `{}`), false},
		{"HS256", hs, sign(t, "HS256", pairs()["hmac"], `{"alg":"HS256"}`, `{}`), true},
		{"HS512 where 256 is set", hs, sign(t, "HS512", pairs()["hmac"], `{"alg":"HS512"}`, `{}`), false},
		{"an HMAC of half the length", hs, half(sign(t, "HS256", pairs()["hmac"], `{"alg":"HS256"}`, `{}`)), false},
		{"an HMAC with an empty key", hs, sign(t, "HS256", []byte{}, `{"alg":"HS256"}`, `{}`), false},
	}
	for _, c := range cases {
		for range 2 { // the second time a good one is known
			status, reason := c.step.send(t, c.token)
			if want := map[bool]int{true: 0, false: 401}[c.good]; status != want {
				t.Errorf("%s: %d (%s), want %d", c.name, status, reason, want)
			}
		}
	}
	t.Logf("tried %d tokens", len(cases))
}

func digestOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func exchange(token, claims string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + encode([]byte(claims)) + "." + parts[2]
}

func half(token string) string {
	parts := strings.Split(token, ".")
	signature, _ := decodeSegment(parts[2])
	return parts[0] + "." + parts[1] + "." + encode(signature[:len(signature)/2])
}

// TestKeysOfSets reads JWKs that differ from a good one in one thing.
func TestKeysOfSets(t *testing.T) {
	rsaPublic := publicOf(pairs()["rsa"])
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, method, jwk, want string }{
		{"RSA", "rsa", jwkOf(t, rsaPublic, ""), "RS256 RS384 RS512"},
		{"RSA for signatures", "rsa", jwkOf(t, rsaPublic, `"use":"sig"`), "RS256 RS384 RS512"},
		{"RSA to sign and verify", "rsa", jwkOf(t, rsaPublic, `"key_ops":["sign","verify"]`), "RS256 RS384 RS512"},
		{"RSA of alg RS384", "rsa", jwkOf(t, rsaPublic, `"alg":"RS384"`), "RS384"},
		{"RSA of alg PS256", "rsa", jwkOf(t, rsaPublic, `"alg":"PS256"`), "PS256"},
		{"Ed25519 of alg EdDSA for es", "es", jwkOf(t, publicOf(pairs()["Ed25519"]), `"alg":"EdDSA"`), "EdDSA"},
		{"Ed25519 without alg for es", "es", jwkOf(t, publicOf(pairs()["Ed25519"]), ""), ""},
		{"P-384", "es", jwkOf(t, publicOf(pairs()["P-384"]), ""), "ES384"},
		{"P-384 of alg ES256", "es", jwkOf(t, publicOf(pairs()["P-384"]), `"alg":"ES256"`), ""},
		{"symmetric", "hmac", jwkOf(t, pairs()["hmac"], ""), "HS256 HS384 HS512"},
		{"symmetric, short", "hmac", jwkOf(t, []byte("0123456789abcdef"), ""), ""},
		{"symmetric for rsa", "rsa", jwkOf(t, pairs()["hmac"], ""), ""},
		{"symmetric of alg RS256", "rsa", jwkOf(t, pairs()["hmac"], `"alg":"RS256"`), ""},
		{"RSA for encryption", "rsa", jwkOf(t, rsaPublic, `"use":"enc"`), ""},
		{"RSA for wrapping", "rsa", jwkOf(t, rsaPublic, `"key_ops":["wrapKey"]`), ""},
		{"RSA to sign only", "rsa", jwkOf(t, rsaPublic, `"key_ops":["sign"]`), ""},
		{"RSA of alg RSA-OAEP", "rsa", jwkOf(t, rsaPublic, `"alg":"RSA-OAEP"`), ""},
		{"RSA of alg none", "rsa", jwkOf(t, rsaPublic, `"alg":"none"`), ""},
		{"RSA of 1024 bits", "rsa", jwkOf(t, small.Public(), ""), ""},
		{"RSA without e", "rsa", strings.Replace(jwkOf(t, rsaPublic, ""), `"e"`, `"f"`, 1), ""},
		{"a point beside the curve", "es", `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}`, ""},
		{"an Ed25519 key too short", "eddsa", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg"}`, ""},
		{"X25519", "eddsa", `{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, ""},
		{"a kind that nobody knows", "rsa", `{"kty":"QUANTUM"}`, ""},
		{"no object", "rsa", `7`, ""},
	}
	for _, c := range cases {
		k, err := readJWK([]byte(c.jwk), permit(c.method, 0))
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

func names(set algorithmSet) string {
	var list []string
	for i, a := range algorithms {
		if set&(1<<i) != 0 {
			list = append(list, a.name)
		}
	}
	return strings.Join(list, " ")
}

func TestTextKeys(t *testing.T) {
	rsaKey := pairs()["rsa"].(*rsa.PrivateKey)
	text := pemOf(t, rsaKey.Public())
	lines := strings.Split(strings.TrimSpace(text), "\n")
	bare := strings.Join(lines[1:len(lines)-1], "\n")
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)}))
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, rsaKey.Public(), rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	secret := string(pairs()["hmac"].([]byte))
	cases := []struct {
		name, method string
		bits         int
		text, want   string
		refused      string
	}{
		{"PEM", "rsa", 256, text, "RS256", ""},
		{"PEM without its first and last line", "rsa", 256, bare, "RS256", ""},
		{"PEM in one line", "rsa", 512, strings.ReplaceAll(bare, "\n", ""), "RS512", ""},
		{"PEM with escaped line breaks", "rsa", 256, strings.ReplaceAll(text, "\n", `\n`), "RS256", ""},
		{"PKCS #1", "rsa", 0, pkcs1, "RS256 RS384 RS512", ""},
		{"certificate", "ps", 0, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "PS256 PS384 PS512", ""},
		{"certificate without its lines", "rsa", 256, base64.StdEncoding.EncodeToString(der), "RS256", ""},
		{"EC", "es", 256, pemOf(t, publicOf(pairs()["P-256"])), "ES256", ""},
		{"Ed25519", "eddsa", 0, pemOf(t, publicOf(pairs()["Ed25519"])), "EdDSA", ""},
		{"HMAC", "hmac", 256, secret[:32], "HS256", ""},
		{"HMAC, longer than it need be", "hmac", 256, secret, "HS256", ""},
		{"HMAC of 48", "hmac", 0, secret[:48], "HS256 HS384", ""},
		{"HMAC of 31", "hmac", 256, secret[:31], "", "31 bytes"},
		{"HMAC of 63 for 512", "hmac", 512, secret[:63], "", "63 bytes"},
		{"private key", "rsa", 256, private, "", "private key"},
		{"two keys", "rsa", 256, text + text, "", "something follows"},
		{"EC where rsa is set", "rsa", 256, pemOf(t, publicOf(pairs()["P-256"])), "", "does not suit"},
		{"P-256 where 384 is set", "es", 384, pemOf(t, publicOf(pairs()["P-256"])), "", "does not suit"},
		{"RSA where eddsa is set", "eddsa", 0, text, "", "does not suit"},
		{"damaged", "rsa", 256, lines[0] + "\nQUJD", "", "damaged"},
		{"a word", "rsa", 256, "s3cret!", "", "neither lines"},
		{"base64 of nothing known", "rsa", 256, "QUJD", "", "no public key"},
	}
	for _, c := range cases {
		k, err := textKey(c.text, c.method, permit(c.method, c.bits).always)
		switch {
		case err != nil && (c.refused == "" || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: refused with %q, want %q", c.name, err, c.refused)
		case err == nil && names(k.algorithms) != c.want:
			t.Errorf("%s: %q, want %q", c.name, names(k.algorithms), c.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.TrimSpace(c.text)) {
			t.Errorf("%s: the message quotes the key", c.name)
		}
	}
	if _, err := newKey(ed25519.PublicKey{1}, everything.always); err == nil {
		t.Error("a short Ed25519 key is taken")
	}
	t.Logf("read %d texts", len(cases))
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
	a, err := newKey(publicOf(pairs()["rsa"]), permit("rsa", 0).always)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newKey(publicOf(pairs()["rsa too"]), permit("rsa", 0).always)
	if err != nil {
		t.Fatal(err)
	}
	named := func(k *key, id string) *key {
		other := *k
		other.id = id
		return &other
	}
	for _, c := range []struct {
		name string
		keys []*key
		want int
	}{
		{"different kids", []*key{named(a, "1"), named(b, "2")}, 2},
		{"one kid", []*key{named(a, "1"), named(b, "1")}, 0},
		{"one kid, and a third", []*key{named(a, "1"), named(b, "1"), named(b, "2")}, 1},
		{"no kids", []*key{named(a, ""), named(b, "")}, 2},
		{"the same key twice", []*key{named(a, "1"), named(a, "1")}, 2},
	} {
		if got := unambiguous(c.keys); len(got) != c.want {
			t.Errorf("%s: %d keys stay, want %d", c.name, len(got), c.want)
		}
	}
}
