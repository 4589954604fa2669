package schema

import (
	"strings"
	"time"
)

// digits reads n digits, -1 when there are others.
func digits(b []byte, n int) int {
	if len(b) < n {
		return -1
	}
	v := 0
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// isDate is full-date of RFC 3339, §5.6.
func isDate(b []byte) bool {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return false
	}
	year, month, day := digits(b, 4), digits(b[5:], 2), digits(b[8:], 2)
	if year < 0 || month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	return day <= 28 || time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() == day
}

// clock reads partial-time of RFC 3339, and gives what follows it.
func clock(b []byte) (hour, minute, second int, rest []byte, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0, 0, nil, false
	}
	hour, minute, second = digits(b, 2), digits(b[3:], 2), digits(b[6:], 2)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, 0, 0, nil, false
	}
	rest = b[8:]
	if len(rest) > 0 && rest[0] == '.' {
		n := 1
		for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
			n++
		}
		if n == 1 {
			return 0, 0, 0, nil, false
		}
		rest = rest[n:]
	}
	return hour, minute, second, rest, true
}

func isTimeOnly(b []byte) bool {
	_, _, second, rest, ok := clock(b)
	return ok && len(rest) == 0 && second < 60
}

// isTime is full-time of RFC 3339, a leap second where one may be: at 23:59 UTC.
func isTime(b []byte) bool {
	hour, minute, second, zone, ok := clock(b)
	if !ok || len(zone) == 0 {
		return false
	}
	if len(zone) > 1 || zone[0] != 'Z' && zone[0] != 'z' {
		if len(zone) != 6 || zone[0] != '+' && zone[0] != '-' || zone[3] != ':' {
			return false
		}
		h, m := digits(zone[1:], 2), digits(zone[4:], 2)
		if h < 0 || h > 23 || m < 0 || m > 59 {
			return false
		}
		offset := h*60 + m
		if zone[0] == '+' {
			offset = -offset
		}
		of := (hour*60 + minute + offset + 24*60) % (24 * 60)
		hour, minute = of/60, of%60
	}
	return second < 60 || hour == 23 && minute == 59
}

func isDateTime(b []byte) bool {
	return len(b) > 11 && (b[10] == 'T' || b[10] == 't') && isDate(b[:10]) && isTime(b[11:])
}

// isDuration is duration of RFC 3339, appendix A.
func isDuration(b []byte) bool {
	s, ok := strings.CutPrefix(string(b), "P")
	if !ok || s == "" {
		return false
	}
	if weeks, ok := strings.CutSuffix(s, "W"); ok {
		return allDigits(weeks)
	}
	days, clock, timed := strings.Cut(s, "T")
	if timed && clock == "" {
		return false
	}
	return inUnits(days, "YMD") && inUnits(clock, "HMS")
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// inUnits says whether a text is numbers with units in this order, none between
// two left out.
func inUnits(s, units string) bool {
	last := -1
	for s != "" {
		n := len(s) - len(strings.TrimLeft(s, "0123456789"))
		if n == 0 || n == len(s) {
			return false
		}
		at := strings.IndexByte(units, s[n])
		if at < 0 || at <= last || last >= 0 && at > last+1 {
			return false
		}
		last, s = at, s[n+1:]
	}
	return true
}
