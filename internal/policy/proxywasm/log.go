package proxywasm

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
)

const (
	// maxLines and maxLine bound what one call of a module logs.
	maxLines = 32
	maxLine  = 1 << 10
)

// level is the level of the log for one of the ABI: trace, debug, info, warn,
// error, critical.
func level(n uint32) slog.Level {
	switch n {
	case 0, 1:
		return slog.LevelDebug
	case 2:
		return slog.LevelInfo
	case 3:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// clean makes text of a module fit for one line.
func clean(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

func (in *instance) write(l slog.Level, text []byte) {
	if in.logged++; in.logged > maxLines || !in.plugin.log.Enabled(context.Background(), l) {
		return
	}
	attributes := []any{"message", clean(string(text), maxLine)}
	if x := in.current.x; x != nil {
		attributes = append(attributes, "exchange", x.ID)
	}
	in.plugin.log.Log(context.Background(), l, "custom policy", attributes...)
}

func proxyLog(a args) status {
	text, good := a.bytes(1)
	if !good {
		return invalidMemoryAccess
	}
	if a.u32(0) > 5 {
		return badArgument
	}
	a.in.write(level(a.u32(0)), text)
	return ok
}

func getLogLevel(a args) status {
	n := uint32(1)
	for n < 4 && !a.in.plugin.log.Enabled(a.ctx, level(n)) {
		n++
	}
	if !a.put(0, n) {
		return invalidMemoryAccess
	}
	return ok
}

// lines takes what a module prints to its standard output and error.
type lines struct{ in *instance }

// Write implements io.Writer.
func (l lines) Write(text []byte) (int, error) {
	for line := range strings.SplitSeq(strings.TrimRight(string(text[:min(len(text), maxLine)]), "\n"), "\n") {
		l.in.write(slog.LevelInfo, []byte(line))
	}
	return len(text), nil
}
