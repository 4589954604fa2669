package provision_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// ask is a list of users or groups by one of their attributes.
func (w *world) ask(kind string, p control.Principal, of string, query ...string) (got []string, total int, err error) {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	list := w.Users
	if kind == "Groups" {
		list = w.Groups
	}
	page, err := list(w.t.Context(), p, values)
	if err != nil {
		return nil, 0, err
	}
	for _, one := range page["Resources"].([]any) {
		got = append(got, fmt.Sprint(one.(map[string]any)[of]))
	}
	if n := page["itemsPerPage"]; n != len(got) {
		w.t.Errorf("%v items per page, and %d shown", n, len(got))
	}
	return got, page["totalResults"].(int), nil
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		corp, other := w.token("corp", admin), w.token("other", admin)
		w.user(other, `"userName":"theirs","externalId":"x3"`)
		var ids []string
		for i := range 7 {
			r := w.user(corp, fmt.Sprintf(`"userName":"u%d@e.org","externalId":"x%d","displayName":"Ü Ser %d","emails":[{"value":"U%d@e.org"}],"active":%v`, i, i, i%2, i, i != 3))
			ids = append(ids, id(r))
		}
		red := w.group(corp, `"displayName":"Red","externalId":"g1","members":[{"value":"`+ids[1]+`"},{"value":"`+ids[2]+`"}]`)
		w.group(corp, `"displayName":"Blue","members":[{"value":"`+ids[2]+`"}]`)
		w.group(other, `"displayName":"Theirs"`)
		cases := []struct {
			kind, of string
			query    []string
			want     string
			total    int
		}{
			{"Users", "userName", nil, "u0@e.org u1@e.org u2@e.org u3@e.org u4@e.org u5@e.org u6@e.org", 7},
			{"Users", "userName", []string{"startIndex", "6", "count", "5"}, "u5@e.org u6@e.org", 7},
			{"Users", "userName", []string{"startIndex", "8"}, "", 7},
			{"Users", "userName", []string{"count", "0"}, "", 7},
			{"Users", "userName", []string{"filter", `userName eq "U3@E.org"`}, "u3@e.org", 1},
			{"Users", "userName", []string{"filter", `userName eq "theirs"`}, "", 0},
			{"Users", "userName", []string{"filter", `externalId eq "x3"`}, "u3@e.org", 1},
			{"Users", "userName", []string{"filter", `externalId eq "X3"`}, "", 0},
			{"Users", "userName", []string{"filter", `id eq "` + ids[4] + `"`}, "u4@e.org", 1},
			{"Users", "userName", []string{"filter", `displayName eq "ü ser 1"`}, "u1@e.org u3@e.org u5@e.org", 3},
			{"Users", "userName", []string{"filter", `displayName eq "ü ser 1"`, "startIndex", "2", "count", "1"}, "u3@e.org", 3},
			{"Users", "userName", []string{"filter", `emails[type eq "work"].value eq "u5@e.org"`}, "u5@e.org", 1},
			{"Users", "userName", []string{"filter", `emails.value eq "u5@e.org" and active eq false`}, "", 0},
			{"Users", "userName", []string{"filter", `active eq false or userName sw "u6"`}, "u3@e.org u6@e.org", 2},
			{"Users", "userName", []string{"filter", `groups.value eq "` + id(red) + `"`, "attributes", "userName"}, "u1@e.org u2@e.org", 2},
			{"Users", "emails", []string{"filter", `userName eq "u0@e.org"`, "excludedAttributes", "emails"}, "<nil>", 1},
			{"Groups", "displayName", nil, "Blue Red", 2},
			{"Groups", "displayName", []string{"filter", `displayName eq "red"`, "excludedAttributes", "members"}, "Red", 1},
			{"Groups", "members", []string{"filter", `displayName eq "red"`, "excludedAttributes", "members"}, "<nil>", 1},
			{"Groups", "displayName", []string{"filter", `externalId eq "g1"`}, "Red", 1},
			{"Groups", "displayName", []string{"filter", `members.value eq "` + ids[2] + `"`, "excludedAttributes", "members"}, "Blue Red", 2},
			{"Groups", "displayName", []string{"filter", `members[value eq "` + ids[1] + `"]`}, "Red", 1},
			{"Groups", "displayName", []string{"filter", `id eq "` + id(red) + `" and members eq "` + ids[3] + `"`}, "", 0},
			{"Groups", "displayName", []string{"filter", `not (members.value eq "` + ids[1] + `")`, "excludedAttributes", "members"}, "Blue", 1},
		}
		for _, c := range cases {
			got, total, err := w.ask(c.kind, corp, c.of, c.query...)
			if err != nil || strings.Join(got, " ") != c.want || total != c.total {
				t.Errorf("%s %v: %v of %d, %v; want %s of %d", c.kind, c.query, got, total, err, c.want, c.total)
			}
		}
		_, _, err := w.ask("Users", corp, "id", "filter", `userName regex "x"`)
		refused(t, "a filter that is none", err, 400, "invalidFilter", "after userName comes")
		_, _, err = w.ask("Users", corp, "id", "filter", strings.Repeat("(", 13)+"id pr"+strings.Repeat(")", 13))
		refused(t, "a deep filter", err, 400, "invalidFilter", "nested more than 12 deep")
		if t.Logf("%d lists", len(cases)); len(cases) < 20 {
			t.Error("too few")
		}
	})
}

// modelUser and modelGroup are all that a model knows.
type modelUser struct {
	id, external, display, email string
	active                       bool
}

type modelGroup struct {
	id      string
	members map[string]bool
}

// model is what the provider's users and groups should be, by name.
type model struct {
	w      *world
	p      control.Principal
	prefix string
	users  map[string]*modelUser
	groups map[string]*modelGroup
	played map[string]int
}

// models is how many random sequences are played on each database.
var models = flag.Int("models", 12, "random sequences of SCIM operations on each database")

// TestModel plays random operations on the service and on a simple model, and holds
// that both say the same.
func TestModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, run, played := newWorld(t, db), 0, map[string]int{}
		rapid.Check(t, func(r *rapid.T) {
			if run++; run > *models {
				return
			}
			m := &model{
				w: w, p: w.token(fmt.Sprintf("corp%d", run), admin), prefix: fmt.Sprintf("r%d-", run),
				users: map[string]*modelUser{}, groups: map[string]*modelGroup{}, played: played,
			}
			r.Repeat(map[string]func(*rapid.T){
				"create user": m.createUser, "replace user": m.replaceUser, "patch user": m.patchUser, "delete user": m.deleteUser,
				"create group": m.createGroup, "patch group": m.patchGroup, "delete group": m.deleteGroup, "find": m.find, "": m.compare,
			})
		})
		t.Logf("%d runs, %v", min(run, *models), played)
		for _, name := range []string{"created", "taken", "replaced", "patched", "deleted", "grouped", "joined", "ungrouped", "found"} {
			if played[name] < 1 {
				t.Errorf("%s only %d times", name, played[name])
			}
		}
	})
}

var (
	drawName     = rapid.SampledFrom([]string{"ann", "ben", "cleo", "dora"})
	drawExternal = rapid.SampledFrom([]string{"", "", "x1", "x2", "x3"})
	drawDisplay  = rapid.SampledFrom([]string{"Ann", "Ben B", "Élan"})
	drawEmail    = rapid.SampledFrom([]string{"", "a@e.org", "b@e.org"})
	drawTeam     = rapid.SampledFrom([]string{"Red", "Blue", "Green"})
)

func quote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// is checks that an operation was refused with a status, or not with 0.
func (m *model) is(r *rapid.T, err error, status int) {
	r.Helper()
	var told *scim.Error
	switch {
	case status == 0 && err != nil, status != 0 && (!errors.As(err, &told) || told.Status != status):
		r.Fatalf("%v, want %d", err, status)
	}
}

// externalTaken reports whether somebody but one has an external id.
func (m *model) externalTaken(external, but string) bool {
	for name, u := range m.users {
		if name != but && external != "" && u.external == external {
			return true
		}
	}
	return false
}

func (m *model) drawUser(r *rapid.T) (*modelUser, string) {
	u := &modelUser{external: drawExternal.Draw(r, "external"), display: drawDisplay.Draw(r, "display"), email: drawEmail.Draw(r, "email"), active: rapid.Bool().Draw(r, "active")}
	body := fmt.Sprintf(`,"externalId":%s,"displayName":%s,"active":%v`, quote(u.external), quote(u.display), u.active)
	if u.email != "" {
		body += `,"emails":[{"value":` + quote(u.email) + `}]`
	}
	return u, body
}

func (m *model) createUser(r *rapid.T) {
	name := m.prefix + drawName.Draw(r, "name")
	u, body := m.drawUser(r)
	made, err := m.w.CreateUser(m.w.t.Context(), m.p, user(`"userName":`+quote(strings.ToUpper(name))+body))
	if m.users[name] != nil || m.externalTaken(u.external, "") {
		m.played["taken"]++
		m.is(r, err, 409)
		return
	}
	m.is(r, err, 0)
	m.played["created"]++
	u.id = id(made)
	m.users[name] = u
}

// some draws one that there is; false for none.
func some[T any](r *rapid.T, of map[string]T) (name string, it T, ok bool) {
	if len(of) == 0 {
		return "", it, false
	}
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	name = rapid.SampledFrom(names).Draw(r, "one")
	return name, of[name], true
}

func (m *model) replaceUser(r *rapid.T) {
	name, old, ok := some(r, m.users)
	if !ok {
		return
	}
	u, body := m.drawUser(r)
	u.id = old.id
	_, err := m.w.ReplaceUser(m.w.t.Context(), m.p, old.id, "", user(`"userName":`+quote(name)+body))
	if m.externalTaken(u.external, name) {
		m.is(r, err, 409)
		return
	}
	m.is(r, err, 0)
	m.played["replaced"]++
	m.users[name] = u
}

func (m *model) patchUser(r *rapid.T) {
	_, u, ok := some(r, m.users)
	if !ok {
		return
	}
	ops := map[string]func(){
		`{"op":"Replace","path":"active","value":"False"}`:                       func() { u.active = false },
		`{"op":"replace","value":{"active":true}}`:                               func() { u.active = true },
		`{"op":"Add","path":"emails[type eq \"work\"].value","value":"c@e.org"}`: func() { u.email = "c@e.org" },
		`{"op":"remove","path":"emails"}`:                                        func() { u.email = "" },
		`{"op":"replace","path":"displayName","value":"New"}`:                    func() { u.display = "New" },
		`{"op":"remove","path":"externalId"}`:                                    func() { u.external = "" },
		`{"op":"replace","path":"roles","value":[{"value":"admin"}]}`:            func() {},
	}
	names := make([]string, 0, len(ops))
	for text := range ops {
		names = append(names, text)
	}
	slices.Sort(names)
	op := rapid.SampledFrom(names).Draw(r, "op")
	_, err := m.w.PatchUser(m.w.t.Context(), m.p, u.id, "", patch(op))
	m.is(r, err, 0)
	m.played["patched"]++
	ops[op]()
}

func (m *model) deleteUser(r *rapid.T) {
	name, u, ok := some(r, m.users)
	if !ok {
		return
	}
	m.is(r, m.w.DeleteUser(m.w.t.Context(), m.p, u.id, ""), 0)
	m.is(r, m.w.DeleteUser(m.w.t.Context(), m.p, u.id, ""), 404)
	m.played["deleted"]++
	delete(m.users, name)
	for _, g := range m.groups {
		delete(g.members, u.id)
	}
}

// drawMembers draws users, and what a list of them is in JSON.
func (m *model) drawMembers(r *rapid.T) (ids map[string]bool, list string) {
	ids = map[string]bool{}
	var parts []string
	for range rapid.IntRange(0, 3).Draw(r, "members") {
		if _, u, ok := some(r, m.users); ok {
			ids[u.id] = true
			parts = append(parts, `{"value":"`+u.id+`"}`)
		}
	}
	return ids, "[" + strings.Join(parts, ",") + "]"
}

func (m *model) createGroup(r *rapid.T) {
	name := m.prefix + drawTeam.Draw(r, "name")
	ids, list := m.drawMembers(r)
	made, err := m.w.CreateGroup(m.w.t.Context(), m.p, group(`"displayName":`+quote(name)+`,"members":`+list))
	if m.groups[name] != nil {
		m.is(r, err, 409)
		return
	}
	m.is(r, err, 0)
	m.played["grouped"]++
	m.groups[name] = &modelGroup{id: id(made), members: ids}
}

func (m *model) patchGroup(r *rapid.T) {
	name, g, ok := some(r, m.groups)
	if !ok {
		return
	}
	ids, list := m.drawMembers(r)
	op := rapid.SampledFrom([]string{"add", "Remove", "replace", "rename"}).Draw(r, "op")
	body := patch(`{"op":"` + op + `","path":"members","value":` + list + `}`)
	to := name
	if op == "rename" {
		to = m.prefix + drawTeam.Draw(r, "name")
		body = patch(`{"op":"replace","value":{"id":"` + g.id + `","displayName":` + quote(to) + `}}`)
	}
	_, err := m.w.PatchGroup(m.w.t.Context(), m.p, g.id, "", body)
	if op == "rename" && to != name && m.groups[to] != nil {
		m.is(r, err, 409)
		return
	}
	m.is(r, err, 0)
	m.played["joined"]++
	switch op {
	case "replace":
		g.members = ids
	case "rename":
		delete(m.groups, name)
		m.groups[to] = g
	default:
		for id := range ids {
			if g.members[id] = true; op == "Remove" {
				delete(g.members, id)
			}
		}
	}
}

func (m *model) deleteGroup(r *rapid.T) {
	name, g, ok := some(r, m.groups)
	if !ok {
		return
	}
	m.is(r, m.w.DeleteGroup(m.w.t.Context(), m.p, g.id, ""), 0)
	m.played["ungrouped"]++
	delete(m.groups, name)
}

// find asks by a filter what the model knows.
func (m *model) find(r *rapid.T) {
	display, email := drawDisplay.Draw(r, "display"), drawEmail.Draw(r, "email")
	filters := map[string]func(name string, u *modelUser) bool{
		`active eq true`: func(_ string, u *modelUser) bool { return u.active },
		`displayName eq ` + quote(strings.ToLower(display)): func(_ string, u *modelUser) bool { return u.display == display },
		`emails.value eq ` + quote(email) + ` and not (active eq true)`: func(_ string, u *modelUser) bool {
			return u.email == email && email != "" && !u.active
		},
		`externalId pr or userName eq ` + quote(m.prefix+"ann"): func(name string, u *modelUser) bool { return u.external != "" || name == m.prefix+"ann" },
	}
	for filter, is := range filters {
		var want []string
		for name, u := range m.users {
			if is(name, u) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		got, total, err := m.w.ask("Users", m.p, "userName", "filter", filter)
		if err != nil || total != len(want) || !slices.Equal(got, want) {
			r.Fatalf("%s: %v of %d, %v; want %v", filter, got, total, err, want)
		}
		m.played["found"]++
	}
}

// compare holds that the service shows just what the model has.
func (m *model) compare(r *rapid.T) {
	var want, got []string
	for name, u := range m.users {
		var in []string
		for team, g := range m.groups {
			if g.members[u.id] {
				in = append(in, team)
			}
		}
		slices.Sort(in)
		want = append(want, fmt.Sprint("user ", name, u.id, u.external, u.display, u.email, u.active, in))
	}
	for name, g := range m.groups {
		want = append(want, fmt.Sprint("group ", name, g.id, len(g.members)))
	}
	users, err := m.w.Users(m.w.t.Context(), m.p, nil)
	if err != nil {
		r.Fatal(err)
	}
	text := func(v any) string {
		s, _ := v.(string)
		return s
	}
	for _, one := range users["Resources"].([]any) {
		u, email, in := one.(map[string]any), "", []string(nil)
		if list, ok := u["emails"].([]map[string]any); ok {
			email = text(list[0]["value"])
		}
		if list, ok := u["groups"].([]map[string]any); ok {
			for _, g := range list {
				in = append(in, text(g["display"]))
			}
		}
		got = append(got, fmt.Sprint("user ", u["userName"], u["id"], text(u["externalId"]), u["displayName"], email, u["active"], in))
	}
	groups, err := m.w.Groups(m.w.t.Context(), m.p, nil)
	if err != nil {
		r.Fatal(err)
	}
	for _, one := range groups["Resources"].([]any) {
		g := one.(map[string]any)
		got = append(got, fmt.Sprint("group ", g["displayName"], g["id"], len(g["members"].([]map[string]any))))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		r.Fatalf("%q\nwant %q", got, want)
	}
	if granted, err := m.w.access.Granted(m.w.t.Context(), "", ""); err != nil || slices.ContainsFunc(granted, func(g access.KeptGrant) bool { return g.CreatedBy != "setup" }) {
		r.Fatalf("SCIM granted something: %v, %v", granted, err)
	}
}
