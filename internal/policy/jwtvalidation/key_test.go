package jwtvalidation

import (
	"crypto/ecdsa"
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

	"farrier.dev/farrier/internal/jose"
)

// TestForgeries are the attacks on JWS libraries that have names.
func TestForgeries(t *testing.T) {
	rsaKey, ecKey := pairs()["rsa"].(*rsa.PrivateKey), pairs()["P-256"].(*ecdsa.PrivateKey)
	rsaPEM := pemOf(t, rsaKey.Public())
	rs := bind(t, settingsOf(t, map[string]any{"textKey": rsaPEM}), nil)
	es := bind(t, settingsOf(t, map[string]any{"signingMethod": "es", "textKey": pemOf(t, ecKey.Public())}), nil)
	hs := bind(t, settingsOf(t, map[string]any{"signingMethod": "hmac", "signingKeyLength": 256, "textKey": string(pairs()["hmac"].([]byte))}), nil)

	es256 := sign(t, "ES256", ecKey, `{"alg":"ES256"}`, `{}`)
	cut := strings.LastIndexByte(es256, '.') + 1
	es256Signature, err := jose.Decode(es256[cut:])
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
	signature, _ := jose.Decode(parts[2])
	return parts[0] + "." + parts[1] + "." + encode(signature[:len(signature)/2])
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
		k, err := textKey(c.text, c.method, permit(c.method, c.bits).Always)
		switch {
		case err != nil && (c.refused == "" || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: refused with %q, want %q", c.name, err, c.refused)
		case err == nil && names(k) != c.want:
			t.Errorf("%s: %q, want %q", c.name, names(k), c.want)
		}
		if err != nil && strings.Contains(err.Error(), strings.TrimSpace(c.text)) {
			t.Errorf("%s: the message quotes the key", c.name)
		}
	}
	t.Logf("read %d texts", len(cases))
}

// names are the algorithms that a key is pinned to.
func names(k *jose.Key) string {
	var list []string
	jose.AlgorithmsWhere(func(name string) bool {
		if k.Suits(name) {
			list = append(list, name)
		}
		return false
	})
	return strings.Join(list, " ")
}
