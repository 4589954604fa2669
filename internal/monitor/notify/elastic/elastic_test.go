package elastic

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestForward(t *testing.T) {
	r := notifytest.Receive(t, 200, `{"errors":false,"items":[]}`)
	c := notifytest.Open(t, Kind(), notify.Settings{"url": r.URL, "user": "farrier", "password": notifytest.Secret})
	forwarder, _ := c.(notify.Forwarder)
	if err := forwarder.Forward(t.Context(), notifytest.Events()); err != nil {
		t.Fatal(err)
	}
	q := r.Taken()[0]
	lines := strings.Split(strings.TrimSpace(q.Body), "\n")
	if q.Path != "/_bulk" || q.Header.Get("Content-Type") != "application/x-ndjson" || !strings.HasPrefix(q.Header.Get("Authorization"), "Basic ") || len(lines) != 4 {
		t.Fatalf("%+v", q)
	}
	if lines[0] != `{"create":{"_id":"audit-7","_index":"logs-farrier-default"}}` {
		t.Error(lines[0])
	}
	var doc struct {
		Timestamp string `json:"@timestamp"`
		User      struct{ Name string }
		Source    struct{ IP string }
	}
	if err := json.Unmarshal([]byte(lines[1]), &doc); err != nil || doc.Timestamp != "2026-03-02T12:00:00.000Z" || doc.User.Name != "ada" || doc.Source.IP != "192.0.2.7" {
		t.Errorf("%+v, %v", doc, err)
	}
	for answer, want := range map[string]string{
		`{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409}}]}`: "",
		`{"errors":true,"items":[{"create":{"status":429}}]}`:                           "again",
		`{"errors":true,"items":[{"create":{"status":400}}]}`:                           "permanent",
		`<html>`: "again",
	} {
		r.Answer(200, answer)
		err := c.Send(t.Context(), notifytest.Message())
		if (err == nil) != (want == "") || errors.Is(err, notify.ErrPermanent) != (want == "permanent") {
			t.Errorf("%s: %v", answer, err)
		}
	}
	notifytest.Failures(t, r, c)
}
