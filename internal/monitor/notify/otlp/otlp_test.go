package otlp

import (
	"errors"
	"testing"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestForward(t *testing.T) {
	r := notifytest.Receive(t, 200, "")
	c := notifytest.Open(t, Kind(), notify.Settings{"url": r.URL, "headers": "authorization=Bearer " + notifytest.Secret})
	f, _ := c.(notify.Forwarder)
	events := notifytest.Events()
	events[0].Text = "broken \xff text"
	if err := f.Forward(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	q := r.Taken()[0]
	if q.Path != "/v1/logs" || q.Header.Get("Authorization") != "Bearer "+notifytest.Secret || q.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Fatalf("%+v", q)
	}
	var got collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal([]byte(q.Body), &got); err != nil {
		t.Fatal(err)
	}
	records := got.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()
	if len(records) != 2 || records[1].GetSeverityText() != "FATAL" || records[1].GetBody().GetStringValue() != "SQL injection ü" || records[0].GetTimeUnixNano() != uint64(notifytest.Noon.UnixNano()) {
		t.Errorf("%+v", records)
	}
	partial, err := proto.Marshal(&collogs.ExportLogsServiceResponse{PartialSuccess: &collogs.ExportLogsPartialSuccess{RejectedLogRecords: 1, ErrorMessage: notifytest.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	r.Answer(200, string(partial))
	if err := c.Send(t.Context(), notifytest.Message()); !errors.Is(err, notify.ErrPermanent) {
		t.Errorf("refused records: %v", err)
	}
	notifytest.Failures(t, r, c)
}
