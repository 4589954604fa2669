package rulefile

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

const sound = `id: probe
title: Probe
severity: high
class: nosql
description: What it finds.
fix: How to mend it.
places: [query]
any:
  - rx: 'a+b'
good: [zzz]
bad: [aab]
`

// TestParseErrors takes a sound rule that is wrong in one way.
func TestParseErrors(t *testing.T) {
	if _, err := Parse("rule.yaml", []byte(sound)); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, old, new, want string }{
		{"no YAML", "id: probe", "id: [", "rule.yaml:1: "},
		{"a list", sound, "- id", "rule.yaml:1: not a mapping of fields"},
		{"empty", sound, "", "rule.yaml:1: "},
		{"two documents", "bad: [aab]", "bad: [aab]\n---\nid: b", "more than one document"},
		{"unknown field", "places:", "place:", "rule.yaml:7: place: no such field; there are id, title"},
		{"field twice", "title: Probe", "id: other", "rule.yaml:2: id: stands twice"},
		{"no id", "id: probe\n", "", "id: is missing"},
		{"id of capitals", "id: probe", "id: Probe", `rule.yaml:1: id: "Probe": write at most 64 lower-case`},
		{"id is a number", "id: probe", "id: 7", "id: must be text"},
		{"title empty", "title: Probe", "title: ''", "title: is empty"},
		{"title with quotes", "title: Probe", "title: it's", "title: write one line"},
		{"severity", "severity: high", "severity: grave", `rule.yaml:3: severity: "grave": write critical, high`},
		{"class", "class: nosql", "class: voodoo", `rule.yaml:4: class: "voodoo": there are code, command`},
		{"place", "[query]", "[query, moon]", `rule.yaml:7: places[1]: "moon": there are query, form`},
		{"places are no list", "[query]", "query", "places: must be a list"},
		{"names", "places: [query]", "names: maybe", `names: "maybe": write true, false or only`},
		{"names where there are none", "places: [query]", "places: [body]\nnames: only", "names: these places have no names"},
		{"skip", "places: [query]", "skip: ['a.b']", `skip[0]: "a.b": write a name of letters`},
		{"transformation", "places: [query]", "decode: [rot13]", `rule.yaml:7: decode[0]: "rot13": there are lowercase`},
		{"no pattern", "any:\n  - rx: 'a+b'\n", "", "any: is missing"},
		{"no patterns", "any:\n  - rx: 'a+b'", "any: []", "any: must be a list of at least one"},
		{"unknown pattern", "rx: 'a+b'", "re: 'a+b'", "rule.yaml:9: any[0].re: no such field"},
		{"two kinds in one pattern", "rx: 'a+b'", "{rx: 'a+b', words: [a]}", "any[0]: write one of rx, words and all"},
		{"no RE2", "'a+b'", "'a(?=b)'", "rule.yaml:9: any[0].rx: not a regular expression of RE2: invalid or unsupported"},
		{"matches all", "'a+b'", "'a*'", "any[0].rx: matches the empty text"},
		{"bytes", "'a+b'", `'a+b|\xff'`, "any[0].rx: escapes of bytes"},
		{"unless", "good:", "unless: [{rx: '('}]\ngood:", "unless[0].rx: not a regular expression"},
		{"all in unless", "good:", "unless: [{all: [{rx: q}]}]\ngood:", "unless[0].all: no such field"},
		{"pattern too long", "'a+b'", "'a+b|" + strings.Repeat("x", maxPattern) + "'", "more than 8192; write several rules"},
		{"no good examples", "good: [zzz]\n", "", "good: is missing"},
		{"no bad examples", "bad: [aab]\n", "", "bad: is missing"},
		{"a good example matches", "[zzz]", "[zzz, xaab]", "rule.yaml:10: good[1]: matches and must not"},
		{"a bad example does not match", "[aab]", "[aab, b]", "rule.yaml:11: bad[1]: does not match and must"},
		{"a bad example elsewhere", "[aab]", "[{place: header, name: X, value: aab}]", "bad[0]: does not match"},
		{"place of an example", "[aab]", "[{place: moon, value: aab}]", `bad[0].place: "moon"`},
		{"example without value", "[aab]", "[{place: query}]", "bad[0]: write a name, a value or both"},
		{"too many conjunctions", "  - rx: 'a+b'\n", strings.Repeat("  - all: [{rx: aab}, {rx: b}]\n", 11), "write several rules"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(sound, c.old) {
				t.Fatalf("the sound rule has no %q", c.old)
			}
			_, err := Parse("rule.yaml", []byte(strings.Replace(sound, c.old, c.new, 1)))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not say %q", err, c.want)
			}
			var place *Error
			if !errors.As(err, &place) || place.File != "rule.yaml" || place.Line < 1 {
				t.Errorf("%v names no place", err)
			}
		})
	}
	t.Logf("played %d mistakes", len(cases))
}

func TestLoad(t *testing.T) {
	second := strings.Replace(sound, "id: probe", "id: other", 1)
	rules, err := Load(fstest.MapFS{"b.yaml": {Data: []byte(second)}, "a/x.yml": {Data: []byte(sound)}, "README.md": {Data: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 2 || rules[0].Name != "custom-probe" || rules[0].Number != firstCustom || rules[1].Number != firstCustom+Stride {
		t.Errorf("got %d rules, first %q with number %d", len(rules), rules[0].Name, rules[0].Number)
	}
	_, err = Load(fstest.MapFS{"a.yaml": {Data: []byte(sound)}, "b.yaml": {Data: []byte(sound)}})
	if err == nil || !strings.Contains(err.Error(), "b.yaml:1: id: \"probe\" is the id of the rule in a.yaml") {
		t.Errorf("the same id twice: %v", err)
	}
}

// TestConjunction plays a rule with all, unless, words and skip, here and by
// Coraza.
func TestConjunction(t *testing.T) {
	r, err := Parse("rule.yaml", []byte(`id: probe
title: Probe
severity: critical
class: sqli
description: What it finds.
fix: How to mend it.
places: [query, json, cookie]
names: true
skip: [note]
any:
  - all: [{rx: 'alpha'}, {words: [beta, 'say "gamma"']}]
  - rx: '^delta$'
  - words: ['x.y']
unless:
  - words: [harmless]
good: [alpha, beta, alphabet, xzy, delta harmless, 'x.y harmless', {name: json.0.note, value: x.y}, {name: 'client[Note]', value: x.y}]
bad: [beta alpha, 'alpha SAY "GAMMA"', delta, "a\ndelta\nb", 'a X.Y b', {name: x.y}, {name: notes, value: x.y}, {name: x.y.note, value: a}]
`))
	if err != nil {
		t.Fatal(err)
	}
	r.Number = firstCustom
	waf := oracle(t, []*Rule{r})
	for _, e := range append(append([]Example{}, r.Good...), r.Bad...) {
		if got, want := judge(t, waf, e.Values)[r.Number], r.Match(e.Values); got != want {
			t.Errorf("line %d %q: Coraza says %v, we %v", e.Line, e.Values, got, want)
		}
	}
	if r.Points() != 5 || r.Class.Taxonomy.CWE != 89 {
		t.Errorf("points %d, taxonomy %+v", r.Points(), r.Class.Taxonomy)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("id: &a x\ntitle: *a\nany: [{all: [{words: [a]}]}]\nunless: [{rx: b}]\nskip: [c]\ngood: [{place: query}]\nbad: ['GET /?a=b HTTP/1.1']"))
	f.Add([]byte(strings.Replace(sound, "[aab]", "[\"POST /aab?x=aab HTTP/1.1\\nContent-Type: application/json\\n\\n{}\"]", 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse("rule.yaml", text)
		if err != nil {
			return
		}
		if len(r.Good) == 0 || len(r.Bad) == 0 || r.SecLang(firstCustom) == "" {
			t.Errorf("accepted without examples or condition: %q", text)
		}
		for _, e := range r.Bad {
			if !r.Match(e.Values) {
				t.Errorf("accepted with a bad example that does not match: %q", text)
			}
		}
	})
}
