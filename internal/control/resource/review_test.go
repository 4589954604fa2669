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

// TestReject has a second person refuse a draft: the reason stays until a review is
// asked for again, and nobody agrees to what was refused.
func TestReject(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, ctx := newBench(t, db), t.Context()
		chief := control.Principal{Operator: "chief", Roles: []access.Role{access.RoleAdmin}}
		b.must(b.SetReview(ctx, chief, "default", true))
		b.orders()
		version := b.draftVersion()
		if err := b.Reject(ctx, bert, "default", version, "too early"); !errors.Is(err, control.ErrConflict) {
			t.Errorf("before a review is asked for: %v", err)
		}
		if _, err := b.Publish(ctx, ann, "default", Publishing{Draft: version, Note: "first"}); !errors.Is(err, ErrReview) {
			t.Fatal(err)
		}
		for _, one := range []struct {
			who  control.Principal
			want bool
		}{{ann, false}, {bert, true}, {who("otto", access.RoleAuditor), false}} {
			list, err := b.Waiting(ctx, one.who)
			b.must(err)
			if len(list) != 1 || list[0].Environment != "default" || list[0].Asked != "ann" || list[0].Note != "first" || list[0].Draft != version || list[0].Decidable != one.want {
				t.Errorf("%s sees %+v", one.who.Operator, list)
			}
		}
		if list, err := b.Waiting(ctx, control.Principal{Operator: "stranger"}); err != nil || len(list) != 0 {
			t.Errorf("a stranger sees %+v, %v", list, err)
		}
		for name, one := range map[string]struct {
			err, want error
		}{
			"the author":           {b.Reject(ctx, ann, "default", version, "no"), control.ErrForbidden},
			"without a reason":     {b.Reject(ctx, bert, "default", version, " "), control.ErrInvalid},
			"with a long reason":   {b.Reject(ctx, bert, "default", version, strings.Repeat("x", maxNote+1)), control.ErrInvalid},
			"of another version":   {b.Reject(ctx, bert, "default", version-1, "no"), control.ErrConflict},
			"as an auditor":        {b.Reject(ctx, who("otto", access.RoleAuditor), "default", version, "no"), control.ErrForbidden},
			"of another group":     {b.Reject(ctx, bert, "foreign", version, "no"), control.ErrNotFound},
			"where nothing exists": {b.Reject(ctx, bert, "nowhere", version, "no"), control.ErrNotFound},
		} {
			if !errors.Is(one.err, one.want) {
				t.Errorf("rejecting %s: %v", name, one.err)
			}
		}
		b.must(b.Reject(ctx, bert, "default", version, "mind the limits"))
		if e := b.auditor.entries[len(b.auditor.entries)-1]; e.Action != audit.ReviewRejected || e.Operator != "bert" || e.Detail["reason"] != "mind the limits" {
			t.Errorf("recorded %+v", e)
		}
		d, err := b.Draft(ctx, ann, "default")
		b.must(err)
		if d.Asked != "" || d.Refused == nil || d.Refused.By != "bert" || d.Refused.Asked != "ann" || d.Refused.Reason != "mind the limits" || len(d.Changes) != 1 {
			t.Errorf("the draft is %+v", d)
		}
		// Who still has the page open from before agrees to nothing.
		if _, err := b.Publish(ctx, chief, "default", Publishing{Draft: version}); !errors.Is(err, control.ErrConflict) {
			t.Errorf("agreeing to what was refused: %v", err)
		}
		version = b.draftVersion()
		if _, err := b.Publish(ctx, ann, "default", Publishing{Draft: version}); !errors.Is(err, ErrReview) {
			t.Fatal(err)
		}
		if d, err = b.Draft(ctx, ann, "default"); err != nil || d.Refused != nil {
			t.Errorf("asked again, the draft is %+v, %v", d, err)
		}
		if _, err := b.Publish(ctx, bert, "default", Publishing{Draft: version}); err != nil {
			t.Error(err)
		}
		if list, err := b.Waiting(ctx, bert); err != nil || len(list) != 0 {
			t.Errorf("published, %+v wait, %v", list, err)
		}
	})
}

// TestPromoteAgain copies into a draft that has the API already: what it says of its
// own environment is told, and a draft that was changed meanwhile is not written.
func TestPromoteAgain(t *testing.T) {
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	if list, err := b.Sources(ctx, ann, "production"); err != nil || len(list) != 0 {
		t.Errorf("before anything is live: %v, %v", list, err)
	}
	b.orders()
	b.publish(ann)
	if list, err := b.Sources(ctx, ann, "production"); err != nil || strings.Join(list, " ") != "default" {
		t.Errorf("sources %v, %v", list, err)
	}
	if list, err := b.Sources(ctx, ann, "default"); err != nil || len(list) != 0 {
		t.Errorf("an environment is no source of itself: %v, %v", list, err)
	}
	if list, err := b.LiveAPIs(ctx, ann, "default"); err != nil || strings.Join(list, " ") != "default/orders" {
		t.Errorf("live %v, %v", list, err)
	}
	o := Promotion{From: "default", APIs: []string{"default/orders"}, Overrides: []Override{{Key{KindAPI, "default", "orders"}, "spec.services.upstream.address", "https://orders.internal:8443"}}}
	_, err := b.Promote(ctx, ann, "production", o)
	b.must(err)
	plan, err := b.Promote(ctx, ann, "production", Promotion{From: "default", APIs: o.APIs, DryRun: true})
	b.must(err)
	for _, one := range plan.Look {
		want := map[string]string{"spec.address": "http://0.0.0.0:8081/orders", "spec.services.upstream.address": "https://orders.internal:8443"}[one.Field]
		if one.Current != want {
			t.Errorf("%s is now %q", one.Field, one.Current)
		}
	}
	if len(plan.Look) != 2 || len(plan.Changes) != 1 || len(plan.Changes[0].Fields) != 1 {
		t.Errorf("the plan is %+v", plan)
	}
	d, err := b.Draft(ctx, ann, "production")
	b.must(err)
	stale := d.Version + 1
	o.Draft, o.Overrides = &stale, nil
	if _, err := b.Promote(ctx, ann, "production", o); !errors.Is(err, control.ErrConflict) {
		t.Errorf("into a draft that nobody looked at: %v", err)
	}
	o.Draft = &d.Version
	_, err = b.Promote(ctx, ann, "production", o)
	b.must(err)
	for name, err := range map[string]error{
		"sources of a stranger":   failure(b.Sources(ctx, control.Principal{Operator: "stranger"}, "default")),
		"sources of another":      failure(b.Sources(ctx, ann, "foreign")),
		"live APIs of a stranger": failure(b.LiveAPIs(ctx, control.Principal{Operator: "stranger"}, "default")),
		"live APIs of another":    failure(b.LiveAPIs(ctx, ann, "foreign")),
	} {
		if !errors.Is(err, control.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func failure[T any](_ T, err error) error { return err }
