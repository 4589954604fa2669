package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/discovery"
)

// inventoryFunctions are what templates of the inventory call.
func inventoryFunctions() template.FuncMap {
	return template.FuncMap{
		"clip":      clip,
		"clipped":   clipped,
		"spark":     spark,
		"columns":   columns,
		"stateTone": stateTone,
		"stateText": stateText,
		"levelTone": levelTone,
		"authTone":  authTone,
		"class":     classTitle,
		"perDay":    perDay,
		"share":     share,
		"operation": operationPath,
		"quote":     func(text string) string { return `"` + strings.ReplaceAll(text, `"`, "") + `"` },
		"indent":    func(n int) string { return strings.Repeat("\u2003", min(max(n-1, 0), 12)) },
		"change":    changeText,
		"drift":     driftText,
		"stack":     func(a, b int) int { return a + b },
		"if2":       func(one bool, yes, no string) string { return map[bool]string{true: yes, false: no}[one] },
		"tabs":      func(path, here string) tabsData { return tabsData{path, here} },
		"marks": func(action, owner, tags, labels string, with bool) marksData {
			return marksData{action + "/marks", owner, tags, labels, with}
		},
		"inventoryPaths": func() map[string]string {
			return map[string]string{
				"Operations": inventoryPath, "Changes": "/inventory/changes", "Map": "/inventory/map", "Data": "/inventory/data", "Notes": "/inventory/notes", "Why not listed?": "/inventory/why", "Adopt": "/inventory/adopt",
			}
		},
	}
}

// tabsData are the views of an API.
type tabsData struct{ Path, Here string }

// marksData is the form of owner, tags and labels.
type marksData struct {
	Action, Owner, Tags, Labels string
	WithLabels                  bool
}

// clipped is the beginning of a long text.
func clipped(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	n := 0
	for at := range text {
		if n == most-1 {
			return text[:at] + "…"
		}
		n++
	}
	return text
}

// clip shows the beginning of a long text, and the whole in its title.
func clip(most int, text string) template.HTML {
	short := clipped(text, most)
	if short == text {
		return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped in the line
	}
	return template.HTML(`<span title="` + template.HTMLEscapeString(clipped(text, 500)) + `">` + template.HTMLEscapeString(short) + `</span>`) //nolint:gosec // escaped in the line
}

// spark draws the calls of the last days as a line.
func spark(days [inventory.SparkDays]uint32) template.HTML {
	most := uint32(1)
	for _, n := range days {
		most = max(most, n)
	}
	var path strings.Builder
	for i, n := range days {
		letter := byte('L')
		if i == 0 {
			letter = 'M'
		}
		path.WriteByte(letter)
		path.WriteString(strconv.Itoa(i * 4))
		path.WriteByte(' ')
		path.WriteString(strconv.Itoa(15 - int(14*uint64(n)/uint64(most)))) //nolint:gosec // 1 to 15
	}
	return template.HTML(`<svg class="spark" viewBox="0 0 52 16" aria-hidden="true"><path d="` + path.String() + `"/></svg>`) //nolint:gosec // numbers only
}

// columns draws the calls of the last days as columns, each with its day and number.
func columns(v view, days []uint64) template.HTML {
	most := uint64(1)
	for _, n := range days {
		most = max(most, n)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="course" viewBox="0 0 %d 40" preserveAspectRatio="none" role="img" aria-label="Calls of the last %d days, at most %s a day">`, len(days)*10, len(days), count(most))
	for i, n := range days {
		height := 38 * float64(n) / float64(most)
		day := v.now.UTC().AddDate(0, 0, i-len(days)+1).Format("2 Jan")
		fmt.Fprintf(&b, `<rect class="calls" x="%d" y="%.1f" width="8" height="%.1f"><title>%s: %s</title></rect>`, i*10+1, 40-height, height, day, count(n))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and days only
}

func stateTone(state any) string {
	switch discovery.State(fmt.Sprint(state)) {
	case discovery.Zombie:
		return "stop"
	case discovery.Shadow, discovery.Deprecated:
		return "warn"
	case discovery.Documented:
		return "good"
	case discovery.Fresh, discovery.Altered:
		return "accent"
	case discovery.Orphan, discovery.Unused, discovery.Archived:
	}
	return "calm"
}

// stateText says what a state means.
func stateText(state any) string {
	switch discovery.State(fmt.Sprint(state)) {
	case discovery.Documented:
		return "It is called, and a description in force has it"
	case discovery.Shadow:
		return "It is called, and no description has it"
	case discovery.Zombie:
		return "It is called, though its end has passed or only an older version has it"
	case discovery.Orphan:
		return "It is described, and nobody calls it"
	case discovery.Fresh:
		return "First seen in the last 7 days"
	case discovery.Altered:
		return "Changed in the last 7 days"
	case discovery.Unused:
		return "Not called for 30 days"
	case discovery.Archived:
		return "Not called for 180 days"
	case discovery.Deprecated:
		return "Its description says that it will end"
	}
	return ""
}

func levelTone(level string) string {
	switch level {
	case "high":
		return "stop"
	case "medium":
		return "warn"
	}
	return "calm"
}

func authTone(status string) string {
	switch status {
	case "missing":
		return "stop"
	case "partial":
		return "warn"
	case "consistent":
		return "good"
	}
	return "calm"
}

func classTitle(class string) string { return sensitive.Class(class).Title() }

// perDay writes a mean of calls a day.
func perDay(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 1:
		return "< 1"
	}
	return count(int64(n + 0.5))
}

// share writes a part of all.
func share(part float64) string {
	switch {
	case part < 0:
		return "–"
	case part > 0 && part < 0.01:
		return "< 1 %"
	}
	return strconv.Itoa(int(100*part+0.5)) + " %"
}

// changeText says what kind of change it was.
func changeText(kind string) string {
	switch kind {
	case "listed":
		return "listed"
	case "back":
		return "called again"
	case "unused":
		return "not called any more"
	}
	what, how, _ := strings.Cut(kind, "-")
	if how == "" {
		return kind
	}
	if how == "new" {
		return "new " + what
	}
	return what + " " + how
}

// driftText says what kind of difference it is.
func driftText(kind string) string { return strings.ReplaceAll(kind, "-", " ") }
