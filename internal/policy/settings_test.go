package policy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy"
)

const testSchema = `{
	"type": "object", "additionalProperties": false, "required": ["name"],
	"properties": {
		"name": {"type": "string", "minLength": 1},
		"level": {"type": "string", "enum": ["low", "high"]},
		"secure": {"type": "boolean"},
		"limits": {"type": "array", "items": {
			"type": "object", "additionalProperties": false,
			"properties": {"max": {"type": "integer", "minimum": 1}, "note": {"type": "string"}}
		}}
	}
}`

func testPolicy(name string, aliases ...string) policy.Policy {
	return policy.Policy{Name: name, Aliases: aliases, Phase: policy.Shape, Schema: []byte(testSchema)}
}

func entry(t *testing.T) *policy.Entry {
	t.Helper()
	c, err := policy.NewCatalogue([]policy.Policy{testPolicy("test-flex", "probe")})
	if err != nil {
		t.Fatal(err)
	}
	return c.Find("test")
}

func TestCatalogueNames(t *testing.T) {
	c, err := policy.NewCatalogue([]policy.Policy{testPolicy("b-flex", "old-b"), testPolicy("a"), testPolicy("c-mule")})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"b-flex": "b-flex", "b": "b-flex", "b-mule": "b-flex", "old-b": "b-flex", "old-b-flex": "b-flex",
		"a": "a", "a-flex": "a", "c": "c-mule",
	} {
		if found := c.Find(name); found == nil || found.Name != want {
			t.Errorf("%s finds %v, want %s", name, found, want)
		}
	}
	for _, name := range []string{"", "B", "b-flex-flex", "d"} {
		if found := c.Find(name); found != nil {
			t.Errorf("%q finds %s", name, found.Name)
		}
	}
	var names []string
	for _, e := range c.All() {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "a b-flex c-mule" {
		t.Errorf("all are %s", got)
	}
}

func TestCatalogueRefuses(t *testing.T) {
	broken := testPolicy("a")
	broken.Schema = []byte(`{"type": `)
	wrong := testPolicy("a")
	wrong.Schema = []byte(`{"type": "text"}`)
	phaseless := testPolicy("a")
	phaseless.Phase = 0
	for _, c := range []struct {
		policies []policy.Policy
		want     string
	}{
		{[]policy.Policy{testPolicy("a-flex"), testPolicy("a")}, "two policies are called a"},
		{[]policy.Policy{testPolicy("a"), testPolicy("b", "a-mule")}, "two policies are called a-mule"},
		{[]policy.Policy{broken}, "policy a: reading its schema"},
		{[]policy.Policy{wrong}, "policy a: compiling its schema"},
		{[]policy.Policy{phaseless}, "policy a: it has no phase"},
	} {
		if _, err := policy.NewCatalogue(c.policies); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	e := entry(t)
	cases := []struct{ settings, want string }{
		{`{"name": "a", "level": "low", "secure": true, "limits": [{"max": 1}]}`, ""},
		{`{"level": "low"}`, "field name: required, but missing"},
		{`{"name": "a", "nam": "b"}`, "field nam: unknown setting; remove it or correct its name"},
		{`{"name": 1}`, "field name: must be string, not number"},
		{`{"name": ""}`, "field name: must not be empty"},
		{`{"name": "a", "level": "middle"}`, "field level: must be one of low, high"},
		{`{"name": "a", "secure": "yes"}`, "field secure: must be boolean, not string"},
		{`{"name": "a", "limits": [{"max": 1}, {"max": 0}]}`, "field limits[1].max: must be at least 1, not 0"},
		{`{"name": "a", "limits": [{"min": 1}]}`, "field limits[0].min: unknown setting"},
		{`[]`, "must be object, not array"},
		{`null`, "must be object, not null"},
		{`{`, "the settings are not JSON"},
	}
	for _, c := range cases {
		var got []string
		for _, p := range e.Check(json.RawMessage(c.settings)) {
			got = append(got, p.String())
		}
		text := strings.Join(got, "; ")
		if c.want == "" && text != "" || len(got) > 1 || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.settings, text, c.want)
		}
	}
	all := e.Check(json.RawMessage(`{"nam": "b", "secure": 1, "limits": [{"max": "1"}]}`))
	if len(all) != 4 {
		t.Errorf("%d problems, want all 4: %v", len(all), all)
	}
	t.Logf("checked %d settings", len(cases))
}

func TestResolve(t *testing.T) {
	e := entry(t)
	expand := func(text string) (string, error) {
		switch text {
		case "$NAME":
			return "alice", nil
		case "$MAX":
			return "7", nil
		case "$YES":
			return "true", nil
		case "$GONE":
			return "", errors.New("GONE is not set")
		}
		return text, nil
	}
	for _, c := range []struct{ settings, want string }{
		{`{"name":"$NAME"}`, `{"name":"alice"}`},
		{`{"name":"$MAX"}`, `{"name":"7"}`},
		{`{"name":"a","limits":[{"max":"$MAX"}]}`, `{"limits":[{"max":7}],"name":"a"}`},
		{`{"name":"a","secure":"$YES"}`, `{"name":"a","secure":true}`},
		{`{"name":"a","secure":"true"}`, `{"name":"a","secure":"true"}`},
		{`{"name":"a","limits":[{"max":"$NAME"}]}`, `{"limits":[{"max":"alice"}],"name":"a"}`},
		{`{"name":"a","limits":[{"max":12345678901234567890}]}`, `{"limits":[{"max":12345678901234567890}],"name":"a"}`},
	} {
		got, err := e.Resolve(json.RawMessage(c.settings), expand)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", c.settings, got, err, c.want)
		}
	}
	_, err := e.Resolve(json.RawMessage(`{"name":"a","limits":[{},{"note":"$GONE"}]}`), expand)
	if err == nil || !strings.Contains(err.Error(), "field limits[1].note: GONE is not set") {
		t.Errorf("a missing reference: %v", err)
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ settings, want string }{
		{`{"max": 5}`, ""},
		{`{}`, ""},
		{`{"maximum": 5}`, "unknown field"},
		{`{"max": 5} {}`, "something follows"},
		{`{"max": "5"}`, "reading settings"},
		{``, "reading settings"},
	} {
		s := struct {
			Max int `json:"max"`
		}{3}
		err := policy.Decode(json.RawMessage(c.settings), &s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.settings, err, c.want)
		}
		if c.settings == `{}` && s.Max != 3 {
			t.Errorf("the default became %d", s.Max)
		}
	}
}

func TestStructureNeverRuns(t *testing.T) {
	if _, err := (policy.Structure{}).Bind(policy.Env{}); err == nil {
		t.Error("a structural policy was bound")
	}
	for path, want := range map[string]string{
		"": "", "/": "", "/v1/": "", "v1": "begin with a slash", "/a?b": "no query", "/a/%2f": "not a path",
	} {
		err := policy.CheckDestination("destinationPath", path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}
