package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/store"
)

var boss = By{Operator: "boss"}

func good[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTree(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		group := func(name, parent string) Group {
			t.Helper()
			return good[Group](t)(s.CreateGroup(ctx, boss, Group{Name: name, Parent: parent}))
		}
		a := group("A", Root)
		b := group("B", a.ID)
		if b.Path != "root/"+a.ID+"/"+b.ID {
			t.Errorf("path %s", b.Path)
		}
		env := good[Environment](t)(s.CreateEnvironment(ctx, boss, Environment{ID: "staging", Kind: Sandbox, Group: b.ID}))
		if at, err := s.ScopeOf(ctx, "staging"); err != nil || at != (Scope{Group: b.Path, Environment: "staging"}) {
			t.Errorf("%v, %v", at, err)
		}
		if at, err := s.ScopeOf(ctx, "default"); err != nil || at != (Scope{Group: Root, Environment: "default"}) {
			t.Errorf("%v, %v", at, err)
		}
		refused := []struct {
			name string
			err  error
			do   func() error
		}{
			{"unknown environment", ErrUnknown, func() error { _, err := s.ScopeOf(ctx, "nowhere"); return err }},
			{"unknown group", ErrUnknown, func() error { _, err := s.GroupScope(ctx, "nowhere"); return err }},
			{"no environment", ErrUnknown, func() error { _, err := s.ScopeOf(ctx, ""); return err }},
			{"the name is taken", ErrTaken, func() error { _, err := s.CreateGroup(ctx, boss, Group{Name: "A", Parent: Root}); return err }},
			{"in no group", ErrUnknown, func() error { _, err := s.CreateGroup(ctx, boss, Group{Name: "A", Parent: "x"}); return err }},
			{"no name", ErrInvalid, func() error { _, err := s.CreateGroup(ctx, boss, Group{Name: " ", Parent: Root}); return err }},
			{"into itself", ErrInvalid, func() error { g := a; g.Parent = b.ID; _, err := s.UpdateGroup(ctx, boss, g); return err }},
			{"old version", ErrVersion, func() error { g := a; g.Version = 9; _, err := s.UpdateGroup(ctx, boss, g); return err }},
			{"root moved", ErrInvalid, func() error {
				_, err := s.UpdateGroup(ctx, boss, Group{ID: Root, Name: "O", Parent: a.ID, Version: 1})
				return err
			}},
			{"not empty of groups", ErrNotEmpty, func() error { return s.DeleteGroup(ctx, boss, a.ID, a.Version) }},
			{"not empty of environments", ErrNotEmpty, func() error { return s.DeleteGroup(ctx, boss, b.ID, b.Version) }},
			{"root deleted", ErrInvalid, func() error { return s.DeleteGroup(ctx, boss, Root, 1) }},
			{"the id is taken", ErrTaken, func() error {
				_, err := s.CreateEnvironment(ctx, boss, Environment{ID: "default", Kind: Sandbox, Group: Root})
				return err
			}},
			{"the id is bad", ErrInvalid, func() error {
				_, err := s.CreateEnvironment(ctx, boss, Environment{ID: "a/b", Kind: Sandbox, Group: Root})
				return err
			}},
			{"the kind is bad", ErrInvalid, func() error {
				_, err := s.CreateEnvironment(ctx, boss, Environment{ID: "ab", Kind: "x", Group: Root})
				return err
			}},
			{"own environment deleted", ErrInvalid, func() error { return s.DeleteEnvironment(ctx, boss, "default", 1) }},
		}
		for _, c := range refused {
			if err := c.do(); !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", c.name, err, c.err)
			}
		}
		t.Logf("%d refusals played", len(refused))

		// What is granted in an environment moves with it.
		ann := good[Account](t)(s.CreateAccount(ctx, boss, Account{Name: "ann"}))
		good[KeptGrant](t)(s.AddGrant(ctx, boss, KeptGrant{Account: ann.ID, Role: RoleAPIOwner, Group: b.ID, Environment: "staging"}))
		env.Group = a.ID
		env = good[Environment](t)(s.UpdateEnvironment(ctx, boss, env))
		// So does the process's own.
		own := good[Environment](t)(s.UpdateEnvironment(ctx, boss, Environment{ID: "default", Kind: Production, Group: a.ID, Version: 1}))
		if at, err := s.ScopeOf(ctx, "default"); err != nil || !own.Own || at != (Scope{Group: a.Path, Environment: "default"}) || at.At() != at {
			t.Errorf("own environment moved: %v, %v", at, err)
		}
		own.Group = Root
		good[Environment](t)(s.UpdateEnvironment(ctx, boss, own))
		at, err := s.ScopeOf(ctx, "staging")
		if p, perr := s.PrincipalOf(ctx, ann.ID); err != nil || perr != nil || at.Group != a.Path || !p.May(ManageContracts, at) {
			t.Errorf("%v: %v, %v", at, err, perr)
		}
		if err := s.DeleteGroup(ctx, boss, b.ID, b.Version); err != nil {
			t.Error(err)
		}
		if err := s.DeleteEnvironment(ctx, boss, "staging", env.Version); err != nil {
			t.Error(err)
		}
		if left, err := s.Granted(ctx, ann.ID, ""); err != nil || len(left) != 0 {
			t.Errorf("grants in what is no more: %v, %v", left, err)
		}
		deep := Root
		for i := 1; ; i++ {
			g, err := s.CreateGroup(ctx, boss, Group{Name: "deep", Parent: deep})
			if err != nil {
				if !errors.Is(err, ErrInvalid) || i != maxGroupDepth {
					t.Errorf("level %d: %v", i, err)
				}
				break
			}
			deep = g.ID
		}
	})
}

func TestGrantsActAtOnce(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		s.enter()
		ann := good[Account](t)(s.CreateAccount(ctx, boss, Account{Name: "Ann", Email: "ann@example.com"}))
		token, _, err := s.Invite(ctx, boss, ann.ID)
		if err != nil || ann.Name != "ann" {
			t.Fatal(err, ann)
		}
		in, must, err := s.RedeemLink(ctx, token, other)
		if err != nil || !must {
			t.Fatal(err, must)
		}
		if in, err = s.SetPassword(ctx, in.Token, "", goodPassword, other); err != nil {
			t.Fatal(err)
		}
		// A second process on the same database.
		twin, err := Open(ctx, s.db, s.hasher, s, s.now)
		if err != nil {
			t.Fatal(err)
		}
		at := Scope{Group: Root, Environment: "default"}
		may := func(what Permission, want bool) {
			t.Helper()
			for name, one := range map[string]*Service{"here": s.Service, "there": twin} {
				p, err := one.Session(ctx, in.Token)
				if err != nil || p.May(what, at) != want {
					t.Errorf("%s: %s is %v, %v", name, what, !want, err)
				}
			}
		}
		may(ViewAPIs, false)
		above := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: "All"}))
		team := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: "Some", Parent: above.ID}))
		g := good[KeptGrant](t)(s.AddGrant(ctx, boss, KeptGrant{Team: above.ID, Role: RoleAPICreator, Group: Root}))
		may(ViewAPIs, false)
		if err := s.AddMember(ctx, boss, team.ID, ann.ID, false); err != nil {
			t.Fatal(err)
		}
		may(ManageAPIs, true)
		may(ManageAccess, false)
		if err := s.RevokeGrant(ctx, boss, g.ID); err != nil {
			t.Fatal(err)
		}
		may(ManageAPIs, false)
		good[KeptGrant](t)(s.AddGrant(ctx, boss, KeptGrant{Account: ann.ID, Permission: ManageContracts, Group: Root, Environment: "default"}))
		may(ManageContracts, true)
		if _, err := s.AddGrant(ctx, boss, KeptGrant{Account: ann.ID, Permission: ManageContracts, Group: Root, Environment: "default"}); !errors.Is(err, ErrTaken) {
			t.Errorf("the same again: %v", err)
		}
		ann = good[Account](t)(s.Account(ctx, ann.ID))
		ann.Disabled = true
		good[Account](t)(s.UpdateAccount(ctx, boss, ann))
		if s.alive(in.Token) {
			t.Error("a disabled account has a session")
		}
		if _, err := s.SignIn(ctx, "ann", goodPassword, other); !errors.Is(err, ErrCredentials) {
			t.Errorf("a disabled account signs in: %v", err)
		}
	})
}

func TestTheLastAdministratorStays(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		s.enter()
		admin := good[Account](t)(s.Account(ctx, Admin))
		disabled := admin
		disabled.Disabled = true
		first := good[[]KeptGrant](t)(s.Granted(ctx, Admin, ""))[0]
		acts := map[string]func() error{
			"disable": func() error { _, err := s.UpdateAccount(ctx, boss, disabled); return err },
			"delete":  func() error { return s.DeleteAccount(ctx, boss, Admin, admin.Version) },
			"revoke":  func() error { return s.RevokeGrant(ctx, boss, first.ID) },
		}
		for name, act := range acts {
			if err := act(); !errors.Is(err, ErrLastAdmin) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// One by a team two levels below the grant is enough.
		top := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: "Admins"}))
		sub := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: "Night shift", Parent: top.ID}))
		bob := good[Account](t)(s.CreateAccount(ctx, boss, Account{Name: "bob"}))
		good[KeptGrant](t)(s.AddGrant(ctx, boss, KeptGrant{Team: top.ID, Role: RoleAdmin, Group: Root}))
		if err := s.AddMember(ctx, boss, sub.ID, bob.ID, false); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeGrant(ctx, boss, first.ID); err != nil {
			t.Errorf("with another administrator: %v", err)
		}
		for name, act := range map[string]func() error{
			"remove from the team": func() error { return s.RemoveMember(ctx, boss, sub.ID, bob.ID, "") },
			"delete the team":      func() error { return s.DeleteTeam(ctx, boss, sub.ID, sub.Version) },
			"move the team": func() error {
				moved := sub
				moved.Parent = ""
				_, err := s.UpdateTeam(ctx, boss, moved)
				return err
			},
		} {
			if err := act(); !errors.Is(err, ErrLastAdmin) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Whoever owns the data folder gets everything back.
		s.link()
		if p, err := s.PrincipalOf(ctx, Admin); err != nil || !p.Has(RoleAdmin) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestTeams(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		at, first := "", Team{}
		for i := 1; i <= maxTeamDepth; i++ {
			team := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: fmt.Sprint("level ", i), Parent: at}))
			if at = team.ID; i == 1 {
				first = team
			}
		}
		if _, err := s.CreateTeam(ctx, boss, Team{Name: "too deep", Parent: at}); !errors.Is(err, ErrInvalid) {
			t.Errorf("level %d: %v", maxTeamDepth+1, err)
		}
		loop := first
		loop.Parent = at
		if _, err := s.UpdateTeam(ctx, boss, loop); !errors.Is(err, ErrInvalid) {
			t.Errorf("a team in itself: %v", err)
		}
		if err := s.DeleteTeam(ctx, boss, first.ID, first.Version); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("deleted with teams in it: %v", err)
		}
		if _, err := s.CreateTeam(ctx, boss, Team{Name: "level 3"}); !errors.Is(err, ErrTaken) {
			t.Errorf("the name is taken: %v", err)
		}
	})
}

func TestExternalSignIn(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		s.enter()
		red := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: "Red"}))
		blue := good[Team](t)(s.CreateTeam(ctx, boss, Team{Name: "Blue"}))
		good[KeptGrant](t)(s.AddGrant(ctx, boss, KeptGrant{Team: red.ID, Role: RoleSecurity, Group: Root}))
		for _, m := range []GroupMap{{"oidc:corp", "red", red.ID}, {"oidc:corp", "reds", red.ID}, {"oidc:corp", "blue", blue.ID}, {"saml:other", "green", blue.ID}} {
			if err := s.MapGroup(ctx, boss, m); err != nil {
				t.Fatal(err)
			}
		}
		eve := External{Provider: "oidc:corp", Subject: "s-1", Name: "Eve@Example.com", Email: "eve@example.com", Groups: []string{"red", "green"}, SessionIndex: "i-1", Create: true}
		unknown := eve
		unknown.Create = false
		if _, err := s.SignInExternal(ctx, unknown, home); !errors.Is(err, ErrNoAccount) {
			t.Errorf("unknown: %v", err)
		}
		in, err := s.SignInExternal(ctx, eve, home)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Session(ctx, in.Token)
		if err != nil || p.Operator != "eve@example.com" || p.Via != "oidc:corp" || !p.Ready() || !p.May(Contain, Scope{Group: Root}) {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := s.SetPassword(ctx, in.Token, "", goodPassword, home); !errors.Is(err, ErrPassword) {
			t.Errorf("set a password: %v", err)
		}
		teams := func() (names []string) {
			t.Helper()
			for _, m := range good[[]Member](t)(s.Members(ctx, "", p.Account)) {
				names = append(names, m.Team+" "+m.Source)
			}
			return names
		}
		if got := teams(); !slices.Equal(got, []string{red.ID + " oidc:corp"}) {
			t.Errorf("member of %v", got)
		}
		// By hand stays; by the provider goes with the group.
		if err := s.AddMember(ctx, boss, red.ID, p.Account, false); err != nil {
			t.Fatal(err)
		}
		eve.Groups, eve.SessionIndex = []string{"blue"}, "i-2"
		again, err := s.SignInExternal(ctx, eve, home)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{red.ID + " ", blue.ID + " oidc:corp"}
		slices.Sort(want)
		if got := teams(); !slices.Equal(got, want) {
			t.Errorf("member of %v, want %v", got, want)
		}
		if n, err := s.SignOutExternal(ctx, "oidc:corp", "", "i-1"); err != nil || n != 1 || s.alive(in.Token) || !s.alive(again.Token) {
			t.Errorf("%d ended, %v", n, err)
		}
		if e, err := s.ExternalSession(ctx, again.Token); err != nil || e != (ExternalSession{"oidc:corp", "s-1", "i-2"}) {
			t.Errorf("%+v, %v", e, err)
		}
		if n, err := s.SignOutExternal(ctx, "saml:corp", "s-1", ""); err != nil || n != 0 {
			t.Errorf("another provider ended %d, %v", n, err)
		}
		if n, err := s.SignOutExternal(ctx, "oidc:corp", "s-1", ""); err != nil || n != 1 || s.alive(again.Token) {
			t.Errorf("%d ended, %v", n, err)
		}

		// Nobody gets into an account by its name.
		for name, e := range map[string]External{
			"the administrator": {Provider: "oidc:corp", Subject: "s-2", Name: Admin, Create: true},
			"another subject":   {Provider: "oidc:corp", Subject: "s-3", Name: "eve@example.com", Create: true},
			"another provider":  {Provider: "oidc:evil", Subject: "s-1", Name: "eve@example.com", Create: true},
		} {
			if _, err := s.SignInExternal(ctx, e, home); !errors.Is(err, ErrTaken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		scim := good[Account](t)(s.CreateAccount(ctx, By{Operator: system, Via: "scim:corp"}, Account{Name: "zoe", External: "scim:corp"}))
		if in, err = s.SignInExternal(ctx, External{Provider: "oidc:corp", Subject: "s-4", Name: "zoe"}, home); err != nil || in.Operator != "zoe" {
			t.Errorf("made before by SCIM: %v, %v", in, err)
		}
		scim = good[Account](t)(s.Account(ctx, scim.ID))
		scim.Disabled = true
		good[Account](t)(s.UpdateAccount(ctx, boss, scim))
		if _, err := s.SignInExternal(ctx, External{Provider: "oidc:corp", Subject: "s-4", Name: "zoe"}, home); !errors.Is(err, ErrDisabled) || s.alive(in.Token) {
			t.Errorf("disabled: %v", err)
		}
		short := External{Provider: "oidc:corp", Subject: "s-1", Name: "eve@example.com", NotAfter: s.clock.Add(time.Minute)}
		if in, err = s.SignInExternal(ctx, short, home); err != nil {
			t.Fatal(err)
		}
		s.clock = s.clock.Add(time.Minute)
		if s.alive(in.Token) {
			t.Error("a session outlives what its provider said")
		}
	}, WithSecondFactor(true))
}

func TestAPITokens(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		s.enter()
		robot := good[Account](t)(s.CreateAccount(ctx, boss, Account{Name: "robot", Kind: ServiceAccount}))
		if _, _, err := s.Invite(ctx, boss, robot.ID); !errors.Is(err, ErrInvalid) {
			t.Errorf("invited: %v", err)
		}
		year := s.clock.AddDate(1, 0, 0)
		for name, bad := range map[string]APIToken{
			"no end": {Name: "x", Limits: []Permission{ViewAPIs}}, "too long": {Name: "x", Limits: []Permission{ViewAPIs}, Expires: s.clock.AddDate(1, 0, 2)},
			"no permission": {Name: "x", Expires: year}, "unknown permission": {Name: "x", Expires: year, Limits: []Permission{"x:y"}}, "no name": {Expires: year, Limits: []Permission{ViewAPIs}},
		} {
			bad.Account = robot.ID
			if _, _, err := s.CreateAPIToken(ctx, boss, bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		kept, token, err := s.CreateAPIToken(ctx, boss, APIToken{Account: robot.ID, Name: "deploy", Limits: []Permission{ViewAPIs, ManageAPIs}, Expires: year})
		if err != nil || !strings.HasPrefix(token, "frr_") || len(token) != 47 {
			t.Fatal(token, err)
		}
		at := Scope{Group: Root, Environment: "default"}
		may := func(what Permission, want bool) {
			t.Helper()
			p, err := s.Session(ctx, token)
			if err != nil || p.May(what, at) != want || !p.Confirmed.IsZero() || p.Via != "token:deploy" || p.Session != kept.ID {
				t.Errorf("%s is %v: %+v, %v", what, !want, p, err)
			}
		}
		may(ViewAPIs, false) // its account may not
		g := good[KeptGrant](t)(s.AddGrant(ctx, boss, KeptGrant{Account: robot.ID, Role: RoleEnvironmentAdmin, Group: Root}))
		may(ViewAPIs, true)
		may(ViewPolicies, false) // the token may not
		if err := s.RevokeGrant(ctx, boss, g.ID); err != nil {
			t.Fatal(err)
		}
		may(ViewAPIs, false)
		if list := good[[]APIToken](t)(s.APITokens(ctx, robot.ID)); len(list) != 1 || list[0].Used.IsZero() {
			t.Errorf("%+v", list)
		}
		if err := s.RevokeAPIToken(ctx, boss, Admin, kept.ID); !errors.Is(err, ErrUnknown) {
			t.Errorf("revoked as another account's: %v", err)
		}
		s.clock = year
		if s.alive(token) {
			t.Error("a token outlives its end")
		}
		s.clock = year.Add(-time.Hour)
		if err := s.RevokeAPIToken(ctx, boss, robot.ID, kept.ID); err != nil || s.alive(token) {
			t.Errorf("revoked: %v", err)
		}
	})
}

func TestSessionsAreRevoked(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		first := s.enter()
		second, err := s.SignIn(ctx, Admin, goodPassword, other)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Session(ctx, first.Token)
		if err != nil {
			t.Fatal(err)
		}
		list := good[[]Running](t)(s.Sessions(ctx, Admin))
		if len(list) != 2 || !slices.ContainsFunc(list, func(r Running) bool { return r.ID == p.Session && r.Agent == "Test/1" && r.Address == "192.0.2.1" }) {
			t.Errorf("%+v", list)
		}
		if n, err := s.RevokeSessions(ctx, boss, Admin, "", p.Session); err != nil || n != 1 || !s.alive(first.Token) || s.alive(second.Token) {
			t.Errorf("%d, %v", n, err)
		}
		if _, err := s.RevokeSessions(ctx, boss, Admin, "nonsense", ""); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		if n, err := s.RevokeSessions(ctx, boss, Admin, p.Session, ""); err != nil || n != 1 || s.alive(first.Token) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestLifetimesAreSet(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		session := s.enter()
		s.clock = s.clock.Add(4 * time.Minute)
		if !s.alive(session.Token) {
			t.Error("ended early")
		}
		s.clock = s.clock.Add(5 * time.Minute)
		if s.alive(session.Token) {
			t.Error("idle for five minutes")
		}
		in, err := s.SignIn(t.Context(), Admin, goodPassword, home)
		if err != nil || !in.Expires.Equal(s.clock.Add(time.Hour)) {
			t.Errorf("%v, %v", in.Expires, err)
		}
	}, WithLifetimes(5*time.Minute, time.Hour))
}

// Every role, every permission, in its own place and in those around it, against a
// model that knows nothing of paths.
func TestMatrixOfRoles(t *testing.T) {
	parent := map[string]string{"root/a": "root", "root/a/b": "root/a", "root/ab": "root", "root/a/b/c": "root/a/b"}
	within := func(group, in string) bool {
		for at := group; ; at = parent[at] {
			if at == in {
				return true
			}
			if at == "" {
				return false
			}
		}
	}
	var places []Scope
	for _, g := range []string{"root", "root/a", "root/ab", "root/a/b", "root/a/b/c"} {
		places = append(places, Scope{Group: g}, Scope{Group: g, Environment: "e1"}, Scope{Group: g, Environment: "e2"})
	}
	played := 0
	for _, role := range Roles() {
		for _, granted := range places {
			p := Principal{Operator: "ann", Grants: []Grant{{Role: role, Scope: granted}}}
			limited := p
			limited.Limits = []Permission{ViewAPIs}
			for _, what := range Permissions() {
				for _, at := range places {
					played++
					want := role.Allows(what)
					if granted.Environment != "" {
						want = want && at.Group == granted.Group && at.Environment == granted.Environment
					} else {
						want = want && within(at.Group, granted.Group)
					}
					if p.May(what, at) != want {
						t.Fatalf("%s in %v: %s at %v is %v", role, granted, what, at, !want)
					}
					if limited.May(what, at) != (want && what == ViewAPIs) {
						t.Fatalf("limited %s in %v: %s at %v", role, granted, what, at)
					}
				}
			}
		}
	}
	if t.Logf("%d cells", played); played < 50_000 {
		t.Error("too few cells")
	}
}

// Whoever holds all of another may do whatever the other may.
func TestHoldsAll(t *testing.T) {
	scope := rapid.Custom(func(r *rapid.T) Scope {
		return Scope{
			Group:       rapid.SampledFrom([]string{"root", "root/a", "root/a/b", "root/c"}).Draw(r, "group"),
			Environment: rapid.SampledFrom([]string{"", "", "e1"}).Draw(r, "environment"),
		}
	})
	grant := rapid.Custom(func(r *rapid.T) Grant {
		if rapid.Bool().Draw(r, "single") {
			return Grant{Permission: rapid.SampledFrom(Permissions()).Draw(r, "permission"), Scope: scope.Draw(r, "at")}
		}
		return Grant{Role: rapid.SampledFrom(Roles()).Draw(r, "role"), Scope: scope.Draw(r, "at")}
	})
	rapid.Check(t, func(r *rapid.T) {
		p := Principal{Operator: "p", Grants: rapid.SliceOfN(grant, 0, 4).Draw(r, "p")}
		of := Principal{Operator: "of", Grants: rapid.SliceOfN(grant, 0, 3).Draw(r, "of"), Roles: rapid.SliceOfN(rapid.SampledFrom(Roles()), 0, 1).Draw(r, "roles")}
		if !p.HoldsAll(of) {
			return
		}
		for _, what := range Permissions() {
			for _, at := range []Scope{{Group: "root"}, {Group: "root/a"}, {Group: "root/a", Environment: "e1"}, {Group: "root/a/b"}, {Group: "root/c", Environment: "e1"}, {Group: "root", Environment: "e1"}} {
				if of.May(what, at) && !p.May(what, at) {
					r.Fatalf("%v holds all of %v, but not %s at %v", p, of, what, at)
				}
			}
		}
	})
}

// TestInUse holds that other rooms can keep environments and groups from being deleted.
func TestInUse(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		kept := map[string]string{"environment staging": "3 contracts"}
		s.inUse = func(_ context.Context, _ store.Reader, environment, group string) (string, error) {
			if environment != "" {
				return kept["environment "+environment], nil
			}
			return kept["group "+group], nil
		}
		group := good[Group](t)(s.CreateGroup(ctx, boss, Group{Name: "A", Parent: Root}))
		kept["group "+group.ID] = "1 client applications"
		env := good[Environment](t)(s.CreateEnvironment(ctx, boss, Environment{ID: "staging", Kind: Sandbox, Group: Root}))
		for what, remove := range map[string]func() error{
			"it holds 3 contracts":           func() error { return s.DeleteEnvironment(ctx, boss, env.ID, env.Version) },
			"it holds 1 client applications": func() error { return s.DeleteGroup(ctx, boss, group.ID, group.Version) },
		} {
			if err := remove(); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), what) {
				t.Errorf("deleted, though %s: %v", what, err)
			}
		}
		clear(kept)
		if err := errors.Join(s.DeleteEnvironment(ctx, boss, env.ID, env.Version), s.DeleteGroup(ctx, boss, group.ID, group.Version)); err != nil {
			t.Error(err)
		}
	})
}
