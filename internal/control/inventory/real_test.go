package inventory_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/inventory/inventorytest"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestByTheRulesOfDiscovery runs the service with everything that the room discovery
// has: the store, the rules of judgement, weights, proposals and exports.
func TestByTheRulesOfDiscovery(t *testing.T) {
	db := storetest.Open(t)
	ctx := t.Context()
	now := func() time.Time { return noon }
	kept, err := keep.Open(ctx, keep.Options{Traffic: db, Control: db, Environment: "test", Gateway: "gw", Now: now})
	must(t, err)
	learned := inventorytest.New(600, noon)
	must(t, learned.Groups(ctx, func(ops []*discovery.Operation) error { return kept.Save(ctx, ops, nil, 0) }))
	dir := t.TempDir()
	adopted, err := inventory.OpenAdopted(dir)
	must(t, err)
	found := 0
	rev := &revision.Revision{APIs: []revision.API{{Name: revision.Name{Namespace: "default", Name: "orders"}, BasePath: "/orders-0/v1"}}}
	s, err := inventory.New(inventory.Options{
		Where:   access.Scope{Group: access.Root, Environment: "default"},
		Learner: learned, Described: func() []discovery.Described { return nil }, Judge: inventory.JudgeWith(func() judge.Options { return judge.Options{Now: noon} }),
		Rate: inventory.RateWith(risk.Defaults), Propose: inventory.Propose, Export: inventory.ExportWith, Adopted: adopted,
		Found:    func(_ context.Context, all []finding.Finding) { found = len(all) },
		Serving:  func() *revision.Revision { return rev },
		Findings: func(context.Context, string) ([]finding.Finding, error) { return nil, nil },
		Publish:  func(context.Context) []manifest.Problem { return nil }, Write: db.Write,
		Record: func(context.Context, *store.Tx, audit.Entry) error { return nil }, Now: now, Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	s.Remember(kept, kept)
	page, err := s.List(ctx, ann, inventory.Wanted{Query: "state:shadow"})
	must(t, err)
	if page.Total < 500 || found == 0 || page.Rows[0].Risk == 0 || page.Rows[0].Level == "" {
		t.Fatalf("%d shadows, %d findings, risk %d %s", page.Total, found, page.Rows[0].Risk, page.Rows[0].Level)
	}
	d, err := s.Operation(ctx, ann, learned.First(func(op *discovery.Operation) bool { return op.API == "default/orders" }))
	must(t, err)
	if len(d.Risk.Items) == 0 || len(d.Reasons) == 0 || len(d.Parameters) == 0 || len(d.Answers) == 0 {
		t.Errorf("%+v", d)
	}
	proposals, applied := 0, 0
	mine, err := s.List(ctx, ann, inventory.Wanted{Query: "api:default/orders"})
	must(t, err)
	for _, r := range mine.Rows {
		d, err := s.Operation(ctx, ann, r.ID)
		must(t, err)
		for _, p := range d.Proposals {
			proposals++
			if len(p.Edit) > 0 {
				if _, err := s.ApplyPolicy(ctx, ann, d.ID, p.Policy, false); !told(err, "look at these settings") {
					t.Errorf("%s was applied without a look: %v", p.Policy, err)
				}
			}
			if _, err := s.ApplyPolicy(ctx, ann, d.ID, p.Policy, true); err == nil {
				applied++
			} else if !told(err, "was made before") {
				t.Errorf("%s: %v", p.Policy, err)
			}
		}
	}
	if t.Logf("%d proposals, %d applied", proposals, applied); applied == 0 {
		t.Error("nothing was applied")
	}
	_, err = s.Adopt(ctx, ann, &inventory.Adopting{Host: "api.example.com", Base: "/messages-0/v1", Upstream: "http://10.0.0.7:8080"})
	must(t, err)
	text, err := os.ReadFile(filepath.Join(adopted.Dir(), "default-messages-0-v1.openapi.yaml"))
	must(t, err)
	if !strings.Contains(string(text), "/messages-0/v1") || strings.Contains(string(text), "  /messages-0/v1/messages") {
		t.Errorf("the description is %.600s", text)
	}
	const instance = "apiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: orders}\nspec:\n  address: http://0.0.0.0:8081/orders-0/v1\n  services: {up: {address: \"http://127.0.0.1:9001\"}}\n"
	must(t, os.WriteFile(filepath.Join(adopted.Dir(), "instance.yaml"), []byte(instance), 0o600))
	_, err = s.Deny(ctx, ann, "default/orders")
	if err != nil && !told(err, "already") {
		t.Error(err)
	}
	if apis := built(t, adopted.Dir()); len(apis) != 2 {
		t.Errorf("the manifests serve %q", apis)
	}
	for _, f := range inventory.Formats() {
		var out bytes.Buffer
		if err := s.Download(ctx, ann, &out, f.Name, "api:default/orders"); err != nil || out.Len() < 200 {
			t.Errorf("%s: %d bytes, %v", f.Name, out.Len(), err)
		}
	}
}
