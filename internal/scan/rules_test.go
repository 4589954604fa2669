package scan

import (
	"context"
	"flag"
	"maps"
	"reflect"
	"slices"
	"testing"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/selector"
)

// leastRules is how many rules there must be. It only ever grows.
const leastRules = 150

var onlyRule = flag.String("rule", "", "play the examples of this rule alone")

// TestRules plays the examples of every rule: the bad ones are found as often and
// where they say, the good ones never, and what is repaired is found no more.
func TestRules(t *testing.T) {
	rules, err := readRules(builtin, "rules", "rules", true)
	if err != nil {
		t.Error(err)
	}
	set, err := newRules(rules)
	if err != nil {
		t.Error(err)
	}
	played, repaired := 0, 0
	for _, x := range set.all {
		if *onlyRule != "" && *onlyRule != x.ID {
			continue
		}
		t.Run(x.ID, func(t *testing.T) {
			p := set.planFor(x)
			p.strict = true
			for _, problem := range provenBy(context.Background(), x, p) {
				t.Error(problem)
			}
		})
		played += len(x.bad) + len(x.good)
		for _, e := range x.bad {
			if e.fixed != "" {
				repaired++
			}
		}
	}
	t.Logf("played %d rules with %d examples, %d of them with a repair written out", len(set.all), played, repaired)
	if len(set.all) < leastRules || *onlyRule == "" && played < 2*leastRules {
		t.Errorf("there are %d rules and %d examples, at least %d rules with two examples each are expected", len(set.all), played, leastRules)
	}
}

// TestTaxonomy holds that auditors find each rule in their lists: in those of weaknesses,
// of NIST and of the card schemes; in the others where they fit.
func TestTaxonomy(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range set.all {
		if x.Taxonomy.CWE == 0 || x.Taxonomy.OWASP2023 == "" {
			t.Errorf("%s needs cwe and owasp 2023", x.ID)
		}
		for _, standard := range []string{"nist-800-53-r5", "pci-dss-4.0"} {
			if len(x.Taxonomy.Controls[standard]) == 0 {
				t.Errorf("%s needs controls of %s", x.ID, standard)
			}
		}
		for standard, controls := range x.Taxonomy.Controls {
			if len(controls) == 0 || finding.Standards()[standard] == "" {
				t.Errorf("%s has no controls of %s, or that is no standard", x.ID, standard)
			}
		}
	}
}

// TestPrefixesAreListed: a prefix that is not listed stands for a connector of the
// user's; in rules that are built in it would be a slip of the pen.
func TestPrefixesAreListed(t *testing.T) {
	listed := map[string]bool{}
	for _, space := range selector.Prefixes() {
		listed[space] = true
	}
	rules, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, x := range rules.all {
		var used []document.Name
		for _, m := range x.matches {
			used = append(used, m.selector.Names()...)
		}
		for _, s := range x.sinks {
			used = append(used, s.Elements...)
		}
		for _, name := range used {
			if names++; name.Space != selector.Any && !listed[name.Space] {
				t.Errorf("%s names %s in %s, which selector.Prefixes does not list", x.ID, name.Local, name.Space)
			}
		}
	}
	if t.Logf("%d names", names); names < 200 {
		t.Error("too few")
	}
}

// TestBriefRules holds that rules without their examples are the same otherwise.
func TestBriefRules(t *testing.T) {
	whole, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	brief, err := BuiltinBrief()
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, x := range whole.all {
		y := brief.byID[x.ID]
		if y == nil {
			t.Errorf("there is no %s", x.ID)
			continue
		}
		info, short := x.info(), y.info()
		info.Bad, info.Good = nil, nil
		// A field behind the examples would be lost.
		if !reflect.DeepEqual(info, short) || !slices.Equal(x.unless, y.unless) || !maps.Equal(x.options, y.options) ||
			len(x.matches) != len(y.matches) || len(x.sinks) != len(y.sinks) || (x.check == nil) != (y.check == nil) || (x.repair == nil) != (y.repair == nil) {
			t.Errorf("%s is not the same without its examples", x.ID)
		}
		same++
	}
	t.Logf("%d rules", same)
	if same < 130 || len(whole.all) != len(brief.all) {
		t.Errorf("%d rules, %d of %d in brief", same, len(brief.all), len(whole.all))
	}
}
