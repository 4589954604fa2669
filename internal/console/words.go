package console

import (
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/finding"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// functions are what templates may call.
func functions(assetURL func(string) (string, error)) template.FuncMap {
	all := template.FuncMap{
		"asset":       assetURL,
		"count":       count,
		"duration":    duration,
		"bytes":       byteSize,
		"percent":     percent,
		"plural":      plural,
		"outcome":     outcomeWord,
		"tone":        outcomeTone,
		"severity":    severityTone,
		"conformance": conformanceTone,
		"action":      actionTone,
		"source":      sourceText,
		"rule":        ruleText,
		"apiPath":     apiPath,
		"query":       query,
		"startAt":     startAt,
		"join":        strings.Join,
		"short":       short,
		"period":      period,
		"spoken":      spoken,
		"gatewayTone": gatewayTone,
		"inState":     func(n map[client.State]int, s client.State) int { return n[s] },
		"gatewayWord": gatewayWord,
		"ranges":      newRangeLinks,
		"lines":       newLines,
		"bar":         bar,
		"sum":         sum,
		"list":        func(items ...string) []string { return items },
	}
	maps.Copy(all, inventoryFunctions())
	maps.Copy(all, alertFunctions())
	maps.Copy(all, peopleFunctions())
	maps.Copy(all, clientFunctions())
	return all
}

// count writes a number with its thousands apart.
func count(n any) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

func duration(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d <= 0:
		return "–"
	case d < 100*time.Microsecond:
		return strconv.FormatFloat(ms*1000, 'f', 0, 64) + " µs"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case d < 100*time.Second:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	}
	return d.Round(time.Second).String()
}

func byteSize(n any) string {
	size, err := strconv.ParseFloat(fmt.Sprint(n), 64)
	if err != nil {
		return "–"
	}
	unit := 0
	for size >= 1024 && unit < 4 {
		size /= 1024
		unit++
	}
	digits := 0
	if unit > 0 && size < 10 {
		digits = 1
	}
	return strconv.FormatFloat(size, 'f', digits, 64) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}

// percent is n of all in hundredths, exact enough for a person.
func percent(n, all uint64) string {
	switch {
	case all == 0:
		return ""
	case n == 0:
		return "0 %"
	}
	switch p := 100 * float64(n) / float64(all); {
	case p < 0.1:
		return "< 0.1 %"
	case p < 10:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

func plural(n any, one, many string) string {
	if fmt.Sprint(n) == "1" {
		return one
	}
	return many
}

// ago says in one unit how long ago something was, or will be.
func ago(d time.Duration) string {
	switch to := -d; {
	case to >= 48*time.Hour:
		return fmt.Sprintf("in %d days", to/(24*time.Hour))
	case to >= time.Hour:
		return fmt.Sprintf("in %d h", to/time.Hour)
	case to >= time.Minute:
		return fmt.Sprintf("in %d min", to/time.Minute)
	}
	for _, u := range []struct {
		below, unit time.Duration
		name        string
	}{
		{5 * time.Second, 0, "just now"},
		{time.Minute, time.Second, "s ago"},
		{time.Hour, time.Minute, "min ago"},
		{48 * time.Hour, time.Hour, "h ago"},
	} {
		if d < u.below && u.unit == 0 {
			return u.name
		}
		if d < u.below {
			return fmt.Sprintf("%d %s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

func outcomeWord(o traffic.Outcome) string {
	switch o {
	case traffic.Served:
		return "served"
	case traffic.AnsweredLocally:
		return "answered by a policy"
	case traffic.RefusedByPolicy:
		return "refused by a policy"
	case traffic.RefusedByGateway:
		return "refused by the gateway"
	case traffic.Errored:
		return "error"
	}
	return "unknown"
}

func outcomeTone(o traffic.Outcome) string {
	switch o {
	case traffic.Served, traffic.AnsweredLocally:
		return "good"
	case traffic.RefusedByPolicy, traffic.RefusedByGateway:
		return "stop"
	case traffic.Errored:
		return "fault"
	}
	return "calm"
}

func severityTone(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High:
		return "stop"
	case finding.Medium:
		return "warn"
	case finding.Low, finding.Info:
	}
	return "calm"
}

// conformanceTone is the colour of a status.
func conformanceTone(s rules.Status) string {
	switch s {
	case rules.Conformant:
		return "good"
	case rules.NonConformant:
		return "stop"
	case rules.Failed, rules.Pending:
		return "warn"
	default:
		return "calm"
	}
}

func actionTone(a traffic.Action) string {
	switch a {
	case traffic.Refused:
		return "stop"
	case traffic.Failed:
		return "fault"
	case traffic.Watched:
		return "warn"
	case traffic.Answered:
		return "good"
	case traffic.Continued, traffic.Skipped:
	}
	return "calm"
}

func sourceText(s revision.Source) string {
	switch {
	case s.File == "":
		return ""
	case s.Line == 0:
		return s.File
	}
	return s.File + ":" + strconv.Itoa(s.Line)
}

// ruleText writes one rule of a route or binding as people read it.
func ruleText(r revision.Rule) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	add("methods", r.Methods)
	add("path", r.Path)
	add("host", r.Host)
	for name, value := range r.Headers {
		add("header "+name, value)
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// apiPath is the page of an API; empty for what is none.
func apiPath(name string) string {
	namespace, bare, ok := strings.Cut(name, "/")
	if !ok || name == exchange.NoAPI {
		return ""
	}
	return "/apis/" + url.PathEscape(namespace) + "/" + url.PathEscape(bare)
}

// query writes an address with parameters: name, value, name, value. Empty
// values are left out.
func query(to string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return to
	}
	return to + "?" + values.Encode()
}

// short is the beginning of a digest.
func short(digest string) string { return digest[:min(len(digest), 12)] }

// period writes a limit as people read it, as "100 in 1 min".
func period(l revision.Limit) string {
	d := time.Duration(l.TimePeriodInMilliseconds) * time.Millisecond
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%s in %d d", count(l.MaximumRequests), d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%s in %d h", count(l.MaximumRequests), d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%s in %d min", count(l.MaximumRequests), d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%s in %d s", count(l.MaximumRequests), d/time.Second)
	}
	return fmt.Sprintf("%s in %d ms", count(l.MaximumRequests), l.TimePeriodInMilliseconds)
}
