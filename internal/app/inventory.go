package app

import (
	"context"
	"fmt"
	"os"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
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
	judged := inventory.JudgeWith(d.judgeOptions)
	s, err := inventory.New(inventory.Options{
		Where:   c.where,
		Learner: d.learner, Described: d.all,
		Judge: func(described []discovery.Described) inventory.Judging {
			return &watched{judged(described), d, map[discovery.Key][]discovery.State{}}
		},
		Rate: inventory.RateWith(func() risk.Weights { return weights }), Propose: inventory.Propose, Export: inventory.ExportWith,
		Serving: func() *revision.Revision { return publisher.Status().Serving }, Adopted: adopted,
		Rejected: func(most int) []inventory.Rejected {
			var out []inventory.Rejected
			for _, r := range d.learner.Rejected(most) {
				out = append(out, inventory.Rejected(r))
			}
			return out
		},
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

// watched is a judgement that remembers in which states operations are.
type watched struct {
	inventory.Judging
	d    *discoverer
	seen map[discovery.Key][]discovery.State
}

// Group implements inventory.Judging.
func (w *watched) Group(ops []*discovery.Operation) []inventory.Judged {
	judged := w.Judging.Group(ops)
	for i := range judged {
		w.seen[ops[i].Key] = judged[i].States
	}
	return judged
}

// End implements inventory.Judging.
func (w *watched) End(edges []discovery.Edge) inventory.Ended {
	w.d.news(context.Background(), w.seen)
	return w.Judging.End(edges)
}

// judgeOptions tell of the instances in service.
func (d *discoverer) judgeOptions() judge.Options {
	o := judge.Options{Now: d.now()}
	if rev := d.status().Serving; rev != nil {
		for i := range rev.APIs {
			o.Instances = append(o.Instances, judge.Instance{Name: rev.APIs[i].Name.String(), Labels: rev.APIs[i].Labels})
		}
	}
	return o
}
