// Package otlp sends events as log records by the OpenTelemetry protocol over HTTP.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "otlp", Title: "OpenTelemetry", Help: "Log records to a collector, by OTLP over HTTP.", Forwards: true,
		Field: []notify.Field{
			{Name: "url", Label: "Address", Kind: notify.Text, Required: true, Example: "https://otel.example:4318", Help: "Without a path, /v1/logs is added."},
			{Name: "headers", Label: "Headers", Kind: notify.Secret, Example: "authorization=Bearer …, x-tenant=1", Help: "Name=value, parted by commas."},
		},
		Open: func(s notify.Settings, e notify.Env) (notify.Channel, error) {
			u, err := s.URL("url")
			if err != nil {
				return nil, err
			}
			if strings.Trim(u.Path, "/") == "" {
				u.Path = "/v1/logs"
			}
			c := &channel{e, u.String(), map[string]string{}}
			for _, pair := range s.List("headers") {
				name, value, ok := strings.Cut(pair, "=")
				if !ok || strings.ContainsAny(name, " :\t") || name == "" {
					return nil, notify.Permanent(errors.New("headers must be name=value, parted by commas"))
				}
				c.header[name] = strings.TrimSpace(value)
			}
			return c, nil
		},
	}
}

type channel struct {
	env    notify.Env
	url    string
	header map[string]string
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	return c.Forward(ctx, []notify.Event{m.Event()})
}

// Forward implements notify.Forwarder.
func (c *channel) Forward(ctx context.Context, events []notify.Event) error {
	records := make([]*logs.LogRecord, len(events))
	for i := range events {
		records[i] = record(&events[i])
	}
	body, err := proto.Marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{text("service.name", "farrier")}},
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "farrier.events"}, LogRecords: records}},
	}}})
	if err != nil {
		return notify.Permanent(fmt.Errorf("writing records: %w", err))
	}
	answer, err := c.env.Post(ctx, c.url, "application/x-protobuf", c.header, body)
	if err != nil {
		return err
	}
	var told collogs.ExportLogsServiceResponse
	if err := proto.Unmarshal(answer, &told); err != nil {
		return nil //nolint:nilerr // it answered that all was taken; how it says so is its own
	}
	if n := told.GetPartialSuccess().GetRejectedLogRecords(); n > 0 {
		return notify.Permanent(fmt.Errorf("the collector refused %d records", n))
	}
	return nil
}

func record(e *notify.Event) *logs.LogRecord {
	number := logs.SeverityNumber_SEVERITY_NUMBER_INFO
	switch {
	case e.Severity >= 9:
		number = logs.SeverityNumber_SEVERITY_NUMBER_FATAL
	case e.Severity >= 7:
		number = logs.SeverityNumber_SEVERITY_NUMBER_ERROR
	case e.Severity >= 4:
		number = logs.SeverityNumber_SEVERITY_NUMBER_WARN
	}
	r := &logs.LogRecord{
		TimeUnixNano:         uint64(max(e.At.UnixNano(), 0)), //nolint:gosec // not negative
		ObservedTimeUnixNano: uint64(max(e.At.UnixNano(), 0)), //nolint:gosec // not negative
		SeverityNumber:       number, SeverityText: strings.TrimPrefix(number.String(), "SEVERITY_NUMBER_"),
		Body: value(e.Text), EventName: "farrier." + e.Stream + "." + e.Name,
	}
	for _, pair := range [][2]string{
		{"farrier.id", e.ID},
		{"farrier.stream", e.Stream},
		{"farrier.name", e.Name},
		{"deployment.environment.name", e.Environment},
		{"user.name", e.Actor},
		{"client.address", e.Address},
		{"farrier.object", e.Object},
		{"farrier.outcome", e.Outcome},
	} {
		if pair[1] != "" {
			r.Attributes = append(r.Attributes, text(pair[0], pair[1]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		r.Attributes = append(r.Attributes, text("farrier.field."+name, e.Fields[name]))
	}
	return r
}

func text(key, v string) *common.KeyValue { return &common.KeyValue{Key: key, Value: value(v)} }

// value is a text; protobuf takes only valid UTF-8.
func value(v string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(v, "\uFFFD")}}
}
