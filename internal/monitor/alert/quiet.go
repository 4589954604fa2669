package alert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dayNames are the days of the week as they are written in lines, from Sunday on.
var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseQuiet reads a line of quiet hours: days where it is not every day, from and to,
// a time zone where it is not UTC, and "critical" where critical alerts wait too, as
// "mon-fri 22:00-06:00 Europe/Berlin critical".
func ParseQuiet(line string) (Quiet, error) {
	var q Quiet
	fields := strings.Fields(line)
	wrong := fmt.Errorf("%w: quiet hours %.60q: write them as mon-fri 22:00-06:00 Europe/Berlin", ErrRule, line)
	if len(fields) > 0 && !strings.ContainsAny(fields[0], ":") {
		days, ok := parseDays(fields[0])
		if !ok {
			return q, wrong
		}
		q.Days, fields = days, fields[1:]
	}
	if len(fields) == 0 {
		return q, wrong
	}
	var ok bool
	if q.From, q.To, ok = strings.Cut(fields[0], "-"); !ok {
		return q, wrong
	}
	for _, f := range fields[1:] {
		switch {
		case f == "critical" && !q.Critical:
			q.Critical = true
		case q.Zone == "":
			q.Zone = f
		default:
			return q, wrong
		}
	}
	_, okFrom := dayTime(q.From)
	_, okTo := dayTime(q.To)
	if _, err := time.LoadLocation(q.Zone); !okFrom || !okTo || err != nil || q.Zone == "Local" {
		return q, wrong
	}
	return q, nil
}

func parseDays(text string) ([]int, bool) {
	var days []int
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		first, last, span := strings.Cut(part, "-")
		from := slices.Index(dayNames[:], first)
		to := from
		if span {
			to = slices.Index(dayNames[:], last)
		}
		if from < 0 || to < 0 || len(days) > 7 {
			return nil, false
		}
		for d := from; ; d = (d + 1) % 7 {
			if !slices.Contains(days, d) {
				days = append(days, d)
			}
			if d == to {
				break
			}
		}
	}
	slices.Sort(days)
	return days, true
}

// String writes quiet hours as ParseQuiet reads them.
func (q Quiet) String() string {
	var parts []string
	if len(q.Days) > 0 {
		var names []string
		for _, d := range q.Days {
			if d >= 0 && d < len(dayNames) {
				names = append(names, dayNames[d])
			}
		}
		parts = append(parts, strings.Join(names, ","))
	}
	parts = append(parts, q.From+"-"+q.To)
	if q.Zone != "" {
		parts = append(parts, q.Zone)
	}
	if q.Critical {
		parts = append(parts, "critical")
	}
	return strings.Join(parts, " ")
}

// Number writes a value without needless digits.
func Number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
