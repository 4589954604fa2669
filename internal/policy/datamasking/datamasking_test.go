package datamasking

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 4) }

func step(t testing.TB, settings string) policy.Step {
	t.Helper()
	c, err := compile(json.RawMessage(settings))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Bind(policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answer(t testing.TB, body string) *traffic.Exchange {
	t.Helper()
	x := &traffic.Exchange{}
	x.Response.Status = 200
	x.Response.Header.Set("content-type", "application/json")
	if err := x.Response.Body.Replace([]byte(body)); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestNothingLeaks holds that a secret value under a masked name is not in the
// answer, wherever the name stands and whatever stands around it.
func TestNothingLeaks(t *testing.T) {
	const secret = "Tr0ub4dor"
	played := 0
	for _, mask := range []string{`"full"`, `"hash"`, `"remove"`, `"null"`, `"partial","keepLast":1`} {
		s := step(t, `{"hashKey":"0123456789abcdef","fields":[{"path":"/**/secret","mask":`+mask+`}]}`)
		rapid.Check(t, func(t *rapid.T) {
			played++
			var draw func(depth int, hidden bool) any
			draw = func(depth int, hidden bool) any {
				switch k := rapid.IntRange(0, 3).Draw(t, "kind"); {
				case depth == 0 || k == 0:
					if hidden {
						return secret
					}
					return rapid.SampledFrom([]any{"x", 1, nil, true}).Draw(t, "scalar")
				case k == 1:
					return []any{draw(depth-1, hidden), draw(depth-1, hidden)}
				}
				m := map[string]any{}
				for range rapid.IntRange(0, 3).Draw(t, "members") {
					name := rapid.SampledFrom([]string{"a", "b", "secret"}).Draw(t, "name")
					m[name] = draw(depth-1, hidden || name == "secret")
				}
				return m
			}
			body, err := json.Marshal(draw(5, false))
			if err != nil {
				t.Fatal(err)
			}
			x := &traffic.Exchange{}
			x.Response.Header.Set("content-type", "application/json")
			if err := x.Response.Body.Replace(body); err != nil {
				t.Fatal(err)
			}
			if v := s.Response(t.Context(), x); v.Stops() {
				t.Fatal(v.Reason)
			}
			if out := string(x.Response.Body.Bytes()); strings.Contains(out, secret) || !json.Valid([]byte(out)) {
				t.Fatalf("%s becomes %s", body, out)
			}
		})
	}
	t.Logf("played %d", played)
}

// TestEveryClass holds that each kind of data that classify knows can be asked for.
func TestEveryClass(t *testing.T) {
	samples := map[classify.Class]string{
		classify.Email: "ann@example.com", classify.Card: "4111111111111111", classify.IBAN: "DE89370400440532013000",
		classify.SSN: "123-45-6789", classify.Phone: "+49301234567",
	}
	for _, class := range classify.Classes() {
		s := step(t, fmt.Sprintf(`{"detect":[{"types":[%q]}]}`, class))
		sample, ok := samples[class]
		if !ok {
			continue
		}
		x := answer(t, fmt.Sprintf(`{"v":%q,"w":"plain"}`, sample))
		if v := s.Response(t.Context(), x); v.Stops() || string(x.Response.Body.Bytes()) != `{"v":"********","w":"plain"}` {
			t.Errorf("%s: %s", class, x.Response.Body.Bytes())
		}
	}
	t.Logf("%d classes compiled, %d masked", len(classify.Classes()), len(samples))
}

func BenchmarkMask(b *testing.B) {
	body := []byte(`{"customers":[` + strings.Repeat(`{"id":42,"name":"Ann","card":"4111111111111111","tags":["a","b"],"note":"call back on Monday"},`, 20) + `{}]}`)
	for name, settings := range map[string]string{
		"fields": `{"fields":[{"path":"/customers/*/card","mask":"partial","keepLast":4}]}`,
		"detect": `{"detect":[{"types":["card","email","iban","ssn","phone"]}]}`,
	} {
		s := step(b, settings)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			x := answer(b, "{}")
			for b.Loop() {
				if err := x.Response.Body.Replace(body); err != nil {
					b.Fatal(err)
				}
				if v := s.Response(b.Context(), x); v.Stops() {
					b.Fatal(v.Reason)
				}
			}
		})
	}
}
