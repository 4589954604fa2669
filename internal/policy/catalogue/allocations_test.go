package catalogue_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
)

// TestAllocations holds that the policies which nearly every API has allocate at
// most once for an exchange, beyond an empty step, with the settings of their
// examples.
func TestAllocations(t *testing.T) {
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"client-id-enforcement-flex", "rate-limiting-flex", "rate-limiting-sla-based-flex", "spike-control-flex", "ip-blocklist-flex", "ip-feeds",
		"cors-flex", "header-injection-flex", "header-removal-flex",
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			b, err := bindExample(all, all.Find(name))
			if err != nil {
				t.Fatal(err)
			}
			defer b.close()
			if n := extraAllocations(t, b); n > 1 && !raced {
				t.Errorf("%v allocations", n)
			}
		})
	}
	t.Logf("looked at %d policies", len(names))
}

// TestLongIPLists holds that looking up an address in lists of 100,000 entries
// allocates nothing, and prints what the lists cost with -cost.
func TestLongIPLists(t *testing.T) {
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	const entries = 100_000
	addresses := make([]string, 0, entries)
	feed := make([]map[string]string, 0, entries)
	for i := range entries {
		one := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		if i%4 == 3 {
			one = fmt.Sprintf("2001:db8:%x:%x::/64", i>>16, i&0xffff)
		}
		addresses = append(addresses, one) // the last IPv4 address is 10.1.134.158
		feed = append(feed, map[string]string{"ip": one})
	}
	for name, settings := range map[string]any{
		"ip-allowlist-flex": map[string]any{"ips": append([]string{"127.0.0.1"}, addresses...)},
		"ip-blocklist-flex": map[string]any{"ips": addresses},
		"ip-feeds":          map[string]any{"entries": feed},
	} {
		text, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		before := heapInUse()
		began := time.Now()
		b := &bound{states: map[string]any{}}
		if err := b.take([]byte("-- send --\nGET /orders HTTP/1.1\nHost: a\n-- want --\npass\n")); err != nil {
			t.Fatal(err)
		}
		if problems := all.Find(name).Check(text); len(problems) > 0 {
			t.Fatal(problems[0])
		}
		if err := b.bind(all.Find(name), text, policy.Env{}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		kept := heapInUse() - before
		if n := extraAllocations(t, b); n > 0 && !raced {
			t.Errorf("%s: %v allocations", name, n)
		}
		if name == "ip-blocklist-flex" {
			client := b.x.Request.Client
			b.x.Request.Client = netip.MustParseAddr("10.1.134.158")
			if !newPassage(t, b, b.step).run().Stops() {
				t.Error("the last address of the list passes")
			}
			b.x.Request.Client = client
		}
		full, empty := newPassage(t, b, b.step), newPassage(t, b, emptyStep(b.step))
		best, base := timed(full, 1000), timed(empty, 1000)
		for range *costRounds * 3 {
			best, base = min(best, timed(full, 10_000)), min(base, timed(empty, 10_000))
		}
		t.Logf("%s with %d entries: loaded in %v from %d KiB of settings, %d KiB of memory, looked up in %.0f ns beyond an empty step of %.0f ns",
			name, entries, took.Round(time.Millisecond), len(text)>>10, kept>>10, best-base, base)
		runtime.KeepAlive(b)
	}
}

func heapInUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
