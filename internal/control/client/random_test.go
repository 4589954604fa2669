package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestRandomActs holds random sequences of acts against a model that knows only
// states, and what gateways are told against the approved ones.
func TestRandomActs(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	ctx := t.Context()
	done, refused, round := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		name := fmt.Sprintf("default/api-%d", round)
		w.published["default "+name] = true
		apps := make([]*client.Application, 3)
		for i := range apps {
			apps[i] = w.app(developer, fmt.Sprintf("App %d of %d", i, round))
		}
		tier, err := w.CreateTier(ctx, owner, "default", name, client.TierDraft{Name: "T", Limits: []client.Limit{{MaximumRequests: 1, TimePeriodInMilliseconds: 1000}}})
		w.must(err)
		held, model := map[int]*client.Contract{}, map[int]client.State{}
		next := map[client.Act]map[client.State]client.State{
			client.Request: {"": client.Pending, client.Rejected: client.Pending},
			client.Approve: {client.Pending: client.Approved},
			client.Reject:  {client.Pending: client.Rejected},
			client.Revoke:  {client.Approved: client.Revoked},
			client.Restore: {client.Revoked: client.Approved},
			client.Remove:  {client.Rejected: "", client.Revoked: ""},
		}
		for range rapid.IntRange(5, 25).Draw(rt, "steps") {
			i := rapid.IntRange(0, len(apps)-1).Draw(rt, "application")
			act := rapid.SampledFrom([]client.Act{client.Request, client.Approve, client.Reject, client.Revoke, client.Restore, client.Remove}).Draw(rt, "act")
			if held[i] == nil && act != client.Request {
				continue
			}
			want, can := next[act][model[i]]
			var after *client.Contract
			var err error
			switch act {
			case client.Request:
				after, err = w.Request(ctx, developer, "default", client.Asking{Group: "team", Application: apps[i].ID, API: name, Tier: tier.ID})
			case client.Remove:
				err = w.Remove(ctx, owner, "default", held[i].ID, held[i].Version)
			default:
				after, err = w.Decide(ctx, owner, "default", held[i].ID, held[i].Version, act, "")
			}
			switch {
			case can && err != nil:
				rt.Fatalf("%s of %q: %v", act, model[i], err)
			case !can && !errors.Is(err, control.ErrInvalid):
				rt.Fatalf("%s of %q is not refused: %v", act, model[i], err)
			case !can:
				refused++
				continue
			}
			done++
			model[i], held[i] = want, after
			if after != nil && after.State != want {
				rt.Fatalf("%s leads to %s, want %s", act, after.State, want)
			}
		}
		files, err := w.Files(ctx, "default")
		w.must(err)
		approved := 0
		for _, state := range model {
			if state == client.Approved {
				approved++
			}
		}
		told := 0
		for _, f := range files {
			if f.Name == client.FilePrefix+name+".yaml" {
				told = strings.Count(string(f.Text), "sla:")
			}
		}
		if told != approved {
			rt.Fatalf("gateways are told of %d approved contracts, there are %d", told, approved)
		}
	})
	if t.Logf("%d acts done, %d refused in %d rounds", done, refused, round); done < 150 || refused < 100 {
		t.Error("too few acts")
	}
}

// TestForeigners holds that nobody learns of what lies in a group of others, and that
// nothing happens without an audit record.
func TestForeigners(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	ctx := t.Context()
	gold := w.tier("Gold", false)
	app := w.app(developer, "Shoes")
	c := w.ask(developer, app, gold)
	d := client.Draft{Name: "X"}
	t0 := client.TierDraft{Name: "X", Limits: gold.Limits}
	acts := map[string]func(p control.Principal) error{
		"list": func(p control.Principal) error {
			_, _, err := w.Applications(ctx, p, "team", client.Query{})
			return err
		},
		"show":   func(p control.Principal) error { _, err := w.Application(ctx, p, "team", app.ID); return err },
		"create": func(p control.Principal) error { _, _, err := w.Create(ctx, p, "team", d); return err },
		"update": func(p control.Principal) error { _, err := w.Update(ctx, p, "team", app.ID, 1, d); return err },
		"delete": func(p control.Principal) error { return w.Delete(ctx, p, "team", app.ID, 1) },
		"reset":  func(p control.Principal) error { _, err := w.ResetSecret(ctx, p, "team", app.ID, 1, 0); return err },
		"held":   func(p control.Principal) error { _, err := w.Held(ctx, p, "team", app.ID); return err },
		"import": func(p control.Principal) error {
			_, err := w.Import(ctx, p, "team", "default", client.Imported{})
			return err
		},
		"tiers": func(p control.Principal) error { _, err := w.Tiers(ctx, p, "default", api); return err },
		"tier":  func(p control.Principal) error { _, err := w.CreateTier(ctx, p, "default", api, t0); return err },
		"edit":  func(p control.Principal) error { _, err := w.UpdateTier(ctx, p, "default", gold.ID, 1, t0); return err },
		"drop":  func(p control.Principal) error { return w.DeleteTier(ctx, p, "default", gold.ID, 1) },
		"asks": func(p control.Principal) error {
			_, _, err := w.Contracts(ctx, p, "default", client.Filter{})
			return err
		},
		"one":     func(p control.Principal) error { _, err := w.Contract(ctx, p, "default", c.ID); return err },
		"history": func(p control.Principal) error { _, err := w.History(ctx, p, "default", c.ID); return err },
		"approve": func(p control.Principal) error {
			_, err := w.Decide(ctx, p, "default", c.ID, c.Version, client.Approve, "")
			return err
		},
		"change": func(p control.Principal) error {
			_, err := w.ChangeTier(ctx, p, "default", c.ID, c.Version, gold.ID, "")
			return err
		},
		"remove": func(p control.Principal) error { return w.Remove(ctx, p, "default", c.ID, c.Version) },
		"request": func(p control.Principal) error {
			_, err := w.Request(ctx, p, "default", client.Asking{Group: "team", Application: app.ID, API: api, Tier: gold.ID})
			return err
		},
	}
	before := len(w.audit.entries)
	reads := map[string]bool{"list": true, "show": true, "held": true, "tiers": true, "asks": true, "one": true, "history": true}
	for name, act := range acts {
		if err := act(stranger); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("a stranger's %s: %v", name, err)
		}
		if err := act(control.Principal{}); !errors.Is(err, control.ErrForbidden) && !errors.Is(err, control.ErrNotFound) {
			t.Errorf("nobody's %s: %v", name, err)
		}
		if err := act(auditor); reads[name] != (err == nil) || err != nil && !errors.Is(err, control.ErrForbidden) {
			t.Errorf("an auditor's %s: %v", name, err)
		}
	}
	// Ids of one environment and group lead nowhere under another's name.
	if _, err := w.Application(ctx, stranger, "other", app.ID); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("an application under another group: %v", err)
	}
	if _, err := w.Decide(ctx, stranger, "apart", c.ID, c.Version, client.Approve, ""); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("a contract under another environment: %v", err)
	}
	if _, err := w.UpdateTier(ctx, stranger, "apart", gold.ID, 1, t0); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("a tier under another environment: %v", err)
	}
	// A developer of the group sees only what is theirs.
	if _, err := w.Application(ctx, teammate, "team", app.ID); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("another developer: %v", err)
	}
	if len(w.audit.entries) != before {
		t.Errorf("%d entries of what was refused", len(w.audit.entries)-before)
	}
	w.must(func() error {
		_, err := w.Update(ctx, owner, "team", app.ID, 1, client.Draft{Name: "Shoes", Owners: []string{"team:blue"}})
		return err
	}())
	if _, err := w.Application(ctx, teammate, "team", app.ID); err != nil {
		t.Errorf("a member of the team that owns it: %v", err)
	}
	if mine, err := w.Mine(ctx, teammate); err != nil || len(mine) != 1 {
		t.Errorf("%v, %v", mine, err)
	}
	w.audit.broken = true
	if _, err := w.Decide(ctx, owner, "default", c.ID, c.Version, client.Approve, ""); err == nil {
		t.Error("a contract is approved without a record")
	}
	w.audit.broken = false
	if now, err := w.Contract(ctx, owner, "default", c.ID); err != nil || now.State != client.Pending {
		t.Errorf("without a record the contract became %v, %v", now, err)
	}
	t.Logf("%d acts by 3 people", len(acts))
}

// TestInput holds what is refused, each wrong in one way.
func TestInput(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	ctx := t.Context()
	w.app(developer, "Taken")
	create := func(change func(*client.Draft)) error {
		d := client.Draft{Name: "Good"}
		change(&d)
		_, _, err := w.Create(ctx, owner, "team", d)
		return err
	}
	tier := func(change func(*client.TierDraft)) error {
		d := client.TierDraft{Name: "T", Limits: []client.Limit{{MaximumRequests: 1, TimePeriodInMilliseconds: 1}}}
		change(&d)
		_, err := w.CreateTier(ctx, owner, "default", api, d)
		return err
	}
	cases := []struct {
		err  error
		want string
	}{
		{create(func(d *client.Draft) { d.Name = " " }), "name: required"},
		{create(func(d *client.Draft) { d.Name = "a\nb" }), "name: must be text of one line"},
		{create(func(d *client.Draft) { d.Name = "TAKEN" }), "name: the business group has"},
		{create(func(d *client.Draft) { d.ClientID = "a:b" }), "clientId: must be"},
		{create(func(d *client.Draft) { d.Owners = []string{"bob"} }), "owners[0]: must be account:NAME"},
		{create(func(d *client.Draft) { d.GrantTypes = []string{"magic"} }), "grantTypes[0]: must be one of"},
		{create(func(d *client.Draft) { d.RedirectURIs = []string{"http://example.com/"} }), "redirectUris[0]: http is for this machine only"},
		{create(func(d *client.Draft) { d.RedirectURIs = []string{"https://example.com/#x"} }), "redirectUris[0]: must have neither"},
		{create(func(d *client.Draft) { d.RedirectURIs = []string{"javascript:alert(1)"} }), "redirectUris[0]: must begin with https"},
		{tier(func(d *client.TierDraft) { d.Limits = nil }), "limits: must be 1 to 10"},
		{tier(func(d *client.TierDraft) { d.Limits[0].MaximumRequests = 0 }), "limits[0].maximumRequests"},
		{tier(func(d *client.TierDraft) { d.Status = "OPEN" }), "status: must be ACTIVE or DEPRECATED"},
	}
	for _, c := range cases {
		if !errors.Is(c.err, control.ErrInvalid) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, c.err)
		}
	}
	if err := create(func(d *client.Draft) {
		d.RedirectURIs = []string{"http://127.0.0.1:9/x", "https://example.com/a?b=c", "com.example.app:/back"}
	}); err != nil {
		t.Error(err)
	}
	if t.Logf("%d inputs", len(cases)); len(cases) < 12 {
		t.Error("too few")
	}
	app := w.app(developer, "Other")
	w.taken = app.ClientID
	if _, err := w.Request(ctx, developer, "default", client.Asking{Group: "team", Application: app.ID, API: api}); !errors.Is(err, control.ErrReadOnly) {
		t.Errorf("a client whose contract a file holds: %v", err)
	}
}

// TestImport brings 10,000 applications and looks through them.
func TestImport(t *testing.T) {
	w := newWorld(t, storetest.Open(t))
	ctx := t.Context()
	const many = 10_000
	in := client.Imported{Tiers: []client.ImportedTier{{API: api, TierDraft: client.TierDraft{Name: "Gold", Limits: []client.Limit{{MaximumRequests: 1, TimePeriodInMilliseconds: 1000}}}}}}
	for i := range many {
		a := client.ImportedApplication{Draft: client.Draft{Name: fmt.Sprintf("Client %05d", i), ClientID: fmt.Sprintf("id-%05d", i)}}
		if i == 7 {
			a.Secret = "an-imported-secret"
		}
		in.Applications = append(in.Applications, a)
		if i < 100 {
			in.Contracts = append(in.Contracts, client.ImportedContract{API: api, ClientID: a.ClientID, Tier: "Gold", State: []client.State{client.Approved, client.Revoked, client.Pending, client.Rejected}[i%4]})
		}
	}
	got, err := w.Import(ctx, somebody("rita", access.RoleAdmin, "root"), "team", "default", in)
	w.must(err)
	if got != (client.ImportResult{Applications: many, Tiers: 1, Contracts: 100}) {
		t.Errorf("%+v", got)
	}
	part := in
	part.Applications = in.Applications[:500]
	again, err := w.Import(ctx, owner, "team", "default", part)
	w.must(err)
	if again.Skipped != 500+101 || again.Applications+again.Tiers+again.Contracts != 0 {
		t.Errorf("the second time %+v", again)
	}
	counts := map[client.State]int{}
	list, _, err := w.Contracts(ctx, owner, "default", client.Filter{Limit: 200})
	w.must(err)
	for i, c := range list {
		counts[c.State]++
		if i > 0 && c.State == client.Pending && list[i-1].State != client.Pending {
			t.Error("what waits does not come first")
		}
	}
	if counts[client.Approved] != 25 || counts[client.Pending] != 25 || counts[client.Rejected] != 25 || counts[client.Revoked] != 25 {
		t.Errorf("%v", counts)
	}
	seen, pages, after := 0, 0, ""
	began := w.clock()
	for {
		page, next, err := w.Applications(ctx, owner, "team", client.Query{After: after, Limit: 200})
		w.must(err)
		seen, pages = seen+len(page), pages+1
		if after = next; next == "" {
			break
		}
	}
	each := w.clock().Sub(began) / 51
	found, _, err := w.Applications(ctx, owner, "team", client.Query{Text: "09999"})
	w.must(err)
	if seen != many || pages != 50 || len(found) != 1 {
		t.Errorf("%d applications on %d pages, %d found", seen, pages, len(found))
	}
	t.Logf("%d applications; a page of 200 takes %s", many, each)
	if each.Milliseconds() > 150 {
		t.Errorf("a page takes %s", each)
	}
	bad := in
	bad.Applications = []client.ImportedApplication{{Draft: client.Draft{Name: "Short", ClientID: "short"}, Secret: "short"}}
	if _, err := w.Import(ctx, owner, "team", "default", bad); !errors.Is(err, control.ErrInvalid) || !strings.Contains(err.Error(), "guessed") {
		t.Errorf("a short secret: %v", err)
	}
}
