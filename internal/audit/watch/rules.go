package watch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/finding"
)

// The rules.
const (
	RuleMassRead        = "operator-mass-secret-reads"
	RulePolicyRemoved   = "operator-policy-removed"
	RuleRoleRaised      = "operator-role-raised"
	RuleDormant         = "operator-dormant-account"
	RuleOddHours        = "operator-odd-hours"
	RuleAccountFailures = "operator-sign-in-failures"
	RuleAddressFailures = "operator-sign-in-failures-address"
	RuleRetention       = "operator-audit-retention-lowered"
	RuleFactorReset     = "operator-factor-reset"
	RuleTampered        = "operator-audit-tampered"
)

// Rules lists the rules.
func Rules() []string {
	return []string{
		RuleMassRead, RulePolicyRemoved, RuleRoleRaised, RuleDormant, RuleOddHours, RuleAccountFailures, RuleAddressFailures,
		RuleRetention, RuleFactorReset, RuleTampered,
	}
}

// about is what a rule says of itself.
type about struct {
	title, fix string
	severity   finding.Severity
	cwe        int
	controls   map[string][]string
}

func aboutRule(rule string) about {
	access := map[string][]string{"nist-800-53-r5": {"AC-2(12)", "AU-6"}, "soc-2": {"CC6.1", "CC7.2"}, "pci-dss-4.0": {"10.4.1"}}
	switch rule {
	case RuleMassRead:
		return about{"An operator read many secrets in a short time", "Ask the operator what for. If nobody knows, end the sessions of the account and rotate the secrets that were read.", finding.High, 522, access}
	case RulePolicyRemoved:
		return about{"An operator took a policy away", "Look at the revision: if nobody meant it, roll back to the one before.", finding.Medium, 693, map[string][]string{"nist-800-53-r5": {"CM-3", "CM-5"}, "soc-2": {"CC8.1"}, "pci-dss-4.0": {"6.5.1"}}}
	case RuleRoleRaised:
		return about{"Somebody was given more rights", "Have a second person confirm it, or take the grant back.", finding.Medium, 269, map[string][]string{"nist-800-53-r5": {"AC-2(7)", "AC-6(7)"}, "soc-2": {"CC6.3"}, "pci-dss-4.0": {"7.2.4"}}}
	case RuleDormant:
		return about{"An account acts that had rested for long", "Ask its owner whether it was them. Disable accounts that nobody needs.", finding.Medium, 0, map[string][]string{"nist-800-53-r5": {"AC-2(3)", "AC-2(12)"}, "soc-2": {"CC6.2"}, "pci-dss-4.0": {"8.2.6"}}}
	case RuleOddHours:
		return about{"An operator acts at an hour at which they never do", "Ask the operator whether it was them.", finding.Low, 0, access}
	case RuleAccountFailures:
		return about{"Signing in failed many times for one account", "See in the audit log where from. If it was not the owner, have them change the password.", finding.Medium, 307, access}
	case RuleAddressFailures:
		return about{"Signing in failed many times from one address", "Block the address, and look whether a sign-in from it succeeded.", finding.High, 307, access}
	case RuleRetention:
		return about{"The audit log is kept for a shorter time", "See who may change the settings, and set it back if nobody meant it.", finding.High, 778, map[string][]string{"nist-800-53-r5": {"AU-9", "AU-11"}, "soc-2": {"CC7.2"}, "pci-dss-4.0": {"10.5.1"}}}
	case RuleFactorReset:
		return about{"A second factor was removed, and then somebody signed in from a new address", "Call the owner of the account. End its sessions if it was not them.", finding.High, 308, access}
	case RuleTampered:
		return about{"The audit log was tampered with", "Keep a copy of the database and of the log of checkpoints, find out who could write to it, and restore it from a backup.", finding.Critical, 345, map[string][]string{"nist-800-53-r5": {"AU-9", "AU-9(3)"}, "soc-2": {"CC7.2"}, "pci-dss-4.0": {"10.3.2", "10.3.4"}}}
	}
	return about{}
}

// complain makes the finding of a rule about an operator or address.
func complain(rule, place, message string) *finding.Finding {
	a := aboutRule(rule)
	at := finding.Location{Place: place}
	return &finding.Finding{
		Rule: rule, Severity: a.severity, Title: a.title, Message: message, Location: at, Fix: a.fix,
		Taxonomy: finding.Taxonomy{CWE: a.cwe, Controls: a.controls}, Fingerprint: finding.Fingerprint(rule, at),
	}
}

// Tampered is the finding that the log itself does not hold.
func Tampered(why error) finding.Finding {
	return *complain(RuleTampered, "audit log", why.Error())
}

// attempts are those that an entry of a failed sign-in tells of: with it those that came
// too fast to be heard, which are not recorded one by one.
func attempts(k *audit.Kept) int {
	unheard, err := strconv.Atoi(k.Detail["unheard"])
	if err != nil || unheard < 0 {
		return 1
	}
	if k.Detail["heard"] == "no" {
		return unheard
	}
	return 1 + unheard
}

func (w *Watch) failedAccount(k *audit.Kept) *finding.Finding {
	if k.Action != audit.SignInFailed || k.Operator == "" {
		return nil
	}
	a := w.account(k.Operator)
	if a == nil || !a.fails.add(k.At, attempts(k), w.o.AccountFailures, w.o.FailuresWithin) {
		return nil
	}
	return complain(RuleAccountFailures, "operator "+k.Operator, fmt.Sprintf("signing in as %s failed %d times within %s (entry %d)", k.Operator, w.o.AccountFailures, spoken(w.o.FailuresWithin), k.ID))
}

func (w *Watch) failedAddress(k *audit.Kept) *finding.Finding {
	at := address(k)
	if k.Action != audit.SignInFailed || at == "" {
		return nil
	}
	b := w.addresses[at]
	if b == nil {
		if len(w.addresses) >= maxAddresses {
			w.forget(k.At)
		}
		b = &burst{}
		w.addresses[at] = b
	}
	if !b.add(k.At, attempts(k), w.o.AddressFailures, w.o.FailuresWithin) {
		return nil
	}
	return complain(RuleAddressFailures, "address "+at, fmt.Sprintf("signing in from %s failed %d times within %s (entry %d)", at, w.o.AddressFailures, spoken(w.o.FailuresWithin), k.ID))
}

// forget makes room for other addresses: those go that have been quiet, or all.
func (w *Watch) forget(now time.Time) {
	for at, b := range w.addresses {
		if len(b.at) == 0 || now.Sub(b.at[len(b.at)-1]) > w.o.FailuresWithin {
			delete(w.addresses, at)
		}
	}
	if len(w.addresses) >= maxAddresses {
		clear(w.addresses)
	}
}

// readsSecret reports whether an action shows a secret.
func readsSecret(a audit.Action) bool {
	if a == audit.ResourcesExported {
		return true
	}
	what, isSecret := strings.CutPrefix(string(a), "secret-")
	return isSecret && slices.Contains([]string{"read", "shown", "viewed", "downloaded", "exported"}, what)
}

func (w *Watch) massRead(k *audit.Kept) *finding.Finding {
	if !readsSecret(k.Action) || !acts(k) {
		return nil
	}
	a := w.account(k.Operator)
	if a == nil || !a.reads.add(k.At, 1, w.o.Reads, w.o.ReadsWithin) {
		return nil
	}
	return complain(RuleMassRead, "operator "+k.Operator, fmt.Sprintf("%s read %d secrets within %s, the last one %s (entry %d)", k.Operator, w.o.Reads, spoken(w.o.ReadsWithin), k.Object, k.ID))
}

// policyGone complains of every policy that was removed, disabled, or taken out of an
// API.
func (w *Watch) policyGone(k *audit.Kept) *finding.Finding {
	if !acts(k) {
		return nil
	}
	what := ""
	switch {
	case k.Action == audit.PatchEnded, k.Action == audit.AdoptionRemoved && strings.Contains(k.Detail["file"], "-"):
		what = "removed the policy of"
	case k.Action == "policy-removed", k.Action == "policy-disabled", k.Action == audit.ResourceRemoved && strings.HasPrefix(k.Object, "PolicyBinding "):
		what = "removed"
	case k.Action == audit.ResourceChanged:
		what = switchedOff(k)
	}
	if what == "" {
		return nil
	}
	where := k.Object
	if k.Environment != "" {
		where += " in " + k.Environment
	}
	return complain(RulePolicyRemoved, where, fmt.Sprintf("%s %s %s (entry %d)", k.Operator, what, where, k.ID))
}

// switchedOff says what a change took from a resource, "" for no policy.
func switchedOff(k *audit.Kept) string {
	before, after := map[string]any{}, map[string]any{}
	if json.Unmarshal(k.Before, &before) != nil || json.Unmarshal(k.After, &after) != nil {
		return ""
	}
	for path, was := range before {
		is, still := after[path]
		last := path[strings.LastIndexByte(path, '.')+1:]
		switch {
		case (last == "policyRef" || strings.HasSuffix(path, "policyRef.name")) && !still:
			return "took a policy out of"
		case last == "enabled" && text(was) != "false" && still && text(is) == "false":
			return "switched a policy off in"
		}
	}
	for path, is := range after {
		if last := path[strings.LastIndexByte(path, '.')+1:]; last == "disabled" && text(is) == "true" && text(before[path]) != "true" {
			return "switched a policy off in"
		}
	}
	return ""
}

func text(value any) string { return fmt.Sprint(value) }

// grant is what an entry says of one.
type grant struct {
	Role        string `json:"role"`
	Permission  string `json:"permission"`
	Group       string `json:"group"`
	Environment string `json:"environment"`
}

func (g grant) name() string { return g.Role + g.Permission }

// admin is the role that may do everything.
const admin = "admin"

func (w *Watch) roleRaised(k *audit.Kept) *finding.Finding {
	if k.Outcome != audit.Done || k.Object == "" || k.Action != audit.GrantAdded && k.Action != audit.GrantRevoked {
		return nil
	}
	state := k.After
	if k.Action == audit.GrantRevoked {
		state = k.Before
	}
	var g grant
	if json.Unmarshal(state, &g) != nil || g.name() == "" {
		return nil
	}
	had := w.grants[k.Object]
	if k.Action == audit.GrantRevoked {
		if i := slices.Index(had, g.name()); i >= 0 {
			w.grants[k.Object] = slices.Delete(had, i, i+1)
		}
		return nil
	}
	if _, known := w.grants[k.Object]; len(had) < maxGrants && (known || len(w.grants) < maxAccounts) {
		w.grants[k.Object] = append(slices.Clip(had), g.name())
	}
	own := k.Object == "account "+k.Operator
	more := g.name() == admin || own || len(had) > 0 && !slices.Contains(had, g.name()) && (w.o.Raises == nil || w.o.Raises(had, g.name()))
	if !more || k.Operator == "system" {
		return nil
	}
	f := complain(RuleRoleRaised, k.Object, fmt.Sprintf("%s gave %s the role %s (entry %d)", k.Operator, k.Object, g.name(), k.ID))
	if g.name() == admin || own {
		f.Severity = finding.High
	}
	return f
}

// joined complains of who comes into a team that may do everything.
func (w *Watch) joined(k *audit.Kept) *finding.Finding {
	if k.Action != audit.MemberAdded || !acts(k) || !slices.Contains(w.grants[k.Object], admin) {
		return nil
	}
	var member struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(k.After, &member) // without a name the team is told alone
	f := complain(RuleRoleRaised, strings.TrimSpace("account "+member.Name), fmt.Sprintf("%s put %s into %s, which has the role %s (entry %d)", k.Operator, member.Name, k.Object, admin, k.ID))
	f.Severity = finding.High
	return f
}

func (w *Watch) retention(k *audit.Kept) *finding.Finding {
	if k.Action != audit.RetentionChanged || k.Outcome != audit.Done {
		return nil
	}
	var before, after struct {
		Days int64 `json:"days"`
	}
	if json.Unmarshal(k.Before, &before) != nil || json.Unmarshal(k.After, &after) != nil || after.Days == 0 || before.Days != 0 && after.Days >= before.Days {
		return nil
	}
	was := fmt.Sprintf("%d days", before.Days)
	if before.Days == 0 {
		was = "without end"
	}
	return complain(RuleRetention, "audit log", fmt.Sprintf("the audit log was kept %s and is now kept %d days (entry %d)", was, after.Days, k.ID))
}

func (w *Watch) dormant(k *audit.Kept) *finding.Finding {
	if !acts(k) {
		return nil
	}
	a := w.account(k.Operator)
	if a == nil || a.active.IsZero() || k.At.Sub(a.active) < w.o.Dormant {
		return nil
	}
	return complain(RuleDormant, "operator "+k.Operator, fmt.Sprintf("%s had done nothing for %d days, and now: %s %s (entry %d)", k.Operator, k.At.Sub(a.active)/day, k.Action, k.Object, k.ID))
}

// oddHour complains of the first act at an hour: it is learned with that.
func (w *Watch) oddHour(k *audit.Kept) *finding.Finding {
	if !acts(k) {
		return nil
	}
	a := w.account(k.Operator)
	if a == nil || a.hours.total < w.o.Learned || a.hours.days < w.o.LearnedDays || !a.hours.odd(k.At) {
		return nil
	}
	return complain(RuleOddHours, "operator "+k.Operator, fmt.Sprintf("%s never did anything at about %s before: %s %s (entry %d)", k.Operator, k.At.UTC().Format("Monday 15:04 UTC"), k.Action, k.Object, k.ID))
}

func (w *Watch) afterReset(k *audit.Kept) *finding.Finding {
	at := address(k)
	if k.Action != audit.SignIn || !acts(k) || at == "" {
		return nil
	}
	a := w.account(k.Operator)
	if a == nil || a.reset.IsZero() || k.At.Sub(a.reset) > w.o.AfterReset || slices.Contains(a.places, at) {
		return nil
	}
	return complain(RuleFactorReset, "operator "+k.Operator, fmt.Sprintf("%s signed in from %s, where they never did before, %s after a second factor was removed (entry %d)", k.Operator, at, spoken(k.At.Sub(a.reset)), k.ID))
}

// spoken is a time in minutes or hours.
func spoken(d time.Duration) string {
	if d >= 2*time.Hour {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d minutes", d/time.Minute)
}
