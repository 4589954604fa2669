package clientid

import (
	"encoding/json"
	"testing"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

func TestWarnings(t *testing.T) {
	for settings, want := range map[string]int{
		`{}`:                             1,
		`{"clientSecretExpression": ""}`: 1,
		`{"clientSecretExpression": "#[attributes.headers.s]"}`:                                 0,
		`{"credentialsOriginHasHttpBasicAuthenticationHeader":"httpBasicAuthenticationHeader"}`: 0,
		`[]`: 0,
	} {
		if got := warn(json.RawMessage(settings)); len(got) != want {
			t.Errorf("%s: %q", settings, got)
		}
	}
}

func TestBasicCredentials(t *testing.T) {
	cases := []struct{ header, id, secret string }{
		{"Basic YTpi", "a", "b"},
		{"basic  YTpi", "a", "b"},
		{"Basic YTpiOmM=", "a", "b:c"},
		{"Basic YTo=", "a", ""},
		{"Basic YQ==", "a", ""},
		{"Basic YTpiOmM", "", ""},  // padding is missing
		{"Basic YTpiOmN=", "", ""}, // spare bits are set
		{"Basic", "", ""},
		{"Bearer YTpi", "", ""},
		{"BasicYTpi", "", ""},
	}
	for _, c := range cases {
		if id, secret := basicCredentials([]traffic.Field{{Value: c.header}}); id != c.id || secret != c.secret {
			t.Errorf("%q: %q %q", c.header, id, secret)
		}
	}
	if id, _ := basicCredentials([]traffic.Field{{Value: "Basic YTpi"}, {Value: "Basic YTpi"}}); id != "" {
		t.Error("two headers are taken")
	}
	t.Logf("read %d headers", len(cases))
}

func BenchmarkRequest(b *testing.B) {
	compiled, err := compile(json.RawMessage(`{"clientSecretExpression":"#[attributes.headers['client_secret']]"}`))
	if err != nil {
		b.Fatal(err)
	}
	clients, err := policy.NewClients([]*policy.Client{policy.NewClient("0123456789abcdef", "app", "s3cret", "Gold", nil)})
	if err != nil {
		b.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{Clients: clients})
	if err != nil {
		b.Fatal(err)
	}
	x := &traffic.Exchange{}
	x.Request.Header.Set("client_id", "0123456789abcdef")
	x.Request.Header.Set("client_secret", "s3cret")
	b.ReportAllocs()
	for b.Loop() {
		x.Auth = traffic.Authentication{}
		if step.Request(b.Context(), x).Stops() {
			b.Fatal("refused")
		}
	}
}
