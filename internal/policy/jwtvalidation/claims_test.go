package jwtvalidation

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

func TestClaims(t *testing.T) {
	secret := pairs()["hmac"].([]byte)
	type settings = map[string]any
	audience := settings{"validateAudClaim": true, "supportedAudiences": "orders, shop"}
	must := func(key, value string) settings {
		return settings{"validateCustomClaim": true, "mandatoryCustomClaims": []any{settings{"key": key, "value": value}}}
	}
	may := func(key, value string) settings {
		return settings{"validateCustomClaim": true, "nonMandatoryCustomClaims": []any{settings{"key": key, "value": value}}}
	}
	cases := []struct {
		name     string
		settings settings
		claims   string
		reason   string // empty when it passes
	}{
		{"no claims at all", nil, `{}`, ""},
		{"exp far ahead", nil, `{"exp":4102444800}`, ""},
		{"exp of 2^63", nil, `{"exp":9223372036854775808}`, ""},
		{"exp of 2^64", nil, `{"exp":18446744073709551616}`, ""},
		{"exp of 1e300", nil, `{"exp":1e300}`, ""},
		{"exp with a fraction", nil, `{"exp":4102444800.25}`, ""},
		{"exp over", nil, `{"exp":1000000000}`, "the token has expired (exp)"},
		{"exp of 0", nil, `{"exp":0}`, "the token has expired (exp)"},
		{"exp of -1e300", nil, `{"exp":-1e300}`, "the token has expired (exp)"},
		{"exp of 1e-300", nil, `{"exp":1e-300}`, "the token has expired (exp)"},
		{"exp as text", nil, `{"exp":"4102444800"}`, "not a number"},
		{"exp is null", nil, `{"exp":null}`, "not a number"},
		{"exp is a list", nil, `{"exp":[4102444800]}`, "not a number"},
		{"exp beyond numbers", nil, `{"exp":1e999}`, "not a JSON object"},
		{"nbf past", nil, `{"nbf":1000000000}`, ""},
		{"nbf ahead", nil, `{"nbf":4102444800}`, "the token is not valid yet (nbf)"},
		{"nbf of 1e300", nil, `{"nbf":1e300}`, "the token is not valid yet (nbf)"},
		{"nbf as text", nil, `{"nbf":"1"}`, "not a number"},
		{"exp demanded", settings{"mandatoryExpClaim": true}, `{"nbf":1}`, "exp is missing"},
		{"nbf demanded", settings{"mandatoryNbfClaim": true}, `{"exp":4102444800}`, "nbf is missing"},
		{"both demanded", settings{"mandatoryExpClaim": true, "mandatoryNbfClaim": true}, `{"exp":4102444800,"nbf":1}`, ""},
		{"Exp is another claim", settings{"mandatoryExpClaim": true}, `{"Exp":4102444800}`, "exp is missing"},
		{"audience", audience, `{"aud":"shop"}`, ""},
		{"one of the audiences", audience, `{"aud":["else","orders"]}`, ""},
		{"no audience, none demanded", audience, `{}`, ""},
		{"another audience", audience, `{"aud":"order"}`, "no supported audience"},
		{"the list as one audience", audience, `{"aud":"orders, shop"}`, "no supported audience"},
		{"audience is a number", audience, `{"aud":7}`, "neither text nor a list"},
		{"audience is a mixed list", audience, `{"aud":["orders",7]}`, "neither text nor a list"},
		{"an empty list of audiences", audience, `{"aud":[]}`, "aud is missing"},
		{"audience demanded", settings{"mandatoryAudClaim": true}, `{}`, "aud is missing"},
		{"any audience demanded", settings{"mandatoryAudClaim": true}, `{"aud":"whatever"}`, ""},
		{"literal", must("role", "admin"), `{"role":"admin"}`, ""},
		{"another literal", must("role", "admin"), `{"role":"Admin"}`, "claim role"},
		{"literal missing", must("role", "admin"), `{}`, "role is missing"},
		{"literal is null", must("role", ""), `{"role":null}`, "role is missing"},
		{"literal in a list", must("role", "admin"), `{"role":["admin"]}`, "claim role"},
		{"literal true", must("ok", "true"), `{"ok":true}`, ""},
		{"literal number", must("n", "7"), `{"n":7.0}`, ""},
		{"expression", must("roles", "#[vars.claimSet.roles contains 'admin']"), `{"roles":["user","admin"]}`, ""},
		{"expression is false", must("roles", "#[vars.claimSet.roles contains 'admin']"), `{"roles":["user"]}`, "claim roles"},
		{"expression is no Boolean", must("role", "#[vars.claimSet.role]"), `{"role":"admin"}`, "claim role"},
		{"expression can't be evaluated", must("role", "#[vars.claimSet.role >= 1]"), `{"role":"admin"}`, "claim role"},
		{"expression over the request", must("m", "#[vars.claimSet.m == attributes.method]"), `{"m":"GET"}`, ""},
		{"another method", must("m", "#[vars.claimSet.m == attributes.method]"), `{"m":"POST"}`, "claim m"},
		{"optional, absent", may("role", "admin"), `{}`, ""},
		{"optional, present", may("role", "admin"), `{"role":"admin"}`, ""},
		{"optional, wrong", may("role", "admin"), `{"role":"user"}`, "claim role"},
		{"optional, null", may("role", "admin"), `{"role":null}`, "claim role"},
		{"lists switched off", settings{"mandatoryCustomClaims": []any{settings{"key": "role", "value": "admin"}}}, `{}`, ""},
		{"a list with a comma as header", settings{"claimsToHeaders": []any{settings{"claimName": "r", "headerName": "x-r"}}}, `{"r":["a,b"]}`, "can't be a header"},
		{"an object as header", settings{"claimsToHeaders": []any{settings{"claimName": "r", "headerName": "x-r"}}}, `{"r":{}}`, "can't be a header"},
		{"a line break as header", settings{"claimsToHeaders": []any{settings{"claimName": "r", "headerName": "x-r"}}}, `{"r":"a\r\nx-admin: 1"}`, "can't be a header"},
	}
	for _, c := range cases {
		all := settings{"signingMethod": "hmac", "textKey": string(secret)}
		maps.Copy(all, c.settings)
		step := bind(t, settingsOf(t, all), nil)
		token := sign(t, "HS256", secret, `{"alg":"HS256"}`, c.claims)
		for range 2 { // the second time the token is known
			x := &traffic.Exchange{}
			x.Request.Method = "GET"
			x.Request.Header.Set("authorization", "bearer  "+token)
			v := step.Request(t.Context(), x)
			if v.Stops() != (c.reason != "") || !strings.Contains(v.Reason, c.reason) {
				t.Errorf("%s: %d %q, want %q", c.name, v.Answer.Status, v.Reason, c.reason)
			}
		}
	}
	t.Logf("judged %d sets of claims", len(cases))
}

// TestExpressionKeys holds that a token is known together with the key that
// verified it.
func TestExpressionKeys(t *testing.T) {
	secret := pairs()["hmac"].([]byte)
	step := bind(t, settingsOf(t, map[string]any{
		"signingMethod": "hmac", "jwtKeyOrigin": "customExpression",
		"customKeyExpression": "#[authentication.properties.key]",
	}), nil)
	token := sign(t, "HS256", secret[:32], `{"alg":"HS256"}`, `{}`)
	for _, c := range []struct {
		key  any
		want string
	}{
		{string(secret[:32]), ""},
		{string(secret[:32]), ""},
		{string(secret[1:33]), "does not verify"},
		{string(secret[:31]), "no usable key"},
		{nil, "no usable key"},
		{map[string]any{}, "could not be evaluated"},
		{string(secret[:32]), ""},
	} {
		x := &traffic.Exchange{}
		x.Auth.SetProperty("key", c.key)
		x.Request.Header.Set("authorization", "Bearer "+token)
		if v := step.Request(t.Context(), x); v.Stops() != (c.want != "") || !strings.Contains(v.Reason, c.want) {
			t.Errorf("key %v: %q, want %q", c.key, v.Reason, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for settings, want := range map[string]string{
		`{}`:                       "",
		`{"signingMethod":"none"}`: "checks no signature",
		`{"jwtKeyOrigin":"jwks","jwksUrl":"http://id.test/k"}`:                                         "use https",
		`{"jwtKeyOrigin":"jwks","jwksUrl":"http://127.0.0.1/k, https://id.test/"}`:                     "",
		`{"mandatoryCustomClaims":[{"key":"a","value":"b"}]}`:                                          "not checked",
		`{"jwtKeyOrigin":"customExpression","customKeyExpression":"#[attributes.headers.key]"}`:        "choose the key",
		`{"jwtKeyOrigin":"customExpression","customKeyExpression":"#[authentication.properties.key]"}`: "",
		`{"mandatoryExpClaim":"$REQUIRED","signingMethod":"none"}`:                                     "",
	} {
		got := strings.Join(warn(json.RawMessage(settings)), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", settings, got, want)
		}
	}
}

// TestTokensStayOutOfReasons holds that nothing of a token is quoted.
func TestTokensStayOutOfReasons(t *testing.T) {
	secret := pairs()["hmac"].([]byte)
	step := bind(t, settingsOf(t, map[string]any{"signingMethod": "hmac", "textKey": string(secret)}), nil)
	for _, token := range []string{
		"verysecret", "verysecret.verysecret.verysecret",
		sign(t, "HS256", secret[1:], `{"alg":"HS256","kid":"verysecret"}`, `{"sub":"verysecret"}`),
		sign(t, "HS256", secret, `{"alg":"verysecret"}`, `{"sub":"verysecret"}`),
		sign(t, "HS256", secret, `{"alg":"HS256"}`, `{"exp":"verysecret"}`),
	} {
		status, reason := step.send(t, token)
		if status != 401 || strings.Contains(reason, "verysecret") {
			t.Errorf("%d %q", status, reason)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	private := pairs()["rsa"]
	claims := `{"iss":"https://id.example.test/","sub":"248289761001","aud":["orders","shop"],"client_id":"0123456789abcdef","iat":1700000000,"exp":4102444800,"scope":"orders:read orders:write","roles":["user","admin"],"name":"Alice Example","email":"alice@example.test"}`
	token := sign(b, "RS256", private, `{"alg":"RS256","kid":"a","typ":"JWT"}`, claims)
	page := &issuer{}
	page.set(one, jwks(jwkOf(b, publicOf(private), `"kid":"a"`)))
	settings := settingsOf(b, map[string]any{
		"jwtKeyOrigin": "jwks", "jwksUrl": one, "skipClientIdValidation": false, "validateAudClaim": true, "supportedAudiences": "orders",
		"validateCustomClaim": true, "mandatoryCustomClaims": []any{map[string]any{"key": "roles", "value": "#[vars.claimSet.roles contains 'admin']"}},
	})
	step := bind(b, settings, page, policy.NewClient("0123456789abcdef", "app", "s3cret", "Gold", nil))
	cache := step.states["tokens"].(*tokenCache)
	id := identify("", token)
	for _, known := range []bool{true, false} {
		b.Run(map[bool]string{true: "known", false: "unknown"}[known], func(b *testing.B) {
			x := &traffic.Exchange{Received: time.Now()}
			x.Request.Header.Set("authorization", "Bearer "+token)
			b.ReportAllocs()
			for b.Loop() {
				if !known {
					cache.drop(&id)
				}
				x.Auth = traffic.Authentication{}
				if v := step.Request(b.Context(), x); v.Stops() {
					b.Fatal(v.Reason)
				}
			}
		})
	}
	b.Logf("the token has %d bytes", len(token))
}
