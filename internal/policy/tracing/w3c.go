package tracing

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"

	"farrier.dev/farrier/internal/traffic"
)

// The lengths in bytes of a traceparent of version 00, and of the longest one
// and the longest tracestate that are read.
const (
	traceparent    = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	maxTraceparent = 512
	maxTracestate  = 8 << 10
)

// parent is the context that a caller sent by the W3C recommendation Trace
// Context (level 1, §3.2 and 3.3); an invalid one for none. A traceparent that
// breaks the rules, or stands there twice, is none. A tracestate that does is
// forgotten alone.
func parent(h *traffic.Header) trace.SpanContext {
	var none trace.SpanContext
	fields := h.Values("traceparent")
	if len(fields) != 1 {
		return none
	}
	config, ok := parse(fields[0].Value)
	if !ok {
		return none
	}
	if state := h.Joined("tracestate"); state != "" && len(state) <= maxTracestate {
		config.TraceState, _ = trace.ParseTraceState(state) // an empty one when it is broken
	}
	config.Remote = true
	return trace.NewSpanContext(config)
}

// parse reads a traceparent. Of versions that are not known yet it reads the
// part that they have in common with 00.
func parse(s string) (trace.SpanContextConfig, bool) {
	var c trace.SpanContextConfig
	if len(s) < traceparent || len(s) > maxTraceparent || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return c, false
	}
	var version, flags [1]byte
	if !unhex(version[:], s[0:2]) || !unhex(c.TraceID[:], s[3:35]) || !unhex(c.SpanID[:], s[36:52]) || !unhex(flags[:], s[53:55]) {
		return c, false
	}
	switch {
	case version[0] == 0xff, !c.TraceID.IsValid(), !c.SpanID.IsValid():
		return c, false
	case len(s) > traceparent && (version[0] == 0 || s[traceparent] != '-'):
		return c, false
	}
	c.TraceFlags = trace.TraceFlags(flags[0]) & trace.FlagsSampled
	return c, true
}

// unhex reads lower-case hexadecimal digits, the only ones that are allowed.
func unhex(into []byte, s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(into, []byte(s))
	return err == nil
}

// inject tells the service the context.
func inject(h *traffic.Header, sc trace.SpanContext) {
	flags := "-00"
	if sc.IsSampled() {
		flags = "-01"
	}
	h.Set("traceparent", "00-"+sc.TraceID().String()+"-"+sc.SpanID().String()+flags)
	if state := sc.TraceState().String(); state != "" {
		h.Set("tracestate", state)
	} else {
		h.Del("tracestate")
	}
}

// unsampled is the context of a request of which no span is made: a new parent
// in the trace of the caller, or a new trace.
func unsampled(caller trace.SpanContext) trace.SpanContext {
	config := trace.SpanContextConfig{TraceID: caller.TraceID(), TraceState: caller.TraceState()}
	for !config.TraceID.IsValid() {
		binary.BigEndian.PutUint64(config.TraceID[:8], rand.Uint64()) //nolint:gosec // names a trace, guards nothing
		binary.BigEndian.PutUint64(config.TraceID[8:], rand.Uint64()) //nolint:gosec // as above
	}
	for !config.SpanID.IsValid() {
		binary.BigEndian.PutUint64(config.SpanID[:], rand.Uint64()) //nolint:gosec // as above
	}
	return trace.NewSpanContext(config)
}
