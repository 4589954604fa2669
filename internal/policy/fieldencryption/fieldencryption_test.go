package fieldencryption

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.PlayAll(t, 4, Encrypt(), Decrypt()) }

var (
	key1 = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("1", 32)))
	key2 = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("2", 32)))
)

func pemOf(t testing.TB, key any) (private, public string) {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	var open any
	switch k := key.(type) {
	case *rsa.PrivateKey:
		open = &k.PublicKey
	case *ecdsa.PrivateKey:
		open = &k.PublicKey
	}
	if raw, err = x509.MarshalPKIXPublicKey(open); err != nil {
		t.Fatal(err)
	}
	return private, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}))
}

// step makes a step for requests; settings are added to the standard ones.
func step(t testing.TB, back bool, more map[string]any) policy.Step {
	t.Helper()
	settings := map[string]any{
		"direction": "request", "keys": []Key{{"k1", key1}},
		"fields": []map[string]any{{"path": "/ssn"}, {"path": "/c/*/card", "context": "card"}, {"path": "/x/@a"}, {"path": "/x/y"}},
	}
	maps.Copy(settings, more)
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	c, err := compile(text, back)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Bind(policy.Env{API: "default/orders"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(s policy.Step, contentType, body string) (string, policy.Verdict) {
	x := &traffic.Exchange{}
	x.Request.Header.Set("content-type", contentType)
	if err := x.Request.Body.Replace([]byte(body)); err != nil {
		panic(err)
	}
	v := s.Request(nil, x)
	return string(x.Request.Body.Bytes()), v
}

// forms are the settings of all ways to encrypt, for either policy.
func forms(t testing.TB) map[string][2]map[string]any {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][2]map[string]any{"aes-gcm": {{}, {}}, "jwe dir": {{"form": "jwe"}, {"form": "jwe"}}}
	for name, key := range map[string]any{"jwe RSA-OAEP-256": rsaKey, "jwe ECDH-ES": ecKey} {
		private, public := pemOf(t, key)
		all[name] = [2]map[string]any{
			{"form": "jwe", "keys": []Key{{"k1", public}}}, {"form": "jwe", "keys": []Key{{"k1", private}}},
		}
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	const (
		jsonType = "application/json"
		xmlType  = "application/xml"
		formType = "application/x-www-form-urlencoded"
	)
	bodies := []struct{ contentType, body string }{
		{jsonType, `{"id":1.0,"ssn":"123-45-6789","c":[{"card":4111111111111111},{"card":{"n": 1.50, "m":[null,true]}}]}`},
		{jsonType, `{"ssn":"","c":{"q":{"card":false}}}`},
		{jsonType, `{"ssn":"\u0000\ud83d\ude00\"<&>"}`},
		{xmlType, `<x a="1&amp;2"><y>a &lt; b</y><z/></x>`},
		{xmlType, `<x><y><z q="1">2</z><!-- 3 --></y></x>`},
		{formType, `a=1&ssn=a+b%26c`},
		{formType, `ssn=&ssn=1`},
	}
	played := 0
	for name, f := range forms(t) {
		encrypt, decrypt := step(t, false, f[0]), step(t, true, f[1])
		for _, b := range bodies {
			played++
			coded, v := run(encrypt, b.contentType, b.body)
			if v.Stops() || coded == b.body {
				t.Errorf("%s: %s: %s", name, b.body, v.Reason)
				continue
			}
			for _, plain := range []string{"123-45", "4111", "a &lt; b", "a+b"} {
				if strings.Contains(coded, plain) {
					t.Errorf("%s: %s tells %s", name, coded, plain)
				}
			}
			back, v := run(decrypt, b.contentType, coded)
			want := strings.ReplaceAll(b.body, `\u0000\ud83d\ude00`, "\\u0000\U0001F600")
			if v.Stops() || back != want {
				t.Errorf("%s: %s becomes %s: %s", name, b.body, back, v.Reason)
			}
		}
	}
	t.Logf("played %d", played)
}

func TestRefusals(t *testing.T) {
	const body = `{"ssn":"123-45-6789"}`
	encrypt := step(t, false, nil)
	coded, _ := run(encrypt, "application/json", body)
	value := strings.TrimSuffix(strings.TrimPrefix(coded, `{"ssn":"`), `"}`)
	jweDir := map[string]any{"form": "jwe"}
	codedJWE, _ := run(step(t, false, jweDir), "application/json", body)
	foreign, err := jwe.Encrypt([]byte("x"), jwe.WithKey(jwa.DIRECT(), []byte(strings.Repeat("1", 32))), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(kid(t, "k1")))
	if err != nil {
		t.Fatal(err)
	}
	field := func(v string) string { return `{"ssn":"` + v + `"}` }
	cases := map[string]struct {
		more map[string]any
		body string
		want error
	}{
		"as it is":         {nil, coded, nil},
		"another scope":    {map[string]any{"scope": "default/other"}, coded, errTampered},
		"another field":    {nil, `{"c":[{"card":"` + value + `"}]}`, errTampered},
		"another key":      {map[string]any{"keys": []Key{{"k1", key2}}}, coded, errTampered},
		"unknown key":      {map[string]any{"keys": []Key{{"k2", key1}}}, coded, errKey},
		"old key":          {map[string]any{"keys": []Key{{"k2", key2}, {"k1", key1}}}, coded, nil},
		"plain":            {nil, body, errPlain},
		"plain number":     {nil, `{"ssn":1}`, errPlain},
		"plain object":     {nil, `{"ssn":{"a":"` + value + `"}}`, errPlain},
		"plain passes":     {map[string]any{"onPlain": "pass"}, body, nil},
		"null":             {nil, `{"ssn":null}`, nil},
		"no data":          {nil, field("enc:v1:k1"), errForm},
		"short":            {nil, field("enc:v1:k1:AAAA"), errForm},
		"padded":           {nil, field(value + "="), errForm},
		"line end":         {nil, `{"ssn":"` + value + `\n"}`, errForm},
		"version":          {nil, field(strings.Replace(value, "v1", "v2", 1)), errPlain},
		"jwe":              {jweDir, codedJWE, nil},
		"jwe, other scope": {map[string]any{"form": "jwe", "scope": "x"}, codedJWE, errContext},
		"jwe, unbound":     {jweDir, field(string(foreign)), errContext},
		"jwe, allowed":     {map[string]any{"form": "jwe", "requireContext": false}, field(string(foreign)), nil},
		"jwe for aes-gcm":  {nil, codedJWE, errPlain},
		"aes-gcm for jwe":  {jweDir, coded, errPlain},
	}
	for name, c := range cases {
		back, v := run(step(t, true, c.more), "application/json", c.body)
		switch {
		case c.want == nil && v.Stops():
			t.Errorf("%s: %s", name, v.Reason)
		case c.want != nil && (v.Answer.Status != 400 || !strings.HasSuffix(v.Reason, c.want.Error())):
			t.Errorf("%s: %d %q, want %q", name, v.Answer.Status, v.Reason, c.want)
		case c.want != nil && back != c.body:
			t.Errorf("%s: the refused body was changed", name)
		}
	}
	t.Logf("played %d", len(cases))
}

func kid(t testing.TB, id string) jwe.Headers {
	t.Helper()
	h := jwe.NewHeaders()
	if err := h.Set(jwe.KeyIDKey, id); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTampering changes each character of a value; none of them decrypts.
func TestTampering(t *testing.T) {
	played := 0
	for name, f := range forms(t) {
		coded, _ := run(step(t, false, f[0]), "application/json", `{"ssn":"123-45-6789"}`)
		decrypt := step(t, true, f[1])
		const begin = len(`{"ssn":"`)
		every := 1 + len(coded)/200
		for i := begin; i < len(coded)-len(`"}`); i += every {
			changed := []byte(coded)
			if changed[i]++; changed[i] == '"' || changed[i] == '\\' || changed[i] == '\'' {
				continue
			}
			played++
			if back, v := run(decrypt, "application/json", string(changed)); !v.Stops() {
				t.Errorf("%s: changed at %d: %s", name, i, back)
			}
		}
	}
	t.Logf("played %d", played)
	if played < 300 {
		t.Errorf("played %d only", played)
	}
}

// TestInjection holds that what a stranger encrypted with a public key can not
// break out of its place.
func TestInjection(t *testing.T) {
	f := forms(t)["jwe ECDH-ES"]
	k, err := parseKey("k1", f[1]["keys"].([]Key)[0].Key, "jwe")
	if err != nil {
		t.Fatal(err)
	}
	more := maps.Clone(f[1])
	more["requireContext"] = false
	decrypt := step(t, true, more)
	for _, c := range []struct {
		kind        byte
		plain, body string
		ok          bool
	}{
		{jsonValue, `1,"admin":true`, `{"ssn":"%s"}`, false},
		{jsonValue, `{"a":1}`, `{"ssn":"%s"}`, true},
		{xmlValue, `</y><admin/><y>`, `<x><y>%s</y></x>`, false},
		{xmlValue, `<z/>`, `<x><y>%s</y></x>`, true},
		{xmlValue, `<z/>`, `<x a="%s"/>`, false},
		{xmlValue, `<z/>`, `{"ssn":"%s"}`, false},
		{textValue, "\xff", `{"ssn":"%s"}`, false},
		{textValue, `</y>"`, `<x><y>%s</y></x>`, true},
	} {
		token, err := k.sealJWE(c.kind, []byte(c.plain), nil)
		if err != nil {
			t.Fatal(err)
		}
		// The context of another place stands in it, which is checked in any case.
		contentType := "application/json"
		if c.body[0] == '<' {
			contentType = "application/xml"
		}
		e := &encryptor{Settings: Settings{}, keys: map[string]*fieldKey{"k1": k}}
		if _, _, err := e.openJWE(token, nil); err != nil {
			t.Fatal(err)
		}
		unbound := reseal(t, k, c.kind, c.plain)
		out, v := run(decrypt, contentType, fmt.Sprintf(c.body, unbound))
		if v.Stops() == c.ok || strings.Contains(out, "<admin/>") {
			t.Errorf("%q in %s: %s, %s", c.plain, c.body, out, v.Reason)
		}
	}
}

// reseal encrypts as a stranger does, without a context.
func reseal(t testing.TB, k *fieldKey, kind byte, plain string) string {
	t.Helper()
	h := kid(t, k.id)
	if kind != textValue {
		if err := h.Set(jwe.ContentTypeKey, contentTypes[kind]); err != nil {
			t.Fatal(err)
		}
	}
	token, err := jwe.Encrypt([]byte(plain), jwe.WithKey(k.algorithm, k.public), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(h))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// TestAnyText holds for any text that it comes back.
func TestAnyText(t *testing.T) {
	encrypt, decrypt := step(t, false, nil), step(t, true, nil)
	rapid.Check(t, func(t *rapid.T) {
		body, err := json.Marshal(map[string]string{"ssn": rapid.String().Draw(t, "text")})
		if err != nil {
			t.Fatal(err)
		}
		coded, v := run(encrypt, "application/json", string(body))
		if v.Stops() {
			t.Fatal(v.Reason)
		}
		back, v := run(decrypt, "application/json", coded)
		var got, want map[string]string
		if v.Stops() || json.Unmarshal([]byte(back), &got) != nil || json.Unmarshal(body, &want) != nil || got["ssn"] != want["ssn"] {
			t.Fatalf("%s becomes %s: %s", body, back, v.Reason)
		}
	})
}

func TestKeys(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	smallPEM, _ := pemOf(t, small)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224PEM, _ := pemOf(t, p224)
	oct := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("1", 32)))
	for key, want := range map[string]string{
		"c2hvcnQ=":                             "32 bytes in base64",
		smallPEM:                               "fewer than 2048 bits",
		p224PEM:                                "P-256, P-384 or P-521",
		"-----BEGIN X-----":                    "one PEM block",
		smallPEM + smallPEM:                    "one PEM block",
		`{"kty":"oct"}`:                        "can not be read",
		`{"kty":"oct","k":"` + oct[:20] + `"}`: "must have 32 bytes",
		`{"kty":"oct","use":"sig","k":"` + oct + `"}`:    "another than enc",
		`{"kty":"oct","alg":"A256KW","k":"` + oct + `"}`: "another algorithm than dir",
		`{"kty":"OKP","crv":"X25519","x":"` + oct + `"}`: "kty oct, RSA or EC",
		`{"kty":"oct","alg":"dir","k":"` + oct + `"}`:    "",
	} {
		_, err := parseKey("k1", key, "jwe")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40s: %v, want %q", key, err, want)
		}
	}
	if _, err := parseKey("k1", smallPEM, "aes-gcm"); err == nil {
		t.Error("a PEM key is accepted for aes-gcm")
	}
}

// TestWycheproof plays the vectors for JWE with the front and the library that
// values pass in operation: no invalid one is accepted. Valid ones that are
// refused are listed with the reason.
func TestWycheproof(t *testing.T) {
	text, err := fs.ReadFile(wycheproof.TestVectors, "json_web_encryption_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		TestGroups []struct {
			Private json.RawMessage
			Tests   []struct {
				ID              int `json:"tcId"`
				Comment, Result string
				JWE             json.RawMessage
				PT              string
				Enc             string
			}
		}
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	played, accepted, refused := map[string]int{}, map[string]int{}, map[string][]int{}
	for _, group := range vectors.TestGroups {
		var named struct{ Kid string }
		if err := json.Unmarshal(group.Private, &named); err != nil {
			t.Fatal(err)
		}
		// Some vectors name no key; in operation that is refused.
		k, keyErr := parseKey(named.Kid, string(group.Private), "jwe")
		e := &encryptor{Settings: Settings{Form: "jwe"}, keys: map[string]*fieldKey{named.Kid: k, "": k}}
		for _, c := range group.Tests {
			played[c.Result]++
			token := string(c.JWE)
			if err := json.Unmarshal(c.JWE, &token); err != nil {
				token = string(c.JWE)
			}
			err := keyErr
			var plain []byte
			if err == nil {
				_, plain, err = e.openJWE(token, nil)
			}
			switch {
			case err == nil && c.Result != "valid":
				t.Errorf("%d, %s: accepted, but %s", c.ID, c.Comment, c.Result)
			case err == nil && fmt.Sprintf("%x", plain) != c.PT:
				t.Errorf("%d, %s: decrypts to %x", c.ID, c.Comment, plain)
			case err == nil:
				accepted[c.Comment]++
			case c.Result == "valid":
				refused[err.Error()] = append(refused[err.Error()], c.ID)
			}
		}
	}
	t.Logf("played %v, accepted %v", played, accepted)
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("valid, refused: %s: tests %v", why, refused[why])
	}
	if played["valid"]+played["invalid"] < 139 || len(accepted) == 0 {
		t.Errorf("played %v and accepted %v, there should be 139", played, accepted)
	}
}

// FuzzOpen holds that no value panics and that none of a stranger is opened.
func FuzzOpen(f *testing.F) {
	k, err := parseKey("k1", key1, "jwe")
	if err != nil {
		f.Fatal(err)
	}
	e := &encryptor{keys: map[string]*fieldKey{"k1": k}}
	other, err := parseKey("k1", key2, "jwe")
	if err != nil {
		f.Fatal(err)
	}
	token, err := other.sealJWE(jsonValue, []byte("1"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add(other.seal(textValue, []byte("x"), nil))
	f.Fuzz(func(t *testing.T, value string) {
		if _, _, err := e.open(value, nil); err == nil {
			t.Fatalf("%q is opened", value)
		}
		if _, _, err := e.openJWE(value, nil); err == nil || errors.Is(err, errContext) {
			t.Fatalf("%q is opened as JWE: %v", value, err)
		}
	})
}

func BenchmarkField(b *testing.B) {
	for name, f := range forms(b) {
		encrypt, decrypt := step(b, false, f[0]), step(b, true, f[1])
		coded, _ := run(encrypt, "application/json", `{"ssn":"123-45-6789"}`)
		b.Run("encrypt "+name, func(b *testing.B) {
			for b.Loop() {
				run(encrypt, "application/json", `{"ssn":"123-45-6789"}`)
			}
		})
		b.Run("decrypt "+name, func(b *testing.B) {
			for b.Loop() {
				run(decrypt, "application/json", coded)
			}
		})
	}
}
