package app

import (
	"context"
	"fmt"
	"io"
	"os"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

// riskWeights are those of a file, or the published ones.
func riskWeights(file string) (risk.Weights, error) {
	if file == "" {
		return risk.Defaults(), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return risk.Weights{}, fmt.Errorf("reading the weights: %w", err)
	}
	w, err := risk.ParseWeights(text)
	if err != nil {
		return w, fmt.Errorf("%s: %w", file, err)
	}
	return w, nil
}

// openInventory makes the service of the inventory; nil without discovery or a store.
func (c *control) openInventory(d *discoverer, adopted *inventory.Adopted, publisher *publish.Publisher) (*inventory.Service, error) {
	if d == nil || d.learner == nil || d.keep == nil {
		return nil, nil //nolint:nilnil // there are no pages then
	}
	weights, err := riskWeights(d.cfg.Weights)
	if err != nil {
		return nil, err
	}
	serving := func() *revision.Revision { return publisher.Status().Serving }
	s, err := inventory.New(inventory.Options{
		Learner: d.learner, Described: d.all,
		Judge: func(described []discovery.Described) inventory.Judging { return d.judging(described) },
		Rate:  func(op *discovery.Operation, f inventory.Facts) inventory.Risk { return rate(op, &f, weights) },
		Propose: func(op *discovery.Operation, f inventory.Facts) []inventory.Proposal {
			return propose(op, &f)
		},
		Export: exported, Serving: serving, Adopted: adopted,
		Found:    func(ctx context.Context, found []finding.Finding) { d.report(ctx, c.posture, found) },
		Findings: c.openFindings,
		Publish:  func(ctx context.Context) []manifest.Problem { return publisher.Publish(context.WithoutCancel(ctx)) },
		Write: func(ctx context.Context, change func(tx *store.Tx) error) error {
			return c.controlDB.Write(ctx, change)
		},
		Record: func(ctx context.Context, tx *store.Tx, e audit.Entry) error { return c.audit.Record(ctx, tx, e) },
		Now:    c.now, Log: d.log,
	})
	if err != nil {
		return nil, err
	}
	s.Remember(d.keep, d.keep)
	return s, nil
}

// openFindings are the open findings of an API, or of all.
func (c *control) openFindings(ctx context.Context, api string) ([]finding.Finding, error) {
	const most = 1000
	items, _, err := c.posture.List(ctx, posture.Filter{State: posture.Open, API: api, Limit: most})
	out := make([]finding.Finding, len(items))
	for i := range items {
		out[i] = items[i].Finding
	}
	return out, err
}

// rate gives the risk of an operation.
func rate(op *discovery.Operation, f *inventory.Facts, weights risk.Weights) inventory.Risk {
	r := risk.Score(op, riskFacts(f), weights)
	out := inventory.Risk{Total: r.Total, Level: string(r.Level)}
	for _, item := range r.Items {
		out.Items = append(out.Items, inventory.RiskItem{Name: item.Name, Points: item.Points, Why: item.Why})
	}
	for _, label := range risk.Labels(op) {
		out.Labels = append(out.Labels, label.Name)
	}
	return out
}

func riskFacts(f *inventory.Facts) risk.Facts {
	return risk.Facts{
		States: f.States, Drift: f.Drift, Findings: finding.Summarise(f.Findings), Policies: f.Policies, PoliciesUnknown: f.Policies == nil,
		Open: f.Open, Spec: f.Spec,
	}
}

func propose(op *discovery.Operation, f *inventory.Facts) []inventory.Proposal {
	var out []inventory.Proposal
	for _, p := range risk.Proposals(op, riskFacts(f)) {
		out = append(out, inventory.Proposal{Policy: p.Policy, Why: p.Why, Manifest: p.Manifest, Edit: p.Edit})
	}
	return out
}

// exported writes operations in a format that the console offers.
func exported(w io.Writer, ops []*discovery.Operation, as inventory.Written) error {
	o := export.Options{Title: as.Title}
	switch as.Format {
	case "openapi.yaml", "openapi.json":
		if o.Format = export.JSONFormat; as.Format == "openapi.yaml" {
			o.Format = export.YAMLFormat
		}
		return export.OpenAPI(w, ops, o)
	case "html":
		return export.HTML(w, ops, o)
	}
	return export.JSON(w, ops, o)
}

// judging holds the inventory against descriptions, one API at a time.
type judging struct {
	d    *discoverer
	in   *judge.Judging
	seen map[discovery.Key][]discovery.State
	// found is what is wrong with the operations.
	found []finding.Finding
}

func (d *discoverer) judging(described []discovery.Described) *judging {
	o := judge.Options{Now: d.now()}
	if rev := d.status().Serving; rev != nil {
		for i := range rev.APIs {
			o.Instances = append(o.Instances, judge.Instance{Name: rev.APIs[i].Name.String(), Labels: rev.APIs[i].Labels})
		}
	}
	return &judging{d: d, in: judge.Begin(described, o), seen: map[discovery.Key][]discovery.State{}}
}

// Group implements inventory.Judging.
func (j *judging) Group(ops []*discovery.Operation) []inventory.Judged {
	judged := j.in.Group(ops)
	out := make([]inventory.Judged, len(judged))
	for i := range judged {
		one := &judged[i]
		out[i] = inventory.Judged{States: one.States, Reasons: one.Reasons, Drift: one.Drift}
		if p := one.Described; p != nil {
			out[i].Described = inventory.Place{Name: p.Name, File: p.File, Line: p.Line}
		}
		j.seen[one.Operation.Key] = one.States
	}
	j.found = append(j.found, judge.Findings(judged)...)
	return out
}

// End implements inventory.Judging.
func (j *judging) End(edges []discovery.Edge) inventory.Ended {
	judgement := j.in.End(edges)
	out := inventory.Ended{Findings: append(j.found, judgement.Findings()...)}
	for i := range judgement.Orphans {
		o := &judgement.Orphans[i]
		out.Orphans = append(out.Orphans, inventory.Orphan{
			Key: discovery.Key{Host: known.Host(judgement.Description(o.Description)), Method: o.Method, Path: o.Base + o.Path}, API: o.API,
			Place: inventory.Place{Name: o.Name, File: o.File, Line: o.Line},
		})
	}
	for i := range judgement.Notes {
		n := &judgement.Notes[i]
		note := inventory.Note{Kind: n.Kind, API: n.API, Text: n.Text, Count: n.Count}
		if n.Operation != nil {
			note.ID = keep.ID(*n.Operation)
		}
		if p := n.Place; p != nil {
			note.Place = inventory.Place{Name: p.Name, File: p.File, Line: p.Line}
		}
		out.Notes = append(out.Notes, note)
	}
	j.d.news(context.Background(), j.seen)
	return out
}
