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
	// ("ARGS:note"). A part without a name means all of it ("query", "body").
	// Empty means everywhere.
	Place string `json:"place,omitempty"`
	// Path is a regular expression (RE2) that the whole path must match; empty
	// means every path.
	Path string `json:"path,omitempty"`
}

type exclusion struct {
	from, to  int
	tag       string
	kind      kind
	name      []string
	hasName   bool
	arguments bool
	anyPlace  bool
	path      *regexp.Regexp
}

func compileExclusion(x Exclusion) (exclusion, error) {
	var c exclusion
	if err := c.rule(strings.TrimSpace(x.Rule)); err != nil {
		return c, err
	}
	if err := c.place(strings.TrimSpace(x.Place)); err != nil {
		return c, err
	}
	if x.Path != "" {
		var err error
		if c.path, err = regexp.Compile(`\A(?:` + x.Path + `)\z`); err != nil {
			return c, fmt.Errorf("path: %w", err)
		}
	}
	return c, nil
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

// crsCollections are the names that the Core Rule Set has for parts of requests.
var crsCollections = map[string]kind{
	"ARGS": "", "ARGS_GET": inQuery, "ARGS_POST": inBody,
	"REQUEST_HEADERS": inHeader, "REQUEST_COOKIES": inCookie,
}

// kinds are ordered so that a longer name comes before its beginning.
var kinds = [...]kind{
	inFileName, inPartHeader, inMultipart, inForm, inJSON, inXML, inText, inBody,
	inMethod, inProtocol, inPath, inQuery, inHeader, inCookie, inWholeRequest,
}

func (c *exclusion) place(text string) error {
	if text == "" {
		c.anyPlace = true
		return nil
	}
	if collection, name, _ := strings.Cut(text, ":"); strings.ToUpper(collection) == collection {
		k, ok := crsCollections[collection]
		if !ok {
			return fmt.Errorf("place: %q is none of ARGS, ARGS_GET, ARGS_POST, REQUEST_HEADERS, REQUEST_COOKIES", collection)
		}
		c.kind, c.arguments = k, strings.HasPrefix(collection, "ARGS")
		c.setName(name)
		return nil
	}
	for _, k := range kinds {
		rest, ok := strings.CutPrefix(text, string(k))
		if !ok || rest != "" && rest[0] != ' ' {
			continue
		}
		c.kind = k
		c.setName(strings.TrimSpace(rest))
		return nil
	}
	return fmt.Errorf("place: %q is no part of a request, as \"query note\" or \"body json /note\" is", text)
}

func (c *exclusion) setName(name string) {
	if c.kind == inHeader {
		name = strings.ToLower(name)
	}
	if c.arguments {
		// The Core Rule Set writes json.items.0.note where we write /items/0/note.
		if rest, ok := strings.CutPrefix(name, "json."); ok {
			name = "/" + strings.ReplaceAll(rest, ".", "/")
		}
	}
	c.hasName = name != ""
	c.name = strings.Split(name, "/")
}

// covers says whether the exclusion is about this match. A match that may stem
// from several places is covered only when all of them are.
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
		if !c.coversPlace(p) {
			return false
		}
	}
	return true
}

func (c *exclusion) coversPlace(p place) bool {
	if c.anyPlace {
		return true
	}
	within := p.kind == c.kind || strings.HasPrefix(string(p.kind), string(c.kind)+" ")
	if c.arguments && c.kind == "" {
		within = p.kind == inQuery || strings.HasPrefix(string(p.kind), string(inBody)+" ")
	}
	if !within || !c.hasName {
		return within
	}
	parts := strings.Split(p.name, "/")
	if len(parts) < len(c.name) || len(parts) > len(c.name) && p.kind != inJSON && p.kind != inXML {
		return false
	}
	for i, want := range c.name {
		if want != "*" && want != parts[i] {
			return false
		}
	}
	return true
}
