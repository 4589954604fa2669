package discovery

import (
	"strings"
	"testing"
)

func TestRejected(t *testing.T) {
	l := learner(t, nil)
	l.Observe(get("/v1/orders/7", 0)) // of hosts that nobody answers for nothing is remembered
	for i := range 3 {
		o := get("/robbed", i)
		o.Attack = true
		l.Observe(o)
	}
	once := get("/robbed/once", 4)
	once.Attack = true
	l.Observe(once)
	all := l.Rejected(10)
	if len(all) != 2 || all[0].Path != "/robbed" || all[0].Count != 3 || !strings.Contains(all[0].Reason, "attack") || !all[0].Last.Equal(start.Add(2*60e9)) {
		t.Errorf("rejected: %+v", all)
	}
	if first := l.Rejected(1); len(first) != 1 || first[0].Path != "/robbed" {
		t.Errorf("the most frequent: %+v", first)
	}
	// A name of no host means any.
	if e := l.Explain("GET", "", "/robbed"); e.Listed || !strings.Contains(strings.Join(e.Reasons, " "), "attack") {
		t.Errorf("explained without a host: %+v", e)
	}
}
