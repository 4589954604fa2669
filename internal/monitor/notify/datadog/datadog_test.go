package datadog

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestSend(t *testing.T) {
	r := notifytest.Receive(t, 202, `{"status":"ok"}`)
	c := notifytest.Open(t, Kind(), notify.Settings{"key": notifytest.Secret, "url": r.URL})
	if err := c.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	forwarder, _ := c.(notify.Forwarder)
	if err := forwarder.Forward(t.Context(), notifytest.Events()); err != nil {
		t.Fatal(err)
	}
	taken := r.Taken()
	if len(taken) != 2 || taken[0].Path != "/api/v1/events" || taken[1].Path != "/api/v2/logs" || taken[1].Header.Get("Dd-Api-Key") != notifytest.Secret {
		t.Fatalf("%+v", taken)
	}
	var event struct {
		AlertType      string `json:"alert_type"`
		AggregationKey string `json:"aggregation_key"`
		Tags           []string
	}
	if err := json.Unmarshal([]byte(taken[0].Body), &event); err != nil || event.AlertType != "error" || event.AggregationKey != "farrier-k1" || !strings.Contains(strings.Join(event.Tags, " "), "api:default/orders") {
		t.Errorf("%+v, %v", event, err)
	}
	var logs []map[string]any
	if err := json.Unmarshal([]byte(taken[1].Body), &logs); err != nil || len(logs) != 2 || logs[1]["status"] != "critical" {
		t.Errorf("%+v, %v", logs, err)
	}
	notifytest.Failures(t, r, c)
}
