package risk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/finding"
)

func looker(t testing.TB) *discovery.Looker {
	t.Helper()
	d, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return discovery.NewLooker(d, [32]byte{})
}

// operation is a learned operation with a body of requests and one of answers.
func operation(t testing.TB, method, path, request, reply string) *discovery.Operation {
	t.Helper()
	l := looker(t)
	op := &discovery.Operation{
		Key: discovery.Key{Host: "api.example.com", Method: method, Path: path}, Protocol: discovery.REST, API: "default/shop", BasePath: "/shop",
		Requests: 50, Good: 50, Sampled: 50, Authentication: map[discovery.Authentication]uint64{discovery.JWTBearer: 50},
		Exposure: map[discovery.Exposure]uint64{discovery.Internal: 50}, Sources: map[discovery.Source]uint64{discovery.FromGateway: 50},
	}
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			p := &discovery.Parameter{In: "path", Name: strings.TrimSuffix(name, "}")}
			for i := range 50 {
				p.Values.Observe(l, sensitive.Context{Name: p.Name, In: "path"}, fmt.Sprint(1000+i))
			}
			op.Parameters = append(op.Parameters, p)
		}
	}
	body := func(status int, text string) *discovery.Body {
		b := &discovery.Body{Status: status, Media: "application/json", Count: 50, Read: 50, Schema: &discovery.Schema{}}
		for range 50 {
			if err := b.Schema.ObserveJSON(l, sensitive.Context{In: "body"}, []byte(text), false); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	if request != "" {
		op.Bodies = append(op.Bodies, body(0, request))
	}
	if reply != "" {
		op.Answers = append(op.Answers, body(200, reply))
	}
	return op
}

func names(r risk.Result) string {
	var all []string
	for _, i := range r.Items {
		all = append(all, i.Name)
	}
	return strings.Join(all, " ")
}

// TestScore holds which items count.
func TestScore(t *testing.T) {
	guarded := risk.Facts{Policies: []string{"jwt-validation-flex", "rate-limiting-flex", "spec-validation", "attack-protection"}}
	cases := []struct {
		name  string
		op    *discovery.Operation
		facts risk.Facts
		want  string
		level risk.Level
	}{
		{"harmless", operation(t, "GET", "/shop/health", "", `{"up":true}`), guarded, "", risk.Low},
		{"no policies", operation(t, "GET", "/shop/health", "", `{"up":true}`), risk.Facts{}, "no-rate-limit no-validation no-detection", risk.Low},
		{"nobody knows which", operation(t, "GET", "/shop/health", "", `{"up":true}`), risk.Facts{PoliciesUnknown: true}, "", risk.Low},
		{"card", operation(t, "GET", "/shop/cards/{id}", "", `{"card":"4111111111111111"}`), guarded, "data-response-payment path-id", risk.Low},
		{"shadow", operation(t, "POST", "/shop/x", `{"a":1}`, ""), risk.Facts{States: []discovery.State{discovery.Shadow}, Policies: guarded.Policies}, "shadow writes", risk.Low},
		{"zombie", operation(t, "GET", "/shop/x", "", ""), risk.Facts{States: []discovery.State{discovery.Zombie}, Policies: guarded.Policies}, "zombie", risk.Low},
		{"findings", operation(t, "GET", "/shop/x", "", ""), risk.Facts{Findings: finding.Summary{Critical: 9}, Policies: guarded.Policies}, "findings", risk.Medium},
	}
	public := operation(t, "POST", "/shop/cards/{id}", `{"card":"4111111111111111","email":"ada@example.com"}`, `{"card":"4111111111111111"}`)
	public.Authentication = map[discovery.Authentication]uint64{discovery.NoAuthentication: 50}
	public.Exposure = map[discovery.Exposure]uint64{discovery.Public: 50}
	cases = append(cases, struct {
		name  string
		op    *discovery.Operation
		facts risk.Facts
		want  string
		level risk.Level
	}{"everything", public, risk.Facts{}, "exposure-public no-authentication data-response-payment data-request-payment data-request-personal path-id no-rate-limit no-validation no-detection writes", risk.High})
	for _, c := range cases {
		r := risk.Score(c.op, c.facts, risk.Defaults())
		if names(r) != c.want || r.Level != c.level {
			t.Errorf("%s: %q, %s (%d); want %q, %s", c.name, names(r), r.Level, r.Total, c.want, c.level)
		}
		sum := 0
		for _, i := range r.Items {
			if sum += i.Points; i.Why == "" {
				t.Errorf("%s: %s is not explained", c.name, i.Name)
			}
		}
		if sum != r.Sum || r.Total != min(sum, 100) {
			t.Errorf("%s: the items are %d, the sum %d and the total %d", c.name, sum, r.Sum, r.Total)
		}
	}
}

// TestMoreIsNeverLess holds that a fact that counts never lowers a score.
func TestMoreIsNeverLess(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		op := &discovery.Operation{Key: discovery.Key{Method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(r, "method"), Path: rapid.String().Draw(r, "path")}, Good: 10}
		f := risk.Facts{Findings: finding.Summary{High: rapid.IntRange(0, 5).Draw(r, "high")}}
		before := risk.Score(op, f, risk.Defaults()).Total
		op.Exposure = map[discovery.Exposure]uint64{discovery.Public: 1}
		f.Findings.Critical++
		f.States = append(f.States, discovery.Shadow)
		after := risk.Score(op, f, risk.Defaults())
		if after.Total < before || after.Total > 100 {
			r.Fatalf("%d became %d", before, after.Total)
		}
		risk.Labels(op)
		risk.Proposals(op, f)
	})
}

// TestWeights reads weights strictly.
func TestWeights(t *testing.T) {
	if err := risk.Defaults().Check(); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(risk.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if w, err := risk.ParseWeights(text); err != nil || w != risk.Defaults() {
		t.Errorf("the defaults are read back as %+v (%v)", w, err)
	}
	if w, err := risk.ParseWeights([]byte(`{"zombie": 40, "received": {"card": 1}}`)); err == nil || !strings.Contains(err.Error(), "card") {
		t.Errorf("a name that is none: %+v, %v", w, err)
	}
	if w, err := risk.ParseWeights([]byte("zombie: 40\nreceived: {payment: 30}\n")); err != nil || w.Zombie != 40 || w.Received.Payment != 30 || w.Received.Health != risk.Defaults().Received.Health {
		t.Errorf("%+v, %v", w, err)
	}
	for text, want := range map[string]string{
		"zombie: 101":                 "zombie is 101; it must be from 0 to 100",
		"sent: {personal: -1}":        "sent.personal is -1",
		"medium: 70":                  "medium must be at least 1 and below high",
		"manyParameters: 0":           "manyParameters must be at least 1",
		"zombie: 1\n---\nzombie: 2\n": "one document is expected",
		"zombie: many":                "cannot unmarshal",
	} {
		if _, err := risk.ParseWeights([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	if w, err := risk.ParseWeights(nil); err != nil || w != risk.Defaults() {
		t.Errorf("nothing is read as %+v, %v", w, err)
	}
}

// TestLabels holds which flows operations belong to, and look-alikes that belong to none.
func TestLabels(t *testing.T) {
	cases := []struct{ method, path, request, want string }{
		{"POST", "/v1/login", "", risk.Login},
		{"POST", "/v1/anmelden", "", risk.Login},
		{"POST", "/v1/signIn", "", risk.Login},
		{"GET", "/v1/login-history", "", ""},
		{"POST", "/auth/session", "", risk.Login},
		{"POST", "/go", `{"username":"ada","password":"Tr0ub4dor&3x"}`, risk.Login},
		{"POST", "/logout", "", risk.Logout},
		{"POST", "/users/register", "", risk.Signup},
		{"POST", "/kunden/registrierung", "", risk.Signup},
		{"POST", "/people", `{"email":"ada@example.com","firstName":"Ada","password":"Tr0ub4dor&3x"}`, risk.Signup},
		{"POST", "/password/reset", "", risk.PasswordReset},
		{"POST", "/forgot-password", "", risk.PasswordReset},
		{"POST", "/passwort-vergessen", "", risk.PasswordReset},
		{"POST", "/otp/verify", "", risk.OTP},
		{"POST", "/oauth/token", "", risk.Token},
		{"PUT", "/me/profile", "", risk.Account},
		{"GET", "/admin/users", "", risk.Admin},
		{"POST", "/verwaltung/jobs", "", risk.Admin},
		{"POST", "/payments", "", risk.Payment},
		{"POST", "/zahlungen", "", risk.Payment},
		{"POST", "/x", `{"cardNumber":"4111111111111111"}`, risk.Payment},
		{"GET", "/payments", "", ""},
		{"POST", "/cart/checkout", "", risk.Checkout + " " + risk.Cart},
		{"GET", "/warenkorb", "", risk.Cart},
		{"POST", "/orders/{id}/refund", "", risk.Refund},
		{"POST", "/vouchers/redeem", "", risk.Coupon},
		{"GET", "/products/search", "", risk.Search},
		{"GET", "/búsqueda", "", risk.Search},
		{"GET", "/reports/sales/export", "", risk.Export},
		{"POST", "/documents/upload", "", risk.Upload},
		{"POST", "/v1/chat/completions", "", risk.LLM},
		{"GET", "/orders/{id}", "", ""},
		{"POST", "/orders", `{"sku":"a","count":1}`, ""},
		{"GET", "/paybacks", "", ""},
		{"GET", "/administered-drugs", "", ""},
		{"POST", "/researchers", "", ""},
	}
	for _, c := range cases {
		var got []string
		for _, l := range risk.Labels(operation(t, c.method, c.path, c.request, "")) {
			if got = append(got, l.Name); l.Why == "" {
				t.Errorf("%s %s: %s is not explained", c.method, c.path, l.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s: %q; want %q", c.method, c.path, got, c.want)
		}
	}
	t.Logf("%d operations", len(cases))
}

func proposed(op *discovery.Operation, f risk.Facts) []string {
	var all []string
	for _, p := range risk.Proposals(op, f) {
		all = append(all, p.Policy)
	}
	return all
}

// TestProposals holds which policies are proposed; that they can be applied is tested
// with the catalogue.
func TestProposals(t *testing.T) {
	card := operation(t, "GET", "/shop/cards/{cardId}", "", `{"card":"4111111111111111"}`)
	card.Exposure = map[discovery.Exposure]uint64{discovery.Public: 50}
	all := risk.Proposals(card, risk.Facts{})
	if len(all) == 0 || all[0].Policy != "rate-limiting-flex" || all[0].Why != "public, card data, no rate limit" || !strings.Contains(all[0].Manifest, "path: /cards/[^/]+") || !strings.Contains(all[0].Manifest, "methods: GET|HEAD") {
		t.Errorf("%+v", all)
	}
	if got := proposed(card, risk.Facts{}); !slices.Equal(got, []string{"rate-limiting-flex", "data-masking", "attack-protection"}) {
		t.Errorf("%v", got)
	}
	if got := proposed(card, risk.Facts{Policies: []string{"rate-limiting", "data-masking", "attack-protection", "jwt-validation-flex"}}); !slices.Equal(got, []string{"authorization"}) {
		t.Errorf("%v", got)
	}
	open := operation(t, "POST", "/shop/orders", `{"sku":"a"}`, "")
	open.Authentication = map[discovery.Authentication]uint64{discovery.NoAuthentication: 50}
	if got := proposed(open, risk.Facts{Spec: "openapi: 3.1.0"}); !slices.Equal(got, []string{"client-id-enforcement-flex", "schema-validation", "attack-protection"}) {
		t.Errorf("%v", got)
	}
	if got := proposed(open, risk.Facts{Open: true, PoliciesUnknown: true}); got != nil {
		t.Errorf("%v", got)
	}
	open.API = ""
	if got := proposed(open, risk.Facts{}); got != nil {
		t.Errorf("an operation that no instance serves: %v", got)
	}
}
