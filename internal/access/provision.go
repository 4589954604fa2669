package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// maxProvisioned bounds a page of accounts or teams of a provider.
const maxProvisioned = 1000

// Provisioned is a person's account as the provider sees it that keeps it.
type Provisioned struct {
	Account
	// ExternalID is the provider's own id, unique within it; empty for none.
	ExternalID string `json:"externalId,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
	// Changed is when it was changed last.
	Changed time.Time `json:"-"`
	// Teams are those of the provider that it is in, by its word.
	Teams []Team `json:"-"`
}

// ProvisionedQuery asks for accounts or teams of a provider by what they are equal to;
// empty fields ask for all.
type ProvisionedQuery struct {
	ID, Name, ExternalID string
	// Display and Email are for accounts; both count in whatever case.
	Display, Email string
	// Member is the id of an account, for teams.
	Member string
	// Offset is how many to leave out, Limit how many to give at most, 1000.
	Offset, Limit int
	// Members reads those of the teams.
	Members bool
}

const provisionedColumns = accountColumns + ", a.external_id, a.given_name, a.family_name, a.changed_at"

func scanProvisioned(scan func(...any) error) (p Provisioned, err error) {
	var changed int64
	p.Account, err = scanAccount(func(to ...any) error {
		return scan(append(to, &p.ExternalID, &p.GivenName, &p.FamilyName, &changed)...)
	})
	if p.Changed = moment(changed); changed == 0 {
		p.Changed = p.Created
	}
	return p, err
}

// ProvisionedAccounts are those that a provider keeps, by name, and how many there are
// in all.
func (s *Service) ProvisionedAccounts(ctx context.Context, provider string, q ProvisionedQuery) (list []Provisioned, total int, err error) {
	const where = " FROM access_accounts a WHERE a.external = ? AND a.kind = 'person' AND (? = '' OR a.id = ?) AND (? = '' OR a.name = ?) " +
		"AND (? = '' OR a.external_id = ?) AND (? = '' OR lower(a.display) = lower(?)) AND (? = '' OR lower(a.email) = lower(?))"
	name := strings.ToLower(q.Name)
	args := []any{provider, q.ID, q.ID, name, name, q.ExternalID, q.ExternalID, q.Display, q.Display, q.Email, q.Email}
	r := s.db.Read()
	if err := r.QueryRow(ctx, "SELECT count(*)"+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("counting provisioned accounts: %w", err)
	}
	args = append(args, min(max(q.Limit, 0), maxProvisioned), max(q.Offset, 0))
	list, err = collect(ctx, r, scanProvisioned, "SELECT "+provisionedColumns+where+" ORDER BY a.name LIMIT ? OFFSET ?", args...)
	if err != nil {
		return nil, 0, fmt.Errorf("listing provisioned accounts: %w", err)
	}
	return list, total, wrap("listing provisioned accounts", readTeamsOf(ctx, r, provider, list))
}

// readTeamsOf fills in the teams of accounts.
func readTeamsOf(ctx context.Context, r store.Reader, provider string, list []Provisioned) error {
	if len(list) == 0 {
		return nil
	}
	at, args := map[string]int{}, []any{provider, provider}
	for i := range list {
		at[list[i].ID] = i
		args = append(args, list[i].ID)
	}
	_, err := collect(ctx, r, func(scan func(...any) error) (t Team, err error) {
		var account string
		if err := scan(&account, &t.ID, &t.Name, &t.Parent, &t.External, &t.Version); err != nil {
			return t, err
		}
		list[at[account]].Teams = append(list[at[account]].Teams, t)
		return t, nil
	}, "SELECT m.account, t.id, t.name, t.parent, t.external, t.version FROM access_members m JOIN access_teams t ON t.id = m.team "+
		"WHERE m.source = ? AND t.external = ? AND m.account IN ("+marks(len(list))+") ORDER BY t.name", args...)
	return err
}

// marks are so many parameters.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// readProvisioned is one account of a provider.
func readProvisioned(ctx context.Context, r store.Reader, provider, id string) (Provisioned, error) {
	p, err := scanProvisioned(r.QueryRow(ctx, "SELECT "+provisionedColumns+" FROM access_accounts a WHERE a.id = ? AND a.external = ? AND a.kind = 'person'", id, provider).Scan)
	if err != nil {
		return Provisioned{}, missing(err)
	}
	one := []Provisioned{p}
	err = readTeamsOf(ctx, r, provider, one)
	return one[0], err
}

func (p *Provisioned) tidy() (err error) {
	if err := p.check(); err != nil {
		return err
	}
	for what, field := range map[string]*string{"the external id": &p.ExternalID, "the given name": &p.GivenName, "the family name": &p.FamilyName} {
		if *field, err = text(what, *field, 0, 256); err != nil {
			return err
		}
	}
	return nil
}

// checkProvider refuses what is no provider that keeps accounts.
func checkProvider(provider string) error {
	if !strings.HasPrefix(provider, scimPrefix) {
		return fmt.Errorf("%w: %.40q keeps no accounts", ErrInvalid, provider)
	}
	return External{Provider: provider, Subject: "x"}.check()
}

// CreateProvisioned makes an account that a provider keeps. Nobody can sign in to it but
// by that provider, until an administrator invites its owner. ErrTaken says that there is
// one of that name, whoever made it, or of that external id.
func (s *Service) CreateProvisioned(ctx context.Context, by By, provider string, p Provisioned) (Provisioned, error) {
	if err := checkProvider(provider); err != nil {
		return Provisioned{}, err
	}
	p.Kind, p.External, p.Teams = Person, provider, nil
	if err := p.tidy(); err != nil {
		return Provisioned{}, err
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		if err := externalFree(ctx, tx.Reader, "access_accounts", provider, p.ExternalID, ""); err != nil {
			return err
		}
		if err := s.putAccount(ctx, tx, by, &p.Account); err != nil {
			return err
		}
		p.Changed = p.Created
		if _, err := tx.Exec(ctx, "UPDATE access_accounts SET external_id = ?, given_name = ?, family_name = ?, changed_at = ? WHERE id = ?",
			p.ExternalID, p.GivenName, p.FamilyName, p.Changed.UnixMilli(), p.ID); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionAccountCreated, "account "+p.Name, nil, p)
	})
	if err != nil {
		return Provisioned{}, fmt.Errorf("making an account: %w", err)
	}
	return p, nil
}

// externalFree refuses, with ErrTaken, an external id that another of a provider's has.
func externalFree(ctx context.Context, r store.Reader, table, provider, externalID, id string) error {
	var taken bool
	err := r.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+" WHERE external = ? AND external_id = ? AND external_id <> '' AND id <> ?)",
		provider, externalID, id).Scan(&taken)
	if err == nil && taken {
		err = ErrTaken
	}
	return err
}

// UpdateProvisioned changes an account of a provider: names, address, external id, and
// whether it is disabled, which ends its sessions. Edit is given the account as it stands
// and says what it is to be; its error refuses. Where nothing changes, nothing is
// recorded.
func (s *Service) UpdateProvisioned(ctx context.Context, by By, provider, id string, edit func(now Provisioned) (Provisioned, error)) (after Provisioned, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		before, err := readProvisioned(ctx, tx.Reader, provider, id)
		if err != nil {
			return err
		}
		wanted, err := edit(before)
		if err != nil {
			return err
		}
		after = before
		after.Display, after.Email, after.Disabled = wanted.Display, wanted.Email, wanted.Disabled
		after.ExternalID, after.GivenName, after.FamilyName = wanted.ExternalID, wanted.GivenName, wanted.FamilyName
		if err := after.tidy(); err != nil {
			return err
		}
		if sameProvisioned(before, after) {
			return nil
		}
		if err := externalFree(ctx, tx.Reader, "access_accounts", provider, after.ExternalID, id); err != nil {
			return err
		}
		after.Version, after.Changed = before.Version+1, s.now()
		return s.keepAdmin(ctx, tx, func() error { return s.putProvisioned(ctx, tx, by, before, after) })
	})
	if err != nil {
		return Provisioned{}, fmt.Errorf("changing an account: %w", err)
	}
	return after, nil
}

func sameProvisioned(a, b Provisioned) bool {
	return a.Account == b.Account && a.ExternalID == b.ExternalID && a.GivenName == b.GivenName && a.FamilyName == b.FamilyName
}

func (s *Service) putProvisioned(ctx context.Context, tx *store.Tx, by By, before, after Provisioned) error {
	if err := forget(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE access_accounts SET display = ?, email = ?, disabled = ?, external_id = ?, given_name = ?, family_name = ?, changed_at = ?, version = ? WHERE id = ?",
		after.Display, after.Email, after.Disabled, after.ExternalID, after.GivenName, after.FamilyName, after.Changed.UnixMilli(), after.Version, after.ID); err != nil {
		return err
	}
	if after.Disabled {
		if err := endAll(ctx, tx, after.ID); err != nil {
			return err
		}
	}
	return s.tell(ctx, tx, by, ActionAccountChanged, "account "+after.Name, before, after)
}

// expected finds the account that a provider made by SCIM for somebody who now comes to
// sign in: by the id that both protocols know, else by name, else by e-mail address.
// One that somebody else signs in to already is nobody's. ErrUnknown says that there is
// none.
func expected(ctx context.Context, tx *store.Tx, e External) (Account, error) {
	_, name, _ := strings.Cut(e.Provider, ":")
	for _, by := range []struct{ column, value string }{
		{"a.external_id", e.Subject}, {"a.name", strings.ToLower(e.Name)}, {"lower(a.email)", strings.ToLower(e.Email)},
	} {
		if by.value == "" {
			continue
		}
		found, err := collect(ctx, tx.Reader, scanAccount, "SELECT "+accountColumns+" FROM access_accounts a WHERE a.external = ? AND a.kind = 'person' AND "+by.column+" = ? "+
			"AND NOT EXISTS (SELECT 1 FROM access_identities i WHERE i.account = a.id AND i.provider = ?) LIMIT 2", scimPrefix+name, by.value, e.Provider)
		if err != nil {
			return Account{}, err
		}
		if len(found) == 1 { // two of one address are nobody's
			return found[0], nil
		}
	}
	return Account{}, ErrUnknown
}
