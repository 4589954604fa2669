package logging

import (
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/traffic"
)

const (
	// maxLine bounds a line in bytes.
	maxLine = 8 << 10
	// maxHeld bounds what a queued line holds of a request.
	maxHeld = 1 << 10
	// room is what a JSON line needs beside its message and fields.
	room = 512
)

// line is one entry on its way to an output. It is formatted by the writer, not
// on the request path.
type line struct {
	at     time.Time
	level  slog.Level
	logger string
	// message and fields are those of runtime lines, masked already.
	message string
	fields  []field
	// access is set instead on access lines.
	access access
}

type field struct{ name, value string }

// access is what an access line tells.
type access struct {
	// operation is set when method and path were too long to be held.
	operation, method, path string
	status                  int
	bytesIn, bytesOut       int64
	took                    time.Duration
	api, clientID, exchange string
	binding, policy         string
	client                  netip.Addr
	outcome                 traffic.Outcome
}

func (l *line) kind() string {
	if l.access.exchange != "" {
		return "access"
	}
	return "runtime"
}

// say completes an access line: its message is the operation and the status.
func (l *line) say() []number {
	a := &l.access
	if a.exchange == "" {
		return nil
	}
	if a.operation == "" {
		a.operation = traffic.Operation(a.method, a.path)
	}
	method, _, _ := strings.Cut(a.operation, " ")
	l.message = a.operation + " " + strconv.Itoa(a.status)
	client := ""
	if a.client.IsValid() {
		client = a.client.String()
	}
	l.fields = []field{
		{"method", method},
		{"operation", a.operation},
		{"api", a.api},
		{"client", client},
		{"clientId", classify.Redact(a.clientID)},
		{"exchange", a.exchange},
		{"outcome", string(a.outcome)},
		{"binding", a.binding},
		{"policy", a.policy},
	}
	return []number{
		{"status", strconv.Itoa(a.status)},
		{"bytesIn", strconv.FormatInt(a.bytesIn, 10)},
		{"bytesOut", strconv.FormatInt(a.bytesOut, 10)},
		{"tookMs", strconv.FormatFloat(float64(a.took.Microseconds())/1000, 'f', -1, 64)},
	}
}

// number is a field whose value is written without quotes.
type number field

// format makes text of lines: JSON without a template.
type format struct{ template []part }

// part is literal text or a variable.
type part struct {
	literal  string
	variable string
}

const defaultTemplate = "[{date}][{logger}][{level}][{kind}] {message}"

var variable = regexp.MustCompile(`\{[a-zA-Z_]+\}`)

func parseTemplate(text string) ([]part, error) {
	var parts []part
	from := 0
	for _, at := range variable.FindAllStringIndex(text, -1) {
		name := text[at[0]+1 : at[1]-1]
		switch name {
		case "date", "logger", "level", "kind", "message":
		default:
			return nil, fmt.Errorf("there is no variable {%s}; there are {date}, {logger}, {level}, {kind} and {message}", name)
		}
		parts = append(parts, part{literal: text[from:at[0]]}, part{variable: name})
		from = at[1]
	}
	return append(parts, part{literal: text[from:]}), nil
}

// append adds a line without a line feed. It writes into l what is derived.
func (f *format) append(dst []byte, l *line) []byte {
	numbers := l.say()
	if f.template == nil {
		return appendJSON(dst, l, numbers)
	}
	from := len(dst)
	for _, p := range f.template {
		left := maxLine - (len(dst) - from)
		switch p.variable {
		case "":
			dst = appendEscaped(dst, p.literal, left, false)
		case "date":
			dst = l.at.UTC().AppendFormat(dst, dateFormat)
		case "logger":
			dst = appendEscaped(dst, l.logger, left, false)
		case "level":
			dst = append(dst, levelName(l.level)...)
		case "kind":
			dst = append(dst, l.kind()...)
		case "message":
			dst = appendMessage(dst, l, numbers, left)
		}
	}
	return dst[:min(len(dst), from+maxLine)] // only ASCII can stand behind the limit
}

const dateFormat = "2006-01-02T15:04:05.000Z07:00"

// appendMessage adds the message and, as name=value, the fields.
func appendMessage(dst []byte, l *line, numbers []number, limit int) []byte {
	from := len(dst)
	dst = appendEscaped(dst, l.message, limit, false)
	add := func(name, value string) {
		if value == "" || name == "operation" || name == "method" {
			return // they stand in the message
		}
		dst = appendEscaped(dst, " "+name+"=", limit-(len(dst)-from), false)
		if strings.ContainsAny(value, " \"=") {
			dst = appendEscaped(dst, strconv.Quote(value), limit-(len(dst)-from), false)
			return
		}
		dst = appendEscaped(dst, value, limit-(len(dst)-from), false)
	}
	for _, n := range numbers {
		if n.name != "status" {
			add(n.name, n.value)
		}
	}
	for _, f := range l.fields {
		add(f.name, f.value)
	}
	return dst
}

// appendJSON adds one JSON object. Fields that find no room are left out, and
// "cut" says so.
func appendJSON(dst []byte, l *line, numbers []number) []byte {
	from := len(dst)
	dst = append(dst, `{"date":"`...)
	dst = l.at.UTC().AppendFormat(dst, dateFormat)
	dst = append(dst, `","logger":"`...)
	dst = appendEscaped(dst, l.logger, room/2, true)
	dst = append(dst, `","level":"`...)
	dst = append(dst, levelName(l.level)...)
	dst = append(dst, `","kind":"`...)
	dst = append(dst, l.kind()...)
	dst = append(dst, `","message":"`...)
	dst = appendEscaped(dst, l.message, maxLine-room, true)
	dst = append(dst, '"')
	for _, n := range numbers {
		dst = append(append(append(append(dst, `,"`...), n.name...), `":`...), n.value...)
	}
	for _, f := range l.fields {
		if f.value == "" {
			continue
		}
		before := len(dst)
		dst = append(dst, `,"`...)
		dst = appendEscaped(dst, f.name, maxLine, true)
		dst = append(dst, `":"`...)
		dst = appendEscaped(dst, f.value, maxLine, true)
		dst = append(dst, '"')
		if len(dst)-from > maxLine-len(`,"cut":true}`) {
			dst = append(dst[:before], `,"cut":true`...)
			break
		}
	}
	return append(dst, '}')
}

// appendEscaped adds text of which no character can end a line or change how a
// terminal behaves, in at most limit bytes; quoted text may stand between the
// quotation marks of JSON.
func appendEscaped(dst []byte, text string, limit int, quoted bool) []byte {
	from := len(dst)
	for _, r := range text {
		before := len(dst)
		switch {
		case quoted && (r == '"' || r == '\\'):
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ' || r >= 0x7f && r < 0xa0 || invisible(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		if len(dst)-from > limit {
			return dst[:before]
		}
	}
	return dst
}

// invisible are characters that break or turn lines around.
func invisible(r rune) bool {
	return r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff
}
