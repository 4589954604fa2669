package taint

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// randomXML writes processors of all kinds, sensibly or not, into one another.
func randomXML(t *rapid.T, depth int) string {
	names := []string{
		"set-payload", "set-variable", "remove-variable", "flow-ref", "choice", "when", "otherwise", "foreach", "parallel-foreach", "scatter-gather", "route",
		"try", "error-handler", "on-error-continue", "on-error-propagate", "raise-error", "async", "until-successful", "logger", "first-successful",
		"ee:transform", "ee:message", "ee:set-payload", "ee:variables", "ee:set-variable", "ee:cache", "ee:dynamic-evaluate",
		"db:select", "db:sql", "http:request", "http:headers", "http:listener", "http:response", "http:body", "os:store", "os:value", "os:retrieve",
		"vm:publish", "vm:publish-consume", "vm:content", "vm:listener", "validation:is-true", "validation:matches-regex", "validation:all",
		"batch:job", "batch:process-records", "batch:step", "batch:aggregator", "batch:on-complete", "java:invoke-static", "java:args",
		"apikit:router", "acme:any", "parse-template", "file:read", "sftp:list", "scripting:execute", "enricher", "splitter", "poll",
	}
	values := []string{
		"#[payload]", "#[payload.a]", "#[vars]", "#[vars.a]", "#[attributes.queryParams.a]", "#[payload ++ vars]", "#[{a: payload, (payload.k): vars.a}]",
		"#[payload map $.a]", "#[['a','b'] contains payload.a]", "#[not (vars.a == 'x')]", "#[error.description]", "#[lookup('a', payload)]", "#[", "#[]", "x", "a", "b",
		"${p}", "${secure::p}", "#['a' ++ payload.a]", "x #[payload] y #[vars.a]", "#[payload.a matches /[a-z]+/]", "#[message]", "",
	}
	attrs := []string{"value", "variableName", "name", "expression", "collection", "target", "targetValue", "path", "url", "key", "queueName", "type", "description", "regex", "config-ref", "ref", "location"}
	var b strings.Builder
	for range rapid.IntRange(0, 5).Draw(t, "n") {
		n := rapid.SampledFrom(names).Draw(t, "name")
		b.WriteString("<" + n)
		for _, a := range rapid.SliceOfNDistinct(rapid.SampledFrom(attrs), 0, 3, rapid.ID).Draw(t, "attributes") {
			b.WriteString(" " + a + `="` + rapid.SampledFrom(values).Draw(t, "value") + `"`)
		}
		b.WriteString(">")
		if depth > 0 && rapid.Bool().Draw(t, "inner") {
			b.WriteString(randomXML(t, depth-1))
		} else {
			b.WriteString(rapid.SampledFrom(values).Draw(t, "text"))
		}
		b.WriteString("</" + n + ">")
	}
	return b.String()
}

// TestRandom runs what nobody would write: it ends, and every hit has a whole way.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		xml := `<flow name="a"><http:listener path="/a/*"/>` + randomXML(rt, 3) + `</flow><sub-flow name="b">` + randomXML(rt, 3) + `</sub-flow>` +
			`<flow name="x"><vm:listener queueName="x"/>` + randomXML(rt, 2) + `</flow>`
		r := analysed(t, projectCase{xml: xml})
		for i := range r.Hits {
			h := &r.Hits[i]
			if h.Sink == nil || h.Source == nil || len(h.Way) < 2 || h.At.File == nil || h.Way[0].At.File == nil {
				rt.Fatalf("a hit that is not whole: %+v", h)
			}
		}
	})
}
