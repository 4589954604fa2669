package alert

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

func rule(change func(*Rule)) Rule {
	r := Rule{
		Name: "Many errors", Kind: ResponseCode, Severity: Warning, Enabled: true, Codes: []string{"5xx"},
		Condition: Condition{Above, 10}, Period: Period{5, Minutes}, Consecutive: 1,
	}
	if change != nil {
		change(&r)
	}
	return r
}

// play evaluates a rule once for each line of a course, five minutes apart: "20" is a
// reading, "?" none, "a=20 b=3" of targets, a trailing "!" silences, and "off" pauses.
// It gives what was told at each, as "fired a,b".
func play(t *testing.T, r Rule, begin time.Time, course ...string) (told []string, s State) {
	t.Helper()
	for i, line := range course {
		now := begin.Add(time.Duration(i) * 5 * time.Minute)
		var readings []Reading
		one := r
		for field := range strings.FieldsSeq(line) {
			if field == "off" {
				one.Enabled = false
				continue
			}
			if field == "none" {
				continue
			}
			reading := Reading{Known: true}
			if name, value, ok := strings.Cut(field, "="); ok {
				reading.Target, field = name, value
			}
			field, reading.Silenced = strings.CutSuffix(field, "!")
			if field == "?" {
				reading.Known = false
			} else if _, err := fmt.Sscanf(field, "%g@%d", &reading.Value, &reading.Latest); err != nil {
				if _, err := fmt.Sscan(field, &reading.Value); err != nil {
					t.Fatal(err)
				}
			}
			readings = append(readings, reading)
		}
		var notices []Notice
		s, notices = Evaluate("r1", &one, s, readings, now)
		var words []string
		for _, n := range notices {
			var names []string
			for _, target := range n.Targets {
				names = append(names, target.Name)
			}
			words = append(words, strings.TrimSpace(string(n.Change)+" "+strings.Join(names, ",")))
		}
		told = append(told, strings.Join(words, "; "))
	}
	return told, s
}

func TestEvaluate(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Rule)
		begin  time.Time
		course []string
		want   []string
		status Status
	}{
		{"fires once and resolves", nil, noon, []string{"3", "20", "30", "4", "2"}, []string{"", "fired", "", "resolved", ""}, OK},
		{"nothing known stays pending", nil, noon, []string{"?", "?"}, []string{"", ""}, Pending},
		{"nothing known keeps the alert", nil, noon, []string{"20", "?", "1"}, []string{"fired", "", "resolved"}, OK},
		{"the bound itself is not above", nil, noon, []string{"10"}, []string{""}, OK},
		{"a target that is gone has ended", nil, noon, []string{"a=20", "none"}, []string{"fired a", "resolved a"}, OK},
		{"below fires on nothing", func(r *Rule) { r.Condition = Condition{Below, 1} }, noon, []string{"5", "0", "3"}, []string{"", "fired", "resolved"}, OK},
		{"three periods in a row", func(r *Rule) { r.Consecutive = 3 }, noon, []string{"20", "20", "1", "20", "20", "20", "1", "20", "1", "1", "1"}, []string{"", "", "", "", "", "fired", "", "", "", "", "resolved"}, OK},
		{"repeats", func(r *Rule) { r.RepeatMinutes = 10 }, noon, []string{"20", "20", "20", "20", "20", "1"}, []string{"fired", "", "lasting", "", "lasting", "resolved"}, OK},
		{"each by itself", nil, noon, []string{"a=20 b=1", "a=20 b=20", "a=1 b=20", "a=1 b=1"}, []string{"fired a", "fired b", "resolved a", "resolved b"}, OK},
		{"one message for many", func(r *Rule) { r.Grouped = true }, noon, []string{"a=20 b=20", "a=20 b=20 c=20", "a=1 b=1 c=20", "a=1 b=1 c=1"}, []string{"fired a,b", "widened a,b,c", "", "resolved a,b,c"}, OK},
		{"maintenance is not told", nil, noon, []string{"a=20!", "a=20!", "a=20", "a=1"}, []string{"", "", "fired a", "resolved a"}, OK},
		{"maintenance ends an alert", nil, noon, []string{"a=20", "a=20!", "a=20"}, []string{"fired a", "resolved a", "fired a"}, Alerting},
		{"over before quiet hours end", func(r *Rule) { r.Quiet = []Quiet{{From: "11:00", To: "12:20"}} }, noon, []string{"20", "20", "1", "1", "1"}, []string{"", "", "", "", ""}, OK},
		{"told when quiet hours end", func(r *Rule) { r.Quiet = []Quiet{{From: "11:00", To: "12:10"}} }, noon, []string{"20", "20", "20", "1"}, []string{"", "", "fired", "resolved"}, OK},
		{"resolved is told in quiet hours", func(r *Rule) { r.Quiet = []Quiet{{From: "12:05", To: "13:00"}} }, noon, []string{"20", "1"}, []string{"fired", "resolved"}, OK},
		{"critical is told in quiet hours", func(r *Rule) { r.Severity, r.Quiet = Critical, []Quiet{{From: "11:00", To: "13:00"}} }, noon, []string{"20"}, []string{"fired"}, Alerting},
		{"pausing ends it", nil, noon, []string{"20", "off", "off", "20"}, []string{"fired", "resolved", "", "fired"}, Alerting},
		{"paused", nil, noon, []string{"off"}, []string{""}, Paused},
		{"an event has no end", func(r *Rule) { r.Kind = RevisionRefused; r.Condition.Value = 0 }, noon, []string{"1@7", "1@7", "2@9", "0", "1@10"}, []string{"happened", "", "happened", "", "happened"}, Alerting},
		{"events wait for the interval", func(r *Rule) { r.Kind, r.RepeatMinutes = RevisionRefused, 15; r.Condition.Value = 0 }, noon, []string{"1@7", "2@8", "3@9", "4@10"}, []string{"happened", "", "", "happened"}, Alerting},
		{"events of a pause are told, those before are not again", func(r *Rule) { r.Kind = Finding; r.Condition.Value = 0 }, noon, []string{"1@7", "off", "1@7", "2@8"}, []string{"happened", "", "", "happened"}, Alerting},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			r := rule(tt.change)
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			told, s := play(t, r, tt.begin, tt.course...)
			if !slices.Equal(told, tt.want) || s.Status != tt.status {
				t.Errorf("told %q, stands %s\nwant %q, %s", told, s.Status, tt.want, tt.status)
			}
		})
	}
	if t.Logf("%d courses", len(cases)); len(cases) < 20 {
		t.Error("too few courses played")
	}
}

// TestEvaluateAgain holds that an evaluation made again, as after a crash, gives the
// same keys, and that no two notices of a course share one.
func TestEvaluateAgain(t *testing.T) {
	played := 0
	rapid.Check(t, func(rt *rapid.T) {
		r := rule(func(r *Rule) {
			r.Grouped = rapid.Bool().Draw(rt, "grouped")
			r.RepeatMinutes = rapid.IntRange(0, 20).Draw(rt, "repeat")
			r.Consecutive = rapid.IntRange(1, 3).Draw(rt, "consecutive")
		})
		var s State
		keys := map[string]bool{}
		open := map[string]bool{}
		for i := range rapid.IntRange(1, 40).Draw(rt, "length") {
			now := noon.Add(time.Duration(i) * time.Minute)
			var readings []Reading
			for _, name := range []string{"a", "b", "c"} {
				readings = append(readings, Reading{Target: name, Known: rapid.Bool().Draw(rt, "known"), Value: rapid.Float64Range(0, 20).Draw(rt, "value")})
			}
			next, notices := Evaluate("r1", &r, s, readings, now)
			_, again := Evaluate("r1", &r, s, readings, now)
			for k, n := range notices {
				if again[k].Key != n.Key || keys[n.Key] {
					rt.Fatalf("notice %q: again %q, seen before %v", n.Key, again[k].Key, keys[n.Key])
				}
				keys[n.Key] = true
				if n.Change == Fired == open[n.Incident] {
					rt.Fatalf("%s of an incident that is open: %v", n.Change, open[n.Incident])
				}
				open[n.Incident] = n.Change != Resolved
				played++
			}
			s = next
		}
	})
	if t.Logf("%d notices", played); played < 100 {
		t.Error("too few notices")
	}
}

func TestQuiet(t *testing.T) {
	berlin := "Europe/Berlin"
	cases := []struct {
		q    Quiet
		at   string // UTC
		want bool
	}{
		{Quiet{From: "22:00", To: "06:00"}, "2026-03-02T23:00:00Z", true},
		{Quiet{From: "22:00", To: "06:00"}, "2026-03-02T05:59:00Z", true},
		{Quiet{From: "22:00", To: "06:00"}, "2026-03-02T06:00:00Z", false},
		{Quiet{From: "22:00", To: "06:00", Zone: berlin}, "2026-03-02T21:30:00Z", true},
		{Quiet{From: "22:00", To: "06:00", Zone: berlin}, "2026-07-02T20:30:00Z", true}, // summer time
		{Quiet{From: "22:00", To: "06:00", Zone: berlin}, "2026-03-02T20:30:00Z", false},
		{Quiet{From: "22:00", To: "06:00", Days: []int{5}}, "2026-03-07T05:00:00Z", true},  // Saturday morning belongs to Friday
		{Quiet{From: "22:00", To: "06:00", Days: []int{6}}, "2026-03-07T05:00:00Z", false}, // not to Saturday
		{Quiet{From: "00:00", To: "00:00", Days: []int{0}}, "2026-03-08T15:00:00Z", true},  // a whole day
		{Quiet{From: "09:00", To: "17:00", Days: []int{1}}, "2026-03-02T12:00:00Z", true},
		{Quiet{From: "nine", To: "17:00"}, "2026-03-02T12:00:00Z", false},
	}
	for _, tt := range cases {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.q.holds(at, Warning); got != tt.want {
			t.Errorf("%+v at %s: %v", tt.q, tt.at, got)
		}
	}
	if t.Logf("%d times", len(cases)); len(cases) < 10 {
		t.Error("too few times")
	}
}

func TestCheck(t *testing.T) {
	cases := map[string]func(*Rule){
		"name":                func(r *Rule) { r.Name = " " },
		"must be one line":    func(r *Rule) { r.Name = "a\r\nBcc: b" },
		"kind":                func(r *Rule) { r.Kind = "weather" },
		"severity":            func(r *Rule) { r.Severity = "bad" },
		"operator":            func(r *Rule) { r.Condition.Operator = "LIKE" },
		"compare with a num":  func(r *Rule) { r.Condition.Value = math.NaN() },
		"in minutes":          func(r *Rule) { r.Period.Unit = "years" },
		"1 minute to 35 days": func(r *Rule) { r.Period.Count = 0 },
		"consecutive":         func(r *Rule) { r.Consecutive = 0 },
		"repeat":              func(r *Rule) { r.RepeatMinutes = -1 },
		"codes":               func(r *Rule) { r.Codes = nil },
		"percentile":          func(r *Rule) { r.Kind = ResponseTime },
		"exactly one API":     func(r *Rule) { r.Operation = "GET /" },
		"choose one":          func(r *Rule) { r.Client, r.Policy = "a", "b" },
		"times of the day":    func(r *Rule) { r.Quiet = []Quiet{{From: "25:00", To: "06:00"}} },
		"time zone":           func(r *Rule) { r.Quiet = []Quiet{{From: "22:00", To: "06:00", Zone: "Mars/Base"}} },
		"0 (Sunday)":          func(r *Rule) { r.Quiet = []Quiet{{From: "22:00", To: "06:00", Days: []int{7}}} },
		"entries":             func(r *Rule) { r.Codes = make([]string, 201) },
		"figures only":        func(r *Rule) { r.Kind, r.Client = RevisionRefused, "a" },
	}
	for want, change := range cases {
		r := rule(change)
		if err := r.Check(); !errors.Is(err, ErrRule) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	if t.Logf("%d wrong rules", len(cases)); len(cases) < 15 {
		t.Error("too few")
	}
}

// TestLearn plays weeks with a daily and weekly course.
func TestLearn(t *testing.T) {
	usual := func(at time.Time) float64 {
		v := 100 + 80*math.Sin(float64(at.Hour())/24*2*math.Pi)
		if at.Weekday() == time.Sunday {
			v /= 4
		}
		return v
	}
	var past []Hour
	for at := noon.Add(-5 * week); at.Before(noon); at = at.Add(time.Hour) {
		v := usual(at)
		if at.Equal(noon.Add(-week)) {
			v = 5000 // one bad hour changes nothing
		}
		past = append(past, Hour{at, v})
	}
	u, ok := Learn(past, noon)
	if !ok || math.Abs(u.Median-usual(noon)) > 30 || u.Spread > 40 {
		t.Fatalf("usual at noon: %+v, %v; want about %v", u, ok, usual(noon))
	}
	if s := u.Score(usual(noon)); math.Abs(s) > 2 {
		t.Errorf("what is usual scores %v", s)
	}
	if s := u.Score(1000); s < 10 {
		t.Errorf("ten times as much scores %v", s)
	}
	sunday, ok := Learn(past, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if !ok || sunday.Median > 50 {
		t.Errorf("usual on a Sunday: %+v, %v", sunday, ok)
	}
	if _, ok := Learn(past[len(past)-13*24:], noon); ok {
		t.Error("thirteen days were enough")
	}
	if _, ok := Learn(past[len(past)-15*24:], noon); !ok {
		t.Error("fifteen days were not enough")
	}
	if !strings.Contains(u.Text(1000), "1000 in the hour") {
		t.Error(u.Text(1000))
	}
}

func TestWords(t *testing.T) {
	r := rule(func(r *Rule) { r.APIs, r.Consecutive, r.Help = []string{"default/orders"}, 2, "Call the team." })
	if got, want := r.Sentence(), "answers 5xx of default/orders above 10 in 5 minutes, 2 periods in a row"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, k := range Kinds() {
		r := Rule{Kind: k, Condition: Condition{Above, 1}, Period: Period{1, Hours}}
		if len(r.Sentence()) < 10 || strings.HasPrefix(r.Sentence(), " ") {
			t.Errorf("%s: %q", k, r.Sentence())
		}
	}
	n := Notice{Change: Resolved, At: noon.Add(time.Hour), Opened: noon, Targets: []Told{{Name: "default/orders", Value: 3}}}
	if n.Title(&r) != "Resolved: Many errors (default/orders)" || !strings.Contains(n.Text(&r), "It lasted 1h0m0s") || strings.Contains(n.Text(&r), "Call the team") {
		t.Errorf("%s\n%s", n.Title(&r), n.Text(&r))
	}
}

func TestPreview(t *testing.T) {
	r := rule(nil)
	fired, first := Preview(r, noon, noon.Add(24*time.Hour), 5*time.Minute, func(now time.Time) []Reading {
		v := 0.0
		if now.Minute() < 20 && now.Hour()%6 == 0 {
			v = 50
		}
		return []Reading{{Known: true, Value: v}}
	})
	if fired != 5 || len(first) != 5 || !first[0].Equal(noon) {
		t.Errorf("fired %d times, first %v", fired, first)
	}
}
