package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/exchange"
	"farrier.dev/farrier/internal/control/findings"
)

// Observed are the services that know the process's own environment only.
type Observed struct {
	// Environment is its id; any other is not found.
	Environment string
	Exchanges   *exchange.Service
	Findings    *findings.Service
}

// own refuses every environment but the process's own.
func (o *Observed) own(r *Request) error {
	if r.Path("environment") != o.Environment {
		return control.ErrNotFound
	}
	return nil
}

// observeRoutes show what happened.
func observeRoutes(o *Observed) []Route {
	const path = inEnvironment
	return []Route{
		{
			Method: http.MethodGet, Path: path + "/refusals", Summary: "List refusals, newest first", Needs: access.ViewTraffic, At: Environment, Gives: []exchange.Refusal{},
			Query: map[string]string{
				"api": "Those of an API, as namespace/name.", "policy": "Those of a policy.", "status": "Those answered with a status code.",
				"client": "Those of a client's address or id.", "rule": "Those that a rule found.", "text": "Those whose line holds a text.",
				"from": "Those since a time, as 2026-01-31T12:00:00Z.", "to": "Those before a time.",
			},
			Handle: o.refusals,
		},
		{
			Method: http.MethodGet, Path: path + "/exchanges/{id}", Summary: "Show what is kept of an exchange, by its correlation id", Needs: access.ViewTraffic, At: Environment, Gives: Exchange{},
			Handle: o.exchange,
		},
		{
			Method: http.MethodGet, Path: path + "/findings", Summary: "List findings, the worst first", Needs: access.ViewFindings, At: Environment, Gives: []findings.Item{},
			Query: map[string]string{
				"state": "open, suppressed or mended.", "severity": "The mildest that is shown.", "rule": "Those of a rule.",
				"api": "Those of an API.", "text": "Those that hold a text.",
			},
			Handle: o.findings,
		},
		{
			Method: http.MethodGet, Path: path + "/findings/{fingerprint}", Summary: "Show a finding with its occurrences", Needs: access.ViewFindings, At: Environment, Gives: findings.Detail{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				if err := o.own(r); err != nil {
					return nil, err
				}
				return o.Findings.Get(ctx, r.Principal, r.Path("fingerprint"))
			},
		},
		{
			Method: http.MethodGet, Path: path + "/suppressions", Summary: "List suppressions of findings, newest first", Needs: access.ViewFindings, At: Environment, Gives: []findings.Suppression{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				if err := o.own(r); err != nil {
					return nil, err
				}
				list, err := o.Findings.Suppressions(ctx, r.Principal)
				return Page{Items: list}, err
			},
		},
		{
			Method: http.MethodPost, Path: path + "/suppressions", Summary: "Suppress a finding, or those of a rule at an API", Needs: access.ManageFindings, At: Environment,
			Takes: findings.Suppressing{}, Gives: findings.Suppression{}, Handle: o.suppress,
		},
		{
			Method: http.MethodDelete, Path: path + "/suppressions/{suppression}", Summary: "End a suppression", Needs: access.ManageFindings, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				if err := o.own(r); err != nil {
					return nil, err
				}
				return nil, o.Findings.Unsuppress(ctx, r.Principal, r.Path("suppression"))
			},
		},
	}
}

func (o *Observed) suppress(ctx context.Context, r *Request) (any, error) {
	if err := o.own(r); err != nil {
		return nil, err
	}
	var in findings.Suppressing
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	made, err := o.Findings.Suppress(ctx, r.Principal, in)
	return Created{Location: "/environments/" + o.Environment + "/suppressions/" + made.ID, Value: made}, err
}

// Exchange is what is kept of one exchange.
type Exchange struct {
	ID string `json:"id"`
	// Kept says that Record is there; else Counted says whether exchanges of that time
	// were counted here.
	Kept    bool `json:"kept"`
	Counted bool `json:"counted"`
	// Record is the sealed record, or the short line that is kept longer.
	Record any `json:"record,omitempty"`
}

func (o *Observed) exchange(ctx context.Context, r *Request) (any, error) {
	if err := o.own(r); err != nil {
		return nil, err
	}
	t, err := o.Exchanges.Trail(ctx, r.Principal, r.Path("id"))
	if err != nil {
		return nil, err
	}
	out := Exchange{ID: t.ID, Kept: t.Kept, Counted: t.Counted}
	if t.Kept {
		out.Record = t.Record
	}
	return out, nil
}

func (o *Observed) refusals(ctx context.Context, r *Request) (any, error) {
	if err := o.own(r); err != nil {
		return nil, err
	}
	after, limit, err := r.Page()
	if err != nil {
		return nil, err
	}
	f := exchange.Filter{
		API: r.Query("api"), Policy: r.Query("policy"), Client: r.Query("client"), Rule: r.Query("rule"), Text: r.Query("text"),
		Before: after, Limit: limit,
	}
	if text := r.Query("status"); text != "" {
		if f.Status, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("%w: status must be a number", control.ErrInvalid)
		}
	}
	if f.From, err = r.Time("from"); err != nil {
		return nil, err
	}
	if f.To, err = r.Time("to"); err != nil {
		return nil, err
	}
	page, err := o.Exchanges.Refusals(ctx, r.Principal, f)
	if err != nil {
		return nil, err
	}
	return Page{Items: notNil(page.Refusals), Next: page.Next}, nil
}

func (o *Observed) findings(ctx context.Context, r *Request) (any, error) {
	if err := o.own(r); err != nil {
		return nil, err
	}
	after, limit, err := r.Page()
	if err != nil {
		return nil, err
	}
	f := findings.Filter{State: findings.State(r.Query("state")), Rule: r.Query("rule"), API: r.Query("api"), Text: r.Query("text"), Limit: limit}
	if text := r.Query("severity"); text != "" {
		if err := f.Severity.UnmarshalText([]byte(text)); err != nil {
			return nil, fmt.Errorf("%w: severity: %w", control.ErrInvalid, err)
		}
	}
	if after != "" {
		if f.Offset, err = strconv.Atoi(after); err != nil || f.Offset < 0 {
			return nil, fmt.Errorf("%w: after must be the next of the page before", control.ErrInvalid)
		}
	}
	items, total, err := o.Findings.List(ctx, r.Principal, f)
	if err != nil {
		return nil, err
	}
	page := Page{Items: notNil(items)}
	if end := f.Offset + len(items); end < total && len(items) > 0 {
		page.Next = strconv.Itoa(end)
	}
	return page, nil
}

// notNil makes an empty list [] and not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Time is a time of the query by RFC 3339, zero for none.
func (r *Request) Time(name string) (time.Time, error) {
	text := r.Query(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s must be a time as 2026-01-31T12:00:00Z", control.ErrInvalid, name)
	}
	return at, nil
}
