package jwtvalidation

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/jose/josetest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// pairs are private keys of all kinds, made once: RSA takes its time.
var pairs = sync.OnceValue(josetest.NewPairs)

var encode, publicOf, sign, jwkOf, pemOf = josetest.Encode, josetest.PublicOf, josetest.Sign, josetest.JWK, josetest.PEM

// bound is a step with its surroundings.
type bound struct {
	policy.Step
	states map[string]any
}

func bind(t testing.TB, settings string, client http.RoundTripper, clients ...*policy.Client) *bound {
	t.Helper()
	compiled, err := compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	contracts, err := policy.NewClients(clients)
	if err != nil {
		t.Fatal(err)
	}
	b := &bound{states: map[string]any{}}
	b.Step, err = compiled.Bind(policy.Env{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Clients: contracts, HTTP: &http.Client{Transport: client},
		State: func(key string, make func() any) any {
			if b.states[key] == nil {
				b.states[key] = make()
			}
			return b.states[key]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// send runs the request hook with a bearer token: the status, 0 when it passes,
// and the reason.
func (b *bound) send(t testing.TB, token string) (int, string) {
	t.Helper()
	x := &traffic.Exchange{}
	x.Request.Header.Set("authorization", "Bearer "+token)
	v := b.Request(t.Context(), x)
	return v.Answer.Status, v.Reason
}

// settingsOf writes settings as JSON.
func settingsOf(t testing.TB, settings map[string]any) string {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
