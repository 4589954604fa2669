package oidc

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSignIn(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	b := i.begin(p, Ask{Next: "/apis?x=1", Bound: "abc", Hint: "alice@example.com"})
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "farrier", "redirect_uri": "https://console.example.com/sso/corp/callback",
		"scope": "openid profile email", "code_challenge_method": "S256", "login_hint": "alice@example.com", "prompt": "",
	} {
		if got := i.asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	a, err := p.Finish(t.Context(), i.back().Encode(), b.Cookie)
	must(t, err)
	want := Answered{
		Identity: Identity{Issuer: i.http.URL, Subject: "248289761001", Username: "alice", Name: "Alice Adams", Email: "alice@example.com", Verified: true},
		Next:     "/apis?x=1", Bound: "abc",
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v", a)
	}
	sum := sha256.Sum256([]byte(i.posted.Get("code_verifier")))
	if coding.EncodeToString(sum[:]) != i.asked.Get("code_challenge") || len(i.posted.Get("code_verifier")) < 43 {
		t.Error("the verifier is not that of the challenge")
	}
	if _, err := p.Finish(t.Context(), i.back().Encode(), b.Cookie); !errors.Is(err, ErrFlow) || !strings.Contains(err.Error(), "answered before") {
		t.Errorf("the answer counts twice: %v", err)
	}
	for _, part := range []string{i.asked.Get("state"), i.asked.Get("nonce"), i.posted.Get("code_verifier")} {
		if text, _ := coding.DecodeString(strings.Split(b.Cookie, ".")[0]); strings.Contains(string(text), part) {
			t.Error("the cookie tells state, nonce or verifier")
		}
	}
}

// hostile is an answer that is wrong in one way.
type hostile struct {
	name string
	kind error
	says string
	// What is wrong.
	settings func(*Options)
	ask      Ask
	issuer   func(*issuer)
	back     func(url.Values)
	cookie   func(string) string
}

func claim(name string, value any) func(*issuer) {
	return func(i *issuer) {
		i.claims = func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
}

func head(name string, value any) func(*issuer) {
	return func(i *issuer) { i.header = func(h map[string]any) { h[name] = value } }
}

func query(name string, values ...string) func(url.Values) {
	return func(q url.Values) {
		if q[name] = values; len(values) == 0 {
			q.Del(name)
		}
	}
}

func at(seconds int64) int64 { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix() + seconds }

var hostiles = []hostile{
	// The browser's side.
	{name: "no cookie", kind: ErrFlow, says: "no cookie", cookie: func(string) string { return "" }},
	{name: "a cookie of nobody", kind: ErrFlow, says: "not ours", cookie: func(string) string { return "e30.AAAA" }},
	{name: "a cookie without signature", kind: ErrFlow, says: "not ours", cookie: func(c string) string { return c[:strings.IndexByte(c, '.')] }},
	{name: "a cookie changed", kind: ErrFlow, says: "not ours", cookie: func(c string) string { return "A" + c }},
	{name: "another state", kind: ErrFlow, says: "state", back: query("state", "AAAA")},
	{name: "no state", kind: ErrFlow, says: "state", back: query("state")},
	{name: "two states", kind: ErrAnswer, says: "more than one state", back: func(q url.Values) { q.Add("state", q.Get("state")) }},
	{name: "two codes", kind: ErrAnswer, says: "more than one code", back: query("code", "a", "b")},
	{name: "no code", kind: ErrAnswer, says: "no code", back: query("code")},
	{name: "a long address", kind: ErrAnswer, says: "too long", back: query("x", strings.Repeat("x", maxQuery))},
	{name: "denied", kind: ErrDenied, says: "access_denied", back: query("error", "access_denied")},
	{name: "an error of its own", kind: ErrDenied, says: "none of the standard ones", back: query("error", "<script>")},
	{name: "another issuer answers", kind: ErrAnswer, says: "another issuer", back: query("iss", "https://evil.example")},
	{
		name: "an issuer that always says so does not", kind: ErrAnswer, says: "does not name its issuer", back: query("iss"),
		issuer: func(i *issuer) {
			i.metadata = func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = true }
		},
	},
	{name: "too late", kind: ErrFlow, says: "more than 10 minutes ago", issuer: func(i *issuer) { i.now = i.now.Add(FlowLife) }},
	// The token endpoint.
	{name: "the code is refused", kind: ErrAnswer, says: "status 400, its error is invalid_grant", issuer: func(i *issuer) { i.status = 400 }},
	{name: "no ID token", kind: ErrAnswer, says: "no ID token", issuer: func(i *issuer) { i.answer = func(a map[string]any) { delete(a, "id_token") } }},
	{name: "an ID token that is a number", kind: ErrAnswer, says: "no ID token", issuer: func(i *issuer) { i.answer = func(a map[string]any) { a["id_token"] = 5 } }},
	{name: "a huge answer", kind: ErrAnswer, says: "not redeemed", issuer: func(i *issuer) {
		i.answer = func(a map[string]any) { a["x"] = strings.Repeat("x", answerLimit) }
	}},
	// The ID token.
	{name: "not a token", kind: ErrAnswer, says: "can't be read", issuer: func(i *issuer) { i.token = func(string) string { return "a.b" } }},
	{name: "alg none", kind: ErrAnswer, says: "not allowed", issuer: head("alg", "none")},
	{name: "alg none without dot", kind: ErrAnswer, says: "can't be read", issuer: func(i *issuer) {
		head("alg", "NONE")(i)
		i.token = func(raw string) string { return strings.TrimSuffix(raw, ".") }
	}},
	{name: "HS256 with the public key", kind: ErrAnswer, says: "not allowed", issuer: head("alg", "HS256")},
	{name: "an algorithm off the list", kind: ErrAnswer, says: "not allowed", settings: func(o *Options) { o.Settings.Algorithms = []string{"RS256"} }},
	{name: "another key", kind: ErrAnswer, says: "signature is wrong", issuer: func(i *issuer) {
		published := jwk(i.kid, i.key)
		i.keys = func() any { return map[string]any{"keys": []any{published}} }
		i.key = newKey(i.t)
	}},
	{name: "an unknown key", kind: ErrAnswer, says: "does not publish", issuer: head("kid", "k2")},
	{name: "a key of its own", kind: ErrAnswer, says: "does not publish", issuer: func(i *issuer) {
		published := jwk(i.kid, i.key)
		i.keys = func() any { return map[string]any{"keys": []any{published}} }
		i.key, i.kid = newKey(i.t), "mine"
		i.header = func(h map[string]any) { h["jwk"] = jwk("mine", i.key) }
	}},
	{name: "a critical extension", kind: ErrAnswer, says: "can't be read", issuer: head("crit", []string{"exp"})},
	{name: "a changed payload", kind: ErrAnswer, says: "signature is wrong", issuer: func(i *issuer) {
		i.token = func(raw string) string {
			parts := strings.Split(raw, ".")
			text, _ := coding.DecodeString(parts[1])
			parts[1] = coding.EncodeToString([]byte(strings.Replace(string(text), "alice", "admin", 1)))
			return strings.Join(parts, ".")
		}
	}},
	{name: "no keys", kind: ErrUnreachable, says: "keys can't be read", issuer: func(i *issuer) { i.keys = func() any { return map[string]any{"keys": []any{}} } }},
	{name: "wrong nonce", kind: ErrAnswer, says: "nonce", issuer: claim("nonce", "other")},
	{name: "no nonce", kind: ErrAnswer, says: "nonce", issuer: claim("nonce", nil)},
	{name: "wrong aud", kind: ErrAnswer, says: "another application", issuer: claim("aud", "other")},
	{name: "no aud", kind: ErrAnswer, says: "another application", issuer: claim("aud", nil)},
	{name: "several aud without azp", kind: ErrAnswer, says: "issued to another", issuer: claim("aud", []string{"farrier", "other"})},
	{name: "another azp", kind: ErrAnswer, says: "issued to another", issuer: claim("azp", "other")},
	{name: "wrong iss", kind: ErrAnswer, says: "another issuer", issuer: claim("iss", "https://evil.example")},
	{name: "iss with a slash more", kind: ErrAnswer, says: "another issuer", issuer: func(i *issuer) { claim("iss", i.http.URL+"/")(i) }},
	{name: "expired", kind: ErrAnswer, says: "expired", issuer: claim("exp", at(-60))},
	{name: "no exp", kind: ErrAnswer, says: "when it expires", issuer: claim("exp", nil)},
	{name: "exp as text", kind: ErrAnswer, says: "when it expires", issuer: claim("exp", "tomorrow")},
	{name: "from the future", kind: ErrAnswer, says: "from the future", issuer: claim("iat", at(61))},
	{name: "no iat", kind: ErrAnswer, says: "when it was issued", issuer: claim("iat", nil)},
	{name: "not yet valid", kind: ErrAnswer, says: "not valid yet", issuer: claim("nbf", at(61))},
	{name: "no sub", kind: ErrAnswer, says: "subject", issuer: claim("sub", nil)},
	{name: "empty sub", kind: ErrAnswer, says: "subject", issuer: claim("sub", "")},
	{name: "sub as number", kind: ErrAnswer, says: "subject", issuer: claim("sub", 7)},
	{name: "long sub", kind: ErrAnswer, says: "subject", issuer: claim("sub", strings.Repeat("s", 256))},
	{name: "sub with a line break", kind: ErrAnswer, says: "subject", issuer: claim("sub", "a\nb")},
	{name: "a logout token", kind: ErrAnswer, says: "no ID token", issuer: claim("events", map[string]any{logoutEvent: map[string]any{}})},
	{name: "another access token", kind: ErrAnswer, says: "access token", issuer: claim("at_hash", "AAAA")},
	// What is asked beyond.
	{name: "no auth_time although it was asked for", kind: ErrWeak, says: "auth_time", settings: func(o *Options) { o.Settings.MaxAge = time.Hour }},
	{name: "signed in long ago", kind: ErrWeak, says: "too long ago", settings: func(o *Options) { o.Settings.MaxAge = time.Hour }, issuer: claim("auth_time", at(-3661))},
	{name: "not asked again", kind: ErrWeak, says: "not asked to sign in again", ask: Ask{Confirm: true}, issuer: claim("auth_time", at(-3600))},
	{name: "no second factor", kind: ErrWeak, says: "second factor", settings: func(o *Options) { o.Settings.AMR = []string{"mfa"} }, issuer: claim("amr", []string{"pwd"})},
	{name: "a weak acr", kind: ErrWeak, says: "second factor", settings: func(o *Options) { o.Settings.ACR = []string{"gold"} }, issuer: claim("acr", "bronze")},
	{name: "too many groups to tell", kind: ErrAnswer, says: "so many groups", settings: groupsClaim, issuer: claim("_claim_names", map[string]any{"groups": "src1"})},
	{name: "groups as a number", kind: ErrAnswer, says: "neither a list nor a text", settings: groupsClaim, issuer: claim("groups", 7)},
	{name: "more groups than we take", kind: ErrAnswer, says: "more than 1000 groups", settings: groupsClaim, issuer: claim("groups", slices.Repeat([]string{"g"}, 1001))},
	{name: "UserInfo of another", kind: ErrAnswer, says: "another person", settings: groupsClaim, issuer: func(i *issuer) {
		i.metadata = func(m map[string]any) { m["userinfo_endpoint"] = i.http.URL + "/me" }
		i.userInfo = func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"sub":"mallory","groups":["admins"]}`) }
	}},
	{name: "UserInfo that fails", kind: ErrUnreachable, says: "UserInfo", settings: groupsClaim, issuer: func(i *issuer) {
		i.metadata = func(m map[string]any) { m["userinfo_endpoint"] = i.http.URL + "/me" }
		i.userInfo = func(w http.ResponseWriter) { w.WriteHeader(500) }
	}},
}

func groupsClaim(o *Options) { o.Settings.GroupsClaim = "groups" }

func TestHostileAnswers(t *testing.T) {
	for _, c := range hostiles {
		t.Run(c.name, func(t *testing.T) {
			i := newIssuer(t)
			p := i.provider()
			if c.settings != nil {
				p = i.provider(c.settings)
			}
			b := i.begin(p, c.ask)
			if c.issuer != nil {
				c.issuer(i)
				p.known = metadata{}
			}
			back := i.back()
			if c.back != nil {
				c.back(back)
			}
			if c.cookie != nil {
				b.Cookie = c.cookie(b.Cookie)
			}
			a, err := p.Finish(t.Context(), back.Encode(), b.Cookie)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
			if a.Subject != "" {
				t.Error("it names somebody all the same")
			}
			for _, never := range []string{"c0de", "s3cret", b.Cookie, "hostile", "<script>"} {
				if never != "" && strings.Contains(err.Error(), never) {
					t.Errorf("the error tells %q", never)
				}
			}
		})
	}
	if t.Logf("%d answers", len(hostiles)); len(hostiles) < 55 {
		t.Error("too few answers played")
	}
}

// TestMixUp holds that the answer of one provider is none of another's.
func TestMixUp(t *testing.T) {
	honest, evil := newIssuer(t), newIssuer(t)
	corp := honest.provider()
	other := evil.provider(func(o *Options) { o.Settings.Name = "other" })
	atCorp, atOther := honest.begin(corp, Ask{}), evil.begin(other, Ask{})
	cases := map[string]struct {
		p      *Provider
		query  url.Values
		cookie string
	}{
		"the other's cookie":            {corp, honest.back(), atOther.Cookie},
		"the other's state":             {corp, evil.back(), atCorp.Cookie},
		"the answer at the other":       {other, honest.back(), atCorp.Cookie},
		"the code at the other, spoilt": {other, url.Values{"state": evil.back()["state"], "code": {"c0de"}, "iss": {honest.http.URL}}, atOther.Cookie},
	}
	for name, c := range cases {
		if _, err := c.p.Finish(t.Context(), c.query.Encode(), c.cookie); !errors.Is(err, ErrFlow) && !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if honest.posted != nil || evil.posted != nil {
		t.Error("a code was sent to a provider")
	}
	// A token that the other signed, under the same key id.
	honest.token = func(string) string {
		return evil.sign(map[string]any{"alg": "ES256", "kid": "k1"}, map[string]any{"iss": honest.http.URL})
	}
	b := honest.begin(corp, Ask{})
	if _, err := corp.Finish(t.Context(), honest.back().Encode(), b.Cookie); !errors.Is(err, ErrAnswer) {
		t.Errorf("a token of the other: %v", err)
	}
}

// TestGroups plays the shapes in which providers tell groups.
func TestGroups(t *testing.T) {
	cases := []struct {
		claim string
		want  []string
	}{
		{`"admins"`, []string{"admins"}},
		{`["b","a","b",""]`, []string{"a", "b"}},
		{`[{"name":"a","id":1},{"displayName":"b"},{"id":3}]`, []string{"a", "b"}},
		{`{"a":{"1":"x"},"b":{}}`, []string{"a", "b"}},
		{`[]`, nil},
		{`null`, nil},
		{`["/parent/child","a b","ä"]`, []string{"/parent/child", "a b", "ä"}},
		{`["a\u0000b","` + strings.Repeat("x", 256) + `"]`, nil},
	}
	for _, c := range cases {
		got, err := claims{"groups": json.RawMessage(c.claim)}.groups("groups")
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%.60s: %q %v", c.claim, got, err)
		}
	}
	for _, wrong := range []string{`true`, `7`, `[1]`, `[["a"]]`} {
		if got, err := (claims{"groups": json.RawMessage(wrong)}).groups("groups"); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %q %v", wrong, got, err)
		}
	}
	if t.Logf("%d shapes", len(cases)+4); len(cases) < 8 {
		t.Error("too few")
	}
}

// TestKeysRotate holds that a new key is found, and that unknown key ids do not
// make us ask again and again.
func TestKeysRotate(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	in := func() error {
		b := i.begin(p, Ask{})
		_, err := p.Finish(t.Context(), i.back().Encode(), b.Cookie)
		return err
	}
	must(t, in())
	i.kid, i.key = "k2", newKey(t)
	if err := in(); err == nil {
		t.Error("the keys were read twice within 30 s")
	}
	i.now = i.now.Add(keysPause)
	must(t, in())
	read := i.keysRead
	i.header = func(h map[string]any) { h["kid"] = "unknown" }
	for range 50 {
		i.now = i.now.Add(time.Second)
		if err := in(); !errors.Is(err, ErrAnswer) {
			t.Fatal(err)
		}
	}
	if i.keysRead-read != 1 {
		t.Errorf("the keys were read %d times within 50 s", i.keysRead-read)
	}
	// While the provider is gone, what is known goes on.
	i.header, i.keys = nil, func() any { return "nonsense" }
	i.now = i.now.Add(keysLife)
	if err := in(); err != nil {
		t.Errorf("with old keys: %v", err)
	}
	if t.Logf("keys read %d times, metadata %d times", i.keysRead, i.metadataRead); i.metadataRead > 2 {
		t.Errorf("metadata read %d times", i.metadataRead)
	}
}

func TestStrongAndRecent(t *testing.T) {
	i := newIssuer(t)
	p := i.provider(func(o *Options) {
		o.Settings.AMR, o.Settings.ACR, o.Settings.MaxAge = []string{"mfa", "hwk"}, []string{"gold"}, time.Hour
	})
	for name, change := range map[string]func(map[string]any){
		"amr": func(c map[string]any) { c["amr"] = []string{"pwd", "hwk"} },
		"acr": func(c map[string]any) { c["acr"] = "gold" },
	} {
		i.claims = func(c map[string]any) { c["auth_time"] = at(0); change(c) }
		b := i.begin(p, Ask{Confirm: true})
		if i.asked.Get("prompt") != "login" || i.asked.Get("max_age") != "0" || i.asked.Get("acr_values") != "gold" {
			t.Errorf("%s: asked with %v", name, i.asked)
		}
		a, err := p.Finish(t.Context(), i.back().Encode(), b.Cookie)
		if err != nil || !a.Confirm || a.AuthTime.Unix() != at(0) {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}

func TestUserInfo(t *testing.T) {
	i := newIssuer(t)
	p := i.provider(groupsClaim)
	i.metadata = func(m map[string]any) { m["userinfo_endpoint"] = i.http.URL + "/me" }
	i.userInfo = func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, `{"sub":"248289761001","groups":["a"],"acr":"gold","email":"mallory@example.com"}`)
	}
	b := i.begin(p, Ask{})
	a, err := p.Finish(t.Context(), i.back().Encode(), b.Cookie)
	must(t, err)
	if !slices.Equal(a.Groups, []string{"a"}) || a.ACR != "" || a.Email != "alice@example.com" {
		t.Errorf("got %+v", a)
	}
}

func TestUnverifiedEmailIsNone(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	for value, want := range map[any]string{true: "alice@example.com", "true": "alice@example.com", false: "", "false": "", nil: "alice@example.com"} {
		claim("email_verified", value)(i)
		b := i.begin(p, Ask{})
		a, err := p.Finish(t.Context(), i.back().Encode(), b.Cookie)
		if err != nil || a.Email != want || a.Verified != (want != "" && value != nil) {
			t.Errorf("email_verified %v: %q %v %v", value, a.Email, a.Verified, err)
		}
	}
}

func TestBackChannel(t *testing.T) {
	good := func(i *issuer) map[string]any {
		return map[string]any{
			"iss": i.http.URL, "aud": "farrier", "iat": at(0), "exp": at(120), "jti": "1", "sub": "248289761001", "sid": "s1",
			"events": map[string]any{logoutEvent: map[string]any{}},
		}
	}
	cases := []struct {
		name, claim string
		value       any
		says        string
	}{
		{"good", "", nil, ""},
		{"without sid", "sid", nil, ""},
		{"without sub", "sub", nil, ""},
		{"without exp", "exp", nil, ""},
		{"no events", "events", nil, "no logout token"},
		{"another event", "events", map[string]any{"x": map[string]any{}}, "no logout token"},
		{"an event that is no object", "events", map[string]any{logoutEvent: 1}, "no logout token"},
		{"a nonce", "nonce", "n", "nonce"},
		{"wrong aud", "aud", "other", "another application"},
		{"wrong iss", "iss", "https://evil.example", "another issuer"},
		{"no jti", "jti", nil, "no id"},
		{"expired", "exp", at(-60), "expired"},
		{"old", "iat", at(-360), "too long ago"},
		{"future", "iat", at(61), "future"},
		{"no iat", "iat", nil, "when it was issued"},
		{"alg none", "alg", "none", "not allowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			i := newIssuer(t)
			p := i.provider()
			claims := good(i)
			header := map[string]any{"alg": "ES256", "kid": "k1", "typ": "logout+jwt"}
			switch {
			case c.claim == "alg":
				header["alg"] = c.value
			case c.claim != "" && c.value == nil:
				delete(claims, c.claim)
			case c.claim != "":
				claims[c.claim] = c.value
			}
			raw := i.sign(header, claims)
			e, err := p.BackChannel(t.Context(), raw)
			if c.says != "" {
				if !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || e.Subject == "" && e.Session == "" {
				t.Fatalf("%+v %v", e, err)
			}
			if _, err := p.BackChannel(t.Context(), raw); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), "used before") {
				t.Errorf("it counts twice: %v", err)
			}
		})
	}
	// Neither subject nor session is wrong in one way only together.
	i := newIssuer(t)
	claims := good(i)
	delete(claims, "sub")
	delete(claims, "sid")
	if _, err := i.provider().BackChannel(t.Context(), i.sign(map[string]any{"alg": "ES256", "kid": "k1"}, claims)); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("of nobody: %v", err)
	}
	if t.Logf("%d tokens", len(cases)+1); len(cases) < 16 {
		t.Error("too few")
	}
}

func TestFrontChannelAndSignOut(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	if e, err := p.FrontChannel(url.Values{"iss": {i.http.URL}, "sid": {"s1"}}); err != nil || e.Session != "s1" {
		t.Errorf("%+v %v", e, err)
	}
	for _, q := range []url.Values{{}, {"iss": {i.http.URL}}, {"sid": {"s1"}}, {"iss": {"https://evil.example"}, "sid": {"s1"}}} {
		if _, err := p.FrontChannel(q); !errors.Is(err, ErrAnswer) {
			t.Errorf("%v: %v", q, err)
		}
	}
	at, err := p.SignOut(t.Context(), "https://console.example.com/login")
	if want := i.http.URL + "/end?client_id=farrier&post_logout_redirect_uri=https%3A%2F%2Fconsole.example.com%2Flogin"; err != nil || at != want {
		t.Errorf("%s %v", at, err)
	}
}

func TestSettings(t *testing.T) {
	good := func() Settings { return Settings{Name: "corp", Issuer: "https://idp.example.com", ClientID: "farrier"} }
	cases := []struct {
		says   string
		change func(*Settings)
	}{
		{"", func(*Settings) {}},
		{"", func(s *Settings) { s.Issuer = "http://127.0.0.1:8080/realms/x" }},
		{"name", func(s *Settings) { s.Name = "Corp" }},
		{"name", func(s *Settings) { s.Name = "../x" }},
		{"clientId", func(s *Settings) { s.ClientID = "" }},
		{"issuer is missing", func(s *Settings) { s.Issuer = "" }},
		{"https://", func(s *Settings) { s.Issuer = "http://idp.example.com" }},
		{"no plain URL", func(s *Settings) { s.Issuer = "https://u:p@idp.example.com" }},
		{"no plain URL", func(s *Settings) { s.Issuer = "https://idp.example.com?x=1" }},
		{"scopes", func(s *Settings) { s.Scopes = []string{"profile email"} }},
		{"algorithms", func(s *Settings) { s.Algorithms = []string{"HS256"} }},
		{"algorithms", func(s *Settings) { s.Algorithms = []string{"none"} }},
		{"maxAge", func(s *Settings) { s.MaxAge = -1 }},
	}
	for _, c := range cases {
		s := good()
		c.change(&s)
		if err := s.Check(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.says, err)
		}
	}
	if t.Logf("%d settings", len(cases)); len(cases) < 13 {
		t.Error("too few")
	}
}

func TestMetadataThatLies(t *testing.T) {
	cases := map[string]func(map[string]any){
		"another issuer":     func(m map[string]any) { m["issuer"] = "https://evil.example" },
		"a plain token end":  func(m map[string]any) { m["token_endpoint"] = "http://evil.example/token" },
		"no keys":            func(m map[string]any) { delete(m, "jwks_uri") },
		"a script as an end": func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"a script to leave":  func(m map[string]any) { m["end_session_endpoint"] = "javascript:alert(1)" },
	}
	for name, lie := range cases {
		i := newIssuer(t)
		i.metadata = lie
		p := i.provider()
		for range 3 {
			if _, err := p.Begin(t.Context(), Ask{}); !errors.Is(err, ErrUnreachable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if i.metadataRead != 1 {
			t.Errorf("%s: asked %d times within %s", name, i.metadataRead, holdOff)
		}
	}
}

func FuzzFinish(f *testing.F) {
	f.Add("state=x&code=y", "e30.AAAA")
	f.Add("error=access_denied", "")
	p, err := New(Options{
		Settings: Settings{Name: "corp", Issuer: "https://127.0.0.1:1", ClientID: "farrier"}, Redirect: "https://x/", Key: make([]byte, 32),
		Once: (&issuer{}).once, HTTP: &http.Client{Timeout: time.Second}, Now: time.Now,
	})
	must(f, err)
	f.Fuzz(func(t *testing.T, query, cookie string) {
		if _, err := p.Finish(t.Context(), query, cookie); !errors.Is(err, ErrFlow) {
			t.Errorf("%q %q: %v", query, cookie, err)
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add(`{"sub":"a","groups":["x"]}`)
	f.Add(`{"sub":"a","sub":"b"}`)
	f.Add(`{"groups":{"a":1}} `)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse([]byte(text))
		if err != nil {
			return
		}
		groups, err := c.groups("groups")
		if err == nil && (len(groups) > maxGroups || !slices.IsSorted(groups)) {
			t.Errorf("%q", groups)
		}
		_, _ = c.when("exp")
		_, _ = c.texts("aud")
	})
}
