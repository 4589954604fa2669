package teams

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestSend(t *testing.T) {
	r := notifytest.Receive(t, 202, "")
	c := notifytest.Open(t, Kind(), notify.Settings{"url": r.URL + "/workflows?sig=" + notifytest.Secret})
	if err := c.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	taken := r.Taken()
	var body struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type, Version string
				Body          []struct {
					Type, Text, Color string
					Facts             []struct{ Title, Value string }
				}
			}
		}
	}
	if len(taken) != 1 || json.Unmarshal([]byte(taken[0].Body), &body) != nil || body.Type != "message" {
		t.Fatalf("%+v", taken)
	}
	card := body.Attachments[0]
	if card.ContentType != "application/vnd.microsoft.card.adaptive" || card.Content.Type != "AdaptiveCard" || card.Content.Body[0].Color != "attention" {
		t.Errorf("%+v", card)
	}
	if strings.Contains(taken[0].Body, "<script>") || !strings.Contains(card.Content.Body[1].Text, "\\*") || len(card.Content.Body[2].Facts) != 5 {
		t.Errorf("%+v", card.Content.Body)
	}
	notifytest.Failures(t, r, c)
}
