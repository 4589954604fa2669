package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/provision"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// world is an organisation with providers that keep operators in it.
type world struct {
	*provision.Service
	t      testing.TB
	access *access.Service
	clock  time.Time
	events []access.Event
	broken error
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

const base = "https://farrier.example.com/scim/v2"

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, clock: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	var err error
	w.access, err = access.Open(t.Context(), db, noHash{}, w, func() time.Time { return w.clock }, access.WithEnvironment("default"))
	must(t, err)
	w.Service, err = provision.New(w.access, base)
	must(t, err)
	return w
}

func each(t *testing.T, play func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { play(t, newWorld(t, db)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// token is who sends a token, good for access:manage, of a service account of that name.
func (w *world) token(name string, grants ...access.KeptGrant) control.Principal {
	w.t.Helper()
	ctx := w.t.Context()
	a, err := w.access.CreateAccount(ctx, setup, access.Account{Name: name, Kind: access.ServiceAccount})
	must(w.t, err)
	for _, g := range grants {
		g.Account = a.ID
		_, err := w.access.AddGrant(ctx, setup, g)
		must(w.t, err)
	}
	_, text, err := w.access.CreateAPIToken(ctx, setup, access.APIToken{
		Account: a.ID, Name: "scim", Limits: []access.Permission{access.ManageAccess}, Expires: w.clock.Add(300 * 24 * time.Hour),
	})
	must(w.t, err)
	p, err := w.access.Session(ctx, text)
	must(w.t, err)
	return p
}

// admin may do everything in the organisation.
var admin = access.KeptGrant{Role: access.RoleAdmin, Group: access.Root}

func user(members string) []byte {
	return []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],` + members + `}`)
}

func group(members string) []byte {
	return []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],` + members + `}`)
}

func patch(ops string) []byte {
	return []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`)
}

func (w *world) user(p control.Principal, members string) scim.Resource {
	w.t.Helper()
	r, err := w.CreateUser(w.t.Context(), p, user(members))
	must(w.t, err)
	return r
}

func (w *world) group(p control.Principal, members string) scim.Resource {
	w.t.Helper()
	r, err := w.CreateGroup(w.t.Context(), p, group(members))
	must(w.t, err)
	return r
}

func id(r scim.Resource) string { return r.Body["id"].(string) }

// told lists the audited actions since the last call, as "action object by via".
func (w *world) told() []string {
	var list []string
	for _, e := range w.events {
		list = append(list, e.Action+" "+e.Object+" "+e.Operator+" "+e.Via)
	}
	w.events = nil
	return list
}

// refused checks a refusal: its status, scimType, and what its detail holds.
func refused(t testing.TB, what string, err error, status int, scimType, detail string) {
	t.Helper()
	var told *scim.Error
	if !errors.As(err, &told) || told.Status != status || told.Type != scimType || !strings.Contains(told.Detail, detail) {
		t.Errorf("%s: %v (%+v), want %d %s %q", what, err, told, status, scimType, detail)
	}
}

func TestLifeOfAUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		corp := w.token("corp", admin)
		w.told()
		jane := w.user(corp, `"userName":"Jane@Example.com","externalId":"00u1","name":{"givenName":"Jane","familyName":"Doe"},"emails":[{"value":"jane@example.com","primary":true}],"active":true,"password":"Never-kept-1234"`)
		a, err := w.access.Account(ctx, id(jane))
		if err != nil || a.Name != "jane@example.com" || a.Display != "Jane Doe" || a.External != "scim:corp" || a.Kind != access.Person || a.Password || a.Disabled {
			t.Errorf("%+v, %v", a, err)
		}
		if jane.Location != base+"/Users/"+a.ID || jane.Version != `W/"1"` || jane.Body["externalId"] != "00u1" {
			t.Errorf("%+v", jane)
		}
		if got := w.told(); !slices.Equal(got, []string{"account-created account jane@example.com corp token:scim"}) {
			t.Errorf("audited %v", got)
		}

		// She comes in by the provider of the same name, and by no password.
		in, err := w.access.SignInExternal(ctx, access.External{Provider: "oidc:corp", Subject: "00u1", Name: "jdoe", Create: true}, access.From{})
		if err != nil || in.Operator != "jane@example.com" {
			t.Fatalf("%+v, %v", in, err)
		}
		if _, err := w.access.SignIn(ctx, "jane@example.com", "Never-kept-1234", access.From{}); !errors.Is(err, access.ErrCredentials) {
			t.Errorf("signed in by the password of SCIM: %v", err)
		}
		_, token, err := w.access.CreateAPIToken(ctx, setup, access.APIToken{Account: a.ID, Name: "own", Limits: []access.Permission{access.ViewAPIs}, Expires: w.clock.Add(time.Hour)})
		must(t, err)
		w.told()

		w.clock = w.clock.Add(time.Minute)
		off, err := w.PatchUser(ctx, corp, a.ID, jane.Version, patch(`{"op":"Replace","path":"active","value":"False"}`))
		if err != nil || off.Body["active"] != false || off.Version == jane.Version {
			t.Errorf("deactivated: %v, %v", off.Body, err)
		}
		for what, secret := range map[string]string{"session": in.Token, "token": token} {
			if _, err := w.access.Session(ctx, secret); !errors.Is(err, access.ErrNoSession) {
				t.Errorf("the %s lives on: %v", what, err)
			}
		}
		if _, err := w.access.SignInExternal(ctx, access.External{Provider: "oidc:corp", Subject: "00u1"}, access.From{}); !errors.Is(err, access.ErrDisabled) {
			t.Errorf("came in again: %v", err)
		}
		if got := w.told(); len(got) == 0 || got[0] != "account-changed account jane@example.com corp token:scim" {
			t.Errorf("audited %v", got)
		}
		// The same once more changes and records nothing; a whole user says nothing of active.
		again, err := w.PatchUser(ctx, corp, a.ID, off.Version, patch(`{"op":"replace","value":{"active":false}}`))
		if err != nil || again.Version != off.Version || len(w.told()) > 0 {
			t.Errorf("again: %v", err)
		}
		whole, err := w.ReplaceUser(ctx, corp, a.ID, off.Version, user(`"userName":"jane@example.com","externalId":"00u1","displayName":"J. Doe"`))
		if err != nil || whole.Body["active"] != false || whole.Body["displayName"] != "J. Doe" || whole.Body["emails"] != nil {
			t.Errorf("%v, %v", whole.Body, err)
		}
		on, err := w.PatchUser(ctx, corp, a.ID, "", patch(`{"op":"replace","value":{"active":true}}`))
		if err != nil || on.Body["active"] != true {
			t.Errorf("%v, %v", on.Body, err)
		}
		if in, err = w.access.SignInExternal(ctx, access.External{Provider: "oidc:corp", Subject: "00u1"}, access.From{}); err != nil {
			t.Errorf("active again: %v", err)
		}
		must(t, w.DeleteUser(ctx, corp, a.ID, on.Version))
		if _, err := w.access.Session(ctx, in.Token); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("the session of a deleted user lives on: %v", err)
		}
		_, err = w.User(ctx, corp, a.ID, nil)
		refused(t, "deleted", err, 404, "", "There is no User")
		refused(t, "deleted twice", w.DeleteUser(ctx, corp, a.ID, ""), 404, "", "There is no User")
	})
}

// TestSignInFindsTheProvisioned plays the ways by which somebody who signs in is known to
// the provider that made their account before.
func TestSignInFindsTheProvisioned(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		corp := w.token("corp", admin)
		w.user(corp, `"userName":"ann@example.com","externalId":"sub-ann"`)
		w.user(corp, `"userName":"ben"`)
		w.user(corp, `"userName":"cleo","emails":[{"value":"Cleo@Example.com"}]`)
		w.user(corp, `"userName":"twin1","emails":[{"value":"twins@example.com"}]`)
		w.user(corp, `"userName":"twin2","emails":[{"value":"twins@example.com"}]`)
		_, err := w.access.CreateAccount(ctx, setup, access.Account{Name: "hand", Email: "hand@example.com"})
		must(t, err)
		cases := []struct {
			name, want string
			err        error
			e          access.External
		}{
			{"by the id of both", "ann@example.com", nil, access.External{Provider: "oidc:corp", Subject: "sub-ann", Name: "ann2", Create: true}},
			{"by another protocol of the provider", "ann@example.com", nil, access.External{Provider: "saml:corp", Subject: "sub-ann", Name: "x", Create: true}},
			{"by name", "ben", nil, access.External{Provider: "oidc:corp", Subject: "s2", Name: "Ben"}},
			{"somebody else of that name", "", access.ErrTaken, access.External{Provider: "oidc:corp", Subject: "s3", Name: "ben", Create: true}},
			{"by address", "cleo", nil, access.External{Provider: "saml:corp", Subject: "s4", Name: "c.smith", Email: "cleo@example.com", Create: true}},
			{"somebody else of that address", "cleo2", nil, access.External{Provider: "saml:corp", Subject: "s5", Name: "cleo2", Email: "cleo@example.com", Create: true}},
			{"an address of two", "", access.ErrNoAccount, access.External{Provider: "oidc:corp", Subject: "s6", Name: "twin", Email: "twins@example.com"}},
			{"another provider", "", access.ErrTaken, access.External{Provider: "oidc:evil", Subject: "s7", Name: "twin1", Create: true}},
			{"another provider's address", "", access.ErrNoAccount, access.External{Provider: "oidc:evil", Subject: "s7", Name: "t", Email: "twins@example.com"}},
			{"an account made by hand", "", access.ErrTaken, access.External{Provider: "oidc:corp", Subject: "s8", Name: "hand", Create: true}},
			{"its address", "", access.ErrNoAccount, access.External{Provider: "oidc:corp", Subject: "s9", Name: "h", Email: "hand@example.com"}},
		}
		for _, c := range cases {
			in, err := w.access.SignInExternal(ctx, c.e, access.From{})
			if !errors.Is(err, c.err) || in.Operator != c.want {
				t.Errorf("%s: %q, %v; want %q, %v", c.name, in.Operator, err, c.want, c.err)
			}
		}
		if t.Logf("%d sign-ins", len(cases)); len(cases) < 10 {
			t.Error("too few")
		}
	})
}

func TestGroups(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		corp := w.token("corp", admin)
		jane, john := w.user(corp, `"userName":"jane"`), w.user(corp, `"userName":"john"`)
		red := w.group(corp, `"displayName":"Red","externalId":"g-1","members":[{"value":"`+id(jane)+`"}]`)
		team := id(red)
		if _, err := w.access.AddGrant(ctx, setup, access.KeptGrant{Team: team, Role: access.RoleDeveloper, Group: access.Root}); err != nil {
			t.Fatal(err)
		}
		may := func(r scim.Resource, want bool) {
			t.Helper()
			p, err := w.access.PrincipalOf(ctx, id(r))
			if err != nil || p.Has(access.RoleDeveloper) != want {
				t.Errorf("%s a developer: %v, %v", r.Body["userName"], !want, err)
			}
		}
		may(jane, true)
		may(john, false)
		w.told()
		after, err := w.PatchGroup(ctx, corp, team, red.Version, patch(`{"op":"Add","path":"members","value":[{"value":"`+id(john)+`"}]},{"op":"Remove","path":"members","value":[{"value":"`+id(jane)+`"}]}`))
		must(t, err)
		may(jane, false)
		may(john, true)
		if got := w.told(); !slices.Equal(got, []string{"team-member-removed team Red corp token:scim", "team-member-added team Red corp token:scim"}) {
			t.Errorf("audited %v", got)
		}
		if again, err := w.PatchGroup(ctx, corp, team, "", patch(`{"op":"remove","path":"members[value eq \"`+id(jane)+`\"]"}`)); err != nil || again.Version != after.Version || len(w.told()) > 0 {
			t.Errorf("nothing to remove: %v", err)
		}

		// Whom people put there stays, and is not the provider's to see.
		must(t, w.access.AddMember(ctx, setup, team, id(jane), false))
		if _, err := w.ReplaceGroup(ctx, corp, team, "", group(`"displayName":"Red team","externalId":"g-1","members":[]`)); err != nil {
			t.Fatal(err)
		}
		may(jane, true)
		may(john, false)
		one, err := w.Group(ctx, corp, team, nil)
		if err != nil || one.Body["displayName"] != "Red team" || len(one.Body["members"].([]map[string]any)) != 0 {
			t.Errorf("%v, %v", one.Body, err)
		}
		if _, err := w.PatchGroup(ctx, corp, team, "", patch(`{"op":"add","path":"members","value":[{"value":"`+id(john)+`"}]}`)); err != nil {
			t.Fatal(err)
		}
		seen, err := w.User(ctx, corp, id(john), url.Values{"attributes": {"groups.display"}})
		if text, _ := json.Marshal(seen.Body["groups"]); err != nil || string(text) != `[{"display":"Red team"}]` {
			t.Errorf("%s, %v", text, err)
		}

		// An account that is deleted leaves its group, which has another version then.
		one, err = w.Group(ctx, corp, team, nil)
		must(t, err)
		must(t, w.DeleteUser(ctx, corp, id(john), ""))
		_, err = w.ReplaceGroup(ctx, corp, team, one.Version, group(`"displayName":"Red"`))
		refused(t, "a member has gone", err, 412, "", "changed meanwhile")
		must(t, w.DeleteGroup(ctx, corp, team, ""))
		may(jane, false)
		refused(t, "deleted twice", w.DeleteGroup(ctx, corp, team, ""), 404, "", "There is no Group")
	})
}

// TestRefused plays what SCIM must not do. Nothing changes by any of it.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		corp, weak, other := w.token("corp", admin), w.token("weak", access.KeptGrant{Permission: access.ManageAccess, Group: access.Root}), w.token("other", admin)
		hand, err := w.access.CreateAccount(ctx, setup, access.Account{Name: "hand"})
		must(t, err)
		handTeam, err := w.access.CreateTeam(ctx, setup, access.Team{Name: "Hand"})
		must(t, err)
		jane, mine := w.user(corp, `"userName":"jane","externalId":"x1"`), w.user(weak, `"userName":"mine"`)
		boss := w.user(corp, `"userName":"boss"`)
		admins := w.group(corp, `"displayName":"Admins","externalId":"g1","members":[{"value":"`+id(boss)+`"}]`)
		strong := w.group(weak, `"displayName":"Strong"`)
		child, err := w.access.CreateTeam(ctx, setup, access.Team{Name: "Child", Parent: id(strong)})
		must(t, err)
		for _, team := range []string{id(admins), child.ID} {
			_, err = w.access.AddGrant(ctx, setup, access.KeptGrant{Team: team, Role: access.RoleAdmin, Group: access.Root})
			must(t, err)
		}
		_, err = w.access.AddGrant(ctx, setup, access.KeptGrant{Account: id(mine), Role: access.RoleDeveloper, Group: access.Root})
		must(t, err)
		empty := w.group(weak, `"displayName":"Empty"`)
		_, err = w.access.AddGrant(ctx, setup, access.KeptGrant{Team: id(empty), Role: access.RoleDeveloper, Group: access.Root})
		must(t, err)

		patchUser := func(p control.Principal, id, match, ops string) func() error {
			return func() error { _, err := w.PatchUser(ctx, p, id, match, patch(ops)); return err }
		}
		patchGroup := func(p control.Principal, id, match, ops string) func() error {
			return func() error { _, err := w.PatchGroup(ctx, p, id, match, patch(ops)); return err }
		}
		makeUser := func(members string) func() error {
			return func() error { _, err := w.CreateUser(ctx, corp, user(members)); return err }
		}
		makeGroup := func(members string) func() error {
			return func() error { _, err := w.CreateGroup(ctx, corp, group(members)); return err }
		}
		attempts := []struct {
			name             string
			status           int
			scimType, detail string
			do               func() error
		}{
			{"a name made by hand", 409, "uniqueness", "may have been made by hand", makeUser(`"userName":"HAND"`)},
			{"the administrator's name", 409, "uniqueness", "may have been made by hand", makeUser(`"userName":"` + access.Admin + `"`)},
			{"a name of another provider", 409, "uniqueness", "another provider", makeUser(`"userName":"mine"`)},
			{"an external id twice", 409, "uniqueness", "externalId", makeUser(`"userName":"new","externalId":"x1"`)},
			{"an external id of another", 409, "uniqueness", "externalId", patchUser(corp, id(boss), "", `{"op":"add","path":"externalId","value":"x1"}`)},
			{"no name", 400, "invalidValue", "userName is missing", makeUser(`"active":true`)},
			{"a name that is none", 400, "invalidValue", "The name must begin with a letter", makeUser(`"userName":"jane doe"`)},
			{"the system's name", 400, "invalidValue", "The name must begin with a letter", makeUser(`"userName":"system"`)},
			{"an address that is none", 400, "invalidValue", `"nowhere" is no e-mail address`, makeUser(`"userName":"new","emails":[{"value":"nowhere"}]`)},
			{"a display name with a line break", 400, "invalidValue", "can not be shown", makeUser(`"userName":"new","displayName":"a\nb"`)},
			{"an unknown attribute", 400, "invalidSyntax", `no attribute "isAdmin"`, makeUser(`"userName":"new","isAdmin":true`)},
			{"another userName", 400, "mutability", "userName can not be changed", patchUser(corp, id(jane), "", `{"op":"replace","path":"userName","value":"joan"}`)},
			{"an old version", 412, "", "changed meanwhile", patchUser(corp, id(jane), `W/"7"`, `{"op":"replace","path":"active","value":false}`)},
			{"an old version to delete", 412, "", "changed meanwhile", func() error { return w.DeleteUser(ctx, corp, id(jane), `"7"`) }},
			{"an old version of a group", 412, "", "changed meanwhile", patchGroup(corp, id(admins), `W/"7"`, `{"op":"remove","path":"members"}`)},
			{"an old version of a group to delete", 412, "", "changed meanwhile", func() error { return w.DeleteGroup(ctx, corp, id(admins), `"7"`) }},
			{"an account made by hand", 404, "", "There is no User", patchUser(corp, hand.ID, "", `{"op":"replace","path":"active","value":false}`)},
			{"deleting one", 404, "", "There is no User", func() error { return w.DeleteUser(ctx, corp, hand.ID, "") }},
			{"another provider's user", 404, "", "There is no User", patchUser(other, id(jane), "", `{"op":"replace","path":"active","value":false}`)},
			{"deleting it", 404, "", "There is no User", func() error { return w.DeleteUser(ctx, other, id(jane), "") }},
			{"a team made by hand", 404, "", "There is no Group", patchGroup(corp, handTeam.ID, "", `{"op":"add","path":"members","value":[{"value":"`+id(jane)+`"}]}`)},
			{"deleting it too", 404, "", "There is no Group", func() error { return w.DeleteGroup(ctx, corp, handTeam.ID, "") }},
			{"another provider's group", 404, "", "There is no Group", func() error { _, err := w.Group(ctx, other, id(admins), nil); return err }},
			{"a team's name made by hand", 409, "uniqueness", "made by hand", makeGroup(`"displayName":"hand"`)},
			{"a team's external id twice", 409, "uniqueness", "externalId", makeGroup(`"displayName":"New","externalId":"g1"`)},
			{"a member made by hand", 400, "invalidValue", "There is no user", patchGroup(corp, id(admins), "", `{"op":"add","path":"members","value":[{"value":"`+hand.ID+`"}]}`)},
			{"a member of another provider", 400, "invalidValue", "There is no user", makeGroup(`"displayName":"New","members":[{"value":"` + id(mine) + `"}]`)},
			{"a group in a group", 400, "invalidValue", "can not be in a group", makeGroup(`"displayName":"New","members":[{"value":"` + id(admins) + `","type":"Group"}]`)},
			{"the last administrator deactivated", 400, "mutability", "Nobody would be left", patchUser(corp, id(boss), "", `{"op":"replace","path":"active","value":false}`)},
			{"the last administrator deleted", 400, "mutability", "Nobody would be left", func() error { return w.DeleteUser(ctx, corp, id(boss), "") }},
			{"the last administrator's membership", 400, "mutability", "Nobody would be left", patchGroup(corp, id(admins), "", `{"op":"remove","path":"members"}`)},
			{"the last administrators' team", 400, "mutability", "Nobody would be left", func() error { return w.DeleteGroup(ctx, corp, id(admins), "") }},
			{"a team that holds others", 400, "mutability", "not empty", func() error { return w.DeleteGroup(ctx, weak, id(strong), "") }},
			{"into a team that brings more", 403, "", "the team brings things", patchGroup(weak, id(empty), "", `{"op":"add","path":"members","value":[{"value":"`+id(mine)+`"}]}`)},
			{"a user who may do more", 403, "", "the user may do things", patchUser(weak, id(mine), "", `{"op":"replace","path":"active","value":false}`)},
			{"deleting who may do more", 403, "", "the user may do things", func() error { return w.DeleteUser(ctx, weak, id(mine), "") }},
		}
		// The person named admin does not count beside boss.
		first, err := w.access.Account(ctx, access.Admin)
		if err == nil {
			first.Disabled = true
			_, err = w.access.UpdateAccount(ctx, setup, first)
			must(t, err)
		}
		before := w.snapshot()
		for _, a := range attempts {
			err := a.do()
			if a.status == 403 {
				if !errors.Is(err, control.ErrForbidden) || !strings.Contains(err.Error(), a.detail) {
					t.Errorf("%s: %v", a.name, err)
				}
				continue
			}
			refused(t, a.name, err, a.status, a.scimType, a.detail)
		}
		if after := w.snapshot(); after != before {
			t.Errorf("something changed:\n%s\n%s", before, after)
		}
		if t.Logf("%d attempts", len(attempts)); len(attempts) < 30 {
			t.Error("too few")
		}
	})
}

// snapshot is all accounts, teams, memberships and grants.
func (w *world) snapshot() string {
	w.t.Helper()
	ctx := w.t.Context()
	accounts, err := w.access.Accounts(ctx, access.AccountQuery{Limit: 1000})
	must(w.t, err)
	for i := range accounts {
		accounts[i].Seen = time.Time{}
	}
	teams, err := w.access.Teams(ctx)
	must(w.t, err)
	members, err := w.access.Members(ctx, "", "")
	must(w.t, err)
	grants, err := w.access.Granted(ctx, "", "")
	must(w.t, err)
	text, err := json.Marshal([]any{accounts, teams, members, grants})
	must(w.t, err)
	return string(text)
}

// TestCallers plays everything as callers who may not.
func TestCallers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		corp := w.token("corp", admin)
		jane, red := w.user(corp, `"userName":"jane"`), w.group(corp, `"displayName":"Red"`)
		north, err := w.access.CreateGroup(ctx, setup, access.Group{Name: "North", Parent: access.Root})
		must(t, err)
		session, narrow := corp, corp
		session.Via, narrow.Limits = "password", []access.Permission{access.ViewAccess, access.ManageAPIs}
		callers := map[string]control.Principal{
			"nobody": {}, "a session": session, "a token for other things": narrow,
			"an administrator of a group": w.token("north", access.KeptGrant{Role: access.RoleAdmin, Group: north.ID}), "no grants": w.token("plain"),
		}
		for _, role := range access.Roles() {
			if !role.Allows(access.ManageAccess) {
				callers[string(role)] = w.token("role-"+string(role), access.KeptGrant{Role: role, Group: access.Root})
			}
		}
		w.told()
		before, played := w.snapshot(), 0
		for name, p := range callers {
			for what, do := range map[string]func() error{
				"about":       func() error { _, err := w.About(ctx, p, "Schemas", ""); return err },
				"users":       func() error { _, err := w.Users(ctx, p, nil); return err },
				"user":        func() error { _, err := w.User(ctx, p, id(jane), nil); return err },
				"create user": func() error { _, err := w.CreateUser(ctx, p, user(`"userName":"x"`)); return err },
				"replace user": func() error {
					_, err := w.ReplaceUser(ctx, p, id(jane), "", user(`"userName":"jane","active":false`))
					return err
				},
				"patch user": func() error {
					_, err := w.PatchUser(ctx, p, id(jane), "", patch(`{"op":"replace","path":"active","value":false}`))
					return err
				},
				"delete user":   func() error { return w.DeleteUser(ctx, p, id(jane), "") },
				"groups":        func() error { _, err := w.Groups(ctx, p, nil); return err },
				"group":         func() error { _, err := w.Group(ctx, p, id(red), nil); return err },
				"create group":  func() error { _, err := w.CreateGroup(ctx, p, group(`"displayName":"x"`)); return err },
				"replace group": func() error { _, err := w.ReplaceGroup(ctx, p, id(red), "", group(`"displayName":"x"`)); return err },
				"patch group": func() error {
					_, err := w.PatchGroup(ctx, p, id(red), "", patch(`{"op":"replace","path":"displayName","value":"x"}`))
					return err
				},
				"delete group": func() error { return w.DeleteGroup(ctx, p, id(red), "") },
			} {
				if played++; !errors.Is(do(), control.ErrForbidden) {
					t.Errorf("%s as %s: %v", what, name, do())
				}
			}
		}
		if w.snapshot() != before || len(w.told()) > 0 {
			t.Error("something changed")
		}
		if t.Logf("%d callers, %d calls", len(callers), played); played < 100 {
			t.Error("too few")
		}
	})
}

func TestNothingChangesUnaudited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		corp := w.token("corp", admin)
		jane := w.user(corp, `"userName":"jane"`)
		red := w.group(corp, `"displayName":"Red"`)
		w.broken = errors.New("the log is full")
		before := w.snapshot()
		for name, act := range map[string]func() error{
			"create user": func() error { _, err := w.CreateUser(ctx, corp, user(`"userName":"x"`)); return err },
			"patch user": func() error {
				_, err := w.PatchUser(ctx, corp, id(jane), "", patch(`{"op":"replace","path":"active","value":false}`))
				return err
			},
			"delete user":  func() error { return w.DeleteUser(ctx, corp, id(jane), "") },
			"create group": func() error { _, err := w.CreateGroup(ctx, corp, group(`"displayName":"x"`)); return err },
			"patch group": func() error {
				_, err := w.PatchGroup(ctx, corp, id(red), "", patch(`{"op":"add","path":"members","value":[{"value":"`+id(jane)+`"}]}`))
				return err
			},
			"delete group": func() error { return w.DeleteGroup(ctx, corp, id(red), "") },
		} {
			if err := act(); !errors.Is(err, w.broken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.snapshot() != before {
			t.Error("something changed")
		}
	})
}
