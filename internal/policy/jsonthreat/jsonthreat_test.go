package jsonthreat_test

import (
	"bytes"
	"os"
	"path/filepath"
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

// TestSuite holds that the policy agrees with the JSON test suite: what is valid
// passes (y_), what is invalid is refused (n_), and about the rest (i_) it
// decides one way or the other.
func TestSuite(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "..", "shared", "corpora", "json-test-suite", "test_parsing")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("skipped: the corpus json-test-suite is not beside the repository")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := jsonthreat.Policy().Compile([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	played, passed := map[byte]int{}, map[byte]int{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if len(body) == 0 {
			body = []byte(" ") // without any byte there is no body to judge
		}
		x := &traffic.Exchange{}
		x.Request.Header.Set("content-type", "application/json")
		x.Request.Body.SetSource(bytes.NewReader(body), int64(len(body)))
		if err := x.Request.Body.Load(step.RequestBody.Limit, nil, nil); err != nil {
			t.Fatal(err)
		}
		v := step.Request(t.Context(), x)
		played[name[0]]++
		if !v.Stops() {
			passed[name[0]]++
		}
		if v.Stops() && v.Answer.Status != 400 || name[0] == 'y' && v.Stops() || name[0] == 'n' && !v.Stops() {
			t.Errorf("%s: status %d: %s", name, v.Answer.Status, v.Reason)
		}
	}
	t.Logf("y_: %d of %d pass; n_: %d of %d are refused; i_: %d of %d pass",
		passed['y'], played['y'], played['n']-passed['n'], played['n'], passed['i'], played['i'])
	if played['y'] < 95 || played['n'] < 188 || played['i'] < 30 {
		t.Errorf("played %d, %d and %d files, there should be 95, 188 and 30", played['y'], played['n'], played['i'])
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
