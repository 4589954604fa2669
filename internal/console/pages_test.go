package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/traffic"
)

// TestPages holds what each page says, and that none shows a secret.
func TestPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	id := h.seed(t)
	h.scanProjects(t)
	cookie := h.signIn(t)
	print := h.attackRecord(0).Findings[0].Fingerprint
	cases := []struct {
		path   string
		status int
		want   []string
		not    []string
	}{
		{"/", 200, []string{"Overview", `aria-current="page">Overview`, "Requests", "default/orders", "attack-protection", "192.0.2.10", "The last change was not put into service", `data-chart="/overview/series?range=1h"`}, nil},
		{"/?range=24h", 200, []string{`aria-current="true">24 hours`}, nil},
		{"/overview/live?range=15m", 200, []string{"Busiest APIs"}, []string{"<html"}},
		{"/apis", 200, []string{"default/orders", "https://0.0.0.0:8443", "layer: experience", "partner/invoices", "no API matched"}, nil},
		{"/apis/default/orders", 200, []string{
			"Policies, in order of execution", "manifests/orders.yaml:14", "automated", "inline", "order 10", "methods POST", "admit",
			"default/orders-backend", "(90 %)", "below", "mobile-app", "gold", "1\u202f000 in 1 min", "GET /orders/{int}", "rateLimits[0].maximumRequests",
			"certificate.key", "••••••••", "http://orders.internal:8080/", "What is wrong", "open findings", "SQL built from request data", "/projects/orders",
		}, nil},
		{"/apis/partner/invoices", 200, []string{"No policy is bound", "There is no route"}, nil},
		{"/apis/default/nowhere", 404, []string{"Not found"}, nil},
		{"/refusals", 200, []string{"crs-942100", "attack-protection", "rel=\"next\""}, nil},
		{"/refusals?policy=rate-limiting-flex", 200, []string{"429"}, []string{"crs-942100", "rel=\"next\""}},
		{"/refusals?status=404", 200, []string{"GET /wp-admin"}, []string{"crs-942100"}},
		{"/refusals?client=192.0.2.11", 200, []string{"192.0.2.11"}, []string{"192.0.2.12"}},
		{"/refusals?rule=crs-941100", 200, []string{"POST /orders"}, []string{"GET /orders/{int}"}},
		{"/refusals?q=wp-admin", 200, []string{"GET /wp-admin"}, []string{"crs-942100"}},
		{"/refusals?outcome=error", 200, []string{"502"}, []string{"crs-942100"}},
		{"/refusals?api=default%2Forders&range=15m", 200, []string{"<option selected>default/orders"}, nil},
		{"/refusals?from=2026-03-01T11:59&to=2026-03-01T12:00", 200, []string{"/exchanges/"}, nil},
		{"/refusals?q=nothingatall", 200, []string{"Nothing matches"}, nil},
		{"/refusals?status=abc", 400, []string{"Status must be a number"}, nil},
		{"/refusals?from=yesterday", 400, []string{"must be dates"}, nil},
		{"/refusals?from=2026-03-01T12:00&to=2026-03-01T11:00", 400, []string{"earlier"}, nil},
		{"/refusals?before=nonsense", 400, []string{"not a correlation id"}, nil},
		{"/exchanges/" + id, 200, []string{
			"refused this request", "The anomaly score 5 reaches the limit of 5", "manifests/orders.yaml:42", "crs-942100", "1&#39; OR 1=1 --",
			"percent", "html-entity", "Bind the value as a parameter", "default/allow-office", "decisive", "not kept", "sqlmap/1.8", "query id",
			"What each policy said", "/findings/" + print,
		}, nil},
		{"/exchanges/" + h.hostile, 200, []string{"refused this request", "&lt;script&gt;alert(1)"}, nil},
		{"/exchanges/" + traffic.NewID(noon), 404, []string{"Counted, not kept"}, nil},
		{"/exchanges/" + traffic.NewID(noon.AddDate(-1, 0, 0)), 404, []string{"Unknown id"}, nil},
		{"/exchanges/short", 404, []string{"This is not a correlation id"}, nil},
		{"/findings", 200, []string{"SQL injection detected", "critical", "body json /items/0/note", "of 8"}, nil},
		{"/findings?severity=low&q=traversal", 200, []string{"Path traversal"}, []string{"SQL injection detected"}},
		{"/findings?severity=terrible", 400, []string{"Severity must be one of"}, nil},
		{"/findings?q=nothingatall", 200, []string{"Nothing matches"}, nil},
		{"/findings/" + print, 200, []string{"SQL injection detected", "Occurrences", "/exchanges/" + id, "CWE", "times"}, nil},
		{"/findings/00000000000000000000000000000000", 404, []string{"Not found"}, nil},
		{"/revision", 200, []string{"In service", "3fa9c1d07b42", "manifests/orders.yaml:42:7", "did you mean orders", "1 warning", "spec.targetRef.name"}, nil},
		{"/governance", 200, []string{"public APIs", "at risk", "1 NonConformant", "1 NotApplicable", "reports only", "/governance/apis/default/orders?profile=public&#43;APIs", "1 waiver"}, nil},
		{"/governance/apis/default/orders", 200, []string{
			"NonConformant", "grade", "operation-description", "testdata/orders.yaml:7", "is not in lower case", `id="f0-7"`, "waived", "Orders &lt;script&gt;alert(1)", "Course",
		}, []string{"policyRef"}},
		{"/governance/apis/default/orders?all=1", 200, []string{`id="f0-13"`}, nil},
		{"/governance/apis/default/nowhere", 404, []string{"Not found"}, nil},
		{"/governance/rulesets", 200, []string{"https-enforcement", "ours/rules.spectral.yaml", "spectral"}, nil},
		{"/governance/rulesets?name=https-enforcement", 200, []string{"Mend:", "Examples"}, nil},
		{"/governance/rulesets?name=nothing", 404, []string{"Not found"}, nil},
		{"/governance/editor", 200, []string{"operation-needs-a-description", "default/orders"}, nil},
		{"/projects", 200, []string{"orders", "clean", "/apis/default/orders", "no API in service", "/src/orders", "multipart/form-data"}, nil},
		{"/projects/orders", 200, []string{
			"MS-INJ-01", "request data becomes part of SQL", "attributes.queryParams.name &lt;b&gt;", "The way of the data, 2 steps", "Close at the gateway",
			"confidence medium", "1 suppressed in the source", "Mule 4.9.8", "broken.xml:3", "implements",
		}, []string{"<b>", "let pass"}},
		{"/projects/orders?severity=critical", 200, []string{"MS-INJ-01"}, []string{"MS-CFG-10"}},
		{"/projects/orders?severity=terrible", 400, []string{"This is no severity"}, nil},
		{"/projects/clean", 200, []string{"Nothing was found", "implements no API in service"}, nil},
		{"/projects/nowhere", 404, []string{"Not found"}, nil},
		{"/audit", 200, []string{"password-set", "sign-in", "login-link-issued", "system"}, nil},
		{"/audit?verify=1", 200, []string{"The chain is whole"}, nil},
		{"/audit?before=x", 400, []string{"No such page"}, nil},
		{"/password", 200, []string{"Change the password"}, nil},
		{"/login", 200, []string{"Sign in"}, nil},
		{"/nowhere", 404, []string{"Not found"}, nil},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			a := h.ask(t, "GET", c.path, cookie)
			if a.StatusCode != c.status {
				t.Fatalf("status %d: %.400s", a.StatusCode, a.body)
			}
			for _, want := range c.want {
				if !strings.Contains(a.body, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			for _, not := range append(c.not, hidden, "<script>alert", "ZgotmplZ", "<no value>", "%!") {
				if strings.Contains(main(a.body), not) {
					t.Errorf("the page says %q", not)
				}
			}
			if strings.Contains(a.body, "<html") && c.path != "/login" && !strings.Contains(a.body, `name="q" type="search"`) {
				t.Error("the page has no look-up box")
			}
			if strings.Contains(a.body, "style=") || strings.Contains(a.body, "<style") || strings.Contains(a.body, " onclick") {
				t.Error("the page has a style or script that its policy forbids")
			}
		})
	}
	if t.Logf("%d pages", len(cases)); len(cases) < 35 {
		t.Error("too few pages played")
	}
}

// main is the part of a page below its filter form, whose lists hold every name.
func main(body string) string {
	if _, after, ok := strings.Cut(body, `class="act"`); ok {
		return after
	}
	return body
}

// TestEmptyPages holds that a console that has seen nothing says so.
func TestEmptyPages(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cookie := h.signIn(t)
	cases := map[string]string{
		"/":           "No API is served yet",
		"/apis":       "No revision is in service",
		"/refusals":   "Nothing was refused yet",
		"/findings":   "No findings",
		"/governance": "No API was judged yet",
		"/projects":   "No project was scanned yet",
		"/revision":   "No revision is in service",
		"/audit":      "sign-in",
	}
	for path, want := range cases {
		if a := h.ask(t, "GET", path, cookie); a.StatusCode != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d, does not say %q", path, a.StatusCode, want)
		}
	}
	if t.Logf("%d pages", len(cases)); len(cases) < 6 {
		t.Error("too few pages played")
	}
}

func TestPagingThroughAllRefusals(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	cookie := h.signIn(t)
	seen, pages := map[string]bool{}, 0
	for at := "/refusals?rule=*"; at != ""; pages++ {
		a := h.ask(t, "GET", at, cookie)
		for part := range strings.SplitSeq(a.body, `class="row" href="/exchanges/`) {
			if len(part) > 26 && traffic.ValidID(part[:26]) {
				seen[part[:26]] = true
			}
		}
		at = ""
		if _, link, ok := strings.Cut(a.body, `<a href="/refusals?`); ok && strings.Contains(a.body, `rel="next"`) {
			for part := range strings.SplitSeq(a.body, `<a href="`) {
				if to, _, ok := strings.Cut(part, `" rel="next"`); ok && !strings.Contains(to, `"`) {
					at = strings.ReplaceAll(to, "&amp;", "&")
				}
			}
			_ = link
		}
	}
	if t.Logf("%d refusals on %d pages", len(seen), pages); len(seen) != 73 || pages != 2 {
		t.Errorf("%d refusals on %d pages, want 73 on 2", len(seen), pages)
	}
}

func TestLookupBox(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	cookie := h.signIn(t)
	for id, want := range map[string]string{
		"": "/refusals", "%20 01kjmpdak0abcdefghjkmnpqrs ": "/exchanges/01KJMPDAK0ABCDEFGHJKMNPQRS", "../audit": "/exchanges/..%2FAUDIT",
	} {
		a := h.ask(t, "GET", "/exchanges?id="+strings.ReplaceAll(id, " ", "+"), cookie)
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
			t.Errorf("%q leads to %q, want %q", id, a.Header.Get("Location"), want)
		}
	}
}

func TestSeries(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	cookie := h.signIn(t)
	for path, least := range map[string]int{"?range=15m": 15, "": 60, "?range=24h": 96, "?range=7d": 84, "?range=1h&api=default%2Forders": 60} {
		a := h.ask(t, "GET", "/overview/series"+path, cookie, header("Accept", "application/json"))
		var s series
		if err := json.Unmarshal([]byte(a.body), &s); err != nil {
			t.Fatal(err)
		}
		if len(s.At) < least || len(s.Requests) != len(s.At) || len(s.Errors) != len(s.At) || s.Step <= 0 {
			t.Errorf("%s: %d points of %d s", path, len(s.At), s.Step)
		}
		var all uint64
		for _, n := range s.Requests {
			all += n
		}
		if all < 240 {
			t.Errorf("%s: %d requests", path, all)
		}
	}
}

func TestAssets(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	a := h.ask(t, "GET", "/login", "")
	looked := 0
	for part := range strings.SplitSeq(a.body, `="/assets/`) {
		path, _, ok := strings.Cut(part, `"`)
		if !ok || strings.ContainsAny(path, " <>") {
			continue
		}
		looked++
		got := h.ask(t, "GET", "/assets/"+path, "")
		if got.StatusCode != 200 || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") || got.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
	if a := h.ask(t, "GET", "/assets/000000000000/console.css", ""); a.StatusCode != http.StatusNotFound || strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("an old version: %d", a.StatusCode)
	}
	if t.Logf("%d assets", looked); looked < 5 {
		t.Error("too few assets looked at")
	}
}

func TestWords(t *testing.T) {
	cases := map[string]string{
		count(0): "0", count(999): "999", count(1000): "1\u202f000", count(-1234567): "-1\u202f234\u202f567",
		percent(0, 0) + ".": ".", percent(1, 100000): "< 0.1 %", percent(1, 3): "33 %", percent(1, 40): "2.5 %",
		byteSize(int64(0)): "0 B", byteSize(2048): "2.0 KiB", byteSize(int64(50 << 20)): "50 MiB",
		duration(0): "–", duration(2000): "2 µs", duration(1_500_000): "1.5 ms", duration(250_000_000): "250 ms", duration(2_500_000_000): "2.5 s",
		ago(0): "just now", ago(59e9): "59 s ago", ago(3600e9): "1 h ago", ago(-2 * 60e9): "in 2 min", ago(-3 * 3600e9): "in 3 h", ago(-72 * 3600e9): "in 3 days", ago(49 * 3600e9): "2 days ago",
		spoken("no route"): "No route.", spoken("é."): "É.", spoken(" "): "",
		query("/x", "a", "", "b", "1&2"): "/x?b=1%262", query("/x"): "/x",
	}
	for got, want := range cases {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if t.Logf("%d words", len(cases)); len(cases) < 25 {
		t.Error("too few words played")
	}
}
