package extauthz

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) {
	policytest.Play(t, Policy(), 5)
}

// bind makes the step of settings, with state that ends with the test.
func bind(t testing.TB, settings map[string]any) policy.Step {
	t.Helper()
	return bindWith(t, &http.Client{Transport: &http.Transport{}}, settings)
}

func bindWith(t testing.TB, client *http.Client, settings map[string]any) policy.Step {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := Policy().Compile(raw)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]any{}
	t.Cleanup(func() {
		for _, one := range states {
			if err := one.(io.Closer).Close(); err != nil {
				t.Error(err)
			}
		}
	})
	step, err := compiled.Bind(policy.Env{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), HTTP: client,
		State: func(key string, make func() any) any {
			if states[key] == nil {
				states[key] = make()
			}
			return states[key]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// TestHTTPService asks a real service on a real connection.
func TestHTTPService(t *testing.T) {
	var last atomic.Pointer[http.Request]
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last.Store(r)
		switch r.URL.Path {
		case "/slow/x":
			time.Sleep(500 * time.Millisecond)
		case "/cut/x":
			panic(http.ErrAbortHandler)
		case "/long/x":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, strings.Repeat("a", maxAnswer+1))
		case "/gone/x":
			w.WriteHeader(http.StatusGone)
		}
	}))
	defer service.Close()
	cases := []struct {
		path   string
		status int
		reason string
	}{
		{"/good/x", 0, ""},
		{"/slow/x", 403, "did not answer in time"},
		{"/cut/x", 403, "could not be reached or broke off"},
		{"/long/x", 403, "longer than 1 MiB"},
		{"/gone/x", 410, "denies it with status 410"},
	}
	step := bind(t, map[string]any{"uri": service.URL, "serverType": "http", "requestTimeout": 200, "allowedHeaders": []string{"x-a"}})
	for _, c := range cases {
		x := exchange(c.path)
		x.Request.Header.Add("x-a", "1")
		x.Request.Header.Add("x-b", "1")
		v := step.Request(t.Context(), x)
		if v.Answer.Status != c.status || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %d %q, want %d %q", c.path, v.Answer.Status, v.Reason, c.status, c.reason)
		}
		seen := last.Load()
		if seen.Host != "api.test" || seen.Header.Get("X-A") != "1" || seen.Header.Get("X-B") != "" || seen.Header.Get("User-Agent") != "" {
			t.Errorf("%s: the service reads host %s and %v", c.path, seen.Host, seen.Header)
		}
	}
	service.Close()
	if v := step.Request(t.Context(), exchange("/good/x")); v.Answer.Status != 403 || v.Action != traffic.Failed {
		t.Errorf("a service that is gone: %v %d", v.Action, v.Answer.Status)
	}
	t.Logf("asked about %d paths", len(cases)+1)
}

func exchange(path string) *traffic.Exchange {
	x := &traffic.Exchange{ID: traffic.NewID(time.Now()), Received: time.Now()}
	x.Request.Method, x.Request.Path, x.Request.Host, x.Request.Scheme, x.Request.Proto = "GET", path, "api.test", "http", "HTTP/1.1"
	return x
}

func run(t *testing.T, step policy.Step, x *traffic.Exchange) policy.Verdict {
	t.Helper()
	if need := step.RequestBody; need.Mode == policy.Buffered {
		if err := x.Request.Body.Load(need.Limit, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	return step.Request(context.WithoutCancel(t.Context()), x)
}

func TestQueryEdit(t *testing.T) {
	cases := []struct {
		raw    string
		edit   queryEdit
		result string
	}{
		{"a=1&b=2", queryEdit{}, "a=1&b=2"},
		{"a=1&b=2&a=3", queryEdit{remove: []string{"a"}}, "b=2"},
		{"%61=1&b=%20", queryEdit{remove: []string{"a"}}, "b=%20"},
		{"a&A=1", queryEdit{remove: []string{"a"}}, "A=1"},
		{"a=1", queryEdit{set: []parameter{{"a", "x y"}, {"b", "&"}}}, "a=x+y&b=%26"},
		{"a=1", queryEdit{set: []parameter{{"a", "2"}, {"a", "3"}}}, "a=3"},
		{"", queryEdit{set: []parameter{{"a", "2"}}, remove: []string{"b"}}, "a=2"},
	}
	for _, c := range cases {
		if got := c.edit.apply(c.raw); got != c.result {
			t.Errorf("%q with %v: %q, want %q", c.raw, c.edit, got, c.result)
		}
	}
	t.Logf("changed %d queries", len(cases))
}

// FuzzQueryEdit holds that a removed parameter is gone for whoever reads the
// query as net/url does, that a set one has its value, and that others stay.
func FuzzQueryEdit(f *testing.F) {
	f.Add("a=1&b=2", "a", "b", "v")
	f.Add("%61=1&&a", "a", "c", "&=")
	f.Add("a=%zz&b", "a", "a", "")
	f.Fuzz(func(t *testing.T, raw, gone, name, value string) {
		if strings.ContainsAny(raw, ";\x00 \r\n") || gone == name {
			return
		}
		edit := queryEdit{set: []parameter{{name, value}}, remove: []string{gone}}
		before, after := values(raw), values(edit.apply(raw))
		if len(after[gone]) > 0 {
			t.Fatalf("%q is still in %q", gone, edit.apply(raw))
		}
		if got := after[name]; len(got) != 1 || got[0] != value {
			t.Fatalf("%q is %q in %q", name, got, edit.apply(raw))
		}
		for other, list := range before {
			if other != gone && other != name && len(after[other]) != len(list) {
				t.Fatalf("%q was %q and is %q", other, list, after[other])
			}
		}
	})
}
