// Package teams sends messages to Microsoft Teams, as adaptive cards to the webhook of
// a Power Automate workflow.
package teams

import (
	"context"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "teams", Title: "Microsoft Teams", Help: "The workflow “Post to a channel when a webhook request is received”.",
		Field: []notify.Field{
			{Name: "url", Label: "Workflow URL", Kind: notify.Secret, Required: true, Example: "https://….logic.azure.com/workflows/…", Help: "It holds a signature, so it is kept as a secret."},
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

// maxFacts bounds the lines of a card.
const maxFacts = 20

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	colour := map[string]string{"Critical": "attention", "Warning": "warning", "Info": "accent"}[m.Severity]
	if m.Resolved {
		colour = "good"
	}
	facts := []any{fact("Severity", m.Severity), fact("Environment", m.Environment), fact("At", m.At.UTC().Format(time.RFC3339))}
	for _, t := range m.Targets[:min(len(m.Targets), maxFacts)] {
		text := t.Text
		if text == "" {
			text = strconv.FormatFloat(t.Value, 'f', -1, 64)
		}
		if t.Name != "" {
			facts = append(facts, fact(t.Name, text))
		}
	}
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "msteams": map[string]any{"width": "Full"},
		"body": []any{
			map[string]any{"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "color": colour, "text": escape(m.Title)},
			map[string]any{"type": "TextBlock", "wrap": true, "text": escape(notify.Clip(m.Text, 8000))},
			map[string]any{"type": "FactSet", "facts": facts},
		},
	}
	if m.Link != "" {
		card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": "Open in Farrier", "url": m.Link}}
	}
	_, err := c.env.PostJSON(ctx, c.url, nil, map[string]any{
		"type": "message", "attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}},
	})
	return err
}

func fact(title, value string) map[string]any {
	return map[string]any{"title": escape(title), "value": escape(value)}
}

// escape takes the meaning from the characters of Markdown, which cards read.
func escape(text string) string {
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "`", "\\`", "#", "\\#", "<", "&lt;", "\n", "\n\n").Replace(text)
}
