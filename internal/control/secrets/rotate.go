package secrets

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Rotation says how a secret is made anew. The zero value leaves that to people.
type Rotation struct {
	// Days is how long a version serves; 0 for no schedule. Where Farrier can't make
	// the material itself, as a certificate, the day is a reminder.
	Days int `json:"days,omitempty"`
	// Length is that of what is generated: characters, or bytes for hex and base64.
	Length int `json:"length,omitempty"`
	// Alphabet is letters, symbols, hex or base64.
	Alphabet string `json:"alphabet,omitempty"`
	// OverlapHours is how long the version before is given out as the field "previous".
	OverlapHours int `json:"overlapHours,omitempty"`
}

func (r Rotation) check(kind Kind) error {
	switch {
	case r.Days < 0 || r.Days > 3650:
		return invalid("days", "must be 0 to 3650")
	case r.OverlapHours < 0 || r.OverlapHours > 24*90:
		return invalid("overlapHours", "must be 0 to 2160")
	case r.Days > 0 && r.OverlapHours >= r.Days*24:
		return invalid("overlapHours", "must be shorter than the time between two rotations")
	case kind.Generated() == "":
		return nil
	case r.Length != 0 && (r.Length < 16 || r.Length > 512):
		return invalid("length", "must be 16 to 512")
	}
	switch r.Alphabet {
	case "", "letters", "symbols", "hex", "base64":
		return nil
	}
	return invalid("alphabet", "must be letters, symbols, hex or base64")
}

// next is when a version that serves since then is due.
func (r Rotation) next(since time.Time) time.Time {
	if r.Days == 0 {
		return time.Time{}
	}
	return since.AddDate(0, 0, r.Days)
}

func (s *Service) due(r Rotation) time.Time { return r.next(s.o.Now()) }

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	symbols = letters + "!#%*+-./:=?@_~"
)

// generate makes a value by the policy.
func (r Rotation) generate() (string, error) {
	length := r.Length
	if length == 0 {
		length = 32
	}
	raw := make([]byte, length)
	switch r.Alphabet {
	case "hex":
		_, _ = rand.Read(raw) // it never fails
		return hex.EncodeToString(raw), nil
	case "base64":
		_, _ = rand.Read(raw)
		return base64.StdEncoding.EncodeToString(raw), nil
	}
	alphabet := letters
	if r.Alphabet == "symbols" {
		alphabet = symbols
	}
	for i := range raw {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", fmt.Errorf("generating a secret: %w", err)
		}
		raw[i] = alphabet[n.Int64()]
	}
	return string(raw), nil
}

// Generate makes a new shared secret by a rotation policy, or the next version of
// one that exists: then its own policy holds, and overlap and schedule begin anew.
// Nobody gets to see it.
func (s *Service) Generate(ctx context.Context, p control.Principal, environment, group, name string, seen int64) (Secret, error) {
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return Secret{}, err
	}
	out, err := s.rotate(ctx, p, environment, group, name, func(e Secret) error {
		if e.Version != seen {
			return control.ErrConflict
		}
		return nil
	})
	if err == nil {
		s.o.Changed(environment)
	}
	return out, err
}

func (s *Service) rotate(ctx context.Context, p control.Principal, environment, group, name string, admit func(Secret) error) (Secret, error) {
	var out Secret
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := s.entry(ctx, tx.Reader, environment, group, name)
		if err != nil {
			return err
		}
		if err := admit(before); err != nil {
			return err
		}
		field := before.Kind.Generated()
		if field == "" {
			return invalid("", "a %s can't be generated; write the new one", before.Kind)
		}
		g, err := s.group(ctx, tx.Reader, environment, group)
		if err != nil {
			return err
		}
		m, err := s.open(ctx, tx.Reader, environment, g, name, before.Current)
		if err != nil {
			return err
		}
		if m.Fields[field], err = before.Rotation.generate(); err != nil {
			return err
		}
		u := putting{
			p: p, environment: environment, group: group, name: name, kind: before.Kind, how: "generated", action: audit.SecretRotated,
			m: made{fields: m.Fields, facts: Facts{Bytes: len(m.Fields[field])}}, seen: before.Version,
		}
		if before.Rotation.OverlapHours > 0 {
			u.overlap = s.o.Now().Add(time.Duration(before.Rotation.OverlapHours) * time.Hour)
		}
		out, err = s.put(ctx, tx, u)
		return err
	})
	return out, err
}

// errNotDue says that another process was faster.
var errNotDue = errors.New("it is not due any more")

// Tick does what is due: shared secrets are made anew, overlaps end, revocation
// lists are fetched. It is to be called every minute; several processes may.
func (s *Service) Tick(ctx context.Context) error {
	now := s.o.Now()
	rotations, err1 := s.findDue(ctx, "next_rotation > 0 AND next_rotation <= ?", now)
	overlaps, err2 := s.findDue(ctx, "overlap_until > 0 AND overlap_until <= ?", now)
	fetches, err3 := s.findDue(ctx, "next_fetch > 0 AND next_fetch <= ?", now)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	changed := map[string]bool{}
	var errs []error
	for _, k := range rotations {
		if k.kind.Generated() == "" {
			continue // a reminder
		}
		_, err := s.rotate(ctx, control.Principal{Operator: system}, k.environment, k.group, k.name, func(e Secret) error {
			if e.NextRotation.IsZero() || e.NextRotation.After(now) {
				return errNotDue
			}
			return nil
		})
		if err != nil && !errors.Is(err, errNotDue) {
			errs = append(errs, fmt.Errorf("rotating %s/%s: %w", k.group, k.name, err))
		}
		changed[k.environment] = changed[k.environment] || err == nil
	}
	for _, k := range overlaps {
		errs = append(errs, s.o.DB.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE secrets_entries SET previous = 0, overlap_until = 0 WHERE environment = ? AND group_name = ? AND name = ? AND overlap_until <= ?",
				k.environment, k.group, k.name, now.UnixMilli())
			return errors.Join(err, bump(ctx, tx, k.environment))
		}))
		changed[k.environment] = true
	}
	for _, k := range fetches {
		fetched, err := s.fetch(ctx, k.environment, k.group, k.name)
		if err != nil {
			errs = append(errs, fmt.Errorf("revocation list %s/%s: %w", k.group, k.name, err))
		}
		changed[k.environment] = changed[k.environment] || fetched
	}
	for environment, is := range changed {
		if is {
			s.o.Changed(environment)
		}
	}
	return errors.Join(errs...)
}

// dueSecret is a secret whose time has come.
type dueSecret struct {
	environment, group, name string
	kind                     Kind
}

func (s *Service) findDue(ctx context.Context, condition string, now time.Time) (found []dueSecret, err error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT environment, group_name, name, kind FROM secrets_entries WHERE "+condition, now.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("looking for what is due: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d dueSecret
		if err := rows.Scan(&d.environment, &d.group, &d.name, &d.kind); err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, rows.Err()
}

// Run calls Tick every minute, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := s.Tick(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("secrets that were due could not all be handled", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Expiry is a secret that ends, or that people must make anew.
type Expiry struct {
	Environment string    `json:"environment"`
	Group       string    `json:"group"`
	Name        string    `json:"name"`
	Kind        Kind      `json:"kind"`
	Owner       string    `json:"owner,omitempty"`
	At          time.Time `json:"at"`
	// Rotation says that it is the day of a reminder, not the end.
	Rotation bool `json:"rotation,omitempty"`
}

// Expiring lists what ends within a time, or has ended, in all environments. A
// certificate that an authority renews is among it only when the last attempt failed, or
// was not made when it was due: many hold for days. It is for alerts: nobody is asked
// whether they may.
func (s *Service) Expiring(ctx context.Context, within time.Duration) (all []Expiry, err error) {
	until := s.o.Now().Add(within).UnixMilli()
	rows, err := s.o.DB.Read().Query(ctx, `SELECT environment, group_name, name, kind, owner, expires_at, expiry_set, next_rotation FROM secrets_entries e
		WHERE (expiry_set > 0 AND expiry_set <= ? OR expiry_set = 0 AND expires_at > 0 AND expires_at <= ? OR next_rotation > 0 AND next_rotation <= ?)
		AND NOT EXISTS (SELECT 1 FROM secrets_acme a WHERE a.environment = e.environment AND a.group_name = e.group_name AND a.name = e.name AND a.failures = 0 AND a.next_try > ?)
		ORDER BY environment, group_name, name`, until, until, until, s.o.Now().Add(-acmeLate).UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("looking for what expires: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e Expiry
		var expires, set, next int64
		if err := rows.Scan(&e.Environment, &e.Group, &e.Name, &e.Kind, &e.Owner, &expires, &set, &next); err != nil {
			return nil, err
		}
		if set != 0 {
			expires = set
		}
		if e.At = moment(expires); expires != 0 && expires <= until {
			all = append(all, e)
		}
		if next != 0 && next <= until && e.Kind.Generated() == "" {
			e.At, e.Rotation = moment(next), true
			all = append(all, e)
		}
	}
	return all, rows.Err()
}
