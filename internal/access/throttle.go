package access

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// The rules of the throttle.
const (
	throttleWindow  = 15 * time.Minute
	accountLimit    = 5  // failures of one account from one address before it must wait
	addressLimit    = 30 // failures from one address, whatever the account
	wideLimit       = 20 // failures of one account from all that never signed in to it
	firstWait       = 30 * time.Second
	longestWait     = time.Hour
	longestWideWait = 5 * time.Minute // strangers can slow down other strangers, no more
	throttleEntries = 10_000          // bounds the memory; one that was not used for long goes first
	evictSample     = 16              // how many are looked at to find it
	firstTold       = 20              // attempts that were not heard before that is told; then twice as many
)

// ThrottledError says that too many attempts failed.
type ThrottledError struct {
	// RetryAfter is how long to wait until the next attempt is heard.
	RetryAfter time.Duration

	// unheard, when not 0, is how many attempts were not heard since that was last told:
	// enough to tell it now.
	unheard int
}

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed attempts; try again in %s", e.RetryAfter.Round(time.Second))
}

// throttle counts failed attempts, in memory, and what other processes on the database
// have shared of theirs. An attempt counts as failed from its beginning until it succeeds, so that many
// at once are not heard before the first has failed.
type throttle struct {
	mu      sync.Mutex
	entries map[throttleKey]*failures
	// pending are keys of which not all is shared yet; shared and swept are when that, and
	// the sweeping of what is shared, was done last.
	pending       map[throttleKey]counted
	shared, swept time.Time
}

// throttleKey is an account and an address; the zero account stands for all
// accounts. The account is hashed: names come from outside and may be long.
type throttleKey struct {
	account [sha256.Size]byte
	addr    netip.Prefix
	wide    bool // all strangers together
}

// claim is who an attempt says it is, and where it comes from.
type claim struct {
	account string
	addr    netip.Addr
	// device is a browser that signed in to the account before: it is counted by
	// itself, whatever others do from its address. Known says that somebody signed in
	// from its network, or browser, before: strangers elsewhere do not slow it down.
	device string
	known  bool
}

type failures struct {
	count int
	since time.Time // the first failure of the window
	last  time.Time
	until time.Time // no attempt is heard before
	// unheard counts the attempts that were not heard since the last that was.
	unheard int
	// told is how often that was told meanwhile.
	told int
	// pending are failures that are not shared yet.
	pending int
}

// attempt is one attempt that was heard.
type attempt struct {
	counted []counted
	from    netip.Addr
	wait    time.Duration // how long the next one must wait if this one fails
	unheard int           // how many were not heard before it
}

// counted is a key that an attempt counts for, with its rules.
type counted struct {
	key     throttleKey
	limit   int
	longest time.Duration
	forgive bool // a success forgives the failures before it
}

func newThrottle() *throttle {
	return &throttle{entries: map[throttleKey]*failures{}, pending: map[throttleKey]counted{}}
}

// keys are what a claim counts for. IPv6 addresses count by their /64, which one host
// has for itself.
func (c claim) keys() []counted {
	if c.device != "" {
		key := throttleKey{account: sha256.Sum256([]byte(c.account + "\x00" + c.device))}
		return []counted{{key: key, limit: accountLimit, longest: longestWait, forgive: true}}
	}
	prefix, account := network(c.addr), sha256.Sum256([]byte(c.account))
	list := []counted{
		{key: throttleKey{account: account, addr: prefix}, limit: accountLimit, longest: longestWait, forgive: true},
		{key: throttleKey{addr: prefix}, limit: addressLimit, longest: longestWait},
	}
	if !c.known {
		list = append(list, counted{key: throttleKey{account: account, wide: true}, limit: wideLimit, longest: longestWideWait})
	}
	return list
}

// hear counts an attempt, or refuses to hear it with a *ThrottledError.
func (t *throttle) hear(c claim, now time.Time) (attempt, error) {
	a := attempt{counted: c.keys(), from: c.addr}
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	entries := make([]*failures, len(a.counted))
	for i, k := range a.counted {
		entries[i] = t.entry(k.key, k.limit, now)
		wait = max(wait, entries[i].until.Sub(now))
	}
	if wait > 0 {
		return attempt{}, &ThrottledError{RetryAfter: wait, unheard: entries[0].ignored()}
	}
	for i, k := range a.counted {
		entries[i].fail(k, now)
		entries[i].pending++
		t.pending[k.key] = k
		a.wait = max(a.wait, entries[i].until.Sub(now))
	}
	a.unheard, entries[0].unheard, entries[0].told = entries[0].unheard, 0, 0
	return a, nil
}

// succeeded takes an attempt back, with the failures of its account before it.
func (t *throttle) succeeded(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range a.counted {
		if k.forgive {
			delete(t.entries, k.key)
			delete(t.pending, k.key)
		} else if f := t.entries[k.key]; f != nil && f.count > 0 {
			f.pending--
			t.pending[k.key] = k
			if f.count--; f.count < k.limit {
				f.until = time.Time{}
			}
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
func (f *failures) fail(k counted, now time.Time) {
	f.count++
	if f.count < k.limit {
		return
	}
	wait := k.longest
	if doublings := f.count - k.limit; doublings < 7 { // 30 s doubled seven times is more than an hour
		wait = min(wait, firstWait<<doublings)
	}
	f.until = now.Add(wait)
}

// ignored counts an attempt that is not heard. It returns how many these are when that
// is to be told: after 20, then 40, 80 and so on, for a flood must not fill the log.
func (f *failures) ignored() int {
	f.unheard++
	if f.unheard < firstTold<<min(f.told, 20) {
		return 0
	}
	n := f.unheard
	f.unheard, f.told = 0, f.told+1
	return n
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
	delete(t.pending, oldest)
}

// detail is what the audit log keeps of an attempt that failed.
func (a attempt) detail(via string) map[string]string {
	d := map[string]string{"via": via, "address": addressText(a.from)}
	if a.wait > 0 {
		d["wait"] = a.wait.String()
	}
	if a.unheard > 0 {
		d["unheard"] = strconv.Itoa(a.unheard)
	}
	return d
}
