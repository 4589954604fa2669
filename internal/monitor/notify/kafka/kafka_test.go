package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestForward(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "farrier-events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	c := notifytest.Open(t, Kind(), notify.Settings{"brokers": strings.Join(cluster.ListenAddrs(), "\n"), "topic": "farrier-events", "encryption": "none"})
	f, _ := c.(notify.Forwarder)
	if err := f.Forward(t.Context(), notifytest.Events()); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), notifytest.Message()); err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("farrier-events"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var ids []string
	for len(ids) < 3 && ctx.Err() == nil {
		for _, r := range reader.PollFetches(ctx).Records() {
			var e notify.Event
			if err := json.Unmarshal(r.Value, &e); err != nil || string(r.Headers[0].Value) != e.ID || string(r.Key) != e.Object {
				t.Errorf("%s, %v", r.Value, err)
			}
			ids = append(ids, e.ID)
		}
	}
	if strings.Join(ids, " ") != "audit-7 finding-9 k1-1" {
		t.Errorf("%q", ids)
	}
}

func TestOpenRefuses(t *testing.T) {
	k := Kind()
	for want, s := range map[string]notify.Settings{
		"not host:port": {"brokers": "kafka", "topic": "t"}, "on this machine": {"brokers": "kafka.example:9092", "topic": "t", "encryption": "none"},
	} {
		checked, err := k.Check(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Open(checked, notifytest.Env()); !errors.Is(err, notify.ErrPermanent) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
