package webhook

import (
	"errors"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestVector is the example of the Standard Webhooks specification.
func TestVector(t *testing.T) {
	key, err := secretKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
}

func TestSend(t *testing.T) {
	r := notifytest.Receive(t, 204, "")
	c := notifytest.Open(t, Kind(), notify.Settings{"url": r.URL + "/hook", "secret": secret, "authorization": "Bearer " + notifytest.Secret})
	if err := c.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	forwarder, ok := c.(notify.Forwarder)
	if !ok {
		t.Fatal("it does not forward")
	}
	if err := forwarder.Forward(t.Context(), notifytest.Events()); err != nil {
		t.Fatal(err)
	}
	taken := r.Taken()
	if len(taken) != 2 || taken[0].Header.Get("Webhook-Id") != "k1-1" || taken[0].Header.Get("Authorization") != "Bearer "+notifytest.Secret || !strings.Contains(taken[1].Body, "audit-7") {
		t.Fatalf("%+v", taken)
	}
	for _, q := range taken {
		if err := Verify(secret, q.Header, []byte(q.Body), notifytest.Noon); err != nil {
			t.Error(err)
		}
		for what, err := range map[string]error{
			"a changed body":  Verify(secret, q.Header, []byte(q.Body+" "), notifytest.Noon),
			"another secret":  Verify("another-secret-of-24-bytes", q.Header, []byte(q.Body), notifytest.Noon),
			"a replay":        Verify(secret, q.Header, []byte(q.Body), notifytest.Noon.Add(Window+time.Second)),
			"from the future": Verify(secret, q.Header, []byte(q.Body), notifytest.Noon.Add(-Window-time.Second)),
		} {
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v", what, err)
			}
		}
		changed := q.Header.Clone()
		changed.Set("Webhook-Id", "k2-1")
		if Verify(secret, changed, []byte(q.Body), notifytest.Noon) == nil {
			t.Error("another id was taken")
		}
	}
	notifytest.Failures(t, r, c)
}

func TestShortSecret(t *testing.T) {
	k := Kind()
	for _, s := range []string{"short", "whsec_!!!", "whsec_c2hvcnQ="} {
		if _, err := k.Open(notify.Settings{"url": "https://example.com/", "secret": s}, notifytest.Env()); !errors.Is(err, notify.ErrPermanent) {
			t.Errorf("%s: %v", s, err)
		}
	}
}
