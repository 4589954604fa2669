// Package slack sends messages to a Slack channel by an incoming webhook.
package slack

import (
	"context"
	"strings"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "slack", Title: "Slack", Help: "An incoming webhook of a Slack app.",
		Field: []notify.Field{
			{Name: "url", Label: "Webhook URL", Kind: notify.Secret, Required: true, Example: "https://hooks.slack.com/services/…", Help: "Whoever has it can post, so it is kept as a secret."},
		},
		Open: func(s notify.Settings, e notify.Env) (notify.Channel, error) {
			u, err := s.URL("url")
			if err != nil {
				return nil, err
			}
			return &channel{e, u.String()}, nil
		},
	}
}

type channel struct {
	env notify.Env
	url string
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	colour := map[string]string{"Critical": "#b3261e", "Warning": "#c77700", "Info": "#0b6b7d"}[m.Severity]
	if m.Resolved {
		colour = "#1b6e3c"
	}
	body := map[string]any{
		"text": escape(m.Title),
		"attachments": []any{map[string]any{
			"color": colour, "fallback": escape(m.Title), "text": escape(notify.Clip(m.Text, 3000)),
			"footer": escape("Farrier " + m.Environment + " · " + m.Severity), "ts": m.At.Unix(), "title": linkTitle(m.Link), "title_link": m.Link,
		}},
	}
	_, err := c.env.PostJSON(ctx, c.url, nil, body)
	return err
}

func linkTitle(link string) string {
	if link == "" {
		return ""
	}
	return "Open in Farrier"
}

// escape writes the characters that Slack reads as markup.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
