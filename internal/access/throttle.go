package access

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// The rules of the throttle.
const (
	throttleWindow  = 15 * time.Minute
	accountLimit    = 5  // failures of one account from one address before it must wait
	addressLimit    = 30 // failures from one address, whatever the account
	firstWait       = 30 * time.Second
	longestWait     = time.Hour
	throttleEntries = 10_000 // bounds the memory; one that was not used for long goes first
	evictSample     = 16     // how many are looked at to find it
)

// ThrottledError says that too many attempts failed.
type ThrottledError struct {
	// RetryAfter is how long to wait until the next attempt is heard.
	RetryAfter time.Duration
}

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed attempts; try again in %s", e.RetryAfter.Round(time.Second))
}

// throttle counts failed attempts, in memory: a restart forgets them. An
// attempt counts as failed from its beginning until it succeeds, so that many
// at once are not heard before the first has failed.
type throttle struct {
	mu      sync.Mutex
	entries map[throttleKey]*failures
}

// throttleKey is an account and an address; the zero account stands for all
// accounts. The account is hashed: names come from outside and may be long.
type throttleKey struct {
	account [sha256.Size]byte
	addr    netip.Prefix
}

type failures struct {
	count int
	since time.Time // the first failure of the window
	last  time.Time
	until time.Time // no attempt is heard before
}

// attempt is one attempt that was heard.
type attempt struct {
	account, address throttleKey
	from             netip.Addr
	wait             time.Duration // how long the next one must wait if this one fails
}

func newThrottle() *throttle { return &throttle{entries: map[throttleKey]*failures{}} }

// begin counts an attempt, or refuses to hear it with a *ThrottledError. IPv6
// addresses count by their /64, which one host has for itself.
func (t *throttle) begin(account string, addr netip.Addr, now time.Time) (attempt, error) {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // the zero prefix stands for an unknown address
	a := attempt{
		account: throttleKey{account: sha256.Sum256([]byte(account)), addr: prefix},
		address: throttleKey{addr: prefix},
		from:    addr,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ofAccount, ofAddress := t.entry(a.account, accountLimit, now), t.entry(a.address, addressLimit, now)
	if wait := max(ofAccount.until.Sub(now), ofAddress.until.Sub(now)); wait > 0 {
		return attempt{}, &ThrottledError{RetryAfter: wait}
	}
	ofAccount.fail(accountLimit, now)
	ofAddress.fail(addressLimit, now)
	a.wait = max(ofAccount.until.Sub(now), ofAddress.until.Sub(now), 0)
	return a, nil
}

// succeeded takes an attempt back, with the failures of its account before it.
func (t *throttle) succeeded(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.entries, a.account)
	if f := t.entries[a.address]; f != nil && f.count > 0 {
		if f.count--; f.count < addressLimit {
			f.until = time.Time{}
		}
	}
}

// entry finds or makes the count of a key and forgets what is too old to count.
func (t *throttle) entry(key throttleKey, limit int, now time.Time) *failures {
	f := t.entries[key]
	if f == nil {
		if len(t.entries) >= throttleEntries {
			t.evict()
		}
		f = &failures{}
		t.entries[key] = f
	}
	if f.old(limit, now) {
		*f = failures{since: now}
	}
	f.last = now
	return f
}

// old reports whether the window has passed: since the first failure, or, once
// the limit was reached, since the end of the wait.
func (f *failures) old(limit int, now time.Time) bool {
	if f.count >= limit {
		return now.Sub(f.until) >= throttleWindow
	}
	return now.Sub(f.since) >= throttleWindow
}

// fail counts a failure; from the limit on, each doubles the wait.
func (f *failures) fail(limit int, now time.Time) {
	f.count++
	if f.count < limit {
		return
	}
	wait := longestWait
	if doublings := f.count - limit; doublings < 7 { // 30 s doubled seven times is more than an hour
		wait = firstWait << doublings
	}
	f.until = now.Add(wait)
}

// evict makes room for one entry. It looks at a few only, as making room must
// cost less than the attempt that asks for it: the one of them that was used the
// longest time ago goes.
func (t *throttle) evict() {
	var oldest throttleKey
	var at time.Time
	looked := 0
	for key, f := range t.entries { // begins anywhere
		if looked == 0 || f.last.Before(at) {
			oldest, at = key, f.last
		}
		if looked++; looked == evictSample {
			break
		}
	}
	delete(t.entries, oldest)
}

// detail is what the audit log keeps of an attempt that failed.
func (a attempt) detail(via string) map[string]string {
	d := map[string]string{"via": via, "address": addressText(a.from)}
	if a.wait > 0 {
		d["wait"] = a.wait.String()
	}
	return d
}
