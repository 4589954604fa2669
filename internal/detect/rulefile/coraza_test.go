package rulefile

import (
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"pgregory.net/rapid"
)

// oracle compiles rules by Coraza, another engine of SecLang.
func oracle(t testing.TB, rules []*Rule) coraza.WAF {
	t.Helper()
	var b strings.Builder
	b.WriteString("SecRuleEngine DetectionOnly\nSecRequestBodyAccess Off\nSecAuditEngine Off\nSecRxPreFilter Off\n")
	for _, r := range rules {
		b.WriteString(r.SecLang(r.Number))
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return waf
}

// judge gives the numbers of the rules that match, as multiples of Stride.
func judge(t testing.TB, waf coraza.WAF, values []Value) map[int]bool {
	t.Helper()
	tx := waf.NewTransaction()
	defer tx.Close()
	vars := tx.(plugintypes.TransactionState).Variables()
	set := func(single any, text string) { single.(interface{ Set(value string) }).Set(text) }
	for _, v := range values {
		switch v.Place {
		case "query":
			tx.AddGetRequestArgument(v.Name, v.Text)
		case "form", "json", "xml":
			tx.AddPostRequestArgument(v.Name, v.Text)
		case "path":
			tx.AddPathRequestArgument(v.Name, v.Text)
		case "cookie":
			vars.RequestCookies().(interface{ Add(key, value string) }).Add(v.Name, v.Text)
		case "header", "header-arguments":
			tx.AddRequestHeader(v.Name, v.Text)
		case "user-agent":
			tx.AddRequestHeader("User-Agent", v.Text)
		case "filename":
			vars.Files().Add(v.Name, v.Text)
			vars.FilesNames().Add(v.Name, v.Name)
		case "file-content":
			vars.FilesTmpContent().(interface{ Add(key, value string) }).Add(v.Name, v.Text)
		case "body":
			set(vars.RequestBody(), v.Text)
		case "url":
			set(vars.RequestURIRaw(), v.Text)
		default:
			t.Fatalf("no way to hand over %q", v.Place)
		}
	}
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Fatal(err)
	}
	return numbers(tx.MatchedRules())
}

func numbers(matched []types.MatchedRule) map[int]bool {
	hits := map[int]bool{}
	for _, m := range matched {
		id := m.Rule().ID()
		hits[id-id%Stride] = true
	}
	return hits
}

// TestAgreement plays the examples of all rules against all rules, by this
// package and by Coraza.
func TestAgreement(t *testing.T) {
	rules, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	waf := oracle(t, rules)
	played, matched, others := 0, 0, map[string]int{}
	for _, from := range rules {
		for _, e := range append(append([]Example{}, from.Good...), from.Bad...) {
			hits := judge(t, waf, e.Values)
			for _, r := range rules {
				played++
				want := r.Match(e.Values)
				if want != hits[r.Number] {
					t.Errorf("%s:%d: rule %s: we say %v, Coraza %v", from.File, e.Line, r.ID, want, hits[r.Number])
				}
				if want {
					matched++
				}
			}
		}
		for _, e := range from.Good {
			for _, r := range rules {
				if r != from && r.Match(e.Values) {
					others[from.ID+" < "+r.ID]++
				}
			}
		}
	}
	t.Logf("played %d pairs, %d matches; good examples that other rules match: %v", played, matched, others)
	if played < 500 {
		t.Errorf("only %d pairs were played", played)
	}
}

// TestTransformations compares ours, which serve examples, with Coraza's.
func TestTransformations(t *testing.T) {
	for _, name := range transformations {
		rule := strings.NewReplacer("NAME", name.name).Replace(`
id: probe
title: probe
severity: low
class: protocol
description: probe
fix: probe
places: [query]
decode: [NAME]
any: [{rx: 'a  ?b|< ?d|\+'}]
good: [zzz]
bad: ['a  bx+', a bx+, '++x', 'a  b+', '%2b a  b <d', '%2b < d']
`)
		r, err := Parse("probe.yaml", []byte(rule))
		if err != nil {
			// Which of the examples match depends on the transformation.
			r, err = Parse("probe.yaml", []byte(rule[:strings.Index(rule, "bad:")]+"bad: ['%2b a b a  b <d a  b < d']"))
		}
		if err != nil {
			r, err = Parse("probe.yaml", []byte(rule[:strings.Index(rule, "bad:")]+"bad: ['%2b<d']"))
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Number = firstCustom
		waf := oracle(t, []*Rule{r})
		rapid.Check(t, func(t2 *rapid.T) {
			text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
				"a", "b", "d", " ", "\t", "\n", "\x00", "+", "%", "2b", "%2B", "%u002b", "%uff0b", "%u002", "&lt;", "&#60", "&#x3c;", "<", "/*", "*/", "*", "/", "A", "B", "\u00a0", "é",
			}), 0, 12).Draw(t2, "parts"), "")
			values := []Value{{Place: "query", Name: "q", Text: text}}
			if got, want := r.Match(values), judge(t, waf, values)[r.Number]; got != want {
				t2.Fatalf("%s of %q: we say %v, Coraza %v", name.name, text, got, want)
			}
		})
	}
}
