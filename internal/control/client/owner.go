package client

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// owner is the id of an owner that is written by its name, empty for none.
func (s *Service) owner(ctx context.Context, name string) (string, error) {
	if s.o.Owner == nil {
		return name, nil
	}
	id, err := s.o.Owner(ctx, name)
	if err != nil {
		return "", fmt.Errorf("looking for the owner %s: %w", name, err)
	}
	return id, nil
}

// self is the id under which a principal owns applications.
func self(p control.Principal) string { return accountPrefix + cmp.Or(p.Account, p.Operator) }

// owners are the ids under which a principal owns applications: their own, and those
// of their teams.
func (s *Service) owners(ctx context.Context, p control.Principal) ([]string, error) {
	ids := []string{self(p)}
	if s.o.Teams != nil {
		teams, err := s.o.Teams(ctx, strings.TrimPrefix(self(p), accountPrefix))
		if err != nil {
			return nil, fmt.Errorf("asking for the teams of %s: %w", p.Operator, err)
		}
		for _, team := range teams {
			ids = append(ids, teamPrefix+team)
		}
	}
	return ids, nil
}

// owns reports whether a principal, or a team of theirs, owns an application.
func (s *Service) owns(ctx context.Context, p control.Principal, id string) (bool, error) {
	owners, err := s.owners(ctx, p)
	if err != nil {
		return false, err
	}
	args := []any{id}
	for _, owner := range owners {
		args = append(args, owner)
	}
	var n int
	if err := s.o.DB.Read().QueryRow(ctx, `SELECT COUNT(*) FROM clients_owners WHERE application_id = ? AND who IN (?`+strings.Repeat(", ?", len(owners)-1)+`)`,
		args...).Scan(&n); err != nil {
		return false, fmt.Errorf("asking who owns the application: %w", err)
	}
	return n > 0, nil
}

// identify finds the ids of owners by what they are called.
func (s *Service) identify(ctx context.Context, p control.Principal, names []string) (map[string]string, error) {
	ids := map[string]string{}
	for _, name := range names {
		if _, known := ids[name]; known {
			continue
		}
		id, err := s.owner(ctx, name)
		if err != nil {
			return nil, err
		}
		ids[name] = id
	}
	ids[accountPrefix+p.Operator] = self(p)
	return ids, nil
}

// own gives an application its owners. One that it had stays who it was, whoever has
// the name now.
func (c *change) own(ctx context.Context, id string, owners []string) error {
	rows, err := c.Query(ctx, "SELECT owner, COALESCE(who, '') FROM clients_owners WHERE application_id = ?", id)
	if err != nil {
		return err
	}
	was := map[string]string{}
	if err := each(rows, func() error {
		var name, who string
		err := rows.Scan(&name, &who)
		was[name] = who
		return err
	}); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "DELETE FROM clients_owners WHERE application_id = ?", id); err != nil {
		return err
	}
	for _, owner := range owners {
		who, had := was[owner]
		if !had {
			who = c.who[owner]
		}
		if _, err := c.Exec(ctx, "INSERT INTO clients_owners (application_id, owner, who) VALUES (?, ?, ?)", id, owner, who); err != nil {
			return err
		}
	}
	return nil
}

// settleOwners gives applications from before ids were kept to the accounts and teams
// that have the names of their owners now, once; what belonged to one that is gone
// belongs to nobody.
func (s *Service) settleOwners(ctx context.Context) error {
	if s.o.Owner == nil {
		return nil
	}
	rows, err := s.o.DB.Read().Query(ctx, "SELECT DISTINCT owner FROM clients_owners WHERE who IS NULL")
	if err != nil {
		return err
	}
	names, err := texts(rows)
	if err != nil || len(names) == 0 {
		return err
	}
	ids := make(map[string]string, len(names))
	for _, name := range names {
		if ids[name], err = s.owner(ctx, name); err != nil {
			return err
		}
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for name, id := range ids {
			if _, err := tx.Exec(ctx, "UPDATE clients_owners SET who = ? WHERE owner = ? AND who IS NULL", id, name); err != nil {
				return err
			}
		}
		return nil
	})
}
