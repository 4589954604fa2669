// Package deprecation is the policy deprecation: it tells clients that an API,
// or a part of it, is to end (RFC 9745, RFC 8594), and answers 410 from the day
// on which it has ended.
package deprecation

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "deprecation", Title: "Deprecation and Sunset", Category: "Governance",
		Phase: policy.Admit, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. Moments are as 2026-12-31T00:00:00Z.
type Settings struct {
	// DeprecatedSince is the moment from which the API is deprecated; it is sent as the header Deprecation, also before that moment.
	DeprecatedSince string `json:"deprecatedSince" default:""`
	// Sunset is the moment at which the API ends; it is sent as the header Sunset, and from then on the answer is 410.
	Sunset string `json:"sunset" default:""`
	// Successor is the URL of what takes its place, sent as a link and told in the 410.
	Successor string `json:"successor" default:""`
	// Documentation is the URL of a page that tells more, sent as a link.
	Documentation string `json:"documentation" default:""`
	// Ended says that the API has ended already, whatever the day: the answer is 410.
	Ended bool `json:"ended" default:"false"`
	// Enforce says whether requests are refused after the sunset; otherwise only the headers go on.
	Enforce bool `json:"enforce" default:"true"`
}

// notice is a compiled policy.
type notice struct {
	sunset  time.Time // zero for never
	ended   bool
	fields  []traffic.Field
	refusal policy.Verdict
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.DecodeWithDefaults(schema, settings, &s); err != nil {
		return nil, err
	}
	since, err := moment("deprecatedSince", s.DeprecatedSince)
	if err != nil {
		return nil, err
	}
	n := &notice{}
	sunset, err := moment("sunset", s.Sunset)
	switch {
	case err != nil:
		return nil, err
	case since.IsZero() && sunset.IsZero() && !s.Ended:
		return nil, errors.New("deprecatedSince and sunset: set at least one of them, or ended")
	case !since.IsZero() && !sunset.IsZero() && sunset.Before(since):
		return nil, errors.New("sunset: lies before deprecatedSince")
	}
	if !since.IsZero() {
		n.fields = append(n.fields, traffic.Field{Name: "deprecation", Value: "@" + strconv.FormatInt(since.Unix(), 10)})
	}
	if !sunset.IsZero() {
		n.fields = append(n.fields, traffic.Field{Name: "sunset", Value: sunset.UTC().Format(http.TimeFormat)})
	}
	for _, l := range []struct{ setting, link, relation string }{
		{"successor", s.Successor, "successor-version"}, {"documentation", s.Documentation, "deprecation"},
	} {
		if l.link == "" {
			continue
		}
		u, err := url.Parse(l.link)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("%s: must be a URL with http or https and a host", l.setting)
		}
		n.fields = append(n.fields, traffic.Field{Name: "link", Value: fmt.Sprintf(`<%s>; rel=%q`, u, l.relation)})
	}
	if s.Enforce {
		n.sunset = sunset
	}
	n.ended = s.Ended
	public := "This version has ended."
	if s.Successor != "" {
		public += " Use " + s.Successor + " instead."
	}
	n.refusal = policy.Refuse(http.StatusGone, public, "the sunset has passed", n.fields...)
	return n, nil
}

func moment(setting, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %q is no moment; write it as 2026-12-31T00:00:00Z", setting, text)
	}
	return at, nil
}

// Bind implements policy.Compiled.
func (n *notice) Bind(env policy.Env) (policy.Step, error) {
	step := policy.Step{Response: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		for _, f := range n.fields {
			if f.Name == "link" {
				x.Response.Header.Add(f.Name, f.Value)
			} else {
				x.Response.Header.Set(f.Name, f.Value)
			}
		}
		return policy.Go()
	}}
	if n.ended || !n.sunset.IsZero() {
		step.Request = func(context.Context, *traffic.Exchange) policy.Verdict {
			if !n.ended && env.Now().Before(n.sunset) {
				return policy.Go()
			}
			return n.refusal
		}
	}
	return step, nil
}
