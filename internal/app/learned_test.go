package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
)

// learnsApart is a gateway of its own in the environment edge.
type learnsApart struct {
	stop func()
	log  *lockedText
}

func startApart(t *testing.T, w *authWorld, dir, token string) *learnsApart {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data, cfg.Bind, cfg.Limits.DrainSeconds = dir, netip.MustParseAddr("127.0.0.2"), 1
	g := &learnsApart{log: &lockedText{}}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- Gateway(ctx, cfg, w.gateways, token, slog.New(slog.NewTextHandler(g.log, nil)), io.Discard, func(Ready) { close(ready) })
	}()
	select {
	case err := <-ended:
		t.Fatalf("the gateway: %v", err)
	case <-ready:
	}
	g.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopping the gateway: %v", err)
		}
	}
	return g
}

// TestLearnedApart holds, over the real link, that what a gateway of its own learns of
// APIs lies in the control plane, that a restart of the gateway begins nothing anew, and
// that values stay where they passed.
func TestLearnedApart(t *testing.T) {
	w := startAuthWorld(t, func(cfg *Config) { cfg.Fleet = Fleet{Listen: "127.0.0.1:0", Hosts: []string{"127.0.0.1"}} })
	var answers atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(out, `{"owner": "Jonas Kruse the %dth", "iban": "GB29NWBK60161331926819"}`, answers.Add(1))
	}))
	t.Cleanup(backend.Close)
	w.make("POST", "/groups/root/environments", map[string]any{"id": "edge", "name": "edge", "kind": "sandbox"})
	port := 20_000 + rand.IntN(12_000)
	w.make("POST", "/environments/edge/apis", map[string]any{"name": "accounts", "address": fmt.Sprintf("http://0.0.0.0:%d/", port), "upstream": backend.URL + "/"})
	w.make("POST", "/environments/edge/draft/publish", map[string]any{"draft": w.make("GET", "/environments/edge/draft", nil)["version"], "note": "first"})
	token, _ := w.make("POST", "/environments/edge/gateways", map[string]any{"name": "edge-1"})["token"].(string)

	requests := 0
	ask := func(n int) {
		for range n {
			answer, err := http.Get(fmt.Sprintf("http://127.0.0.2:%d/accounts/%d?iban=FR1420041010050500013M02606", port, requests))
			if err == nil {
				_ = answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					requests++
				}
			}
		}
	}
	k, err := keep.Open(t.Context(), keep.Options{Traffic: w.control.trafficDB, Control: w.control.controlDB, Environment: "edge", Gateway: "edge-1", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	learned := func() (counted uint64, text string) {
		if err := k.Restore(t.Context(), func(op *discovery.Operation) error {
			raw, err := json.Marshal(op)
			counted, text = counted+op.Requests, text+string(raw)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return counted, text
	}
	dir := t.TempDir()
	for round, n := range []int{300, 200} {
		g := startApart(t, w, dir, token)
		for deadline := time.Now().Add(time.Minute); requests == 0 && time.Now().Before(deadline); {
			ask(1)
		}
		ask(n)
		g.stop() // what is learned is told at the end
		counted, text := learned()
		if int(counted) != requests {
			t.Errorf("round %d: %d of %d exchanges were learned\n%s", round, counted, requests, g.log)
		}
		for _, value := range []string{"Kruse", "GB29NWBK", "FR1420041"} {
			if strings.Contains(text, value) {
				t.Errorf("a value was handed over: %s", value)
			}
		}
		t.Logf("round %d: %d exchanges in %d bytes of operations", round, counted, len(text))
		requests = int(counted)
	}
}
