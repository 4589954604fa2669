// Package webhook posts signed JSON to an address of the reader's own, as Standard
// Webhooks has it: the signature is HMAC-SHA-256 over id, timestamp and body, so that
// a receiver can tell what is genuine, fresh and seen before.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Window is how old a timestamp may be for Verify, in the past or in the future.
const Window = 5 * time.Minute

// minSecret is the length in bytes of the shortest key that is taken.
const minSecret = 24

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "webhook", Title: "Webhook", Help: "JSON to an address of your own, signed as Standard Webhooks has it.", Forwards: true,
		Field: []notify.Field{
			{Name: "url", Label: "Address", Kind: notify.Text, Required: true, Example: "https://example.com/hooks/farrier"},
			{Name: "secret", Label: "Signing secret", Kind: notify.Secret, Required: true, Example: "whsec_…", Help: "At least 24 bytes; with whsec_ in front it is read as Base64. The receiver checks the header webhook-signature with it."},
			{Name: "authorization", Label: "Authorization header", Kind: notify.Secret, Example: "Bearer …", Help: "Sent along, where the receiver asks for one."},
		},
		Open: open,
	}
}

type channel struct {
	env           notify.Env
	url           string
	key           []byte
	authorization string
}

func open(s notify.Settings, e notify.Env) (notify.Channel, error) {
	u, err := s.URL("url")
	if err != nil {
		return nil, err
	}
	key, err := secretKey(s["secret"])
	if err != nil {
		return nil, notify.Permanent(err)
	}
	return &channel{e, u.String(), key, s["authorization"]}, nil
}

func secretKey(text string) ([]byte, error) {
	key := []byte(text)
	if coded, ok := strings.CutPrefix(text, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return nil, errors.New("the signing secret begins with whsec_ but is no Base64 behind it")
		}
	}
	if len(key) < minSecret {
		return nil, fmt.Errorf("the signing secret has less than %d bytes", minSecret)
	}
	return key, nil
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	kind := "alert.fired"
	switch {
	case m.Test:
		kind = "alert.test"
	case m.Resolved:
		kind = "alert.resolved"
	}
	return c.post(ctx, m.Key, map[string]any{"type": kind, "timestamp": m.At.UTC().Format(time.RFC3339Nano), "data": m})
}

// Forward implements notify.Forwarder.
func (c *channel) Forward(ctx context.Context, events []notify.Event) error {
	if len(events) == 0 {
		return nil
	}
	id := events[0].ID + "+" + strconv.Itoa(len(events))
	return c.post(ctx, id, map[string]any{"type": "events", "timestamp": c.env.Now().UTC().Format(time.RFC3339Nano), "data": events})
}

func (c *channel) post(ctx context.Context, id string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return notify.Permanent(fmt.Errorf("writing JSON: %w", err))
	}
	at := strconv.FormatInt(c.env.Now().Unix(), 10)
	header := map[string]string{"webhook-id": id, "webhook-timestamp": at, "webhook-signature": "v1," + sign(c.key, id, at, body)}
	if c.authorization != "" {
		header["Authorization"] = c.authorization
	}
	_, err = c.env.Post(ctx, c.url, "application/json", header, body)
	return err
}

func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// ErrSignature says that a delivery is not genuine or not fresh.
var ErrSignature = errors.New("the signature does not hold")

// Verify is what a receiver does: it refuses what was not signed with the secret, was
// changed, or was made more than Window ago. That an id was seen before is for the
// receiver to remember.
func Verify(secret string, h http.Header, body []byte, now time.Time) error {
	key, err := secretKey(secret)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > Window {
		return fmt.Errorf("%w: it is too old", ErrSignature)
	}
	want := "v1," + sign(key, h.Get("webhook-id"), h.Get("webhook-timestamp"), body)
	for one := range strings.FieldsSeq(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(one), []byte(want)) {
			return nil
		}
	}
	return ErrSignature
}
