package seclang

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

const prelude = "SecRuleEngine DetectionOnly\nSecRequestBodyAccess Off\n"

// semantics are rules and an input on which Coraza has the last word.
var semantics = []struct {
	name, rules string
	in          []Value
}{
	{
		"a chain needs both", `
SecRule ARGS "@rx a" "id:1,phase:2,pass,chain,msg:'m'"
SecRule REQUEST_HEADERS:Host "@streq h" "t:lowercase"`,
		[]Value{{ArgsGet, "x", "a"}, {RequestHeaders, "Host", "H"}},
	},
	{
		"captured groups reach later links", `
SecRule ARGS "@rx (\w+)=(\w+)" "id:1,phase:2,pass,capture,chain,log"
SecRule TX:1 "@streq %{TX.2}" "log"`,
		[]Value{{ArgsGet, "x", "b=b"}},
	},
	{
		"a variable is counted up", `
SecAction "id:1,phase:1,pass,setvar:tx.n=1"
SecRule ARGS "@contains x" "id:2,phase:2,pass,setvar:tx.n=+2,log"
SecRule TX:n "@ge 5" "id:3,phase:2,pass,log"
SecRule TX:n "@eq 3" "id:4,phase:2,pass,log"`,
		[]Value{{ArgsGet, "a", "x"}, {ArgsPost, "b", "xx"}},
	},
	{
		"a deleted variable is gone", `
SecAction "id:1,phase:1,pass,setvar:tx.n=1"
SecRule ARGS "@contains x" "id:2,phase:2,pass,setvar:!tx.n=0"
SecRule &TX:n "@eq 0" "id:3,phase:2,pass,log"`,
		[]Value{{ArgsGet, "a", "x"}},
	},
	{
		"skipAfter a marker of another phase", `
SecRule ARGS "@contains x" "id:1,phase:1,pass,skipAfter:END"
SecAction "id:2,phase:1,pass,log"
SecAction "id:3,phase:2,pass,log,setvar:tx.a=1"
SecMarker END
SecRule &TX:a "@eq 0" "id:4,phase:2,pass,log"
SecRule ARGS "@contains x" "id:5,phase:1,pass,log"`,
		[]Value{{ArgsGet, "a", "x"}},
	},
	{
		"skip counts rules", `
SecRule ARGS "@contains x" "id:1,phase:2,pass,skip:2"
SecRule ARGS "@contains x" "id:2,phase:2,pass,log"
SecRule ARGS "@contains x" "id:3,phase:2,pass,log"
SecRule ARGS "@contains x" "id:4,phase:2,pass,log"`,
		[]Value{{ArgsGet, "a", "x"}},
	},
	{
		"ctl takes rules out", `
SecRule REQUEST_METHOD "@streq GET" "id:1,phase:1,pass,ctl:ruleRemoveById=10-11,ctl:ruleRemoveByTag=t,ctl:ruleRemoveByMsg=gone"
SecRule ARGS "@contains x" "id:10,phase:2,pass,log"
SecRule ARGS "@contains x" "id:12,phase:2,pass,log,tag:t"
SecRule ARGS "@contains x" "id:13,phase:2,pass,log,msg:'gone'"
SecRule ARGS "@contains x" "id:14,phase:2,pass,log"`,
		[]Value{{RequestMethod, "", "GET"}, {ArgsGet, "a", "x"}},
	},
	{
		"ctl takes targets out", `
SecRule REQUEST_METHOD "@streq GET" "id:1,phase:1,pass,ctl:ruleRemoveTargetById=10;ARGS:Safe,ctl:ruleRemoveTargetByTag=t;ARGS:/^s/"
SecRule ARGS "@contains x" "id:10,phase:2,pass,log"
SecRule ARGS|ARGS_NAMES "@rx x|s" "id:12,phase:2,pass,log,tag:t"`,
		[]Value{{RequestMethod, "", "GET"}, {ArgsGet, "safe", "x"}, {ArgsGet, "other", "x"}},
	},
	{
		"selectors and exclusions", `
SecRule REQUEST_HEADERS|!REQUEST_HEADERS:/^x-/|!REQUEST_HEADERS:host "@rx ." "id:1,phase:1,pass,log"
SecRule ARGS:/^A/ "@rx ." "id:2,phase:2,pass,log"
SecRule ARGS:ID "@rx ." "id:3,phase:2,pass,log"
SecRule ARGS_NAMES:ID "@rx ." "id:4,phase:2,pass,log"
SecRule ARGS|!ARGS:/^Ab/ "@rx ." "id:5,phase:2,pass,log"
SecRule &REQUEST_HEADERS:x-one|&ARGS "@gt 1" "id:6,phase:2,pass,log"`,
		[]Value{
			{RequestHeaders, "Host", "h"},
			{RequestHeaders, "X-One", "1"},
			{RequestHeaders, "X-ONE", "2"},
			{RequestHeaders, "Via", "v"},
			{ArgsGet, "Abc", "1"},
			{ArgsPost, "abd", "2"},
			{ArgsPath, "Id", "3"},
		},
	},
	{
		"multiMatch looks at every form", `
SecRule ARGS "@rx ^%41$" "id:1,phase:2,pass,log,multiMatch,t:urlDecodeUni,t:lowercase"
SecRule ARGS "@rx ^A$" "id:2,phase:2,pass,log,multiMatch,t:urlDecodeUni,t:lowercase"
SecRule ARGS "@rx ^A$" "id:3,phase:2,pass,log,t:urlDecodeUni,t:lowercase"`,
		[]Value{{ArgsGet, "a", "%41"}},
	},
	{
		"negation", `
SecRule ARGS "!@rx ^[a-z]+$" "id:1,phase:2,pass,log"
SecRule REQUEST_METHOD "!@within GET POST" "id:2,phase:1,pass,log"
SecRule ARGS "!@pm x y" "id:3,phase:2,pass,log"`,
		[]Value{{ArgsGet, "a", "abc"}, {ArgsGet, "b", "1"}, {RequestMethod, "", "PUT"}},
	},
	{
		"what matched is known to the next link", `
SecRule ARGS "@contains x" "id:1,phase:2,pass,log,chain,setvar:'tx.where_%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'"
SecRule MATCHED_VARS "@contains y" "chain"
SecRule TX:/^where_/ "@contains x"
SecRule TX:where_args:a "@rx ." "id:2,phase:2,pass,log"`,
		[]Value{{ArgsGet, "a", "xy"}, {ArgsGet, "b", "x"}},
	},
	{
		"targets and actions are updated", `
SecRule ARGS "@contains x" "id:1,phase:2,pass,log"
SecRule ARGS "@contains x" "id:2,phase:2,pass,log,tag:t"
SecRule ARGS "@contains X" "id:3,phase:2,pass,log"
SecRule ARGS "@contains x" "id:4,phase:2,pass,log"
SecRuleUpdateTargetById 1 "!ARGS:a"
SecRuleUpdateTargetByTag t "REQUEST_COOKIES"
SecRuleUpdateActionById 3 "t:uppercase"
SecRuleRemoveById 4`,
		[]Value{{ArgsGet, "a", "x"}, {RequestCookies, "c", "x"}},
	},
	{"what is missing is empty", `
SecRule REQUEST_BODY "!@rx ." "id:1,phase:2,pass,log"
SecRule REQBODY_ERROR "@eq 0" "id:2,phase:2,pass,log"
SecRule ARGS "!@rx ." "id:3,phase:2,pass,log"
SecRule TX:0 "@streq" "id:4,phase:2,pass,log"`, nil},
}

// TestSemantics plays small rules with and without the sieve against Coraza.
func TestSemantics(t *testing.T) {
	for _, c := range semantics {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(c.rules, `"@streq"`) {
				c.rules = strings.ReplaceAll(c.rules, `TX:0 "@streq"`, `TX:0 "!@rx ."`)
			}
			sameAsCoraza(t, prelude+c.rules, &Input{Values: c.in})
		})
	}
	t.Logf("%d sets of rules", len(semantics))
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func sameAsCoraza(t failer, rules string, in *Input) {
	t.Helper()
	o, err := corazaOf(rules)
	if err != nil {
		t.Fatalf("the oracle refuses the rules: %v", err)
	}
	for _, exact := range []bool{true, false} {
		s, err := Compile(fstest.MapFS{}, []Source{{"rules", rules}}, Options{Exact: exact})
		if err != nil {
			t.Fatalf("compiling: %v", err)
		}
		got := s.fired(in)
		var lost, extra []string
		for range retries {
			if lost, extra = compare(s, got, o.run(in)); len(lost)+len(extra) == 0 {
				break
			}
		}
		if len(lost)+len(extra) > 0 {
			t.Fatalf("exact %v: lost %q, extra %q; folded %v\n%s\n%+v", exact, lost, extra, s.folded, rules, in.Values)
		}
	}
}

// TestRandomRules draws rules that set and read variables, skip, chain and take
// one another out, and compares with Coraza.
func TestRandomRules(t *testing.T) {
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		rules := prelude
		skips := rapid.Bool().Draw(t, "skips") // or ruleRemoveById, see differences.md
		n := rapid.IntRange(2, 9).Draw(t, "rules")
		for i := range n {
			rules += drawRule(t, i+1, n, skips)
		}
		rules += "SecMarker END\nSecAction \"id:98,phase:2,pass,nolog\"\n"
		var in Input
		for range rapid.IntRange(0, 4).Draw(t, "values") {
			in.Values = append(in.Values, Value{
				rapid.SampledFrom([]Collection{ArgsGet, ArgsPost, RequestHeaders, RequestCookies}).Draw(t, "in"),
				rapid.SampledFrom([]string{"a", "B", "ab"}).Draw(t, "key"),
				rapid.SampledFrom([]string{"x", "y", "XY", "1", "%78", " x "}).Draw(t, "text"),
			})
		}
		sameAsCoraza(t, rules, &in)
		played++
	})
	t.Logf("%d sets of rules", played)
}

func drawRule(t *rapid.T, id, n int, skips bool) string {
	draw := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	phase := draw("phase", "1", "2", "2")
	target := func() string {
		return draw("target", "ARGS", "ARGS:a", "ARGS_NAMES", "REQUEST_HEADERS|REQUEST_COOKIES", "TX:v", "TX:w", "&TX:v", "&ARGS",
			"ARGS|!ARGS:a", "TX:/^v/", "REQUEST_HEADERS:/^a/", "ARGS|!ARGS:/^a/", "REQUEST_METHOD")
	}
	operator := func() string {
		return draw("operator", "@rx x", "@rx ^(.)", "@contains x", "!@contains x", "@eq 1", "@ge 2", "@streq %{tx.v}", "@pm x y", "!@rx ^x", "@lt %{tx.w}", "@within xyz1")
	}
	effect := func() string {
		return draw("effect", "", "", "", ",setvar:tx.v=1", ",setvar:tx.v=+1", ",setvar:tx.w=%{tx.v}", ",setvar:!tx.v=0", ",setvar:tx.v=%{MATCHED_VAR}",
			",capture", ",t:lowercase", ",t:urlDecodeUni,t:trim", ",multiMatch,t:urlDecodeUni,t:lowercase", ",setvar:tx.v_%{tx.v}=2", ",capture,setvar:tx.w=%{tx.1}")
	}
	flows := []string{"", "", "", ",skipAfter:END", fmt.Sprintf(",ctl:ruleRemoveTargetById=%d;ARGS:a", n)}
	if skips {
		flows = append(flows, ",skip:1", ",skip:3")
	} else {
		flows = append(flows, fmt.Sprintf(",ctl:ruleRemoveById=%d", n), fmt.Sprintf(",ctl:ruleRemoveById=2-%d", max(2, n/2)))
	}
	flow := draw("flow", flows...)
	logged := draw("log", "log", "log,severity:'ERROR'", "nolog")
	actions := fmt.Sprintf("id:%d,phase:%s,pass,%s%s%s", id, phase, logged, effect(), flow)
	if draw("kind", "rule", "rule", "rule", "rule", "action") == "action" {
		return fmt.Sprintf("SecAction \"%s\"\n", actions)
	}
	out := fmt.Sprintf("SecRule %s \"%s\" \"%s", target(), operator(), actions)
	for range rapid.IntRange(0, 5).Draw(t, "links") - 3 {
		out += fmt.Sprintf(",chain\"\nSecRule %s \"%s\" \"t:none%s", draw("link", "MATCHED_VARS", "TX:1", "TX:v", "ARGS", "MATCHED_VAR_NAME", "MATCHED_VAR"), operator(), effect())
	}
	return out + "\"\n"
}

// TestRefused has what is wrong in exactly one way.
func TestRefused(t *testing.T) {
	files := fstest.MapFS{"loop.conf": {Data: []byte("Include loop.conf\n")}, "bad.conf": {Data: []byte("\nSecRule ARGS \"@rx (\" \"id:1\"\n")}}
	for _, c := range []struct{ rules, reason string }{
		{`SecRole ARGS "x" "id:1"`, "rules:1: the directive secrole is not known"},
		{`SecRule ARGZ "x" "id:1"`, "rules:1: the variable ARGZ is not known"},
		{`SecRule REQUEST_METHOD:x "x" "id:1"`, "holds one value only"},
		{`SecRule ARGS "@near x" "id:1"`, "the operator @near is not known"},
		{`SecRule ARGS "@rx (" "id:1"`, "the regular expression"},
		{`SecRule ARGS "@rx x" "id:1,jump"`, "the action jump is not known"},
		{`SecRule ARGS "@rx x" "id:1,t:fold"`, "t:fold is not known"},
		{`SecRule ARGS "@rx x" "id:1,phase:9"`, "phase:9 is not known"},
		{`SecRule ARGS "@rx x" "id:1,severity:'BAD'"`, "severity:BAD is not known"},
		{`SecRule ARGS "@rx x" "phase:1"`, "the rule has no id"},
		{"SecAction \"id:1\"\nSecAction \"id:1\"", "rules:2: another rule has the id 1"},
		{`SecRule ARGS "@rx x" "id:1,exec:/bin/sh"`, "exec is refused"},
		{`SecRule ARGS "@rx x" "id:1,setvar:ip.x=1"`, "only variables of TX can be set"},
		{`SecRule ARGS "@rx x" "id:1,ctl:ruleRemoveByID"`, "write ctl:NAME=VALUE"},
		{`SecRule ARGS "@rx x" "id:1,ctl:fly=1"`, "ctl:fly is not known"},
		{`SecRule ARGS "@rx x" "id:1,skipAfter:NOWHERE"`, "no SecMarker NOWHERE follows"},
		{`SecRule ARGS "@streq %{tx.a" "id:1"`, "no closing brace"},
		{`SecRule ARGS "@streq %{nothing.a}" "id:1"`, "names no variable"},
		{`SecRule ARGS "@pmFromFile missing.data" "id:1"`, "missing.data"},
		{"SecRule ARGS \"@rx x\" \"id:1,chain\"\nSecRule ARGS \"@rx y\" \"deny\"", "rules:2: the action deny must stand in the first rule"},
		{`SecRuleRemoveById x`, `"x" is no rule id or range`},
		{`SecRuleUpdateTargetById 1`, "then the variables in quotes"},
		{`SecDefaultAction "log,pass"`, "has no phase"},
		{`Include nothing.conf`, "nothing.conf"},
		{`Include loop.conf`, "look for a file that includes itself"},
		{`Include bad.conf`, "bad.conf:2: the regular expression"},
	} {
		_, err := Compile(files, []Source{{"rules", c.rules}}, Options{})
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s\n\tgave %v, want %q", c.rules, err, c.reason)
		}
	}
}

// TestExhausted runs out of the meter at every point and never finds what an
// unbounded run does not.
func TestExhausted(t *testing.T) {
	s := compileCRS(t, 2, Options{})
	x := newGenerator(t, 7).example(1)
	full := s.fired(&x.in)
	stopped := 0
	for left := int64(0); left < 200_000; left += 1_777 {
		r := s.Run(&x.in, &automaton.Meter{Left: left})
		for _, m := range r.Matches {
			if !full[fmt.Sprintf("%d %s:%s", m.Rule.ID, m.Variable, m.Key)] {
				t.Errorf("with %d units rule %d matches %s:%s", left, m.Rule.ID, m.Variable, m.Key)
			}
		}
		if r.Exhausted {
			stopped++
		} else if len(r.Matches) == 0 && len(full) > 0 {
			t.Errorf("with %d units nothing is found and the run does not say that it stopped", left)
		}
	}
	if stopped == 0 {
		t.Error("no run was stopped")
	}
}
