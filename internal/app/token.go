package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/secret"
)

// TokenOptions say what an API token is good for.
type TokenOptions struct {
	// Account is the service account; it is made when there is none of that name.
	Account string
	// Role is what the token may do, where Environment says, or everywhere.
	Role, Environment string
	// Days is how long it is good: 1 to 365.
	Days int
}

// Token makes an API token for a service account and prints it: the first one, for
// pipelines that are set up before anybody has signed in. Who owns the data folder
// may do that; it is audited as done by the system.
func Token(ctx context.Context, cfg Config, o TokenOptions, out io.Writer) error {
	role := access.Role(o.Role)
	if !slices.Contains(access.Roles(), role) {
		names := make([]string, 0, len(access.Roles()))
		for _, r := range access.Roles() {
			names = append(names, string(r))
		}
		return fmt.Errorf("there is no role %q; the roles are %s", o.Role, strings.Join(names, ", "))
	}
	if o.Days < 1 || o.Days > 365 {
		return fmt.Errorf("--days is %d; it must be between 1 and 365", o.Days)
	}
	db, err := existingControlDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	log, err := audit.Open(ctx, db, time.Now)
	if err != nil {
		return err
	}
	people, err := access.Open(ctx, db, secret.NewHasher(), auditor{log}, time.Now, access.WithEnvironment(cfg.Environment))
	if err != nil {
		return err
	}
	by := access.By{Operator: "system", Via: "data folder"}
	account, err := tokenAccount(ctx, people, by, o, role)
	if err != nil {
		return err
	}
	limits := slices.DeleteFunc(access.Permissions(), func(p access.Permission) bool { return !role.Allows(p) })
	made, token, err := people.CreateAPIToken(ctx, by, access.APIToken{
		Account: account.ID, Name: "made by farrier token " + time.Now().UTC().Format("2006-01-02"), Limits: limits,
		Expires: time.Now().AddDate(0, 0, o.Days),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", token)
	if err == nil {
		_, err = fmt.Fprintf(out, "# of the service account %s, role %s, until %s; it is not shown again\n", account.Name, role, made.Expires.UTC().Format("2006-01-02"))
	}
	return err
}

// tokenAccount is the service account that the token is for, with its role.
func tokenAccount(ctx context.Context, people *access.Service, by access.By, o TokenOptions, role access.Role) (access.Account, error) {
	account, err := people.AccountNamed(ctx, o.Account)
	if errors.Is(err, access.ErrUnknown) {
		account, err = people.CreateAccount(ctx, by, access.Account{Name: o.Account, Kind: access.ServiceAccount})
	}
	if err != nil {
		return access.Account{}, err
	}
	if account.Kind != access.ServiceAccount {
		return access.Account{}, fmt.Errorf("%s is a person's account; its tokens are made by that person, on the profile page", account.Name)
	}
	grant := access.KeptGrant{Account: account.ID, Role: role, Group: access.Root}
	if o.Environment != "" {
		at, err := people.ScopeOf(ctx, o.Environment)
		if err != nil {
			return access.Account{}, fmt.Errorf("environment %q: %w", o.Environment, err)
		}
		grant.Group, grant.Environment = at.Group[strings.LastIndex(at.Group, "/")+1:], o.Environment
	}
	if _, err := people.AddGrant(ctx, by, grant); err != nil && !errors.Is(err, access.ErrTaken) {
		return access.Account{}, err
	}
	return account, nil
}
