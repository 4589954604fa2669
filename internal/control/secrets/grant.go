package secrets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// account is the id of an account by its name, empty for none.
func (s *Service) account(ctx context.Context, name string) (string, error) {
	if s.o.Account == nil {
		return name, nil
	}
	id, err := s.o.Account(ctx, name)
	if err != nil {
		return "", fmt.Errorf("looking for the account %q: %w", name, err)
	}
	return id, nil
}

// who is the id by which a principal holds grants.
func who(p control.Principal) string { return cmp.Or(p.Account, p.Operator) }

// settleGrants gives the grants from before ids were kept to the accounts that have
// their names now, once; those of accounts that are gone belong to nobody.
func (s *Service) settleGrants(ctx context.Context) error {
	if s.o.Account == nil {
		return nil
	}
	names, err := texts(ctx, s.o.DB.Read(), "SELECT DISTINCT account FROM secrets_grants WHERE who IS NULL")
	if err != nil || len(names) == 0 {
		return err
	}
	ids := make(map[string]string, len(names))
	for _, name := range names {
		if ids[name], err = s.account(ctx, name); err != nil {
			return err
		}
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for name, id := range ids {
			if _, err := tx.Exec(ctx, "UPDATE secrets_grants SET who = ? WHERE account = ? AND who IS NULL", id, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func texts(ctx context.Context, r store.Reader, query string, args ...any) (all []string, err error) {
	rows, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// allowed authorises something in one group: by what the principal may do in the
// environment, or by a grant on the group.
func (s *Service) allowed(ctx context.Context, p control.Principal, what access.Permission, environment, group string) error {
	err := s.gate.Environment(ctx, p, what, environment)
	if err == nil || group == "" || !grantable(p, what, err) {
		return err
	}
	granted, scan := s.granted(ctx, p, what, environment)
	if scan != nil {
		return scan
	}
	if !slices.Contains(granted, group) {
		return err
	}
	return nil
}

// grantable reports whether a grant may let a principal do what was refused.
func grantable(p control.Principal, what access.Permission, refused error) bool {
	return (what == access.ViewSecrets || what == access.WriteSecrets) && p.Ready() &&
		(errors.Is(refused, control.ErrForbidden) || errors.Is(refused, control.ErrNotFound)) &&
		(p.Limits == nil || slices.Contains(p.Limits, what))
}

// granted are the groups on which a principal has a grant that allows something.
func (s *Service) granted(ctx context.Context, p control.Principal, what access.Permission, environment string) ([]string, error) {
	groups, err := texts(ctx, s.o.DB.Read(), "SELECT group_name FROM secrets_grants WHERE environment = ? AND who = ? AND permission IN (?, ?)",
		environment, who(p), string(what), string(access.WriteSecrets))
	if err != nil {
		return nil, fmt.Errorf("looking for a grant: %w", err)
	}
	return groups, nil
}

// MayUse tells of which groups a principal may use the secrets in what they write: it
// takes ViewSecrets in the environment, or a grant on the group. It does not tell
// whether there is such a group.
func (s *Service) MayUse(ctx context.Context, p control.Principal, environment string) (func(group string) bool, error) {
	err := s.gate.Environment(ctx, p, access.ViewSecrets, environment)
	switch {
	case err == nil:
		return func(string) bool { return true }, nil
	case grantable(p, access.ViewSecrets, err):
		groups, err := s.granted(ctx, p, access.ViewSecrets, environment)
		return func(group string) bool { return slices.Contains(groups, group) }, err
	case errors.Is(err, control.ErrForbidden) || errors.Is(err, control.ErrNotFound):
		return func(string) bool { return false }, nil
	}
	return nil, err
}

// GroupGrant lets one account see or write the secrets of one group.
type GroupGrant struct {
	// Account is its name.
	Account    string            `json:"account"`
	Permission access.Permission `json:"permission"`
	Made       time.Time         `json:"made"`
	MadeBy     string            `json:"madeBy"`

	who string
}

// Grants lists who may use a group beyond those who may use all of the environment.
func (s *Service) Grants(ctx context.Context, p control.Principal, environment, group string) ([]GroupGrant, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, group); err != nil {
		return nil, err
	}
	all, err := s.grants(ctx, environment, group)
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, one := range all {
		id, err := s.account(ctx, one.Account)
		if err != nil {
			return nil, err
		}
		if id != "" && id == one.who { // else its account is gone, and the grant with it
			kept = append(kept, one)
		}
	}
	return kept, nil
}

func (s *Service) grants(ctx context.Context, environment, group string) (all []GroupGrant, err error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT account, permission, made_at, made_by, who FROM secrets_grants WHERE environment = ? AND group_name = ? AND who <> '' ORDER BY account, permission", environment, group)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var g GroupGrant
		var made int64
		if err := rows.Scan(&g.Account, &g.Permission, &made, &g.MadeBy, &g.who); err != nil {
			return nil, err
		}
		g.Made = moment(made)
		all = append(all, g)
	}
	return all, rows.Err()
}

// Grant lets an account, by its name, see (ViewSecrets) or also write (WriteSecrets) the
// secrets of a group; on false it may no more.
func (s *Service) Grant(ctx context.Context, p control.Principal, environment, group, account string, permission access.Permission, on bool) error {
	if err := s.gate.Environment(ctx, p, access.GrantSecrets, environment); err != nil {
		return err
	}
	if permission != access.ViewSecrets && permission != access.WriteSecrets {
		return invalid("permission", "must be %s or %s", access.ViewSecrets, access.WriteSecrets)
	}
	if account == "" || len(account) > 200 {
		return invalid("account", "must name an account")
	}
	id, err := s.account(ctx, account)
	if err != nil {
		return err
	}
	if on && id == "" {
		return invalid("account", "there is no account of this name")
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.group(ctx, tx.Reader, environment, group); err != nil {
			return err
		}
		var err error
		action := audit.SecretGranted
		if on {
			// A row of an account that had the name before is taken over.
			_, err = tx.Exec(ctx, `INSERT INTO secrets_grants (environment, group_name, account, permission, made_at, made_by, who) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (environment, group_name, account, permission) DO UPDATE SET made_at = excluded.made_at, made_by = excluded.made_by, who = excluded.who`,
				environment, group, account, string(permission), s.o.Now().UnixMilli(), p.Operator, id)
		} else {
			action = audit.SecretGrantEnded
			_, err = tx.Exec(ctx, "DELETE FROM secrets_grants WHERE environment = ? AND group_name = ? AND account = ? AND permission = ?", environment, group, account, string(permission))
		}
		if err != nil {
			return err
		}
		e := control.Told(p, environment, action, "secret group "+group)
		e.Detail = map[string]string{"account": account, "permission": string(permission)}
		return s.o.Audit.Record(ctx, tx, e)
	})
}
