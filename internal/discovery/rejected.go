package discovery

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rejection is a path that is not listed, with the reason.
type Rejection struct {
	Method, Host, Path, Reason string
	Count                      uint64
	Last                       time.Time
}

// Rejected are the paths that were most often not listed, at most that many, with the
// values in them left out.
func (l *Learner) Rejected(most int) []Rejection {
	l.mu.Lock()
	defer l.mu.Unlock()
	type like struct{ method, host, path, reason string }
	sums := make(map[like]Rejection, len(l.rejected.all))
	for key, r := range l.rejected.all {
		k := like{key.method, l.hostName(key.host), l.plainPath(key.path), r.reason}
		one := sums[k]
		if r.last.After(one.Last) {
			one.Last = r.last
		}
		sums[k] = Rejection{Method: k.method, Host: k.host, Path: k.path, Reason: sentence(r.reason), Count: one.Count + r.count, Last: one.Last}
	}
	out := slices.Collect(maps.Values(sums))
	slices.SortFunc(out, func(a, b Rejection) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Host+a.Path, b.Host+b.Path), strings.Compare(a.Method, b.Method), strings.Compare(a.Reason, b.Reason))
	})
	return out[:min(len(out), most)]
}

// hostNames are the hosts that calls named, those of rejected ones among them; at least
// "*", the host of those that named none.
func (l *Learner) hostNames() []string {
	names := map[string]bool{"*": true}
	for name := range l.hosts {
		names[name] = true
	}
	for key := range l.rejected.all {
		names[key.host] = true
	}
	return slices.Sorted(maps.Keys(names))
}
