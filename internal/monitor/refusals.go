package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// Filter chooses short lines; what is empty does not restrict.
type Filter struct {
	API    string `json:"api,omitempty"`
	Policy string `json:"policy,omitempty"`
	Status int    `json:"status,omitempty"`
	// Client is an address or the id of an application.
	Client  string          `json:"client,omitempty"`
	Outcome traffic.Outcome `json:"outcome,omitempty"`
	// Rule is the rule of a finding; "*" stands for any.
	Rule string `json:"rule,omitempty"`
	// Text is searched for in id, operation, step and reason, in any case.
	Text string `json:"text,omitempty"`
	// From and To bound when the exchange was received: From included, To not.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Before is the Next of the page before.
	Before string `json:"before,omitempty"`
	// Limit is the size of a page, 50 when 0 and 500 at most.
	Limit int `json:"limit,omitempty"`
}

// Page is a part of the short lines, newest first.
type Page struct {
	Refusals []Refusal `json:"refusals"`
	// Next is the Before of the next page; empty when this is the last.
	Next string `json:"next,omitempty"`
}

const (
	defaultPage = 50
	largestPage = 500
)

// Refusals finds short lines, newest first.
func (m *Monitor) Refusals(ctx context.Context, f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = defaultPage
	}
	f.Limit = min(f.Limit, largestPage)
	where, args := f.conditions()
	lines, err := m.lines(ctx, where, args, f.Limit+1)
	if err != nil {
		return Page{}, fmt.Errorf("finding refusals: %w", err)
	}
	p := Page{Refusals: lines}
	if len(lines) > f.Limit {
		p.Refusals = lines[:f.Limit]
		p.Next = p.Refusals[f.Limit-1].ID
	}
	return p, nil
}

// conditions is the filter as SQL. All texts go as arguments.
func (f Filter) conditions() (where string, args []any) {
	all := []string{"1 = 1"}
	add := func(condition string, values ...any) {
		all = append(all, condition)
		args = append(args, values...)
	}
	if f.API != "" {
		add("api = ?", f.API)
	}
	if f.Policy != "" {
		add("policy = ?", f.Policy)
	}
	if f.Status != 0 {
		add("status = ?", f.Status)
	}
	if f.Client != "" {
		add("(client = ? OR client_id = ?)", f.Client, f.Client)
	}
	if f.Outcome != "" {
		add("outcome = ?", string(f.Outcome))
	}
	switch f.Rule {
	case "":
	case "*":
		add("rules <> ''")
	default:
		add(`rules LIKE ? ESCAPE '\'`, "%,"+escapeLike(f.Rule)+",%")
	}
	if f.Text != "" {
		like := "%" + escapeLike(strings.ToLower(f.Text)) + "%"
		const match = `LIKE ? ESCAPE '\'`
		add("(LOWER(id) "+match+" OR LOWER(operation) "+match+" OR LOWER(step) "+match+" OR LOWER(reason) "+match+")",
			like, like, like, like)
	}
	if !f.From.IsZero() {
		add("received >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("received < ?", f.To.UnixMilli())
	}
	if f.Before != "" {
		add("id < ?", f.Before)
	}
	return strings.Join(all, " AND "), args
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// lines reads short lines for which a condition holds, newest first.
func (m *Monitor) lines(ctx context.Context, where string, args []any, limit int) (lines []Refusal, err error) {
	args = append(append([]any{m.opts.Environment}, args...), limit)
	rows, err := m.opts.DB.Read().Query(ctx, `SELECT environment, gateway, id, received, revision, api, operation, status,
		outcome, policy, step, reason, client, client_id, rules
		FROM monitor_refusals WHERE environment = ? AND `+where+` ORDER BY id DESC LIMIT ?`, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			l                  Refusal
			received, revision int64
			rules              string
		)
		err := rows.Scan(&l.Environment, &l.Gateway, &l.ID, &received, &revision, &l.API, &l.Operation, &l.Status,
			&l.Outcome, &l.Policy, &l.Step, &l.Reason, &l.Client, &l.ClientID, &rules)
		if err != nil {
			return nil, err
		}
		l.Received, l.Revision = time.UnixMilli(received).UTC(), uint64(revision) //nolint:gosec // written from one
		if rules = strings.Trim(rules, ","); rules != "" {
			l.Rules = strings.Split(rules, ",")
		}
		lines = append(lines, l)
	}
	return lines, rows.Err()
}
