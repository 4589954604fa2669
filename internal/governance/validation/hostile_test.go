package validation_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/validation"
	"farrier.dev/farrier/internal/governance/validation/graph"
	"farrier.dev/farrier/internal/spec"
)

// TestRefused holds that what a profile may not say is told at its line.
func TestRefused(t *testing.T) {
	rego := func(code string) string {
		return "targetClass: core.X\nrego: |\n  " + strings.ReplaceAll(code, "\n", "\n  ")
	}
	property := func(constraint string) string {
		return "targetClass: core.X\npropertyConstraints:\n  core.name:\n    " + constraint
	}
	on := func(path string) string {
		return "targetClass: core.X\npropertyConstraints:\n  \"" + path + "\":\n    minCount: 1"
	}
	// The first line of a rule is the sixth of its profile.
	tests := []struct {
		name, rule, want string
	}{
		{"unknown field of a rule", "targetClass: core.X\nrgeo: x", `:7: rule rule: unknown field "rgeo"`},
		{"no target", "not: {rego: $result = true}", ":5: rule rule has no targetClass"},
		{"no condition", "targetClass: core.X", ":6: rule rule says nothing that must hold"},
		{"two conditions", "targetClass: core.X\nrego: $result = true\nor: []", ":7: rule rule has both or and rego"},
		{"else alone", "targetClass: core.X\nrego: $result = true\nelse: {rego: $result = true}", ":6: rule rule has then or else without if"},
		{"if alone", "targetClass: core.X\nif: {rego: $result = true}", ":7: if has no then"},
		{"unknown prefix of a class", "targetClass: cor.X\nrego: $result = true", `:6: targetClass: unknown prefix "cor"`},
		{"unknown prefix in a message", "message: \"{{cor.x}}\"\ntargetClass: core.X\nrego: $result = true", `:6: the message names cor.x: unknown prefix`},
		{"unknown prefix of a path", on("cor.name"), `:8: path "cor.name": unknown prefix "cor"`},
		{"no prefix", on("name"), `:8: path "name": "name" is no name of the form prefix.name`},
		{"path without an end", on("core.name /"), `:8: path "core.name /": a property is missing`},
		{"parenthesis left open", on("(core.name"), `a parenthesis is not closed`},
		{"something behind a path", on("core.name core.x"), `"core.x" stands behind the path`},
		{"back from parentheses", on("(core.name)^"), `^ stands behind a parenthesis`},
		{"back from an annotation", on("apiExt.x^"), `the way back from an annotation is not known`},
		{"parentheses in parentheses", on(strings.Repeat("(", 100) + "core.name" + strings.Repeat(")", 100)), `nested deeper than`},
		{"long path", property("equalsToProperty: " + strings.Repeat("core.name/", 300) + "core.name"), `the path is longer than`},
		{"unknown constraint", property("minimumCount: 1"), `:9: unknown constraint "minimumCount"`},
		{"count that is none", property("minCount: -1"), `:9: minCount must be a whole number`},
		{"number that is none", property("minInclusive: one"), `:9: minInclusive must be a number`},
		{"pattern of another language", property(`pattern: "(?<=a)b"`), `:9: the pattern is no regular expression of RE2`},
		{"pattern that multiplies", property(`pattern: "((a{100}){100}){100}"`), `:9: the pattern is no regular expression of RE2`},
		{"large pattern", property(`pattern: "(abcdefghijklmnopqrstuvwxyz){1000}"`), `:9: the pattern is too large`},
		{"long pattern", property(`pattern: "` + strings.Repeat("a", 9000) + `"`), `:9: the pattern is longer than`},
		{"list that is none", property(`in: a`), `:9: in must be a list`},
		{"count without validation", property(`atLeast: {count: 1}`), `:9: atLeast needs count and validation`},
		{"deep constraints", "targetClass: core.X\n" + strings.Repeat("not: {", 60) + "rego: $result = true" + strings.Repeat("}", 60), `nested deeper than`},
		{"code without a result", rego("true"), `the Rego does not set $result`},
		{"malformed code", rego("x := \n$result = x +"), `the Rego is wrong`},
		{"place of a mistake in code", rego("x := 1\n$result = y"), `:9: the Rego is wrong: var y is unsafe`},
		{"recursion", rego("$result = data.profile.rule_0[_]"), `recurs`},
		{"recursion of functions", rego("$result = f(1)\n}\nf(x) = y {\n  y := f(x)"), `recurs`},
		{"network", rego(`$result = http.send({"method": "get", "url": "http://127.0.0.1/"})`), `undefined function http.send`},
		{"addresses", rego(`$result = net.lookup_ip_addr("localhost")`), `undefined function net.lookup_ip_addr`},
		{"environment", rego(`$result = opa.runtime()`), `undefined function opa.runtime`},
		{"modules", rego(`$result = rego.parse_module("a", "package a")`), `undefined function rego.parse_module`},
		{"walking", rego(`walk(input, x); $result = x`), `undefined function walk`},
		{"clock", rego(`$result = time.now_ns()`), `undefined function time.now_ns`},
		{"chance", rego(`$result = rand.intn("a", 5)`), `undefined function rand.intn`},
		{"ranges", rego(`$result = numbers.range(1, 1000000000)`), `undefined function numbers.range`},
		{"libraries", "targetClass: core.X\nregoModule: {code: $result = true, libraries: [a]}", `:7: libraries are not read`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := validation.Load(&tree.Source{Name: "p.yaml", Text: profileOf(test.rule)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("refused with %v, want %q", err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), "p.yaml") {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
}

// TestRefusedProfiles holds what is wrong with whole profiles.
func TestRefusedProfiles(t *testing.T) {
	const header = validation.Header + "\n"
	tests := []struct{ name, text, want string }{
		{"no header", "profile: a\n", "p.yaml:1: not a validation profile: the first line must be #%Validation Profile 1.0"},
		{"another version", "#%Validation Profile 2.0\nprofile: a\n", "p.yaml:1: not a validation profile"},
		{"no YAML", header + "a: [", "not YAML"},
		{"no object", header + "[]", "p.yaml:2: the profile must be an object"},
		{"unknown field", header + "profile: a\nvalidation: {}", `p.yaml:3: the profile: unknown field "validation"`},
		{"no name", header + "violation: []", "the profile has no name"},
		{"a rule that is not there", header + "profile: a\nwarning:\n  - b", "p.yaml:4: rule b is listed, but there is no validation of this name"},
		{"a rule in two lists", header + "profile: a\nwarning: [b]\ninfo: [b]\nvalidations: {b: {targetClass: core.X, rego: $result = true}}", "p.yaml:4: rule b is listed as warning already"},
		{"another profile", header + "profile: a\nextends: b", `p.yaml:3: the profile: unknown field "extends"`},
		{"code of its own", header + "profile: a\nrego_extensions: |\n  f(x) {", "the Rego is wrong"},
	}
	for _, test := range tests {
		_, err := validation.Load(&tree.Source{Name: "p.yaml", Text: []byte(test.text)})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: refused with %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := validation.LoadWith(&tree.Source{Name: "p.yaml", Text: []byte(header + "profile: a")}, map[string]string{"x": "1"}); err == nil || !strings.Contains(err.Error(), "there is no parameter x") {
		t.Errorf("an unknown parameter was %v", err)
	}
}

// manyPaths is an API with many operations.
func manyPaths(n int) []byte {
	var b strings.Builder
	b.WriteString("openapi: 3.0.0\ninfo: {title: A, version: '1', description: " + strings.Repeat("a", 40_000) + "}\npaths:\n")
	for i := range n {
		fmt.Fprintf(&b, "  /path%d:\n    get:\n      operationId: o%d\n      responses: {'200': {description: d}}\n", i, i)
	}
	return []byte(b.String())
}

// doubling is code that applies an expression to its result again and again.
func doubling(expression string) string {
	var b strings.Builder
	b.WriteString("x0 := \"a\"\n    ")
	for i := range 40 {
		fmt.Fprintf(&b, "x%d := "+expression+"\n    ", i+1, "x"+strconv.Itoa(i))
	}
	b.WriteString("$result = count(x40) > 1")
	return b.String()
}

// TestStopped holds that rules that cost too much are stopped, and that they are
// named.
func TestStopped(t *testing.T) {
	api := graph.Build(read(t, spec.OneFile("api.yaml", manyPaths(1000), spec.ProjectLimits{}), "api.yaml"))
	const all = `n := {x | target_class[x] with data.class as "http://a.ml/vocabularies/apiContract#Operation"}` + "\n    "
	large, _, _ := strings.Cut(doubling("replace(%[2]s, \"a\", \"aa\")"), "x20 :=")
	tests := []struct{ name, rule, want string }{
		{"rego", "targetClass: apiContract.WebAPI\nrego: |\n    " + all + `$result = count({[a, b, c] | a := n[_]; b := n[_]; c := n[_]}) > 5`, "rule rule: it took longer than 2s and was stopped"},
		{"paths", "targetClass: apiContract.Operation\npropertyConstraints:\n  core.name:\n    equalsToProperty: " + strings.Repeat("apiContract.supportedOperation^ / apiContract.endpoint^ / apiContract.endpoint / apiContract.supportedOperation / ", 10) + "core.name", "rule rule: it took longer than 2s and was stopped"},
		{"pattern", "targetClass: apiContract.WebAPI\npropertyConstraints:\n  core.description:\n    pattern: \"a{0,999}b\"", "rule rule: a text of 40000 bytes is too long for the pattern"},
		{"text that grows", "targetClass: apiContract.WebAPI\nrego: |\n    " + doubling("concat(\"\", [%[2]s, %[2]s])"), "rule rule: its Rego can not be run: concat: the result is too long"},
		{"wide text", "targetClass: apiContract.WebAPI\nrego: |\n    $result = count(sprintf(\"%0999999d\", [1])) > 1", "rule rule: its Rego can not be run: sprintf: widths must be less than 100"},
		{"JSON that grows", "targetClass: apiContract.WebAPI\nrego: |\n    " + large + "$result = count(json.marshal([x19, x19, x19])) > 1", "rule rule: its Rego can not be run: json.marshal: the result is too long"},
		{"text of lists", "targetClass: apiContract.WebAPI\nrego: |\n    " + large + "$result = count(sprintf(\"%v\", [[x19, x19, x19]])) > 1", "rule rule: its Rego can not be run: sprintf: the result is too long"},
		{"wide text by another name", "targetClass: apiContract.WebAPI\nrego: |\n    $result = count(sprintf(\"%*d\", [999999, 1])) > 1", "rule rule: its Rego can not be run: sprintf: widths must be less than 100"},
		{"replacement that grows", "targetClass: apiContract.WebAPI\nrego: |\n    " + doubling("replace(%[2]s, \"a\", \"aa\")"), "rule rule: its Rego can not be run: replace: the result is too long"},
		{"expression that grows", "targetClass: apiContract.WebAPI\nrego: |\n    " + doubling("regex.replace(%[2]s, \"a\", \"aa\")"), "rule rule: its Rego can not be run: regex.replace: the result is too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: profileOf(test.rule)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Judge(t.Context(), api)
			// On a slow machine a rule's time may end before its text grows too long.
			late := err != nil && strings.Contains(test.want, "the result is too long") && strings.Contains(err.Error(), "it took longer than 2s and was stopped")
			if err == nil || !strings.Contains(err.Error(), test.want) && !late {
				t.Errorf("judged with %v, want %q", err, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: profileOf(tests[0].rule)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Judge(ctx, api); !errors.Is(err, context.Canceled) {
		t.Errorf("a judgement that nobody waits for gave %v", err)
	}
}

// FuzzLoad holds that no profile makes the loader fail otherwise than by an
// error, nor what it loads when it judges.
func FuzzLoad(f *testing.F) {
	archive := parseArchive(f, "constraints.txtar")
	for _, file := range archive.Files[1:] {
		f.Add(string(profileOf(string(file.Data))))
	}
	f.Add(validation.Header + "\nprofile: a\nprefixes: {x: y}\nvalidations: {}\n")
	api := graph.Build(read(f, spec.OneFile("api.yaml", archive.Files[0].Data, spec.ProjectLimits{}), "api.yaml"))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: []byte(text)})
		if err != nil {
			return
		}
		_, _ = p.Judge(t.Context(), api)
	})
}

// FuzzPath holds that no path makes the loader or the judgement fail.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"core.name", "a.b / c.d", "(core.name | core.version) / shapes.x^", "@type", "apiExt.x-y", "((core.name))", "core.name^^", "|", "/", "core.", "é.x",
	} {
		f.Add(path)
	}
	api := graph.Build(read(f, spec.OneFile("api.yaml", manyPaths(3), spec.ProjectLimits{}), "api.yaml"))
	f.Fuzz(func(t *testing.T, path string) {
		rule := "targetClass: apiContract.WebAPI\npropertyConstraints: {" + strconv.Quote(path) + ": {minCount: 1}}"
		p, err := validation.Load(&tree.Source{Name: "p.yaml", Text: profileOf(rule)})
		if err != nil {
			return
		}
		if _, err := p.Judge(t.Context(), api); err != nil {
			t.Error(err)
		}
	})
}
