package transform

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// oracle asks Coraza what its transformation functions make of a text: a rule
// for each function hands its result to an operator of ours, which notes it. A
// second rule with multiMatch shows whether the function reports a change.
type oracle struct {
	waf   coraza.WAF
	names []string
	notes [][]string // of the rules, two for each name
}

type noting struct {
	o    *oracle
	rule int
}

func (n noting) Evaluate(_ plugintypes.TransactionState, value string) bool {
	n.o.notes[n.rule] = append(n.o.notes[n.rule], strings.Clone(value))
	return false
}

func newOracle(tb testing.TB, names []string) *oracle {
	tb.Helper()
	o := &oracle{names: names, notes: make([][]string, 2*len(names))}
	plugins.RegisterOperator("note", func(options plugintypes.OperatorOptions) (plugintypes.Operator, error) {
		n := noting{o: o}
		_, err := fmt.Sscan(options.Arguments, &n.rule)
		return n, err
	})
	var rules strings.Builder
	rules.WriteString("SecRuleEngine On\n")
	for i, name := range names {
		fmt.Fprintf(&rules, "SecRule ARGS_GET \"@note %d\" \"id:%d,phase:1,pass,nolog,t:none,t:%s\"\n", 2*i, 2*i+1, name)
		fmt.Fprintf(&rules, "SecRule ARGS_GET \"@note %d\" \"id:%d,phase:1,pass,nolog,multiMatch,t:none,t:%s\"\n", 2*i+1, 2*i+2, name)
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(rules.String()))
	if err != nil {
		tb.Fatal(err)
	}
	o.waf = waf
	return o
}

// ask returns what each function makes of text, and whether it reports a change.
func (o *oracle) ask(tb testing.TB, text string) (results []string, changed []bool) {
	tb.Helper()
	for i := range o.notes {
		o.notes[i] = nil
	}
	tx := o.waf.NewTransaction()
	tx.AddGetRequestArgument("a", text)
	tx.ProcessRequestHeaders()
	if err := tx.Close(); err != nil {
		tb.Fatal(err)
	}
	for i, name := range o.names {
		one, many := o.notes[2*i], o.notes[2*i+1]
		if len(one) != 1 || len(many) < 1 || len(many) > 2 {
			tb.Fatalf("t:%s on %q: Coraza evaluated %d and %d times", name, text, len(one), len(many))
		}
		results = append(results, one[0])
		changed = append(changed, len(many) == 2)
	}
	return results, changed
}
