package importer

import (
	"fmt"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
)

// listed holds that a finding tells the reason.
func listed(t *testing.T, r *Result, why string) {
	t.Helper()
	for _, f := range r.Findings {
		if strings.Contains(f.Why, why) {
			return
		}
	}
	t.Errorf("no finding says %q: %+v", why, r.Findings)
}

func TestHostile(t *testing.T) {
	all := policies(t)
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	api := func(extra string) string {
		return `{"id": 1, "assetId": "a", "technology": "flexGateway", "endpoint": {"proxyUri": "http://0.0.0.0:8081/a", "uri": "http://up:80"}` + extra + `}`
	}
	tests := []struct{ name, text, why string }{
		{"deep", deep, "nested deeper than 64 levels"},
		{"deep inside", `{"apis": [` + api(`, "x": `+deep) + `]}`, "nested deeper than 64 levels"},
		{"two values", `{} {}`, "more than one JSON value"},
		{"no JSON", "\x00\xff", "not readable as JSON"},
		{"a number", `7`, "an object or a list belongs here"},
		{"wrong types", `[{"id": {}, "assetId": ["a"], "technology": 7, "endpoint": "x", "routing": {"a": 1}}]`, "no upstream and no implementation address"},
		{"placeholder", `[{"id": 1, "assetId": "a", "technology": "mule4", "endpoint": {"proxyUri": "http://${host}:${port}/", "uri": "http://${up}"}}]`, "holds placeholders"},
		{"port", `[{"id": 1, "assetId": "a", "technology": "mule4", "endpoint": {"proxyUri": "http://0.0.0.0:99999/", "uri": "http://up"}}]`, "can't be read"},
		{"look-ahead", `[` + api(`, "policies": [{"groupId": "68ef9520-24e9-4cf2-b2f5-620025690913", "assetId": "cors", "configurationData": {}}, {"assetId": "json-threat-protection", "groupId": "68ef9520-24e9-4cf2-b2f5-620025690913", "configurationData": {}, "pointcutData": [{"uriTemplateRegex": "(?!x)"}]}]`) + `]`, "not an RE2 expression"},
		{"tier", `[` + api(`, "tiers": [{"name": "x", "limits": "many"}]`) + `]`, "1 to 10 limits"},
		{"contract", `[` + api(`, "contracts": [{"applicationId": 3, "status": "APPROVED"}]`) + `]`, "its application is not in the export"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Anypoint([]manifest.File{{Name: "x.json", Text: []byte(tt.text)}}, all)
			listed(t, r, tt.why)
			for i := range r.Environments {
				builds(t, all, &r.Environments[i])
			}
		})
	}
	t.Logf("played %d hostile exports", len(tests))
}

// TestNamesLeadNowhere holds that no name becomes a path.
func TestNamesLeadNowhere(t *testing.T) {
	all := policies(t)
	for _, name := range []string{"../../etc/passwd", "/abs", "..", ".", "a/b", `a\b`, "C:", "\x00", "", "-", "x\n## heading"} {
		text := fmt.Sprintf(`[{"id": %q, "name": %q, "type": "sandbox"}, {"id": 5, "environmentId": %q, "assetId": %q, "technology": "mule4", "endpointUri": "http://up"}]`, "e", clean(name), "e", clean(name))
		r := Anypoint([]manifest.File{{Name: "../" + name + "/x.json", Text: []byte(text)}}, all)
		if len(r.Environments) == 0 {
			t.Errorf("%q: nothing was imported", name)
		}
		for i := range r.Environments {
			e := &r.Environments[i]
			if e.Name == "" || slug(e.Name) != e.Name {
				t.Errorf("%q: the folder %q", name, e.Name)
			}
			builds(t, all, e)
		}
		if strings.Contains(r.Markdown(), "\n## heading") {
			t.Errorf("%q: it makes a heading of the report", name)
		}
	}
}

func clean(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "\x00", "0"), "\n", " ")
}

// TestManyAPIsOnOnePort holds that none overlaps another, and that it takes little time.
func TestManyAPIsOnOnePort(t *testing.T) {
	all := policies(t)
	const many = 1500
	var list []string
	for i := range many {
		list = append(list, fmt.Sprintf(`{"id": %d, "assetId": "a%d", "technology": "flexGateway", "endpoint": {"proxyUri": "http%s://127.0.0.1:8081/%s", "uri": "http://up%d"}}`,
			i, i%700, map[bool]string{true: "s"}[i%50 == 0], strings.Repeat("x/", i%4), i))
	}
	r := Anypoint([]manifest.File{{Name: "apis.json", Text: []byte("[" + strings.Join(list, ",") + "]")}}, all)
	builds(t, all, &r.Environments[0])
	apis := 0
	for _, d := range r.Environments[0].Documents {
		if d.Kind == "ApiInstance" {
			apis++
		}
	}
	if apis != many {
		t.Errorf("%d of %d APIs were imported", apis, many)
	}
}

func FuzzAnypoint(f *testing.F) {
	seeds(f)
	fuzz(f, Anypoint)
}

func FuzzFlex(f *testing.F) {
	seeds(f)
	f.Add([]byte("kind: Service\nmetadata: {name: a}\nspec: {address: http://a}\n---\n&a [*a]"))
	fuzz(f, Flex)
}

func seeds(f *testing.F) {
	f.Add([]byte(`{"apis": [{"id": 1, "assetId": "a", "technology": "mule4", "endpoint": {"proxyUri": "http://0.0.0.0:8081/a", "uri": "http://up"}, "policies": [{"groupId": "68ef9520-24e9-4cf2-b2f5-620025690913", "assetId": "rate-limiting", "configurationData": {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 1}]}}], "tiers": [{"name": "t", "limits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 1}]}]}]}`))
	f.Add([]byte(`{"items": [{"kind": "ApiInstance", "metadata": {"name": "a"}, "spec": {"address": "http://0.0.0.0:8081", "policies": [{"policyRef": {"name": "tls"}, "config": {"certificate": {"key": "x"}}}]}}]}`))
}

func fuzz(f *testing.F, do func([]manifest.File, *policy.Catalogue) *Result) {
	all := policies(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		r := do([]manifest.File{{Name: "production/1/x.json", Text: text}}, all)
		for i := range r.Environments {
			builds(t, all, &r.Environments[i])
		}
		_ = shown(t, r)
		_ = r.Markdown()
	})
}
