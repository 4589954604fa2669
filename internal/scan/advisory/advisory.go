// Package advisory knows published weaknesses of Maven artifacts and of the Mule
// runtime, and until when each line of the runtime is supported: an embedded table,
// and files in the format of OSV that people bring along. It asks nobody; the time
// is handed in.
package advisory

import (
	"bytes"
	_ "embed" // the tables
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"deps.dev/util/semver"
	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/finding"
)

// Advisory is one published weakness.
type Advisory struct {
	// ID is that of the CVE where there is one; Aliases are its other names.
	ID      string
	Aliases []string
	// Title says in a sentence what may happen.
	Title    string
	Severity finding.Severity
	// Published is the day; the zero time where it is not known.
	Published time.Time
	Reference string
	Affected  []Affected
}

// Affected are versions of one artifact.
type Affected struct {
	// Package is "group:artifact".
	Package string
	Ranges  []Range
	// Versions are named one by one.
	Versions []string
}

// Range are the versions from Introduced up to Fixed, which it leaves out, or to
// LastAffected, which it includes. Empty means that there is no bound.
type Range struct{ Introduced, Fixed, LastAffected string }

// Database holds advisories. It is never changed, and safe for concurrent use.
type Database struct {
	byPackage map[string][]place
	size      int
	runtime   *runtimeTable
}

// place is an advisory and the part of it that speaks of a package.
type place struct {
	advisory *Advisory
	affected *Affected
}

// Match is an advisory that holds for a version.
type Match struct {
	*Advisory
	// Fixed is the first version of the same line that is mended; empty where the
	// advisory names none.
	Fixed string
}

//go:embed libraries.yaml
var librariesText []byte

var builtin = sync.OnceValues(func() (*Database, error) {
	libraries, err := readTable(librariesText)
	if err != nil {
		return nil, fmt.Errorf("reading libraries.yaml: %w", err)
	}
	runtime, err := readRuntimes(runtimeText)
	if err != nil {
		return nil, fmt.Errorf("reading runtime.yaml: %w", err)
	}
	d := &Database{runtime: runtime}
	return d.With(libraries), nil
})

// Builtin is the embedded table.
func Builtin() (*Database, error) { return builtin() }

// With is a database that has more advisories. One that is there already, by its
// id or an alias, for the same package is left out.
func (d *Database) With(more []*Advisory) *Database {
	out := &Database{byPackage: make(map[string][]place, len(d.byPackage)), size: d.size, runtime: d.runtime}
	for name, places := range d.byPackage {
		out.byPackage[name] = slices.Clip(places)
	}
	for _, a := range more {
		added := false
		for i := range a.Affected {
			name := a.Affected[i].Package
			if !slices.ContainsFunc(d.byPackage[name], func(p place) bool { return same(p.advisory, a) }) {
				out.byPackage[name] = append(out.byPackage[name], place{a, &a.Affected[i]})
				added = true
			}
		}
		if added {
			out.size++
		}
	}
	return out
}

func same(a, b *Advisory) bool {
	if a.ID == b.ID || slices.Contains(a.Aliases, b.ID) || slices.Contains(b.Aliases, a.ID) {
		return true
	}
	return slices.ContainsFunc(a.Aliases, func(alias string) bool {
		return strings.HasPrefix(alias, "CVE-") && slices.Contains(b.Aliases, alias)
	})
}

// Len is the number of advisories about artifacts.
func (d *Database) Len() int { return d.size }

// Match gives the advisories that hold for a version of an artifact, the worst
// first. A version that is a range, or holds a placeholder, matches nothing.
func (d *Database) Match(group, artifact, version string) []Match {
	places := d.byPackage[group+":"+artifact]
	if len(places) == 0 || version == "" || len(version) > 100 || strings.ContainsAny(version, "[](),$ ") {
		return nil
	}
	v, err := semver.Maven.Parse(version)
	if err != nil {
		return nil
	}
	var out []Match
	for _, p := range places {
		if fixed, ok := p.affected.holds(v, version); ok {
			out = append(out, Match{p.advisory, fixed})
		}
	}
	slices.SortStableFunc(out, func(a, b Match) int {
		if a.Severity != b.Severity {
			return int(b.Severity) - int(a.Severity)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// holds says whether a version is affected, and the first that is mended.
func (a *Affected) holds(v *semver.Version, text string) (fixed string, ok bool) {
	for _, r := range a.Ranges {
		if at(v, r.Introduced, 1) >= 0 && at(v, r.Fixed, -1) < 0 && at(v, r.LastAffected, -1) <= 0 {
			return r.Fixed, true
		}
	}
	return "", slices.Contains(a.Versions, text)
}

// at compares a version with a bound; unbounded is the answer where there is none.
func at(v *semver.Version, bound string, unbounded int) int {
	if bound == "" || bound == "0" {
		return unbounded
	}
	b, err := semver.Maven.Parse(bound)
	if err != nil {
		// What can't be compared holds nothing.
		return -unbounded
	}
	return v.Compare(b)
}

// Older says whether a version of Maven comes before another; false where one of
// them can't be read.
func Older(version, other string) bool {
	a, err := semver.Maven.Parse(version)
	if err != nil {
		return false
	}
	b, err := semver.Maven.Parse(other)
	return err == nil && a.Compare(b) < 0
}

// entry is an advisory as the table writes it.
type entry struct {
	ID        string   `yaml:"id"`
	Severity  string   `yaml:"severity"`
	Date      string   `yaml:"date"`
	Title     string   `yaml:"title"`
	Packages  []string `yaml:"packages"`
	Ranges    []string `yaml:"ranges"`
	Reference string   `yaml:"reference"`
}

// readTable reads advisories as libraries.yaml has them.
func readTable(text []byte) ([]*Advisory, error) {
	var entries []entry
	if err := strictYAML(text, &entries); err != nil {
		return nil, err
	}
	out := make([]*Advisory, 0, len(entries))
	for _, e := range entries {
		a := &Advisory{ID: e.ID, Title: e.Title, Reference: e.Reference}
		var err error
		if a.Severity, err = finding.ParseSeverity(e.Severity); err != nil {
			return nil, fmt.Errorf("%s: %w", e.ID, err)
		}
		if a.Published, err = time.Parse(time.DateOnly, e.Date); err != nil {
			return nil, fmt.Errorf("%s: reading the date: %w", e.ID, err)
		}
		if a.Reference == "" {
			a.Reference = "https://nvd.nist.gov/vuln/detail/" + e.ID
		}
		var ranges []Range
		for _, text := range e.Ranges {
			r, err := readRange(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.ID, err)
			}
			ranges = append(ranges, r)
		}
		for _, name := range e.Packages {
			a.Affected = append(a.Affected, Affected{Package: name, Ranges: ranges})
		}
		out = append(out, a)
	}
	return out, nil
}

// readRange reads a range of Maven; what begins it is always included.
func readRange(text string) (Range, error) {
	low, high, found := strings.Cut(strings.Trim(text, "[]()"), ",")
	switch {
	case !found || high == "":
		return Range{}, fmt.Errorf("range %q must name where it ends", text)
	case strings.HasPrefix(text, "(") != (low == ""):
		return Range{}, fmt.Errorf("range %q must begin with [ and a version, or with (,", text)
	case strings.HasSuffix(text, "]"):
		return Range{Introduced: low, LastAffected: high}, nil
	}
	return Range{Introduced: low, Fixed: high}, nil
}

func strictYAML(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && err != io.EOF { //nolint:errorlint // the decoder gives it as it is
		return fmt.Errorf("reading a table: %w", err)
	}
	return nil
}
