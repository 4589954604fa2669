// Package pagerduty opens and resolves incidents at PagerDuty by its Events API v2.
package pagerduty

import (
	"context"
	"strings"
	"time"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "pagerduty", Title: "PagerDuty", Help: "The integration “Events API v2” of a service. An alert opens an incident, its end resolves it.",
		Field: []notify.Field{
			{Name: "key", Label: "Integration key", Kind: notify.Secret, Required: true, Example: "32 characters"},
			{Name: "url", Label: "Address", Kind: notify.Text, Default: "https://events.pagerduty.com/v2/enqueue", Help: "Accounts of the EU use https://events.eu.pagerduty.com/v2/enqueue."},
		},
		Open: func(s notify.Settings, e notify.Env) (notify.Channel, error) {
			u, err := s.URL("url")
			if err != nil {
				return nil, err
			}
			return &channel{e, u.String(), s["key"]}, nil
		},
	}
}

type channel struct {
	env      notify.Env
	url, key string
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	event := map[string]any{"routing_key": c.key, "dedup_key": "farrier-" + m.Incident, "event_action": "trigger"}
	if m.Resolved {
		event["event_action"] = "resolve"
	} else {
		details := map[string]any{"text": notify.Clip(m.Text, 4000), "rule": m.Rule, "key": m.Key}
		if m.Test {
			details["test"] = true
		}
		event["payload"] = map[string]any{
			"summary": notify.Clip(m.Title, 1024), "source": source(&m), "severity": severity(m.Severity),
			"timestamp": m.At.UTC().Format(time.RFC3339Nano), "component": m.Environment, "class": m.Kind, "custom_details": details,
		}
		event["client"] = "Farrier"
		if m.Link != "" {
			event["client_url"] = m.Link
		}
	}
	_, err := c.env.PostJSON(ctx, c.url, nil, event)
	return err
}

func severity(s string) string {
	switch s {
	case "Critical":
		return "critical"
	case "Warning":
		return "warning"
	}
	return "info"
}

func source(m *notify.Message) string {
	for _, t := range m.Targets {
		if t.Name != "" {
			return notify.Clip(t.Name, 255)
		}
	}
	return strings.TrimSpace("farrier " + m.Environment)
}
