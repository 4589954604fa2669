package jsonthreat_test

import (
	"bytes"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/jsonthreat"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, jsonthreat.Policy(), 3) }

// TestLongBodies holds that only JSON must be short: what is longer than the
// inspected part is refused when it is JSON, and streams on when it is not.
func TestLongBodies(t *testing.T) {
	compiled, err := jsonthreat.Policy().Compile([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 1 << 20
	for _, c := range []struct {
		kind, body string
		want       int
	}{
		{"application/json", `"` + strings.Repeat("a", limit-2) + `"`, 0},
		{"application/json", `"` + strings.Repeat("a", limit-1) + `"`, 413},
		{"", "[" + strings.Repeat(" ", limit), 413},
		{"image/png", strings.Repeat("a", 2*limit), 0},
		{"text/plain", strings.Repeat("a", 2*limit), 0},
		{"application/json", strings.Repeat("[", 301) + strings.Repeat("]", 301), 400},
		{"application/json", strings.Repeat("[", 300) + strings.Repeat("]", 300), 0},
	} {
		x := &traffic.Exchange{}
		if c.kind != "" {
			x.Request.Header.Set("content-type", c.kind)
		}
		x.Request.Body.SetSource(strings.NewReader(c.body), int64(len(c.body)))
		if err := x.Request.Body.Load(step.RequestBody.Limit, nil, nil); err != nil {
			t.Fatal(err)
		}
		if v := step.Request(t.Context(), x); v.Answer.Status != c.want {
			t.Errorf("%s of %d bytes: %d (%s), want %d", c.kind, len(c.body), v.Answer.Status, v.Reason, c.want)
		}
	}
}

// FuzzBody holds that no body panics, and that what the policy lets pass as
// JSON begins like JSON.
func FuzzBody(f *testing.F) {
	compiled, err := jsonthreat.Policy().Compile([]byte(`{"maxContainerDepth": 3, "maxStringValueLength": 4}`))
	if err != nil {
		f.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("application/json", []byte(`{"a":["b"]}`))
	f.Add("", []byte("\xef\xbb\xbf[1]"))
	f.Add("text/plain", []byte(" {"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		x := &traffic.Exchange{}
		x.Request.Header.Set("content-type", kind)
		x.Request.Body.SetSource(bytes.NewReader(body), int64(len(body)))
		if err := x.Request.Body.Load(step.RequestBody.Limit, nil, nil); err != nil {
			t.Fatal(err)
		}
		if v := step.Request(t.Context(), x); v.Stops() && v.Answer.Status != 400 && v.Answer.Status != 413 {
			t.Errorf("%q is answered with %d", body, v.Answer.Status)
		}
	})
}
