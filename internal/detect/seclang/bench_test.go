package seclang

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/detect/seclang/automaton"
)

var browser = [][2]string{
	{"Host", "shop.example.com"},
	{"Connection", "keep-alive"},
	{"Cache-Control", "max-age=0"},
	{"sec-ch-ua", `"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"`},
	{"sec-ch-ua-mobile", "?0"},
	{"sec-ch-ua-platform", `"Linux"`},
	{"Upgrade-Insecure-Requests", "1"},
	{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"},
	{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"},
	{"Accept-Encoding", "gzip, deflate, br, zstd"},
	{"Accept-Language", "en-GB,en;q=0.9,de;q=0.8"},
	{"Referer", "https://shop.example.com/catalogue/shoes"},
	{"Cookie", "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark"},
}

// workloads are requests as they usually are.
func workloads() []example {
	object := func(i int) string {
		return fmt.Sprintf(`{"id":"ord-%05d","customer":"Ann Example","amount":%d.95,"currency":"EUR","created":"2026-11-%02dT10:15:30Z"}`, 10000+i, 17*i%900, i%28+1)
	}
	var objects []string
	for i := range 126 {
		objects = append(objects, object(i))
	}
	form := "name=Ann+Example&street=Main+Street+12&city=Dublin&zip=D02+X285&country=IE&email=ann%40example.com&phone=%2B353+1+234+5678&note=Please+ring+twice%2C+thank+you.&terms=on&newsletter=weekly"
	small := `{"order":{"id":"ord-12345","status":"pending","total":149.90,"currency":"EUR","customer":{"id":987,"first":"Ann","last":"O'Neill","email":"ann@example.com","phone":"+353 1 234 5678"},"address":{"street":"Main Street 12","city":"Dublin","zip":"D02 X285","country":"IE"},"items":[{"sku":"SH-1001-BL","name":"Running shoe, blue (42)","quantity":1,"price":99.95},{"sku":"SO-2002-WH","name":"Socks & laces - pack of 3","quantity":2,"price":24.95}],"note":"Please leave the parcel with the neighbour if nobody is in; she is home until 6 pm.","created":"2026-11-22T06:14:05Z","callback":"https://shop.example.com/hooks/orders?id=12345","padding":"` + strings.Repeat("lorem ipsum dolor sit amet ", 8) + `"}}`
	with := func(kind string) [][2]string {
		return append(browser[:len(browser):len(browser)], [2]string{"Content-Type", kind})
	}
	return []example{
		{"get", request{uri: "/catalogue/shoes?q=running+shoes&page=2&sort=price", headers: browser}.input()},
		{"form", request{method: "POST", uri: "/account", body: form, headers: with("application/x-www-form-urlencoded")}.input()},
		{"json1k", request{method: "POST", uri: "/api/orders", body: small, headers: with("application/json")}.input()},
		{"json20k", request{method: "POST", uri: "/api/orders/bulk", body: "[" + strings.Join(objects, ",") + "]", headers: with("application/json")}.input()},
	}
}

func BenchmarkRun(b *testing.B) {
	s := compileCRS(b, 1, Options{})
	for _, x := range workloads() {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m := automaton.Meter{Left: 1 << 40}
				s.Run(&x.in, &m)
			}
		})
	}
}

// perRun is the processor time of one call of f, repeated for a while.
func perRun(least time.Duration, f func()) time.Duration {
	start := cpuTime()
	for n := time.Duration(1); ; n++ {
		f()
		if d := cpuTime() - start; d >= least {
			return d / n
		}
	}
}

// goals are the least ratios of Coraza's time to ours.
var goals = map[string]time.Duration{"get": 30, "form": 30, "json1k": 60, "json20k": 80}

// TestRatio prints how much cheaper a run is than Coraza's on the same values.
func TestRatio(t *testing.T) {
	if testing.Short() || stride > 1 {
		t.Skip("measures for seconds, and not with the race detector")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, o := compileCRS(t, 1, Options{}), newOracle(t, crsText(1))
	for _, x := range workloads() {
		var ours, theirs time.Duration
		for range 5 {
			d := perRun(40*time.Millisecond, func() {
				m := automaton.Meter{Left: 1 << 40}
				s.Run(&x.in, &m)
			})
			if ours == 0 || d < ours {
				ours = d
			}
			if d = perRun(40*time.Millisecond, func() { o.run(&x.in) }); theirs == 0 || d < theirs {
				theirs = d
			}
		}
		m := automaton.Meter{Left: 1 << 40}
		r := s.Run(&x.in, &m)
		allocs := testing.AllocsPerRun(20, func() {
			m := automaton.Meter{Left: 1 << 40}
			s.Run(&x.in, &m)
		})
		ids := map[int]bool{}
		for _, m := range r.Matches {
			ids[m.Rule.ID] = true
		}
		t.Logf("%-8s %4d values: %8v, Coraza %10v, 1/%d; %.0f allocations, %d units, matches %v",
			x.name, len(x.in.Values), ours, theirs, theirs/max(ours, 1), allocs, 1<<40-m.Left, ids)
		if theirs < goals[x.name]*ours {
			t.Errorf("%s: less than %d times cheaper than Coraza", x.name, goals[x.name])
		}
		if x.name == "get" && allocs > 2 {
			t.Errorf("a clean request makes %.0f allocations", allocs)
		}
	}
}
