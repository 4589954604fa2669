package test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic/journal"
)

// A process that is killed under attack loses no refusal that a client has
// read, counts no finding too low, and comes back with the last good revision
// even when the manifests are broken by then.
func TestKilledUnderAttack(t *testing.T) {
	address, data := freePort(t), t.TempDir()
	folder := manifests(t, `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://`+address+`/api
  services: {orders: {address: "`+service(t)+`"}}
  policies:
  - {policyRef: {name: json-threat-protection-flex}, config: {maxContainerDepth: 2}, rules: [{path: "/deep"}]}
  - {policyRef: {name: attack-protection}, config: {mode: block}, rules: [{path: "/orders"}]}
`)
	p := start(t, folder, data, address)
	refused := attack(t, address, 4*time.Second)
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	ids, injections := refused()
	t.Logf("%d refusals were read by clients before the kill, %d of them SQL injections", len(ids), injections)
	if len(ids) < 500 || injections < 50 {
		t.Fatal("too few attacks to show anything")
	}

	if err := os.WriteFile(filepath.Join(folder, "apis.yaml"), []byte("kind: [broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, folder, data, address)
	resp, err := http.Get("http://" + address + "/api/orders")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the last good revision does not serve: %v %v", resp, err)
	}
	_ = resp.Body.Close()
	again.stop()
	resolve(t, data, ids, injections)
}

// attack sends attacks over several connections until the returned call, which
// gives the correlation ids that clients read, and how many were injections.
func attack(t *testing.T, address string, long time.Duration) func() (ids []string, injections int) {
	t.Helper()
	var mu sync.Mutex
	var ids []string
	injections := 0
	var clients sync.WaitGroup
	send := func(injection bool) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for {
			var resp *http.Response
			var err error
			if injection {
				resp, err = client.Get("http://" + address + "/api/orders?id=1%27%20OR%20%271%27=%271%27--%20")
			} else {
				resp, err = client.Post("http://"+address+"/api/deep", "application/json", strings.NewReader(`[[[[[[1]]]]]]`))
			}
			if err != nil {
				return
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			var refusal struct{ CorrelationID string }
			if err != nil || json.Unmarshal(body, &refusal) != nil || resp.StatusCode < 400 || resp.StatusCode == http.StatusServiceUnavailable {
				continue
			}
			mu.Lock()
			ids = append(ids, refusal.CorrelationID)
			if injection {
				injections++
			}
			mu.Unlock()
		}
	}
	for i := range 6 {
		clients.Go(func() { send(i%2 == 0) })
	}
	time.Sleep(long) // the attack lasts this long; nothing waits for a condition here
	return func() ([]string, int) {
		clients.Wait()
		return ids, injections
	}
}

func resolve(t *testing.T, data string, ids []string, injections int) {
	t.Helper()
	ctx := context.Background()
	open := func(name string) *store.DB {
		db, err := store.Open(ctx, filepath.Join(data, name), store.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	records, err := journal.Open(filepath.Join(data, "journal"), journal.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = records.Close() }()
	traffic, control := open(store.TrafficFile), open(store.ControlFile)
	m, err := monitor.New(ctx, monitor.Options{
		DB: traffic, Journal: records, Rollup: monitor.NewRollup(time.Now), Environment: "default", Gateway: "farrier",
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, id := range ids {
		if _, kept, err := m.Lookup(ctx, id); err != nil || kept != monitor.Kept {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d correlation ids that clients read are not found", lost, len(ids))
	}
	findings, err := posture.New(ctx, posture.Options{DB: traffic, Control: control, Environment: "default", Gateway: "farrier", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := findings.List(ctx, posture.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for _, item := range items {
		most = max(most, int(item.Count))
	}
	t.Logf("%d findings, the most frequent seen %d times", len(items), most)
	if most < injections {
		t.Errorf("the finding of the injection counts %d, clients read %d refusals", most, injections)
	}
}
