package policy_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

func TestParseOutside(t *testing.T) {
	cases := []struct {
		uri, address, path string
		secure             bool
		problem            string
	}{
		{uri: "h2://authz.test:9000", address: "authz.test:9000"},
		{uri: "http://authz.test", address: "authz.test:80"},
		{uri: "https://authz.test/check/", address: "authz.test:443", path: "/check", secure: true},
		{uri: "h2://[::1]:9000", address: "[::1]:9000"},
		{uri: "ftp://authz.test", problem: "scheme"},
		{uri: "authz.test:9000", problem: "scheme"},
		{uri: "h2://:9000", problem: "no host"},
		{uri: "h2://user:secret@authz.test", problem: "user"},
		{uri: "http://authz.test/?a=1", problem: "query"},
		{uri: "http://authz.test/#a", problem: "fragment"},
		{uri: "http://authz.test:port", problem: "not a URL"},
	}
	for _, c := range cases {
		got, err := policy.ParseOutside(c.uri)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: error %v, want %q in it", c.uri, err, c.problem)
			}
			continue
		}
		if err != nil || got.Address != c.address || got.Path != c.path || got.Secure != c.secure {
			t.Errorf("%s: %+v, %v", c.uri, got, err)
		}
	}
	t.Logf("read %d addresses", len(cases))
	for uri, want := range map[string]bool{"h2://authz.test": true, "http://192.0.2.1": true, "https://authz.test": false, "h2://127.0.0.1:1": false, "h2://[::1]:1": false, "http://localhost": false} {
		if o, err := policy.ParseOutside(uri); err != nil || o.Exposed() != want {
			t.Errorf("%s is exposed: %v, %v", uri, o.Exposed(), err)
		}
	}
}

func TestEditFields(t *testing.T) {
	cases := []struct {
		name   string
		action policy.FieldAction
		want   string
	}{
		{"X-A", policy.OverwriteField, "new"},
		{"x-a", policy.AppendField, "old, new"},
		{"x-a", policy.AddFieldIfAbsent, "old"},
		{"x-a", policy.OverwriteFieldIfPresent, "new"},
		{"x-a", policy.RemoveField, ""},
		{"x-b", policy.OverwriteField, "new"},
		{"x-b", policy.AppendField, "new"},
		{"x-b", policy.AddFieldIfAbsent, "new"},
		{"x-b", policy.OverwriteFieldIfPresent, ""},
		{"x-b", policy.RemoveField, ""},
	}
	for _, c := range cases {
		h := traffic.NewHeader(traffic.Field{Name: "x-a", Value: "old"})
		if ignored, err := policy.EditFields(&h, []policy.FieldEdit{{Name: c.name, Value: "new", Action: c.action}}); err != nil || ignored != nil {
			t.Errorf("%v: ignored %v, error %v", c, ignored, err)
		}
		if got := h.Joined(traffic.LowerName(c.name)); got != c.want {
			t.Errorf("%v: got %q", c, got)
		}
	}
	h := traffic.NewHeader(traffic.Field{Name: "x-a", Value: "old"})
	for _, bad := range []policy.FieldEdit{{Name: "x a", Value: "1"}, {Name: "", Value: "1"}, {Name: "x-b", Value: "1\r\nx-c: 2"}} {
		if _, err := policy.EditFields(&h, []policy.FieldEdit{{Name: "x-a", Value: "new"}, bad}); err == nil || h.Get("x-a") != "old" {
			t.Errorf("%q was taken, or what stood before it", bad)
		}
	}
	t.Logf("made %d changes", len(cases)+3)
}

// TestEditFieldsKeepsFraming holds that no change, however written, touches what
// frames a message.
func TestEditFieldsKeepsFraming(t *testing.T) {
	names := []string{"Content-Length", "transfer-encoding", "CONNECTION", "Host", ":path", ":authority", "upgrade", "X_Farrier_User", "te", "Keep-Alive"}
	rapid.Check(t, func(t *rapid.T) {
		h := traffic.NewHeader(traffic.Field{Name: "content-length", Value: "1"}, traffic.Field{Name: "host", Value: "a"})
		edit := policy.FieldEdit{
			Name: rapid.SampledFrom(names).Draw(t, "name"), Value: rapid.String().Draw(t, "value"),
			Action: policy.FieldAction(rapid.IntRange(0, 5).Draw(t, "action")),
		}
		if _, err := policy.EditFields(&h, []policy.FieldEdit{edit}); err != nil {
			t.Fatal(err)
		}
		if h.Len() != 2 || h.Get("content-length") != "1" || h.Get("host") != "a" {
			t.Fatalf("%q changed the framing: %v", edit, h)
		}
	})
}
