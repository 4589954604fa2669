package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Group is a secret group of an environment.
type Group struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
	// Downloadable says that its material can be read back, by who may write it.
	Downloadable bool      `json:"downloadable"`
	Made         time.Time `json:"made"`
	MadeBy       string    `json:"madeBy"`
	Version      int64     `json:"version"`
	// Secrets is how many it holds, Expiring how many of them end within 30 days.
	Secrets  int `json:"secrets"`
	Expiring int `json:"expiring"`

	dataKey string
}

// Groups lists the groups of an environment that the principal may see.
func (s *Service) Groups(ctx context.Context, p control.Principal, environment string) ([]Group, error) {
	refused := s.gate.Environment(ctx, p, access.ViewSecrets, environment)
	if refused != nil && !errors.Is(refused, control.ErrForbidden) && !errors.Is(refused, control.ErrNotFound) {
		return nil, refused
	}
	all, err := s.groups(ctx, environment)
	if err != nil {
		return nil, err
	}
	var granted []string
	if refused != nil && grantable(p, access.ViewSecrets, refused) {
		if granted, err = s.granted(ctx, p, access.ViewSecrets, environment); err != nil {
			return nil, err
		}
	}
	seen := all[:0]
	for _, g := range all {
		if refused == nil || slices.Contains(granted, g.Name) {
			seen = append(seen, g)
		}
	}
	if refused != nil && len(seen) == 0 {
		return nil, refused
	}
	return seen, nil
}

func (s *Service) groups(ctx context.Context, environment string) (all []Group, err error) {
	soon := s.o.Now().Add(30 * 24 * time.Hour).UnixMilli()
	rows, err := s.o.DB.Read().Query(ctx, `SELECT g.name, g.note, g.downloadable, g.made_at, g.made_by, g.version, COUNT(e.name),
			COALESCE(SUM(CASE WHEN e.name IS NULL THEN 0 WHEN e.expiry_set > 0 AND e.expiry_set < ? THEN 1 WHEN e.expiry_set = 0 AND e.expires_at > 0 AND e.expires_at < ? THEN 1 ELSE 0 END), 0)
		FROM secrets_groups g LEFT JOIN secrets_entries e ON e.environment = g.environment AND e.group_name = g.name
		WHERE g.environment = ? GROUP BY g.name, g.note, g.downloadable, g.made_at, g.made_by, g.version ORDER BY g.name`, soon, soon, environment)
	if err != nil {
		return nil, fmt.Errorf("listing secret groups: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var g Group
		var made int64
		if err := rows.Scan(&g.Name, &g.Note, &g.Downloadable, &made, &g.MadeBy, &g.Version, &g.Secrets, &g.Expiring); err != nil {
			return nil, err
		}
		g.Made = moment(made)
		all = append(all, g)
	}
	return all, rows.Err()
}

// Group gives one group.
func (s *Service) Group(ctx context.Context, p control.Principal, environment, name string) (Group, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, name); err != nil {
		return Group{}, err
	}
	g, err := s.group(ctx, s.o.DB.Read(), environment, name)
	if err != nil {
		return g, err
	}
	list, err := s.list(ctx, environment, name)
	g.Secrets = len(list)
	return g, err
}

func (s *Service) group(ctx context.Context, r store.Reader, environment, name string) (Group, error) {
	g := Group{Name: name}
	var made int64
	err := r.QueryRow(ctx, "SELECT note, downloadable, data_key, made_at, made_by, version FROM secrets_groups WHERE environment = ? AND name = ?",
		environment, name).Scan(&g.Note, &g.Downloadable, &g.dataKey, &made, &g.MadeBy, &g.Version)
	switch {
	case errors.Is(err, store.ErrNoRows):
		return g, control.ErrNotFound
	case err != nil:
		return g, fmt.Errorf("reading a secret group: %w", err)
	}
	g.Made = moment(made)
	return g, nil
}

// keyPurpose is what the data key of a group is sealed for.
func keyPurpose(environment, group string) string {
	return "control/secrets/" + environment + "/" + group
}

func (s *Service) dataKey(environment string, g Group) (*secret.DataKey, error) {
	key, err := secret.UnwrapDataKey(s.o.Ring, keyPurpose(environment, g.Name), g.dataKey)
	if err != nil {
		return nil, fmt.Errorf("the data key of secret group %s: %w", g.Name, err)
	}
	return key, nil
}

// MakeGroup makes a group. Only Name, Note and Downloadable of g count.
func (s *Service) MakeGroup(ctx context.Context, p control.Principal, environment string, g Group) (Group, error) {
	if err := s.gate.Environment(ctx, p, access.ManageSecrets, environment); err != nil {
		return g, err
	}
	if !groupName.MatchString(g.Name) {
		return g, invalid("name", "must have 3 to 35 letters, digits, - and _, and begin with a letter or digit")
	}
	if err := checkText("note", g.Note); err != nil {
		return g, err
	}
	wrapped, err := secret.NewDataKey().Wrap(s.o.Ring, keyPurpose(environment, g.Name))
	if err != nil {
		return g, err
	}
	now := s.o.Now().UTC()
	g.Made, g.MadeBy, g.Version = now, p.Operator, 1
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO secrets_groups (environment, name, note, downloadable, data_key, made_at, made_by, version)
			VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (environment, name) DO NOTHING`,
			environment, g.Name, g.Note, g.Downloadable, wrapped, now.UnixMilli(), p.Operator)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: there is a secret group %s already", control.ErrConflict, g.Name)
		}
		e := control.Told(p, environment, audit.SecretGroupMade, "secret group "+g.Name)
		e.After = asJSON(map[string]any{"note": g.Note, "downloadable": g.Downloadable})
		return s.o.Audit.Record(ctx, tx, e)
	})
	return g, err
}

// ChangeGroup sets note and downloadable of a group whose version was seen.
func (s *Service) ChangeGroup(ctx context.Context, p control.Principal, environment string, g Group) (Group, error) {
	if err := s.gate.Environment(ctx, p, access.ManageSecrets, environment); err != nil {
		return g, err
	}
	if err := checkText("note", g.Note); err != nil {
		return g, err
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := s.group(ctx, tx.Reader, environment, g.Name)
		if err != nil {
			return err
		}
		if before.Version != g.Version {
			return control.ErrConflict
		}
		if err := control.Met(tx.Exec(ctx, "UPDATE secrets_groups SET note = ?, downloadable = ?, version = version + 1 WHERE environment = ? AND name = ? AND version = ?",
			g.Note, g.Downloadable, environment, g.Name, g.Version)); err != nil {
			return err
		}
		e := control.Told(p, environment, audit.SecretGroupChanged, "secret group "+g.Name)
		e.Before = asJSON(map[string]any{"note": before.Note, "downloadable": before.Downloadable})
		e.After = asJSON(map[string]any{"note": g.Note, "downloadable": g.Downloadable})
		return s.o.Audit.Record(ctx, tx, e)
	})
	g.Version++
	return g, err
}

// RemoveGroup removes an empty group.
func (s *Service) RemoveGroup(ctx context.Context, p control.Principal, environment, name string, version int64) error {
	if err := s.gate.Environment(ctx, p, access.ManageSecrets, environment); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := s.group(ctx, tx.Reader, environment, name)
		if err != nil {
			return err
		}
		if g.Version != version {
			return control.ErrConflict
		}
		var n int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM secrets_entries WHERE environment = ? AND group_name = ?", environment, name).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return invalid("", "the group holds %d secrets; remove them first", n)
		}
		asked, err := s.acmes(ctx, tx.Reader, environment, name)
		if err != nil {
			return err
		}
		if len(asked) > 0 {
			return invalid("", "%s is being obtained from an authority; end that first", asked[0].Name)
		}
		for _, table := range []string{"DELETE FROM secrets_grants WHERE environment = ? AND group_name = ?", "DELETE FROM secrets_groups WHERE environment = ? AND name = ?"} {
			if _, err := tx.Exec(ctx, table, environment, name); err != nil {
				return err
			}
		}
		return s.o.Audit.Record(ctx, tx, control.Told(p, environment, audit.SecretGroupRemoved, "secret group "+name))
	})
}
