package messagesignature

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

// signer signs with the npm package http-message-signatures: it reads a list of
// {key, alg, fields, url, method, headers} and writes the list of signed headers.
const signer = `
const { httpbis: { signMessage }, createSigner } = require('http-message-signatures');
(async () => {
  const out = [];
  for (const c of JSON.parse(require('fs').readFileSync(0))) {
    const key = createSigner(c.alg.startsWith('hmac') ? Buffer.from(c.key, 'base64') : c.key, c.alg, c.alg);
    const m = await signMessage({ key, fields: c.fields, paramValues: { created: new Date(c.created * 1000), expires: new Date((c.created + 60) * 1000), nonce: 'n', tag: 't' },
      params: ['created', 'expires', 'keyid', 'alg', 'nonce', 'tag'] }, { method: c.method, url: c.url, headers: c.headers });
    out.push(Object.fromEntries(Object.entries(m.headers).map(([k, v]) => [k.toLowerCase(), v])));
  }
  console.log(JSON.stringify(out));
})();`

type oracleCase struct {
	Key     string            `json:"key"`
	Alg     string            `json:"alg"`
	Fields  []string          `json:"fields"`
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Created int64             `json:"created"`

	public, target string
}

func pemOf(t *testing.T, private any, public any) (secret, shown string) {
	t.Helper()
	a, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: a})), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

// oracleCases are requests of every shape, signed by every algorithm but
// rsa-pss-sha512: the package takes the longest salt, not the 64 bytes of RFC 9421
// section 3.3.1. The vectors of the RFC itself are of that algorithm.
func oracleCases(t *testing.T, body []byte) []oracleCase {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][2]string{"hmac-sha256": {base64.StdEncoding.EncodeToString(body), "base64:" + base64.StdEncoding.EncodeToString(body)}}
	for name, pair := range map[string][2]any{
		"rsa-v1_5-sha256": {r, r.Public()}, "ecdsa-p256-sha256": {e256, e256.Public()},
		"ecdsa-p384-sha384": {e384, e384.Public()}, "ed25519": {ed, edPublic},
	} {
		secret, shown := pemOf(t, pair[0], pair[1])
		keys[name] = [2]string{secret, shown}
	}
	sum := sha256.Sum256(body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	var cases []oracleCase
	for alg, pair := range keys {
		for _, target := range []string{"/", "/a/b?c=d&e=%20f", "/a?", "/%7Ea/ä?x", "/a?q=1&q=2&p=a+b"} {
			if target == "/%7Ea/ä?x" {
				target = "/%7Ea/%C3%A4?x"
			}
			fields := []string{"@method", "@authority", "@path", "@query", "@target-uri", "@scheme", "content-digest", "content-type"}
			if target == "/a?q=1&q=2&p=a+b" {
				fields = append(fields, `@query-param;name="p"`)
			}
			cases = append(cases, oracleCase{
				Key: pair[0], Alg: alg, Fields: fields, URL: "https://api.test" + target, Method: "POST", Created: 1700000000,
				Headers: map[string]string{"content-digest": digest, "content-type": "  text/plain "},
				public:  pair[1], target: target,
			})
		}
	}
	return cases
}

// TestOracle holds that we accept what another implementation of RFC 9421 signs.
func TestOracle(t *testing.T) {
	dir := policytest.NPM(t, "http-message-signatures@1.0.6")
	body := []byte("a body of more than sixteen bytes")
	cases := oracleCases(t, body)
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(t.TempDir(), "in.json")
	if err := os.WriteFile(in, input, 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), policytest.Program(t, "node"), "-e", signer)
	node.Dir, node.Stdin, node.Stderr = dir, from, os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []map[string]string
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, c := range cases {
		k, err := readKey(Key{c.Alg, c.Alg, c.public})
		if err != nil {
			t.Fatal(err)
		}
		x := &traffic.Exchange{}
		x.Request.Method, x.Request.Scheme, x.Request.Host, x.Request.RawTarget = c.Method, "https", "api.test", c.target
		for at := range c.target {
			if c.target[at] == '?' {
				x.Request.RawQuery = c.target[at+1:]
				break
			}
		}
		for name, value := range answers[i] {
			x.Request.Header.Add(name, value)
		}
		h := &httpSignatures{window: window{time.Minute, 0}, keys: byID([]*key{k}), required: []string{"@method", contentDigest}, tag: "t", nonce: true}
		m := &message{x: x, now: time.Unix(1700000001, 0), body: body}
		if _, err := h.verify(m); err != nil {
			t.Errorf("%s %s: %v\n%v", c.Alg, c.target, err, answers[i])
		}
		m.body = append([]byte("x"), body...)
		if _, err := h.verify(m); err == nil {
			t.Errorf("%s %s: verifies with another body", c.Alg, c.target)
		}
	}
	t.Logf("verified %d signatures", len(cases))
	if len(cases) < 25 {
		t.Error("too few signatures were played")
	}
}
