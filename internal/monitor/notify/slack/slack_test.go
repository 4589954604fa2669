package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestSend(t *testing.T) {
	r := notifytest.Receive(t, 200, "ok")
	c := notifytest.Open(t, Kind(), notify.Settings{"url": r.URL + "/services/" + notifytest.Secret})
	if err := c.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	taken := r.Taken()
	var body struct {
		Text        string
		Attachments []struct{ Color, Text string }
	}
	if len(taken) != 1 || json.Unmarshal([]byte(taken[0].Body), &body) != nil {
		t.Fatalf("%+v", taken)
	}
	if !strings.Contains(body.Text, "Many &lt;errors&gt; &amp;") || body.Attachments[0].Color != "#b3261e" || strings.Contains(body.Attachments[0].Text, "<script>") {
		t.Errorf("%+v", body)
	}
	if err := c.Send(t.Context(), notifytest.Resolved()); err != nil || !strings.Contains(r.Taken()[0].Body, "#1b6e3c") {
		t.Errorf("resolved: %v", err)
	}
	notifytest.Failures(t, r, c)
}
