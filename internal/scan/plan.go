package scan

import (
	"slices"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/advisory"
	"farrier.dev/farrier/internal/scan/taint"
)

// plan is what is asked of one project.
type plan struct {
	rules *Rules
	// asked are the rules to ask, by their ids.
	asked map[string]*asked
	// order is the same in the order of ids.
	order []*asked
	// says is what a sink says when data reaches it, and for which rule.
	says map[*taint.Sink]saying
	// declared is what the analysis of data is told.
	declared *taint.Declarations
	tests    bool
	settings *Settings
	profile  Profile
	only     []string
	// advisories and now are handed to checks.
	advisories *advisory.Database
	now        time.Time
	// strict tells all of checks that break off, as tests want it.
	strict bool
}

type saying struct {
	asked   *asked
	message *message
}

// asked is a rule as the settings want it.
type asked struct {
	*rule
	// severity replaces that of the rule, 0 for none.
	severity finding.Severity
	options  map[string]string
}

// newPlan chooses rules.
func newPlan(rules *Rules, o *Options, s *Settings) *plan {
	p := &plan{rules: rules, asked: map[string]*asked{}, says: map[*taint.Sink]saying{}, declared: &taint.Declarations{}, tests: o.Tests, settings: s, only: o.Only, advisories: o.Advisories, now: o.Now, profile: s.profile(o.Profile)}
	profile := p.profile
	for _, x := range rules.all {
		set := s.rule(x.ID)
		if !wanted(x, o, profile, set) {
			continue
		}
		a := &asked{rule: x, options: x.options}
		if set != nil {
			a.severity = set.severity
			a.options = overlaid(x.options, set.options)
		}
		p.asked[x.ID], p.order = a, append(p.order, a)
		for _, sink := range x.sinks {
			p.declare(a, sink)
		}
	}
	if s != nil {
		for _, sink := range s.sinks {
			if a := p.asked[sink.Rule]; a != nil {
				p.declare(a, sink)
			}
		}
		p.declared.Origins, p.declared.Cleaners = s.origins, s.cleaners
	}
	return p
}

func (p *plan) declare(a *asked, s *sink) {
	p.declared.Sinks = append(p.declared.Sinks, s.Sink)
	if a.check == nil {
		p.says[s.Sink] = saying{a, s.message}
	}
}

// wanted says whether a rule is to be asked.
func wanted(x *rule, o *Options, profile Profile, set *ruleSetting) bool {
	switch {
	case len(o.Only) > 0:
		return slices.Contains(o.Only, x.ID)
	case set != nil && set.off:
		return false
	case set != nil && set.on:
		return true
	case x.Experimental && !o.Experimental:
		return false
	}
	return profile.has(x)
}

func overlaid(base, top map[string]string) map[string]string {
	if len(top) == 0 {
		return base
	}
	out := make(map[string]string, len(base)+len(top))
	for name, value := range base {
		out[name] = value
	}
	for name, value := range top {
		out[name] = value
	}
	return out
}
