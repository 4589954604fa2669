package router_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/sharedstate"
)

var scaleAPIs = flag.Int("scale", 0, "print what a revision of so many APIs costs")

// scaleSettings are the settings of eight policies; %d is the number of an API.
// Half of them differ from API to API, as those of gateways in service do.
var scaleSettings = [...]struct{ policy, settings string }{
	{"cors-flex", `{"publicResource":false,"originGroups":[{"name":"shop","origins":["https://shop-%d.example"],"allowedMethods":[{"methodName":"GET","isAllowed":true},{"methodName":"POST","isAllowed":true}],"headers":["content-type"]}]}`},
	{"ip-blocklist-flex", `{"ips":["203.0.113.0/24","198.51.100.7","2001:db8::/32"]}`},
	{"jwt-validation-flex", `{"jwtOrigin":"httpBearerAuthenticationHeader","signingMethod":"hmac","signingKeyLength":256,"jwtKeyOrigin":"text","textKey":"$KEY","skipClientIdValidation":true,"validateAudClaim":true,"supportedAudiences":"api-%d","mandatoryExpClaim":true}`},
	{"client-id-enforcement-flex", `{"credentialsOriginHasHttpBasicAuthenticationHeader":"customExpression","clientIdExpression":"#[attributes.headers['client_id']]","clientSecretExpression":"#[attributes.headers['client_secret']]"}`},
	{"rate-limiting-flex", `{"rateLimits":[{"maximumRequests":1%d,"timePeriodInMilliseconds":60000}],"keySelector":"#[attributes.headers['client_id']]","exposeHeaders":true}`},
	{"attack-protection", `{"mode":"block","paranoiaLevel":1}`},
	{"header-injection-flex", `{"inboundHeaders":[{"key":"x-api","value":"api-%d"},{"key":"x-caller","value":"#[attributes.headers['client_id']]"}]}`},
	{"message-logging-flex", `{"loggingConfiguration":[{"itemName":"request","itemData":{"message":"#[attributes.requestPath]","category":"orders","level":"INFO","firstSection":true}}]}`},
}

// scaleRevision has n APIs of eight policies, each with a service and two
// contracts of its own.
func scaleRevision(n int) *revision.Revision {
	rev := &revision.Revision{Number: 1}
	for i := range n {
		own := fmt.Sprintf("api-%d", i)
		a := revision.API{
			Name: name(own), Scheme: "http", Host: "0.0.0.0", Port: 8081, BasePath: "/" + own + "/v1",
			Routes: []revision.Route{{Rules: []revision.Rule{{Path: "/.*", Methods: "GET|POST"}}, Targets: []revision.Target{{Service: name(own), Weight: 1}}}},
			Clients: []revision.Client{
				{ID: "mobile-" + own, Name: "Mobile", Secret: "$SECRET"},
				{ID: "web-" + own, Name: "Web", Secret: "s3cr3t"},
			},
			Source: revision.Source{File: own + ".yaml", Line: 1},
		}
		for j, one := range scaleSettings {
			settings := one.settings
			if strings.Contains(settings, "%d") {
				settings = fmt.Sprintf(settings, i)
			}
			a.Policies = append(a.Policies, revision.Binding{
				Name: name(fmt.Sprintf("%s-%d", own, j)), Policy: one.policy, Settings: json.RawMessage(settings),
				Order: 50, Source: revision.Source{File: own + ".yaml", Line: 10 + j},
			})
		}
		rev.APIs = append(rev.APIs, a)
		rev.Services = append(rev.Services, revision.Service{Name: name(own), Address: "http://" + own + ":8080", Source: revision.Source{File: own + ".yaml", Line: 3}})
	}
	return rev
}

func scaleOptions(t testing.TB) router.Options {
	t.Helper()
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return router.Options{
		Catalogue: all, Now: time.Now, Log: slog.New(slog.DiscardHandler), Runtime: &policy.Runtime{Now: time.Now},
		HTTP: router.PolicyClient(nil), Local: sharedstate.NewMemory(time.Now),
		Expand: func(text string) (string, error) {
			if text == "$KEY" || text == "$SECRET" {
				return strings.Repeat("k", 32), nil
			}
			return text, nil
		},
	}
}

func heap() uint64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func compileScale(t testing.TB, rev *revision.Revision, o router.Options) (*router.Table, time.Duration) {
	t.Helper()
	began := time.Now()
	table, err := router.Compile(rev, o)
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	return table, took
}

// best is the shortest of some durations, which other work on the machine
// disturbed least.
func best(durations []time.Duration) string {
	return fmt.Sprintf("%v (of %d, up to %v)", slices.Min(durations).Round(10*time.Microsecond), len(durations), slices.Max(durations).Round(10*time.Microsecond))
}

// TestScale compiles a revision of many APIs and changes one of them. Its
// figures decide nothing; -scale 500 prints those of 500.
func TestScale(t *testing.T) {
	n := max(*scaleAPIs, 20)
	o := scaleOptions(t)
	empty := heap()
	one, took := compileScale(t, scaleRevision(1), o)
	t.Logf("the first API, which loads the engines: %v, %d KiB of memory", took.Round(time.Millisecond), (heap()-empty)>>10)

	var whole, changed []time.Duration
	for range 3 {
		_, took = compileScale(t, scaleRevision(n), o)
		whole = append(whole, took)
	}
	t.Logf("%d APIs of %d policies, compiled as a whole: %s", n, len(scaleSettings), best(whole))
	before := heap()
	table, _ := compileScale(t, scaleRevision(n), o)
	t.Logf("memory per API, its revision included: %.1f KiB", float64(heap()-before)/1024/float64(n))

	for i := range 9 {
		next := scaleRevision(n)
		next.APIs[n/2].Policies[4].Settings = json.RawMessage(fmt.Sprintf(`{"rateLimits":[{"maximumRequests":%d,"timePeriodInMilliseconds":1000}]}`, i+1))
		o.Previous = table
		next.Number = uint64(i + 2)
		table, took = compileScale(t, next, o)
		changed = append(changed, took)
	}
	t.Logf("one of %d APIs changed, compiled behind the one in service: %s", n, best(changed))
	if len(table.Listeners["0.0.0.0:8081"].Address) == 0 || len(one.Listeners) != 1 {
		t.Error("nothing listens")
	}
}

// TestScaleOfRouting finds APIs, each in its turn, among 1 to 5,000. What
// growth there is comes from caches of the processor. The figures decide
// nothing.
func TestScaleOfRouting(t *testing.T) {
	rounds, counts := 1, []int{1, 10, 100}
	if *scaleAPIs > 0 {
		rounds, counts = 7, []int{1, 10, 100, 1000, 5000}
	}
	o := scaleOptions(t)
	listeners, paths := make([]*router.Listener, len(counts)), make([][]string, len(counts))
	for i, n := range counts {
		rev := scaleRevision(n)
		for j := range rev.APIs {
			rev.APIs[j].Policies, rev.APIs[j].Clients = nil, nil
			paths[i] = append(paths[i], rev.APIs[j].BasePath+"/orders/4711/lines")
		}
		table, _ := compileScale(t, rev, o)
		listeners[i] = table.Listeners["0.0.0.0:8081"]
	}
	times := make([][]float64, len(counts))
	for range rounds {
		for i, l := range listeners {
			const finds = 200_000
			began := time.Now()
			for j, next := 0, 0; j < finds; j++ {
				if api, sub := l.Find(paths[i][next]); api == nil || len(sub) != len("/orders/4711/lines") {
					t.Fatalf("%s is not found", paths[i][next])
				}
				if next += 7919; next >= len(paths[i]) { // a prime: every API has its turn
					next %= len(paths[i])
				}
			}
			times[i] = append(times[i], float64(time.Since(began))/finds)
		}
	}
	for i, n := range counts {
		t.Logf("to find one of %4d APIs: %5.1f ns, %.2f times that of one; its logarithm would be %.2f times", n,
			slices.Min(times[i]), slices.Min(times[i])/slices.Min(times[0]), 1+math.Log2(float64(n)))
	}
	if n := testing.AllocsPerRun(100, func() { listeners[2].Find(paths[2][17]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func name(n string) revision.Name { return revision.Name{Namespace: "default", Name: n} }
