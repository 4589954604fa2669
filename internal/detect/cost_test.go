package detect

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"

	"farrier.dev/farrier/internal/detect/detecttest"
	"farrier.dev/farrier/internal/traffic"
)

var costRounds = flag.Int("cost", 0, "print what judging costs against plain Coraza, over so many rounds")

// plainCoraza is Coraza as its documentation sets it up, with the Core Rule Set
// at paranoia 1, reading bodies itself.
func plainCoraza(t testing.TB) coraza.WAF {
	t.Helper()
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(`
Include @coraza.conf-recommended
Include @crs-setup.conf.example
Include @owasp_crs/*.conf
SecRuleEngine On
SecResponseBodyAccess Off
SecAuditEngine Off
`))
	if err != nil {
		t.Fatal(err)
	}
	return waf
}

// corazaJudges plays one request as a web server does.
func corazaJudges(t testing.TB, waf coraza.WAF, q *traffic.Request) {
	tx := waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	tx.ProcessConnection("203.0.113.7", 41000, "192.0.2.1", 443)
	tx.ProcessURI(q.RawTarget, q.Method, q.Proto)
	for f := range q.Header.All() {
		tx.AddRequestHeader(f.Name, f.Value)
	}
	if tx.ProcessRequestHeaders() != nil {
		return
	}
	if body := q.Body.Bytes(); len(body) > 0 {
		if _, _, err := tx.WriteRequestBody(body); err != nil {
			t.Fatal(err)
		}
	}
	if it, err := tx.ProcessRequestBody(); err != nil || it != nil {
		return
	}
	tx.ProcessLogging()
}

// spent is processor time and allocations.
type spent struct {
	cpu    time.Duration
	allocs uint64
}

// measured runs f so often and says what one run cost the process.
func measured(n int, f func()) spent {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpuTime()
	for range n {
		f()
	}
	took := cpuTime() - began
	runtime.ReadMemStats(&after)
	return spent{took / time.Duration(n), (after.Mallocs - before.Mallocs) / uint64(n)}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// costs are requests that are measured together.
type costs struct {
	name     string
	requests []*traffic.Exchange
}

func costCases(t testing.TB) (all []costs) {
	t.Helper()
	read := func(c detecttest.Case) *traffic.Exchange {
		x, err := ParseRequest(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		x.Request.Client = netip.MustParseAddr("203.0.113.7")
		return x
	}
	for _, c := range detecttest.Workloads() {
		all = append(all, costs{c.Name, []*traffic.Exchange{read(c)}})
	}
	varied := map[string][]*traffic.Exchange{}
	for c := range detecttest.Benign(4000) {
		size := "≤ 2 kB"
		if len(c.Raw) > 2048 {
			size = "> 2 kB"
		}
		name := "varied " + c.Place + " " + size
		if len(varied[name]) < 60 {
			varied[name] = append(varied[name], read(c))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(varied)) {
		if len(varied[name]) >= 10 {
			all = append(all, costs{name, varied[name]})
		}
	}
	return all
}

// TestCost compares what judging costs with plain Coraza of the same rule set,
// in the same run, and prints the table. Time decides nothing; allocations do.
func TestCost(t *testing.T) {
	if *costRounds == 0 {
		t.Skip("wants -cost ROUNDS: it measures and decides nothing")
	}
	e, waf := defaultEngine(t), plainCoraza(t)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-34s %12s %12s %8s %10s %10s %8s\n", "request", "Coraza µs", "Farrier µs", "ratio", "allocs", "allocs", "ratio")
	for _, c := range costCases(t) {
		judge := func() {
			for _, x := range c.requests {
				if v := e.Judge(t.Context(), x, Lessons{}); v.Err != nil {
					t.Fatal(v.Err)
				}
			}
		}
		theirs := func() {
			for _, x := range c.requests {
				corazaJudges(t, waf, &x.Request)
			}
		}
		judge()
		once := max(measured(1, theirs).cpu, time.Microsecond)
		n := int(max(1, 200*time.Millisecond/once))
		var ours, coraza []spent
		for range *costRounds {
			coraza = append(coraza, measured(n, theirs))
			ours = append(ours, measured(n*20, judge))
		}
		o, k := median(ours), median(coraza)
		per := time.Duration(len(c.requests))
		fmt.Fprintf(&b, "%-34s %12.0f %12.1f %8.0f %10d %10d %8.0f\n", c.name,
			micro(k.cpu/per), micro(o.cpu)/float64(per), float64(k.cpu)/float64(max(o.cpu, 1)),
			k.allocs/uint64(per), o.allocs/uint64(per), float64(k.allocs)/float64(max(o.allocs, 1)))
	}
	s := e.rules.Stats()
	fmt.Fprintf(&b, "automata: %d states in %.1f of at most %.0f MiB\n", s.States, float64(s.Bytes)/(1<<20), float64(s.Cap)/(1<<20))
	t.Log(b.String())
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func median(all []spent) spent {
	slices.SortFunc(all, func(a, b spent) int { return int(a.cpu - b.cpu) })
	return all[len(all)/2]
}
