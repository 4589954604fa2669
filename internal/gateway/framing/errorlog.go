package framing

import (
	"log"
	"log/slog"
	"strings"
)

// errorLog turns net/http's own complaints into log records of bounded size
// that quote no client: what follows the first colon or quote of a message may
// come from outside and is dropped. Of a panic the stack is kept, not the value.
type errorLog struct{ log *slog.Logger }

func newErrorLog(l *slog.Logger) *log.Logger { return log.New(errorLog{l}, "", 0) }

// Write implements io.Writer; it never fails.
func (e errorLog) Write(p []byte) (int, error) {
	const mostStack, mostText = 8 << 10, 120
	text := string(p)
	if rest, ok := strings.CutPrefix(text, "http: panic serving "); ok {
		at := strings.Index(rest, "\ngoroutine ")
		stack := rest[max(at, 0):]
		if at < 0 {
			stack = ""
		}
		e.log.Error("panic in a request handler", "stack", stack[:min(len(stack), mostStack)])
		return len(p), nil
	}
	proto, text, found := strings.Cut(text, ": ")
	if !found {
		proto, text = "", proto
	}
	if i := strings.IndexAny(text, ":\"'`\n[{("); i >= 0 {
		text = text[:i]
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text[:min(len(text), mostText)])
	if len(proto) > len("http2") {
		proto = "http"
	}
	e.log.Warn("complaint of the HTTP server", "protocol", proto, "message", text)
	return len(p), nil
}
