package console

import (
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
)

// signInAs makes a person with a role in the organisation and gives the cookie of a
// session of theirs.
func (h *house) signInAs(t *testing.T, name string, role access.Role) string {
	t.Helper()
	by := access.By{Operator: "admin"}
	a, err := h.access.CreateAccount(t.Context(), by, access.Account{Name: name, Kind: access.Person})
	must(t, err)
	_, err = h.access.AddGrant(t.Context(), by, access.KeptGrant{Account: a.ID, Role: role, Group: access.Root})
	must(t, err)
	token, _, err := h.access.Invite(t.Context(), by, a.ID)
	must(t, err)
	s, _, err := h.access.RedeemLink(t.Context(), token, remoteAddr)
	must(t, err)
	s, err = h.access.SetPassword(t.Context(), s.Token, "", "correct horse battery", remoteAddr)
	must(t, err)
	return "farrier=" + s.Token
}

// TestReviewByASecondPerson walks from switching reviews on to a draft that is first
// rejected and then approved.
func TestReviewByASecondPerson(t *testing.T) {
	h := manageHouse(t)
	admin := h.signIn(t)
	ann, bert, otto := h.signInAs(t, "ann", access.RoleAPICreator), h.signInAs(t, "bert", access.RoleAPICreator), h.signInAs(t, "otto", access.RoleAuditor)
	const at, review = "/manage/production", "/manage/production/review"
	version := ""
	play := func(who, method, path string, status int, want string, fields ...string) string {
		t.Helper()
		a := h.ask(t, method, path, who, form(append(fields, "version", version)...))
		if text := a.Header.Get("Location") + a.body; a.StatusCode != status || !strings.Contains(text, want) {
			t.Fatalf("%s %s: %d, no %q in %s%.3000s", method, path, a.StatusCode, want, a.Header.Get("Location"), main(a.body))
		}
		if m := hiddenVersion.FindStringSubmatch(a.body); m != nil {
			version = m[1]
		}
		return a.body
	}
	if page := play(ann, "GET", review, 200, "one person is enough"); strings.Contains(page, "review/switch") {
		t.Error("who may not manage access is offered the switch")
	}
	play(ann, "POST", review+"/switch", 403, "", "on", "true")
	play(admin, "GET", review, 200, "Ask for a second person in production")
	play(admin, "POST", review+"/switch", 303, review, "on", "true")
	play(ann, "POST", at+"/new", 303, at, "name", "orders", "address", "http://0.0.0.0:8081/orders", "upstream", "http://orders:8080")
	play(ann, "GET", at+"/changes", 200, "Ask for a review")
	play(ann, "POST", at+"/publish", 303, "asked=1", "note", "the first")
	play(ann, "GET", review, 200, "Somebody else who may publish decides")
	play(otto, "GET", review, 200, "Somebody who may publish in production decides")
	page := play(bert, "GET", review, 200, "Approve and publish")
	if !strings.Contains(page, "ann asked for a review") || !strings.Contains(page, "http://orders:8080") || !strings.Contains(page, "the first") {
		t.Errorf("the reviewer does not see what would change:\n%s", main(page))
	}
	play(ann, "POST", review, 403, "", "act", "approve")
	play(ann, "POST", review, 403, "", "act", "reject", "note", "no")
	play(otto, "POST", review, 403, "", "act", "approve")
	page = play(bert, "POST", review, 422, `aria-describedby="e-note"`, "act", "reject", "note", " ")
	if !strings.Contains(page, "Say what has to be another way") {
		t.Errorf("the reason why stands nowhere:\n%s", main(page))
	}
	play(bert, "POST", review, 303, review, "act", "reject", "note", "which port?")
	play(ann, "GET", at+"/changes", 200, "which port?")
	play(ann, "GET", review, 200, "bert rejected the draft of ann")
	play(ann, "GET", at+"/changes", 200, "Ask for a review")
	play(ann, "POST", at+"/publish", 303, "asked=1")
	play(bert, "GET", review, 200, "Approve and publish")
	play(bert, "POST", review, 303, at+"/revisions", "act", "approve", "note", "good")
	play(bert, "GET", at+"/revisions", 200, "ann, agreed by bert")
	play(bert, "POST", review, 422, "changed by somebody else", "act", "approve")
}

// TestPromotePages copies an API from staging into production, step by step.
func TestPromotePages(t *testing.T) {
	h := manageHouse(t)
	cookie := h.signIn(t)
	const at = "/manage/production/promote"
	get := func(path string, want ...string) string {
		t.Helper()
		a := h.ask(t, http.MethodGet, path, cookie)
		for _, text := range want {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, text) {
				t.Fatalf("%s: %d, no %q in\n%s", path, a.StatusCode, text, main(a.body))
			}
		}
		return a.body
	}
	get(at, "Nowhere to copy from")
	h.publishStaging(t)
	get("/manage/production", `href="/manage/production/promote"`)
	get(at, "default/orders", `<option selected>staging</option>`)
	page := get(at+"?from=staging&api=default/orders", "http://orders.staging:8080", "copied as it is", "Copy into the draft")
	if strings.Contains(page, hidden) {
		t.Error("the page shows a secret")
	}
	draft := strings.Split(strings.Split(page, `name="draft" value="`)[1], `"`)[0]
	sent := []string{"from", "staging", "api", "default/orders", "draft", draft, "kind", "ApiInstance", "namespace", "default", "name", "orders", "field", "spec.services.upstream.address"}
	a := h.ask(t, http.MethodPost, at, cookie, form(append(sent, "act", "copy", "o0", "not an address")...))
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "spec.services.upstream.address") {
		t.Errorf("a bad address: %d\n%s", a.StatusCode, main(a.body))
	}
	a = h.ask(t, http.MethodPost, at, cookie, form(append(sent, "act", "copy", "o0", "http://orders.production:8080")...))
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/manage/production/changes" {
		t.Fatalf("copying: %d %s\n%s", a.StatusCode, a.Header.Get("Location"), main(a.body))
	}
	a = h.ask(t, http.MethodPost, at, cookie, form(append(sent, "act", "copy", "o0", "http://late:8080")...))
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "changed by somebody else") {
		t.Errorf("a draft that was changed meanwhile: %d\n%s", a.StatusCode, main(a.body))
	}
	// What production says already is kept, and shown beside what staging says.
	page = get(at+"?from=staging&api=default/orders", "Nothing: 2 resources are in the draft", "http://orders.staging:8080", `value="http://orders.production:8080"`)
	if strings.Contains(page, `value="copy"`) {
		t.Error("nothing can be copied")
	}
	for _, path := range []string{at + "?from=nowhere", at + "?from=staging&api=default/none", "/manage/nowhere/promote"} {
		if a := h.ask(t, http.MethodGet, path, cookie); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

// publishStaging puts an API with a policy into service in staging.
func (h *house) publishStaging(t *testing.T) {
	t.Helper()
	ctx, p := t.Context(), control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	s := h.console.Resources
	_, err := s.CreateAPI(ctx, p, "staging", resource.NewAPI{Name: "orders", Address: "http://0.0.0.0:8081/orders", Upstream: "http://orders.staging:8080"})
	must(t, err)
	settings := []byte(`{"username":"u","password":"` + hidden + `"}`)
	_, err = s.AddPolicy(ctx, p, "staging", "default", "orders", "http-basic-authentication-flex", settings)
	must(t, err)
	d, err := s.Draft(ctx, p, "staging")
	must(t, err)
	_, err = s.Publish(ctx, p, "staging", resource.Publishing{Draft: d.Version})
	must(t, err)
}

// askForReview has somebody else change staging and ask for a review of it.
func (h *house) askForReview(t *testing.T) {
	t.Helper()
	ctx, s := t.Context(), h.console.Resources
	p := control.Principal{Operator: "ann", Roles: []access.Role{access.RoleAdmin}}
	must(t, s.SetReview(ctx, p, "staging", true))
	_, err := s.AddPolicy(ctx, p, "staging", "default", "orders", "cors", nil)
	must(t, err)
	d, err := s.Draft(ctx, p, "staging")
	must(t, err)
	if _, err := s.Publish(ctx, p, "staging", resource.Publishing{Draft: d.Version, Note: "Browsers of the shop may call"}); !resource.IsReview(err) {
		t.Fatalf("asking for a review: %v", err)
	}
}
