package app

import (
	"context"
	"flag"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/console"
)

// pageOf is the address of a pattern of the console for the things of a tenant.
func pageOf(pattern string, t *tenant) (method, path string) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		return http.MethodGet, "/nowhere"
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		name, found := strings.CutPrefix(part, "{")
		if !found {
			continue
		}
		switch name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "..."); {
		case name == "$":
			parts[i] = ""
		case strings.HasPrefix(path, "/secrets/"), strings.HasPrefix(path, "/certificates/"):
			parts[i] = t.ids[map[string]string{"name": "secretgroup", "id": "secret"}[name]]
		case name == "id" && strings.HasPrefix(path, "/access/"):
			parts[i] = map[string]string{"accounts": t.ids["account"], "groups": t.group, "environments": t.environment, "teams": t.ids["team"]}[parts[2]]
		case name == "id" && strings.HasPrefix(path, "/alerts/"):
			if parts[i] = t.ids[strings.TrimSuffix(parts[2], "s")]; parts[i] == "" {
				parts[i] = "none"
			}
		case name == "id" && strings.HasPrefix(path, "/incidents/"):
			parts[i] = t.ids[map[bool]string{true: "containment", false: "containrule"}[strings.Contains(path, "/containments/")]]
		case name == "id" && strings.HasPrefix(path, "/health"):
			parts[i] = t.ids["check"]
		case name == "id" && strings.HasPrefix(path, "/clients"):
			parts[i] = t.ids["application"]
		case name == "id" && strings.Contains(path, "/tiers/"):
			parts[i] = t.ids["tier"]
		case name == "policy":
			parts[i] = "http-basic-authentication-flex"
		default:
			parts[i] = idOf(path, name, t)
		}
	}
	return method, strings.Join(parts, "/")
}

// formOf is a form that has what any page reads, of the things of a tenant.
func formOf(pattern, act string, t *tenant) url.Values {
	id := t.ids["grant"]
	switch {
	case strings.Contains(pattern, "/tokens"):
		id = t.ids["token"]
	case strings.Contains(pattern, "environments"):
		id = "taken"
	}
	f := url.Values{}
	for name, value := range map[string]string{
		"act": act, "id": id, "version": "1", "name": "taken", "display": "taken", "email": "taken@example.com", "kind": "person", "parent": "root", "disabled": "on",
		"what": "developer", "where": t.group + "/", "account": t.ids["account"], "group": t.group, "application": t.group + "/" + t.ids["application"],
		"api": "default/" + t.ids["api"], "tier": t.ids["tier"], "note": "taken", "reason": "taken", "hours": "0", "sure": "on", "namespace": "default",
		"address": listening("taken"), "upstream": "http://127.0.0.1:9/", "on": "false", "permission": "secrets:view", "number": "1",
		"username": "taken", "password": "taken-password", "next": "/", "code": "123456", "days": "7", "permissions": "apis:view", "provider": "oidc:test",
		"method": "GET", "path": "/orders/1", "enabled": "no", "apis": "default/orders", "from": "2026-01-01T00:00", "until": "2026-01-02T00:00",
		"status": "ACTIVE", "max0": "10", "every0": "1", "unit0": "minutes", "s-url": "https://example.com/", "q": "taken", "shared": "on", "folder": "/etc",
		"host": "example.com", "base": "/", "listen": listening(""), "up": "0", "text": ordersManifest, "manifest": ordersManifest, "draft": "1",
		"fingerprint": "0123456789abcdef", "policy": "http-basic-authentication-flex", "looked": "on", "maintainer": "on", "source": "",
	} {
		f.Set(name, value)
	}
	switch {
	case strings.Contains(pattern, "environments"):
		f.Set("kind", "sandbox")
	case strings.Contains(pattern, "secrets"):
		f.Set("kind", "username-password")
	case strings.Contains(pattern, "channels"):
		f.Set("kind", "webhook")
		f.Set("s-secret", "whsec_"+strings.Repeat("QUFB", 12))
	case strings.Contains(pattern, "rules"):
		f.Set("kind", "request-count")
	}
	return f
}

// acts are the acts of forms that have several.
func acts(pattern string) []string {
	switch {
	case strings.Contains(pattern, "/contracts/{id}"):
		return []string{"approve", "reject", "revoke", "restore", "tier", "remove"}
	case strings.HasPrefix(pattern, "POST /certificates/"):
		return []string{"change", "try", "end"}
	case strings.HasPrefix(pattern, "POST /secrets/"):
		return []string{"settings", "change", "grant", "revoke", "generate", "rollback", "remove", "read"}
	}
	return []string{""}
}

// changers are the permissions of which one is needed to change a table.
func changers(table string) []access.Permission {
	switch {
	case strings.HasPrefix(table, "clients_"):
		return []access.Permission{access.ManageClients, access.ManageContracts, access.UsePortal}
	case strings.HasPrefix(table, "secrets_"):
		return []access.Permission{access.WriteSecrets, access.ManageSecrets, access.GrantSecrets}
	case strings.HasPrefix(table, "resource_"):
		return []access.Permission{access.ManageAPIs, access.ManagePolicies, access.Publish, access.ManageAccess}
	case strings.HasPrefix(table, "incidents_"):
		return []access.Permission{access.ManageFindings, access.Contain}
	case strings.HasPrefix(table, "alerts_"), strings.HasPrefix(table, "healthchecks_"):
		return []access.Permission{access.ManageAlerts}
	case strings.HasPrefix(table, "fleet_"):
		return []access.Permission{access.ManageGateways}
	case strings.HasPrefix(table, "discovery_"):
		return []access.Permission{access.ManageInventory}
	case strings.HasPrefix(table, "scan_"):
		return []access.Permission{access.ManageProjects}
	}
	return []access.Permission{access.ManageAccess}
}

// shown are what of the tenant's things a page may only show with one of the
// permissions.
func shown(t *tenant) map[string][]access.Permission {
	return map[string][]access.Permission{
		t.mark + " shoes":    {access.ViewClients, access.ViewContracts, access.ViewAudit},
		t.mark + " gold":     {access.ViewContracts, access.UsePortal, access.ViewAudit},
		t.mark + "-group":    {access.ViewSecrets, access.ViewAudit},
		t.mark + "-database": {access.ViewSecrets, access.ViewAudit},
		t.mark + "-hook":     {access.ViewAlerts, access.ViewAudit},
		t.mark + "-rule":     {access.ViewAlerts, access.ViewAudit},
		t.mark + "-gate":     {access.ViewGateways, access.ViewAudit, access.ViewAlerts},
		t.mark + "-robot":    {access.ViewAccess, access.ViewAudit, access.ViewSecrets},
		t.mark + "-team":     {access.ViewAccess, access.ViewAudit},
		t.mark + "-word":     {}, // a secret
		t.mark + "-password": {}, // another
	}
}

// everyRole plays pages as every role in every place.
var everyRole = flag.Bool("everyrole", false, "play all pages of the console as every role in every place")

// fewVisitors are who is played without that flag.
var fewVisitors = []string{ //nolint:gochecknoglobals // a constant in all but name
	"admin foreign", "environment-admin own", "developer own", "auditor parent", "secrets-admin own", "security parent", "audit-viewer own",
}

// visitor is a caller of pages.
type visitor struct {
	caller
	account string
}

func (w *authWorld) visitors(t testing.TB) []visitor {
	t.Helper()
	list := []visitor{{caller: caller{place: "none", name: "guest", token: w.signIn("guest")}}}
	for _, role := range access.Roles() {
		for place, g := range map[string]access.KeptGrant{"own": {Group: access.Root, Environment: "default"}, "foreign": {Group: w.south.group}, "parent": {Group: access.Root}} {
			if role == access.RoleAdmin && place == "parent" || !*everyRole && !slices.Contains(fewVisitors, string(role)+" "+place) {
				continue // that one may do everything
			}
			g.Role = role
			name := "page-" + string(role) + "-" + place
			list = append(list, visitor{caller: caller{role: role, place: place, name: name, token: w.signIn(name, g)}})
		}
	}
	for i := range list {
		a, err := w.control.access.AccountNamed(context.Background(), list[i].name)
		if err != nil {
			t.Fatal(err)
		}
		list[i].account = a.ID
	}
	return list
}

// head is the number of entries of the audit log.
func (w *authWorld) head(t testing.TB) (n int64) {
	t.Helper()
	if err := w.control.controlDB.Read().QueryRow(context.Background(), "SELECT count(*) FROM audit_entries").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// ends are pages that end the session of who asks, or ask for more than a form.
func ends(pattern string) bool {
	return slices.Contains([]string{"POST /logout", "POST /account/sessions/end", "POST /login", "POST /login/second", "POST /login/link", "POST /confirm", "POST /password", "GET /second-factor", "POST /second-factor"}, pattern)
}

// may reports whether the visitor holds one of the permissions in the own environment.
func (v *visitor) may(any []access.Permission) bool {
	return v.place != "foreign" && slices.ContainsFunc(any, v.role.Allows)
}

// TestPagesOfEveryRole plays every address of the console as every role: nobody sees
// or changes what their role does not give, and strangers see nothing at all.
func TestPagesOfEveryRole(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	visitors, patterns := w.visitors(t), console.Patterns()
	gets, posts, done := 0, 0, 0
	before, head := w.rows(), w.head(t)
	for _, pattern := range patterns {
		method, path := pageOf(pattern, w.home)
		if ends(pattern) || strings.HasPrefix(path, "/assets") {
			continue
		}
		for i := range visitors {
			v := &visitors[i]
			for _, act := range acts(pattern) {
				body := ""
				if method == http.MethodPost {
					body = formOf(pattern, act, w.home).Encode()
					posts++
				} else {
					gets++
				}
				a := w.send(method, path, body, "Cookie", "farrier="+v.token, "Content-Type", "application/x-www-form-urlencoded")
				if a.status >= 500 {
					t.Errorf("%s as %s: %d", pattern, v.name, a.status)
				}
				for text, by := range shown(w.home) {
					if strings.Contains(a.body, text) && !v.may(by) {
						t.Errorf("%s as %s shows %q", pattern, v.name, text)
					}
				}
				if (v.place == "foreign" || v.role == "") && strings.Contains(a.body, w.home.mark) || v.place == "own" && strings.Contains(a.body, w.south.mark) && !v.role.Allows(access.ViewAudit) {
					t.Errorf("%s as %s shows what is not theirs", pattern, v.name)
				}
				if method != http.MethodPost || w.head(t) == head {
					if method == http.MethodGet || act != "" {
						break
					}
					continue
				}
				after := w.rows()
				for _, line := range changed(before, after) {
					done++
					table, row, _ := strings.Cut(line, " ")
					self := (table == "access_tokens" || table == "access_accounts") && strings.Contains(row, "="+v.account+"|")
					if !self && !v.may(changers(table)) {
						t.Errorf("%s as %s changed %.200s", pattern, v.name, line)
					}
				}
				before, head = after, w.head(t)
			}
		}
		if len(changed(before, w.rows())) > 0 {
			t.Errorf("%s changed something that was not audited", pattern)
			before = w.rows()
		}
	}
	if t.Logf("%d addresses, %d visitors: %d pages and %d forms played, %d rows changed by who may", len(patterns), len(visitors), gets, posts, done); gets < 500 || posts < 500 {
		t.Error("too few played")
	}
}

// TestFormsOfOtherSites holds that no form of another site is taken, with the session
// of an administrator.
func TestFormsOfOtherSites(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	before, head, sent := w.rows(), w.head(t), 0
	for _, pattern := range console.Patterns() {
		method, path := pageOf(pattern, w.home)
		if method != http.MethodPost || strings.HasPrefix(pattern, "POST /sso/") && !strings.HasSuffix(pattern, "/start") {
			continue // providers send people and messages from their own sites
		}
		for _, foreign := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://attacker.example"}, {"Origin", "null"}} {
			sent++
			a := w.send(method, path, formOf(pattern, acts(pattern)[0], w.home).Encode(), "Cookie", "farrier="+w.admin, "Content-Type", "application/x-www-form-urlencoded", foreign[0], foreign[1])
			if a.status != http.StatusForbidden {
				t.Errorf("%s from %s %s: %d", pattern, foreign[0], foreign[1], a.status)
			}
		}
	}
	if lines := changed(before, w.rows()); len(lines) > 0 || w.head(t) != head {
		t.Errorf("changed: %.500q", lines)
	}
	if t.Logf("%d forms sent", sent); sent < 300 {
		t.Error("too few forms sent")
	}
}
