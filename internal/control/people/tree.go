package people

import (
	"context"
	"errors"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// Branch is a business group with what lies right in it.
type Branch struct {
	access.Group
	// Depth is how far it lies below the top.
	Depth        int
	Environments []access.Environment
	// Manages says that who asks may change it.
	Manages bool
}

// Tree is what of the business groups and environments a principal may know of, each
// group after the one it lies in.
func (s *Service) Tree(ctx context.Context, p control.Principal) ([]Branch, error) {
	if !p.Ready() {
		return nil, control.ErrForbidden
	}
	groups, err := s.access.Groups(ctx)
	if err != nil {
		return nil, err
	}
	environments, err := s.access.Environments(ctx)
	if err != nil {
		return nil, err
	}
	var list []Branch
	for _, g := range groups {
		at := access.Scope{Group: g.Path}
		b := Branch{Group: g, Depth: strings.Count(g.Path, "/"), Manages: p.May(access.ManageAccess, at)}
		for _, e := range environments {
			if e.Group == g.ID && p.Sees(access.Scope{Group: g.Path, Environment: e.ID}) {
				b.Environments = append(b.Environments, e)
			}
		}
		slices.SortFunc(b.Environments, func(a, b access.Environment) int { return strings.Compare(a.ID, b.ID) })
		if p.Sees(at) || len(b.Environments) > 0 {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		return nil, control.ErrNotFound
	}
	return list, nil
}

// seeGroup authorises a look at who may do what in a business group.
func (s *Service) seeGroup(ctx context.Context, p control.Principal, group string) error {
	gate := control.Gate{Tree: s.access}
	if gate.Group(ctx, p, access.ManageAccess, group) == nil {
		return nil
	}
	return gate.Group(ctx, p, access.ViewAccess, group)
}

func (s *Service) manageGroup(ctx context.Context, p control.Principal, group string) error {
	return control.Gate{Tree: s.access}.Group(ctx, p, access.ManageAccess, group)
}

// CreateGroup makes a business group in another.
func (s *Service) CreateGroup(ctx context.Context, p control.Principal, g access.Group) (access.Group, error) {
	if err := s.manageGroup(ctx, p, g.Parent); err != nil {
		return access.Group{}, err
	}
	g, err := s.access.CreateGroup(ctx, p.By(), g)
	return g, mend(err)
}

// UpdateGroup renames a business group, or moves it with all that lies in it.
func (s *Service) UpdateGroup(ctx context.Context, p control.Principal, g access.Group) (access.Group, error) {
	if err := s.manageGroup(ctx, p, g.ID); err != nil {
		return access.Group{}, err
	}
	if g.ID != access.Root {
		if err := s.moving(ctx, p, g); err != nil {
			return access.Group{}, err
		}
	}
	g, err := s.access.UpdateGroup(ctx, p.By(), g)
	return g, mend(err)
}

// moving authorises a new place: whoever is granted something there gets it here too,
// so that it must be managed both where the group was and where it goes.
func (s *Service) moving(ctx context.Context, p control.Principal, g access.Group) error {
	groups, err := s.access.Groups(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(groups, func(one access.Group) bool { return one.ID == g.ID })
	if i < 0 {
		return control.ErrNotFound
	}
	if groups[i].Parent == g.Parent {
		return nil
	}
	if err := s.manageGroup(ctx, p, groups[i].Parent); err != nil {
		return err
	}
	return s.manageGroup(ctx, p, g.Parent)
}

// DeleteGroup deletes an empty business group.
func (s *Service) DeleteGroup(ctx context.Context, p control.Principal, id string, version int64) error {
	if err := s.manageGroup(ctx, p, id); err != nil {
		return err
	}
	return mend(s.access.DeleteGroup(ctx, p.By(), id, version))
}

// CreateEnvironment makes an environment in a business group.
func (s *Service) CreateEnvironment(ctx context.Context, p control.Principal, e access.Environment) (access.Environment, error) {
	if err := s.manageGroup(ctx, p, e.Group); err != nil {
		return access.Environment{}, err
	}
	e, err := s.access.CreateEnvironment(ctx, p.By(), e)
	return e, mend(err)
}

// UpdateEnvironment changes an environment, or moves it to another business group.
func (s *Service) UpdateEnvironment(ctx context.Context, p control.Principal, e access.Environment) (access.Environment, error) {
	if err := s.manageEnvironment(ctx, p, e.ID); err != nil {
		return access.Environment{}, err
	}
	if err := s.manageGroup(ctx, p, e.Group); err != nil {
		return access.Environment{}, err
	}
	e, err := s.access.UpdateEnvironment(ctx, p.By(), e)
	return e, mend(err)
}

// manageEnvironment authorises a change of an environment by who manages its group.
func (s *Service) manageEnvironment(ctx context.Context, p control.Principal, id string) error {
	at, err := s.access.ScopeOf(ctx, id)
	if errors.Is(err, access.ErrUnknown) {
		return control.ErrNotFound
	}
	if err != nil {
		return err
	}
	if !p.Sees(at) {
		return control.ErrNotFound
	}
	return control.Authorise(p, access.ManageAccess, access.Scope{Group: at.Group})
}

// DeleteEnvironment deletes an environment with the grants in it.
func (s *Service) DeleteEnvironment(ctx context.Context, p control.Principal, id string, version int64) error {
	if err := s.manageEnvironment(ctx, p, id); err != nil {
		return err
	}
	if err := s.fresh(p); err != nil {
		return err
	}
	return mend(s.access.DeleteEnvironment(ctx, p.By(), id, version))
}
