package resource

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

const ordersOpenAPI = `openapi: 3.0.3
info: {title: Orders of the shop, version: "1"}
paths:
  /orders:
    get:
      summary: List orders
      responses: {"200": {description: Fine}}
`

// TestSpecification attaches descriptions to an API, replaces and removes them, and
// refuses what can't be read with the line.
func TestSpecification(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		b.orders()
		attach := func(p control.Principal, environment, name, file, text string, version int64) error {
			_, err := b.Attach(ctx, p, environment, "default", name, Attaching{File: file, Text: text}, version)
			return err
		}
		for why, one := range map[string]struct{ got, want error }{
			"no name":            {attach(ann, "default", "orders", "", ordersOpenAPI, 0), control.ErrInvalid},
			"a path":             {attach(ann, "default", "orders", "../orders.yaml", ordersOpenAPI, 0), control.ErrInvalid},
			"a hidden file":      {attach(ann, "default", "orders", ".orders.yaml", ordersOpenAPI, 0), control.ErrInvalid},
			"nothing":            {attach(ann, "default", "orders", "a.yaml", "", 0), control.ErrInvalid},
			"too much":           {attach(ann, "default", "orders", "a.yaml", ordersOpenAPI+strings.Repeat("#", MaxSpecification), 0), control.ErrInvalid},
			"no description":     {attach(ann, "default", "orders", "a.yaml", "hello: world\n", 0), control.ErrInvalid},
			"another version":    {attach(ann, "default", "orders", "a.yaml", ordersOpenAPI, 3), control.ErrConflict},
			"an unknown API":     {attach(ann, "default", "none", "a.yaml", ordersOpenAPI, 0), control.ErrNotFound},
			"another group":      {attach(ann, "foreign", "orders", "a.yaml", ordersOpenAPI, 0), control.ErrNotFound},
			"as an auditor":      {attach(who("otto", access.RoleAuditor), "default", "orders", "a.yaml", ordersOpenAPI, 0), control.ErrForbidden},
			"nothing to show":    {failure(b.Specification(ctx, ann, "default", "default", "orders")), control.ErrNotFound},
			"nothing to remove":  {b.Detach(ctx, ann, "default", "default", "orders", 0), control.ErrNotFound},
			"shown to strangers": {failure(b.Specification(ctx, control.Principal{Operator: "stranger"}, "default", "default", "orders")), control.ErrNotFound},
		} {
			if !errors.Is(one.got, one.want) {
				t.Errorf("%s: %v", why, one.got)
			}
		}
		var wrong *InvalidError
		if err := attach(ann, "default", "orders", "a.yaml", strings.Replace(ordersOpenAPI, "    get:", "    get: 7\n    put:", 1), 0); !errors.As(err, &wrong) || wrong.Problems[0].Line != 5 || wrong.Problems[0].File != "a.yaml" {
			t.Errorf("a mistake in line 5: %v", err)
		}
		b.published = nil
		b.must(attach(ann, "default", "orders", "orders.yaml", ordersOpenAPI, 0))
		if e := b.auditor.entries[len(b.auditor.entries)-1]; e.Action != audit.SpecificationAttached || e.Object != "description of ApiInstance default/orders" || e.Before != nil || e.After == nil {
			t.Errorf("recorded %+v", e)
		}
		d, err := b.Specification(ctx, who("otto", access.RoleAuditor), "default", "default", "orders")
		b.must(err)
		if d.Version != 1 || d.Title != "Orders of the shop" || d.Language != "openapi-3.0" || string(d.Text) != ordersOpenAPI || d.Author != "ann" || len(b.published) != 1 {
			t.Errorf("attached %+v, published %v", d, b.published)
		}
		if d, err := b.Draft(ctx, ann, "default"); err != nil || len(d.Changes) != 1 {
			t.Errorf("a description changes the draft: %+v, %v", d, err)
		}
		b.must(attach(bert, "default", "orders", "second.yaml", strings.Replace(ordersOpenAPI, "Orders of", "Orders for", 1), 1))
		all, err := b.Specifications(ctx, "default")
		b.must(err)
		if len(all) != 1 || all[0].File != "second.yaml" || all[0].Version != 2 || !strings.Contains(string(all[0].Text), "Orders for") {
			t.Errorf("replaced: %+v", all)
		}
		if err := b.Detach(ctx, ann, "default", "default", "orders", 1); !errors.Is(err, control.ErrConflict) {
			t.Errorf("removing what was replaced: %v", err)
		}
		b.must(b.Detach(ctx, ann, "default", "default", "orders", 2))
		if all, err := b.Specifications(ctx, "default"); err != nil || len(all) != 0 {
			t.Errorf("removed: %+v, %v", all, err)
		}
		b.auditor.fails = errors.New("read-only")
		if err := attach(ann, "default", "orders", "orders.yaml", ordersOpenAPI, 0); err == nil {
			t.Error("what can't be recorded happens")
		}
		if all, err := b.Specifications(ctx, "default"); err != nil || len(all) != 0 {
			t.Errorf("what can't be recorded stays: %+v, %v", all, err)
		}
	})
}
