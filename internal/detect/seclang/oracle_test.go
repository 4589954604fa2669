package seclang

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types/variables"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

// oracle is Coraza with the same rules.
type oracle struct{ waf coraza.WAF }

func newOracle(t testing.TB, text string) *oracle {
	t.Helper()
	o, err := corazaOf(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func corazaOf(text string) (*oracle, error) {
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(text))
	return &oracle{waf}, err
}

// fired is a set of "rule variable:key".
type fired map[string]bool

func (o *oracle) run(in *Input) fired {
	tx := o.waf.NewTransactionWithID("request")
	defer func() { _ = tx.Close() }()
	all := map[string]collection.Collection{}
	vars := tx.(plugintypes.TransactionState).Variables()
	vars.All(func(v variables.RuleVariable, col collection.Collection) bool {
		all[v.Name()] = col
		return true
	})
	vars.UniqueID().(interface{ Set(string) }).Set("")
	for _, v := range in.Values {
		switch c := all[v.In.String()].(type) {
		case collection.Map:
			c.Add(v.Key, v.Text)
		case interface{ Set(string) }:
			c.Set(v.Text)
		default:
			panic(fmt.Sprintf("%s is no variable of the oracle", v.In))
		}
	}
	tx.ProcessRequestHeaders()
	if _, err := tx.ProcessRequestBody(); err != nil {
		panic(err)
	}
	out := fired{}
	for _, m := range tx.MatchedRules() {
		for _, d := range m.MatchedDatas() {
			out[strconv.Itoa(m.Rule().ID())+" "+d.Variable().Name()+":"+d.Key()] = true
		}
	}
	return out
}

func (s *Set) fired(in *Input) fired {
	m := automaton.Meter{Left: 1 << 40}
	out := fired{}
	for _, x := range s.Run(in, &m).Matches {
		out[strconv.Itoa(x.Rule.ID)+" "+x.Variable+":"+x.Key] = true
	}
	return out
}

// compare tells what one has and the other lacks.
func compare(s *Set, got, want fired) (lost, extra []string) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		id, _ := strconv.Atoi(strings.Fields(k)[0])
		_, folded := slices.BinarySearch(s.folded, id)
		silent := slices.ContainsFunc(s.rules, func(p *program) bool { return p.silent && p.rule.ID == id })
		if !got[k] && !folded && !silent {
			lost = append(lost, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		id, _ := strconv.Atoi(strings.Fields(k)[0])
		if _, folded := slices.BinarySearch(s.folded, id); !want[k] && !folded {
			extra = append(extra, k)
		}
	}
	return lost, extra
}

// retries is how often the oracle is asked again: it walks maps, so that some
// of its answers are a matter of luck, and ours must be one of them.
const retries = 400

func agree(t *testing.T, s *Set, o *oracle, x *example) bool {
	t.Helper()
	got := s.fired(&x.in)
	var lost, extra []string
	for range retries {
		if lost, extra = compare(s, got, o.run(&x.in)); len(lost)+len(extra) == 0 {
			return true
		}
	}
	t.Errorf("%s: lost %q, extra %q", x.name, lost, extra)
	return false
}

func TestOracleRegression(t *testing.T) {
	examples := crsExamples(t)
	for _, level := range []int{1, 4} {
		s := compileCRS(t, level, Options{})
		o := newOracle(t, crsText(level))
		t.Logf("level %d: %d rules remain, %d folded, %d always match", level, len(s.rules), len(s.folded), len(s.certain))
		played, wrong := 0, 0
		for i := range examples {
			if testing.Short() && i%10 != 0 || i%stride != 0 {
				continue
			}
			played++
			if !agree(t, s, o, &examples[i]) {
				if wrong++; wrong > 20 {
					t.Fatal("too many differences")
				}
			}
		}
		t.Logf("level %d: %d requests of the Core Rule Set's tests, %d differ", level, played, wrong)
		if played < 300/stride {
			t.Errorf("only %d requests were found", played)
		}
	}
}
