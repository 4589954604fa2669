package splunk

import (
	"encoding/json"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestSend(t *testing.T) {
	r := notifytest.Receive(t, 200, `{"text":"Success","code":0}`)
	c := notifytest.Open(t, Kind(), notify.Settings{"url": r.URL, "token": notifytest.Secret, "index": "security"})
	if err := c.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	forwarder, _ := c.(notify.Forwarder)
	if err := forwarder.Forward(t.Context(), notifytest.Events()); err != nil {
		t.Fatal(err)
	}
	taken := r.Taken()
	if len(taken) != 2 || taken[0].Path != "/services/collector/event" || taken[0].Header.Get("Authorization") != "Splunk "+notifytest.Secret {
		t.Fatalf("%+v", taken)
	}
	d := json.NewDecoder(strings.NewReader(taken[0].Body + taken[1].Body))
	n := 0
	for d.More() {
		var e struct {
			Time, Index, Sourcetype string
			Event                   notify.Event
		}
		if err := d.Decode(&e); err != nil || e.Index != "security" || e.Sourcetype != "farrier:event" || !strings.HasPrefix(e.Time, "17724528") || e.Event.ID == "" {
			t.Errorf("%+v, %v", e, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d events, want 3", n)
	}
	notifytest.Failures(t, r, c)
}
