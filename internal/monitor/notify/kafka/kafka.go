// Package kafka writes events to a topic of Apache Kafka.
package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "kafka", Title: "Kafka", Help: "JSON to a topic, acknowledged by all replicas in sync.", Forwards: true,
		Field: []notify.Field{
			{Name: "brokers", Label: "Brokers", Kind: notify.List, Required: true, Example: "kafka-1.example:9093", Help: "host:port, one a line."},
			{Name: "topic", Label: "Topic", Kind: notify.Text, Required: true, Example: "farrier-events"},
			{Name: "encryption", Label: "Encryption", Kind: notify.Choice, Default: "tls", Options: []string{"tls", "none"}, Help: "none is for this machine only."},
			{Name: "mechanism", Label: "Sign in by", Kind: notify.Choice, Default: "none", Options: []string{"none", "plain", "scram-sha-256", "scram-sha-512"}},
			{Name: "user", Label: "User", Kind: notify.Text},
			{Name: "password", Label: "Password", Kind: notify.Secret},
		},
		Open: open,
	}
}

type channel struct {
	env     notify.Env
	options []kgo.Opt
}

func open(s notify.Settings, e notify.Env) (notify.Channel, error) {
	brokers := s.List("brokers")
	if len(brokers) > 20 {
		return nil, notify.Permanent(errors.New("there are more than 20 brokers"))
	}
	for _, b := range brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, notify.Permanent(fmt.Errorf("brokers: %.80q is not host:port", b))
		}
		if s["encryption"] == "none" && !notify.Loopback(b) {
			return nil, notify.Permanent(errors.New("without encryption brokers must be on this machine"))
		}
	}
	var dial func(ctx context.Context, network, address string) (net.Conn, error)
	if s["encryption"] == "tls" {
		dial = func(ctx context.Context, _, address string) (net.Conn, error) { return e.DialTLS(ctx, address) }
	} else {
		// A broker tells where the others are: they must be on this machine, too.
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if !notify.Loopback(address) {
				return nil, errors.New("a broker that is not on this machine needs encryption")
			}
			return e.Dial(ctx, network, address)
		}
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(s["topic"]), kgo.ClientID("farrier"), kgo.Dialer(dial),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordRetries(3), kgo.ProducerBatchMaxBytes(1 << 20),
	}
	switch s["mechanism"] {
	case "plain":
		options = append(options, kgo.SASL(plain.Auth{User: s["user"], Pass: s["password"]}.AsMechanism()))
	case "scram-sha-256":
		options = append(options, kgo.SASL(scram.Auth{User: s["user"], Pass: s["password"]}.AsSha256Mechanism()))
	case "scram-sha-512":
		options = append(options, kgo.SASL(scram.Auth{User: s["user"], Pass: s["password"]}.AsSha512Mechanism()))
	}
	return &channel{e, options}, nil
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	return c.Forward(ctx, []notify.Event{m.Event()})
}

// Forward implements notify.Forwarder. The id of an event is in a header, its object
// the key: what is about one thing stays in order.
func (c *channel) Forward(ctx context.Context, events []notify.Event) error {
	ctx, cancel := context.WithTimeout(ctx, notify.Patience)
	defer cancel()
	client, err := kgo.NewClient(c.options...)
	if err != nil {
		return notify.Permanent(errors.New("the settings of the client can't be used"))
	}
	defer client.Close()
	records := make([]*kgo.Record, len(events))
	for i := range events {
		value, err := json.Marshal(events[i])
		if err != nil {
			return notify.Permanent(fmt.Errorf("writing JSON: %w", err))
		}
		records[i] = &kgo.Record{
			Key: []byte(events[i].Object), Value: value, Timestamp: events[i].At,
			Headers: []kgo.RecordHeader{{Key: "id", Value: []byte(events[i].ID)}, {Key: "stream", Value: []byte(events[i].Stream)}},
		}
	}
	err = client.ProduceSync(ctx, records...).FirstErr()
	var told *kerr.Error
	if errors.As(err, &told) && !told.Retriable && !errors.Is(err, kerr.SaslAuthenticationFailed) && !errors.Is(err, kerr.TopicAuthorizationFailed) {
		return notify.Permanent(told)
	}
	if err != nil {
		return notify.Plain(err)
	}
	return nil
}
