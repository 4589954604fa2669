package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/discovery"
)

type described struct {
	Paths map[string]map[string]struct {
		Security   []map[string][]string
		Parameters []struct{ In, Name string }
		Responses  map[string]struct {
			Content map[string]any
			Ours    map[string]any `json:"x-farrier-content"`
		}
	}
	Components struct {
		SecuritySchemes map[string]struct{ Type, In, Name, Scheme string }
	}
}

func readBack(t *testing.T, ops []*discovery.Operation, o Options) described {
	t.Helper()
	var d described
	if err := json.Unmarshal(write(t, ops, o), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCredentialsAsSeen holds that a description asks for credentials only under names
// that calls had, and only where nearly all had them.
func TestCredentialsAsSeen(t *testing.T) {
	t.Parallel()
	l := looker(t)
	for _, c := range []struct {
		name           string
		parameters     []string
		authentication map[discovery.Authentication]uint64
		want           string
	}{
		{"a cookie", []string{"cookie token"}, map[discovery.Authentication]uint64{discovery.SessionCookie: 1000}, "cookie token"},
		{"a cookie that was not kept", nil, map[discovery.Authentication]uint64{discovery.SessionCookie: 1000}, ""},
		{"a key", []string{"query api_key", "query limit"}, map[discovery.Authentication]uint64{discovery.APIKey: 1000}, "query api_key"},
		{"a token in the query", []string{"query access_token"}, map[discovery.Authentication]uint64{discovery.Bearer: 1000}, "query access_token"},
		{"a key in its field", nil, map[discovery.Authentication]uint64{discovery.APIKey: 1000}, "header Authorization"},
		{"nearly all", nil, map[discovery.Authentication]uint64{discovery.Basic: 9999, discovery.NoAuthentication: 1}, "http basic"},
		{"most", nil, map[discovery.Authentication]uint64{discovery.Basic: 990, discovery.NoAuthentication: 10}, "http basic, none"},
		{"none", nil, map[discovery.Authentication]uint64{discovery.NoAuthentication: 1000}, ""},
		{"a key that is no proof", []string{"header x-api-key"}, map[discovery.Authentication]uint64{discovery.JWTBearer: 1000}, "http bearer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{}
			for _, p := range c.parameters {
				values[p] = "abcd"
			}
			op := learned(t, l, discovery.Key{Host: "a.example.com", Method: "GET", Path: "/things"}, 60, values, "", `{"a":1}`)
			op.Authentication = c.authentication
			d := readBack(t, []*discovery.Operation{op}, Options{})
			var got []string
			for _, alternative := range d.Paths["/things"]["get"].Security {
				if len(alternative) == 0 {
					got = append(got, "none")
				}
				for name := range alternative {
					s := d.Components.SecuritySchemes[name]
					got = append(got, strings.TrimPrefix(strings.TrimSpace(fmt.Sprint(s.In+s.Scheme+" "+s.Name)), "apiKey "))
					if s.Type == "http" {
						got[len(got)-1] = "http " + s.Scheme
					}
				}
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("security is %q, must be %q", text, c.want)
			}
			for _, p := range d.Paths["/things"]["get"].Parameters {
				if slices.Contains(got, p.In+" "+p.Name) {
					t.Errorf("%v is a credential and a parameter", p)
				}
			}
		})
	}
}

// TestContentNowAndThen holds that content is promised only where answers always have
// it, and that media types that go together elsewhere are allowed.
func TestContentNowAndThen(t *testing.T) {
	t.Parallel()
	l := looker(t)
	op := func(path string, calls int, media ...string) *discovery.Operation {
		op := learned(t, l, discovery.Key{Host: "a.example.com", Method: "GET", Path: path}, calls, nil, "", `{"a":1}`)
		for _, m := range media {
			op.Answers = append(op.Answers, &discovery.Body{Status: 200, Media: m, Count: uint64(calls)})
		}
		return op
	}
	ops := []*discovery.Operation{op("/bare", 40, ""), op("/x", 40, "text/xml"), op("/y", 40, "text/xml"), op("/z", 4)}
	d := readBack(t, ops, Options{})
	bare := d.Paths["/bare"]["get"].Responses["200"]
	if len(bare.Content) != 0 || bare.Ours["application/json"] == nil {
		t.Errorf("answers that are empty at times are described as %v, ours %v", bare.Content, bare.Ours)
	}
	if z := d.Paths["/z"]["get"].Responses["200"].Content; z["text/xml"] == nil {
		t.Errorf("an operation that was called four times answers %v only", z)
	}
	likely := readBack(t, ops, Options{Strictness: discovery.LikelyStrictness})
	if likely.Paths["/bare"]["get"].Responses["200"].Content["application/json"] == nil {
		t.Error("a likely description leaves the content out")
	}
}

// TestHugeDescriptionsAreShort holds that what readers would refuse is written without
// indents, and then without annotations.
func TestHugeDescriptionsAreShort(t *testing.T) {
	t.Parallel()
	l := looker(t)
	var members []string
	for i := range 55 {
		members = append(members, fmt.Sprintf(`"member%d":{"value":%d,"text":"word"}`, i, i))
	}
	var ops []*discovery.Operation
	for i := range 420 {
		body := fmt.Sprintf(`{"own%d":1,%s}`, i, strings.Join(members, ","))
		ops = append(ops, learned(t, l, discovery.Key{Host: "a.example.com", Method: "GET", Path: fmt.Sprintf("/things%d", i)}, 3, nil, "", body))
	}
	text := write(t, ops, Options{})
	if len(text) > roomy || strings.Contains(string(text), "x-farrier-") {
		t.Errorf("%d bytes are written", len(text))
	}
	t.Logf("%d operations in %d bytes", len(ops), len(text))
}
