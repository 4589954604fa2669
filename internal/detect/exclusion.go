package detect

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Exclusion names matches that are known to be harmless. What it excludes is
// neither reported nor counted.
type Exclusion struct {
	// Rule is an id ("942100" or "crs-942100"), a range of ids ("942100-942999"),
	// a tag of the Core Rule Set ("attack-sqli") or a rule of ours ("farrier-…").
	Rule string `json:"rule"`
	// Place is a part of the request as findings name it ("query note", "header
	// user-agent", "body json /items/*/note") or as the Core Rule Set does
	// ("ARGS:note"), and all that lies below. A part without a name means all of
	// it ("query", "body"). Empty means everywhere.
	Place string `json:"place,omitempty"`
	// Path is a regular expression (RE2) that the whole path must match; empty
	// means every path.
	Path string `json:"path,omitempty"`
}

type exclusion struct {
	from, to int
	tag      string
	place    pattern
	path     *regexp.Regexp
}

func compileExclusion(x Exclusion) (c exclusion, err error) {
	if err := c.rule(strings.TrimSpace(x.Rule)); err != nil {
		return c, err
	}
	if c.place, err = parsePattern(x.Place); err != nil {
		return c, err
	}
	c.path, err = wholePath(x.Path)
	return c, err
}

// wholePath compiles an expression that the whole path must match; empty
// matches every path.
func wholePath(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil //nolint:nilnil // there is nothing to match
	}
	path, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return path, nil
}

func (c *exclusion) rule(text string) error {
	if text == "" {
		return errors.New("rule: it is empty; give an id, a range of ids or a tag")
	}
	text = strings.TrimPrefix(text, "crs-")
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	if err != nil {
		c.tag = text // not a number, so a tag
		return nil   //nolint:nilerr // as it says
	}
	to := from
	if isRange {
		if to, err = strconv.Atoi(strings.TrimPrefix(last, "crs-")); err != nil || to < from {
			return fmt.Errorf("rule: %q is no range of ids, as 942100-942999 is", text)
		}
	}
	c.from, c.to = from, to
	return nil
}

// covers says whether the exclusion is about this match. A match that stems from
// several places is covered only when all of them are.
func (c *exclusion) covers(m match, path string) bool {
	switch {
	case c.path != nil && !c.path.MatchString(path):
		return false
	case c.tag != "":
		if c.tag != m.rule.name && !slices.Contains(m.rule.tags, c.tag) {
			return false
		}
	case m.rule.id < c.from || m.rule.id > c.to:
		return false
	}
	for _, p := range m.places {
		if !c.place.covers(p) {
			return false
		}
	}
	return true
}
