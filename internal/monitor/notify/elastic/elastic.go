// Package elastic writes events to Elasticsearch, OpenSearch and what speaks their
// bulk API.
package elastic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/monitor/notify"
)

// Kind describes the channel.
func Kind() notify.Kind {
	return notify.Kind{
		Name: "elastic", Title: "Elasticsearch", Help: "The bulk API of Elasticsearch or OpenSearch; fields follow the Elastic Common Schema.", Forwards: true,
		Field: []notify.Field{
			{Name: "url", Label: "Address", Kind: notify.Text, Required: true, Example: "https://elastic.example:9200"},
			{Name: "index", Label: "Index or data stream", Kind: notify.Text, Default: "logs-farrier-default"},
			{Name: "apiKey", Label: "API key", Kind: notify.Secret, Help: "In its encoded form; instead of user and password."},
			{Name: "user", Label: "User", Kind: notify.Text},
			{Name: "password", Label: "Password", Kind: notify.Secret},
		},
		Open: open,
	}
}

type channel struct {
	env        notify.Env
	url, index string
	header     map[string]string
}

func open(s notify.Settings, e notify.Env) (notify.Channel, error) {
	u, err := s.URL("url")
	if err != nil {
		return nil, err
	}
	c := &channel{env: e, url: strings.TrimSuffix(u.String(), "/") + "/_bulk", index: s["index"], header: map[string]string{}}
	switch {
	case s["apiKey"] != "":
		c.header["Authorization"] = "ApiKey " + s["apiKey"]
	case s["user"] != "":
		c.header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(s["user"]+":"+s["password"]))
	}
	return c, nil
}

// Send implements notify.Channel.
func (c *channel) Send(ctx context.Context, m notify.Message) error {
	return c.Forward(ctx, []notify.Event{m.Event()})
}

// Forward implements notify.Forwarder. The id of an event is that of its document, so
// that what is sent again is not there twice.
func (c *channel) Forward(ctx context.Context, events []notify.Event) error {
	var body bytes.Buffer
	out := json.NewEncoder(&body)
	for i := range events {
		if err := errors.Join(
			out.Encode(map[string]any{"create": map[string]string{"_index": c.index, "_id": events[i].ID}}),
			out.Encode(document(&events[i])),
		); err != nil {
			return notify.Permanent(fmt.Errorf("writing JSON: %w", err))
		}
	}
	text, err := c.env.Post(ctx, c.url, "application/x-ndjson", c.header, body.Bytes())
	if err != nil {
		return err
	}
	return outcome(text)
}

// outcome reads what became of each document: one that is there already was sent
// before.
func outcome(text []byte) error {
	var answer struct {
		Errors bool `json:"errors"`
		Items  []map[string]struct {
			Status int `json:"status"`
		} `json:"items"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return errors.New("the answer is not that of a bulk request")
	}
	if !answer.Errors {
		return nil
	}
	for _, item := range answer.Items {
		for _, one := range item {
			switch {
			case one.Status/100 == 2 || one.Status == 409:
			case one.Status == 429 || one.Status >= 500:
				return fmt.Errorf("a document was answered with %d", one.Status)
			default:
				return notify.Permanent(fmt.Errorf("a document was refused with %d", one.Status))
			}
		}
	}
	return nil
}

func document(e *notify.Event) map[string]any {
	doc := map[string]any{
		"@timestamp": e.At.UTC().Format("2006-01-02T15:04:05.000Z"), "message": e.Text,
		"event":   map[string]any{"id": e.ID, "action": e.Name, "dataset": "farrier." + e.Stream, "outcome": e.Outcome, "severity": e.Severity, "provider": "farrier"},
		"service": map[string]any{"name": "farrier", "environment": e.Environment},
		"farrier": map[string]any{"object": e.Object, "fields": e.Fields},
	}
	if e.Actor != "" {
		doc["user"] = map[string]any{"name": e.Actor}
	}
	if e.Address != "" {
		doc["source"] = map[string]any{"ip": e.Address}
	}
	return doc
}
