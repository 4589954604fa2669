package app

import (
	"net/http"
	"testing"

	"farrier.dev/farrier/internal/access"
)

// TestOwnEnvironmentMoves holds that the process's own environment can be moved: who
// may see it follows the tree, at once.
func TestOwnEnvironmentMoves(t *testing.T) {
	w := startAuthWorld(t, nil)
	group := w.make("POST", "/groups/root/groups", map[string]any{"name": "shop"})["id"].(string)
	boss := w.signIn("shop-boss", access.KeptGrant{Role: access.RoleAdmin, Group: group})
	read := w.signIn("reader", access.KeptGrant{Role: access.RoleAuditor, Group: access.Root, Environment: "default"})
	const env = "/environments/default"
	paths := []string{env + "/gateways", env + "/publication", env + "/inventory", env + "/exchanges", env + "/findings", env + "/draft"}
	played := 0
	see := func(when string, want int) {
		t.Helper()
		for _, path := range paths {
			if w.ask(w.admin, http.MethodGet, path, "").status == http.StatusNotFound {
				continue // there is no such route
			}
			played++
			if a := w.ask(boss, http.MethodGet, path, ""); a.status != want {
				t.Errorf("%s: %s: %d %.200s", when, path, a.status, a.body)
			}
		}
		for _, page := range []string{"/apis", "/findings", "/inventory"} {
			played++
			a := w.send(http.MethodGet, page, "", "Cookie", "farrier="+boss)
			if (a.status == http.StatusOK) != (want == http.StatusOK) {
				t.Errorf("%s: page %s: %d", when, page, a.status)
			}
		}
		if a := w.ask(read, http.MethodGet, env+"/gateways", ""); a.status != http.StatusOK {
			t.Errorf("%s: who was granted something in the environment: %d", when, a.status)
		}
	}
	move := func(to string) {
		t.Helper()
		all, err := w.control.access.Environments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e := all["default"]
		e.Group = to
		if _, err := w.control.access.UpdateEnvironment(t.Context(), setup, e); err != nil {
			t.Fatal(err)
		}
	}
	see("in the top group", http.StatusNotFound)
	move(group)
	see("in the boss's group", http.StatusOK)
	// A group that holds it moves, too.
	above := w.make("POST", "/groups/root/groups", map[string]any{"name": "above"})["id"].(string)
	all, err := w.control.access.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		if g.ID == group {
			g.Parent = above
			if _, err := w.control.access.UpdateGroup(t.Context(), setup, g); err != nil {
				t.Fatal(err)
			}
		}
	}
	see("below another", http.StatusOK)
	move(above)
	see("taken away", http.StatusNotFound)
	if t.Logf("%d pages and addresses asked", played); played < 20 {
		t.Error("too few")
	}
}
