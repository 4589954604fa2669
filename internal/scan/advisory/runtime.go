package advisory

import (
	_ "embed" // the table
	"fmt"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

//go:embed runtime.yaml
var runtimeText []byte

// Line is a line of the Mule runtime and how long it is supported.
type Line struct {
	// Name is the minor version, as "4.9".
	Name string
	// Edge says that it is of the channel of short support.
	Edge bool
	// Standard and Extended are the last days of support, the zero time where they
	// are not known; Ended says that support ended, whenever it was.
	Standard, Extended time.Time
	ended              bool
}

// Ended says whether support ended before a time.
func (l Line) Ended(now time.Time) bool {
	return l.ended || !l.Extended.IsZero() && now.After(l.Extended.AddDate(0, 0, 1))
}

// runtimeTable is runtime.yaml.
type runtimeTable struct {
	asOf       time.Time
	lines      []Line
	weaknesses []weakness
}

// weakness is an advisory about the runtime.
type weakness struct {
	*Advisory
	from, to mule.Runtime
	patched  int // the date of the patch, as 20210202; 0 for none
}

// AsOf is the day at which the table of runtimes was written.
func (d *Database) AsOf() time.Time { return d.runtime.asOf }

// Support is the line that a version of the runtime belongs to; ok is false for
// those that the table does not have, as they are newer. A version that does not
// name its channel is of the one that is supported longer.
func (d *Database) Support(r mule.Runtime) (line Line, ok bool) {
	for _, l := range d.runtime.lines {
		if l.Name == r.Line() && (!ok || l.Edge == r.Edge) {
			if ok || l.Edge == r.Edge {
				return l, true
			}
			line, ok = l, true
		}
	}
	if !ok && r.Major <= 3 && r.Major > 0 {
		return Line{Name: r.Line(), ended: true}, true
	}
	return line, ok
}

// Supported are the lines that are supported at a time, the newest first.
func (d *Database) Supported(now time.Time) []Line {
	var out []Line
	for _, l := range d.runtime.lines {
		if !l.Ended(now) {
			out = append(out, l)
		}
	}
	return out
}

// Runtime gives the advisories that hold for a version of the runtime. One without
// a date patch counts as it was first released.
func (d *Database) Runtime(r mule.Runtime) []*Advisory {
	numbers := r
	numbers.Patch, numbers.Date, numbers.Hotfix = max(r.Patch, 0), 0, 0
	var out []*Advisory
	for _, w := range d.runtime.weaknesses {
		if numbers.Compare(w.from) >= 0 && numbers.Compare(w.to) <= 0 && (r.Date == 0 || r.Date < w.patched) {
			out = append(out, w.Advisory)
		}
	}
	return out
}

// day is a date of the table, empty for none.
type day string

func (d day) time() (time.Time, error) {
	if d == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return t, fmt.Errorf("reading a date: %w", err)
	}
	return t, nil
}

// writtenRuntimes is runtime.yaml as it is written.
type writtenRuntimes struct {
	AsOf  day `yaml:"asOf"`
	Lines []struct {
		Line     string `yaml:"line"`
		Edge     bool   `yaml:"edge"`
		Ended    bool   `yaml:"ended"`
		Released day    `yaml:"released"`
		Standard day    `yaml:"standard"`
		Extended day    `yaml:"extended"`
	} `yaml:"lines"`
	Weaknesses []struct {
		ID       string `yaml:"id"`
		Severity string `yaml:"severity"`
		Title    string `yaml:"title"`
		From     string `yaml:"from"`
		To       string `yaml:"to"`
		Patched  day    `yaml:"patched"`
		Date     day    `yaml:"date"`
	} `yaml:"weaknesses"`
}

func readRuntimes(text []byte) (*runtimeTable, error) {
	var in writtenRuntimes
	err := strictYAML(text, &in)
	var out runtimeTable
	date := func(d day) time.Time {
		t, e := d.time()
		if err == nil {
			err = e
		}
		return t
	}
	version := func(text string) mule.Runtime {
		r, e := mule.ParseRuntime(text)
		if err == nil {
			err = e
		}
		return r
	}
	out.asOf = date(in.AsOf)
	for _, l := range in.Lines {
		line := Line{Name: l.Line, Edge: l.Edge, Standard: date(l.Standard), Extended: date(l.Extended), ended: l.Ended}
		if version(l.Line); err == nil && line.Extended.IsZero() && !line.ended {
			err = fmt.Errorf("line %s must say when its support ends", l.Line)
		}
		out.lines = append(out.lines, line)
	}
	for _, w := range in.Weaknesses {
		severity, e := finding.ParseSeverity(w.Severity)
		if err == nil {
			err = e
		}
		one := weakness{from: version(w.From), to: version(w.To)}
		one.Advisory = &Advisory{
			ID: w.ID, Title: w.Title, Severity: severity, Published: date(w.Date),
			Reference: "https://nvd.nist.gov/vuln/detail/" + w.ID,
		}
		if p := date(w.Patched); !p.IsZero() {
			one.patched = p.Year()*10000 + int(p.Month())*100 + p.Day()
		}
		out.weaknesses = append(out.weaknesses, one)
	}
	return &out, err
}
