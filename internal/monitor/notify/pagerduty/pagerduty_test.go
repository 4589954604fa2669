package pagerduty

import (
	"encoding/json"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

type event struct {
	RoutingKey  string `json:"routing_key"`
	DedupKey    string `json:"dedup_key"`
	EventAction string `json:"event_action"`
	Payload     *struct{ Summary, Source, Severity, Timestamp string }
}

func TestSend(t *testing.T) {
	r := notifytest.Receive(t, 202, `{"status":"success"}`)
	c := notifytest.Open(t, Kind(), notify.Settings{"key": notifytest.Secret, "url": r.URL + "/v2/enqueue"})
	for _, m := range []notify.Message{notifytest.Message(), notifytest.Resolved()} {
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	taken := r.Taken()
	var first, second event
	if len(taken) != 2 || json.Unmarshal([]byte(taken[0].Body), &first) != nil || json.Unmarshal([]byte(taken[1].Body), &second) != nil {
		t.Fatalf("%+v", taken)
	}
	if first.EventAction != "trigger" || first.RoutingKey != notifytest.Secret || first.Payload == nil || first.Payload.Severity != "critical" || first.Payload.Source != "default/orders" {
		t.Errorf("%+v %+v", first, first.Payload)
	}
	if second.EventAction != "resolve" || second.DedupKey != first.DedupKey {
		t.Errorf("%+v", second)
	}
	notifytest.Failures(t, r, c)
}
