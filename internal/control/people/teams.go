package people

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// Teams are all teams: for whom may view the organisation, else those that one
// maintains.
func (s *Service) Teams(ctx context.Context, p control.Principal) ([]access.Team, error) {
	teams, err := s.access.Teams(ctx)
	if err != nil {
		return nil, err
	}
	refusal := view(p)
	if refusal == nil {
		return teams, nil
	}
	mine, err := s.maintained(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(mine) == 0 {
		return nil, refusal
	}
	return slices.DeleteFunc(teams, func(t access.Team) bool { return !mine[t.ID] }), nil
}

// maintained are the teams that a principal maintains, and those in them.
func (s *Service) maintained(ctx context.Context, p control.Principal) (map[string]bool, error) {
	mine := map[string]bool{}
	if !p.Ready() || !personal(p) {
		return mine, nil
	}
	members, err := s.access.Members(ctx, "", p.Account)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.Maintainer {
			mine[m.Team] = true
		}
	}
	if len(mine) == 0 {
		return mine, nil
	}
	teams, err := s.access.Teams(ctx)
	if err != nil {
		return nil, err
	}
	for range teams { // as deep as they may lie
		grew := false
		for _, t := range teams {
			if mine[t.Parent] && !mine[t.ID] {
				mine[t.ID], grew = true, true
			}
		}
		if !grew {
			break
		}
	}
	return mine, nil
}

// TeamDetail is all about one team.
type TeamDetail struct {
	access.Team
	Members   []access.Member
	Grants    []Placed
	Inherited []Placed
	Maps      []access.GroupMap
	// Above are the teams that it lies in, the nearest first; Below those in it.
	Above, Below []access.Team
	// Maintains says that who asks may add and remove members, Manages that they may
	// change the rest, too.
	Maintains, Manages bool
}

// Team is all about one team.
func (s *Service) Team(ctx context.Context, p control.Principal, id string) (d TeamDetail, err error) {
	teams, err := s.Teams(ctx, p)
	if err != nil {
		return TeamDetail{}, err
	}
	i := slices.IndexFunc(teams, func(t access.Team) bool { return t.ID == id })
	if i < 0 {
		return TeamDetail{}, control.ErrNotFound
	}
	d.Team, d.Manages = teams[i], manage(p) == nil
	mine, err := s.maintained(ctx, p)
	if err != nil {
		return TeamDetail{}, err
	}
	d.Maintains = d.Manages || mine[id]
	if d.Members, err = s.access.Members(ctx, id, ""); err != nil {
		return TeamDetail{}, err
	}
	maps, err := s.access.GroupMaps(ctx, "")
	if err != nil {
		return TeamDetail{}, err
	}
	d.Maps = slices.DeleteFunc(maps, func(m access.GroupMap) bool { return m.Team != id })
	for at := d.Parent; at != "" && len(d.Above) < len(teams); {
		j := slices.IndexFunc(teams, func(t access.Team) bool { return t.ID == at })
		if j < 0 {
			break
		}
		d.Above = append(d.Above, teams[j])
		at = teams[j].Parent
	}
	for _, t := range teams {
		if t.Parent == id {
			d.Below = append(d.Below, t)
		}
	}
	all, err := s.placed(ctx)
	for _, g := range all {
		switch {
		case g.Team == id:
			d.Grants = append(d.Grants, g)
		case g.Team != "" && slices.ContainsFunc(d.Above, func(t access.Team) bool { return t.ID == g.Team }):
			d.Inherited = append(d.Inherited, g)
		}
	}
	return d, err
}

// holdsTeam refuses to let anybody into a team that brings more than the principal
// holds.
func (s *Service) holdsTeam(ctx context.Context, p control.Principal, team string) error {
	if team == "" {
		return nil
	}
	granted, err := s.access.TeamGrants(ctx, team)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(granted, func(g access.Grant) bool { return !p.Holds(g) }) {
		return fmt.Errorf("%w: the team brings things that you do not hold yourself", control.ErrForbidden)
	}
	return nil
}

// CreateTeam makes a team.
func (s *Service) CreateTeam(ctx context.Context, p control.Principal, t access.Team) (access.Team, error) {
	if err := manage(p); err != nil {
		return access.Team{}, err
	}
	t, err := s.access.CreateTeam(ctx, p.By(), t)
	return t, mend(err)
}

// UpdateTeam renames a team or puts it into another, whose grants then hold for its
// members.
func (s *Service) UpdateTeam(ctx context.Context, p control.Principal, t access.Team) (access.Team, error) {
	if err := manage(p); err != nil {
		return access.Team{}, err
	}
	for _, team := range []string{t.ID, t.Parent} {
		if err := s.holdsTeam(ctx, p, team); err != nil {
			return access.Team{}, err
		}
	}
	t, err := s.access.UpdateTeam(ctx, p.By(), t)
	return t, mend(err)
}

// DeleteTeam deletes a team with its memberships and grants.
func (s *Service) DeleteTeam(ctx context.Context, p control.Principal, id string, version int64) error {
	if err := manage(p); err != nil {
		return err
	}
	if err := s.holdsTeam(ctx, p, id); err != nil {
		return err
	}
	return mend(s.access.DeleteTeam(ctx, p.By(), id, version))
}

// member authorises a change of who is in a team: by who manages the organisation, or
// its maintainers; and never of oneself.
func (s *Service) member(ctx context.Context, p control.Principal, team, account string, maintainer bool) error {
	if refusal := manage(p); refusal != nil {
		mine, err := s.maintained(ctx, p)
		if err != nil {
			return err
		}
		switch {
		case !mine[team]:
			return refusal
		case maintainer:
			return fmt.Errorf("%w: maintainers are appointed by an administrator", control.ErrForbidden)
		}
		// Nor do maintainers put each other out.
		members, err := s.access.Members(ctx, team, account)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(members, func(m access.Member) bool { return m.Maintainer }) {
			return fmt.Errorf("%w: maintainers are appointed by an administrator", control.ErrForbidden)
		}
	}
	if account == p.Account {
		return fmt.Errorf("%w: nobody changes their own grants; somebody else must do this", control.ErrForbidden)
	}
	return s.holdsTeam(ctx, p, team)
}

// AddMember puts an account into a team, or changes whether it maintains it.
func (s *Service) AddMember(ctx context.Context, p control.Principal, team, account string, maintainer bool) error {
	if err := s.member(ctx, p, team, account, maintainer); err != nil {
		return err
	}
	return mend(s.access.AddMember(ctx, p.By(), team, account, maintainer))
}

// AddNamed puts the account of a name into a team.
func (s *Service) AddNamed(ctx context.Context, p control.Principal, team, name string, maintainer bool) error {
	a, err := s.access.AccountNamed(ctx, name)
	if errors.Is(err, access.ErrUnknown) {
		if err := s.member(ctx, p, team, "", maintainer); err != nil {
			return err
		}
		return fmt.Errorf("%w: there is no account %.128q", control.ErrInvalid, name)
	}
	if err != nil {
		return err
	}
	return s.AddMember(ctx, p, team, a.ID, maintainer)
}

// RemoveMember takes an account out of a team.
func (s *Service) RemoveMember(ctx context.Context, p control.Principal, team, account, source string) error {
	if err := s.member(ctx, p, team, account, false); err != nil {
		return err
	}
	return mend(s.access.RemoveMember(ctx, p.By(), team, account, source))
}

// MapGroup says that who is in a group of an identity provider is in a team.
func (s *Service) MapGroup(ctx context.Context, p control.Principal, m access.GroupMap) error {
	if err := s.mapping(ctx, p, m); err != nil {
		return err
	}
	if err := s.fresh(p); err != nil {
		return err
	}
	return mend(s.access.MapGroup(ctx, p.By(), m))
}

// UnmapGroup takes that back.
func (s *Service) UnmapGroup(ctx context.Context, p control.Principal, m access.GroupMap) error {
	if err := s.mapping(ctx, p, m); err != nil {
		return err
	}
	return mend(s.access.UnmapGroup(ctx, p.By(), m))
}

func (s *Service) mapping(ctx context.Context, p control.Principal, m access.GroupMap) error {
	if err := manage(p); err != nil {
		return err
	}
	return s.holdsTeam(ctx, p, m.Team)
}
