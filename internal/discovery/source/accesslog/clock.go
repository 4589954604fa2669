package accesslog

import (
	"strconv"
	"strings"
	"time"
)

// clock reads times. It keeps the last day and zone, which rarely change from
// line to line.
type clock struct {
	day  string
	date time.Time
	zone string
	loc  *time.Location
}

// parse reads a time in the layout, or in any form that logs use when it is
// empty. A layout is "unix", "unix-ms", "unix-us", "unix-ns" or one of package
// time. A time without a zone is UTC.
func (c *clock) parse(text, layout string) (time.Time, bool) {
	switch layout {
	case "":
		return c.guess(text)
	case "unix":
		return unix(text, time.Second)
	case "unix-ms":
		return unix(text, time.Millisecond)
	case "unix-us":
		return unix(text, time.Microsecond)
	case "unix-ns":
		return unix(text, time.Nanosecond)
	}
	at, err := time.Parse(layout, text)
	return at, err == nil
}

func (c *clock) guess(text string) (time.Time, bool) {
	text = strings.Trim(text, "[]")
	switch {
	case len(text) >= 20 && text[2] == '/' && text[6] == '/':
		return c.common(text)
	case len(text) >= 10 && text[4] == '-':
		return iso(text)
	case text != "" && strings.Trim(text, "0123456789.") == "":
		return guessUnix(text)
	}
	for _, layout := range [...]string{time.ANSIC, time.RFC1123, time.RFC1123Z, "Jan 2, 2006 15:04:05", "01/02/2006 15:04:05", "2006/01/02 15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// common reads 22/Nov/2026:19:22:47 +0000, with or without a fraction and zone.
func (c *clock) common(text string) (time.Time, bool) {
	if text[11] != ':' || text[14] != ':' || text[17] != ':' {
		return time.Time{}, false
	}
	clockText, zone, _ := strings.Cut(text[12:], " ")
	if len(clockText) < 8 {
		return time.Time{}, false
	}
	if text[:11] != c.day || zone != c.zone || c.loc == nil {
		if zone != c.zone || c.loc == nil {
			c.zone, c.loc = zone, time.UTC
			if zone != "" {
				at, err := time.Parse("-0700", zone)
				if err != nil {
					c.loc = nil
					return time.Time{}, false
				}
				_, offset := at.Zone()
				if offset != 0 {
					c.loc = time.FixedZone("", offset)
				}
			}
		}
		date, err := time.ParseInLocation("02/Jan/2006", text[:11], c.loc)
		if err != nil {
			c.day = ""
			return time.Time{}, false
		}
		c.day, c.date = text[:11], date
	}
	h, ok1 := two(clockText[0:2], 23)
	m, ok2 := two(clockText[3:5], 59)
	s, ok3 := two(clockText[6:8], 60)
	if !ok1 || !ok2 || !ok3 {
		return time.Time{}, false
	}
	offset := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	if len(clockText) > 8 {
		fraction, err := strconv.ParseFloat("0"+clockText[8:], 64)
		if err != nil || fraction < 0 || fraction >= 1 {
			return time.Time{}, false
		}
		offset += time.Duration(fraction*1e6) * time.Microsecond
	}
	return c.date.Add(offset), true
}

func two(text string, most int) (int, bool) {
	a, b := text[0]-'0', text[1]-'0'
	if a > 9 || b > 9 {
		return 0, false
	}
	n := int(a)*10 + int(b)
	return n, n <= most
}

// iso reads the many spellings of ISO 8601.
func iso(text string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, true
	}
	text = strings.Replace(text, ",", ".", 1)
	for _, layout := range [...]string{
		"2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 Z0700",
		"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999 MST", "2006-01-02",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func unix(text string, unit time.Duration) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || n > (1<<63-1)/int64(unit) {
		return time.Time{}, false
	}
	at := time.Unix(0, 0).Add(time.Duration(n) * unit)
	if fraction != "" {
		part, err := strconv.ParseFloat("0."+fraction, 64)
		if err != nil {
			return time.Time{}, false
		}
		at = at.Add(time.Duration(part * float64(unit)))
	}
	return at.UTC(), true
}

// guessUnix tells seconds, milliseconds, microseconds and nanoseconds apart by
// their size: all years from 1973 to 5138.
func guessUnix(text string) (time.Time, bool) {
	whole, _, _ := strings.Cut(text, ".")
	switch n := len(whole); {
	case n < 9:
		return time.Time{}, false
	case n <= 11:
		return unix(text, time.Second)
	case n <= 14:
		return unix(text, time.Millisecond)
	case n <= 17:
		return unix(text, time.Microsecond)
	default:
		return unix(text, time.Nanosecond)
	}
}
