package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/monitor"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Kept is a rule as it is kept, with how it stands.
type Kept struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	// Default says that Farrier brought it along and nobody has changed it.
	Default bool       `json:"default,omitempty"`
	Changed time.Time  `json:"changed"`
	By      string     `json:"by"`
	Rule    rules.Rule `json:"rule"`
	// State is how it stands; Pending before it was judged.
	State rules.State `json:"state"`
	// Sentence says in words when it fires.
	Sentence string `json:"sentence"`
}

// maxRules bounds the rules of an environment.
const maxRules = 500

const ruleColumns = `SELECT r.id, r.version, r.origin, r.changed_at, r.changed_by, r.body, COALESCE(s.state, '')
	FROM alerts_rules r LEFT JOIN alerts_states s ON s.environment = r.environment AND s.rule = r.id WHERE r.environment = ?`

func readRules(ctx context.Context, r store.Reader, environment, more string, args ...any) (out []Kept, err error) {
	rows, err := r.Query(ctx, ruleColumns+more+" ORDER BY r.changed_at, r.id", append([]any{environment}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			k                   Kept
			origin, body, state string
			changed             int64
		)
		if err := rows.Scan(&k.ID, &k.Version, &origin, &changed, &k.By, &body, &state); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &k.Rule); err != nil {
			return nil, fmt.Errorf("reading rule %s: %w", k.ID, err)
		}
		k.State = rules.State{Status: rules.Pending}
		if state != "" && json.Unmarshal([]byte(state), &k.State) != nil {
			k.State = rules.State{Status: rules.Pending} // it is judged anew
		}
		if !k.Rule.Enabled {
			k.State.Status = rules.Paused
		}
		k.Default, k.Changed, k.Sentence = origin == "default", time.UnixMilli(changed).UTC(), k.Rule.Sentence()
		out = append(out, k)
	}
	return out, rows.Err()
}

// Rules lists the rules of an environment.
func (s *Service) Rules(ctx context.Context, p control.Principal, environment string) ([]Kept, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return nil, err
	}
	return readRules(ctx, s.o.DB.Read(), environment, "")
}

// Rule gives one rule.
func (s *Service) Rule(ctx context.Context, p control.Principal, environment, id string) (Kept, error) {
	if err := s.view(ctx, p, environment); err != nil {
		return Kept{}, err
	}
	return one(readRules(ctx, s.o.DB.Read(), environment, " AND r.id = ?", id))
}

func one[T any](list []T, err error) (T, error) {
	var none T
	switch {
	case err != nil:
		return none, err
	case len(list) == 0:
		return none, control.ErrNotFound
	}
	return list[0], nil
}

// checkRule refuses a rule that can't work in an environment.
func checkRule(ctx context.Context, r store.Reader, environment string, rule *rules.Rule) error {
	if err := rule.Check(); err != nil {
		return invalid(err)
	}
	for _, code := range rule.Codes {
		if err := monitor.StatusCount(code).Check(); err != nil {
			return invalid(fmt.Errorf("codes: %.20q is not counted; classes as 4xx are, and %v", code, monitor.Codes()))
		}
	}
	if len(rule.Channels) == 0 {
		return nil
	}
	channels, err := readChannels(ctx, r, environment, "")
	if err != nil {
		return err
	}
	for _, id := range rule.Channels {
		if !slices.ContainsFunc(channels, func(c Channel) bool { return c.ID == id }) {
			return invalid(fmt.Errorf("channels: there is none with the id %.40q", id))
		}
	}
	return nil
}

// CreateRule keeps a new rule.
func (s *Service) CreateRule(ctx context.Context, p control.Principal, environment string, rule rules.Rule) (Kept, error) {
	if err := s.manage(ctx, p, environment); err != nil {
		return Kept{}, err
	}
	id := secret.NewID()
	err := s.write(ctx, p, environment, audit.AlertRuleCreated, "alert rule "+id, func(tx *store.Tx) (_, after any, err error) {
		if err := checkRule(ctx, tx.Reader, environment, &rule); err != nil {
			return nil, nil, err
		}
		var n int64
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM alerts_rules WHERE environment = ?", environment).Scan(&n); err != nil {
			return nil, nil, err
		}
		if n >= maxRules {
			return nil, nil, invalid(fmt.Errorf("there are %d rules already", maxRules))
		}
		return nil, rule, s.insertRule(ctx, tx, environment, id, "", p.Operator, &rule)
	})
	if err != nil {
		return Kept{}, err
	}
	return s.Rule(ctx, p, environment, id)
}

func (s *Service) insertRule(ctx context.Context, tx *store.Tx, environment, id, origin, by string, rule *rules.Rule) error {
	body, err := json.Marshal(rule)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO alerts_rules (environment, id, version, origin, changed_at, changed_by, body) VALUES (?, ?, 1, ?, ?, ?, ?)",
		environment, id, origin, s.o.Now().UnixMilli(), by, string(body))
	return err
}

// ChangeRule puts a rule in the place of the version that was seen.
func (s *Service) ChangeRule(ctx context.Context, p control.Principal, environment, id string, version int64, rule rules.Rule) (Kept, error) {
	if err := s.manage(ctx, p, environment); err != nil {
		return Kept{}, err
	}
	err := s.write(ctx, p, environment, audit.AlertRuleChanged, "alert rule "+id, func(tx *store.Tx) (_, _ any, err error) {
		before, err := one(readRules(ctx, tx.Reader, environment, " AND r.id = ?", id))
		if err != nil {
			return nil, nil, err
		}
		if before.Version != version {
			return nil, nil, control.ErrConflict
		}
		if err := checkRule(ctx, tx.Reader, environment, &rule); err != nil {
			return nil, nil, err
		}
		return before.Rule, rule, s.updateRule(ctx, tx, environment, id, version, p.Operator, &rule)
	})
	if err != nil {
		return Kept{}, err
	}
	return s.Rule(ctx, p, environment, id)
}

func (s *Service) updateRule(ctx context.Context, tx *store.Tx, environment, id string, version int64, by string, rule *rules.Rule) error {
	body, err := json.Marshal(rule)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, "UPDATE alerts_rules SET version = version + 1, origin = '', changed_at = ?, changed_by = ?, body = ? WHERE environment = ? AND id = ? AND version = ?",
		s.o.Now().UnixMilli(), by, string(body), environment, id, version)
	if err == nil && n == 0 {
		return conflict(ctx, tx, "alerts_rules", environment, id)
	}
	return err
}

// EnableRule switches a rule on or off.
func (s *Service) EnableRule(ctx context.Context, p control.Principal, environment, id string, version int64, enabled bool) (Kept, error) {
	k, err := s.Rule(ctx, p, environment, id)
	if err != nil {
		return Kept{}, err
	}
	k.Rule.Enabled = enabled
	return s.ChangeRule(ctx, p, environment, id, version, k.Rule)
}

// RemoveRule removes a rule. What it has open is told to be over first.
func (s *Service) RemoveRule(ctx context.Context, p control.Principal, environment, id string, version int64) error {
	if err := s.manage(ctx, p, environment); err != nil {
		return err
	}
	return s.write(ctx, p, environment, audit.AlertRuleRemoved, "alert rule "+id, func(tx *store.Tx) (_, _ any, err error) {
		k, err := one(readRules(ctx, tx.Reader, environment, " AND r.id = ?", id))
		if err != nil {
			return nil, nil, err
		}
		if k.Version != version {
			return nil, nil, control.ErrConflict
		}
		k.Rule.Enabled = false
		_, notices := rules.Evaluate(id, &k.Rule, k.State, nil, s.o.Now())
		for i := range notices {
			if err := s.keepNotice(ctx, tx, environment, &k, &notices[i]); err != nil {
				return nil, nil, err
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM alerts_states WHERE environment = ? AND rule = ?", environment, id); err != nil {
			return nil, nil, err
		}
		_, err = tx.Exec(ctx, "DELETE FROM alerts_rules WHERE environment = ? AND id = ?", environment, id)
		return k.Rule, nil, err
	})
}

// Defaults are the rules that every environment begins with, switched off until there
// is a channel.
func Defaults() []rules.Rule {
	minutes := func(n int) rules.Period { return rules.Period{Count: n, Unit: rules.Minutes} }
	above := func(v float64) rules.Condition { return rules.Condition{Operator: rules.Above, Value: v} }
	out := []rules.Rule{
		{Name: "Many failures", Kind: rules.ResponseCode, Severity: rules.Critical, Codes: []string{"5xx"}, Each: true, Grouped: true, Condition: above(50), Period: minutes(5), Consecutive: 2, Help: "See which operation fails: the page of the API shows its operations."},
		{Name: "Slow answers", Kind: rules.ResponseTime, Severity: rules.Warning, Percentile: 95, Each: true, Grouped: true, Condition: above(5000), Period: minutes(15), Consecutive: 2},
		{Name: "Attack burst", Kind: rules.AttackBurst, Severity: rules.Critical, Each: true, Grouped: true, Condition: above(100), Period: minutes(5), Help: "See Refusals for where it comes from; an address can be blocked from there."},
		{Name: "Unusual traffic", Kind: rules.Anomaly, Severity: rules.Info, Condition: above(8), Period: rules.Period{Count: 1, Unit: rules.Hours}},
		{Name: "New shadow API", Kind: rules.ShadowAPI, Severity: rules.Warning, Grouped: true, Condition: above(0), Period: minutes(60), RepeatMinutes: 60},
		{Name: "Critical finding", Kind: rules.Finding, Severity: rules.Warning, Events: []string{"critical"}, Grouped: true, Condition: above(0), Period: minutes(30), RepeatMinutes: 30},
		{Name: "Certificate or secret ends soon", Kind: rules.Expiry, Severity: rules.Warning, Grouped: true, Condition: rules.Condition{Operator: rules.Below, Value: 21}, Period: rules.Period{Count: 1, Unit: rules.Hours}, RepeatMinutes: 7 * 24 * 60},
		{Name: "Failed sign-ins", Kind: rules.FailedSignIns, Severity: rules.Warning, Condition: above(20), Period: minutes(10)},
		{Name: "Change not put into service", Kind: rules.RevisionRefused, Severity: rules.Warning, Condition: above(0), Period: minutes(10), RepeatMinutes: 10},
		{Name: "Gateway silent", Kind: rules.GatewaySilent, Severity: rules.Critical, Grouped: true, Condition: above(3), Period: minutes(1)},
	}
	for i := range out {
		out[i].Consecutive = max(out[i].Consecutive, 1)
	}
	return out
}

// begin gives an environment the default rules, once.
func (s *Service) begin(ctx context.Context, environment string) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "INSERT INTO alerts_begun (environment) VALUES (?) ON CONFLICT (environment) DO NOTHING", environment)
		if err != nil || n == 0 {
			return err
		}
		for _, rule := range Defaults() {
			if err := s.insertRule(ctx, tx, environment, secret.NewID(), "default", "system", &rule); err != nil {
				return err
			}
		}
		return nil
	})
}

// enableDefaults switches the default rules on that nobody has changed, when the first
// channel comes.
func (s *Service) enableDefaults(ctx context.Context, tx *store.Tx, environment, channel string) error {
	kept, err := readRules(ctx, tx.Reader, environment, " AND r.origin = 'default'")
	if err != nil {
		return err
	}
	for i := range kept {
		kept[i].Rule.Enabled, kept[i].Rule.Channels = true, []string{channel}
		if err := s.updateRule(ctx, tx, environment, kept[i].ID, kept[i].Version, "system", &kept[i].Rule); err != nil {
			return err
		}
	}
	return nil
}
