package app

import (
	"log/slog"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

// TestSpent reads the very counters by which the policy of an API holds a client to its
// tier, and spends nothing by it.
func TestSpent(t *testing.T) {
	s := newStores(Config{Data: t.TempDir(), Environment: "test"}, func() *router.Table { return nil }, slog.New(slog.DiscardHandler))
	name := revision.Name{Namespace: "default", Name: "orders"}
	rev := &revision.Revision{APIs: []revision.API{{Name: name, Policies: []revision.Binding{
		{Name: revision.Name{Namespace: "default", Name: "cors"}, Policy: "cors", Settings: []byte(`{}`)},
		{Name: revision.Name{Namespace: "default", Name: "sla"}, Policy: "rate-limiting-sla-based-flex", Settings: []byte(`{}`)},
	}}}}
	c := &counted{environment: "test", stores: s, serving: func(environment string) *revision.Revision {
		if environment != "test" {
			return nil
		}
		return rev
	}}
	limits := []client.Limit{{MaximumRequests: 5, TimePeriodInMilliseconds: 3_600_000}, {MaximumRequests: 100, TimePeriodInMilliseconds: 86_400_000}}
	tally, err := policy.NewTally(policy.Env{API: "default/orders", Binding: "default/sla", Local: s.local}, "rate-limiting-sla-based", true)
	if err != nil {
		t.Fatal(err)
	}
	windows := []sharedstate.Limit{{Max: 5, Period: time.Hour}, {Max: 100, Period: 24 * time.Hour}}
	for range 3 {
		if _, err := tally.Take(t.Context(), "shoes", windows); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		got, err := c.Spent(t.Context(), "test", "default/orders", "shoes", limits)
		if err != nil || len(got) != 2 || got[0].Used != 3 || got[1].Used != 3 || got[0].Shared || got[0].Reset <= 0 || got[0].Reset > time.Hour {
			t.Fatalf("spent %+v, %v", got, err)
		}
	}
	if got, err := c.Spent(t.Context(), "test", "default/orders", "boots", limits); err != nil || len(got) != 2 || got[0].Used != 0 {
		t.Errorf("another client: %+v, %v", got, err)
	}
	for why, one := range map[string][3]string{
		"another environment": {"other", "default/orders", "shoes"}, "another API": {"test", "default/invoices", "shoes"},
	} {
		if got, err := c.Spent(t.Context(), one[0], one[1], one[2], limits); err != nil || got != nil {
			t.Errorf("%s: %+v, %v", why, got, err)
		}
	}
	// A shared store that does not answer says nothing, rather than nothing spent.
	rev.Settings.SharedStorage.Address = sharedstatetest.FreeAddress(t)
	if got, err := c.Spent(t.Context(), "test", "default/orders", "shoes", limits); err != nil || got != nil {
		t.Errorf("without the shared store: %+v, %v", got, err)
	}
	rev.Settings.SharedStorage.Address = ""
	rev.APIs[0].Policies = rev.APIs[0].Policies[:1]
	if got, err := c.Spent(t.Context(), "test", "default/orders", "shoes", limits); err != nil || got != nil {
		t.Errorf("without the policy: %+v, %v", got, err)
	}
}
