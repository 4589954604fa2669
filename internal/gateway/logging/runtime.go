package logging

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// Handler makes a handler that writes what process writes and, above the
// revision's level, also to the outputs of runtime logs.
func (l *Logs) Handler(process slog.Handler) slog.Handler {
	return &handler{logs: l, process: process}
}

// handler is a slog.Handler on two ways.
type handler struct {
	logs    *Logs
	process slog.Handler
	logger  string
	prefix  string
	fields  []field
}

// maxFields bounds the attributes of a line.
const maxFields = 32

func (h *handler) wants(l slog.Level) bool {
	now := h.logs.now.Load()
	return len(now.runtime) > 0 && l >= now.level
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.wants(l) || h.process.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if h.wants(r.Level) {
		h.tell(r)
	}
	if !h.process.Enabled(ctx, r.Level) {
		return nil
	}
	return h.process.Handle(ctx, r)
}

func (h *handler) tell(r slog.Record) {
	entry := line{at: r.Time, level: r.Level, logger: h.logger, message: mask(r.Message), fields: slices.Clip(h.fields)}
	if entry.logger == "" {
		entry.logger = "farrier"
	}
	r.Attrs(func(a slog.Attr) bool {
		entry.fields = appendAttr(entry.fields, h.prefix, a)
		return len(entry.fields) < maxFields
	})
	for _, out := range h.logs.now.Load().runtime {
		out.put(&entry)
	}
}

// WithAttrs implements slog.Handler. The component is the logger of a line.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.process = h.process.WithAttrs(attrs)
	next.fields = slices.Clone(h.fields)
	for _, a := range attrs {
		if a.Key == "component" && h.prefix == "" {
			next.logger = a.Value.Resolve().String()
			continue
		}
		next.fields = appendAttr(next.fields, h.prefix, a)
	}
	return &next
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.process = h.process.WithGroup(name)
	next.prefix += name + "."
	return &next
}

// reserved are the names of a line's own parts.
var reserved = []string{"date", "logger", "level", "kind", "message", "cut"}

func appendAttr(fields []field, prefix string, a slog.Attr) []field {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, one := range value.Group() {
			fields = appendAttr(fields, prefix, one)
		}
		return fields
	}
	if a.Key == "" || len(fields) >= maxFields {
		return fields
	}
	name := prefix + a.Key
	if slices.Contains(reserved, name) {
		name += "_"
	}
	return append(fields, field{cut(name, 128), shown(a.Key, value)})
}

// shown is the value of an attribute, masked.
func shown(key string, value slog.Value) string {
	switch value.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindDuration, slog.KindTime:
		return value.String()
	case slog.KindString, slog.KindAny, slog.KindGroup, slog.KindLogValuer:
	}
	text := value.String()
	if key == "exchange" && isID(text) {
		return text // it is random, and the way to the record
	}
	if classify.SecretName(key) {
		return "[secret]"
	}
	return mask(text)
}

// isID says whether text has the form of a correlation id (ULID).
func isID(text string) bool {
	return len(text) == 26 && strings.Trim(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

// mask replaces secrets and personal data. Text is cut before a word, so that
// no part of a secret is left that can't be recognised.
func mask(text string) string { return classify.Redact(cut(text, maxLine)) }

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := strings.LastIndexAny(text[:limit], " \t\r\n,;&")
	return fmt.Sprintf("%s … [%d bytes cut]", text[:max(end, 0)], len(text)-max(end, 0))
}
