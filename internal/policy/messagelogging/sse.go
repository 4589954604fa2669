package messagelogging

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// SSE is the entry of the catalogue for sse-logging, which writes a line for
// each event of an event stream.
func SSE() policy.Policy {
	return policy.Policy{
		Name: "sse-logging", Title: "SSE Logging", Category: "SSE",
		Phase: policy.Shape, Schema: sseSchema, Compile: compileSSE,
	}
}

// SSESettings are those of sse-logging.
type SSESettings struct {
	// Logs are the lines to write for each event of an event stream that has data.
	// All other responses pass unlogged.
	Logs []Log `json:"logs" required:"true" minItems:"1"`
}

// Log is one line.
type Log struct {
	// Message is what is written, as text or as an expression. payload is the data
	// of the event: an Object or Array where that is JSON, otherwise text; vars.event
	// has its id and its name; attributes are those of the response; the other vars
	// are those of message logging. Of personal data and secrets only the kind is
	// written, and at most 8 KiB in all.
	Message string `json:"message" required:"true" minLength:"1" expr:"true"`
	// Category is written beside the line, to filter by.
	Category string `json:"category"`
	// Level is how serious the line is.
	Level string `json:"level" default:"INFO" enum:"INFO|WARN|ERROR|DEBUG"`
}

// events are the lines for each event.
type events struct{ lines []item }

func compileSSE(settings json.RawMessage) (policy.Compiled, error) {
	var s SSESettings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	var all events
	for i, one := range s.Logs {
		ready, err := compileItem(Item{ItemData: Data{Message: one.Message, Category: one.Category, Level: one.Level}})
		if err != nil {
			return nil, fmt.Errorf("logs[%d].%w", i, err)
		}
		all.lines = append(all.lines, ready)
	}
	return &all, nil
}

// Bind implements policy.Compiled.
func (e *events) Bind(env policy.Env) (policy.Step, error) {
	from := host()
	return policy.Step{
		OnStream: policy.InspectStream, Messages: policy.ServiceOnly, EventsOnly: true, MessagesBestEffort: true,
		Message: func(ctx context.Context, x *traffic.Exchange, m policy.Message) policy.Verdict {
			if m.Kind != policy.EventMessage {
				return policy.Go()
			}
			if one := readEvent(m.Data); one != nil {
				write(ctx, e.lines, &env, &scope{
					Scope: policy.Scope{Exchange: x, Response: true}, api: env.API, host: from, event: one,
					replied: env.Now().UTC().Format(time.RFC3339Nano),
				})
			}
			return policy.Go()
		},
	}, nil
}

// event is one event of an event stream.
type event struct {
	id, name, data string
	parsed         *dataweave.Value
}

// readEvent reads the lines of an event (WHATWG HTML, section 9.2.6); nil when
// it has no data, as a comment that keeps the connection open.
func readEvent(lines []byte) *event {
	var e event
	var data strings.Builder
	some := false
	lines = bytes.TrimPrefix(lines, []byte("\uFEFF"))
	for line := range bytes.FieldsFuncSeq(lines, func(c rune) bool { return c == '\n' || c == '\r' }) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if some {
				data.WriteByte('\n')
			}
			some = true
			data.Write(value)
		case "id":
			e.id = string(value)
		case "event":
			e.name = string(value)
		}
	}
	if !some {
		return nil
	}
	e.data = data.String()
	return &e
}

// payload is the data, an Object or an Array where that is JSON.
func (e *event) payload() dataweave.Value {
	if e.parsed == nil {
		v := dataweave.String(e.data)
		if strings.HasPrefix(e.data, "{") || strings.HasPrefix(e.data, "[") {
			if read, err := dataweave.FromJSON([]byte(e.data)); err == nil {
				v = read
			}
		}
		e.parsed = &v
	}
	return *e.parsed
}

// value is vars.event; null where no event is logged.
func (e *event) value() (dataweave.Value, bool) {
	if e == nil {
		return dataweave.Null(), false
	}
	return dataweave.NewObject(map[string]dataweave.Value{
		"id": dataweave.String(e.id), "name": dataweave.String(e.name), "data": dataweave.String(e.data),
	}), true
}
