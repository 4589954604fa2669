// Package notify carries messages and events out of the house. A channel is one way
// out, as e-mail or a webhook; each has its own folder below. The package holds what
// channels have in common: the message, the description of their settings, and the
// guarded way by which they reach other machines. It decides nothing about what is
// told, and keeps nothing.
package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is what people are told.
type Message struct {
	// Key is the same when the message is sent again: receivers may drop the second.
	Key string `json:"key"`
	// Incident is the same for all messages of one incident; Resolved ends it.
	Incident string `json:"incident"`
	Resolved bool   `json:"resolved"`
	// Test says that nothing has happened.
	Test bool `json:"test,omitempty"`
	// Severity is Info, Warning or Critical.
	Severity    string    `json:"severity"`
	At          time.Time `json:"at"`
	Environment string    `json:"environment"`
	Rule        string    `json:"rule"`
	Kind        string    `json:"kind"`
	Title       string    `json:"title"`
	Text        string    `json:"text"`
	// Targets are the APIs, gateways or secrets that it is about.
	Targets []Target `json:"targets,omitempty"`
	// Link leads to the console; empty when its address is not known.
	Link string `json:"link,omitempty"`
}

// Target is one thing that a message is about.
type Target struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Text  string  `json:"text,omitempty"`
}

// Event is one entry of a stream for machines: of the audit log, or a finding.
type Event struct {
	// ID is the same when the event is sent again.
	ID string    `json:"id"`
	At time.Time `json:"at"`
	// Stream is "audit", "findings" or "alerts".
	Stream string `json:"stream"`
	// Name says in one word what happened, as "policy-changed" or "crs-942100".
	Name string `json:"name"`
	// Severity is 0 to 10, as CEF has it.
	Severity    int               `json:"severity"`
	Text        string            `json:"text"`
	Environment string            `json:"environment,omitempty"`
	Actor       string            `json:"actor,omitempty"`
	Address     string            `json:"address,omitempty"`
	Object      string            `json:"object,omitempty"`
	Outcome     string            `json:"outcome,omitempty"`
	Fields      map[string]string `json:"fields,omitempty"`
}

// Event is a message in a stream for machines.
func (m *Message) Event() Event {
	e := Event{
		ID: m.Key, At: m.At, Stream: "alerts", Name: m.Kind, Severity: 3, Text: m.Title, Environment: m.Environment, Outcome: "alerting",
		Fields: map[string]string{"rule": m.Rule, "incident": m.Incident, "severity": m.Severity, "detail": m.Text},
	}
	switch {
	case m.Test:
		e.Outcome, e.Severity = "test", 0
	case m.Resolved:
		e.Outcome, e.Severity = "resolved", 1
	case m.Severity == "Critical":
		e.Severity = 9
	case m.Severity == "Warning":
		e.Severity = 6
	}
	names := make([]string, 0, len(m.Targets))
	for _, t := range m.Targets {
		if t.Name != "" {
			names = append(names, t.Name)
		}
	}
	e.Object = strings.Join(names[:min(len(names), 20)], ", ")
	if m.Link != "" {
		e.Fields["link"] = m.Link
	}
	return e
}

// Channel sends messages. It is safe for concurrent use.
type Channel interface {
	// Send delivers a message. An error that is Permanent will not go away by trying
	// again; no error holds a secret.
	Send(ctx context.Context, m Message) error
}

// Forwarder is a channel that takes streams of events, too.
type Forwarder interface {
	Channel
	// Forward delivers events, all of them or an error.
	Forward(ctx context.Context, events []Event) error
}

// ErrPermanent says that trying again is of no use.
var ErrPermanent = errors.New("the receiver will not take it")

// Permanent marks an error that trying again does not mend.
func Permanent(err error) error { return fmt.Errorf("%w: %w", ErrPermanent, err) }

// FieldKind says what a setting is, so that forms fit it.
type FieldKind string

// The kinds of fields.
const (
	Text   FieldKind = "text"
	Secret FieldKind = "secret"
	Number FieldKind = "number"
	Choice FieldKind = "choice"
	List   FieldKind = "list"
)

// Field is one setting of a channel.
type Field struct {
	Name     string    `json:"name"`
	Label    string    `json:"label"`
	Kind     FieldKind `json:"kind"`
	Required bool      `json:"required,omitempty"`
	Help     string    `json:"help,omitempty"`
	Example  string    `json:"example,omitempty"`
	// Default is what an empty setting means; Options are those of a Choice.
	Default string   `json:"default,omitempty"`
	Options []string `json:"options,omitempty"`
}

// Kind is one way out: its settings, and how it is opened.
type Kind struct {
	// Name is a short word as "email", Title what people read.
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Help  string  `json:"help"`
	Field []Field `json:"fields"`
	// Forwards says that its channels take streams of events.
	Forwards bool `json:"forwards"`
	// Open makes a channel of settings that Check has passed.
	Open func(s Settings, e Env) (Channel, error) `json:"-"`
}

// Settings are the values of a channel's fields by their names; lists are lines.
type Settings map[string]string

// The bounds of settings.
const (
	maxSetting = 8 << 10
	maxLine    = 1 << 10
)

// ErrSettings says that settings can't work; its text names the field.
var ErrSettings = errors.New("these settings can not be kept")

// Check refuses settings that do not fit the kind, and fills in defaults.
func (k *Kind) Check(s Settings) (Settings, error) {
	out := maps.Clone(s)
	if out == nil {
		out = Settings{}
	}
	for name := range out {
		if !slices.ContainsFunc(k.Field, func(f Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("%w: %s has no setting %.40q", ErrSettings, k.Name, name)
		}
	}
	for _, f := range k.Field {
		v := strings.TrimSpace(out[f.Name])
		if v == "" {
			v = f.Default
		}
		if err := f.check(v); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrSettings, f.Label, err)
		}
		if v == "" {
			delete(out, f.Name)
			continue
		}
		out[f.Name] = v
	}
	return out, nil
}

func (f *Field) check(v string) error {
	multi := f.Kind == List || f.Kind == Secret && strings.Contains(v, "-----BEGIN")
	switch {
	case v == "" && f.Required:
		return errors.New("it is required")
	case len(v) > maxSetting || !multi && len(v) > maxLine:
		return errors.New("it is too long")
	case strings.ContainsFunc(v, func(c rune) bool { return (c < ' ' || c == 0x7f) && (!multi || c != '\n' && c != '\r') }):
		return errors.New("it must be one line without control characters")
	case f.Kind == Choice && v != "" && !slices.Contains(f.Options, v):
		return fmt.Errorf("it must be one of %s", strings.Join(f.Options, ", "))
	}
	if f.Kind == Number && v != "" {
		if n, err := strconv.Atoi(v); err != nil || n < 0 {
			return errors.New("it must be a number")
		}
	}
	return nil
}

// List splits a setting of many lines, also at commas.
func (s Settings) List(name string) []string {
	var out []string
	for line := range strings.FieldsFuncSeq(s[name], func(c rune) bool { return c == '\n' || c == '\r' || c == ',' }) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// URL reads an address of the web. Without encryption it may only lead to this
// machine: messages tell of weaknesses.
func (s Settings) URL(name string) (*url.URL, error) {
	u, err := url.Parse(s[name])
	switch {
	case err != nil:
		return nil, Permanent(fmt.Errorf("%s is no address", name)) // the error would hold it, with what may be a secret in it
	case u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, Permanent(fmt.Errorf("%s must begin with https:// and name a host", name))
	case u.User != nil:
		return nil, Permanent(fmt.Errorf("%s must not hold a user and password; there are settings for them", name))
	case u.Scheme == "http" && !loopbackName(u.Hostname()):
		return nil, Permanent(fmt.Errorf("%s must begin with https:// unless it leads to this machine", name))
	}
	return u, nil
}
