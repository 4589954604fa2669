package advisory

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"farrier.dev/farrier/internal/finding"
)

// Bounds of what is imported: the size of one file, the number of files, the
// number of advisories in one file and of versions in one advisory.
const (
	maxOSVFile     = 16 << 20
	maxOSVFiles    = 300_000
	maxOSVEntries  = 100_000
	maxOSVVersions = 5_000
)

// ReadOSV reads what people imported from OSV: a JSON file with one advisory or a
// list of them, a folder of such files, or a ZIP archive of them as osv.dev hands
// them out. Advisories of other ecosystems than Maven, and those that were
// withdrawn, are left out. Files that can't be read are told in problems, and the
// others are read; err says that there was nothing to read at all.
func ReadOSV(ctx context.Context, name string) (found []*Advisory, problems []error, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, fmt.Errorf("reading advisories: %w", err)
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, nil, fmt.Errorf("reading advisories: %w", err)
		}
		defer func() { _ = root.Close() }() // only read from
		return readOSVFiles(ctx, root.FS())
	}
	if strings.EqualFold(filepath.Ext(name), ".zip") {
		archive, err := zip.OpenReader(name)
		if err != nil {
			return nil, nil, fmt.Errorf("reading advisories: %w", err)
		}
		defer func() { _ = archive.Close() }() // only read from
		return readOSVFiles(ctx, archive)
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, nil, fmt.Errorf("reading advisories: %w", err)
	}
	defer func() { _ = root.Close() }() // only read from
	found, err = readOSVFile(root.FS(), filepath.Base(name))
	return found, nil, err
}

func readOSVFiles(ctx context.Context, files fs.FS) (found []*Advisory, problems []error, err error) {
	seen := 0
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			problems = append(problems, err)
			return nil
		case d.IsDir() || !d.Type().IsRegular() || !strings.EqualFold(filepath.Ext(name), ".json"):
			return nil
		case seen >= maxOSVFiles:
			problems = append(problems, fmt.Errorf("there are more than %d files of advisories; the rest was not read", maxOSVFiles))
			return fs.SkipAll
		}
		seen++
		some, err := readOSVFile(files, name)
		if err != nil {
			problems = append(problems, err)
		}
		found = append(found, some...)
		return nil
	})
	if err == nil && seen == 0 {
		err = errors.New("reading advisories: there is no file *.json")
	}
	return found, problems, err
}

func readOSVFile(files fs.FS, name string) ([]*Advisory, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxOSVFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(text) > maxOSVFile {
		return nil, fmt.Errorf("reading %s: it is longer than %d bytes", name, maxOSVFile)
	}
	found, err := ParseOSV(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return found, nil
}

// osv is an advisory in the OSV schema, as far as it is used here.
type osv struct {
	ID        string    `json:"id"`
	Aliases   []string  `json:"aliases"`
	Summary   string    `json:"summary"`
	Published time.Time `json:"published"`
	Withdrawn string    `json:"withdrawn"`
	Severity  []struct {
		Type  string `json:"type"`
		Score string `json:"score"`
	} `json:"severity"`
	Affected   []osvAffected `json:"affected"`
	References []struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	} `json:"references"`
	Specific struct {
		Severity string `json:"severity"`
	} `json:"database_specific"`
}

type osvAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges []struct {
		Type   string `json:"type"`
		Events []struct {
			Introduced   string `json:"introduced"`
			Fixed        string `json:"fixed"`
			LastAffected string `json:"last_affected"`
		} `json:"events"`
	} `json:"ranges"`
	Versions []string `json:"versions"`
}

// ParseOSV reads one advisory in the OSV schema, or a list of them.
func ParseOSV(text []byte) ([]*Advisory, error) {
	var list []osv
	var err error
	if trimmed := strings.TrimLeft(string(text[:min(len(text), 64)]), " \t\r\n"); strings.HasPrefix(trimmed, "[") {
		err = json.Unmarshal(text, &list)
	} else {
		list = make([]osv, 1)
		err = json.Unmarshal(text, &list[0])
	}
	if err != nil {
		return nil, fmt.Errorf("this is no advisory in the OSV schema: %w", err)
	}
	var out []*Advisory
	for i := range list[:min(len(list), maxOSVEntries)] {
		o := &list[i]
		if o.ID == "" || len(o.ID) > 200 {
			return nil, errors.New("this is no advisory in the OSV schema: it has no id")
		}
		if a := o.advisory(); o.Withdrawn == "" && len(a.Affected) > 0 {
			out = append(out, a)
		}
	}
	return out, nil
}

func (o *osv) advisory() *Advisory {
	a := &Advisory{ID: o.ID, Aliases: o.Aliases, Title: o.Summary, Severity: o.severity(), Published: o.Published}
	// People know the names of CVEs.
	for i, alias := range o.Aliases {
		if strings.HasPrefix(alias, "CVE-") && !strings.HasPrefix(o.ID, "CVE-") {
			a.ID, a.Aliases = alias, append([]string{o.ID}, o.Aliases[:i]...)
			a.Aliases = append(a.Aliases, o.Aliases[i+1:]...)
			break
		}
	}
	if len(a.Title) > 300 {
		a.Title = strings.ToValidUTF8(a.Title[:300], "") + "…"
	}
	for _, r := range o.References {
		if a.Reference == "" || r.Type == "ADVISORY" {
			a.Reference = r.URL
		}
	}
	for i := range o.Affected {
		if one := &o.Affected[i]; one.Package.Ecosystem == "Maven" && strings.Contains(one.Package.Name, ":") {
			a.Affected = append(a.Affected, one.affected())
		}
	}
	return a
}

// affected reads the events of ranges, which come in the order of versions.
func (o *osvAffected) affected() Affected {
	out := Affected{Package: o.Package.Name, Versions: o.Versions[:min(len(o.Versions), maxOSVVersions)]}
	for _, r := range o.Ranges {
		if r.Type == "GIT" {
			continue
		}
		var open *Range
		for _, e := range r.Events {
			switch {
			case len(out.Ranges) >= maxOSVVersions:
				return out
			case e.Introduced != "":
				out.Ranges = append(out.Ranges, Range{Introduced: e.Introduced})
				open = &out.Ranges[len(out.Ranges)-1]
			case open == nil:
			case e.Fixed != "":
				open.Fixed, open = e.Fixed, nil
			case e.LastAffected != "":
				open.LastAffected, open = e.LastAffected, nil
			}
		}
	}
	return out
}

// severity is the one that the database gives, or that of the CVSS vector.
func (o *osv) severity() finding.Severity {
	switch strings.ToUpper(o.Specific.Severity) {
	case "CRITICAL":
		return finding.Critical
	case "HIGH":
		return finding.High
	case "MODERATE", "MEDIUM":
		return finding.Medium
	case "LOW":
		return finding.Low
	}
	for _, s := range o.Severity {
		if score, ok := baseScore(s.Score); ok && s.Type == "CVSS_V3" {
			return rated(score)
		}
	}
	return finding.Medium
}
