package syntax

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
)

// spiedOperators and spiedActions are replaced in Coraza by spies that write
// down what its parser hands them.
var (
	spiedOperators = []string{
		"beginsWith", "contains", "detectSQLi", "detectXSS", "endsWith", "eq", "ge", "gt", "ipMatch",
		"ipMatchFromFile", "le", "lt", "noMatch", "pm", "pmFromFile", "rx", "streq", "strmatch",
		"unconditionalMatch", "validateByteRange", "validateUrlEncoding", "validateUtf8Encoding",
		"validateNid", "within",
	}
	spiedActions = []string{
		"capture", "ctl", "expirevar", "initcol", "logdata", "msg", "multimatch", "severity", "setenv",
		"setvar", "skip", "skipafter", "status", "t", "tag", "ver",
	}
)

type spy struct {
	seen *[]string
	name string
}

func (s spy) Init(_ plugintypes.RuleMetadata, value string) error {
	*s.seen = append(*s.seen, s.name+":"+value)
	return nil
}
func (s spy) Evaluate(plugintypes.RuleMetadata, plugintypes.TransactionState) {}
func (s spy) Type() plugintypes.ActionType                                    { return plugintypes.ActionTypeNondisruptive }

type noOperator struct{}

func (noOperator) Evaluate(plugintypes.TransactionState, string) bool { return false }

// seenByCoraza parses with Coraza and returns what its operators and actions
// were made from, in order, and the number of rules that are no link of a
// chain. A marker is a rule in Coraza.
func seenByCoraza(t *testing.T, sources ...string) (seen []string, rules int) {
	t.Helper()
	for _, name := range spiedOperators {
		plugins.RegisterOperator(name, func(o plugintypes.OperatorOptions) (plugintypes.Operator, error) {
			seen = append(seen, "@"+strings.ToLower(name)+" "+o.Arguments)
			return noOperator{}, nil
		})
	}
	for _, name := range spiedActions {
		plugins.RegisterAction(name, func() plugintypes.Action { return spy{&seen, name} })
	}
	config := experimental.WAFConfigWithRuleObserver(
		coraza.NewWAFConfig().WithRootFS(coreruleset.FS), func(types.RuleMetadata) { rules++ })
	for _, s := range sources {
		config = config.WithDirectives(s)
	}
	if _, err := coraza.NewWAF(config); err != nil {
		t.Fatal(err)
	}
	return seen, rules
}

// seenByUs is what Coraza should have seen in the same texts.
func seenByUs(t *testing.T, sources ...string) (seen []string, rules int) {
	t.Helper()
	for i, s := range sources {
		directives, err := Parse(fmt.Sprintf("source%d", i), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range directives {
			switch d.Name {
			case nameRule, nameAction, "secmarker":
				rules++
			case nameDefaultAction:
				continue
			}
			for r := d.Rule; r != nil; r = r.Chained {
				if len(r.Variables) > 0 {
					seen = append(seen, "@"+r.Operator.Name+" "+r.Operator.Argument)
				}
				for _, a := range r.Actions {
					if slices.Contains(spiedActions, a.Name) {
						seen = append(seen, a.Name+":"+a.Value)
					}
				}
			}
		}
	}
	return seen, rules
}

// TestCoreRuleSet holds that every file of the Core Rule Set is read as Coraza
// reads it: each operator argument and each value of an action, in order.
func TestCoreRuleSet(t *testing.T) {
	names := []string{"@coraza.conf-recommended", "@crs-setup.conf.example"}
	more, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, more...)
	var sources []string
	for _, name := range names {
		b, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, string(b))
	}
	compare(t, 5000, sources...)
	t.Logf("%d files", len(sources))
	if len(sources) < 25 {
		t.Errorf("only %d files were read", len(sources))
	}
}

// TestQuotingAsCoraza compares texts that quote and escape in odd ways.
func TestQuotingAsCoraza(t *testing.T) {
	operators := []string{
		`a`, `!a`, `@rx a`, `!@rx a`, `@rx  a `, `!`, ``, `@pm a b`, `! @rx a`, `@rx a\\`, `@rx \"`, `@rx \\\"`, `@rx \\\\`,
		`@rx a\"b\"c`, `@rx '\"'`, `@rx \x5c\"`, `@rx \'`, `@contains %{tx.a}`, `@within a,b`, `@rx [\"'` + "`" + `]`, `@rx a@b !c`,
		`@validateByteRange 1-255`, `@eq  0`, "@rx \u00a0x\u00a0", `@rx \n\t`, `@rx (?i)\\\"\\`, `a\"`, `\"`, `!\"`, `@rx #`,
	}
	actions := []string{
		`msg:'a'`, `msg:a b`, `msg:'a,b'`, `msg:'a:b'`, `msg:a:b`, `msg:'it\'s'`, `msg:\"a\"`, `msg:"a"`, `msg:'\"'`,
		`msg: 'a' `, `MSG:'a'`, ` msg :a`, `msg:a\,b`, `msg:a'b,c'd`, `setvar:'tx.a=1,2'`, `setvar:tx.a=%{x}`,
		`tag:'a',tag:'b'`, `t:none,t:lowercase`, `capture`, `ctl:ruleRemoveTargetById=1;ARGS:a`, `msg:'#'`, `msg:''`, `msg:''''`,
		`logdata:'%{MATCHED_VAR_NAME}: %{MATCHED_VAR}'`, `skipAfter:END`, `msg:'a' 'b'`, `msg:'\,'`, `msg:\'a\',tag:b`,
	}
	var b strings.Builder
	id := 0
	for _, o := range operators {
		for _, a := range actions {
			id++
			fmt.Fprintf(&b, "SecRule ARGS \"%s\" \"id:%d,phase:2,pass,%s\"\n", o, id, a)
			id++
			fmt.Fprintf(&b, "SecRule ARGS \\\n  \"%s\" \\  \n # c\n \"id:%d,\\\n phase:2,pass,%s\"\n", o, id, a)
		}
	}
	for _, a := range actions {
		if strings.HasSuffix(a, `"`) {
			continue // Coraza loses every quote at the end of a SecAction
		}
		id++
		fmt.Fprintf(&b, "SecAction \"id:%d,phase:1,pass,%s\"\n", id, a)
	}
	compare(t, 3000, b.String())
}

func compare(t *testing.T, least int, sources ...string) {
	t.Helper()
	want, wantRules := seenByCoraza(t, sources...)
	got, gotRules := seenByUs(t, sources...)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("item %d: got %q, Coraza has %q", i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
	if gotRules != wantRules {
		t.Errorf("%d rules, Coraza has %d", gotRules, wantRules)
	}
	t.Logf("%d rules, %d operator arguments and values of actions, 0 differences", gotRules, len(got))
	if len(got) < least {
		t.Errorf("only %d items were compared", len(got))
	}
}

func BenchmarkParse(b *testing.B) {
	text, err := fs.ReadFile(coreruleset.FS, "@owasp_crs/REQUEST-932-APPLICATION-ATTACK-RCE.conf")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", string(text)); err != nil {
			b.Fatal(err)
		}
	}
}
