package access

import (
	"context"
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Team is people who are granted things together. What is granted to a team holds for
// the teams in it, too.
type Team struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
	// External is the provider that made it and keeps it; empty when made here.
	External string `json:"external,omitempty"`
	Version  int64  `json:"version"`
}

// Member is an account in a team.
type Member struct {
	Team    string `json:"team"`
	Account string `json:"account"`
	Name    string `json:"name"`
	// Source is the provider that says so; empty when it was said here.
	Source string `json:"source,omitempty"`
	// Maintainer may add and remove members.
	Maintainer bool `json:"maintainer"`
}

// GroupMap says that who is in a group of a provider is in a team.
type GroupMap struct {
	Provider string `json:"provider"`
	Group    string `json:"group"`
	Team     string `json:"team"`
}

// Teams are all teams by name.
func (s *Service) Teams(ctx context.Context) ([]Team, error) {
	list, err := readTeams(ctx, s.db.Read())
	return list, wrap("listing teams", err)
}

func readTeams(ctx context.Context, r store.Reader) ([]Team, error) {
	return collect(ctx, r, func(scan func(...any) error) (t Team, err error) {
		return t, scan(&t.ID, &t.Name, &t.Parent, &t.External, &t.Version)
	}, "SELECT id, name, parent, external, version FROM access_teams ORDER BY name")
}

func readParents(ctx context.Context, r store.Reader) (map[string]string, error) {
	list, err := readTeams(ctx, r)
	parents := make(map[string]string, len(list))
	for _, t := range list {
		parents[t.ID] = t.Parent
	}
	return parents, err
}

func readMemberships(ctx context.Context, r store.Reader, account string) ([]string, error) {
	return collect(ctx, r, func(scan func(...any) error) (team string, err error) {
		return team, scan(&team)
	}, "SELECT DISTINCT team FROM access_members WHERE account = ?", account)
}

// Members are those of a team, or, with an account, the memberships of that account;
// an empty argument asks for all.
func (s *Service) Members(ctx context.Context, team, account string) ([]Member, error) {
	list, err := collect(ctx, s.db.Read(), func(scan func(...any) error) (m Member, err error) {
		return m, scan(&m.Team, &m.Account, &m.Name, &m.Source, &m.Maintainer)
	}, "SELECT m.team, m.account, a.name, m.source, m.maintainer FROM access_members m JOIN access_accounts a ON a.id = m.account "+
		"WHERE (? = '' OR m.team = ?) AND (? = '' OR m.account = ?) ORDER BY a.name, m.team, m.source", team, team, account, account)
	return list, wrap("listing members", err)
}

// place refuses a team in itself, too deep, or in one that is none.
func placeTeam(list []Team, t Team) error {
	parents := map[string]string{}
	for _, one := range list {
		if one.Name == t.Name && one.ID != t.ID {
			return ErrTaken
		}
		parents[one.ID] = one.Parent
	}
	if t.Parent == "" {
		return nil
	}
	if _, ok := parents[t.Parent]; !ok {
		return ErrUnknown
	}
	parents[t.ID] = t.Parent
	for _, one := range append(list, t) {
		depth := 1
		for at := one.ID; parents[at] != ""; at = parents[at] {
			if depth++; depth > maxTeamDepth {
				return fmt.Errorf("%w: teams may lie at most %d deep, and none in itself", ErrInvalid, maxTeamDepth)
			}
		}
	}
	return nil
}

// CreateTeam makes a team without members.
func (s *Service) CreateTeam(ctx context.Context, by By, t Team) (Team, error) {
	name, err := text("the name", t.Name, 1, 128)
	if err != nil {
		return Team{}, err
	}
	made := Team{ID: secret.NewID(), Name: name, Parent: t.Parent, Version: 1}
	err = s.change(ctx, func(tx *store.Tx) error {
		list, err := readTeams(ctx, tx.Reader)
		if err != nil {
			return err
		}
		if err := placeTeam(list, made); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO access_teams (id, name, parent, created_at, version) VALUES (?, ?, ?, ?, 1)",
			made.ID, made.Name, made.Parent, s.now().UnixMilli()); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionTeamCreated, "team "+made.Name, nil, made)
	})
	if err != nil {
		return Team{}, fmt.Errorf("making a team: %w", err)
	}
	return made, nil
}

// UpdateTeam renames a team or puts it into another.
func (s *Service) UpdateTeam(ctx context.Context, by By, t Team) (Team, error) {
	name, err := text("the name", t.Name, 1, 128)
	if err != nil {
		return Team{}, err
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		list, err := readTeams(ctx, tx.Reader)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(one Team) bool { return one.ID == t.ID })
		if i < 0 {
			return ErrUnknown
		}
		before := list[i]
		if before.Version != t.Version {
			return ErrVersion
		}
		t.Name, t.External, t.Version = name, before.External, before.Version+1
		list[i] = t
		if err := placeTeam(list, t); err != nil {
			return err
		}
		return s.keepAdmin(ctx, tx, func() error {
			if _, err := tx.Exec(ctx, "UPDATE access_teams SET name = ?, parent = ?, version = ?, changed_at = ? WHERE id = ?",
				t.Name, t.Parent, t.Version, s.now().UnixMilli(), t.ID); err != nil {
				return err
			}
			return s.tell(ctx, tx, by, ActionTeamChanged, "team "+t.Name, before, t)
		})
	})
	if err != nil {
		return Team{}, fmt.Errorf("changing a team: %w", err)
	}
	return t, nil
}

// DeleteTeam deletes a team with its memberships and grants; ErrNotEmpty when other
// teams lie in it.
func (s *Service) DeleteTeam(ctx context.Context, by By, id string, version int64) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		list, err := readTeams(ctx, tx.Reader)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(one Team) bool { return one.ID == id })
		switch {
		case i < 0:
			return ErrUnknown
		case list[i].Version != version:
			return ErrVersion
		case slices.ContainsFunc(list, func(one Team) bool { return one.Parent == id }):
			return ErrNotEmpty
		}
		return s.keepAdmin(ctx, tx, func() error {
			if _, err := tx.Exec(ctx, "DELETE FROM access_teams WHERE id = ?", id); err != nil {
				return err
			}
			return s.tell(ctx, tx, by, ActionTeamDeleted, "team "+list[i].Name, list[i], nil)
		})
	})
	return wrap("deleting a team", err)
}

// readTeam is one team by its id.
func readTeam(ctx context.Context, r store.Reader, id string) (t Team, err error) {
	err = r.QueryRow(ctx, "SELECT id, name, parent, external, version FROM access_teams WHERE id = ?", id).Scan(&t.ID, &t.Name, &t.Parent, &t.External, &t.Version)
	return t, missing(err)
}

// AddMember puts an account into a team, or changes whether it maintains it.
func (s *Service) AddMember(ctx context.Context, by By, team, account string, maintainer bool) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTeam(ctx, tx.Reader, team)
		if err != nil {
			return err
		}
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO access_members (team, account, source, maintainer) VALUES (?, ?, '', ?) "+
			"ON CONFLICT (team, account, source) DO UPDATE SET maintainer = excluded.maintainer", team, account, maintainer); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionMemberAdded, "team "+t.Name, nil, Member{Team: team, Account: account, Name: a.Name, Maintainer: maintainer})
	})
	return wrap("adding a member", err)
}

// RemoveMember takes an account out of a team, as far as it was put there by a source:
// empty for people, else a provider. A provider puts it back at the next sign-in.
func (s *Service) RemoveMember(ctx context.Context, by By, team, account, source string) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTeam(ctx, tx.Reader, team)
		if err != nil {
			return err
		}
		a, err := readAccount(ctx, tx.Reader, "id", account)
		if err != nil {
			return err
		}
		return s.keepAdmin(ctx, tx, func() error {
			n, err := tx.Exec(ctx, "DELETE FROM access_members WHERE team = ? AND account = ? AND source = ?", team, account, source)
			if err != nil {
				return err
			}
			if n == 0 {
				return ErrUnknown
			}
			return s.tell(ctx, tx, by, ActionMemberRemoved, "team "+t.Name, Member{Team: team, Account: account, Name: a.Name, Source: source}, nil)
		})
	})
	return wrap("removing a member", err)
}

// SetMembers makes accounts the members of a team as far as a provider says so; what
// others said stays.
func (s *Service) SetMembers(ctx context.Context, by By, team, source string, accounts []string) error {
	if source == "" {
		return fmt.Errorf("%w: setting members is for providers", ErrInvalid)
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		if _, err := readTeam(ctx, tx.Reader, team); err != nil {
			return err
		}
		now, err := collect(ctx, tx.Reader, func(scan func(...any) error) (id string, err error) { return id, scan(&id) },
			"SELECT account FROM access_members WHERE team = ? AND source = ?", team, source)
		if err != nil {
			return err
		}
		for _, account := range accounts {
			if !slices.Contains(now, account) {
				if err := s.join(ctx, tx, by, team, account, source); err != nil {
					return err
				}
			}
		}
		for _, account := range now {
			if !slices.Contains(accounts, account) {
				if err := s.leave(ctx, tx, by, team, account, source); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return wrap("setting members", err)
}

func (s *Service) join(ctx context.Context, tx *store.Tx, by By, team, account, source string) error {
	t, err := readTeam(ctx, tx.Reader, team)
	if err != nil {
		return err
	}
	a, err := readAccount(ctx, tx.Reader, "id", account)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO access_members (team, account, source, maintainer) VALUES (?, ?, ?, ?) ON CONFLICT (team, account, source) DO NOTHING",
		team, account, source, false); err != nil {
		return err
	}
	return s.tell(ctx, tx, by, ActionMemberAdded, "team "+t.Name, nil, Member{Team: team, Account: account, Name: a.Name, Source: source})
}

func (s *Service) leave(ctx context.Context, tx *store.Tx, by By, team, account, source string) error {
	t, err := readTeam(ctx, tx.Reader, team)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM access_members WHERE team = ? AND account = ? AND source = ?", team, account, source); err != nil {
		return err
	}
	return s.tell(ctx, tx, by, ActionMemberRemoved, "team "+t.Name, Member{Team: team, Account: account, Source: source}, nil)
}

// GroupMaps are the groups of a provider, or of all when it is empty, with their teams.
func (s *Service) GroupMaps(ctx context.Context, provider string) ([]GroupMap, error) {
	list, err := collect(ctx, s.db.Read(), func(scan func(...any) error) (m GroupMap, err error) {
		return m, scan(&m.Provider, &m.Group, &m.Team)
	}, "SELECT provider, name, team FROM access_group_maps WHERE (? = '' OR provider = ?) ORDER BY provider, name, team", provider, provider)
	return list, wrap("listing mapped groups", err)
}

// MapGroup says that who is in a group of a provider is in a team, from their next
// sign-in on.
func (s *Service) MapGroup(ctx context.Context, by By, m GroupMap) error {
	provider, err := text("the provider", m.Provider, 1, 128)
	if err != nil {
		return err
	}
	group, err := text("the group", m.Group, 1, 256)
	if err != nil {
		return err
	}
	m.Provider, m.Group = provider, group
	err = s.change(ctx, func(tx *store.Tx) error {
		t, err := readTeam(ctx, tx.Reader, m.Team)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO access_group_maps (provider, name, team) VALUES (?, ?, ?) ON CONFLICT (provider, name, team) DO NOTHING",
			m.Provider, m.Group, m.Team); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionGroupMapped, "team "+t.Name, nil, m)
	})
	return wrap("mapping a group", err)
}

// UnmapGroup takes a mapping back, with the memberships that only came from it once
// each account signs in again.
func (s *Service) UnmapGroup(ctx context.Context, by By, m GroupMap) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTeam(ctx, tx.Reader, m.Team)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "DELETE FROM access_group_maps WHERE provider = ? AND name = ? AND team = ?", m.Provider, m.Group, m.Team)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrUnknown
		}
		return s.tell(ctx, tx, by, ActionGroupUnmapped, "team "+t.Name, m, nil)
	})
	return wrap("unmapping a group", err)
}
