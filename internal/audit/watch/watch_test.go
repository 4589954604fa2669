package watch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/watch"
	"farrier.dev/farrier/internal/finding"
)

// start is a Wednesday.
var start = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

// story is a log that is written for a test.
type story struct {
	entries []audit.Kept
	now     time.Time
}

// is records one entry as things stand.
func (s *story) is(operator string, action audit.Action, object string, more ...func(*audit.Kept)) *story {
	k := audit.Kept{
		Entry: audit.Entry{Operator: operator, Action: action, Object: object, Outcome: audit.Done, Address: "192.0.2.1"},
		ID:    int64(len(s.entries) + 1), At: s.now,
	}
	for _, change := range more {
		change(&k)
	}
	s.entries = append(s.entries, k)
	return s
}

func (s *story) after(d time.Duration) *story { s.now = s.now.Add(d); return s }

// times repeats something, with a time between.
func (s *story) times(n int, every time.Duration, do func(i int)) *story {
	for i := range n {
		do(i)
		s.after(every)
	}
	return s
}

func from(address string) func(*audit.Kept) {
	return func(k *audit.Kept) { k.Address = address }
}

func refused(k *audit.Kept) { k.Outcome = audit.Refused }

func change(before, after string) func(*audit.Kept) {
	return func(k *audit.Kept) {
		k.Before, k.After = nil, nil
		if before != "" {
			k.Before = json.RawMessage(before)
		}
		if after != "" {
			k.After = json.RawMessage(after)
		}
	}
}

func grants(role string) func(*audit.Kept) { return change("", `{"role":"`+role+`","group":"root"}`) }

const secretRead audit.Action = "secret-read"

// working is a story of so many acts at nine o'clock on working days.
func (s *story) working(operator string, acts int) *story {
	return s.times(acts, 24*time.Hour, func(int) {
		for s.now.Weekday() == time.Saturday || s.now.Weekday() == time.Sunday {
			s.after(24 * time.Hour)
		}
		s.is(operator, audit.InventoryMarked, "api x")
	})
}

type example struct {
	name string
	tell func(s *story)
	// want are the findings: rule and place, in order.
	want []string
}

func reading(n int, every time.Duration, more ...func(*audit.Kept)) func(s *story) {
	return func(s *story) {
		s.times(n, every, func(i int) { s.is("ann", secretRead, fmt.Sprintf("secret g/s%d", i), more...) })
	}
}

func failing(n int, every time.Duration, operator string, address func(i int) string) func(s *story) {
	return func(s *story) {
		s.times(n, every, func(i int) { s.is(operator, audit.SignInFailed, "sign-in", refused, from(address(i))) })
	}
}

func one(action audit.Action, object string, more ...func(*audit.Kept)) func(s *story) {
	return func(s *story) { s.is("ann", action, object, more...) }
}

func here(int) string { return "192.0.2.9" }

func everywhere(i int) string { return fmt.Sprintf("198.51.100.%d", i) }

func examples() []example {
	mass := []string{"operator-mass-secret-reads operator ann"}
	policy := func(where string) []string { return []string{"operator-policy-removed " + where} }
	raised := func(who string) []string { return []string{"operator-role-raised " + who} }
	return []example{
		{"ten secrets in five minutes", reading(10, 30*time.Second), mass},
		{"nine secrets in five minutes", reading(9, 30*time.Second), nil},
		{"ten secrets in half an hour", reading(10, 3*time.Minute), nil},
		{"thirty secrets at once are told thrice", reading(30, time.Second), []string{mass[0], mass[0], mass[0]}},
		{"ten refused reads", reading(10, time.Second, refused), nil},
		{"ten secrets read by two", func(s *story) {
			s.times(10, time.Second, func(i int) { s.is([]string{"ann", "bob"}[i%2], secretRead, "secret x") })
		}, nil},
		{"ten secrets written", func(s *story) {
			s.times(10, time.Second, func(int) { s.is("ann", "secret-written", "secret x") })
		}, nil},

		{"a binding removed", one(audit.ResourceRemoved, "PolicyBinding default/limit"), policy("PolicyBinding default/limit")},
		{"a service removed", one(audit.ResourceRemoved, "Service default/x"), nil},
		{"removal refused", one(audit.ResourceRemoved, "PolicyBinding default/limit", refused), nil},
		{"a binding disabled", one(audit.ResourceChanged, "PolicyBinding default/limit", change(`{}`, `{"spec.disabled":"true"}`)), policy("PolicyBinding default/limit")},
		{"a binding disabled that was", one(audit.ResourceChanged, "PolicyBinding default/limit", change(`{"spec.disabled":"true","spec.order":"1"}`, `{"spec.disabled":"true","spec.order":"2"}`)), nil},
		{"a policy switched off", one(audit.ResourceChanged, "ApiInstance default/o", change(`{"spec.policies.0.enabled":true}`, `{"spec.policies.0.enabled":false}`)), policy("ApiInstance default/o")},
		{"a policy switched on", one(audit.ResourceChanged, "ApiInstance default/o", change(`{"spec.policies.0.enabled":false}`, `{"spec.policies.0.enabled":true}`)), nil},
		{"an inline policy taken out", one(audit.ResourceChanged, "ApiInstance default/o", change(`{"spec.policies.0.policyRef.name":"ip-allowlist"}`, `{}`)), policy("ApiInstance default/o")},
		{"an inline policy exchanged", one(audit.ResourceChanged, "ApiInstance default/o", change(`{"spec.policies.0.policyRef.name":"a"}`, `{"spec.policies.0.policyRef.name":"b"}`)), nil},
		{"a virtual patch ended", one(audit.PatchEnded, "project p"), policy("project p")},
		{"a virtual patch made", one(audit.PatchMade, "project p"), nil},

		{"administrator made", one(audit.GrantAdded, "account bob", grants("admin")), raised("account bob")},
		{"first role", one(audit.GrantAdded, "account bob", grants("developer")), nil},
		{"a second, greater role", func(s *story) {
			s.is("ann", audit.GrantAdded, "account bob", grants("developer")).after(time.Hour)
			s.is("ann", audit.GrantAdded, "account bob", grants("security"))
		}, raised("account bob")},
		{"a second role that adds nothing", func(s *story) {
			s.is("ann", audit.GrantAdded, "account bob", grants("security")).after(time.Hour)
			s.is("ann", audit.GrantAdded, "account bob", grants("developer"))
		}, nil},
		{"a role that was taken back and given again", func(s *story) {
			s.is("ann", audit.GrantAdded, "account bob", grants("security"))
			s.is("ann", audit.GrantRevoked, "account bob", change(`{"role":"security"}`, ""))
			s.is("ann", audit.GrantAdded, "account bob", grants("security"))
		}, nil},
		{"a role for oneself", one(audit.GrantAdded, "account ann", grants("developer")), raised("account ann")},
		{"a grant that was refused", one(audit.GrantAdded, "account bob", grants("admin"), refused), nil},
		{"a grant by Farrier itself", func(s *story) { s.is("system", audit.GrantAdded, "account admin", grants("admin")) }, nil},
		{"into a team of administrators", func(s *story) {
			s.is("system", audit.GrantAdded, "team core", grants("admin"))
			s.is("ann", audit.MemberAdded, "team core", change("", `{"name":"bob"}`))
		}, raised("account bob")},
		{"into another team", func(s *story) {
			s.is("system", audit.GrantAdded, "team core", grants("developer"))
			s.is("ann", audit.MemberAdded, "team core", change("", `{"name":"bob"}`))
		}, nil},

		{"acts after 90 days", func(s *story) {
			s.is("ann", audit.SignIn, "operator ann").after(90 * 24 * time.Hour)
			s.is("ann", audit.SignIn, "operator ann").after(time.Minute).is("ann", audit.InventoryMarked, "api x")
		}, []string{"operator-dormant-account operator ann"}},
		{"acts after 89 days", func(s *story) {
			s.is("ann", audit.SignIn, "operator ann").after(89 * 24 * time.Hour)
			s.is("ann", audit.SignIn, "operator ann")
		}, nil},
		{"made long ago and never used", func(s *story) {
			s.is("system", audit.AccountCreated, "account ann").after(100 * 24 * time.Hour)
			s.is("ann", audit.SignIn, "operator ann")
		}, []string{"operator-dormant-account operator ann"}},
		{"somebody new", one(audit.SignIn, "operator ann"), nil},
		{"Farrier itself rests", func(s *story) {
			s.is("system", audit.RevisionPublished, "revision 1").after(200*24*time.Hour).is("system", audit.RevisionPublished, "revision 2")
		}, nil},

		{"at three in the night", func(s *story) {
			s.working("ann", 50).after(18*time.Hour).is("ann", audit.InventoryMarked, "api x")
		}, []string{"operator-odd-hours operator ann"}},
		{"an hour later than ever", func(s *story) {
			s.working("ann", 50).after(time.Hour).is("ann", audit.InventoryMarked, "api x")
		}, nil},
		{"at the weekend", func(s *story) {
			s.working("ann", 50)
			for s.now.Weekday() != time.Saturday {
				s.after(24 * time.Hour)
			}
			s.is("ann", audit.InventoryMarked, "api x")
		}, []string{"operator-odd-hours operator ann"}},
		{"in the night before enough is learned", func(s *story) {
			s.working("ann", 49).after(18*time.Hour).is("ann", audit.InventoryMarked, "api x")
		}, nil},
		{"in the night after fifty acts of one day", func(s *story) {
			s.times(50, time.Second, func(int) { s.is("ann", audit.InventoryMarked, "api x") })
			s.after(18*time.Hour).is("ann", audit.InventoryMarked, "api x")
		}, nil},
		{"in the night again is learned", func(s *story) {
			s.working("ann", 50).after(18*time.Hour).is("ann", audit.InventoryMarked, "api x").is("ann", audit.InventoryMarked, "api y")
		}, []string{"operator-odd-hours operator ann"}},

		{"ten failures of one account", failing(10, time.Second, "ann", everywhere), []string{"operator-sign-in-failures operator ann"}},
		{"nine failures of one account", failing(9, time.Second, "ann", everywhere), nil},
		{"ten slow failures", failing(10, 2*time.Minute, "ann", everywhere), nil},
		{"twenty failures from one address", failing(20, time.Second, "", here), []string{"operator-sign-in-failures-address address 192.0.2.9"}},
		{"nineteen failures from one address", failing(19, time.Second, "", here), nil},
		{"twenty failures of nobody from everywhere", failing(20, time.Second, "", everywhere), nil},
		{"failures from nowhere", failing(30, time.Second, "", func(int) string { return "unknown" }), nil},

		{"retention lowered", one(audit.RetentionChanged, "audit log", change(`{"days":365}`, `{"days":90}`)), []string{"operator-audit-retention-lowered audit log"}},
		{"retention no longer endless", one(audit.RetentionChanged, "audit log", change(`{"days":0}`, `{"days":3650}`)), []string{"operator-audit-retention-lowered audit log"}},
		{"retention raised", one(audit.RetentionChanged, "audit log", change(`{"days":90}`, `{"days":365}`)), nil},
		{"retention made endless", one(audit.RetentionChanged, "audit log", change(`{"days":90}`, `{"days":0}`)), nil},

		{"reset, then from a new address", func(s *story) {
			s.is("bob", audit.SignIn, "operator bob").after(time.Hour)
			s.is("ann", audit.AccountReset, "account bob").after(time.Hour)
			s.is("bob", audit.SignIn, "operator bob", from("203.0.113.5"))
		}, []string{"operator-factor-reset operator bob"}},
		{"reset, then from the address as ever", func(s *story) {
			s.is("bob", audit.SignIn, "operator bob").after(time.Hour)
			s.is("ann", audit.AccountReset, "account bob").after(time.Hour)
			s.is("bob", audit.SignIn, "operator bob")
		}, nil},
		{"reset, then from a new address two days later", func(s *story) {
			s.is("ann", audit.FactorRemoved, "operator bob").after(48 * time.Hour)
			s.is("bob", audit.SignIn, "operator bob", from("203.0.113.5"))
		}, nil},
		{"a new address without a reset", func(s *story) {
			s.is("bob", audit.SignIn, "operator bob").after(time.Hour).is("bob", audit.SignIn, "operator bob", from("203.0.113.5"))
		}, nil},
		{"a reset that was refused", func(s *story) {
			s.is("ann", audit.FactorRemoved, "operator bob", refused).is("bob", audit.SignIn, "operator bob", from("203.0.113.5"))
		}, nil},
	}
}

func TestRules(t *testing.T) {
	had := map[string]int{}
	all := examples()
	for _, c := range all {
		s := &story{now: start}
		c.tell(s)
		// The role security allows what developer does, and more.
		w := watch.New(watch.Options{Raises: func(had []string, got string) bool { return !slices.Contains(had, "security") }})
		var got []string
		for _, k := range s.entries {
			for _, f := range w.Take(k) {
				had[f.Rule]++
				got = append(got, f.Rule+" "+f.Location.Place)
				if f.Fingerprint == "" || f.Title == "" || f.Fix == "" || f.Severity < finding.Low || !strings.Contains(f.Message, "entry ") {
					t.Errorf("%s: the finding %+v is not whole", c.name, f)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, rule := range watch.Rules() {
		if had[rule] == 0 && rule != watch.RuleTampered {
			t.Errorf("no example of the rule %s", rule)
		}
	}
	if t.Logf("%d stories played", len(all)); len(all) < 50 {
		t.Error("too few stories were played")
	}
	f := watch.Tampered(errors.New("entry 5 was changed"))
	if f.Rule != watch.RuleTampered || f.Severity != finding.Critical || !strings.Contains(f.Message, "entry 5") {
		t.Errorf("of a broken log: %+v", f)
	}
}

func TestSeverityOfGrants(t *testing.T) {
	for role, want := range map[string]finding.Severity{"admin": finding.High, "security": finding.Medium} {
		s := &story{now: start}
		s.is("ann", audit.GrantAdded, "account bob", grants("developer")).is("ann", audit.GrantAdded, "account bob", grants(role))
		w := watch.New(watch.Options{})
		w.Take(s.entries[0])
		if f := w.Take(s.entries[1]); len(f) != 1 || f[0].Severity != want {
			t.Errorf("%s: %+v", role, f)
		}
	}
}

// The same log gives the same findings, whatever stands in it, and nothing panics.
func TestSameLogSameFindings(t *testing.T) {
	actions := []audit.Action{
		audit.SignIn, audit.SignInFailed, secretRead, audit.GrantAdded, audit.GrantRevoked, audit.MemberAdded, audit.ResourceChanged,
		audit.ResourceRemoved, audit.RetentionChanged, audit.AccountReset, "",
	}
	played := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := &story{now: start}
		for range rapid.IntRange(0, 60).Draw(rt, "entries") {
			s.after(time.Duration(rapid.Int64Range(-1, int64(100*24*time.Hour)).Draw(rt, "time")))
			s.is(rapid.SampledFrom([]string{"", "ann", "bob", "system"}).Draw(rt, "operator"), rapid.SampledFrom(actions).Draw(rt, "action"),
				rapid.SampledFrom([]string{"", "account ann", "team core", "PolicyBinding x", "audit log"}).Draw(rt, "object"),
				change(rapid.SampledFrom([]string{"", "{}", `{"role":"admin"}`, `{"days":9}`, `[`, `{"role":7}`}).Draw(rt, "before"), rapid.SampledFrom([]string{"", "{}", `{"role":"admin"}`, `{"days":7}`}).Draw(rt, "after")))
		}
		tell := func() (all []string) {
			w := watch.New(watch.Options{})
			for _, k := range s.entries {
				for _, f := range w.Take(k) {
					all = append(all, f.Rule+f.Message)
				}
			}
			return all
		}
		if first, second := tell(), tell(); !slices.Equal(first, second) {
			rt.Errorf("%q and then %q", first, second)
		}
		played++
	})
	t.Logf("%d logs played", played)
}
