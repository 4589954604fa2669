package console

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/secret"
)

// sealer is the master key of a house.
func sealer(t testing.TB, dir string) access.Sealer {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	ring, err := secret.OpenKeyring(dir, func() (bool, error) { return false, nil })
	must(t, err)
	return ring
}

// codeOf is what an authenticator shows: not the code under test.
func codeOf(t *testing.T, text string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	must(t, err)
	mac := hmac.New(sha1.New, key)
	must(t, binary.Write(mac, binary.BigEndian, at.Unix()/30))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

var secretOnPage = regexp.MustCompile(`<code>([A-Z2-7]{32})</code>`)

func cookieNamed(t *testing.T, a answer, name string) string {
	t.Helper()
	for _, c := range a.Cookies() {
		if c.Name == name {
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
				t.Errorf("the cookie is %s", c)
			}
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no cookie %s: %d %v %.200s", name, a.StatusCode, a.Cookies(), a.body)
	return ""
}

func TestSecondFactorFromPageToPage(t *testing.T) {
	now := noon
	h := newHouse(t, func() time.Time { return now })
	cookie := h.signIn(t)
	a := h.ask(t, "GET", "/second-factor", cookie)
	found := secretOnPage.FindStringSubmatch(a.body)
	if found == nil || !strings.Contains(a.body, "<svg") || !strings.Contains(a.body, "otpauth://totp/Farrier:admin") {
		t.Fatalf("the page to enrol: %d %.500s", a.StatusCode, a.body)
	}
	a = h.ask(t, "POST", "/second-factor", cookie, form("code", codeOf(t, found[1], now)))
	if a.StatusCode != http.StatusOK || strings.Count(a.body, "-") < 30 {
		t.Fatalf("enrolled: %d %.500s", a.StatusCode, a.body)
	}
	cookie = sessionCookie(t, a)
	a = h.ask(t, "POST", "/login", "", form("operator", "admin", "password", "correct horse battery", "next", "/apis"))
	half := cookieNamed(t, a, "farrier-half")
	if a.Header.Get("Location") != "/login/second?next=%2Fapis" {
		t.Fatalf("the password leads to %q", a.Header.Get("Location"))
	}
	if a := h.ask(t, "GET", "/apis", strings.Replace(half, "-half", "", 1)); a.StatusCode == http.StatusOK {
		t.Error("half a sign-in opens a page")
	}
	if a := h.ask(t, "GET", "/login/second?next=%2Fapis", half); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `name="code"`) {
		t.Errorf("the second step: %d", a.StatusCode)
	}
	if a := h.ask(t, "POST", "/login/second", half, form("code", "000000")); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong code: %d", a.StatusCode)
	}
	now = now.Add(30 * time.Second)
	a = h.ask(t, "POST", "/login/second", half, form("code", codeOf(t, found[1], now), "next", "/apis"))
	if a.Header.Get("Location") != "/apis" {
		t.Errorf("the code leads to %q", a.Header.Get("Location"))
	}
	sessionCookie(t, a)
	if a := h.ask(t, "GET", "/login/second", half); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a finished sign-in: %d", a.StatusCode)
	}

	// Dangerous acts ask again after a while.
	now = now.Add(15 * time.Minute)
	if a := h.ask(t, "POST", "/account/recovery", cookie); a.Header.Get("Location") == "" || !strings.HasPrefix(a.Header.Get("Location"), "/confirm") {
		t.Fatalf("new recovery codes after a while: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := h.ask(t, "POST", "/confirm", cookie, form("password", "correct horse battery", "code", codeOf(t, found[1], now), "next", "/account")); a.Header.Get("Location") != "/account" {
		t.Errorf("confirmed: %d %.300s", a.StatusCode, a.body)
	}
	if a := h.ask(t, "POST", "/account/recovery", cookie); a.StatusCode != http.StatusOK {
		t.Errorf("new recovery codes: %d", a.StatusCode)
	}
}

func TestPeopleFromPageToPage(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cookie := h.signIn(t)
	post := func(path string, fields ...string) string {
		t.Helper()
		a := h.ask(t, "POST", path, cookie, form(fields...))
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d %.600s", path, a.StatusCode, a.body)
		}
		return a.Header.Get("Location")
	}
	ann := post("/access/accounts", "name", "ann", "display", "Ann <b>", "email", "ann@example.com", "kind", "person")
	a := h.ask(t, "POST", ann+"/invite", cookie)
	link := regexp.MustCompile(`/login\?token=([\w-]{43})`).FindStringSubmatch(a.body)
	if a.StatusCode != http.StatusCreated || link == nil || strings.Contains(a.body, "Ann <b>") {
		t.Fatalf("inviting: %d %.600s", a.StatusCode, a.body)
	}
	if again := h.ask(t, "GET", ann, cookie); strings.Contains(again.body, link[1]) {
		t.Error("an invitation is shown again")
	}
	theirs := sessionCookie(t, h.ask(t, "POST", "/login/link", "", form("token", link[1])))
	theirs = sessionCookie(t, h.ask(t, "POST", "/password", theirs, form("password", "vexed otter hums", "again", "vexed otter hums")))
	if a := h.ask(t, "GET", "/access", theirs); a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusForbidden {
		t.Errorf("who is granted nothing sees accounts: %d", a.StatusCode)
	}
	post(ann+"/grants", "what", "auditor", "where", "root")
	if a := h.ask(t, "GET", "/access", theirs); a.StatusCode != http.StatusOK || strings.Contains(a.body, "New account") {
		t.Errorf("an auditor sees accounts: %d", a.StatusCode)
	}
	if a := h.ask(t, "POST", "/access/accounts", theirs, form("name", "eve")); a.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor makes an account: %d", a.StatusCode)
	}
	team := "/access/teams"
	post(team, "name", "Night shift")
	a = h.ask(t, "GET", team, cookie)
	id := regexp.MustCompile(`/access/teams/([0-9a-f]{16})`).FindString(a.body)
	post(id+"/members", "name", "ann", "maintainer", "on")
	post(id+"/grants", "what", "apis:view", "where", "root/default")
	post(id+"/maps", "provider", "oidc:corp", "group", "night")
	post("/access/groups", "name", "North", "parent", "root")
	group := regexp.MustCompile(`/access/groups/[0-9a-f]{16}`).FindString(h.ask(t, "GET", "/access/groups", cookie).body)
	post("/access/environments", "group", strings.TrimPrefix(group, "/access/groups/"), "id", "staging", "kind", "sandbox", "review", "on")
	robot := post("/access/accounts", "name", "robot", "kind", "service")
	a = h.ask(t, "POST", robot+"/tokens", cookie, form("name", "deploy", "days", "30", "permission", "apis:view"))
	if a.StatusCode != http.StatusCreated || !strings.Contains(a.body, "frr_") {
		t.Errorf("a token: %d", a.StatusCode)
	}
	if a := h.ask(t, "POST", "/account/tokens", cookie, form("name", "mine", "days", "30", "permission", "apis:view")); a.StatusCode != http.StatusCreated || !strings.Contains(a.body, "frr_") {
		t.Errorf("an own token: %d", a.StatusCode)
	}
	for _, path := range []string{"/access", "/access?q=ann", ann, robot, team, id, "/access/groups", group, "/access/groups/root", "/access/roles", "/account", "/confirm"} {
		if a := h.ask(t, "GET", path, cookie); a.StatusCode != http.StatusOK || strings.Contains(a.body, "frr_") || len(a.body) > 300_000 {
			t.Errorf("%s: %d, %d bytes", path, a.StatusCode, len(a.body))
		}
	}
	for _, bad := range []struct {
		path   string
		fields []string
		want   string
	}{
		{"/access/accounts", []string{"name", "ann"}, "one of that name"},
		{"/access/accounts", []string{"name", "no good"}, "lower-case"},
		{ann, []string{"version", "99"}, "somebody else"},
		{"/access/groups/root/delete", []string{"version", "1"}, "can not be deleted"},
	} {
		if a := h.ask(t, "POST", bad.path, cookie, form(bad.fields...)); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, bad.want) {
			t.Errorf("%s %v: %d, without %q", bad.path, bad.fields, a.StatusCode, bad.want)
		}
	}
}
