package spectral_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/spec"
)

// bomb is a ruleset, or a document, that would run or grow without end.
type bomb struct {
	name string
	// file is that of the ruleset; rule the name that the error must have.
	file, ruleset, document, rule string
	// why is a part of the error.
	why string
	// allowed is how long the ruleset may take.
	allowed time.Duration
}

const plain = "openapi: 3.0.0\ninfo: {title: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab}\n"

func yamlRule(given, then string) string {
	return "rules:\n  bomb:\n    given: " + given + "\n    then: " + then + "\n"
}

func script(body string) string {
	return "export default { rules: { bomb: { given: '$.info.title', then: { function: (title) => { " + body + " } } } } };"
}

// doubling is a schema whose reading doubles with each of its parts.
func doubling(keyword string) string {
	var b strings.Builder
	b.WriteString("{function: schema, functionOptions: {schema: {$ref: '#/definitions/d0', definitions: {")
	for i := range 40 {
		fmt.Fprintf(&b, "d%d: {%s: [{$ref: '#/definitions/d%d'}, {$ref: '#/definitions/d%d'}]}, ", i, keyword, i+1, i+1)
	}
	b.WriteString("d40: {type: string, maxLength: 1}}}}}")
	return b.String()
}

// laughs is a document whose references double with each of its parts.
func laughs() string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.0\ninfo: {title: t}\ncomponents:\n  schemas:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "    S%d: {a: {$ref: '#/components/schemas/S%d'}, b: {$ref: '#/components/schemas/S%d'}}\n", i, i+1, i+1)
	}
	b.WriteString("    S40: {type: string}\n")
	return b.String()
}

func bombs() []bomb {
	deepSteps := strings.Repeat("..[?(@.a || @.b)]", 30)
	return []bomb{
		{name: "endless loop", file: "r.mjs", ruleset: script("for (;;) {}"), rule: "bomb", why: "longer than"},
		{name: "endless loop that catches", file: "r.mjs", ruleset: script("for (;;) { try { for (;;) {} } catch {} }"), rule: "bomb", why: "longer than"},
		{name: "endless loop when loaded", file: "r.mjs", ruleset: "for (;;) {}\nexport default {rules: {}};", rule: "r.mjs", why: "longer than"},
		{name: "endless getter", file: "r.mjs", ruleset: script("return [{ get message() { for (;;) {} } }];"), rule: "bomb", why: "longer than"},
		{name: "recursion", file: "r.mjs", ruleset: script("const f = () => f(); f();"), rule: "bomb", why: "nested deeper"},
		{name: "text that doubles", file: "r.mjs", ruleset: script("let s = 'x'; for (;;) s += s;"), rule: "bomb"},
		{name: "list that grows", file: "r.mjs", ruleset: script("const l = []; for (;;) l.push('x'.repeat(100000));"), rule: "bomb"},
		{name: "long text", file: "r.mjs", ruleset: script("'x'.repeat(2 ** 30);"), rule: "bomb", why: "longer than"},
		{name: "long list", file: "r.mjs", ruleset: script("new Array(2 ** 32 - 1).fill(0);"), rule: "bomb", why: "longer than"},
		{name: "long list of holes", file: "r.mjs", ruleset: script("const l = []; l.length = 2 ** 32 - 1; l.forEach(() => 1);"), rule: "bomb", why: "longer than"},
		{name: "long arguments", file: "r.mjs", ruleset: script("Math.max.apply(null, { length: 2 ** 31 });"), rule: "bomb", why: "longer than"},
		{name: "nested object", file: "r.mjs", ruleset: script("let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; JSON.stringify(o);"), rule: "bomb", why: "nested deeper"},
		{name: "nested lists", file: "r.mjs", ruleset: script("let o = []; for (let i = 0; i < 1e5; i++) o = [o]; String(o);"), rule: "bomb"},
		{name: "nested result", file: "r.mjs", ruleset: script("let o = []; for (let i = 0; i < 1e5; i++) o = [o]; return [{message: 'm', path: o}];"), rule: "bomb"},
		{name: "script of a text", file: "r.mjs", ruleset: script("(function () {}).constructor('('.repeat(1e6));"), rule: "bomb", why: "made of texts"},
		{name: "nested script", file: "r.mjs", ruleset: "export default " + strings.Repeat("[", 100_000), why: "nested too deep"},
		{name: "chained script", file: "r.mjs", ruleset: "export default " + strings.Repeat("a=>", 100_000), why: "nested too deep"},
		{name: "long script", file: "r.mjs", ruleset: strings.Repeat("if(a)", 300_000), why: "longer than"},
		{name: "script that is slow to read", file: "r.mjs", ruleset: strings.Repeat("if(a)\n", 20_000) + ";export default {rules:{}}", why: "nested too deep"},
		{name: "promise that waits", file: "r.mjs", ruleset: script("return new Promise(() => 1);"), rule: "bomb", why: "never kept"},
		{name: "regular expression of a script", file: "r.mjs", ruleset: script(`/^(?=(a+)+$)/.test(title);`), rule: "bomb", why: "backtracks", allowed: 2 * time.Second},
		{name: "replace of a script", file: "r.mjs", ruleset: script(`title.replace(/(?=(a+)+$)/g, '');`), rule: "bomb"},
		{name: "regular expression", ruleset: yamlRule("$.info.title", `{function: pattern, functionOptions: {match: '^(?=(a+)+$)'}}`), rule: "bomb", why: "backtracks"},
		{name: "regular expression with a back reference", ruleset: yamlRule("$.info.title", `{function: pattern, functionOptions: {match: '^(a*)*(a*)*\1\2c$'}}`), rule: "bomb", why: "backtracks"},
		{name: "regular expression of a filter", ruleset: yamlRule(`"$.info[?(@.match(/^(?=(a+)+$)/))]"`, `{function: falsy}`), rule: "bomb", why: "backtracks"},
		{name: "regular expression of a schema", ruleset: yamlRule("$.info.title", `{function: schema, functionOptions: {schema: {pattern: '^(?=(a+)+$)'}}}`), rule: "bomb", why: "backtracks"},
		{name: "schema that doubles", ruleset: yamlRule("$.info.title", doubling("anyOf")), rule: "bomb"},
		{name: "schema that is itself", ruleset: yamlRule("$.info.title", `{function: schema, functionOptions: {schema: {allOf: [{$ref: '#'}]}}}`), rule: "bomb", why: "refers to itself"},
		{name: "references that double", ruleset: yamlRule(`"$..[?(@path === 'x')]"`, "{function: falsy}"), document: laughs(), rule: "bomb"},
		{name: "parents", ruleset: yamlRule(`"$..*^..*^..*^..*^..*^..*^..*^..*^..*"`, "{function: falsy}"), document: laughs(), rule: "bomb"},
		{name: "many steps at any depth", ruleset: yamlRule(`"$`+deepSteps+`"`, "{function: falsy}"), document: laughs()},
		{name: "aliases that double", ruleset: "aliases: {A: ['#B','#B'], B: ['#C','#C'], C: ['#D','#D'], D: ['#E','#E'], E: ['#F','#F'], F: ['#G','#G'], G: ['#H','#H'], H: ['#I','#I'], I: ['#J','#J'], J: ['#K','#K'], K: ['$','$']}\n" + yamlRule("'#A'", "{function: falsy}"), rule: "bomb", why: "opens out"},
		{name: "alias that is itself", ruleset: "aliases: {A: ['#B'], B: ['#A']}\n" + yamlRule("'#A'", "{function: falsy}"), rule: "bomb", why: "refers to itself"},
		{name: "file that is long", file: "r.mjs", ruleset: "import x from './r.mjs'; export default x;", why: "r.mjs"},
		{name: "modules of Node", file: "r.mjs", ruleset: "import fs from 'node:fs'; export default {rules: {}};", why: "without files", allowed: 10 * time.Second},
		{name: "network", file: "r.mjs", ruleset: script("fetch('https://example.com');"), rule: "bomb", why: "not defined"},
	}
}

// TestBombs holds what Farrier promises of hostile rulesets: each stops in time,
// and the error names the rule.
func TestBombs(t *testing.T) {
	for _, b := range bombs() {
		t.Run(b.name, func(t *testing.T) {
			if b.file == "" {
				b.file = "r.yaml"
			}
			if b.document == "" {
				b.document = plain
			}
			fsys := fstest.MapFS{b.file: {Data: []byte(b.ruleset)}, "api.yaml": {Data: []byte(b.document)}}
			if b.allowed == 0 {
				b.allowed = 400 * time.Millisecond
				if b.why != "" && b.why != "longer than" {
					b.allowed = 5 * time.Second
				}
			}
			begin := time.Now()
			set, err := spectral.Load(spec.NewProject(fsys, spec.ProjectLimits{}), b.file, spectral.Options{Limits: spectral.Limits{Time: b.allowed, Visits: 1_000_000}})
			if err == nil {
				_, err = set.Judge(t.Context(), document(t, spec.NewProject(fsys, spec.ProjectLimits{}), "api.yaml"))
			}
			took := time.Since(begin)
			t.Logf("%v: %v", took, err)
			// With time for a machine that has other things to do.
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			if b.rule == "" && b.why == "" {
				return
			}
			if err == nil || !strings.Contains(err.Error(), b.rule) || !strings.Contains(err.Error(), b.why) {
				t.Errorf("must name %q and say %q: %v", b.rule, b.why, err)
			}
		})
	}
	t.Logf("%d bombs", len(bombs()))
}

// TestHugePattern compiles patterns that would take much memory on an engine
// that writes repetitions out.
func TestHugePattern(t *testing.T) {
	for _, pattern := range []string{
		"(?:(?:a{999}){999}){999}", strings.Repeat("(?:\\\\w{900})", 900), strings.Repeat("(", 3000) + strings.Repeat(")", 3000),
		strings.Repeat("[^\\\\u0000-\\\\uffff]", 1000), strings.Repeat("a?", 4000) + strings.Repeat("a", 4000),
	} {
		fsys := fstest.MapFS{"r.yaml": {Data: []byte(yamlRule("$.info.title", `{function: pattern, functionOptions: {match: "`+pattern+`"}}`))}, "api.yaml": {Data: []byte(plain)}}
		begin := time.Now()
		set, err := spectral.Load(spec.NewProject(fsys, spec.ProjectLimits{}), "r.yaml", spectral.Options{})
		if err == nil {
			_, err = set.Judge(t.Context(), document(t, spec.NewProject(fsys, spec.ProjectLimits{}), "api.yaml"))
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%.40s: took %v", pattern, took)
		}
		if err != nil && !strings.Contains(err.Error(), "bomb") {
			t.Errorf("%.40s: %v", pattern, err)
		}
		t.Logf("%.40s: %.100v", pattern, err)
	}
}
