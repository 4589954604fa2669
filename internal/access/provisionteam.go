package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// maxProvisionedMembers bounds the members that one list of teams shows.
const maxProvisionedMembers = 50_000

// ProvisionedTeam is a team as the provider sees it that keeps it.
type ProvisionedTeam struct {
	Team
	// ExternalID is the provider's own id, unique within it; empty for none.
	ExternalID string `json:"externalId,omitempty"`
	// Created and Changed are when it was made and changed last.
	Created time.Time `json:"-"`
	Changed time.Time `json:"-"`
	// Members are those by the provider's word, by name.
	Members []Member `json:"-"`
}

const provisionedTeamColumns = "SELECT t.id, t.name, t.parent, t.external, t.version, t.external_id, t.created_at, t.changed_at"

func scanProvisionedTeam(scan func(...any) error) (t ProvisionedTeam, err error) {
	var created, changed int64
	err = scan(&t.ID, &t.Name, &t.Parent, &t.External, &t.Version, &t.ExternalID, &created, &changed)
	t.Created, t.Changed = moment(created), moment(max(created, changed))
	return t, err
}

// ProvisionedTeams are those that a provider keeps, by name, and how many there are in
// all. ErrInvalid says that they have more than 50,000 members together.
func (s *Service) ProvisionedTeams(ctx context.Context, provider string, q ProvisionedQuery) (list []ProvisionedTeam, total int, err error) {
	const where = " FROM access_teams t WHERE t.external = ? AND (? = '' OR t.id = ?) AND (? = '' OR lower(t.name) = lower(?)) AND (? = '' OR t.external_id = ?) " +
		"AND (? = '' OR EXISTS (SELECT 1 FROM access_members m WHERE m.team = t.id AND m.source = ? AND m.account = ?))"
	args := []any{provider, q.ID, q.ID, q.Name, q.Name, q.ExternalID, q.ExternalID, q.Member, provider, q.Member}
	r := s.db.Read()
	if err := r.QueryRow(ctx, "SELECT count(*)"+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("counting provisioned teams: %w", err)
	}
	args = append(args, min(max(q.Limit, 0), maxProvisioned), max(q.Offset, 0))
	list, err = collect(ctx, r, scanProvisionedTeam, provisionedTeamColumns+where+" ORDER BY t.name LIMIT ? OFFSET ?", args...)
	if err == nil && q.Members {
		err = readMembersOf(ctx, r, provider, list)
	}
	return list, total, wrap("listing provisioned teams", err)
}

// readMembersOf fills in the members of teams.
func readMembersOf(ctx context.Context, r store.Reader, provider string, list []ProvisionedTeam) error {
	if len(list) == 0 {
		return nil
	}
	at, args := map[string]int{}, []any{provider}
	for i := range list {
		at[list[i].ID] = i
		args = append(args, list[i].ID)
	}
	found, err := collect(ctx, r, func(scan func(...any) error) (m Member, err error) {
		return m, scan(&m.Team, &m.Account, &m.Name, &m.Source)
	}, "SELECT m.team, m.account, a.name, m.source FROM access_members m JOIN access_accounts a ON a.id = m.account "+
		"WHERE m.source = ? AND m.team IN ("+marks(len(list))+") ORDER BY a.name LIMIT ?", append(args, maxProvisionedMembers+1)...)
	if err != nil {
		return err
	}
	if len(found) > maxProvisionedMembers {
		return fmt.Errorf("%w: the teams have more than %d members together; ask for fewer teams, or without their members", ErrInvalid, maxProvisionedMembers)
	}
	for _, m := range found {
		list[at[m.Team]].Members = append(list[at[m.Team]].Members, m)
	}
	return nil
}

// readProvisionedTeam is one team of a provider.
func readProvisionedTeam(ctx context.Context, r store.Reader, provider, id string) (ProvisionedTeam, error) {
	t, err := scanProvisionedTeam(r.QueryRow(ctx, provisionedTeamColumns+" FROM access_teams t WHERE t.id = ? AND t.external = ?", id, provider).Scan)
	if err != nil {
		return ProvisionedTeam{}, missing(err)
	}
	one := []ProvisionedTeam{t}
	err = readMembersOf(ctx, r, provider, one)
	return one[0], err
}

func (t *ProvisionedTeam) tidy() (err error) {
	if t.Name, err = text("the name", t.Name, 1, 128); err != nil {
		return err
	}
	t.ExternalID, err = text("the external id", t.ExternalID, 0, 256)
	return err
}

// CreateProvisionedTeam makes a team that a provider keeps; it is granted nothing.
// ErrTaken says that there is one of that name, whoever made it, or of that external id.
func (s *Service) CreateProvisionedTeam(ctx context.Context, by By, provider string, t ProvisionedTeam) (ProvisionedTeam, error) {
	if err := checkProvider(provider); err != nil {
		return ProvisionedTeam{}, err
	}
	if err := t.tidy(); err != nil {
		return ProvisionedTeam{}, err
	}
	now := s.now()
	made := ProvisionedTeam{
		Team:       Team{ID: secret.NewID(), Name: t.Name, External: provider, Version: 1},
		ExternalID: t.ExternalID, Created: now, Changed: now,
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		if err := s.freeTeam(ctx, tx, made); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO access_teams (id, name, parent, created_at, version, external, external_id, changed_at) VALUES (?, ?, '', ?, 1, ?, ?, ?)",
			made.ID, made.Name, now.UnixMilli(), provider, made.ExternalID, now.UnixMilli()); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, by, ActionTeamCreated, "team "+made.Name, nil, made); err != nil {
			return err
		}
		if err := s.follows(ctx, tx, by, made, t.Members); err != nil {
			return err
		}
		var err error
		made, err = readProvisionedTeam(ctx, tx.Reader, provider, made.ID)
		return err
	})
	if err != nil {
		return ProvisionedTeam{}, fmt.Errorf("making a team: %w", err)
	}
	return made, nil
}

// freeTeam refuses, with ErrTaken, a name or an external id that another team has.
func (s *Service) freeTeam(ctx context.Context, tx *store.Tx, t ProvisionedTeam) error {
	var taken bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM access_teams WHERE lower(name) = lower(?) AND id <> ?)", t.Name, t.ID).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return ErrTaken
	}
	return externalFree(ctx, tx.Reader, "access_teams", t.External, t.ExternalID, t.ID)
}

// UpdateProvisionedTeam changes a team of a provider: name, external id, and the members
// by the provider's word, of whom the ids count. Those that people put there stay. Edit
// is given the team as it stands and says what it is to be; its error refuses. Where
// nothing changes, nothing is recorded.
func (s *Service) UpdateProvisionedTeam(ctx context.Context, by By, provider, id string, edit func(now ProvisionedTeam) (ProvisionedTeam, error)) (after ProvisionedTeam, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		before, err := readProvisionedTeam(ctx, tx.Reader, provider, id)
		if err != nil {
			return err
		}
		wanted, err := edit(before)
		if err != nil {
			return err
		}
		if err := wanted.tidy(); err != nil {
			return err
		}
		named := wanted.Name != before.Name || wanted.ExternalID != before.ExternalID
		if after = before; !named && sameMembers(before.Members, wanted.Members) {
			return nil
		}
		after.Name, after.ExternalID, after.Version, after.Changed = wanted.Name, wanted.ExternalID, before.Version+1, s.now()
		return s.keepAdmin(ctx, tx, func() error {
			if err := s.putProvisionedTeam(ctx, tx, by, before, after, named); err != nil {
				return err
			}
			if err := s.follows(ctx, tx, by, after, wanted.Members); err != nil {
				return err
			}
			after, err = readProvisionedTeam(ctx, tx.Reader, provider, id)
			return err
		})
	})
	if err != nil {
		return ProvisionedTeam{}, fmt.Errorf("changing a team: %w", err)
	}
	return after, nil
}

func (s *Service) putProvisionedTeam(ctx context.Context, tx *store.Tx, by By, before, after ProvisionedTeam, named bool) error {
	if err := forget(ctx, tx); err != nil {
		return err
	}
	if named {
		if err := s.freeTeam(ctx, tx, after); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "UPDATE access_teams SET name = ?, external_id = ?, version = ?, changed_at = ? WHERE id = ?",
		after.Name, after.ExternalID, after.Version, after.Changed.UnixMilli(), after.ID); err != nil || !named {
		return err
	}
	return s.tell(ctx, tx, by, ActionTeamChanged, "team "+after.Name, before, after)
}

// follows makes these accounts, and no others, members of a team by its provider's word.
func (s *Service) follows(ctx context.Context, tx *store.Tx, by By, t ProvisionedTeam, wanted []Member) error {
	meant := make(map[string]bool, len(wanted))
	for _, m := range wanted {
		meant[m.Account] = true
	}
	there := make(map[string]bool, len(t.Members))
	for _, m := range t.Members {
		if there[m.Account] = true; !meant[m.Account] {
			if err := s.leave(ctx, tx, by, t.ID, m.Account, t.External); err != nil {
				return err
			}
		}
	}
	for _, m := range wanted {
		if there[m.Account] {
			continue
		}
		there[m.Account] = true
		a, err := readAccount(ctx, tx.Reader, "id", m.Account)
		switch {
		case err != nil && !errors.Is(err, ErrUnknown):
			return err
		case err != nil || a.External != t.External || a.Kind != Person:
			return fmt.Errorf("%w: there is no user %.64q", ErrInvalid, m.Account)
		}
		if err := s.join(ctx, tx, by, t.ID, m.Account, t.External); err != nil {
			return err
		}
	}
	return nil
}

func sameMembers(a, b []Member) bool {
	ids := func(list []Member) (ids []string) {
		for _, m := range list {
			ids = append(ids, m.Account)
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	return slices.Equal(ids(a), ids(b))
}
