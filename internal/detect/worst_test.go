package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/detecttest"
)

// tooLong is the one ordinary upload that does exhaust the budget: 128 kB of
// prose in a dozen scripts as one value. What libinjection may cost on it is
// bounded too widely.
const tooLong = "long prose"

// TestWorstCase plays requests that are made to be expensive. None may do more
// work than the budget, and then it gets the budget's verdict; ordinary uploads
// must not exhaust it.
func TestWorstCase(t *testing.T) {
	e := defaultEngine(t)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-60s %8s %12s %10s %s\n", "request", "bytes", "units", "ms", "")
	played, ordinary := 0, 0
	try := func(c detecttest.Case) {
		x, err := ParseRequest(c.Raw)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			return
		}
		played++
		began := cpuTime()
		v := e.Judge(t.Context(), x, Lessons{})
		took := cpuTime() - began
		note := v.Exhausted
		if c.Ordinary {
			ordinary++
			note = "ordinary " + note
		}
		fmt.Fprintf(&b, "%-60s %8d %12d %10.1f %s\n", c.Name, len(c.Raw), v.Units, micro(took)/1000, note)
		switch {
		case v.Err != nil:
			t.Errorf("%s: %v", c.Name, v.Err)
		case c.Name == tooLong:
		case c.Ordinary && v.Exhausted != "":
			t.Errorf("%s: an ordinary upload exhausts the budget of %s", c.Name, v.Exhausted)
		case v.Exhausted != "" && !v.Block:
			t.Errorf("%s: the budget of %s ran out and nothing was refused", c.Name, v.Exhausted)
		case v.Units > DefaultBudget+DefaultBudget/10:
			t.Errorf("%s: %d units, the budget is %d", c.Name, v.Units, DefaultBudget)
		}
	}
	for c := range detecttest.Hostile() {
		try(c)
	}
	for c := range searched(rand.New(rand.NewPCG(3, 3)), 60/stride) {
		try(c)
	}
	t.Log(b.String())
	if played < 30+60/stride || ordinary < 5 {
		t.Errorf("only %d requests, %d ordinary ones", played, ordinary)
	}
}

// searched makes expensive requests by joining what rules nearly match, in the
// form that was the most expensive in trials: many different values, or one long
// one, of attack texts cut short and mutated.
func searched(r *rand.Rand, n int) func(func(detecttest.Case) bool) {
	var payloads []string
	for p := range detecttest.Payloads() {
		payloads = append(payloads, p)
	}
	piece := func() string {
		p := payloads[r.IntN(len(payloads))]
		p = p[:r.IntN(len(p)+1)]
		if r.IntN(2) == 0 {
			p = detecttest.Mutate(r, p)
		}
		return p
	}
	return func(yield func(detecttest.Case) bool) {
		for i := range n {
			var body strings.Builder
			long := i%2 == 0
			body.WriteString(`{"a":[`)
			for body.Len() < 120<<10 {
				if long {
					fmt.Fprintf(&body, "%q", strings.Repeat(piece()+piece()+piece()+" ", 1+r.IntN(40)))
				} else {
					fmt.Fprintf(&body, "%q", piece())
				}
				body.WriteByte(',')
			}
			text := strings.ToValidUTF8(strings.ReplaceAll(strings.ReplaceAll(body.String(), `\x`, `\\x`), `\a`, `\\a`), "?")
			text = text[:min(len(text), 127<<10)] + `"0"]}`
			raw := "POST /v1/batch HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: text/plain\r\n\r\n" + text
			if !yield(detecttest.Case{Name: fmt.Sprintf("searched %d", i), Raw: []byte(raw)}) {
				return
			}
		}
	}
}
