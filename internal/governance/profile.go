package governance

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Profile says for which APIs which rulesets hold, and what follows.
type Profile struct {
	Name        string
	Description string
	// Active profiles are applied; drafts are only shown.
	Active   bool
	Filter   Filter
	Rulesets []ProfileRuleset
	// Refuse keeps an API that does not conform from being published.
	Refuse bool
	// Every is how often APIs are judged again beside each change; 0 for never.
	Every   time.Duration
	Waivers []Waiver
	Notify  Notification
	// File is where it was written.
	File string
}

// ProfileRuleset is a ruleset of a profile.
type ProfileRuleset struct {
	// Name is that of a built-in ruleset, or the path of a file relative to the
	// profile's.
	Name string
	// Levels change rules, by their IDs.
	Levels map[string]Level
}

// Level is what a profile makes of a rule: violation, warning or info, as in
// Anypoint; off; or a severity, critical to info.
type Level string

// The levels besides severities.
const (
	LevelViolation Level = "violation"
	LevelWarning   Level = "warning"
	LevelInfo      Level = "info"
	LevelOff       Level = "off"
)

// check refuses what is no level.
func (l Level) check() error {
	if l == LevelViolation || l == LevelWarning || l == LevelOff {
		return nil
	}
	if _, err := finding.ParseSeverity(string(l)); err != nil {
		return fmt.Errorf("%q: must be violation, warning, info, off, critical, high, medium or low", string(l))
	}
	return nil
}

// set changes a violation, or says that it is off.
func (l Level) set(v *Violation) (on bool) {
	switch l {
	case "":
	case LevelOff:
		return false
	case LevelViolation:
		v.Violates, v.Severity = true, max(v.Severity, finding.High)
	case LevelWarning:
		v.Violates, v.Severity = false, finding.Medium
	default:
		if s, err := finding.ParseSeverity(string(l)); err == nil {
			v.Severity, v.Violates = s, s >= finding.High
		}
	}
	return true
}

// Waiver says that a violation does not count for a while.
type Waiver struct {
	Rule string
	// API is namespace/name or the file of a description, with * and ? as in
	// path.Match; empty or * for all.
	API string
	// Place is the beginning of the place, as "#/paths/~1orders"; empty for all.
	Place string
	// Reason is why; it is required, as is the end.
	Reason  string
	Expires time.Time
}

func (w *Waiver) covers(t *Target, v *Violation) bool {
	if w.Rule != v.Rule || !strings.HasPrefix(v.Location.Place, w.Place) {
		return false
	}
	if w.API == "" || w.API == "*" {
		return true
	}
	for _, name := range t.names() {
		if ok, err := path.Match(w.API, name); err == nil && ok {
			return true
		}
	}
	return false
}

func (t *Target) names() []string {
	var names []string
	if t.Instance != nil {
		names = append(names, t.Instance.Name)
	}
	if t.Document != nil {
		names = append(names, t.Document.File)
		if t.File != "" && t.File != t.Document.File {
			names = append(names, t.File)
		}
	}
	return names
}

// Notification says who hears of an API that stops conforming.
type Notification struct {
	// On is failure (newly violated rules), change (also those that are mended), or
	// empty for nobody.
	On string
	// Webhooks are addresses that get an HTTP POST with a JSON body.
	Webhooks []string
}

// Check refuses a profile that changes rules which its rulesets do not have, or
// waives rules that none has; a profile that is nil is good.
func (p *Profile) Check(rulesets []*Ruleset) error {
	if p == nil {
		return nil
	}
	known := map[string]bool{}
	for _, set := range rulesets {
		for i := range set.Rules {
			known[set.Rules[i].ID] = true
		}
	}
	for _, r := range p.Rulesets {
		for id := range r.Levels {
			if i := slices.IndexFunc(rulesets, func(s *Ruleset) bool { return s.Name == r.Name }); i >= 0 && rulesets[i].Rule(id) == nil {
				return fmt.Errorf("%s: the ruleset %s has no rule %s", p.File, r.Name, id)
			}
		}
	}
	for _, w := range p.Waivers {
		if !known[w.Rule] {
			return fmt.Errorf("%s: the waiver of %s: none of the rulesets has this rule", p.File, w.Rule)
		}
	}
	return nil
}

// apply changes a violation as the profile says; false means that it is off. A
// profile that is nil changes nothing.
func (p *Profile) apply(t *Target, v *Violation, now time.Time) bool {
	if p == nil {
		return true
	}
	for i := range p.Rulesets {
		if r := &p.Rulesets[i]; r.Name == v.Ruleset && !r.Levels[v.Rule].set(v) {
			return false
		}
	}
	for i := range p.Waivers {
		if w := &p.Waivers[i]; now.Before(w.Expires) && w.covers(t, v) {
			v.Waived = w.Reason
		}
	}
	return true
}

// Filter chooses APIs. What is given under different names must all hold; of
// several values of one name one must, but of tags and categories all.
type Filter struct {
	// Kinds are rest-api (when nothing is given), soap-api, graphql, async-api,
	// http-api for instances without a description, or all.
	Kinds []string
	// Names are namespace/name of instances or files, with * and ?.
	Names        []string
	Tags         []string
	Categories   []string
	Environments []string
	// Status is that of the API's version: active, deprecated, retired.
	Status []string
	// Layers, Exposures, DataClasses, Risks and Owners are labels of instances.
	Layers, Exposures, DataClasses, Risks, Owners []string
}

// Facts are what filters ask of a target.
type Facts struct {
	Kind                                    string
	Names                                   []string
	Tags, Categories                        []string
	Environment, Status                     string
	Layer, Exposure, DataClass, Risk, Owner string
}

// Chooses says whether the filter holds for an API.
func (f *Filter) Chooses(a *Facts) bool {
	kinds := f.Kinds
	if len(kinds) == 0 {
		kinds = []string{"rest-api"}
	}
	if !slices.Contains(kinds, "all") && !slices.Contains(kinds, a.Kind) {
		return false
	}
	for _, one := range []struct {
		wanted []string
		is     string
	}{
		{f.Environments, a.Environment},
		{f.Status, a.Status},
		{f.Layers, a.Layer},
		{f.Exposures, a.Exposure},
		{f.DataClasses, a.DataClass},
		{f.Risks, a.Risk},
		{f.Owners, a.Owner},
	} {
		if len(one.wanted) > 0 && !slices.Contains(one.wanted, one.is) {
			return false
		}
	}
	return containsAll(a.Tags, f.Tags) && containsAll(a.Categories, f.Categories) && named(f.Names, a.Names)
}

func containsAll(have, wanted []string) bool {
	for _, w := range wanted {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

func named(patterns, names []string) bool {
	for _, p := range patterns {
		for _, n := range names {
			if ok, err := path.Match(p, n); err == nil && ok {
				return true
			}
		}
	}
	return len(patterns) == 0
}
