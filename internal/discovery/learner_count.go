package discovery

import (
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// The bounds of the small tables of one operation.
const (
	maxStatuses = 60
	maxServices = 20
	maxLabels   = 32
)

// count adds a call to an operation.
func (l *Learner) count(c *call, e *entry) {
	if !l.heat(e) {
		l.overflow++
		return
	}
	op := e.op
	l.touch(e)
	if c.Attack {
		op.Attacks++
		return
	}
	op.Requests++
	bump(&op.Sources, c.Source, 16)
	if c.Scheme == "http" || c.Scheme == "https" {
		bump(&op.Schemes, c.Scheme, 4)
	}
	if c.Status >= 100 && c.Status <= 999 {
		if _, known := op.Statuses[c.Status]; !known && e.listed && op.Good > 0 {
			op.change(c.at, "status-new", place(c.Status, "", ""), "")
		}
		bump(&op.Statuses, c.Status, maxStatuses)
	}
	if c.Refused {
		op.Refused++
		return
	}
	banned := c.source.bannedAt(c.at)
	if !c.good {
		if c.Sampled && !banned && !c.Local && e.listed && c.Status >= 300 {
			l.answer(c, e)
		}
		return
	}
	if banned && !e.listed {
		return
	}
	l.good(c, e)
	if c.Sampled && !banned {
		l.teach(c, e)
	}
	if !e.listed {
		l.sources.again(c.source, e)
		l.consider(e, c.at)
	}
}

// head adds a HEAD to its GET: it counts, and teaches nothing.
func (l *Learner) head(c *call, e *entry) {
	if !l.heat(e) {
		l.overflow++
		return
	}
	l.touch(e)
	if c.Attack {
		e.op.Attacks++
		return
	}
	e.op.Requests++
	bump(&e.op.Sources, c.Source, 16)
	if c.Refused {
		e.op.Refused++
	}
}

// good adds a call that was answered well.
func (l *Learner) good(c *call, e *entry) {
	op := e.op
	l.taught++
	if op.Good == 0 {
		op.Protocol = c.protocol
	} else if op.Protocol == REST && c.protocol != REST {
		op.Protocol = c.protocol
	}
	op.Good++
	e.good = op.Good
	if op.First.IsZero() || c.at.Before(op.First) {
		op.First = c.at
	}
	if e.listed && !op.Last.IsZero() && c.at.Sub(op.Last) > UnusedAfter {
		op.change(c.at, "back", "", "it was not called since "+op.Last.UTC().Format(time.DateOnly))
	}
	if c.at.After(op.Last) {
		op.Last = c.at
	}
	op.minute(c.minute)
	op.day(c.at.Unix() / 86400)
	if c.API != "" && op.API != c.API {
		op.API, op.BasePath = strings.Clone(c.API), strings.Clone(strings.TrimSuffix(c.BasePath, "/"))
		op.Labels = cloneLabels(c.Labels)
	}
	l.where(c, e)
	l.who(c, e)
	if c.Service != "" {
		op.service(c.Service, c.at)
	}
	if c.Caller.Subject != "" {
		op.Subjects.Add(l.looker.Hash(c.Caller.Subject))
	}
	if c.Request.Header != nil {
		l.authentication(c, e)
	}
}

// where counts the network of the caller.
func (l *Learner) where(c *call, e *entry) {
	s := c.source
	if !c.Caller.Address.IsValid() {
		return
	}
	if !s.known {
		s.exposure, s.known = l.exposure(c.Caller.Address), true
	}
	if s.exposure == "" {
		return
	}
	if e.listed && e.op.Exposure[s.exposure] == 0 && len(e.op.Exposure) > 0 {
		e.op.change(c.at, "exposure-changed", "", "called from "+string(s.exposure)+" networks too")
	}
	bump(&e.op.Exposure, s.exposure, 3)
}

func (l *Learner) authentication(c *call, e *entry) {
	kind := c.authenticated()
	op := e.op
	if kind == NoAuthentication && !sawCredentials(c.Source) {
		return
	}
	if e.listed && op.Authentication[kind] == 0 && total(op.Authentication) >= 20 {
		op.change(c.at, "authentication-changed", "", "called with "+string(kind)+" too")
	}
	bump(&op.Authentication, kind, 16)
}

// sawCredentials says whether a source sees all fields of a request, so that the lack
// of credentials says something.
func sawCredentials(s Source) bool {
	return s != FromLog && s != FromAnalytics && s != FromTrace
}

func bump[K comparable](m *map[K]uint64, k K, most int) {
	if *m == nil {
		*m = make(map[K]uint64, 1)
	}
	if _, there := (*m)[k]; there || len(*m) < most {
		(*m)[k]++
	}
}

func total[K comparable](m map[K]uint64) uint64 {
	var n uint64
	for _, v := range m {
		n += v
	}
	return n
}

func cloneLabels(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(m), maxLabels))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if len(out) < maxLabels {
			out[strings.Clone(k)] = strings.Clone(m[k])
		}
	}
	return out
}

// minute remembers a minute of a good call.
func (op *Operation) minute(m int64) {
	if len(op.Minutes) >= minutesKept || slices.Contains(op.Minutes, m) {
		return
	}
	op.Minutes = append(op.Minutes, m)
	slices.Sort(op.Minutes)
}

func unionMinutes(a, b []int64) []int64 {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), minutesKept)]
}

// day counts a good call of a day, and forgets days that are too long ago.
func (op *Operation) day(d int64) {
	if op.Days == nil {
		op.Days = make(map[int64]uint64, 1)
	}
	if n, there := op.Days[d]; there {
		op.Days[d] = n + 1
		return
	}
	op.Days[d] = 1
	op.trimDays()
}

func (op *Operation) trimDays() {
	if len(op.Days) <= DaysKept {
		return
	}
	var last int64
	for d := range op.Days {
		last = max(last, d)
	}
	for d := range op.Days {
		if d <= last-DaysKept {
			delete(op.Days, d)
		}
	}
}

func (op *Operation) service(name string, at time.Time) {
	for _, s := range op.Services {
		if s.Name == name {
			s.Requests++
			s.seen(at)
			return
		}
	}
	if len(op.Services) < maxServices {
		op.Services = append(op.Services, &Downstream{Name: strings.Clone(name), Requests: 1, First: at, Last: at})
		slices.SortFunc(op.Services, func(a, b *Downstream) int { return strings.Compare(a.Name, b.Name) })
	}
}

func (s *Downstream) seen(at time.Time) {
	if at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
}

// who counts the caller.
func (l *Learner) who(c *call, e *entry) {
	if consumer := e.op.consumer(c, e.listed); consumer != nil {
		consumer.Requests++
		if c.at.Before(consumer.First) {
			consumer.First = c.at
		}
		if c.at.After(consumer.Last) {
			consumer.Last = c.at
		}
		return
	}
	e.op.OtherCallers++
}

// named gives the caller as operations know it: the client, else its certificate, the
// service, or the network.
func (c *call) named() (kind, name string) {
	switch {
	case c.Caller.ClientID != "":
		return "client", c.Caller.ClientID
	case c.Caller.Certificate != "":
		return "certificate", c.Caller.Certificate
	case c.Caller.Service != "":
		return "service", c.Caller.Service
	}
	return "network", c.source.network
}

// consumer gives the caller among those of the operation. A new one takes the place
// of one that called once only, when all are taken.
func (op *Operation) consumer(c *call, listed bool) *Consumer {
	kind, name := c.callerKind, c.caller
	if name == "" || len(name) > 256 {
		return nil
	}
	for _, k := range op.Callers {
		if k.Name == name && k.Kind == kind {
			return k
		}
	}
	fresh := &Consumer{Kind: kind, Name: strings.Clone(name), First: c.at, Last: c.at}
	if listed && kind != "network" && op.Good > 20 && len(op.Callers) < MaxCallers {
		op.change(c.at, "caller-new", kind+" "+fresh.Name, "")
	}
	if len(op.Callers) < MaxCallers {
		op.Callers = append(op.Callers, fresh)
		return fresh
	}
	least := 0
	for i, k := range op.Callers {
		if k.Requests < op.Callers[least].Requests || k.Requests == op.Callers[least].Requests && k.Last.Before(op.Callers[least].Last) {
			least = i
		}
	}
	if op.Callers[least].Requests > 1 {
		return nil
	}
	op.OtherCallers += op.Callers[least].Requests
	op.Callers[least] = fresh
	return fresh
}

// carried counts the classes of data that a caller sent or received.
func carried(m *map[sensitive.Class]uint64, all map[sensitive.Class]bool) {
	for class := range all {
		bump(m, class, 40)
	}
}

// change remembers that something became different.
func (op *Operation) change(at time.Time, kind, where, detail string) {
	for i := range op.Changes {
		if c := &op.Changes[i]; c.Kind == kind && c.Place == where && kind != "back" && kind != "unused" {
			return
		}
	}
	op.Changes = append(op.Changes, Change{At: at, Kind: kind, Place: where, Detail: detail})
	if len(op.Changes) > MaxChanges {
		op.Changes = slices.Delete(op.Changes, 0, len(op.Changes)-MaxChanges)
	}
}
