// Package provision is how identity providers keep operators by SCIM: users are
// people's accounts, groups are teams. A provider sees and changes only what it made
// itself; which one it is, is said by the account whose API token it sends. It grants
// nothing, ever: teams carry what operators granted to them, and nobody is put into one,
// nor is an account changed, that brings more than the provider's own account holds.
package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
)

// mostLooked bounds how many accounts or teams one filter is asked of that no index
// answers.
const mostLooked = 10_000

// step is how many of them are read at once.
const step = 500

// Service keeps what providers say. It is safe for use by many goroutines.
type Service struct {
	access *access.Service
	base   string
}

// New makes the service. Base is where SCIM lies as providers see it, without a slash at
// the end.
func New(a *access.Service, base string) (*Service, error) {
	if a == nil {
		return nil, errors.New("provision: it needs access")
	}
	return &Service{access: a, base: base}, nil
}

// caller is the provider that asks.
type caller struct {
	// provider is how accounts and teams name it.
	provider string
	account  string
	by       access.By
	// holds is what its account may do, whatever its token is limited to.
	holds control.Principal
}

// caller authorises a provider: by an API token of an account that manages access to the
// whole organisation.
func (s *Service) caller(ctx context.Context, p control.Principal) (caller, error) {
	if err := manage(p); err != nil {
		return caller{}, err
	}
	if !strings.HasPrefix(p.Via, "token:") {
		return caller{}, fmt.Errorf("%w: SCIM is for API tokens", control.ErrForbidden)
	}
	holds, err := s.access.PrincipalOf(ctx, p.Account)
	if err != nil {
		return caller{}, fmt.Errorf("reading what the provider may do: %w", err)
	}
	return caller{provider: "scim:" + p.Operator, account: p.Account, by: p.By(), holds: holds}, nil
}

// manage refuses all who may not manage access; it tells nobody less.
func manage(p control.Principal) error {
	if !p.May(access.ManageAccess, access.Scope{Group: access.Root}) {
		return fmt.Errorf("%w: the token's account must hold access:manage in the whole organisation, and the token must be good for it", control.ErrForbidden)
	}
	return nil
}

// mend turns the refusals of access into those of SCIM.
func mend(err error, kind, id string) error {
	var told *scim.Error
	switch {
	case err == nil, errors.As(err, &told):
		return err
	case errors.Is(err, access.ErrUnknown):
		return scim.Missing(kind, id)
	case errors.Is(err, access.ErrVersion):
		return scim.Changed()
	case errors.Is(err, access.ErrTaken):
		return &scim.Error{
			Status: http.StatusConflict, Type: scim.Uniqueness,
			Detail: "There is one of that name or externalId already; it may have been made by hand or by another provider.",
		}
	case errors.Is(err, access.ErrLastAdmin), errors.Is(err, access.ErrNotEmpty):
		return scim.Bad(scim.Mutability, "%s", sentence(err))
	case errors.Is(err, access.ErrInvalid):
		return scim.Bad(scim.InvalidValue, "%s", sentence(err))
	}
	return err
}

// sentence is what is wrong, without the doing that it stood in the way of.
func sentence(err error) string {
	for _, kind := range []error{access.ErrInvalid, access.ErrLastAdmin, access.ErrNotEmpty} {
		if !errors.Is(err, kind) {
			continue
		}
		text := kind.Error()
		if _, more, ok := strings.Cut(err.Error(), text+": "); ok {
			text = more
		}
		return strings.ToUpper(text[:1]) + text[1:] + "."
	}
	return ""
}

// tag is the entity tag of a version.
func tag(parts ...string) string { return `W/"` + strings.Join(parts, ".") + `"` }

func (s *Service) user(p *access.Provisioned) scim.User {
	active := !p.Disabled
	u := scim.User{
		ID: p.ID, UserName: p.Name, ExternalID: p.ExternalID, DisplayName: p.Display, GivenName: p.GivenName, FamilyName: p.FamilyName,
		Email: p.Email, Active: &active, Created: p.Created, Modified: p.Changed, Version: tag(strconv.FormatInt(p.Version, 10)),
	}
	for _, t := range p.Teams {
		u.Groups = append(u.Groups, scim.Reference{ID: t.ID, Display: t.Name})
	}
	return u
}

func (s *Service) group(t *access.ProvisionedTeam) scim.Group {
	g := scim.Group{ID: t.ID, DisplayName: t.Name, ExternalID: t.ExternalID, Created: t.Created, Modified: t.Changed}
	members := sha256.New()
	for _, m := range t.Members {
		g.Members = append(g.Members, scim.Reference{ID: m.Account, Display: m.Name})
		_, _ = fmt.Fprintln(members, m.Account)
	}
	// An account that is deleted leaves its teams without a word.
	g.Version = tag(strconv.FormatInt(t.Version, 10), hex.EncodeToString(members.Sum(nil)[:6]))
	return g
}

// found are resources from a database, a page at a time, with how many there are.
type found func(offset, limit int) (page []scim.Resource, total int, err error)

// list is a page of what a query asks for.
func list(q scim.Query, read found) (map[string]any, error) {
	var shown []any
	if q.Filter == nil {
		page, total, err := read(q.Start-1, q.Count)
		for _, r := range page {
			shown = append(shown, q.Of(r.Body))
		}
		return scim.List(shown, total, q.Start), err
	}
	matched := 0
	for offset := 0; ; offset += step {
		page, total, err := read(offset, step)
		if err != nil {
			return nil, err
		}
		if total > mostLooked {
			return nil, scim.Bad(scim.TooMany, "The filter would have to be asked of %d resources, more than %d; compare id, userName, externalId, displayName or members.value by eq.", total, mostLooked)
		}
		for _, r := range page {
			if !q.Filter.Match(r.Body) {
				continue
			}
			if matched++; matched >= q.Start && len(shown) < q.Count {
				shown = append(shown, q.Of(r.Body))
			}
		}
		if len(page) < step {
			return scim.List(shown, matched, q.Start), nil
		}
	}
}

// narrowed is what a database is asked for a filter.
func narrowed(f *scim.Filter) access.ProvisionedQuery {
	equal := f.Equal()
	q := access.ProvisionedQuery{
		ID: equal["id"], Name: equal["userName"], ExternalID: equal["externalId"], Display: equal["displayName"], Email: equal["emails.value"],
		Member: equal["members.value"],
	}
	// Databases know the case of ASCII letters only.
	for _, text := range []*string{&q.Name, &q.Display, &q.Email} {
		if strings.ContainsFunc(*text, func(r rune) bool { return r > '~' }) {
			*text = ""
		}
	}
	return q
}

// projected is one resource as its parameters ask for it.
func projected(r scim.Resource, s *scim.Schema, values url.Values) (scim.Resource, error) {
	p, err := s.ParseProjection(values)
	r.Body = p.Of(r.Body)
	return r, err
}

// over authorises a change of an account: nobody acts for one that may do more than
// they, nor for their own.
func (s *Service) over(ctx context.Context, c caller, id string) error {
	found, _, err := s.access.ProvisionedAccounts(ctx, c.provider, access.ProvisionedQuery{ID: id, Limit: 1})
	if err == nil && (len(found) == 0 || id == "") {
		err = scim.Missing("User", id)
	}
	if err != nil {
		return err
	}
	if id == c.account {
		return fmt.Errorf("%w: it is the token's own account", control.ErrForbidden)
	}
	of, err := s.access.PrincipalOf(ctx, id)
	if err != nil {
		return mend(err, "User", id)
	}
	if !c.holds.HoldsAll(of) {
		return fmt.Errorf("%w: the user may do things that the token's account may not", control.ErrForbidden)
	}
	return nil
}

// overTeam authorises a change of a team, as far as it exists.
func (s *Service) overTeam(ctx context.Context, c caller, id string) error {
	found, _, err := s.access.ProvisionedTeams(ctx, c.provider, access.ProvisionedQuery{ID: id, Limit: 1})
	if err == nil && (len(found) == 0 || id == "") {
		err = scim.Missing("Group", id)
	}
	if err != nil {
		return err
	}
	granted, err := s.access.TeamGrants(ctx, id)
	if err != nil {
		return fmt.Errorf("reading what a team brings: %w", err)
	}
	if slices.ContainsFunc(granted, func(g access.Grant) bool { return !c.holds.Holds(g) }) {
		return fmt.Errorf("%w: the team brings things that the token's account does not hold", control.ErrForbidden)
	}
	return nil
}
