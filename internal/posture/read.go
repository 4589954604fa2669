package posture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Item is a finding with what is known of its sightings at all gateways.
type Item struct {
	finding.Finding
	State     State     `json:"state"`
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
	// Count is how many exchanges, or reports, it was seen in.
	Count int64 `json:"count"`
}

// Detail is an item with its occurrences and why it is suppressed.
type Detail struct {
	Item
	// First and Last are at most twenty each, oldest first, without overlap.
	First        []Occurrence  `json:"first"`
	Last         []Occurrence  `json:"last"`
	Suppressions []Suppression `json:"suppressions,omitempty"`
}

// Filter chooses findings; what is empty does not restrict.
type Filter struct {
	State State `json:"state,omitempty"`
	// Severity is the mildest that is shown.
	Severity  finding.Severity `json:"severity,omitzero"`
	Rule      string           `json:"rule,omitempty"`
	API       string           `json:"api,omitempty"`
	Operation string           `json:"operation,omitempty"`
	// Text is searched for in rule, title, operation, place and file, in any case.
	Text string `json:"text,omitempty"`
	// Since shows only what was seen at that time or later.
	Since time.Time `json:"since,omitzero"`
	// Offset and Limit choose a part; Limit is 100 when 0 and 1000 at most.
	Offset int `json:"offset,omitempty"`
	Limit  int `json:"limit,omitempty"`
}

const (
	defaultLimit = 100
	largestLimit = 1000
)

// List gives the findings that a filter chooses, the worst first, of these the
// ones seen last first, and how many there are in all parts together.
func (p *Posture) List(ctx context.Context, f Filter) (items []Item, total int, err error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	where, args := p.conditions(f)
	chosen, total, err := p.choose(ctx, where, args, min(f.Limit, largestLimit), max(f.Offset, 0), f.Text != "")
	if err == nil && len(chosen) > 0 {
		items, err = p.items(ctx, chosen)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("listing findings: %w", err)
	}
	return items, total, nil
}

// choose gives the fingerprints of a part of what a condition chooses, in order, and
// how many there are in all. Where no index holds what the condition asks, as with a
// text, counting by itself would read all once more: then it is counted on the way.
func (p *Posture) choose(ctx context.Context, where string, args []any, limit, offset int, onTheWay bool) (chosen []any, total int, err error) {
	counted := "COUNT(*) OVER ()"
	if !onTheWay {
		counted = "0"
		if err := p.count(ctx, where, args, &total); err != nil || offset >= total {
			return nil, total, err
		}
	}
	rows, err := p.opts.DB.Read().Query(ctx, "SELECT fingerprint, "+counted+" FROM posture_findings WHERE "+where+`
		GROUP BY fingerprint ORDER BY MAX(severity) DESC, MAX(last_seen) DESC, fingerprint LIMIT ? OFFSET ?`, append(slices.Clone(args), limit, offset)...)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			fingerprint string
			all         int
		)
		if err := rows.Scan(&fingerprint, &all); err != nil {
			return nil, 0, err
		}
		chosen, total = append(chosen, fingerprint), max(total, all)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	if onTheWay && offset > 0 && len(chosen) == 0 { // beyond the end there is no row that tells
		err = p.count(ctx, where, args, &total)
	}
	return chosen, total, err
}

func (p *Posture) count(ctx context.Context, where string, args []any, into *int) error {
	return p.opts.DB.Read().QueryRow(ctx, "SELECT COUNT(DISTINCT fingerprint) FROM posture_findings WHERE "+where, args...).Scan(into)
}

// items gives the findings with some fingerprints, in the order of List.
func (p *Posture) items(ctx context.Context, fingerprints []any) (items []Item, err error) {
	rows, err := p.opts.DB.Read().Query(ctx, `SELECT MAX(finding), MIN(state), MIN(first_seen), MAX(last_seen),
		CAST(SUM(sightings) AS BIGINT) FROM posture_findings WHERE environment = ? AND fingerprint IN (?`+strings.Repeat(", ?", len(fingerprints)-1)+`)
		GROUP BY fingerprint ORDER BY MAX(severity) DESC, MAX(last_seen) DESC, fingerprint`, append([]any{p.opts.Environment}, fingerprints...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			item        Item
			text        string
			first, last int64
		)
		if err := rows.Scan(&text, &item.State, &first, &last, &item.Count); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &item.Finding); err != nil {
			return nil, err
		}
		item.FirstSeen, item.LastSeen = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
		items = append(items, item)
	}
	return items, rows.Err()
}

// conditions is the filter as SQL. All texts go as arguments.
func (p *Posture) conditions(f Filter) (where string, args []any) {
	all := []string{"environment = ?"}
	args = []any{p.opts.Environment}
	equal := func(column, value string) {
		if value != "" {
			all = append(all, column+" = ?")
			args = append(args, value)
		}
	}
	equal("state", string(f.State))
	equal("rule", f.Rule)
	equal("api", f.API)
	equal("operation", f.Operation)
	if f.Severity != 0 {
		all = append(all, "severity >= ?")
		args = append(args, int(f.Severity))
	}
	if !f.Since.IsZero() {
		all = append(all, "last_seen >= ?")
		args = append(args, f.Since.UnixMilli())
	}
	if f.Text != "" {
		escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(f.Text))
		var any []string
		for _, column := range []string{"rule", "title", "operation", "place", "file"} {
			any = append(any, "LOWER("+column+`) LIKE ? ESCAPE '\'`)
			args = append(args, "%"+escaped+"%")
		}
		all = append(all, "("+strings.Join(any, " OR ")+")")
	}
	return strings.Join(all, " AND "), args
}

// Get gives one finding. Its error is ErrNotFound when there is none.
func (p *Posture) Get(ctx context.Context, fingerprint string) (Detail, error) {
	items, err := p.items(ctx, []any{fingerprint})
	if err == nil && len(items) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Detail{}, fmt.Errorf("finding %s: %w", fingerprint, err)
	}
	d := Detail{Item: items[0]}
	occurrences, err := p.occurrences(ctx, fingerprint)
	if err != nil {
		return Detail{}, fmt.Errorf("finding %s: %w", fingerprint, err)
	}
	first := min(edge, len(occurrences))
	d.First, d.Last = occurrences[:first], occurrences[max(first, len(occurrences)-edge):]
	d.Suppressions = p.suppressionsOf(&d.Finding)
	return d, nil
}

// occurrences are those kept of a finding, oldest first.
func (p *Posture) occurrences(ctx context.Context, fingerprint string) (all []Occurrence, err error) {
	rows, err := p.opts.DB.Read().Query(ctx, `SELECT gateway, id, received, client FROM posture_occurrences
		WHERE environment = ? AND fingerprint = ? ORDER BY received, gateway, number`, p.opts.Environment, fingerprint)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			o  Occurrence
			at int64
		)
		if err := rows.Scan(&o.Gateway, &o.ID, &at, &o.Client); err != nil {
			return nil, err
		}
		o.Received = time.UnixMilli(at).UTC()
		all = append(all, o)
	}
	return all, rows.Err()
}

// Counts is how many findings there are, not how often they were seen.
type Counts struct {
	Open       finding.Summary `json:"open"`
	Suppressed finding.Summary `json:"suppressed"`
}

// Counts counts the findings.
func (p *Posture) Counts(ctx context.Context) (c Counts, err error) {
	rows, err := p.opts.DB.Read().Query(ctx, `SELECT state, severity, COUNT(*) FROM (
		SELECT MIN(state) AS state, MAX(severity) AS severity FROM posture_findings WHERE environment = ? GROUP BY fingerprint
	) AS whole GROUP BY state, severity`, p.opts.Environment)
	if err != nil {
		return Counts{}, fmt.Errorf("counting findings: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			state       State
			severity, n int
		)
		if err := rows.Scan(&state, &severity, &n); err != nil {
			return Counts{}, fmt.Errorf("counting findings: %w", err)
		}
		switch state {
		case Open:
			addTo(&c.Open, severity, n)
		case Suppressed:
			addTo(&c.Suppressed, severity, n)
		case Mended:
		}
	}
	return c, rows.Err()
}

// Place is a rule at an API.
type Place struct{ Rule, API string }

// Worst tells how severe the open findings of exchanges were that were seen since a
// time, by rule and API.
func (p *Posture) Worst(ctx context.Context, since time.Time) (worst map[Place]finding.Severity, err error) {
	rows, err := p.opts.DB.Read().Query(ctx, `SELECT rule, api, MAX(severity) FROM posture_findings
		WHERE environment = ? AND engine = '' AND state = ? AND last_seen >= ? GROUP BY rule, api`, p.opts.Environment, string(Open), since.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("reading the worst findings: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	worst = map[Place]finding.Severity{}
	for rows.Next() {
		var (
			at       Place
			severity int
		)
		if err := rows.Scan(&at.Rule, &at.API, &severity); err != nil {
			return nil, fmt.Errorf("reading the worst findings: %w", err)
		}
		worst[at] = finding.Severity(severity) //nolint:gosec // written from one
	}
	return worst, rows.Err()
}

func addTo(s *finding.Summary, severity, n int) {
	switch finding.Severity(severity) { //nolint:gosec // written from one
	case finding.Critical:
		s.Critical += n
	case finding.High:
		s.High += n
	case finding.Medium:
		s.Medium += n
	case finding.Low:
		s.Low += n
	case finding.Info:
		s.Info += n
	}
}
