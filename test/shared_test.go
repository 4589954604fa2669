package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

// sharing are the manifests of one replica: an API on an address of its own, and
// the store that all replicas share.
func sharing(t *testing.T, address, upstream, store string) string {
	t.Helper()
	return manifests(t, `
apiVersion: gateway.mulesoft.com/v1beta1
kind: Configuration
metadata: {name: together}
spec: {sharedStorage: {redis: {address: "`+store+`"}}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://`+address+`/
  services: {orders: {address: "`+upstream+`"}}
  policies:
  - policyRef: {name: rate-limiting-flex}
    config:
      rateLimits: [{maximumRequests: 1000, timePeriodInMilliseconds: 600000}]
      keySelector: "#[attributes.headers['x-round']]"
      exposeHeaders: true
`)
}

// round is what clients of several replicas were told under one key.
type round struct {
	key                        string
	accepted, refused, unknown atomic.Int64
	stop                       atomic.Bool
	clients                    sync.WaitGroup
}

// send lets some clients call one replica until it refuses them for good, goes
// away or the round is stopped, and counts what it accepted. Their pace leaves
// the machine time for others.
func (r *round) send(address string, clients int) *atomic.Int64 {
	var here atomic.Int64
	for range clients {
		r.clients.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for refusals := 0; refusals < 30 && !r.stop.Load(); {
				status, _, err := ask(client, address, "/orders", "x-round", r.key)
				switch {
				case err != nil:
					return
				case status == http.StatusOK:
					r.accepted.Add(1)
					here.Add(1)
				case status == http.StatusTooManyRequests:
					refusals++
					r.refused.Add(1)
				default:
					r.unknown.Add(1)
				}
				time.Sleep(time.Millisecond) // the pace of a client
			}
		})
	}
	return &here
}

func ask(client *http.Client, address, path, name, value string) (status int, body string, err error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set(name, value)
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// held fails when more was accepted than the limit and its hundredth part, or
// less. lost may have been counted without an answer that anybody read; so may
// what a replica gave up on, which a busy machine makes it do.
func (r *round) held(t *testing.T, lost int64) {
	t.Helper()
	n := r.accepted.Load()
	t.Logf("%s: %d accepted of a limit of 1000, %d refused with 429, %d with another status", r.key, n, r.refused.Load(), r.unknown.Load())
	if n > 1010 || n+lost+r.unknown.Load() < 990 {
		t.Errorf("%s: %d accepted, the limit is 1000", r.key, n)
	}
	if r.refused.Load() == 0 {
		t.Errorf("%s: nobody was refused", r.key)
	}
}

// Three gateways on one store hold one limit, also when a fourth joins and one
// is killed while they count.
func TestReplicasHoldOneLimit(t *testing.T) {
	store := sharedstatetest.StartServer(t)
	upstream := service(t)
	var replicas []*process
	join := func() string {
		address := freePort(t)
		replicas = append(replicas, start(t, sharing(t, address, upstream, store.Address), t.TempDir(), address))
		return address
	}
	addresses := []string{join(), join(), join()}

	steady := &round{key: "three replicas"}
	for _, address := range addresses {
		steady.send(address, 4)
	}
	steady.clients.Wait()
	steady.held(t, 0)

	moving := &round{key: "a fourth joins and one is killed"}
	for _, address := range addresses {
		moving.send(address, 2)
	}
	sharedstatetest.Eventually(t, time.Minute, "a part of the limit is used", func() bool { return moving.accepted.Load() >= 100 })
	moving.stop.Store(true) // the fourth takes its time to start
	moving.clients.Wait()
	addresses = append(addresses, join())
	moving.stop.Store(false)
	var shares []*atomic.Int64
	for _, address := range addresses {
		shares = append(shares, moving.send(address, 2))
	}
	sharedstatetest.Eventually(t, time.Minute, "half of the limit is used", func() bool { return moving.accepted.Load() >= 500 })
	if err := replicas[0].cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	moving.clients.Wait()
	moving.held(t, 2) // what the killed one was answering was counted and never read
	for i, share := range shares {
		if t.Logf("replica %d accepted %d of them", i+1, share.Load()); share.Load() < 20 {
			t.Errorf("replica %d took no part", i+1)
		}
	}
}

// outage is one way in which a store fails.
type outage struct {
	name       string
	begin, end func(s *sharedstatetest.Server, p *sharedstatetest.Proxy)
}

var outages = []outage{
	{
		"killed",
		func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Kill() },
		func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Start() },
	},
	{
		"paused",
		func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Pause() },
		func(s *sharedstatetest.Server, _ *sharedstatetest.Proxy) { s.Resume() },
	},
	{
		"slow",
		func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Slow(300 * time.Millisecond) },
		func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Slow(0) },
	},
	{
		"cut",
		func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Refuse(true); p.Cut() },
		func(_ *sharedstatetest.Server, p *sharedstatetest.Proxy) { p.Refuse(false) },
	},
}

const outageManifests = `
apiVersion: gateway.mulesoft.com/v1beta1
kind: Configuration
metadata: {name: together}
spec: {sharedStorage: {redis: {address: "STORE"}}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: plain}
spec: {address: "http://ADDRESS/plain", services: {s: {address: "SERVICE"}}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: closed}
spec:
  address: http://ADDRESS/closed
  services: {s: {address: "SERVICE"}}
  policies:
  - {policyRef: {name: rate-limiting-flex}, config: {rateLimits: [{maximumRequests: 1000000, timePeriodInMilliseconds: 600000}]}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: open}
spec:
  address: http://ADDRESS/open
  services: {s: {address: "SERVICE"}}
  policies:
  - {policyRef: {name: rate-limiting-flex}, config: {rateLimits: [{maximumRequests: 1000000, timePeriodInMilliseconds: 600000}], blockOnUnknownQuota: false}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: contract}
spec:
  address: http://ADDRESS/contract
  services: {s: {address: "SERVICE"}}
  policies:
  - {policyRef: {name: rate-limiting-sla-based-flex}}
`

const outageContract = `
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Contract
metadata: {name: NAME}
spec:
  apiId: contract
  client: {id: NAME}
  sla: {name: five, limits: [{maximumRequests: 5, timePeriodInMilliseconds: 600000}]}
`

// A store that fails in any way costs an exchange 20 ms at most; each policy
// does what its settings say meanwhile, and goes on when the store is back.
func TestStoreOutage(t *testing.T) {
	store := sharedstatetest.StartServer(t)
	proxy := sharedstatetest.StartProxy(t, store.Address)
	address := freePort(t)
	text := strings.NewReplacer("STORE", proxy.Address, "ADDRESS", address, "SERVICE", service(t)).Replace(outageManifests)
	for _, o := range outages {
		text += strings.ReplaceAll(outageContract, "NAME", o.name)
	}
	p := start(t, manifests(t, text), t.TempDir(), address)
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	status := func(path, id string) int {
		code, body, err := ask(client, address, path, "client_id", id)
		if err != nil {
			t.Fatal(err)
		}
		var refusal struct{ Error string }
		if code == http.StatusServiceUnavailable && (json.Unmarshal([]byte(body), &refusal) != nil || refusal.Error != "Service unavailable.") {
			t.Errorf("a refusal reads %s", body)
		}
		return code
	}
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			answers := func() bool { return status("/closed", o.name) == http.StatusOK }
			sharedstatetest.Eventually(t, 20*time.Second, "the store answers", answers)
			for range 3 { // of five that the contract grants
				expect(t, "contract before", status("/contract", o.name), http.StatusOK)
			}
			for try := 1; ; try++ {
				before := latencies(t, client, address, 300*time.Millisecond)
				o.begin(store, proxy)
				during := latencies(t, client, address, 2*time.Second)
				if try == 1 {
					expect(t, "closed", status("/closed", o.name), http.StatusServiceUnavailable)
					expect(t, "open", status("/open", o.name), http.StatusOK)
					grants(t, 5, func() int { return status("/contract", o.name) })
				}
				o.end(store, proxy)
				began := time.Now()
				sharedstatetest.Eventually(t, 20*time.Second, "the store is used again", answers)
				t.Logf("longest answers before: %v; while %s: %v; used again after %v", before, o.name, during, time.Since(began))
				// A busy machine is late now and then, a store that delays is each time.
				if during.limited <= during.plain+20*time.Millisecond {
					break
				} else if try == 3 {
					t.Errorf("the store added %v", during.limited-during.plain)
					break
				}
			}
			left := 2
			if o.name == "killed" {
				left = 5 // the new process remembers nothing
			}
			grants(t, left, func() int { return status("/contract", o.name) })
		})
	}
	if t.Failed() {
		t.Log(p.log)
	}
}

// grants holds that a contract grants so many requests and no more.
func grants(t *testing.T, granted int, status func() int) {
	t.Helper()
	for range granted {
		expect(t, "a request that the contract grants", status(), http.StatusOK)
	}
	expect(t, "a request more", status(), http.StatusTooManyRequests)
}

func expect(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: status %d, want %d", what, got, want)
	}
}

// longest are the longest answers with and without a limit, of the same number.
type longest struct {
	limited, plain time.Duration
	n              int
}

func (l longest) String() string {
	return fmt.Sprintf("%v with a limit, %v without (%d each)", l.limited, l.plain, l.n)
}

// latencies asks with and without limits in turn, so that what the machine adds
// now and then may hit both.
func latencies(t *testing.T, client *http.Client, address string, long time.Duration) longest {
	t.Helper()
	took := map[string][]time.Duration{}
	for ends := time.Now().Add(long); time.Now().Before(ends); time.Sleep(time.Millisecond) {
		for _, path := range []string{"/plain", "/closed", "/plain", "/open"} {
			began := time.Now()
			if _, _, err := ask(client, address, path, "x-any", "1"); err != nil {
				t.Fatal(err)
			}
			kind := path[:2] // "/p" or another
			took[kind] = append(took[kind], time.Since(began))
		}
	}
	return longest{
		limited: max(slices.Max(took["/c"]), slices.Max(took["/o"])), plain: slices.Max(took["/p"]), n: len(took["/p"]),
	}
}
