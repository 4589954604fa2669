package link

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// TestTell holds what people read when the control plane refuses a certificate.
func TestTell(t *testing.T) {
	now := time.Now()
	cases := []struct {
		name, alert string
		expiry      time.Time
		want        string
	}{
		{"it has ended", "tls: expired certificate", now.Add(-time.Hour), "ended at"},
		{"the clocks differ", "tls: expired certificate", now.Add(time.Hour), "set the clocks of both right"},
		{"another authority", "tls: unknown certificate authority", now.Add(time.Hour), "does not know the authority"},
		{"it has ended, and nothing is said", "", now.Add(-time.Hour), "ended at"},
		{"before it has one", "tls: unknown certificate authority", time.Time{}, "remote error"},
	}
	for _, c := range cases {
		var cause error = &net.OpError{Op: alert, Err: errors.New(c.alert)}
		if c.alert == "" {
			cause = errors.New("the connection was closed")
		}
		err := (&Client{base: "https://control.example.com", expiry: c.expiry}).tell(cause)
		if !strings.Contains(err.Error(), c.want) || IsAway(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for away, err := range map[string]error{"503": &statusError{503, "not now"}, "refused": &net.OpError{Op: "dial", Err: errors.New("connection refused")}} {
		if !IsAway(err) {
			t.Errorf("%s: %v", away, err)
		}
	}
	if IsAway(&statusError{400, "no"}) || IsAway(errStranger) {
		t.Error("what is refused is no better later")
	}
	t.Logf("%d cases played", len(cases)+4)
}
