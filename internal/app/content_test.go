package app_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/store"
)

// guarded is an API whose attacks are refused.
const guarded = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: guarded}
spec:
  address: http://0.0.0.0:8081/api
  services: {echo: {address: "http://127.0.0.1:9001"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: shield}
spec:
  targetRef: {name: guarded}
  policyRef: {name: attack-protection}
  config: {}
`

const ruleOfContent = `id: unicorn-horn
title: A unicorn in a value
severity: critical
class: expression
description: Nobody asks for unicorns.
fix: Do not ask for unicorns.
any:
  - words: ['unicorn-horn-4711']
good: ['a horse']
bad: ['give me unicorn-horn-4711 now']
`

// TestContentWhileServing installs a rule and an address while a gateway serves,
// and takes them away again: nobody restarts anything, and the audit log tells.
func TestContentWhileServing(t *testing.T) {
	r := serve(t, startServices(t, nil), one(guarded))
	cfg := app.DefaultConfig()
	cfg.Data = r.data
	dir := t.TempDir()
	for name, text := range map[string]string{"rules/unicorn-horn.yaml": ruleOfContent, "feeds/addresses.txt": "192.0.2.0/24\n"} {
		path := filepath.Join(dir, "community", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, bundle := filepath.Join(dir, "key"), filepath.Join(dir, "bundle.tgz")
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	must(app.ContentKeygen(key, io.Discard),
		app.ContentSign(filepath.Join(dir, "community"), app.SignOptions{Key: key, Output: bundle, Version: "2026.11.22-1"}, io.Discard),
		app.ContentTrust(cfg, key+".pub", io.Discard))
	url := "http://" + r.at("8081") + "/api?q=unicorn-horn-4711"
	ask := func(want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		must(err)
		resp, err := http.DefaultClient.Do(req)
		must(err)
		must(resp.Body.Close())
		if resp.StatusCode != want {
			t.Fatalf("answered %d, want %d", resp.StatusCode, want)
		}
	}
	revision := func(n uint64) {
		t.Helper()
		if !r.waitPublishing(func(s publish.Status) bool { return s.Serving != nil && s.Serving.Number == n }) {
			t.Fatalf("no revision %d: %+v", n, r.ready.Publishing())
		}
	}
	revision(1)
	ask(http.StatusOK)
	must(app.ContentUpdate(cfg, bundle, false, io.Discard))
	revision(2)
	ask(http.StatusForbidden)
	var shown bytes.Buffer
	must(app.ContentShow(cfg, "text", &shown))
	if !strings.Contains(shown.String(), "2026.11.22-1") {
		t.Errorf("shown %s", shown.String())
	}
	must(app.ContentRollback(cfg, false, io.Discard))
	revision(3)
	ask(http.StatusOK)

	must(r.stop())
	db, err := store.Open(t.Context(), filepath.Join(r.data, store.ControlFile), store.Options{})
	must(err)
	defer func() { must(db.Close()) }()
	log, err := audit.Open(t.Context(), db, time.Now)
	must(err)
	entries, err := log.List(t.Context(), audit.Query{Limit: 100})
	must(err)
	found := map[audit.Action]string{}
	for _, e := range entries {
		found[e.Action] += e.Object + " before " + e.Detail["before"] + " " + string(e.Outcome)
	}
	for action, want := range map[audit.Action]string{
		audit.ContentUpdated:    "content 2026.11.22-1 before as built done",
		audit.ContentRolledBack: "content as built before 2026.11.22-1 done",
	} {
		if found[action] != want {
			t.Errorf("the audit log says of %s %q, want %q", action, found[action], want)
		}
	}
}
