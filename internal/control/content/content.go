// Package content takes updates of what Farrier knows of attacks, as signed
// files that an operator carries in: detection rules, advisories, feeds of
// addresses and bots, breached passwords. It believes only keys that the
// operator trusts, puts an update into service as a whole or not at all, and
// keeps the one before it. It fetches nothing and tells nobody.
package content

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"slices"

	"github.com/gaissmai/bart"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/detect/rulefile"
)

// Content is what an update brought, ready for use. It is immutable.
type Content struct {
	// Version is empty when nothing is installed: only what Farrier was built
	// with serves.
	Version string
	// Name is the name of the series of updates, Key the id of the key that
	// signed this one.
	Name, Key string
	// Sources are detection rules, in the order of their names; a name begins
	// with content/ and the version, so that a rule shows where it is from.
	Sources []detect.Source
	// Addresses are networks known for attacks.
	Addresses *bart.Lite
	// Bots are phrases in the user agents of unwanted programs.
	Bots []string
	// Dir is the folder with all files, in the layout of the bundle: what is
	// not kept in memory is read there (advisories, breached passwords).
	Dir string
	// Counts are how much of everything there is.
	Counts Counts
}

// Counts are how much a bundle brings of everything.
type Counts struct {
	Rules      int `json:"rules"`
	Addresses  int `json:"addresses"`
	Bots       int `json:"bots"`
	Passwords  int `json:"passwords"`
	Advisories int `json:"advisories"`
}

// None is the content of a folder without updates.
func None() *Content { return &Content{Addresses: new(bart.Lite)} }

// BadAddress says whether the address is known for attacks. An IPv4 address
// written as IPv6 counts as the IPv4 address that it is.
func (c *Content) BadAddress(ip netip.Addr) bool {
	return c.Addresses.Contains(ip.Unmap().WithZone(""))
}

// Compile says whether the rules of an update compile together with those that
// Farrier was built with, for a paranoia level.
type Compile func(paranoia int, rules []detect.Source) error

// CompileRules is the Compile to use. It takes some tenths of a second.
func CompileRules(paranoia int, rules []detect.Source) error {
	_, err := detect.LoadRules(paranoia, rules...)
	return err
}

// The lowest paranoia level, which most use, and the highest.
const usualLevel, highestLevel = 1, 4

// throughout compiles the rules for the lowest and the highest level: between
// them only the numbers differ of rules that take part.
func (compile Compile) throughout(rules []detect.Source) error {
	if len(rules) == 0 {
		return nil
	}
	if err := compile(usualLevel, rules); err != nil {
		return err
	}
	return compile(highestLevel, rules)
}

// read reads the files that a bundle lists from a folder. All that can be wrong
// with a file by itself is found here; compiling the rules together is left.
// Passwords and advisories are only looked at when thorough.
func read(b *Bundle, dir string, thorough bool) (*Content, error) {
	c := None()
	c.Version, c.Name, c.Key, c.Dir = b.Version, b.Name, b.Key, dir
	ids := map[string]string{}
	for i := range b.Files {
		f := &b.Files[i]
		kind := kindOf(f.Path)
		if kind == passwords {
			c.Counts.Passwords = f.Lines
			if thorough {
				if err := f.checkPasswords(dir); err != nil {
					return nil, err
				}
			}
			continue
		}
		if kind == advisory {
			c.Counts.Advisories++
			if !thorough {
				continue
			}
		}
		text, err := os.ReadFile(f.in(dir))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Path, err)
		}
		if err := f.check(text); err != nil {
			return nil, err
		}
		if err := c.take(kind, f.Path, text, ids); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.Sources, func(a, b detect.Source) int { return compareText(a.Name, b.Name) })
	return c, nil
}

// take reads one file into the content.
func (c *Content) take(kind kind, name string, text []byte, ids map[string]string) (err error) {
	switch kind {
	case ruleYAML:
		r, err := rulefile.Parse(name, text)
		if err != nil {
			return err
		}
		if other := ids[r.ID]; other != "" {
			return fmt.Errorf("%s: %q is the id of the rule in %s", name, r.ID, other)
		}
		ids[r.ID] = name
		fallthrough
	case ruleSecLang:
		c.Counts.Rules++
		c.Sources = append(c.Sources, detect.Source{Name: path.Join("content", c.Version, name), Text: string(text)})
	case addresses:
		c.Addresses, c.Counts.Addresses, err = parseAddresses(text)
	case bots:
		c.Bots, err = parseBots(text)
		c.Counts.Bots = len(c.Bots)
	case advisory:
		err = checkAdvisory(name, text)
	case passwords, unknown:
	}
	if err != nil {
		return fmt.Errorf("%s%w", name, err)
	}
	return nil
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
