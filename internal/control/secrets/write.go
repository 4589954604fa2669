package secrets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

func object(group, name string) string { return "secret " + group + "/" + name }

// Put writes a secret: a new one when seen is 0, else a new version of the one whose
// version was seen. What it holds serves at once.
func (s *Service) Put(ctx context.Context, p control.Principal, environment, group, name string, in Input, seen int64) (Secret, error) {
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return Secret{}, err
	}
	if !secretName.MatchString(name) {
		return Secret{}, invalid("name", "must have 1 to 64 letters, digits, - and _, and begin with a letter or digit")
	}
	if _, err := s.group(ctx, s.o.DB.Read(), environment, group); err != nil {
		return Secret{}, err
	}
	m, err := s.make(ctx, environment, group, in)
	if err != nil {
		return Secret{}, err
	}
	var out Secret
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		out, err = s.put(ctx, tx, putting{p: p, environment: environment, group: group, name: name, kind: in.Kind, m: m, how: "written", action: audit.SecretWritten, seen: seen})
		return err
	})
	if err == nil {
		s.o.Changed(environment)
	}
	return out, err
}

// putting is one version on its way into the tables.
type putting struct {
	p                        control.Principal
	environment, group, name string
	kind                     Kind
	m                        made
	how                      string
	action                   audit.Action
	seen                     int64
	// owner is that of a fresh secret, empty for who writes it.
	owner string
	// overlap is until when the version before is given out as the predecessor.
	overlap time.Time
}

func (s *Service) put(ctx context.Context, tx *store.Tx, u putting) (Secret, error) {
	g, err := s.group(ctx, tx.Reader, u.environment, u.group)
	if err != nil {
		return Secret{}, err
	}
	before, fresh, err := s.putBefore(ctx, tx, u)
	if err != nil {
		return Secret{}, err
	}
	number, now := before.Latest+1, s.o.Now().UnixMilli()
	mark, err := s.putVersion(ctx, tx, u, g, number, now)
	if err != nil {
		return Secret{}, err
	}
	if fresh {
		fetch := int64(0)
		if u.kind == CRL {
			fetch = now
		}
		_, err = tx.Exec(ctx, `INSERT INTO secrets_entries (environment, group_name, name, kind, owner, note, current, latest, previous, overlap_until, rotation, next_rotation, next_fetch, expires_at, expiry_set, changed_at, version)
			VALUES (?, ?, ?, ?, ?, '', ?, ?, 0, 0, '{}', 0, ?, ?, 0, ?, 1)`, u.environment, u.group, u.name, string(u.kind), cmp.Or(u.owner, u.p.Operator), number, number, fetch, millis(u.m.expires), now)
	} else {
		previous := 0
		if !u.overlap.IsZero() {
			previous = before.Current
		}
		next := millis(s.due(before.Rotation))
		err = control.Met(tx.Exec(ctx, `UPDATE secrets_entries SET current = ?, latest = ?, previous = ?, overlap_until = ?, next_rotation = ?, expires_at = ?, expiry_set = 0, changed_at = ?, version = version + 1
			WHERE environment = ? AND group_name = ? AND name = ? AND version = ?`,
			number, number, previous, millis(u.overlap), next, millis(u.m.expires), now, u.environment, u.group, u.name, before.Version))
	}
	if err != nil {
		return Secret{}, fmt.Errorf("writing a secret: %w", err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM secrets_versions WHERE environment = ? AND group_name = ? AND name = ? AND number <= ? AND number <> ?",
		u.environment, u.group, u.name, number-KeepVersions, before.Current); err != nil {
		return Secret{}, err
	}
	if err := bump(ctx, tx, u.environment); err != nil {
		return Secret{}, err
	}
	e := control.Told(u.p, u.environment, u.action, object(u.group, u.name))
	e.Detail = map[string]string{"kind": string(u.kind), "version": strconv.Itoa(number), "mark": mark, "how": u.how}
	if err := s.o.Audit.Record(ctx, tx, e); err != nil {
		return Secret{}, err
	}
	return s.entry(ctx, tx.Reader, u.environment, u.group, u.name)
}

// putBefore is the secret before it is written, whose version must be the one that was
// seen. A fresh one of a name that was removed goes on with its numbers.
func (s *Service) putBefore(ctx context.Context, tx *store.Tx, u putting) (before Secret, fresh bool, err error) {
	before, err = s.entry(ctx, tx.Reader, u.environment, u.group, u.name)
	fresh = errors.Is(err, control.ErrNotFound)
	switch {
	case err != nil && !fresh:
		return Secret{}, false, err
	case fresh && u.seen != 0:
		return Secret{}, false, control.ErrNotFound
	case !fresh && u.seen == 0:
		return Secret{}, false, fmt.Errorf("%w: there is a secret %s already", control.ErrConflict, u.name)
	case !fresh && u.seen != before.Version:
		return Secret{}, false, control.ErrConflict
	case !fresh && before.Kind != u.kind:
		return Secret{}, false, invalid("kind", "is %s; a secret keeps its kind", before.Kind)
	case !fresh:
		return before, false, nil
	}
	err = tx.QueryRow(ctx, "SELECT latest FROM secrets_removed WHERE environment = ? AND group_name = ? AND name = ?", u.environment, u.group, u.name).Scan(&before.Latest)
	if errors.Is(err, store.ErrNoRows) {
		err = nil
	}
	return before, true, err
}

// putVersion seals the material as one version.
func (s *Service) putVersion(ctx context.Context, tx *store.Tx, u putting, g Group, number int, now int64) (mark string, err error) {
	key, err := s.dataKey(u.environment, g)
	if err != nil {
		return "", err
	}
	plain, err := u.m.encode()
	if err != nil {
		return "", err
	}
	sealed, err := key.Seal(place(u.environment, u.group, u.name, number), plain)
	if err != nil {
		return "", err
	}
	mark = key.Mark(plain)
	_, err = tx.Exec(ctx, "INSERT INTO secrets_versions (environment, group_name, name, number, sealed, mark, facts, expires_at, made_at, made_by, how) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		u.environment, u.group, u.name, number, sealed, mark, string(asJSON(u.m.facts)), millis(u.m.expires), now, u.p.Operator, u.how)
	return mark, err
}

// Settings are what of a secret can be changed without its material.
type Settings struct {
	Owner, Note string
	// Expires is set by hand; zero takes what the material says.
	Expires  time.Time
	Rotation Rotation
}

// Change sets the settings of a secret whose version was seen.
func (s *Service) Change(ctx context.Context, p control.Principal, environment, group, name string, to Settings, seen int64) (Secret, error) {
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return Secret{}, err
	}
	if err := errors.Join(checkText("owner", to.Owner), checkText("note", to.Note)); err != nil {
		return Secret{}, err
	}
	var out Secret
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := s.entry(ctx, tx.Reader, environment, group, name)
		if err != nil {
			return err
		}
		if before.Version != seen {
			return control.ErrConflict
		}
		if err := to.Rotation.check(before.Kind); err != nil {
			return err
		}
		if err := control.Met(tx.Exec(ctx, "UPDATE secrets_entries SET owner = ?, note = ?, expiry_set = ?, rotation = ?, next_rotation = ?, version = version + 1 WHERE environment = ? AND group_name = ? AND name = ? AND version = ?",
			to.Owner, to.Note, millis(to.Expires), string(asJSON(to.Rotation)), millis(to.Rotation.next(before.Changed)), environment, group, name, seen)); err != nil {
			return err
		}
		if out, err = s.entry(ctx, tx.Reader, environment, group, name); err != nil {
			return err
		}
		e := control.Told(p, environment, audit.SecretChanged, object(group, name))
		e.Before = asJSON(map[string]any{"owner": before.Owner, "note": before.Note, "rotation": before.Rotation})
		e.After = asJSON(map[string]any{"owner": to.Owner, "note": to.Note, "rotation": to.Rotation})
		return s.o.Audit.Record(ctx, tx, e)
	})
	return out, err
}

// RollBack lets an older version serve again.
func (s *Service) RollBack(ctx context.Context, p control.Principal, environment, group, name string, number int, seen int64) (Secret, error) {
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return Secret{}, err
	}
	var out Secret
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := s.entry(ctx, tx.Reader, environment, group, name)
		if err != nil {
			return err
		}
		if before.Version != seen {
			return control.ErrConflict
		}
		versions, err := s.versions(ctx, tx.Reader, environment, before)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(versions, func(v Version) bool { return v.Number == number })
		if at < 0 {
			return control.ErrNotFound
		}
		if err := control.Met(tx.Exec(ctx, "UPDATE secrets_entries SET current = ?, previous = 0, overlap_until = 0, expires_at = ?, changed_at = ?, version = version + 1 WHERE environment = ? AND group_name = ? AND name = ? AND version = ?",
			number, millis(versions[at].Expires), s.o.Now().UnixMilli(), environment, group, name, seen)); err != nil {
			return err
		}
		if err := bump(ctx, tx, environment); err != nil {
			return err
		}
		e := control.Told(p, environment, audit.SecretRolledBack, object(group, name))
		e.Detail = map[string]string{"from": strconv.Itoa(before.Current), "to": strconv.Itoa(number)}
		if err := s.o.Audit.Record(ctx, tx, e); err != nil {
			return err
		}
		out, err = s.entry(ctx, tx.Reader, environment, group, name)
		return err
	})
	if err == nil {
		s.o.Changed(environment)
	}
	return out, err
}

// Remove removes a secret that nothing uses.
func (s *Service) Remove(ctx context.Context, p control.Principal, environment, group, name string, seen int64) error {
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return err
	}
	all, err := s.list(ctx, environment, group)
	if err != nil {
		return err
	}
	for _, one := range all {
		if c := one.Facts.Context; c != nil && slices.ContainsFunc(c.parts(), func(q part) bool { return q.name == name }) {
			return invalid("", "the TLS context %s uses it; change that first", one.Name)
		}
	}
	for _, use := range s.o.Uses(environment) {
		if refersTo(use, group, name) {
			return invalid("", "%s uses it; change that first", use.Resource)
		}
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := s.entry(ctx, tx.Reader, environment, group, name)
		if err != nil {
			return err
		}
		if before.Version != seen {
			return control.ErrConflict
		}
		if _, err := tx.Exec(ctx, `INSERT INTO secrets_removed (environment, group_name, name, latest) VALUES (?, ?, ?, ?)
			ON CONFLICT (environment, group_name, name) DO UPDATE SET latest = excluded.latest`, environment, group, name, before.Latest); err != nil {
			return err
		}
		for _, statement := range []string{
			"DELETE FROM secrets_versions WHERE environment = ? AND group_name = ? AND name = ?",
			"DELETE FROM secrets_entries WHERE environment = ? AND group_name = ? AND name = ?",
			"DELETE FROM secrets_acme WHERE environment = ? AND group_name = ? AND name = ?",
		} {
			if _, err := tx.Exec(ctx, statement, environment, group, name); err != nil {
				return err
			}
		}
		if err := bump(ctx, tx, environment); err != nil {
			return err
		}
		e := control.Told(p, environment, audit.SecretRemoved, object(group, name))
		e.Detail = map[string]string{"kind": string(before.Kind)}
		return s.o.Audit.Record(ctx, tx, e)
	})
	if err == nil {
		s.o.Changed(environment)
	}
	return err
}

// Read gives the material of a secret whose group is downloadable, to who may write
// it and has confirmed who they are. It is audited before it is given.
func (s *Service) Read(ctx context.Context, p control.Principal, environment, group, name string) (map[string]string, error) {
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return nil, err
	}
	if p.Confirmed.IsZero() || s.o.Now().Sub(p.Confirmed) > confirmed {
		return nil, control.ErrStale
	}
	var fields map[string]string
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := s.group(ctx, tx.Reader, environment, group)
		if err != nil {
			return err
		}
		entry, err := s.entry(ctx, tx.Reader, environment, group, name)
		if err != nil {
			return err
		}
		e := control.Told(p, environment, audit.SecretRead, object(group, name))
		e.Detail = map[string]string{"version": strconv.Itoa(entry.Current)}
		if !g.Downloadable {
			return fmt.Errorf("%w: group %s is not downloadable, so its material is never shown", control.ErrForbidden, group)
		}
		m, err := s.open(ctx, tx.Reader, environment, g, name, entry.Current)
		if err != nil {
			return err
		}
		fields = maps.Clone(m.Fields)
		return s.o.Audit.Record(ctx, tx, e)
	})
	if err != nil {
		return nil, err
	}
	return fields, nil
}
