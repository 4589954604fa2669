package incident

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

const (
	// DefaultLength is how long an act of containment holds when nobody says.
	DefaultLength = time.Hour
	// Longest is how long one can be made to hold.
	Longest = 7 * 24 * time.Hour
	// maxActive bounds the acts that hold in an environment.
	maxActive = 1000
	maxTarget = 256
	maxReason = 500
)

// Act is what an operator asks for.
type Act struct {
	Kind Kind `json:"kind"`
	// Target is an address or network, a client id, the subject of tokens, a session
	// (claim sid) or single token (jti), or namespace/name of an API.
	Target string `json:"target"`
	Reason string `json:"reason"`
	// Seconds is how long it holds: an hour when 0, seven days at most.
	Seconds int64 `json:"seconds,omitempty"`
	// Incident is the id of the one that it contains; may be empty.
	Incident string `json:"incident,omitempty"`
}

// State says how an act of containment stands.
type State string

// The states of acts.
const (
	// Proposed acts wait for somebody who approves.
	Proposed State = "proposed"
	Active   State = "active"
	Ended    State = "ended"
)

// Containment is an act of containment, or what became of it.
type Containment struct {
	ID string `json:"id"`
	Act
	State State `json:"state"`
	// Rule is the id of the rule that acted, empty for an operator.
	Rule string    `json:"rule,omitempty"`
	By   string    `json:"by"`
	Made time.Time `json:"made"`
	// From and Until are zero while it is proposed.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Ended, EndedBy and Why tell of its end.
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"endedBy,omitempty"`
	Why     string    `json:"why,omitempty"`
}

// Holds reports whether it contains at a time.
func (c *Containment) Holds(now time.Time) bool {
	return !c.From.IsZero() && c.Ended.IsZero() && now.Before(c.Until)
}

func (c *Containment) judge(now time.Time) {
	switch {
	case c.Holds(now):
		c.State = Active
	case c.From.IsZero() && c.Ended.IsZero():
		c.State = Proposed
	default:
		c.State = Ended
	}
}

// object names it in the audit log.
func (c *Containment) object() string { return string(c.Kind) + " " + c.Target }

const containmentColumns = "SELECT id, kind, target, reason, incident, rule, made_by, made_at, seconds, starts_at, until_at, ended_at, ended_by, ended_why FROM incidents_containments WHERE environment = ?"

func (s *Service) readContainments(ctx context.Context, r store.Reader, environment, more string, args ...any) (out []Containment, err error) {
	rows, err := r.Query(ctx, containmentColumns+more, append([]any{environment}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	now := s.o.Now()
	for rows.Next() {
		var (
			c                        Containment
			made, from, until, ended int64
		)
		if err := rows.Scan(&c.ID, &c.Kind, &c.Target, &c.Reason, &c.Incident, &c.Rule, &c.By, &made, &c.Seconds, &from, &until, &ended, &c.EndedBy, &c.Why); err != nil {
			return nil, err
		}
		c.Made, c.From, c.Until, c.Ended = moment(made), moment(from), moment(until), moment(ended)
		c.judge(now)
		out = append(out, c)
	}
	return out, rows.Err()
}

// Containments lists the acts of an environment, those of an incident when one is
// named: those that are open first, then those that ended last, 200 at most.
func (s *Service) Containments(ctx context.Context, p control.Principal, environment, incident string) ([]Containment, error) {
	if err := s.may(ctx, p, access.ViewFindings, environment); err != nil {
		return nil, err
	}
	more, args := "", []any(nil)
	if incident != "" {
		more, args = " AND incident = ?", []any{incident}
	}
	return s.readContainments(ctx, s.o.DB.Read(), environment, more+" ORDER BY CASE WHEN ended_at = 0 THEN 0 ELSE 1 END, ended_at DESC, until_at, made_at DESC, id LIMIT 200", args...)
}

// Held gives the acts that hold in an environment now, for gateways.
func (s *Service) Held(ctx context.Context, environment string) ([]Containment, error) {
	return s.readContainments(ctx, s.o.DB.Read(), environment, " AND starts_at > 0 AND ended_at = 0 AND until_at > ? ORDER BY id", s.o.Now().UnixMilli())
}

// Version grows with every act that begins to hold in an environment, or to hold no more.
func (s *Service) Version(ctx context.Context, environment string) (n int64, err error) {
	err = s.o.DB.Read().QueryRow(ctx, `SELECT COUNT(*) + COUNT(CASE WHEN ended_at > 0 OR until_at <= ? THEN 1 END)
		FROM incidents_containments WHERE environment = ? AND starts_at > 0`, s.o.Now().UnixMilli(), environment).Scan(&n)
	return n, err
}

// Contain blocks or stops something at once.
func (s *Service) Contain(ctx context.Context, p control.Principal, environment string, act Act) (Containment, error) {
	if err := s.may(ctx, p, access.Contain, environment); err != nil {
		return Containment{}, err
	}
	if err := s.check(ctx, environment, &act); err != nil {
		return Containment{}, err
	}
	now := s.o.Now()
	c := Containment{ID: secret.NewID(), Act: act, By: p.Operator, Made: now, From: now, Until: now.Add(time.Duration(act.Seconds) * time.Second)}
	err := s.write(ctx, p, environment, audit.ContainmentBegun, c.object(), func(tx *store.Tx) (_, _ any, err error) {
		if err := s.keepContainment(ctx, tx, environment, &c); err != nil {
			return nil, nil, err
		}
		return map[string]any{}, c, s.tellAct(ctx, tx, environment, &c, p.Operator, verb(&c)+" until "+c.Until.UTC().Format("2006-01-02 15:04:05 UTC")+": "+c.Reason)
	})
	if err != nil {
		return Containment{}, err
	}
	c.judge(now)
	s.o.Changed(environment)
	return c, nil
}

// verb says what an act does.
func verb(c *Containment) string {
	if c.Kind == API {
		return "stopped API " + c.Target
	}
	return "blocked " + string(c.Kind) + " " + c.Target
}

// keepContainment writes a new act; one that holds already, or waits, is a conflict.
func (s *Service) keepContainment(ctx context.Context, tx *store.Tx, environment string, c *Containment) error {
	open, err := s.readContainments(ctx, tx.Reader, environment, " AND ended_at = 0")
	if err != nil {
		return err
	}
	held := 0
	for i := range open {
		if open[i].State == Ended {
			continue
		}
		if held++; open[i].Kind == c.Kind && open[i].Target == c.Target {
			return invalid("target: %s is %s already; end that first", c.Target, open[i].State)
		}
	}
	if held >= maxActive {
		return invalid("there are %d acts already; block a network instead of addresses", maxActive)
	}
	if c.Incident != "" {
		if _, err := one(s.readIncidents(ctx, tx.Reader, environment, " AND id = ?", c.Incident)); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO incidents_containments (environment, id, kind, target, reason, incident, rule, made_by, made_at, seconds,
		starts_at, until_at, ended_at, ended_by, ended_why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '')`,
		environment, c.ID, string(c.Kind), c.Target, c.Reason, c.Incident, c.Rule, c.By, c.Made.UnixMilli(), c.Seconds, stored(c.From), stored(c.Until))
	return err
}

// stored is a time in the store, 0 for zero.
func stored(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}

// check refuses what makes no sense and fills in what was left out.
func (s *Service) check(ctx context.Context, environment string, act *Act) error {
	act.Target, act.Reason = strings.TrimSpace(act.Target), strings.TrimSpace(act.Reason)
	if act.Seconds == 0 {
		act.Seconds = int64(DefaultLength / time.Second)
	}
	switch {
	case act.Seconds < 1 || act.Seconds > int64(Longest/time.Second):
		return invalid("seconds: it must hold for 1 second to %d days", Longest/(24*time.Hour))
	case act.Reason == "" || len(act.Reason) > maxReason || strings.ContainsFunc(act.Reason, unicode.IsControl):
		return invalid("reason: say why, in one line of 1 to %d bytes", maxReason)
	case act.Target == "" || len(act.Target) > maxTarget || strings.ContainsFunc(act.Target, unicode.IsControl):
		return invalid("target: it must be one line of 1 to %d bytes", maxTarget)
	case strings.HasPrefix(act.Target, "$"):
		// In settings it would be a reference.
		return invalid("target: it must not begin with $")
	}
	switch act.Kind {
	case Address:
		network, err := network(act.Target)
		act.Target = network
		return err
	case Client, Subject, Session:
		return nil
	case API:
		if s.o.Serves == nil {
			return nil
		}
		if there, err := s.o.Serves(ctx, environment, act.Target); err != nil || there {
			return err
		}
		return invalid("target: no API %s is in service here; write namespace/name", act.Target)
	}
	return invalid("kind: %.20q is none of address, client, subject, session and api", string(act.Kind))
}

// The largest networks that can be blocked, as lengths of their prefix.
const (
	shortest4 = 8
	shortest6 = 16
)

// network writes an address or network in its one form.
func network(text string) (string, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return address.Unmap().String(), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return "", invalid("target: %.60q is neither an address nor a network, as 192.0.2.7 or 192.0.2.0/24", text)
	}
	if shortest := map[bool]int{true: shortest4, false: shortest6}[prefix.Addr().Is4()]; prefix.Bits() < shortest {
		return "", invalid("target: a network of less than %d bits is most of the world; stop the API instead", shortest)
	}
	return prefix.Masked().String(), nil
}

// End ends an act before its time, or refuses one that is proposed.
func (s *Service) End(ctx context.Context, p control.Principal, environment, id string) error {
	if err := s.may(ctx, p, access.Contain, environment); err != nil {
		return err
	}
	err := s.end(ctx, p, environment, id, "")
	if err == nil {
		s.o.Changed(environment)
	}
	return err
}

func (s *Service) end(ctx context.Context, p control.Principal, environment, id, why string) error {
	c, err := one(s.readContainments(ctx, s.o.DB.Read(), environment, " AND id = ?", id))
	if err != nil {
		return err
	}
	return s.write(ctx, p, environment, audit.ContainmentEnded, c.object(), func(tx *store.Tx) (_, _ any, err error) {
		if c, err = one(s.readContainments(ctx, tx.Reader, environment, " AND id = ?", id)); err != nil {
			return nil, nil, err
		}
		if !c.Ended.IsZero() {
			return nil, nil, control.ErrConflict
		}
		before := c
		c.Ended, c.EndedBy, c.Why = s.o.Now(), p.Operator, why
		if c.Why == "" {
			c.Why = "ended by " + p.Operator
			if before.State == Proposed {
				c.Why = "refused by " + p.Operator
			}
		}
		c.judge(c.Ended)
		if _, err := tx.Exec(ctx, "UPDATE incidents_containments SET ended_at = ?, ended_by = ?, ended_why = ? WHERE environment = ? AND id = ?",
			c.Ended.UnixMilli(), c.EndedBy, c.Why, environment, id); err != nil {
			return nil, nil, err
		}
		return before, c, s.tellAct(ctx, tx, environment, &c, p.Operator, "ended: "+verb(&c)+", "+c.Why)
	})
}

// Approve lets a proposed act hold.
func (s *Service) Approve(ctx context.Context, p control.Principal, environment, id string) (Containment, error) {
	if err := s.may(ctx, p, access.Contain, environment); err != nil {
		return Containment{}, err
	}
	c, err := one(s.readContainments(ctx, s.o.DB.Read(), environment, " AND id = ?", id))
	if err != nil {
		return Containment{}, err
	}
	err = s.write(ctx, p, environment, audit.ContainmentBegun, c.object(), func(tx *store.Tx) (_, _ any, err error) {
		if c, err = one(s.readContainments(ctx, tx.Reader, environment, " AND id = ?", id)); err != nil {
			return nil, nil, err
		}
		if c.State != Proposed {
			return nil, nil, control.ErrConflict
		}
		before := c
		c.From = s.o.Now()
		c.Until = c.From.Add(time.Duration(c.Seconds) * time.Second)
		c.judge(c.From)
		if _, err := tx.Exec(ctx, "UPDATE incidents_containments SET starts_at = ?, until_at = ? WHERE environment = ? AND id = ?",
			c.From.UnixMilli(), c.Until.UnixMilli(), environment, id); err != nil {
			return nil, nil, err
		}
		return before, c, s.tellAct(ctx, tx, environment, &c, p.Operator, "approved: "+verb(&c))
	})
	if err != nil {
		return Containment{}, err
	}
	s.o.Changed(environment)
	return c, nil
}

// Expire writes down what has ended by itself. It held no more already.
func (s *Service) Expire(ctx context.Context, environment string) error {
	over, err := s.readContainments(ctx, s.o.DB.Read(), environment, " AND starts_at > 0 AND ended_at = 0 AND until_at <= ? LIMIT 100", s.o.Now().UnixMilli())
	if err != nil {
		return err
	}
	for i := range over {
		if err := s.end(ctx, system(), environment, over[i].ID, "its time is over"); err != nil && !errors.Is(err, control.ErrConflict) {
			return err
		}
	}
	return nil
}

// one is the only element.
func one[T any](list []T, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(list) == 0 {
		return none, control.ErrNotFound
	}
	return list[0], nil
}
