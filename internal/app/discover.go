package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/discovery/source"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// DiscoverOptions say how an inventory is made of files.
type DiscoverOptions struct {
	// Specs and Projects are the documented side: descriptions and Mule projects.
	Specs, Projects []string
	// BasePath stands before the paths of the descriptions, and Host is the host that
	// sources without one were recorded at; both may be empty.
	BasePath, Host string
	// OpenAPI is a file to write what was learned to; Patch one for the drift as a patch
	// of the descriptions.
	OpenAPI, Patch string
	// Schemas is how far the schemas of OpenAPI go: safe, likely, seen or loose.
	Schemas string
	// Source says how the sources are written.
	Source source.Options
	// Requests and Minutes are how many good calls, in how many different minutes, list an
	// operation that nobody described.
	Requests, Minutes int
	// Internal and Partner are networks of callers.
	Internal, Partner []string
	// Patterns is a file of sensitive data of one's own, Weights one of the weights of the
	// risk.
	Patterns, Weights string
	// Why asks for one operation, as "GET /orders/7", instead of a report.
	Why string
	// Trusting looks for no attacks in the requests.
	Trusting bool
	Output   ReportOptions
	Now      time.Time
	Progress io.Writer
}

// csvFormat is the one that no other command has.
const csvFormat = "csv"

// Discover makes an inventory of what sources of traffic and descriptions hold. It
// returns the exit code.
func Discover(ctx context.Context, paths []string, o DiscoverOptions, out io.Writer) (int, error) {
	d := &discovering{o: o}
	if err := d.open(ctx); err != nil {
		return ExitBroken, err
	}
	for _, path := range paths {
		if err := d.read(ctx, path); err != nil {
			return ExitBroken, err
		}
	}
	if o.Why != "" {
		return d.explain(out)
	}
	inventory, err := d.learner.Inventory()
	if err != nil {
		return ExitBroken, err
	}
	inventory.At = o.Now
	d.judged = judge.Judge(inventory, d.described, judge.Options{Now: d.latest, OrphanAfter: 1})
	if err := d.writeFiles(inventory); err != nil {
		return ExitBroken, err
	}
	d.locate()
	return d.tell(inventory, out)
}

// discovering is one run.
type discovering struct {
	o   DiscoverOptions
	csv bool
	// strictness is what Schemas says.
	strictness discovery.Strictness
	learner    *discovery.Learner
	described  []discovery.Described
	watch      *attackWatch
	judged     *judge.Judgement
	// first and latest are the times of the first and the last observation: how old
	// something is counts from the last.
	first, latest time.Time
	counts        []sourceCounts
	// roots are the folders of the descriptions, as they stand in described.
	roots []string
	// shown give the names of the files of the descriptions, as people know them.
	shown   []func(file string) string
	weights risk.Weights
}

// sourceCounts is what became of one source.
type sourceCounts struct {
	name     string
	problems []string
}

func (d *discovering) open(ctx context.Context) (err error) {
	o := &d.o
	if d.csv = o.Output.Format == csvFormat; d.csv {
		o.Output.Format = string(report.Text)
	}
	if err := o.Output.open(); err != nil {
		return err
	}
	if o.Requests < 1 {
		return fmt.Errorf("--min-requests %d: must be 1 or more", o.Requests)
	}
	if o.Minutes < 1 || o.Minutes > 4 {
		return fmt.Errorf("--min-minutes %d: must be 1 to 4", o.Minutes)
	}
	levels := map[string]discovery.Strictness{
		"safe": discovery.ObservedStrictness, "likely": discovery.LikelyStrictness, "seen": discovery.TightStrictness, "loose": discovery.LooseStrictness,
	}
	var named bool
	if d.strictness, named = levels[o.Schemas]; !named {
		return fmt.Errorf("--schemas %q: must be safe, likely, seen or loose", o.Schemas)
	}
	if o.BasePath != "" && !strings.HasPrefix(o.BasePath, "/") {
		return fmt.Errorf("--base-path %s: must begin with a slash", o.BasePath)
	}
	options := discovery.Options{Now: func() time.Time { return d.latest }, Limits: discovery.Limits{AcceptRequests: o.Requests, AcceptMinutes: o.Minutes}}
	_, _ = rand.Read(options.Key[:]) // it never fails
	if options.Detector, err = detector(o.Patterns); err != nil {
		return err
	}
	if options.Internal, err = networks("--internal", o.Internal); err != nil {
		return err
	}
	if options.Partner, err = networks("--partner", o.Partner); err != nil {
		return err
	}
	if d.weights, err = riskWeights(o.Weights); err != nil {
		return err
	}
	if !o.Trusting {
		if d.watch, err = newAttackWatch(); err != nil {
			return err
		}
	}
	if d.learner, err = discovery.New(options); err != nil {
		return err
	}
	if err := d.describe(ctx); err != nil {
		return err
	}
	return d.learner.Describe(d.described)
}

// networks reads networks as people write them.
func networks(flag string, texts []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if addr, notPrefix := netip.ParseAddr(text); err != nil && notPrefix == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: must be an address or a network, as 10.0.0.0/8", flag, text)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// detector recognises sensitive data, by own patterns too.
func detector(file string) (*sensitive.Detector, error) {
	var own struct {
		Patterns []sensitive.Pattern `yaml:"patterns"`
	}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading the patterns: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		reader := yaml.NewDecoder(io.LimitReader(f, 1<<20))
		reader.KnownFields(true)
		if err := reader.Decode(&own); err != nil {
			return nil, fmt.Errorf("reading the patterns: %w", located(file, err))
		}
	}
	d, err := sensitive.New(own.Patterns)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// describe reads the documented side.
func (d *discovering) describe(ctx context.Context) error {
	found, err := descriptions(d.o.Specs, "")
	if err != nil {
		return err
	}
	for _, one := range found {
		project, err := one.open(known.Limits())
		if err != nil {
			return fmt.Errorf("%s: %w", one.name(), err)
		}
		doc := languages.Read(project, one.main)
		if doc.Description == nil {
			return fmt.Errorf("%s: it can't be compared with: %s", one.name(), firstProblem(doc))
		}
		described := known.Specification(doc)
		described.Name = one.shown(doc.File)
		if d.o.BasePath != "" {
			described.BasePaths = known.Below(d.o.BasePath, doc)
		}
		d.described = append(d.described, described)
		d.roots, d.shown = append(d.roots, one.root), append(d.shown, one.shown)
	}
	if len(d.o.Projects) > 0 {
		if err := d.projects(ctx); err != nil {
			return err
		}
	}
	known.Supersede(d.described)
	return nil
}

func firstProblem(doc *spec.Document) string {
	for _, p := range doc.Problems {
		if !p.Warning {
			return p.String()
		}
	}
	return "it describes no operations"
}

func (d *discovering) projects(ctx context.Context) (err error) {
	workspace, err := mule.Find(ctx, d.o.Projects, mule.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, workspace.Close()) }()
	if workspace.Len() == 0 {
		return fmt.Errorf("--project %s: there is no Mule project", strings.Join(d.o.Projects, ", "))
	}
	for i := range workspace.Len() {
		p, err := workspace.Read(ctx, i)
		if err != nil {
			return fmt.Errorf("%s: %w", workspace.Dir(i), err)
		}
		d.described = append(d.described, known.Project(p)...)
	}
	return nil
}

// batch is how many observations are judged at once, by all processors.
const batch = 512

// read learns from one source.
func (d *discovering) read(ctx context.Context, path string) (err error) {
	reader, err := source.Open(path, d.o.Source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for more := true; more; {
		all := make([]*discovery.Observation, 0, batch)
		for len(all) < batch {
			o, err := reader.Next()
			if errors.Is(err, io.EOF) {
				more = false
				break
			}
			if err != nil {
				warn("%s: %v", path, err) // the files behind it are read
				continue
			}
			all = append(all, o)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("interrupted: %w", err)
		}
		d.watch.mark(ctx, all)
		for _, o := range all {
			if o.Time.After(d.latest) {
				d.latest = o.Time
			}
			if d.first.IsZero() || !o.Time.IsZero() && o.Time.Before(d.first) {
				d.first = o.Time
			}
			d.learner.Observe(o)
		}
		d.progress(path, reader)
	}
	d.counts = append(d.counts, sourceCounts{path, reader.Problems()})
	if reader.Counts().Read == 0 {
		return fmt.Errorf("%s: %s", path, cmp.Or(strings.Join(reader.Problems(), "; "), "there is no request in it"))
	}
	return nil
}

func (d *discovering) progress(path string, r source.Reader) {
	if d.o.Progress != nil {
		_, _ = fmt.Fprintf(d.o.Progress, "\r\x1b[K%s: %d requests", path, r.Counts().Read)
	}
}

// explain answers --why.
func (d *discovering) explain(out io.Writer) (int, error) {
	method, target, ok := strings.Cut(strings.TrimSpace(d.o.Why), " ")
	if !ok || target == "" {
		return ExitBroken, fmt.Errorf("--why %q: name a method and a path, as \"GET /orders/7\" or \"GET api.example.com/orders/7\"", d.o.Why)
	}
	host, path := "", target
	if i := strings.IndexByte(target, '/'); i > 0 {
		host, path = target[:i], target[i:]
	}
	e := d.learner.Explain(strings.ToUpper(method), host, path)
	if d.o.Output.format == report.JSON {
		return ExitGood, writeJSON(out, e)
	}
	var b strings.Builder
	if e.Listed {
		fmt.Fprintf(&b, "%s is listed.\n", d.o.Why)
	} else {
		fmt.Fprintf(&b, "%s is not listed.\n", d.o.Why)
	}
	if e.Operation != nil {
		fmt.Fprintf(&b, "It belongs to %s, called %d times, %d of them well.\n", e.Operation.Key, e.Operation.Requests, e.Operation.Good)
	}
	for _, reason := range e.Reasons {
		fmt.Fprintf(&b, "- %s\n", reason)
	}
	for _, missing := range e.Missing {
		fmt.Fprintf(&b, "Still needed: %s\n", missing)
	}
	_, err := io.WriteString(out, b.String())
	return ExitGood, err
}

// findings are what is wrong, when there is anything to hold the traffic against.
func (d *discovering) findings() []finding.Finding {
	if len(d.described) == 0 {
		return nil
	}
	return d.judged.Findings()
}

// writeFiles writes what goes into files of its own.
func (d *discovering) writeFiles(inventory *discovery.Inventory) error {
	if d.o.OpenAPI != "" {
		if err := writeFile(d.o.OpenAPI, func(w io.Writer) error {
			format := export.JSONFormat
			if strings.HasSuffix(d.o.OpenAPI, ".yaml") || strings.HasSuffix(d.o.OpenAPI, ".yml") {
				format = export.YAMLFormat
			}
			return export.OpenAPI(w, inventory.Operations, export.Options{Format: format, States: d.states(), Strictness: d.strictness})
		}); err != nil {
			return err
		}
	}
	return d.writePatch()
}

// hosts are the hosts of an inventory in its order.
func hosts(inventory *discovery.Inventory) []string {
	var out []string
	for _, op := range inventory.Operations {
		out = append(out, op.Host)
	}
	return slices.Compact(out)
}
