package people_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/people"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// world is an organisation with two business groups, each with an environment, and
// people with different rights.
type world struct {
	*people.Service
	access *access.Service
	clock  time.Time
	events []access.Event
	broken error
	who    map[string]control.Principal
	north  access.Group
	south  access.Group
}

func (w *world) Record(_ context.Context, _ *store.Tx, e access.Event) error {
	if w.broken == nil {
		w.events = append(w.events, e)
	}
	return w.broken
}

type noHash struct{}

func (noHash) Hash(_ context.Context, p string) (string, error)       { return p, nil }
func (noHash) Verify(_ context.Context, p, hash string) (bool, error) { return p == hash, nil }
func (noHash) VerifyNobody(_ context.Context, _ string) error         { return nil }

var setup = access.By{Operator: "setup"}

func each(t *testing.T, play func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{clock: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), who: map[string]control.Principal{}}
		now := func() time.Time { return w.clock }
		var err error
		w.access, err = access.Open(t.Context(), db, noHash{}, w, now, access.WithEnvironment("default"))
		must(t, err)
		w.Service, err = people.New(w.access, now)
		must(t, err)
		w.north, err = w.access.CreateGroup(t.Context(), setup, access.Group{Name: "North", Parent: access.Root})
		must(t, err)
		w.south, err = w.access.CreateGroup(t.Context(), setup, access.Group{Name: "South", Parent: access.Root})
		must(t, err)
		for id, group := range map[string]string{"north": w.north.ID, "south": w.south.ID} {
			_, err := w.access.CreateEnvironment(t.Context(), setup, access.Environment{ID: id, Kind: access.Sandbox, Group: group})
			must(t, err)
		}
		w.person(t, "boss", access.KeptGrant{Role: access.RoleAdmin, Group: access.Root})
		w.person(t, "north-boss", access.KeptGrant{Role: access.RoleAdmin, Group: w.north.ID})
		w.person(t, "clerk", access.KeptGrant{Permission: access.ManageAccess, Group: access.Root}, access.KeptGrant{Role: access.RoleDeveloper, Group: access.Root})
		w.person(t, "auditor", access.KeptGrant{Role: access.RoleAuditor, Group: access.Root})
		w.person(t, "owner", access.KeptGrant{Role: access.RoleAPIOwner, Group: w.north.ID, Environment: "north"})
		w.person(t, "nobody")
		play(t, w)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) person(t *testing.T, name string, grants ...access.KeptGrant) {
	t.Helper()
	a, err := w.access.CreateAccount(t.Context(), setup, access.Account{Name: name})
	must(t, err)
	for _, g := range grants {
		g.Account = a.ID
		_, err := w.access.AddGrant(t.Context(), setup, g)
		must(t, err)
	}
	w.refresh(t, name, a.ID)
}

func (w *world) refresh(t *testing.T, name, id string) {
	t.Helper()
	p, err := w.access.PrincipalOf(t.Context(), id)
	must(t, err)
	p.Via, p.Session, p.Confirmed = "password", "s-"+name, w.clock
	w.who[name] = p
}

// Each attempt is wrong in one way: nobody becomes, or makes anybody, more than they
// are.
func TestNobodyRises(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		admins, err := w.access.CreateTeam(ctx, setup, access.Team{Name: "Admins"})
		must(t, err)
		_, err = w.access.AddGrant(ctx, setup, access.KeptGrant{Team: admins.ID, Role: access.RoleAdmin, Group: access.Root})
		must(t, err)
		small, err := w.access.CreateTeam(ctx, setup, access.Team{Name: "Small"})
		must(t, err)
		must(t, w.access.AddMember(ctx, setup, small.ID, w.who["owner"].Account, true))
		must(t, w.access.AddMember(ctx, setup, admins.ID, w.who["boss"].Account, true))
		id := func(name string) string { return w.who[name].Account }
		grant := func(by, to string, g access.KeptGrant) func() error {
			return func() error {
				g.Account = id(to)
				_, err := w.Grant(ctx, w.who[by], g)
				return err
			}
		}
		stale, token := w.who["boss"], w.who["boss"]
		stale.Confirmed = w.clock.Add(-access.ConfirmedLife)
		token.Via, token.Confirmed, token.Limits = "token:x", time.Time{}, []access.Permission{access.ManageAccess}
		root := access.Root
		attempts := []struct {
			name string
			want error
			do   func() error
		}{
			{"what one does not hold, to another", control.ErrForbidden, grant("clerk", "nobody", access.KeptGrant{Role: access.RoleAdmin, Group: root})},
			{"a single permission one does not hold", control.ErrForbidden, grant("clerk", "nobody", access.KeptGrant{Permission: access.ViewAPIs, Group: root})},
			{"to oneself", control.ErrForbidden, grant("boss", "boss", access.KeptGrant{Role: access.RoleSecurity, Group: root})},
			{"above one's group", control.ErrNotFound, grant("north-boss", "nobody", access.KeptGrant{Role: access.RoleDeveloper, Group: root})},
			{"beside one's group", control.ErrNotFound, grant("north-boss", "nobody", access.KeptGrant{Role: access.RoleDeveloper, Group: w.south.ID})},
			{"in an environment beside", control.ErrNotFound, grant("north-boss", "nobody", access.KeptGrant{Role: access.RoleDeveloper, Group: w.south.ID, Environment: "south"})},
			{"an environment under another group's name", control.ErrNotFound, grant("north-boss", "nobody", access.KeptGrant{Role: access.RoleDeveloper, Group: w.north.ID, Environment: "south"})},
			{"without managing", control.ErrForbidden, grant("auditor", "nobody", access.KeptGrant{Role: access.RoleAuditor, Group: root})},
			{"without any rights", control.ErrNotFound, grant("nobody", "owner", access.KeptGrant{Role: access.RoleDeveloper, Group: root})},
			{"by an owner in their environment", control.ErrForbidden, grant("owner", "nobody", access.KeptGrant{Role: access.RoleAPIOwner, Group: w.north.ID, Environment: "north"})},
			{"without having confirmed", control.ErrStale, func() error {
				_, err := w.Grant(ctx, stale, access.KeptGrant{Account: id("nobody"), Role: access.RoleDeveloper, Group: root})
				return err
			}},
			{"by an API token", control.ErrForbidden, func() error {
				_, err := w.Grant(ctx, token, access.KeptGrant{Account: id("nobody"), Role: access.RoleDeveloper, Group: root})
				return err
			}},
			{"nothing at all", control.ErrInvalid, grant("boss", "nobody", access.KeptGrant{Group: root})},
			{"an unknown role", control.ErrInvalid, grant("boss", "nobody", access.KeptGrant{Role: "king", Group: root})},
			{"an invitation of an account that may do more", control.ErrForbidden, func() error { _, _, err := w.Invite(ctx, w.who["clerk"], id("boss")); return err }},
			{"a reset of one that may do more", control.ErrForbidden, func() error { return w.Reset(ctx, w.who["clerk"], id("boss")) }},
			{"a reset of oneself", control.ErrForbidden, func() error { return w.Reset(ctx, w.who["boss"], id("boss")) }},
			{"disabling one that may do more", control.ErrForbidden, func() error {
				_, err := w.UpdateAccount(ctx, w.who["clerk"], access.Account{ID: id("boss"), Disabled: true, Version: 1})
				return err
			}},
			{"deleting one that may do more", control.ErrForbidden, func() error { return w.DeleteAccount(ctx, w.who["clerk"], id("boss"), 1) }},
			{"deleting oneself", control.ErrForbidden, func() error { return w.DeleteAccount(ctx, w.who["boss"], id("boss"), 1) }},
			{"an identity for one that may do more", control.ErrForbidden, func() error { return w.LinkIdentity(ctx, w.who["clerk"], id("boss"), "oidc:x", "me") }},
			{"a token of another person", control.ErrInvalid, func() error {
				_, _, err := w.CreateToken(ctx, w.who["boss"], access.APIToken{Account: id("owner"), Name: "x", Limits: []access.Permission{access.ViewAPIs}, Expires: w.clock.Add(time.Hour)})
				return err
			}},
			{"into a team that brings more", control.ErrForbidden, func() error { return w.AddMember(ctx, w.who["clerk"], admins.ID, id("nobody"), false) }},
			{"oneself into a team", control.ErrForbidden, func() error { return w.AddMember(ctx, w.who["clerk"], small.ID, id("clerk"), false) }},
			{"a group that brings more", control.ErrForbidden, func() error {
				return w.MapGroup(ctx, w.who["clerk"], access.GroupMap{Provider: "oidc:x", Group: "all", Team: admins.ID})
			}},
			{"a team under one that brings more", control.ErrForbidden, func() error {
				moved := small
				moved.Parent = admins.ID
				_, err := w.UpdateTeam(ctx, w.who["clerk"], moved)
				return err
			}},
			{"a maintainer by a maintainer", control.ErrForbidden, func() error { return w.AddMember(ctx, w.who["owner"], small.ID, id("nobody"), true) }},
			{"into a team that one does not maintain", control.ErrNotFound, func() error { return w.AddMember(ctx, w.who["owner"], admins.ID, id("nobody"), false) }},
			{"the grants of a maintained team", control.ErrNotFound, func() error {
				_, err := w.Grant(ctx, w.who["owner"], access.KeptGrant{Team: small.ID, Role: access.RoleDeveloper, Group: root})
				return err
			}},
			{"a business group beside", control.ErrNotFound, func() error {
				_, err := w.CreateGroup(ctx, w.who["north-boss"], access.Group{Name: "x", Parent: w.south.ID})
				return err
			}},
			{"one's group to another's place", control.ErrNotFound, func() error {
				g := w.north
				g.Parent = w.south.ID
				_, err := w.UpdateGroup(ctx, w.who["north-boss"], g)
				return err
			}},
			{"an environment beside", control.ErrNotFound, func() error { return w.DeleteEnvironment(ctx, w.who["north-boss"], "south", 1) }},
			{"the list of accounts", control.ErrNotFound, func() error { _, err := w.Accounts(ctx, w.who["nobody"], access.AccountQuery{}); return err }},
			{"grants of a group beside", control.ErrNotFound, func() error { _, err := w.GrantsIn(ctx, w.who["north-boss"], w.south.ID); return err }},
		}
		w.events = nil
		before := snapshot(t, w)
		for _, a := range attempts {
			if err := a.do(); !errors.Is(err, a.want) {
				t.Errorf("%s: %v, want %v", a.name, err, a.want)
			}
		}
		if after := snapshot(t, w); after != before {
			t.Errorf("something changed:\n%s\n%s", before, after)
		}
		if len(w.events) > 0 {
			t.Errorf("audited: %v", w.events)
		}
		if t.Logf("%d attempts played", len(attempts)); len(attempts) < 30 {
			t.Error("too few")
		}
	})
}

// snapshot is all grants and memberships.
func snapshot(t *testing.T, w *world) string {
	t.Helper()
	var out strings.Builder
	grants, err := w.access.Granted(t.Context(), "", "")
	must(t, err)
	members, err := w.access.Members(t.Context(), "", "")
	must(t, err)
	for _, g := range grants {
		out.WriteString(g.ID + " ")
	}
	for _, m := range members {
		out.WriteString(m.Team + m.Account + " ")
	}
	return out.String()
}

func TestWhatIsAllowed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		boss, north := w.who["boss"], w.who["north-boss"]
		w.events = nil
		g, err := w.Grant(ctx, north, access.KeptGrant{Account: w.who["nobody"].Account, Role: access.RoleSecurity, Group: w.north.ID, Environment: "north"})
		must(t, err)
		if len(w.events) != 1 || w.events[0].Operator != "north-boss" || w.events[0].Via != "password" || w.events[0].Session != "s-north-boss" || !strings.Contains(string(w.events[0].After), `"security"`) {
			t.Errorf("audited %+v", w.events)
		}
		must(t, w.Revoke(ctx, north, g.ID))
		if err := w.Revoke(ctx, north, g.ID); !errors.Is(err, control.ErrForbidden) && !errors.Is(err, control.ErrNotFound) {
			t.Error(err)
		}
		_, err = w.CreateGroup(ctx, north, access.Group{Name: "Farther", Parent: w.north.ID})
		must(t, err)
		robot, err := w.CreateAccount(ctx, boss, access.Account{Name: "robot", Kind: access.ServiceAccount})
		must(t, err)
		_, text, err := w.CreateToken(ctx, boss, access.APIToken{Account: robot.ID, Name: "x", Limits: []access.Permission{access.ViewAPIs}, Expires: w.clock.Add(time.Hour)})
		if err != nil || !strings.HasPrefix(text, access.TokenPrefix) {
			t.Error(text, err)
		}
		robot.Version = 7
		if _, err := w.UpdateAccount(ctx, boss, robot); !errors.Is(err, control.ErrConflict) {
			t.Errorf("an old version: %v", err)
		}
		team, err := w.CreateTeam(ctx, boss, access.Team{Name: "Small"})
		must(t, err)
		must(t, w.AddMember(ctx, boss, team.ID, w.who["owner"].Account, true))
		must(t, w.AddNamed(ctx, w.who["owner"], team.ID, "nobody", false))
		if d, err := w.Team(ctx, w.who["owner"], team.ID); err != nil || !d.Maintains || d.Manages || len(d.Members) != 2 {
			t.Errorf("%+v, %v", d, err)
		}
		must(t, w.RemoveMember(ctx, w.who["owner"], team.ID, w.who["nobody"].Account, ""))
		if _, err := w.Team(ctx, w.who["nobody"], team.ID); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("a stranger sees the team: %v", err)
		}
		d, err := w.Account(ctx, w.who["auditor"], w.who["owner"].Account)
		if err != nil || len(d.Grants) != 1 || d.Grants[0].Place != "North / north" || len(d.Teams) != 1 {
			t.Errorf("%+v, %v", d, err)
		}
		tree, err := w.Tree(ctx, w.who["owner"])
		if err != nil || len(tree) != 1 || tree[0].ID != w.north.ID || tree[0].Manages || len(tree[0].Environments) != 1 {
			t.Errorf("an owner sees %+v, %v", tree, err)
		}
		tree, err = w.Tree(ctx, north)
		names := []string{}
		for _, b := range tree {
			names = append(names, b.Name)
		}
		if err != nil || !slices.Equal(names, []string{"North", "Farther"}) {
			t.Errorf("the administrator of a group sees %v, %v", names, err)
		}
	})
}

func TestNothingChangesUnaudited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, boss := t.Context(), w.who["boss"]
		w.broken = errors.New("the log is full")
		nobody := w.who["nobody"].Account
		acts := map[string]func() error{
			"account": func() error { _, err := w.CreateAccount(ctx, boss, access.Account{Name: "x"}); return err },
			"update":  func() error { _, err := w.UpdateAccount(ctx, boss, access.Account{ID: nobody, Version: 1}); return err },
			"delete":  func() error { return w.DeleteAccount(ctx, boss, nobody, 1) },
			"invite":  func() error { _, _, err := w.Invite(ctx, boss, nobody); return err },
			"reset":   func() error { return w.Reset(ctx, boss, nobody) },
			"grant": func() error {
				_, err := w.Grant(ctx, boss, access.KeptGrant{Account: nobody, Role: access.RoleAdmin, Group: access.Root})
				return err
			},
			"team": func() error { _, err := w.CreateTeam(ctx, boss, access.Team{Name: "x"}); return err },
			"group": func() error {
				_, err := w.CreateGroup(ctx, boss, access.Group{Name: "x", Parent: access.Root})
				return err
			},
			"environment": func() error { return w.DeleteEnvironment(ctx, boss, "north", 1) },
			"identity":    func() error { return w.LinkIdentity(ctx, boss, nobody, "oidc:x", "y") },
		}
		before := snapshot(t, w)
		for name, act := range acts {
			if err := act(); !errors.Is(err, w.broken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if snapshot(t, w) != before {
			t.Error("something changed")
		}
		t.Logf("%d acts played", len(acts))
	})
}
