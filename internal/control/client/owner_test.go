package client_test

import (
	"context"
	"errors"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestOwnersAreAccounts holds that who gets the name of an account or a team that was
// deleted owns nothing of theirs, whatever else of the application is changed, and that
// applications from before ids were kept go to those who have the names then, once.
func TestOwnersAreAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newWorld(t, db), t.Context()
		ids, teams := map[string]string{"account:dana": "account:id-1", "team:blue": "team:t-1"}, map[string][]string{"id-9": {"t-1"}}
		reopen := func() {
			t.Helper()
			s, err := client.Open(ctx, client.Options{
				DB: db, Tree: tree{}, Audit: w.audit, Now: w.clock,
				Owner: func(_ context.Context, name string) (string, error) { return ids[name], nil },
				Teams: func(_ context.Context, account string) ([]string, error) { return teams[account], nil },
			})
			w.must(err)
			w.Service = s
		}
		reopen()
		dana := func(id string) control.Principal {
			p := somebody("dana", access.RoleDeveloper, "root/team")
			p.Account = id
			return p
		}
		admin := somebody("ada", access.RoleAdmin, "root/team")
		app, _, err := w.Create(ctx, dana("id-1"), "team", client.Draft{Name: "boots", Owners: []string{"team:blue"}})
		w.must(err)
		owns := func(when string, p control.Principal, want bool) {
			t.Helper()
			_, err := w.Application(ctx, p, "team", app.ID)
			if want != (err == nil) || err != nil && !errors.Is(err, control.ErrNotFound) {
				t.Errorf("%s: %s owns it: %v, want %t", when, p.Account, err, want)
			}
			if mine, err := w.Mine(ctx, p); err != nil || want != (len(mine) == 1) {
				t.Errorf("%s: %s has %d, %v", when, p.Account, len(mine), err)
			}
		}
		update := func(owners ...string) {
			t.Helper()
			now, err := w.Application(ctx, admin, "team", app.ID)
			w.must(err)
			_, err = w.Update(ctx, admin, "team", app.ID, now.Version, client.Draft{Name: "boots", Owners: owners})
			w.must(err)
		}
		owns("made", dana("id-1"), true)
		owns("by the team", dana("id-9"), true)
		ids["account:dana"], ids["team:blue"], teams = "account:id-2", "team:t-2", map[string][]string{"id-8": {"t-2"}}
		owns("another of the name", dana("id-2"), false)
		owns("another team of the name", dana("id-8"), false)
		update("account:dana", "team:blue")
		owns("another of the name, after a change", dana("id-2"), false)
		owns("another team of the name, after a change", dana("id-8"), false)
		update("account:eve")
		update("account:dana")
		owns("made an owner", dana("id-2"), true)
		owns("who was before", dana("id-1"), false)
		// From before.
		w.must(db.Write(ctx, func(tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "DELETE FROM clients_owners"); err != nil {
				return err
			}
			for _, name := range []string{"account:dana", "account:gone"} {
				if _, err := tx.Exec(ctx, "INSERT INTO clients_owners (application_id, owner) VALUES (?, ?)", app.ID, name); err != nil {
					return err
				}
			}
			return nil
		}))
		owns("not settled", dana("id-2"), false)
		reopen()
		owns("settled", dana("id-2"), true)
		ids["account:gone"] = "account:id-3"
		reopen()
		owns("came later", dana("id-3"), false)
	})
}
