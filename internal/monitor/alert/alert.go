// Package alert decides when a rule fires and when it is quiet again. A rule, its
// state, the readings of now and the time give the next state and what is to be
// told; nothing here reads a clock or a database, so that any course of events can
// be played. Who reads the figures and who carries messages is not known here.
package alert

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says what a rule watches.
type Kind string

// The kinds of rules. Those of Anypoint's API alerts have the same meaning.
const (
	RequestCount    Kind = "request-count"
	ResponseCode    Kind = "response-code"
	ResponseTime    Kind = "response-time"
	PolicyViolation Kind = "policy-violation"
	ContractEvent   Kind = "contract-event"
	// Expiry reads the days that are left to certificates, keys and secrets.
	Expiry Kind = "expiry"
	// ShadowAPI counts operations that are called and nowhere described.
	ShadowAPI     Kind = "shadow-api"
	AttackBurst   Kind = "attack-burst"
	FailedSignIns Kind = "failed-sign-ins"
	// RevisionRefused counts changes that were not put into service.
	RevisionRefused Kind = "revision-refused"
	// GatewaySilent reads the minutes since a gateway was last heard of.
	GatewaySilent Kind = "gateway-silent"
	// Anomaly reads how far the last whole hour lies from what is usual then.
	Anomaly Kind = "anomaly"
	// Finding counts findings that were seen, by rule and severity.
	Finding Kind = "finding"
	// OperatorEvent counts entries of the audit log by their action.
	OperatorEvent Kind = "operator-event"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		RequestCount, ResponseCode, ResponseTime, PolicyViolation, AttackBurst, Anomaly,
		ContractEvent, Expiry, ShadowAPI, Finding, FailedSignIns, OperatorEvent, RevisionRefused, GatewaySilent,
	}
}

// Momentary says that what a kind watches happens and is over: it is told once and
// has no end that could be told.
func (k Kind) Momentary() bool {
	switch k {
	case ContractEvent, ShadowAPI, RevisionRefused, Finding, OperatorEvent:
		return true
	case RequestCount, ResponseCode, ResponseTime, PolicyViolation, Expiry, AttackBurst, FailedSignIns, GatewaySilent, Anomaly:
	}
	return false
}

// OfTraffic says that a kind reads the figures of APIs.
func (k Kind) OfTraffic() bool {
	return slices.Contains([]Kind{RequestCount, ResponseCode, ResponseTime, PolicyViolation, AttackBurst, Anomaly}, k)
}

// Severity says how bad it is when a rule fires.
type Severity string

// The severities.
const (
	Info     Severity = "Info"
	Warning  Severity = "Warning"
	Critical Severity = "Critical"
)

// Operator compares a reading with a rule's value.
type Operator string

// The operators.
const (
	Above   Operator = "GREATER_THAN"
	AtLeast Operator = "GREATER_THAN_OR_EQUAL"
	Below   Operator = "LESS_THAN"
	AtMost  Operator = "LESS_THAN_OR_EQUAL"
	Equals  Operator = "EQUAL"
)

// Operators lists every operator.
func Operators() []Operator { return []Operator{Above, AtLeast, Below, AtMost, Equals} }

// Words is the operator within a sentence.
func (o Operator) Words() string {
	switch o {
	case Above:
		return "above"
	case AtLeast:
		return "at least"
	case Below:
		return "below"
	case AtMost:
		return "at most"
	case Equals:
	}
	return "exactly"
}

// Condition is what a reading must fulfil for the rule to fire.
type Condition struct {
	Operator Operator `json:"operator"`
	Value    float64  `json:"value"`
}

// Holds reports whether a reading fulfils the condition.
func (c Condition) Holds(v float64) bool {
	switch c.Operator {
	case Above:
		return v > c.Value
	case AtLeast:
		return v >= c.Value
	case Below:
		return v < c.Value
	case AtMost:
		return v <= c.Value
	case Equals:
		return v == c.Value
	}
	return false
}

// Unit is the unit of a period.
type Unit string

// The units.
const (
	Minutes Unit = "minutes"
	Hours   Unit = "hours"
	Days    Unit = "days"
)

// Period is the stretch of time that a reading is of: the last whole minutes before
// now.
type Period struct {
	Count int  `json:"count"`
	Unit  Unit `json:"unit"`
}

// Length is how long the period is.
func (p Period) Length() time.Duration {
	unit := time.Minute
	switch p.Unit {
	case Hours:
		unit = time.Hour
	case Days:
		unit = 24 * time.Hour
	case Minutes:
	}
	return time.Duration(p.Count) * unit
}

// String is the period as people read it.
func (p Period) String() string {
	unit := string(p.Unit)
	if p.Count == 1 {
		return "1 " + strings.TrimSuffix(unit, "s")
	}
	return strconv.Itoa(p.Count) + " " + unit
}

// Rule says what is watched, and who is told how.
type Rule struct {
	Name     string   `json:"name"`
	Kind     Kind     `json:"kind"`
	Severity Severity `json:"severity"`
	Enabled  bool     `json:"enabled"`
	// APIs restricts it to some; none means all of the environment.
	APIs []string `json:"apis,omitempty"`
	// Each judges every API by itself; else they are added up.
	Each bool `json:"each,omitempty"`
	// Operation, Client and Policy restrict it further.
	Operation string `json:"operation,omitempty"`
	Client    string `json:"client,omitempty"`
	Policy    string `json:"policy,omitempty"`
	// Codes are those of ResponseCode: codes as "503" or classes as "5xx".
	Codes []string `json:"codes,omitempty"`
	// Percentile is that of ResponseTime, as 95.
	Percentile float64 `json:"percentile,omitempty"`
	// Events are the actions of ContractEvent and OperatorEvent, and the rules of
	// Finding; none means any.
	Events    []string  `json:"events,omitempty"`
	Condition Condition `json:"condition"`
	Period    Period    `json:"period"`
	// Consecutive is how many periods in a row the condition must hold, or not hold
	// any more; at least 1.
	Consecutive int `json:"consecutive"`
	// RepeatMinutes tells again that it is still so after so many minutes; 0 does not.
	RepeatMinutes int `json:"repeatMinutes,omitempty"`
	// Grouped tells of all APIs in one message.
	Grouped bool    `json:"grouped,omitempty"`
	Quiet   []Quiet `json:"quiet,omitempty"`
	// Channels are the ids of those that are told.
	Channels []string `json:"channels,omitempty"`
	// Help is what whoever is told should do.
	Help string `json:"help,omitempty"`
}

// Quiet is a time of the week in which nothing is told.
type Quiet struct {
	// Days are 0 for Sunday to 6; none means every day. A time that ends on the next
	// day belongs to the day when it begins.
	Days []int `json:"days,omitempty"`
	// From and To are times of the day as "22:00"; when To is not later than From it
	// is of the next day.
	From string `json:"from"`
	To   string `json:"to"`
	// Zone is the name of a time zone, as "Europe/Berlin"; empty is UTC.
	Zone string `json:"zone,omitempty"`
	// Critical rules are held back too; else they are told at any time.
	Critical bool `json:"critical,omitempty"`
}

// holds reports whether a time is quiet for a severity.
func (q Quiet) holds(now time.Time, s Severity) bool {
	if s == Critical && !q.Critical {
		return false
	}
	zone, err := time.LoadLocation(q.Zone)
	from, okFrom := dayTime(q.From)
	to, okTo := dayTime(q.To)
	if err != nil || !okFrom || !okTo {
		return false
	}
	local := now.In(zone)
	at, day := local.Hour()*60+local.Minute(), int(local.Weekday())
	on := func(day int) bool { return len(q.Days) == 0 || slices.Contains(q.Days, day) }
	if from < to {
		return at >= from && at < to && on(day)
	}
	return at >= from && on(day) || at < to && on((day+6)%7)
}

// dayTime reads a time of the day in minutes.
func dayTime(text string) (int, bool) {
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}

// ErrRule says that a rule makes no sense; its text says where.
var ErrRule = errors.New("this rule can not be kept")

// The bounds of a rule.
const (
	maxName      = 100
	maxList      = 200
	maxText      = 2000
	longest      = 35 * 24 * time.Hour
	maxPeriods   = 100
	maxRepeat    = 30 * 24 * 60
	maxQuiet     = 20
	maxCondition = 1e15
)

// Check refuses a rule that can't work.
func (r *Rule) Check() error {
	wrong := func(field, format string, args ...any) error {
		return fmt.Errorf("%w: %s %s", ErrRule, field, fmt.Sprintf(format, args...))
	}
	for field, text := range map[string]string{"name": r.Name, "operation": r.Operation, "client": r.Client, "policy": r.Policy} {
		if len(text) > maxName*4 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return wrong(field, "must be one line of at most %d bytes", maxName*4)
		}
	}
	switch {
	case strings.TrimSpace(r.Name) == "" || len(r.Name) > maxName:
		return wrong("name", "must have 1 to %d bytes", maxName)
	case !slices.Contains(Kinds(), r.Kind):
		return wrong("kind", "%.40q is not known", r.Kind)
	case !slices.Contains([]Severity{Info, Warning, Critical}, r.Severity):
		return wrong("severity", "must be Info, Warning or Critical")
	case !slices.Contains(Operators(), r.Condition.Operator):
		return wrong("condition", "has the operator %.40q, which is not known", r.Condition.Operator)
	case !(r.Condition.Value >= -maxCondition && r.Condition.Value <= maxCondition):
		return wrong("condition", "must compare with a number")
	case r.Period.Unit != Minutes && r.Period.Unit != Hours && r.Period.Unit != Days:
		return wrong("period", "must be in minutes, hours or days")
	case r.Period.Count < 1 || r.Period.Count > 100_000 || r.Period.Length() > longest:
		return wrong("period", "must be 1 minute to 35 days")
	case r.Consecutive < 1 || r.Consecutive > maxPeriods:
		return wrong("consecutive periods", "must be 1 to %d", maxPeriods)
	case r.RepeatMinutes < 0 || r.RepeatMinutes > maxRepeat:
		return wrong("repeat", "must be 0 minutes to 30 days")
	case len(r.APIs) > maxList || len(r.Channels) > maxList || len(r.Events) > maxList || len(r.Codes) > maxList:
		return wrong("lists", "may have %d entries", maxList)
	case len(r.Help) > maxText:
		return wrong("help", "may have %d bytes", maxText)
	case len(r.Quiet) > maxQuiet:
		return wrong("quiet hours", "may have %d entries", maxQuiet)
	}
	return r.checkKind(wrong)
}

func (r *Rule) checkKind(wrong func(field, format string, args ...any) error) error {
	for _, q := range r.Quiet {
		_, okFrom := dayTime(q.From)
		_, okTo := dayTime(q.To)
		_, err := time.LoadLocation(q.Zone)
		switch {
		case !okFrom || !okTo:
			return wrong("quiet hours", "must be times of the day as 22:00")
		case err != nil || len(q.Zone) > maxName || q.Zone == "Local":
			return wrong("quiet hours", "have a time zone that is not known; write it as Europe/Berlin")
		case slices.ContainsFunc(q.Days, func(d int) bool { return d < 0 || d > 6 }):
			return wrong("quiet hours", "have a day that is not 0 (Sunday) to 6")
		}
	}
	traffic := r.Kind.OfTraffic()
	switch {
	case r.Kind == ResponseTime && !(r.Percentile > 0 && r.Percentile < 100):
		return wrong("percentile", "must be above 0 and below 100")
	case r.Kind == ResponseCode && len(r.Codes) == 0:
		return wrong("codes", "are missing: write codes as 503 or classes as 5xx")
	case r.Operation != "" && (len(r.APIs) != 1 || !traffic):
		return wrong("operation", "needs a rule on figures of exactly one API")
	case r.Operation != "" && (r.Client != "" || r.Policy != ""), r.Client != "" && r.Policy != "":
		return wrong("operation, client and policy", "are not counted together; choose one")
	case (r.Client != "" || r.Policy != "") && !traffic:
		return wrong("client and policy", "restrict rules on figures only")
	case r.Each && len(r.APIs) == 0 && (r.Client != "" || r.Policy != "" || r.Kind == Anomaly && r.Operation != ""):
		return wrong("each API", "needs a list of APIs when the rule is about a client or a policy")
	}
	return nil
}

// Silent reports whether the rule's quiet hours hold at a time.
func (r *Rule) Silent(now time.Time) bool {
	return slices.ContainsFunc(r.Quiet, func(q Quiet) bool { return q.holds(now, r.Severity) })
}
