package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Mode says how a rule acts.
type Mode string

// The modes.
const (
	// Approval proposes an act and waits for somebody who approves.
	Approval Mode = "approval"
	// DryRun only tells in the timeline what it would have done.
	DryRun Mode = "dry-run"
	// Automatic acts at once.
	Automatic Mode = "automatic"
)

// What a rule does.
const (
	// BlockActor blocks the address, client or subject whose incident it is.
	BlockActor = "block-actor"
	// StopAPI stops the API that an incident is about.
	StopAPI = "stop-api"
)

// Rule acts on incidents. It is switched off until somebody switches it on.
type Rule struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	// Severity is the mildest incident that it is for.
	Severity finding.Severity `json:"severity"`
	// Kinds are the kinds of incidents that it is for; none means all.
	Kinds []Kind `json:"kinds,omitempty"`
	// Finding is a pattern of rules of findings, as crs-942*, of which an incident must
	// have one; empty for any.
	Finding string `json:"finding,omitempty"`
	// Do is block-actor or stop-api, Seconds how long it holds.
	Do      string `json:"do"`
	Seconds int64  `json:"seconds,omitempty"`
	Mode    Mode   `json:"mode"`
	// Percent takes an automatic act back when more of the requests of an API are refused
	// within five minutes; 20 when 0.
	Percent int `json:"percent,omitempty"`
}

// KeptRule is a rule as it is kept.
type KeptRule struct {
	ID      string    `json:"id"`
	Version int64     `json:"version"`
	Rule    Rule      `json:"rule"`
	Changed time.Time `json:"changed"`
	By      string    `json:"by"`
}

const (
	defaultPercent = 20
	maxActRules    = 100
	// watched is how long an automatic act is watched, fewest how many requests say
	// anything.
	watched = 5 * time.Minute
	fewest  = 20
)

func (r *Rule) check() error {
	r.Name, r.Finding = strings.TrimSpace(r.Name), strings.TrimSpace(r.Finding)
	if r.Seconds == 0 {
		r.Seconds = int64(DefaultLength / time.Second)
	}
	if r.Percent == 0 {
		r.Percent = defaultPercent
	}
	if _, err := path.Match(r.Finding, ""); err != nil {
		return invalid("finding: %.60q is no pattern; write as crs-942*", r.Finding)
	}
	for _, kind := range r.Kinds {
		if !slices.Contains([]Kind{Address, Client, Subject, API}, kind) {
			return invalid("kinds: %.20q is none of address, client, subject and api", string(kind))
		}
	}
	switch {
	case r.Name == "" || len(r.Name) > 100 || strings.ContainsFunc(r.Name, unicode.IsControl):
		return invalid("name: it must be one line of 1 to 100 bytes")
	case r.Severity < finding.Info || r.Severity > finding.Critical:
		return invalid("severity: it must be one of info, low, medium, high and critical")
	case len(r.Finding) > 100:
		return invalid("finding: it may have 100 bytes")
	case r.Do != BlockActor && r.Do != StopAPI:
		return invalid("do: %.20q is neither block-actor nor stop-api", r.Do)
	case r.Mode != Approval && r.Mode != DryRun && r.Mode != Automatic:
		return invalid("mode: %.20q is none of approval, dry-run and automatic", string(r.Mode))
	case r.Mode == Automatic && r.Do == StopAPI:
		return invalid("mode: an API is stopped only when somebody approves")
	case r.Seconds < 1 || r.Seconds > int64(Longest/time.Second):
		return invalid("seconds: it must hold for 1 second to 7 days")
	case r.Percent < 1 || r.Percent > 100:
		return invalid("percent: it must be 1 to 100")
	}
	return nil
}

// Matches reports whether the rule is for an incident.
func (r *Rule) Matches(i *Incident) bool {
	if !r.Enabled || i.Severity < r.Severity || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, i.Kind) {
		return false
	}
	return r.Finding == "" || slices.ContainsFunc(i.Rules, func(rule string) bool {
		ok, err := path.Match(r.Finding, rule)
		return ok && err == nil
	})
}

// act is what the rule would do about an incident, false for nothing.
func (r *Rule) act(i *Incident) (Act, bool) {
	a := Act{Kind: i.Kind, Target: i.Actor, Reason: "rule " + r.Name, Seconds: r.Seconds, Incident: i.ID}
	if r.Do == StopAPI {
		if a.Kind = API; i.Kind != API {
			a.Target = i.API
		}
		return a, a.Target != ""
	}
	return a, i.Kind != API
}

func readRules(ctx context.Context, r store.Reader, environment, more string, args ...any) (out []KeptRule, err error) {
	rows, err := r.Query(ctx, "SELECT id, version, body, changed_at, changed_by FROM incidents_rules WHERE environment = ?"+more+" ORDER BY id", append([]any{environment}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			k    KeptRule
			body string
			at   int64
		)
		if err := rows.Scan(&k.ID, &k.Version, &body, &at, &k.By); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &k.Rule); err != nil {
			return nil, fmt.Errorf("rule %s: %w", k.ID, err)
		}
		k.Changed = moment(at)
		out = append(out, k)
	}
	return out, rows.Err()
}

// Rules lists the rules of an environment.
func (s *Service) Rules(ctx context.Context, p control.Principal, environment string) ([]KeptRule, error) {
	if err := s.may(ctx, p, access.ViewFindings, environment); err != nil {
		return nil, err
	}
	return readRules(ctx, s.o.DB.Read(), environment, "")
}

// KeepRule makes a rule, when id is empty, or changes the version of one that was seen.
func (s *Service) KeepRule(ctx context.Context, p control.Principal, environment, id string, version int64, rule Rule) (KeptRule, error) {
	if err := s.may(ctx, p, access.Contain, environment); err != nil {
		return KeptRule{}, err
	}
	if err := rule.check(); err != nil {
		return KeptRule{}, err
	}
	body, err := json.Marshal(rule)
	if err != nil {
		return KeptRule{}, err
	}
	k := KeptRule{ID: id, Version: version + 1, Rule: rule, Changed: s.o.Now().UTC(), By: p.Operator}
	if id == "" {
		k.ID, k.Version = secret.NewID(), 1
	}
	err = s.write(ctx, p, environment, audit.ContainmentRuleChanged, "containment rule "+k.ID, func(tx *store.Tx) (_, _ any, err error) {
		if id == "" {
			all, err := readRules(ctx, tx.Reader, environment, "")
			if err != nil {
				return nil, nil, err
			}
			if len(all) >= maxActRules {
				return nil, nil, invalid("there are %d rules already", maxActRules)
			}
			_, err = tx.Exec(ctx, "INSERT INTO incidents_rules (environment, id, version, body, changed_at, changed_by) VALUES (?, ?, 1, ?, ?, ?)",
				environment, k.ID, string(body), k.Changed.UnixMilli(), k.By)
			return nil, rule, err
		}
		before, err := one(readRules(ctx, tx.Reader, environment, " AND id = ?", id))
		if err != nil {
			return nil, nil, err
		}
		if before.Version != version {
			return nil, nil, control.ErrConflict
		}
		return before.Rule, rule, control.Met(tx.Exec(ctx, "UPDATE incidents_rules SET version = ?, body = ?, changed_at = ?, changed_by = ? WHERE environment = ? AND id = ? AND version = ?",
			k.Version, string(body), k.Changed.UnixMilli(), k.By, environment, id, version))
	})
	return k, err
}

// RemoveRule removes a rule; what it did holds on.
func (s *Service) RemoveRule(ctx context.Context, p control.Principal, environment, id string, version int64) error {
	if err := s.may(ctx, p, access.Contain, environment); err != nil {
		return err
	}
	return s.write(ctx, p, environment, audit.ContainmentRuleRemoved, "containment rule "+id, func(tx *store.Tx) (_, _ any, err error) {
		before, err := one(readRules(ctx, tx.Reader, environment, " AND id = ?", id))
		if err != nil {
			return nil, nil, err
		}
		if before.Version != version {
			return nil, nil, control.ErrConflict
		}
		return before.Rule, nil, control.Met(tx.Exec(ctx, "DELETE FROM incidents_rules WHERE environment = ? AND id = ? AND version = ?", environment, id, version))
	})
}

// apply lets the rules act that are for an incident, each once.
func (s *Service) apply(ctx context.Context, environment string, i *Incident) error {
	rules, err := readRules(ctx, s.o.DB.Read(), environment, "")
	if err != nil {
		return err
	}
	var errs []error
	for j := range rules {
		k := &rules[j]
		if act, ok := k.Rule.act(i); ok && k.Rule.Matches(i) {
			errs = append(errs, s.applyOne(ctx, environment, i, k, act))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) applyOne(ctx context.Context, environment string, i *Incident, k *KeptRule, act Act) error {
	checked := s.check(ctx, environment, &act)
	now := s.o.Now()
	c := Containment{ID: secret.NewID(), Act: act, Rule: k.ID, By: "rule " + k.Rule.Name, Made: now}
	words := map[Mode]string{Approval: "proposed: ", DryRun: "dry run, would have ", Automatic: ""}[k.Rule.Mode] + verb(&c)
	if k.Rule.Mode == Automatic {
		c.From, c.Until = now, now.Add(time.Duration(act.Seconds)*time.Second)
	}
	if checked != nil {
		words = "could not act: " + checked.Error()
	}
	began := false
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		began = false
		added, err := s.add(ctx, tx, environment, i.ID, Event{At: now, Kind: Done, By: c.By, Text: words}, "rule "+k.ID)
		if err != nil || !added || checked != nil || k.Rule.Mode == DryRun {
			return err
		}
		if err := s.keepContainment(ctx, tx, environment, &c); err != nil {
			if errors.Is(err, control.ErrInvalid) { // it is blocked already
				return nil
			}
			return err
		}
		began = k.Rule.Mode == Automatic
		action := audit.ContainmentProposed
		if began {
			action = audit.ContainmentBegun
		}
		return s.told(ctx, tx, system(), environment, action, c.object(), map[string]any{}, c)
	})
	if err == nil && began {
		s.o.Changed(environment)
	}
	return err
}

// rollBack ends automatic acts after which too many requests are refused.
func (s *Service) rollBack(ctx context.Context, environment string) error {
	source := s.o.Source(environment)
	if source == nil || source.Refusals == nil {
		return nil
	}
	now := s.o.Now()
	acts, err := s.readContainments(ctx, s.o.DB.Read(), environment, " AND rule <> '' AND ended_at = 0 AND until_at > ? AND starts_at > ? AND starts_at <= ?",
		now.UnixMilli(), now.Add(-watched).UnixMilli(), now.UnixMilli())
	if err != nil || len(acts) == 0 {
		return err
	}
	rules, err := readRules(ctx, s.o.DB.Read(), environment, "")
	if err != nil {
		return err
	}
	var errs []error
	for i := range acts {
		c := &acts[i]
		at := slices.IndexFunc(rules, func(k KeptRule) bool { return k.ID == c.Rule })
		if at < 0 || rules[at].Rule.Mode != Automatic {
			continue
		}
		shares, err := source.Refusals(ctx, c.From)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if api, percent := worst(shares); percent > rules[at].Rule.Percent {
			why := fmt.Sprintf("rolled back: %d %% of the requests of %s are refused since", percent, api)
			if err := s.end(ctx, system(), environment, c.ID, why); err != nil && !errors.Is(err, control.ErrConflict) {
				errs = append(errs, err)
				continue
			}
			s.o.Changed(environment)
		}
	}
	return errors.Join(errs...)
}

// worst is the API with the greatest share of refused requests, in per cent rounded up.
func worst(shares map[string]Share) (api string, percent int) {
	for name, s := range shares {
		if name == "" || s.Requests < fewest {
			continue
		}
		if p := int((100*min(s.Refused, s.Requests) + s.Requests - 1) / s.Requests); p > percent || p == percent && name < api { //nolint:gosec // 100 at most
			api, percent = name, p
		}
	}
	return api, percent
}
