package finding_test

import (
	"encoding/json"
	"testing"

	"farrier.dev/farrier/internal/finding"
)

func TestSeverityNamesRoundTrip(t *testing.T) {
	played := 0
	for s := finding.Info; s <= finding.Critical; s++ {
		text, err := s.MarshalText()
		if err != nil {
			t.Fatalf("writing severity %d: %v", s, err)
		}
		back, err := finding.ParseSeverity(string(text))
		if err != nil || back != s {
			t.Errorf("%s read back as %v (%v)", text, back, err)
		}
		played++
	}
	if played != 5 {
		t.Fatalf("played %d severities, there are five", played)
	}
	if _, err := finding.ParseSeverity("High"); err == nil {
		t.Error("a capitalised severity was accepted")
	}
	if _, err := json.Marshal(finding.Finding{}); err == nil {
		t.Error("a finding without severity was written")
	}
}

func TestFingerprintIgnoresWhatAnEditMoves(t *testing.T) {
	at := finding.Location{API: "default/orders", Operation: "GET /orders", Place: "query id"}
	moved := at
	moved.Line, moved.Column = 7, 3
	if finding.Fingerprint("r", at) != finding.Fingerprint("r", moved) {
		t.Error("a moved line changed the fingerprint")
	}
	for name, other := range map[string]string{
		"another rule":  finding.Fingerprint("q", at),
		"shifted parts": finding.Fingerprint("r", finding.Location{API: "default/ordersGET", Operation: " /orders", Place: "query id"}),
		"another place": finding.Fingerprint("r", finding.Location{API: at.API, Operation: at.Operation, Place: "query ie"}),
	} {
		if other == finding.Fingerprint("r", at) {
			t.Errorf("%s gave the same fingerprint", name)
		}
	}
}
