package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"

	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/importer"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/manifest"
)

// perFile is how many resources a manifest of an import holds at most.
const perFile = 500

// write makes a folder an environment with manifests, clients.json and alerts.json, and
// beside them applications.json and the report.
func (i *imported) write(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	put := func(name string, text []byte, err error) error {
		if err != nil {
			return err
		}
		if err := root.WriteFile(name, text, 0o600); err != nil {
			return fmt.Errorf("writing the import: %w", err)
		}
		return nil
	}
	putJSON := func(name string, value any) error {
		text, err := indented(value)
		return put(name, text, err)
	}
	for n := range i.Environments {
		if err := i.writeEnvironment(root, &i.Environments[n], put, putJSON); err != nil {
			return err
		}
	}
	if len(i.Applications) > 0 {
		if err := putJSON("applications.json", client.Imported{Applications: applicationsOf(i.Applications)}); err != nil {
			return err
		}
	}
	if err := putJSON("report.json", i.report()); err != nil {
		return err
	}
	return put("report.md", []byte(i.Markdown()), nil)
}

func (i *imported) writeEnvironment(root *os.Root, e *importer.Environment, put func(string, []byte, error) error, putJSON func(string, any) error) error {
	if err := root.Mkdir(e.Name, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	for from := 0; from < len(e.Documents); from += perFile {
		name := "manifests.yaml"
		if len(e.Documents) > perFile {
			name = "manifests-" + strconv.Itoa(from/perFile+1) + ".yaml"
		}
		text, err := manifest.Write(e.Documents[from:min(from+perFile, len(e.Documents))])
		if err := put(path.Join(e.Name, name), text, err); err != nil {
			return err
		}
	}
	if clients := contractsOf(e); len(clients.Tiers)+len(clients.Contracts) > 0 {
		if err := putJSON(path.Join(e.Name, "clients.json"), clients); err != nil {
			return err
		}
	}
	if list := i.rules[e.Name]; len(list) > 0 {
		return putJSON(path.Join(e.Name, "alerts.json"), list)
	}
	return nil
}

// applicationsOf are applications as they are imported.
func applicationsOf(all []importer.Application) []client.ImportedApplication {
	out := make([]client.ImportedApplication, len(all))
	for n, a := range all {
		out[n] = client.ImportedApplication{
			Draft:      client.Draft{Name: a.Name, Description: a.Description, RedirectURIs: a.RedirectURIs, GrantTypes: a.GrantTypes, ClientID: a.ClientID},
			SecretHash: a.SecretHash,
		}
	}
	return out
}

// contractsOf are the tiers and contracts of an environment as they are imported.
func contractsOf(e *importer.Environment) client.Imported {
	var in client.Imported
	for _, t := range e.Tiers {
		tier := client.ImportedTier{API: t.API, TierDraft: client.TierDraft{Name: t.Name, Description: t.Description, AutoApprove: t.AutoApprove, Status: client.Status(t.Status)}}
		for _, l := range t.Limits {
			tier.Limits = append(tier.Limits, client.Limit(l))
		}
		in.Tiers = append(in.Tiers, tier)
	}
	for _, c := range e.Contracts {
		in.Contracts = append(in.Contracts, client.ImportedContract{API: c.API, ClientID: c.ClientID, Tier: c.Tier, State: client.State(c.State), Asked: c.Asked})
	}
	return in
}

// apply puts an import into a control plane: manifests into the drafts, where they wait
// to be looked at and published; applications, tiers, contracts and alert rules at once.
// Applied again it changes nothing.
func (i *imported) apply(ctx context.Context, to ControlPlane, group string, out io.Writer) error {
	if len(i.Applications) > 0 {
		if err := to.importClients(ctx, group, "", client.Imported{Applications: applicationsOf(i.Applications)}, out); err != nil {
			return err
		}
	}
	for n := range i.Environments {
		e := &i.Environments[n]
		to.Environment = e.Name
		if len(e.Documents) > 0 {
			text, err := manifest.Write(e.Documents)
			if err != nil {
				return err
			}
			var done resource.Applied
			if err := to.json(ctx, http.MethodPost, "apply", nil, text, &done); err != nil {
				return fmt.Errorf("environment %s: %w", e.Name, err)
			}
			_, _ = fmt.Fprintf(out, "%s: the draft has %d changed resources, %d unchanged\n", e.Name, len(done.Changes), done.Unchanged)
		}
		if in := contractsOf(e); len(in.Tiers)+len(in.Contracts) > 0 {
			if err := to.importClients(ctx, group, e.Name, in, out); err != nil {
				return err
			}
		}
		if err := i.applyRules(ctx, &to, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *ControlPlane) importClients(ctx context.Context, group, environment string, in client.Imported, out io.Writer) error {
	body, err := json.Marshal(struct {
		Environment string `json:"environment,omitempty"`
		client.Imported
	}{environment, in})
	if err != nil {
		return fmt.Errorf("writing the clients: %w", err)
	}
	text, err := c.ask(ctx, http.MethodPost, []string{"groups", group, "applications", "import"}, nil, body)
	if err != nil {
		return fmt.Errorf("importing clients: %w", err)
	}
	var done client.ImportResult
	if err := json.Unmarshal(text, &done); err != nil {
		return fmt.Errorf("reading what the control plane answered: %w", err)
	}
	_, _ = fmt.Fprintf(out, "%d applications, %d tiers and %d contracts were made, %d were there\n", done.Applications, done.Tiers, done.Contracts, done.Skipped)
	return nil
}

// applyRules makes the alert rules whose names are not taken.
func (i *imported) applyRules(ctx context.Context, to *ControlPlane, out io.Writer) error {
	list := i.rules[to.Environment]
	if len(list) == 0 {
		return nil
	}
	var there struct {
		Items []struct {
			Rule struct {
				Name string `json:"name"`
			} `json:"rule"`
		} `json:"items"`
	}
	if err := to.json(ctx, http.MethodGet, "alerts/rules", nil, nil, &there); err != nil {
		return fmt.Errorf("reading alert rules: %w", err)
	}
	taken := map[string]bool{}
	for _, one := range there.Items {
		taken[one.Rule.Name] = true
	}
	made := 0
	for _, rule := range list {
		if taken[rule.Name] {
			continue
		}
		body, err := json.Marshal(rule)
		if err != nil {
			return fmt.Errorf("writing the alert rule: %w", err)
		}
		if _, err := to.call(ctx, http.MethodPost, "alerts/rules", nil, body); err != nil {
			return fmt.Errorf("alert rule %s: %w", rule.Name, err)
		}
		taken[rule.Name] = true
		made++
	}
	_, _ = fmt.Fprintf(out, "%s: %d alert rules were made\n", to.Environment, made)
	return nil
}
