// Package watch notices what operators should not do, or would not: it reads the
// entries of the audit log in their order and complains of those that stand out.
// It is pure: its only clock is the time of the entries, it keeps nothing beyond
// its own memory, and the same log always gives the same findings.
package watch

import (
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/finding"
)

// Thresholds are where rules begin to complain; a zero field stands for the default.
type Thresholds struct {
	// Reads of secrets by one operator within ReadsWithin: 10 in 10 minutes.
	Reads       int
	ReadsWithin time.Duration
	// Failures of signing in for one account, or from one address, within
	// FailuresWithin: 10 and 20 in 10 minutes.
	AccountFailures, AddressFailures int
	FailuresWithin                   time.Duration
	// Dormant is how long an account must have rested: 90 days.
	Dormant time.Duration
	// Learned is how many acts of an operator are learned before odd hours are told,
	// LearnedDays on how many days at least: 50 on 5.
	Learned, LearnedDays int
	// AfterReset is how long a sign-in counts as following the reset of second
	// factors: 24 hours.
	AfterReset time.Duration
}

func (t *Thresholds) fill() {
	for _, one := range []struct {
		value *int
		other int
	}{{&t.Reads, 10}, {&t.AccountFailures, 10}, {&t.AddressFailures, 20}, {&t.Learned, 50}, {&t.LearnedDays, 5}} {
		if *one.value <= 0 {
			*one.value = one.other
		}
	}
	for _, one := range []struct {
		value *time.Duration
		other time.Duration
	}{{&t.ReadsWithin, 10 * time.Minute}, {&t.FailuresWithin, 10 * time.Minute}, {&t.Dormant, 90 * day}, {&t.AfterReset, day}} {
		if *one.value <= 0 {
			*one.value = one.other
		}
	}
}

const day = 24 * time.Hour

// The bounds of the memory: accounts and addresses beyond them are not learned, and
// an account's addresses beyond the last are forgotten.
const (
	maxAccounts  = 20_000
	maxAddresses = 20_000
	maxPlaces    = 64
	maxGrants    = 256
)

// Options are what the rules work with. None is required.
type Options struct {
	Thresholds
	// Raises says whether a grant lets its bearer do more than what it had; both are
	// names of roles and permissions. Nil means that every other grant does.
	Raises func(had []string, got string) bool
}

// Watch is the memory of the rules. It is for one goroutine.
type Watch struct {
	o         Options
	accounts  map[string]*account
	addresses map[string]*burst
	// grants are the names of roles and permissions by who bears them, as "account
	// ann" or "team blue".
	grants map[string][]string
}

// account is what is known of an operator.
type account struct {
	// active is when it last did anything.
	active time.Time
	reads  burst
	fails  burst
	hours  histogram
	// places are the addresses that it signed in from, the oldest first.
	places []string
	// reset is when its second factors were removed; zero for never.
	reset time.Time
}

// New makes a watch that has seen nothing.
func New(o Options) *Watch {
	o.fill()
	return &Watch{o: o, accounts: map[string]*account{}, addresses: map[string]*burst{}, grants: map[string][]string{}}
}

// Take reads the next entry and says what stands out about it.
func (w *Watch) Take(k audit.Kept) []finding.Finding {
	var found []finding.Finding
	for _, rule := range []func(*audit.Kept) *finding.Finding{
		w.failedAccount, w.failedAddress, w.massRead, w.policyGone, w.roleRaised, w.joined, w.retention, w.dormant, w.oddHour, w.afterReset,
	} {
		if f := rule(&k); f != nil {
			found = append(found, *f)
		}
	}
	w.learn(&k)
	return found
}

// learn remembers what later entries are judged by. The rules that count have
// counted already.
func (w *Watch) learn(k *audit.Kept) {
	if subject := subject(k.Object); subject != "" && k.Outcome == audit.Done {
		switch k.Action {
		case audit.AccountCreated:
			if a := w.account(subject); a != nil && a.active.IsZero() {
				a.active = k.At
			}
		case audit.FactorRemoved, audit.AccountReset:
			if a := w.account(subject); a != nil {
				a.reset = k.At
			}
		default:
		}
	}
	if !acts(k) {
		return
	}
	a := w.account(k.Operator)
	if a == nil {
		return
	}
	a.active = k.At
	a.hours.add(k.At)
	if at := address(k); k.Action == audit.SignIn && at != "" {
		a.places = remember(a.places, at)
	}
}

// acts reports whether somebody whom we know did something.
func acts(k *audit.Kept) bool {
	return k.Operator != "" && k.Operator != "system" && k.Outcome == audit.Done
}

func remember(list []string, one string) []string {
	for i, was := range list {
		if was == one {
			return append(append(list[:i:i], list[i+1:]...), one)
		}
	}
	if len(list) >= maxPlaces {
		list = list[1:]
	}
	return append(list, one)
}

// account is what is known of an operator, nil when there are too many.
func (w *Watch) account(name string) *account {
	a := w.accounts[name]
	if a == nil && len(w.accounts) < maxAccounts {
		a = &account{}
		w.accounts[name] = a
	}
	return a
}

// subject is the account that an entry is about, "" for none.
func subject(object string) string {
	kind, name, _ := strings.Cut(object, " ")
	if kind == "operator" || kind == "account" {
		return name
	}
	return ""
}

// address is where an entry came from, "" when it is not known.
func address(k *audit.Kept) string {
	at := k.Address
	if at == "" {
		at = k.Detail["address"] // as older entries have it
	}
	if at == "unknown" {
		return ""
	}
	return at
}

// burst is the moments of late, no more than are asked for.
type burst struct{ at []time.Time }

// add reports whether there are enough within a time, and then begins anew.
// n are added at once.
func (b *burst) add(now time.Time, n, enough int, within time.Duration) bool {
	for len(b.at) > 0 && now.Sub(b.at[0]) > within {
		b.at = b.at[1:]
	}
	for range min(n, enough) {
		b.at = append(b.at, now)
	}
	if len(b.at) < enough {
		return false
	}
	b.at = nil
	return true
}

// histogram counts the acts of an operator by the hour of the week, in UTC.
type histogram struct {
	hours [7 * 24]uint32
	total int
	days  int
	last  int64 // the number of the last day
}

func (h *histogram) add(at time.Time) {
	at = at.UTC()
	h.hours[int(at.Weekday())*24+at.Hour()]++
	h.total++
	if number := at.Unix() / int64(day/time.Second); number != h.last || h.days == 0 {
		h.last = number
		h.days++
	}
}

// odd reports whether the operator never acted at about this hour on such a day,
// working days and weekends being different ones.
func (h *histogram) odd(at time.Time) bool {
	at = at.UTC()
	weekend := restful(at.Weekday())
	for d := time.Sunday; d <= time.Saturday; d++ {
		for near := -1; near <= 1; near++ {
			slot := (int(d)*24 + at.Hour() + near + len(h.hours)) % len(h.hours)
			if restful(time.Weekday(slot/24)) == weekend && h.hours[slot] > 0 {
				return false
			}
		}
	}
	return true
}

func restful(d time.Weekday) bool { return d == time.Saturday || d == time.Sunday }
