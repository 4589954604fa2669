package provision

import (
	"context"
	"net/url"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
)

// Groups lists the provider's groups.
func (s *Service) Groups(ctx context.Context, p control.Principal, values url.Values) (map[string]any, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return nil, err
	}
	q, err := scim.Groups().ParseQuery(values)
	if err != nil {
		return nil, err
	}
	ask := narrowed(q.Filter)
	ask.Name, ask.Display = ask.Display, ""
	ask.Members = q.Shows("members") || q.Filter.Mentions("members")
	return list(q, func(offset, limit int) (page []scim.Resource, total int, err error) {
		ask.Offset, ask.Limit = offset, limit
		found, total, err := s.access.ProvisionedTeams(ctx, c.provider, ask)
		for i := range found {
			g := s.group(&found[i])
			r := g.Resource(s.base)
			if meta, ok := r.Body["meta"].(map[string]any); ok && !ask.Members {
				delete(meta, "version") // it is made of the members, too
			}
			page = append(page, r)
		}
		return page, total, mend(err, "Group", "")
	})
}

// Group is one group of the provider.
func (s *Service) Group(ctx context.Context, p control.Principal, id string, values url.Values) (scim.Resource, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return scim.Resource{}, err
	}
	g, err := s.readGroup(ctx, c, id)
	if err != nil {
		return scim.Resource{}, err
	}
	return projected(g.Resource(s.base), scim.Groups(), values)
}

func (s *Service) readGroup(ctx context.Context, c caller, id string) (scim.Group, error) {
	found, _, err := s.access.ProvisionedTeams(ctx, c.provider, access.ProvisionedQuery{ID: id, Limit: 1, Members: true})
	if err == nil && (len(found) == 0 || id == "") {
		err = scim.Missing("Group", id)
	}
	if err != nil {
		return scim.Group{}, mend(err, "Group", id)
	}
	return s.group(&found[0]), nil
}

// asked is a team with what a group says.
func asked(now access.ProvisionedTeam, g *scim.Group) access.ProvisionedTeam {
	now.Name, now.ExternalID, now.Members = g.DisplayName, g.ExternalID, nil
	for _, m := range g.Members {
		now.Members = append(now.Members, access.Member{Account: m.ID})
	}
	return now
}

// CreateGroup makes a team, which is granted nothing.
func (s *Service) CreateGroup(ctx context.Context, p control.Principal, body []byte) (scim.Resource, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return scim.Resource{}, err
	}
	g, err := scim.ParseGroup(body)
	if err != nil {
		return scim.Resource{}, err
	}
	made, err := s.access.CreateProvisionedTeam(ctx, c.by, c.provider, asked(access.ProvisionedTeam{}, &g))
	if err != nil {
		return scim.Resource{}, mend(err, "Group", "")
	}
	now := s.group(&made)
	return now.Resource(s.base), nil
}

// ReplaceGroup makes a group what a whole one says. Match is If-Match, empty for any
// version.
func (s *Service) ReplaceGroup(ctx context.Context, p control.Principal, id, match string, body []byte) (scim.Resource, error) {
	return s.changeGroup(ctx, p, id, match, func() (func(scim.Group) (scim.Group, error), error) {
		g, err := scim.ParseGroup(body)
		return func(scim.Group) (scim.Group, error) { return g, nil }, err
	})
}

// PatchGroup changes parts of a group. Match is If-Match, empty for any version.
func (s *Service) PatchGroup(ctx context.Context, p control.Principal, id, match string, body []byte) (scim.Resource, error) {
	return s.changeGroup(ctx, p, id, match, func() (func(scim.Group) (scim.Group, error), error) {
		ops, err := scim.Groups().ParsePatch(body)
		return func(now scim.Group) (scim.Group, error) { return now.Patched(ops) }, err
	})
}

func (s *Service) changeGroup(ctx context.Context, p control.Principal, id, match string, read func() (func(scim.Group) (scim.Group, error), error)) (scim.Resource, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return scim.Resource{}, err
	}
	change, err := read()
	if err != nil {
		return scim.Resource{}, err
	}
	if err := s.overTeam(ctx, c, id); err != nil {
		return scim.Resource{}, err
	}
	after, err := s.access.UpdateProvisionedTeam(ctx, c.by, c.provider, id, func(now access.ProvisionedTeam) (access.ProvisionedTeam, error) {
		before := s.group(&now)
		if !scim.Matches(match, before.Version) {
			return now, scim.Changed()
		}
		g, err := change(before)
		if err != nil {
			return now, err
		}
		return asked(now, &g), nil
	})
	if err != nil {
		return scim.Resource{}, mend(err, "Group", id)
	}
	now := s.group(&after)
	return now.Resource(s.base), nil
}

// DeleteGroup deletes a team with its memberships and grants. Match is If-Match, empty
// for any version.
func (s *Service) DeleteGroup(ctx context.Context, p control.Principal, id, match string) error {
	c, err := s.caller(ctx, p)
	if err != nil {
		return err
	}
	if err := s.overTeam(ctx, c, id); err != nil {
		return err
	}
	found, _, err := s.access.ProvisionedTeams(ctx, c.provider, access.ProvisionedQuery{ID: id, Limit: 1, Members: true})
	if err != nil {
		return mend(err, "Group", id)
	}
	if len(found) == 0 {
		return scim.Missing("Group", id)
	}
	if now := s.group(&found[0]); !scim.Matches(match, now.Version) {
		return scim.Changed()
	}
	return mend(s.access.DeleteTeam(ctx, c.by, id, found[0].Version), "Group", id)
}
