package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/importer"
	"farrier.dev/farrier/internal/manifest"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/secret"
)

// ImportOptions say where an import comes from and where it goes.
type ImportOptions struct {
	// Output is an empty or new folder for manifests and report; without it the report
	// is printed.
	Output string
	// Format of what is printed is text or json.
	Format string
	// Map renames environments, as Production=default.
	Map []string
	// Apply puts the import into the drafts of To, the applications into Group.
	Apply bool
	To    ControlPlane
	Group string
	// Organization, ClientID and ClientSecret are those of a connected app, for what is
	// read live. ClientSecret is a reference, env:NAME or file:/path.
	Organization, ClientID, ClientSecret string
	// Client asks the other platform; nil stands for one that follows no redirects.
	Client *http.Client
}

// environmentName is a name that is fit for a folder too.
var environmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// imported is a result with the alerts as rules.
type imported struct {
	*importer.Result
	rules map[string][]rules.Rule
}

// ImportAnypoint maps what API Manager knows: saved answers in a folder, or live from the
// address of a platform. It returns the exit code: findings when something was not
// imported.
func ImportAnypoint(ctx context.Context, from string, o ImportOptions, out io.Writer) (int, error) {
	all, err := o.ready()
	if err != nil {
		return ExitBroken, err
	}
	var files []manifest.File
	var found []importer.Finding
	if strings.Contains(from, "://") {
		files, found, err = o.fetch(ctx, from)
	} else {
		files, found, err = importFiles(from, ".json")
	}
	if err != nil {
		return ExitBroken, err
	}
	r := importer.Anypoint(files, all)
	r.Findings = append(found, r.Findings...)
	return o.finish(ctx, r, out)
}

// ImportFlex maps what flexctl dump wrote, a file or a folder, into one environment. It
// returns the exit code: findings when something was not imported.
func ImportFlex(ctx context.Context, from string, o ImportOptions, out io.Writer) (int, error) {
	all, err := o.ready()
	if err != nil {
		return ExitBroken, err
	}
	files, found, err := importFiles(from, ".json", ".yaml", ".yml")
	if err != nil {
		return ExitBroken, err
	}
	r := importer.Flex(files, all)
	r.Findings = append(found, r.Findings...)
	if o.To.Environment != "" {
		r.Environments[0].Name = o.To.Environment
	}
	return o.finish(ctx, r, out)
}

// ready checks what can be known before anything is read.
func (o *ImportOptions) ready() (*policy.Catalogue, error) {
	if o.Format != "text" && o.Format != "json" {
		return nil, fmt.Errorf("format %q: must be text or json", o.Format)
	}
	for _, one := range o.Map {
		if from, to, ok := strings.Cut(one, "="); !ok || from == "" || !environmentName.MatchString(to) {
			return nil, fmt.Errorf("--map %q: must be as Production=default", one)
		}
	}
	if o.Output != "" {
		if entries, err := os.ReadDir(o.Output); err == nil && len(entries) > 0 {
			return nil, fmt.Errorf("the folder %s is not empty; choose another, so that nothing of an earlier import stays", o.Output)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("opening the folder: %w", err)
		}
	}
	return catalogue.New(nil)
}

// fetch reads a platform.
func (o *ImportOptions) fetch(ctx context.Context, from string) ([]manifest.File, []importer.Finding, error) {
	if o.ClientSecret == "" {
		return nil, nil, errors.New("--client-secret is missing: env:NAME, or file:/path")
	}
	value, err := secret.Environ().Resolve(o.ClientSecret)
	if err != nil {
		return nil, nil, fmt.Errorf("--client-secret: %w", err)
	}
	client := o.Client
	if client == nil {
		client = &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	p := importer.Platform{
		Base: from, Organization: o.Organization, ClientID: o.ClientID, ClientSecret: value, HTTP: client, Now: time.Now,
		Wait: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		},
	}
	return p.Fetch(ctx)
}

// importFiles reads the files of some endings below a folder, or one file by any name.
// Nothing outside of the folder is read.
func importFiles(from string, endings ...string) ([]manifest.File, []importer.Finding, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the export: %w", err)
	}
	dir := from
	if !info.IsDir() {
		dir = filepath.Dir(from)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the export: %w", err)
	}
	defer func() { _ = root.Close() }()
	reading := importReading{root: root.FS()}
	if !info.IsDir() {
		err := reading.add(filepath.Base(from), fs.FileInfoToDirEntry(info))
		return reading.files, reading.skipped, err
	}
	err = fs.WalkDir(reading.root, ".", func(name string, entry fs.DirEntry, err error) error {
		hidden := len(name) > 1 && strings.HasPrefix(filepath.Base(name), ".")
		switch {
		case err != nil:
			return err
		case entry.IsDir() && hidden:
			return fs.SkipDir
		case entry.IsDir() || hidden || !slices.Contains(endings, strings.ToLower(filepath.Ext(name))):
			return nil
		}
		return reading.add(name, entry)
	})
	if err == nil && len(reading.files)+len(reading.skipped) == 0 {
		err = fmt.Errorf("%s holds no file that ends in %s", from, strings.Join(endings, " or "))
	}
	return reading.files, reading.skipped, err
}

// importReading is what was read so far.
type importReading struct {
	root    fs.FS
	files   []manifest.File
	skipped []importer.Finding
	total   int64
}

func (r *importReading) add(name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return fmt.Errorf("reading the export: %w", err)
	}
	why := ""
	switch {
	case !info.Mode().IsRegular():
		why = "it is no regular file; links are not followed"
	case info.Size() > importer.MaxFile:
		why = fmt.Sprintf("larger than %d MiB", importer.MaxFile>>20)
	}
	if why != "" {
		r.skipped = append(r.skipped, importer.Finding{Level: importer.Lost, File: name, Path: "$", What: "the file", Why: why})
		return nil
	}
	if r.total += info.Size(); r.total > importer.MaxTotal || len(r.files) >= importer.MaxFiles {
		return fmt.Errorf("the export holds more than %d files or %d MiB; import one environment after the other", importer.MaxFiles, importer.MaxTotal>>20)
	}
	text, err := fs.ReadFile(r.root, name)
	if err != nil {
		return fmt.Errorf("reading the export: %w", err)
	}
	r.files = append(r.files, manifest.File{Name: name, Text: text})
	return nil
}

// finish writes, applies and tells.
func (o *ImportOptions) finish(ctx context.Context, r *importer.Result, out io.Writer) (int, error) {
	if err := o.rename(r); err != nil {
		return ExitBroken, err
	}
	i := imported{Result: r, rules: map[string][]rules.Rule{}}
	i.alerts()
	if o.Output != "" {
		if err := i.write(o.Output); err != nil {
			return ExitBroken, err
		}
	}
	if o.Format == "json" {
		if err := writeJSON(out, i.report()); err != nil {
			return ExitBroken, err
		}
	} else if o.Output == "" {
		_, _ = io.WriteString(out, r.Markdown())
	} else {
		i.summary(out, o.Output)
	}
	if o.Apply {
		if err := i.apply(ctx, o.To, o.Group, out); err != nil {
			return ExitBroken, err
		}
	}
	for _, f := range r.Findings {
		if f.Level == importer.Lost {
			return ExitFindings, nil
		}
	}
	return ExitGood, nil
}

// rename maps environments; two of one name can't be told apart.
func (o *ImportOptions) rename(r *importer.Result) error {
	for _, one := range o.Map {
		from, to, _ := strings.Cut(one, "=")
		found := false
		for n := range r.Environments {
			e := &r.Environments[n]
			if e.Name != from && e.Source != from {
				continue
			}
			for f := range r.Findings {
				if r.Findings[f].Environment == e.Name {
					r.Findings[f].Environment = to
				}
			}
			e.Name, found = to, true
			break
		}
		if !found {
			return fmt.Errorf("--map %s: the export has no environment %s", one, from)
		}
	}
	seen := map[string]bool{}
	for n := range r.Environments {
		if name := r.Environments[n].Name; seen[name] {
			return fmt.Errorf("two environments would be called %s; map one to another name", name)
		} else if !environmentName.MatchString(name) {
			return fmt.Errorf("environment %q: not a name", name)
		}
		seen[r.Environments[n].Name] = true
	}
	return nil
}

// alerts makes rules of the alerts.
func (i *imported) alerts() {
	for n := range i.Environments {
		e := &i.Environments[n]
		for _, a := range e.Alerts {
			finding := importer.Finding{Level: importer.Note, Environment: e.Name, File: a.File, Path: a.Path, What: "an alert on " + a.API}
			rule, notes, err := alert.FromAnypoint(a.API, a.Body)
			if err != nil {
				finding.Level, finding.Why, finding.Do = importer.Lost, err.Error(), "make an alert rule by hand"
				i.Findings = append(i.Findings, finding)
				continue
			}
			i.rules[e.Name] = append(i.rules[e.Name], rule)
			for _, note := range notes {
				finding.Why = note
				i.Findings = append(i.Findings, finding)
			}
		}
	}
}

// report is the result as JSON.
func (i *imported) report() map[string]any {
	type environment struct {
		Name      string              `json:"name"`
		Source    string              `json:"source,omitempty"`
		Manifests int                 `json:"manifests"`
		Tiers     int                 `json:"tiers"`
		Contracts int                 `json:"contracts"`
		Alerts    int                 `json:"alerts"`
		Variables []importer.Variable `json:"variables"`
		Runtimes  []importer.Runtime  `json:"runtimes"`
	}
	list := []environment{}
	for _, e := range i.Environments {
		list = append(list, environment{
			e.Name, e.Source, len(e.Documents), len(e.Tiers), len(e.Contracts), len(i.rules[e.Name]),
			append([]importer.Variable{}, e.Variables...), append([]importer.Runtime{}, e.Runtimes...),
		})
	}
	return map[string]any{
		"version": 1, "environments": list, "applications": len(i.Applications),
		"findings": append([]importer.Finding{}, i.Findings...), "unlisted": i.Unlisted,
	}
}

func (i *imported) summary(out io.Writer, folder string) {
	levels := map[importer.Level]int{}
	for _, f := range i.Findings {
		levels[f.Level]++
	}
	for _, e := range i.Environments {
		_, _ = fmt.Fprintf(out, "%s: %d manifests, %d tiers, %d contracts, %d alert rules, %d variables to set\n", e.Name, len(e.Documents), len(e.Tiers), len(e.Contracts), len(i.rules[e.Name]), len(e.Variables))
	}
	_, _ = fmt.Fprintf(out, "%d applications\n%d not imported, %d changed, %d to do, %d notes: %s\n", len(i.Applications),
		levels[importer.Lost], levels[importer.Changed], levels[importer.Todo], levels[importer.Note], filepath.Join(folder, "report.md"))
}

// indented is JSON for files that people read.
func indented(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the import: %w", err)
	}
	return append(text, '\n'), nil
}
