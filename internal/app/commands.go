package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/secret"
)

// The exit codes of commands that judge.
const (
	ExitGood     = 0
	ExitFindings = 1
	ExitBroken   = 2
)

// Check validates manifests, prints all problems and, where there is no error,
// the order in which policies will run. It returns the exit code.
func Check(paths []string, format string, requireAuthentication bool, out io.Writer) (int, error) {
	all, err := catalogue.New(nil)
	if err != nil {
		return ExitBroken, err
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return ExitBroken, fmt.Errorf("reading manifests: %w", err)
		}
	}
	set := manifest.Load(paths)
	rev, problems := manifest.Build(set, catalogue.Manifests{Catalogue: all}, manifest.Options{
		RequireAuthentication: requireAuthentication, Expand: secret.Environ().Expand,
	})
	code := ExitGood
	if manifest.HasErrors(problems) {
		code = ExitFindings
	}
	switch format {
	case "json":
		if problems == nil {
			problems = []manifest.Problem{}
		}
		return code, writeJSON(out, map[string]any{"version": 1, "problems": problems})
	case "text":
	default:
		return ExitBroken, fmt.Errorf("format %q: must be text or json", format)
	}
	for _, p := range problems {
		_, _ = fmt.Fprintln(out, p.Text())
	}
	if rev == nil {
		return code, nil
	}
	for _, api := range rev.APIs {
		_, _ = fmt.Fprintf(out, "%s at %s://%s:%d%s\n", api.Name, api.Scheme, api.Host, api.Port, api.BasePath)
		for i, b := range api.Policies {
			origin := ""
			if b.Automated {
				origin = ", automated"
			}
			_, _ = fmt.Fprintf(out, "  %d. %s (%s, order %d%s)\n", i+1, b.Policy, all.Find(b.Policy).Phase, b.Order, origin)
		}
	}
	return code, nil
}

// Policies prints the catalogue, or one policy's settings.
func Policies(name, format string, out io.Writer) error {
	all, err := catalogue.New(nil)
	if err != nil {
		return err
	}
	return printPolicies(all, name, format, out)
}

func printPolicies(all *policy.Catalogue, name, format string, out io.Writer) error {
	entries := all.All()
	if name != "" {
		e := all.Find(name)
		if e == nil {
			return fmt.Errorf("there is no policy %q; farrier policies lists all", name)
		}
		entries = []*policy.Entry{e}
	}
	switch format {
	case "json":
		list := make([]map[string]any, len(entries))
		for i, e := range entries {
			list[i] = map[string]any{
				"name": e.Name, "title": e.Title, "category": e.Category,
				"direction": direction(e), "phase": e.Phase.String(), "settings": json.RawMessage(e.Schema),
			}
		}
		return writeJSON(out, list)
	case "text", "md":
	default:
		return fmt.Errorf("format %q: must be text, md or json", format)
	}
	if name != "" {
		return printSettings(out, entries[0], format)
	}
	if format == "md" {
		return policiesPage(out, entries)
	}
	return policiesTable(out, entries, format)
}

// policiesPage prints the whole catalogue as a page.
func policiesPage(out io.Writer, entries []*policy.Entry) error {
	_, _ = fmt.Fprint(out, `# Policies

Names are those of Flex Gateway manifests; the ending -flex may be left out, and
-mule may stand in its place (SOAP requests then get SOAP faults). Phase decides
only between standalone bindings of equal order. Made by farrier policies --format md.

`)
	if err := policiesTable(out, entries, "md"); err != nil {
		return err
	}
	for _, e := range entries {
		_, _ = fmt.Fprintln(out)
		if err := printSettings(out, e, "md"); err != nil {
			return err
		}
	}
	return nil
}

func policiesTable(out io.Writer, entries []*policy.Entry, format string) error {
	return table(out, format, []string{"Policy", "Title", "Category", "Phase", "Direction"}, func(row func(...string)) {
		for _, e := range entries {
			row(e.Name, e.Title, e.Category, e.Phase.String(), direction(e))
		}
	})
}

func direction(e *policy.Entry) string {
	if e.Outbound {
		return "outbound"
	}
	return "inbound"
}

// printSettings prints the settings of one policy.
func printSettings(out io.Writer, e *policy.Entry, format string) error {
	if format == "md" {
		_, _ = fmt.Fprintf(out, "## %s (`%s`)\n\n", e.Title, e.Name)
	} else {
		_, _ = fmt.Fprintf(out, "%s (%s), %s, %s, phase %s\n\n", e.Title, e.Name, e.Category, direction(e), e.Phase)
	}
	return table(out, format, []string{"Setting", "Type", "Default", "Meaning"}, func(row func(...string)) {
		for _, s := range e.Settings() {
			kind := s.Type
			if s.Required {
				kind += ", required"
			}
			row(s.Name, kind, s.Default, s.Description)
		}
	})
}

func table(out io.Writer, format string, head []string, fill func(row func(...string))) error {
	if format == "md" {
		line := func(cells ...string) {
			for i := range cells {
				cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
			}
			_, _ = fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
		}
		line(head...)
		line(strings.Split(strings.TrimSuffix(strings.Repeat("---,", len(head)), ","), ",")...)
		fill(line)
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row(head...)
	fill(row)
	return w.Flush()
}

func writeJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func readAll(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// LoginLink makes a new sign-in link, also while farrier serve runs.
func LoginLink(ctx context.Context, cfg Config, out io.Writer) error {
	db, err := existingControlDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	log, err := audit.Open(ctx, db, time.Now)
	if err != nil {
		return err
	}
	service, err := access.Open(ctx, db, secret.NewHasher(), auditor{log}, time.Now)
	if err != nil {
		return err
	}
	token, expires, err := service.LoginLink(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Sign in once, until %s:\n  %s/login?token=%s\n", expires.Format(time.RFC3339), cmp.Or(cfg.Access.URL, cfg.consoleScheme()+cfg.Console), token)
	return err
}

// version is the version of this program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// Version prints what this program was built from.
func Version(out io.Writer) error {
	rules := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/corazawaf/coraza-coreruleset/v4" {
				rules = dep.Version
			}
		}
	}
	_, err := fmt.Fprintf(out, "farrier %s\n%s %s/%s\nOWASP Core Rule Set %s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, rules)
	return err
}
