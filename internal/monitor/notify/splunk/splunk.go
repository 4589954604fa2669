// Package splunk sends events to Splunk's HTTP Event Collector.
package splunk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "splunk", Title: "Splunk", Help: "The HTTP Event Collector (HEC).", Forwards: true,
		Field: []notify.Field{
			{Name: "url", Label: "Address", Kind: notify.Text, Required: true, Example: "https://splunk.example:8088", Help: "Without a path, /services/collector/event is added."},
			{Name: "token", Label: "Token", Kind: notify.Secret, Required: true},
			{Name: "index", Label: "Index", Kind: notify.Text, Help: "Empty is the token's own."},
			{Name: "sourcetype", Label: "Source type", Kind: notify.Text, Default: "farrier:event"},
		},
		Open: func(s notify.Settings, e notify.Env) (notify.Channel, error) {
			u, err := s.URL("url")
			if err != nil {
				return nil, err
			}
			if strings.Trim(u.Path, "/") == "" {
				u.Path = "/services/collector/event"
			}
			return &channel{e, u.String(), s}, nil
		},
	}
}

type channel struct {
	env notify.Env
	url string
	s   notify.Settings
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	return c.Forward(ctx, []notify.Event{m.Event()})
}

// Forward implements notify.Forwarder.
func (c *channel) Forward(ctx context.Context, events []notify.Event) error {
	var body bytes.Buffer
	for i := range events {
		one := map[string]any{
			"time": fmt.Sprintf("%.3f", float64(events[i].At.UnixMilli())/1000), "source": "farrier", "sourcetype": c.s["sourcetype"], "event": events[i],
		}
		if index := c.s["index"]; index != "" {
			one["index"] = index
		}
		text, err := json.Marshal(one)
		if err != nil {
			return notify.Permanent(fmt.Errorf("writing JSON: %w", err))
		}
		body.Write(text)
		body.WriteByte('\n')
	}
	_, err := c.env.Post(ctx, c.url, "application/json", map[string]string{"Authorization": "Splunk " + c.s["token"]}, body.Bytes())
	return err
}
