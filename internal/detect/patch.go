package detect

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// Patch is a virtual patch: it closes one hole of a service, in one operation
// and place, until the service itself is mended.
type Patch struct {
	// Name identifies the patch in findings, as "farrier-patch-NAME".
	Name string `json:"name"`
	// Method is the HTTP method; empty means all.
	Method string `json:"method,omitempty"`
	// Path is a regular expression (RE2) that the whole path must match; empty
	// means every path.
	Path string `json:"path,omitempty"`
	// Place is written as in an Exclusion.
	Place string `json:"place"`
	// Match is a regular expression (RE2) that a value must match somewhere to be
	// refused; empty means any value.
	Match string `json:"match,omitempty"`
	// Unless is one that the whole value must match to be let through.
	Unless string `json:"unless,omitempty"`
	// Mode is "watch" (report only), "block" (as the policy's mode allows) or
	// "always" (refuse even where the policy only watches).
	Mode string `json:"mode"`
	// Expires is when the patch ends, in RFC 3339; empty means never.
	Expires string `json:"expires,omitempty"`
}

type patch struct {
	rule    rule
	method  string
	path    *regexp.Regexp
	place   pattern
	match   *regexp.Regexp
	unless  *regexp.Regexp
	always  bool
	expires time.Time
}

var patchName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func compilePatch(p Patch) (c patch, err error) {
	switch {
	case !patchName.MatchString(p.Name):
		return c, fmt.Errorf("name: %q is not made of lower-case letters, digits and hyphens", p.Name)
	case strings.TrimSpace(p.Place) == "":
		return c, errors.New("place: it is empty; write it as \"query note\" or \"body json /note\"")
	case !slices.Contains([]string{"watch", "block", "always"}, p.Mode):
		return c, fmt.Errorf("mode: %q is none of watch, block, always", p.Mode)
	}
	c = patch{method: p.Method, always: p.Mode == "always", rule: rule{
		name: "farrier-patch-" + p.Name, title: "Virtual patch " + p.Name, severity: finding.High, points: patchPoints, attack: &patched,
	}}
	if p.Mode == "watch" {
		c.rule.points, c.rule.severity = 0, finding.Info
	}
	if c.place, err = parsePattern(p.Place); err != nil {
		return c, err
	}
	if c.path, err = wholePath(p.Path); err != nil {
		return c, err
	}
	if p.Match != "" {
		if c.match, err = regexp.Compile(p.Match); err != nil {
			return c, fmt.Errorf("match: %w", err)
		}
	}
	if p.Unless != "" {
		if c.unless, err = regexp.Compile(`\A(?:` + p.Unless + `)\z`); err != nil {
			return c, fmt.Errorf("unless: %w", err)
		}
	}
	if p.Expires != "" {
		if c.expires, err = time.Parse(time.RFC3339, p.Expires); err != nil {
			return c, fmt.Errorf("expires: %q is no time as 2026-12-31T00:00:00Z is", p.Expires)
		}
	}
	return c, nil
}

// patchPoints are enough for every threshold that makes sense.
const patchPoints = 100

// unitsPerByte is what a regular expression costs against a byte in an
// automaton.
const unitsPerByte = 25

// patched applies the patches.
func (e *Engine) patched(x *traffic.Exchange, w *work) (matches []match) {
	for i := range e.patches {
		p := &e.patches[i]
		if p.method != "" && p.method != x.Request.Method || p.path != nil && !p.path.MatchString(x.Request.Path) ||
			!p.expires.IsZero() && x.Received.After(p.expires) {
			continue
		}
		for leaf := range w.tree.Leaves {
			l := &w.tree.Leaves[leaf]
			places, decoders := w.placesOf(int32(leaf)) //nolint:gosec // bounded by the tree
			if !slices.ContainsFunc(places, p.place.covers) {
				continue
			}
			w.meter.Left -= int64(len(l.Text)) * unitsPerByte
			if w.meter.Left < 0 {
				return matches
			}
			if p.match != nil && !p.match.MatchString(l.Text) || p.unless != nil && p.unless.MatchString(l.Text) {
				continue
			}
			matches = append(matches, match{
				rule: &p.rule, points: p.rule.points, places: places, decoders: decoders, leaf: single, text: l.Text, always: p.always,
			})
		}
	}
	return matches
}

// Always says that a patch blocks in every mode, so that requests must be judged
// before they go on.
func (e *Engine) Always() bool {
	return slices.ContainsFunc(e.patches, func(p patch) bool { return p.always })
}
