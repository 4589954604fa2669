package provision

import (
	"context"
	"net/url"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
)

// Users lists the provider's users.
func (s *Service) Users(ctx context.Context, p control.Principal, values url.Values) (map[string]any, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return nil, err
	}
	q, err := scim.Users().ParseQuery(values)
	if err != nil {
		return nil, err
	}
	ask := narrowed(q.Filter)
	return list(q, func(offset, limit int) (page []scim.Resource, total int, err error) {
		ask.Offset, ask.Limit = offset, limit
		found, total, err := s.access.ProvisionedAccounts(ctx, c.provider, ask)
		for i := range found {
			u := s.user(&found[i])
			page = append(page, u.Resource(s.base))
		}
		return page, total, mend(err, "User", "")
	})
}

// User is one user of the provider.
func (s *Service) User(ctx context.Context, p control.Principal, id string, values url.Values) (scim.Resource, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return scim.Resource{}, err
	}
	found, _, err := s.access.ProvisionedAccounts(ctx, c.provider, access.ProvisionedQuery{ID: id, Limit: 1})
	if err != nil {
		return scim.Resource{}, err
	}
	if len(found) == 0 || id == "" {
		return scim.Resource{}, scim.Missing("User", id)
	}
	u := s.user(&found[0])
	return projected(u.Resource(s.base), scim.Users(), values)
}

// wanted is an account with what a user says.
func wanted(now access.Provisioned, u *scim.User) access.Provisioned {
	now.Display, now.GivenName, now.FamilyName, now.Email, now.ExternalID = u.DisplayName, u.GivenName, u.FamilyName, u.Email, u.ExternalID
	if u.Active != nil {
		now.Disabled = !*u.Active
	}
	return now
}

// CreateUser makes an account. Its owner signs in by the identity provider; who needs a
// password is invited by an administrator.
func (s *Service) CreateUser(ctx context.Context, p control.Principal, body []byte) (scim.Resource, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return scim.Resource{}, err
	}
	u, err := scim.ParseUser(body)
	if err != nil {
		return scim.Resource{}, err
	}
	made, err := s.access.CreateProvisioned(ctx, c.by, c.provider, wanted(access.Provisioned{Account: access.Account{Name: u.UserName}}, &u))
	if err != nil {
		return scim.Resource{}, mend(err, "User", "")
	}
	now := s.user(&made)
	return now.Resource(s.base), nil
}

// ReplaceUser makes a user what a whole one says; what that leaves out is emptied, but
// for active. Match is If-Match, empty for any version.
func (s *Service) ReplaceUser(ctx context.Context, p control.Principal, id, match string, body []byte) (scim.Resource, error) {
	return s.changeUser(ctx, p, id, match, func() (func(scim.User) (scim.User, error), error) {
		u, err := scim.ParseUser(body)
		return func(scim.User) (scim.User, error) { return u, nil }, err
	})
}

// PatchUser changes parts of a user. Match is If-Match, empty for any version.
func (s *Service) PatchUser(ctx context.Context, p control.Principal, id, match string, body []byte) (scim.Resource, error) {
	return s.changeUser(ctx, p, id, match, func() (func(scim.User) (scim.User, error), error) {
		ops, err := scim.Users().ParsePatch(body)
		return func(now scim.User) (scim.User, error) { return now.Patched(ops) }, err
	})
}

// changeUser changes a user by what read says, which is called once it is known that the
// caller may.
func (s *Service) changeUser(ctx context.Context, p control.Principal, id, match string, read func() (func(scim.User) (scim.User, error), error)) (scim.Resource, error) {
	c, err := s.caller(ctx, p)
	if err != nil {
		return scim.Resource{}, err
	}
	change, err := read()
	if err != nil {
		return scim.Resource{}, err
	}
	if err := s.over(ctx, c, id); err != nil {
		return scim.Resource{}, err
	}
	after, err := s.access.UpdateProvisioned(ctx, c.by, c.provider, id, func(now access.Provisioned) (access.Provisioned, error) {
		before := s.user(&now)
		if !scim.Matches(match, before.Version) {
			return now, scim.Changed()
		}
		u, err := change(before)
		if err != nil {
			return now, err
		}
		if u.UserName != before.UserName {
			return now, scim.Bad(scim.Mutability, "userName can not be changed, for the audit log names people by it; delete the user and make another.")
		}
		return wanted(now, &u), nil
	})
	if err != nil {
		return scim.Resource{}, mend(err, "User", id)
	}
	now := s.user(&after)
	return now.Resource(s.base), nil
}

// DeleteUser deletes an account with all that belongs to it. Match is If-Match, empty
// for any version.
func (s *Service) DeleteUser(ctx context.Context, p control.Principal, id, match string) error {
	c, err := s.caller(ctx, p)
	if err != nil {
		return err
	}
	if err := s.over(ctx, c, id); err != nil {
		return err
	}
	found, _, err := s.access.ProvisionedAccounts(ctx, c.provider, access.ProvisionedQuery{ID: id, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return scim.Missing("User", id)
	}
	if now := s.user(&found[0]); !scim.Matches(match, now.Version) {
		return scim.Changed()
	}
	return mend(s.access.DeleteAccount(ctx, c.by, id, found[0].Version), "User", id)
}
