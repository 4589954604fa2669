package secrets

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestGrantsAreOfAccounts holds that who gets the name of an account that was deleted
// gets nothing of what that was granted, and that grants from before ids were kept go to
// those who have the names then, once.
func TestGrantsAreOfAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ids := map[string]string{"bob": "id-1"}
		reopen := func() {
			t.Helper()
			s, err := Open(w.ctx, Options{
				DB: db, Tree: tree{}, Ring: w.ring, Audit: w.log, Now: w.clock, Log: slog.New(slog.DiscardHandler),
				Account: func(_ context.Context, name string) (string, error) { return ids[name], nil },
			})
			w.must(s, err)
			w.Service = s
		}
		reopen()
		bob := func(id string) control.Principal { return control.Principal{Operator: "bob", Account: id} }
		sees := func(when string, p control.Principal, want bool) {
			t.Helper()
			_, err := w.Group(w.ctx, p, "production", "backend")
			if want != (err == nil) || err != nil && !errors.Is(err, control.ErrNotFound) {
				t.Errorf("%s: %s sees the group: %v, want %t", when, p.Account, err, want)
			}
			mayUse, err := w.MayUse(w.ctx, p, "production")
			if err != nil || mayUse("backend") != want || mayUse("other") {
				t.Errorf("%s: %s may use the group: %t, %v, want %t", when, p.Account, mayUse("backend"), err, want)
			}
		}
		listed := func(want int) {
			t.Helper()
			if all, err := w.Grants(w.ctx, w.admin, "production", "backend"); err != nil || len(all) != want {
				t.Errorf("grants %+v, %v, want %d", all, err, want)
			}
		}
		grant := func(on bool) {
			t.Helper()
			w.must(nil, w.Grant(w.ctx, w.admin, "production", "backend", "bob", access.ViewSecrets, on))
		}
		grant(true)
		sees("granted", bob("id-1"), true)
		listed(1)
		ids["bob"] = "id-2" // the account was deleted, and made anew
		sees("another", bob("id-2"), false)
		listed(0)
		grant(true)
		sees("granted anew", bob("id-2"), true)
		sees("the old one", bob("id-1"), false)
		listed(1)
		limited := bob("id-2")
		limited.Limits = []access.Permission{access.ViewAPIs}
		sees("a token without it", limited, false)
		grant(false)
		sees("ended", bob("id-2"), false)
		var wrong *InputError
		if err := w.Grant(w.ctx, w.admin, "production", "backend", "nobody", access.ViewSecrets, true); !errors.As(err, &wrong) || wrong.Field != "account" {
			t.Errorf("granted to nobody: %v", err)
		}
		// From before.
		w.must(nil, db.Write(w.ctx, func(tx *store.Tx) error {
			for _, name := range []string{"bob", "gone"} {
				if _, err := tx.Exec(w.ctx, "INSERT INTO secrets_grants (environment, group_name, account, permission, made_at, made_by) VALUES ('production', 'backend', ?, 'secrets:view', 0, 'admin')", name); err != nil {
					return err
				}
			}
			return nil
		}))
		sees("not settled", bob("id-2"), false)
		reopen()
		sees("settled", bob("id-2"), true)
		ids["gone"] = "id-3"
		reopen()
		sees("came later", control.Principal{Operator: "gone", Account: "id-3"}, false)
		listed(1)
	})
}
