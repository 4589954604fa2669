package messagesignature

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 8) }

// The keys and messages of RFC 9421 appendix B.
const (
	rsaPSS = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----`
	p256 = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----`
	edKey = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----`
	shared = "base64:uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)

// rfcRequest is the request of appendix B.2 with a signature.
func rfcRequest(input, signature string) *message {
	x := &traffic.Exchange{}
	x.Request.Method, x.Request.Scheme, x.Request.Host = "POST", "https", "example.com"
	x.Request.RawTarget, x.Request.Path, x.Request.RawQuery = "/foo?param=Value&Pet=dog", "/foo", "param=Value&Pet=dog"
	for _, f := range [][2]string{
		{"date", "Tue, 20 Apr 2021 02:07:55 GMT"},
		{"content-type", "application/json"},
		{"content-digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"},
		{"content-length", "18"},
		{"signature-input", input},
		{"signature", signature},
	} {
		x.Request.Header.Add(f[0], f[1])
	}
	return &message{x: x, now: time.Unix(1618884480, 0), body: []byte(`{"hello": "world"}`)}
}

// rfcScheme knows the keys of appendix B.1.
func rfcScheme(t testing.TB, required ...string) *httpSignatures {
	t.Helper()
	keys, err := readKeys([]Key{
		{"test-key-rsa-pss", "rsa-pss-sha512", rsaPSS},
		{"test-key-ecc-p256", "ecdsa-p256-sha256", p256},
		{"test-key-ed25519", "ed25519", edKey},
		{"test-shared-secret", "hmac-sha256", shared},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &httpSignatures{window: window{5 * time.Minute, 0}, keys: byID(keys), required: required}
}

// rfcSigned are the signatures of appendix B.2.
var rfcSigned = []struct{ name, input, signature string }{
	{
		"B.2.1 minimal, rsa-pss-sha512",
		`sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
		`sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:`,
	},
	{
		"B.2.2 selective, rsa-pss-sha512",
		`sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
		`sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:`,
	},
	{
		"B.2.3 full, rsa-pss-sha512",
		`sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
		`sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:`,
	},
	{
		"B.2.5 hmac-sha256",
		`sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
		`sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:`,
	},
	{
		"B.2.6 ed25519",
		`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
		`sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:`,
	},
}

// TestRFC9421 verifies the signatures of appendix B.2, and holds that none of
// them verifies when the request is changed where it is covered.
func TestRFC9421(t *testing.T) {
	refused := 0
	for _, c := range rfcSigned {
		h := rfcScheme(t)
		if _, err := h.verify(rfcRequest(c.input, c.signature)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for name, change := range map[string]func(m *message){
			"created":        func(m *message) { m.x.Request.Header.Set("signature-input", strings.Replace(c.input, "473", "474", 1)) },
			"\"date\"":       func(m *message) { m.x.Request.Header.Set("date", "Tue, 20 Apr 2021 02:07:56 GMT") },
			"@method":        func(m *message) { m.x.Request.Method = "PUT" },
			"@path":          func(m *message) { m.x.Request.RawTarget = "/bar?param=Value&Pet=dog" },
			"@query\"":       func(m *message) { m.x.Request.RawQuery = "param=value&Pet=dog" },
			"@query-param":   func(m *message) { m.x.Request.RawQuery = "param=Value&Pet=cat" },
			"Pet":            func(m *message) { m.x.Request.RawQuery = "param=Value&Pet=dog&Pet=cat" },
			"@authority":     func(m *message) { m.x.Request.Host = "example.org" },
			"content-type":   func(m *message) { m.x.Request.Header.Add("content-type", "text/plain") },
			"content-digest": func(m *message) { m.body = []byte(`{"hello": "World"}`) },
			"content-length": func(m *message) { m.x.Request.Header.Del("content-length") },
			"keyid":          func(m *message) { m.x.Request.Header.Set("signature", strings.Replace(c.signature, "=:", "=:AAAA", 1)) },
		} {
			if !strings.Contains(c.input, name) {
				continue
			}
			m := rfcRequest(c.input, c.signature)
			change(m)
			if _, err := h.verify(m); err == nil {
				t.Errorf("%s: verifies with another %s", c.name, name)
			}
			refused++
		}
	}
	// B.2.4 is of a response: its base is written out.
	base := "\"@status\": 200\n\"content-type\": application/json\n" +
		"\"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n\"content-length\": 23\n" +
		"\"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-ecc-p256\""
	signature, err := base64.StdEncoding.DecodeString("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
	if err != nil {
		t.Fatal(err)
	}
	if k := rfcScheme(t).keys["test-key-ecc-p256"]; !k.verifies([]byte(base), signature) || k.verifies([]byte(base+" "), signature) {
		t.Error("B.2.4 ecdsa-p256-sha256 is not verified")
	}
	t.Logf("verified %d signatures, refused %d changes", len(rfcSigned)+1, refused)
	if refused < 20 {
		t.Error("too few changes were played")
	}
}

// TestCovered holds that what must be covered can't be covered in part, twice
// or by another name.
func TestCovered(t *testing.T) {
	h := rfcScheme(t, "@method")
	for _, c := range []struct {
		list   string
		status int
	}{
		{`("date")`, 401},
		{`("@method";req)`, 401},
		{`("@method" "@method")`, 400},
		{`("@method" "@status")`, 400},
		{`("@method" "Date")`, 400},
		{`("@method" "x-none")`, 401},
		{`("@method" "date";bs)`, 400},
		{`("@method" "@query-param")`, 400},
		{`("@method" "@query-param";name="none")`, 401},
		{`"@method"`, 400},
		{`("@method"`, 400},
		{`("@method")`, 401}, // nothing is wrong but the signature
	} {
		m := rfcRequest(`s=`+c.list+`;created=1618884473;keyid="test-key-ed25519"`, `s=:AAAA:`)
		_, err := h.verify(m)
		why, ok := err.(*refusal) //nolint:errorlint // it is returned bare
		if !ok || why.status != c.status {
			t.Errorf("%s: %v, want %d", c.list, err, c.status)
		}
	}
}

// TestRFC7797 verifies the examples of RFC 7797 section 4 and of RFC 7515
// appendices A.1 to A.4, their payload taken out.
func TestRFC7797(t *testing.T) {
	const secret = "base64:AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
	k, err := readKey(Key{"", "hmac-sha256", secret})
	if err != nil {
		t.Fatal(err)
	}
	d := &detached{window: window{time.Hour, 0}, only: k, header: "x-jws-signature"}
	claims := "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
	for _, c := range []struct{ name, jws, body string }{
		{"RFC 7797 4.1", "eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ", "$.02"},
		{"RFC 7797 4.2", "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY", "$.02"},
		{"RFC 7515 A.1", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9..dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", claims},
	} {
		x := &traffic.Exchange{}
		x.Request.Header.Set("x-jws-signature", c.jws)
		if _, err := d.verify(&message{x: x, body: []byte(c.body)}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := d.verify(&message{x: x, body: []byte(c.body + " ")}); err == nil {
			t.Errorf("%s: verifies with another body", c.name)
		}
	}
}

// FuzzStructured holds that what is read as a dictionary is written and read
// again as the same.
func FuzzStructured(f *testing.F) {
	for _, c := range rfcSigned {
		f.Add(c.input)
		f.Add(c.signature)
	}
	f.Add(`a=?0;b="\"";c=tok/en,d;e=:YQ==:`)
	f.Fuzz(func(t *testing.T, text string) {
		members, err := parseDictionary(text)
		if err != nil {
			return
		}
		var b []byte
		for i, m := range members {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(append(b, m.key...), '=')
			if m.list != nil {
				b = append(b, '(')
				for k, c := range m.list {
					if k > 0 {
						b = append(b, ' ')
					}
					b = appendComponent(b, c)
				}
				b = append(b, ')')
			} else {
				b = appendItem(b, m.item)
			}
			b = appendParameters(b, m.parameters)
		}
		again, err := parseDictionary(string(b))
		if err != nil || len(again) != len(members) {
			t.Fatalf("%q is written as %q, which is refused: %v", text, b, err)
		}
	})
}

// FuzzVerify holds that no header and no body makes a scheme panic or accept.
func FuzzVerify(f *testing.F) {
	for _, c := range rfcSigned {
		f.Add(c.input, strings.Replace(c.signature, "=:", "=:AAAA", 1), []byte(`{"hello": "world"}`))
	}
	k, err := readKey(Key{"k", "hmac-sha256", "a secret that nobody can guess"})
	if err != nil {
		f.Fatal(err)
	}
	template, err := parseTemplate("{method}{header:date}{body}")
	if err != nil {
		f.Fatal(err)
	}
	wss, err := compileWSS(&Settings{TrustedCertificates: testCA(f).pem}, window{time.Hour, 0})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", "", signSOAP(f, testCA(f), time.Unix(1618884480, 0)).message)
	schemes := []scheme{
		&httpSignatures{window: window{time.Hour, 0}, keys: byID([]*key{k})},
		&detached{window: window{time.Hour, 0}, only: k, header: "signature"},
		&macs{window: window{time.Hour, 0}, keys: []*key{k}, header: "signature", template: template, decode: jose.Decode},
	}
	f.Fuzz(func(t *testing.T, input, signature string, body []byte) {
		m := rfcRequest(input, signature)
		m.body = bytes.Clone(body)
		for _, s := range schemes {
			if _, err := s.verify(m); err == nil {
				t.Errorf("%T accepts %q %q", s, input, signature)
			}
		}
		_, _ = wss.verify(m) // the good message is among the seeds
	})
}
