// Package datadog sends messages to Datadog as events, and streams as logs.
package datadog

import (
	"context"
	"strings"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "datadog", Title: "Datadog", Help: "Alerts become events, forwarded streams become logs.", Forwards: true,
		Field: []notify.Field{
			{Name: "key", Label: "API key", Kind: notify.Secret, Required: true},
			{Name: "site", Label: "Site", Kind: notify.Choice, Default: "datadoghq.com", Options: []string{"datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "datadoghq.eu", "ap1.datadoghq.com", "ap2.datadoghq.com", "ddog-gov.com"}},
			{Name: "url", Label: "Other address", Kind: notify.Text, Help: "Of a proxy that takes both; instead of the site."},
		},
		Open: func(s notify.Settings, e notify.Env) (notify.Channel, error) {
			c := &channel{env: e, header: map[string]string{"DD-API-KEY": s["key"]}}
			c.events, c.logs = "https://api."+s["site"], "https://http-intake.logs."+s["site"]
			if s["url"] != "" {
				u, err := s.URL("url")
				if err != nil {
					return nil, err
				}
				c.events = strings.TrimSuffix(u.String(), "/")
				c.logs = c.events
			}
			return c, nil
		},
	}
}

type channel struct {
	env          notify.Env
	events, logs string
	header       map[string]string
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	kind := map[string]string{"Critical": "error", "Warning": "warning", "Info": "info"}[m.Severity]
	if m.Resolved {
		kind = "success"
	}
	tags := []string{"source:farrier", tag("env", m.Environment), tag("rule", m.Rule), tag("kind", m.Kind)}
	for _, t := range m.Targets[:min(len(m.Targets), 20)] {
		if t.Name != "" {
			tags = append(tags, tag("api", t.Name))
		}
	}
	_, err := c.env.PostJSON(ctx, c.events+"/api/v1/events", c.header, map[string]any{
		"title": notify.Clip(m.Title, 100), "text": notify.Clip(m.Text, 4000), "date_happened": m.At.Unix(), "alert_type": kind,
		"aggregation_key": notify.Clip("farrier-"+m.Incident, 100), "source_type_name": "farrier", "tags": tags, "priority": "normal",
	})
	return err
}

// tag writes a tag; commas part tags.
func tag(name, value string) string {
	return notify.Clip(name+":"+strings.ReplaceAll(value, ",", "_"), 200)
}

// Forward implements notify.Forwarder.
func (c *channel) Forward(ctx context.Context, events []notify.Event) error {
	logs := make([]map[string]any, len(events))
	for i := range events {
		e := &events[i]
		logs[i] = map[string]any{
			"ddsource": "farrier", "service": "farrier", "ddtags": tag("env", e.Environment) + "," + tag("stream", e.Stream),
			"message": e.Text, "timestamp": e.At.UnixMilli(), "status": status(e.Severity), "farrier": e,
		}
	}
	_, err := c.env.PostJSON(ctx, c.logs+"/api/v2/logs", c.header, logs)
	return err
}

func status(severity int) string {
	switch {
	case severity >= 9:
		return "critical"
	case severity >= 7:
		return "error"
	case severity >= 4:
		return "warning"
	}
	return "info"
}
