package console

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
)

// busy says that an application used 42 of a limit of 50, by a counter.
type busy struct{ now func() time.Time }

func (b busy) Calls(_ context.Context, _, _, _ string, since time.Time, step time.Duration) (days []client.Calls, err error) {
	for at := since; at.Before(b.now()); at = at.Add(step) {
		n := uint64(len(days))
		days = append(days, client.Calls{At: at, Requests: 1200 + 310*n, Refused: 40 * n})
	}
	return days, nil
}

func (b busy) Spent(_ context.Context, _, _, _ string, limits []client.Limit) ([]client.Spent, error) {
	spent := make([]client.Spent, len(limits))
	for i := range spent {
		spent[i] = client.Spent{Used: limits[i].MaximumRequests * 84 / 100, Reset: 40 * time.Second}
	}
	return spent, nil
}

// TestOwnApplication shows an application what it used, and asks for another tier: one
// that somebody must grant, and one that is granted at once.
func TestOwnApplication(t *testing.T) {
	h := fullHouse(t)
	h.seed(t)
	cookie := h.signIn(t)
	h.furnishContract(t, cookie)
	dana := h.signInAs(t, "dana", access.RoleDeveloper)
	ctx, s := t.Context(), h.console.Clients
	if a := h.ask(t, http.MethodPost, "/clients", dana, form("group", access.Root, "name", "Boots", "from", "portal")); a.StatusCode >= 400 {
		t.Fatalf("an application of one's own: %d\n%s", a.StatusCode, main(a.body))
	}
	app := regexp.MustCompile(`/portal/applications/root/[\w-]+`).FindString(h.ask(t, http.MethodGet, "/portal/applications", dana).body)
	p := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	limits := []client.Limit{{Visible: true, MaximumRequests: 50, TimePeriodInMilliseconds: 60_000}}
	tier := func(name string, auto bool) string {
		made, err := s.CreateTier(ctx, p, "production", "default/orders", client.TierDraft{Name: name, AutoApprove: auto, Limits: limits})
		must(t, err)
		return made.ID
	}
	platinum, free := tier("Platinum", false), tier("Free", true)
	gold, err := s.Tiers(ctx, p, "production", "default/orders")
	must(t, err)
	if a := h.ask(t, http.MethodPost, "/portal/apis/default/orders/ask", dana, form("application", strings.TrimPrefix(app, "/portal/applications/"), "tier", gold[1].ID)); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("asking for access: %d\n%s", a.StatusCode, main(a.body))
	}
	get := func(want ...string) string {
		t.Helper()
		a := h.ask(t, http.MethodGet, app, dana)
		for _, text := range want {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, text) {
				t.Fatalf("%d, no %q in\n%s", a.StatusCode, text, main(a.body))
			}
		}
		return a.body
	}
	held := func() client.Contract {
		t.Helper()
		list, _, err := s.Contracts(ctx, p, "production", client.Filter{API: "default/orders", Application: app[strings.LastIndexByte(app, '/')+1:]})
		must(t, err)
		return list[0]
	}
	get("PENDING", "asks for Gold", "Ask for yet another tier")
	c := held()
	_, err = s.Decide(ctx, p, "production", c.ID, c.Version, client.Approve, "welcome")
	must(t, err)
	page := get("APPROVED", "tier Gold", "exact: by the limiter of the gateway beside this portal", "80 % or more of a limit is used", "Last seven days", "Platinum, 50 in 1 min", "Free, 50 in 1 min, granted at once")
	if strings.Contains(page, `value="`+c.Wanted.ID+`"`) {
		t.Error("the tier that it has is offered")
	}
	send := func(status int, version, tier string) string {
		t.Helper()
		a := h.ask(t, http.MethodPost, app+"/tier", dana, form("environment", "production", "contract", c.ID, "version", version, "tier", tier, "reason", "more shoes"))
		if a.StatusCode != status {
			t.Fatalf("asking for a tier: %d, want %d\n%s", a.StatusCode, status, main(a.body))
		}
		return a.body
	}
	if body := send(http.StatusUnprocessableEntity, "2", "none"); !strings.Contains(body, "The API has no such tier") || !strings.Contains(body, `value="more shoes"`) {
		t.Errorf("a tier that is not there:\n%s", main(body))
	}
	send(http.StatusUnprocessableEntity, "1", platinum)
	send(http.StatusSeeOther, "2", platinum)
	if c = held(); c.Tier.Name != "Gold" || c.Wanted.Name != "Platinum" || c.Reason != "more shoes" {
		t.Errorf("asked for: %+v", c)
	}
	// The owner of the API sees both tiers.
	requests := h.ask(t, http.MethodGet, "/clients/requests", cookie).body
	if !strings.Contains(requests, ">Gold<") || !strings.Contains(requests, "asks for Platinum") {
		t.Errorf("the owner of the API does not see both tiers:\n%s", main(requests))
	}
	get("tier Gold", "asks for Platinum")
	send(http.StatusSeeOther, "3", free)
	if c = held(); c.Tier.Name != "Free" || c.Wanted != nil {
		t.Errorf("granted at once: %+v", c)
	}
	if a := h.ask(t, http.MethodGet, "/portal/applications/root/none", cookie); a.StatusCode != http.StatusNotFound {
		t.Errorf("an application that is not there: %d", a.StatusCode)
	}
}

// approve grants what is asked for at the API orders, and has another application ask.
func (h *house) approve(t *testing.T) {
	t.Helper()
	p := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	list, _, err := h.console.Clients.Contracts(t.Context(), p, "production", client.Filter{API: "default/orders"})
	must(t, err)
	for _, c := range list {
		_, err := h.console.Clients.Decide(t.Context(), p, "production", c.ID, c.Version, client.Approve, "Welcome")
		must(t, err)
	}
	boots, _, err := h.console.Clients.Create(t.Context(), p, access.Root, client.Draft{Name: "Boot shop"})
	must(t, err)
	_, err = h.console.Clients.Request(t.Context(), p, "production", client.Asking{Group: access.Root, Application: boots.ID, API: "default/orders", Tier: list[0].Wanted.ID, Reason: "we sell boots"})
	must(t, err)
}
