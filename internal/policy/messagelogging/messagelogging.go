// Package messagelogging is the policies message-logging-flex,
// message-logging-outbound-flex and sse-logging: they write what operators ask
// for to the log, on the way in and on the way out, before a service is called
// and when it has answered, and for each event of an event stream. Personal
// data and secrets that are recognised are replaced first. They change nothing,
// and an expression that fails costs a line, never a request.
package messagelogging

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:SSESettings

var (
	//go:embed schema.json
	schema []byte
	//go:embed sse.json
	sseSchema []byte
)

// Policy is the entry of the catalogue for message-logging-flex, which writes
// lines for requests and responses of an API.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "message-logging-flex", Title: "Message Logging", Category: "Troubleshooting",
		Phase: policy.Shape, Schema: schema, Warn: warn,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, false) },
	}
}

// Outbound is the entry of the catalogue for message-logging-outbound-flex, which
// writes lines for the calls of a service.
func Outbound() policy.Policy {
	return policy.Policy{
		Name: "message-logging-outbound-flex", Title: "Outbound Message Logging", Category: "Troubleshooting",
		Phase: policy.Shape, Outbound: true, Schema: schema, Warn: warn,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, true) },
	}
}

// Settings are what operators set.
type Settings struct {
	// LoggingConfiguration are the lines to write.
	LoggingConfiguration []Item `json:"loggingConfiguration" required:"true" minItems:"1"`
}

// Item is one line.
type Item struct {
	// ItemName is what people call the line; it stands beside it in the log.
	ItemName string `json:"itemName" required:"true" minLength:"1"`
	// ItemData is what is written, and when.
	ItemData Data `json:"itemData" required:"true"`
}

// Data is what is written, and when.
type Data struct {
	// Message is what is written, as text or as an expression. Of personal data
	// and secrets only the kind is written, and at most 8 KiB in all. A payload of
	// more than 1 MiB reads as null. Besides attributes, authentication and payload
	// there are vars: apiId, apiName, apiInstanceName, apiVersion (the label
	// version), method, requestPath, remoteAddress, receivedTs, repliedTs, reqId,
	// request, requestDisposition (processed or blocked), violation, runtimeVersion
	// and hostId; orgId, masterOrgId and envId are null. For a service there is
	// upstream too, with uri, statusCode and headers.
	Message string `json:"message" required:"true" minLength:"1" expr:"true"`
	// Conditional says whether the line is written, as an expression.
	Conditional string `json:"conditional" default:"true" expr:"true"`
	// Category is written beside the line, to filter by.
	Category string `json:"category"`
	// Level is how serious the line is.
	Level string `json:"level" default:"INFO" enum:"INFO|WARN|ERROR|DEBUG"`
	// FirstSection says whether the line is written before the service is called.
	FirstSection bool `json:"firstSection" default:"false"`
	// SecondSection says whether the line is written when there is a response.
	SecondSection bool `json:"secondSection" default:"false"`
}

// item is one line, ready to be written.
type item struct {
	name, category     string
	level              slog.Level
	message, condition *dataweave.Expression
}

type items struct {
	first, second []item
	// outbound says that a service is logged, not an API.
	outbound bool
}

func compile(settings json.RawMessage, outbound bool) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	all := items{outbound: outbound}
	for i, one := range s.LoggingConfiguration {
		ready, err := compileItem(one)
		if err != nil {
			return nil, fmt.Errorf("loggingConfiguration[%d].itemData.%w", i, err)
		}
		if one.ItemData.FirstSection {
			all.first = append(all.first, ready)
		}
		if one.ItemData.SecondSection {
			all.second = append(all.second, ready)
		}
	}
	return &all, nil
}

func compileItem(one Item) (item, error) {
	ready := item{name: one.ItemName, category: one.ItemData.Category}
	if one.ItemData.Level != "" {
		if err := ready.level.UnmarshalText([]byte(one.ItemData.Level)); err != nil {
			return ready, fmt.Errorf("level: %w", err)
		}
	}
	var err error
	if ready.message, err = dataweave.Compile(one.ItemData.Message); err != nil {
		return ready, fmt.Errorf("message: %w", err)
	}
	if one.ItemData.Conditional == "" {
		return ready, nil
	}
	if ready.condition, err = dataweave.Compile(one.ItemData.Conditional); err != nil {
		return ready, fmt.Errorf("conditional: %w", err)
	}
	if text, literal := ready.condition.Literal(); literal {
		if text != "true" && text != "false" {
			return ready, fmt.Errorf("conditional: %q is neither true, nor false, nor an expression, #[…]", text)
		}
	}
	return ready, nil
}

// Bind implements policy.Compiled.
func (all *items) Bind(env policy.Env) (policy.Step, error) {
	from := host()
	step := policy.Step{OnStream: policy.SkipStream, RequestBody: need(all.first), ResponseBody: need(all.second)}
	if len(all.first) > 0 {
		step.Request = func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			write(ctx, all.first, &env, &scope{Scope: policy.Scope{Exchange: x}, api: env.API, outbound: all.outbound, host: from})
			return policy.Go()
		}
	}
	if len(all.second) > 0 {
		step.Response = func(ctx context.Context, x *traffic.Exchange) policy.Verdict {
			write(ctx, all.second, &env, &scope{
				Scope: policy.Scope{Exchange: x, Response: true}, api: env.API, outbound: all.outbound, host: from,
				replied: env.Now().UTC().Format(time.RFC3339Nano),
			})
			return policy.Go()
		}
	}
	return step, nil
}

// need is the body when an item reads it. A body that is too long, can't be
// decoded or finds no room is not read, and not refused for being logged.
func need(list []item) policy.Need {
	for _, one := range list {
		if n := policy.PayloadNeed(one.message, one.condition); n.Mode != policy.NoBody {
			n.Partial, n.BestEffort = true, true
			return n
		}
	}
	return policy.Need{}
}

func write(ctx context.Context, list []item, env *policy.Env, s *scope) {
	s.Vars = (*vars)(s)
	for i := range list {
		one := &list[i]
		if !env.Log.Enabled(ctx, one.level) {
			continue
		}
		if one.condition != nil {
			wanted, err := one.condition.EvalBool(s)
			if err != nil {
				one.failed(ctx, env.Log, s, "conditional", err)
				continue
			}
			if !wanted {
				continue
			}
		}
		text, err := one.message.EvalString(s)
		if err != nil {
			one.failed(ctx, env.Log, s, "message", err)
			continue
		}
		env.Log.LogAttrs(ctx, one.level, line(text), one.attributes(s)...)
	}
}

// failed says that an expression had no result. Its error names types, never
// values.
func (one *item) failed(ctx context.Context, log *slog.Logger, s *scope, setting string, err error) {
	log.LogAttrs(ctx, slog.LevelWarn, setting+" could not be evaluated: "+err.Error(), one.attributes(s)...)
}

func (one *item) attributes(s *scope) []slog.Attr {
	attributes := make([]slog.Attr, 0, 3)
	attributes = append(attributes, slog.String("exchange", s.Exchange.ID))
	if one.name != "" {
		attributes = append(attributes, slog.String("item", one.name))
	}
	if one.category != "" {
		attributes = append(attributes, slog.String("category", one.category))
	}
	return attributes
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	for i, one := range s.LoggingConfiguration {
		at := fmt.Sprintf("loggingConfiguration[%d].itemData", i)
		if !one.ItemData.FirstSection && !one.ItemData.SecondSection {
			warnings = append(warnings, at+" is never written; set firstSection or secondSection to true")
		}
		if message, err := dataweave.Compile(one.ItemData.Message); err == nil && message.UsesPayload() {
			warnings = append(warnings, at+".message logs bodies; only personal data and secrets of known forms are replaced")
		}
	}
	return warnings
}
