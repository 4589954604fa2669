package alert

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Status says how a rule, or one of its targets, stands.
type Status string

// The states, as Anypoint names them.
const (
	// Pending says that there was nothing to judge yet.
	Pending  Status = "Pending"
	OK       Status = "OK"
	Alerting Status = "Alerting"
	Paused   Status = "Paused"
)

// Reading is what a rule reads of one target at a time.
type Reading struct {
	// Target is an API, gateway or secret; empty for all together.
	Target string
	Value  float64
	// Known is false where there is nothing to judge, as a percentile without calls.
	Known bool
	// Text says more than the number, as what the next certificate is.
	Text string
	// Latest is the number or time of the newest event of a momentary kind.
	Latest int64
	// Silenced says that a maintenance window holds for the target.
	Silenced bool
}

// Target is how one target of a rule stands.
type Target struct {
	Status Status `json:"status"`
	// Since is when it came to stand so.
	Since time.Time `json:"since"`
	// Turning is since when the condition says otherwise than Status; zero when not.
	Turning time.Time `json:"turning,omitzero"`
	Value   float64   `json:"value"`
	Text    string    `json:"text,omitempty"`
	// Seen is the newest event that was told.
	Seen     int64 `json:"seen,omitempty"`
	Silenced bool  `json:"silenced,omitempty"`
}

// Incident is what was told, and is not over: of a target, or of the rule as a whole
// where it is grouped.
type Incident struct {
	ID     string    `json:"id"`
	Opened time.Time `json:"opened"`
	// Told is when a message was last sent; zero while quiet hours hold it back.
	Told time.Time `json:"told,omitzero"`
	// Messages counts those that were sent.
	Messages int `json:"messages"`
	// Targets are those that were told.
	Targets []string `json:"targets,omitempty"`
}

// State is what is remembered of a rule between evaluations.
type State struct {
	Status    Status              `json:"status"`
	Since     time.Time           `json:"since"`
	Evaluated time.Time           `json:"evaluated,omitzero"`
	Targets   map[string]Target   `json:"targets,omitempty"`
	Incidents map[string]Incident `json:"incidents,omitempty"`
}

// maxTargets bounds the targets that a state remembers.
const maxTargets = 2000

// Change says what a notice tells.
type Change string

// The changes.
const (
	// Fired says that it began, Widened that further targets joined, Lasting that it is
	// still so, Happened that something took place which has no end.
	Fired    Change = "fired"
	Widened  Change = "widened"
	Lasting  Change = "lasting"
	Resolved Change = "resolved"
	Happened Change = "happened"
)

// Notice is what is to be told.
type Notice struct {
	// Key is the same whenever the same notice is made again.
	Key string `json:"key"`
	// Incident holds all notices of one incident together.
	Incident string    `json:"incident"`
	Change   Change    `json:"change"`
	At       time.Time `json:"at"`
	Opened   time.Time `json:"opened"`
	// Targets are those that alert now, or of Resolved those that did.
	Targets []Told `json:"targets"`
	// Paused says that the rule was switched off, which ended it.
	Paused bool `json:"paused,omitempty"`
}

// Told is one target in a notice.
type Told struct {
	Name  string    `json:"name"`
	Value float64   `json:"value"`
	Text  string    `json:"text,omitempty"`
	Since time.Time `json:"since"`
}

// Evaluate judges a rule by its readings. id names the rule in keys; the state handed
// in is not changed. Targets without a reading keep their state, but for those that
// alert: what is not there any more has ended.
func Evaluate(id string, r *Rule, old State, readings []Reading, now time.Time) (State, []Notice) {
	s := State{
		Status: old.Status, Since: old.Since, Evaluated: now,
		Targets: maps.Clone(old.Targets), Incidents: maps.Clone(old.Incidents),
	}
	if s.Targets == nil {
		s.Targets = map[string]Target{}
	}
	if s.Incidents == nil {
		s.Incidents = map[string]Incident{}
	}
	if !r.Enabled {
		return s.pause(r, now)
	}
	seen := map[string]bool{}
	for i := range readings {
		if len(s.Targets) < maxTargets || s.Targets[readings[i].Target].Status != "" {
			seen[readings[i].Target] = true
			s.Targets[readings[i].Target] = r.judge(s.Targets[readings[i].Target], &readings[i], now)
		}
	}
	for name, t := range s.Targets {
		if !seen[name] {
			if t.Status == Alerting && !r.Kind.Momentary() {
				s.Targets[name] = r.judge(t, &Reading{Target: name, Known: true, Value: gone(r.Condition)}, now)
			} else if t.Status != Alerting && now.Sub(t.Since) > 2*r.Period.Length() {
				delete(s.Targets, name)
			}
		}
	}
	var notices []Notice
	if r.Kind.Momentary() {
		notices = s.happened(id, r, readings, now)
	} else {
		notices = s.tell(id, r, now)
	}
	s.settle(now)
	return s, notices
}

// gone is a reading that does not fulfil a condition.
func gone(c Condition) float64 {
	for _, v := range []float64{0, c.Value - 1, c.Value + 1} {
		if !c.Holds(v) {
			return v
		}
	}
	return c.Value
}

// judge is how a target stands after a reading: it turns when the condition says
// otherwise for as long as the consecutive periods ask.
func (r *Rule) judge(t Target, reading *Reading, now time.Time) Target {
	if t.Status == "" || t.Status == Paused {
		t = Target{Status: Pending, Since: now, Seen: t.Seen}
	}
	t.Silenced = reading.Silenced
	if !reading.Known {
		return t
	}
	t.Value, t.Text = reading.Value, reading.Text
	to := OK
	if r.Condition.Holds(reading.Value) {
		to = Alerting
	}
	if to == t.Status {
		t.Turning = time.Time{}
		return t
	}
	if t.Turning.IsZero() {
		t.Turning = now
	}
	lasts := time.Duration(r.Consecutive-1) * r.Period.Length()
	if to == OK && t.Status == Pending || r.Kind.Momentary() {
		lasts = 0
	}
	if now.Sub(t.Turning) >= lasts {
		t.Status, t.Since, t.Turning = to, now, time.Time{}
	}
	return t
}

// settle makes the rule's state out of those of its targets.
func (s *State) settle(now time.Time) {
	to := Pending
	for _, t := range s.Targets {
		if t.Status == Alerting || t.Status == OK && to == Pending {
			to = t.Status
		}
	}
	if s.Status != to {
		s.Status, s.Since = to, now
	}
}

// pause ends what was told and forgets the targets.
func (s State) pause(r *Rule, now time.Time) (State, []Notice) {
	var notices []Notice
	for _, group := range slices.Sorted(maps.Keys(s.Incidents)) {
		if i := s.Incidents[group]; !i.Told.IsZero() && !r.Kind.Momentary() {
			n := i.notice(Resolved, now, s.told(i.Targets))
			n.Paused = true
			notices = append(notices, n)
		}
	}
	for name, t := range s.Targets { // what was told once is not told again
		if t.Seen == 0 {
			delete(s.Targets, name)
			continue
		}
		s.Targets[name] = Target{Status: Paused, Since: now, Seen: t.Seen}
	}
	s.Incidents = nil
	if s.Status != Paused {
		s.Status, s.Since = Paused, now
	}
	return s, notices
}

// tell opens, widens, repeats and ends incidents.
func (s *State) tell(id string, r *Rule, now time.Time) []Notice {
	groups := map[string][]string{}
	for name, t := range s.Targets {
		if t.Status == Alerting && !t.Silenced {
			groups[r.group(name)] = append(groups[r.group(name)], name)
		}
	}
	for group := range s.Incidents {
		if _, alerting := groups[group]; !alerting {
			groups[group] = nil
		}
	}
	var notices []Notice
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		targets := groups[group]
		slices.Sort(targets)
		i, open := s.Incidents[group]
		if !open {
			i = Incident{ID: incidentID(id, group, now), Opened: now}
		}
		change, ends := i.change(r, targets, now)
		if change != "" && (ends || !r.Silent(now)) {
			shown := targets
			if ends {
				shown = i.Targets
			}
			notices = append(notices, i.notice(change, now, s.told(shown)))
			i.Told, i.Targets = now, targets
			i.Messages++
		}
		if ends {
			delete(s.Incidents, group)
			continue
		}
		s.Incidents[group] = i
	}
	return notices
}

// change is what is to be told of an incident whose targets alert now; ends says that
// it is over.
func (i *Incident) change(r *Rule, targets []string, now time.Time) (change Change, ends bool) {
	repeat := time.Duration(r.RepeatMinutes) * time.Minute
	switch {
	case len(targets) == 0 && i.Told.IsZero():
		return "", true // it was over before anybody was told
	case len(targets) == 0:
		return Resolved, true
	case i.Told.IsZero():
		return Fired, false
	case slices.ContainsFunc(targets, func(t string) bool { return !slices.Contains(i.Targets, t) }):
		return Widened, false
	case repeat > 0 && now.Sub(i.Told) >= repeat:
		return Lasting, false
	}
	return "", false
}

// happened tells of events that were not told yet. What happens while nothing may be
// told is told afterwards, as long as the period reaches back to it.
func (s *State) happened(id string, r *Rule, readings []Reading, now time.Time) []Notice {
	fresh := map[string][]Told{}
	for i := range readings {
		reading := &readings[i]
		t, known := s.Targets[reading.Target]
		if !known || t.Status != Alerting || reading.Silenced || reading.Latest <= t.Seen || r.Silent(now) {
			continue
		}
		if last, ok := s.Incidents[r.group(reading.Target)]; ok && now.Sub(last.Told) < time.Duration(r.RepeatMinutes)*time.Minute {
			continue
		}
		t.Seen = reading.Latest
		s.Targets[reading.Target] = t
		fresh[r.group(reading.Target)] = append(fresh[r.group(reading.Target)], Told{reading.Target, reading.Value, reading.Text, now})
	}
	var notices []Notice
	for _, group := range slices.Sorted(maps.Keys(fresh)) {
		i := Incident{ID: incidentID(id, group, now), Opened: now}
		notices = append(notices, i.notice(Happened, now, fresh[group]))
		i.Told, i.Messages = now, 1
		s.Incidents[group] = i
	}
	for group, i := range s.Incidents {
		if now.Sub(i.Told) > max(r.Period.Length(), time.Duration(r.RepeatMinutes)*time.Minute) {
			delete(s.Incidents, group)
		}
	}
	return notices
}

func (r *Rule) group(target string) string {
	if r.Grouped {
		return ""
	}
	return target
}

func (s *State) told(names []string) []Told {
	out := make([]Told, 0, len(names))
	for _, name := range names {
		t := s.Targets[name]
		out = append(out, Told{name, t.Value, t.Text, t.Since})
	}
	slices.SortFunc(out, func(a, b Told) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (i *Incident) notice(change Change, now time.Time, targets []Told) Notice {
	return Notice{
		Key: i.ID + "-" + strconv.Itoa(i.Messages+1), Incident: i.ID, Change: change, At: now, Opened: i.Opened, Targets: targets,
	}
}

// incidentID is the same when the same evaluation is made again.
func incidentID(rule, group string, opened time.Time) string {
	h := sha256.New()
	for _, part := range []string{rule, group, strconv.FormatInt(opened.UnixMilli(), 10)} {
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		_, _ = io.WriteString(h, part)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
