package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/manifest"
)

// ControlPlane is a Farrier whose resources are managed from a command line.
type ControlPlane struct {
	// Server is its console's address, as https://farrier.example.com.
	Server string
	// Token is an API token.
	Token       string
	Environment string
	// Client is who asks; nil stands for the default one.
	Client *http.Client
}

// maxReply bounds what the control plane may answer, in bytes.
const maxReply = 64 << 20

// call asks the API. A body that is no manifest is sent as JSON.
func (c *ControlPlane) call(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	return c.ask(ctx, method, []string{"environments", c.Environment, path}, query, body)
}

// ask is as call, for what lies outside of the environment.
func (c *ControlPlane) ask(ctx context.Context, method string, path []string, query url.Values, body []byte) ([]byte, error) {
	base, err := url.Parse(c.Server)
	switch {
	case c.Server == "":
		return nil, errors.New("--server is missing: name the address of the console, as https://farrier.example.com")
	case err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("--server %q: must be an address, as https://farrier.example.com", c.Server)
	case c.Token == "":
		return nil, errors.New("there is no API token: set FARRIER_TOKEN, or give --token")
	}
	to := base.JoinPath(append([]string{api.Prefix}, path...)...)
	to.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the control plane: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the control plane: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("asking the control plane: %w", err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		var p api.Problem
		if json.Unmarshal(text, &p) != nil || p.Title == "" {
			return nil, fmt.Errorf("the control plane answered %s", answer.Status)
		}
		return nil, fmt.Errorf("%s: %s", p.Title, p.Detail)
	}
	return text, nil
}

func (c *ControlPlane) json(ctx context.Context, method, path string, query url.Values, body []byte, into any) error {
	text, err := c.call(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading what the control plane answered: %w", err)
	}
	return nil
}

// ApplyOptions say how manifests are applied.
type ApplyOptions struct {
	DryRun, Prune bool
	// Publish puts the draft into service afterwards, with a note.
	Publish bool
	Note    string
	// Format is text or json.
	Format string
}

// Apply makes the draft of an environment say what manifests say. It returns the exit
// code.
func Apply(ctx context.Context, c ControlPlane, paths []string, o ApplyOptions, in io.Reader, out io.Writer) (int, error) {
	done, err := c.apply(ctx, paths, o, in)
	if err != nil {
		return ExitBroken, err
	}
	if o.Format == "json" {
		err = writeJSON(out, done)
	} else {
		writeChanges(out, done.Changes)
		_, err = fmt.Fprintf(out, "%d changed, %d unchanged%s\n", len(done.Changes), done.Unchanged, map[bool]string{true: "; nothing was written"}[o.DryRun])
	}
	if err != nil || !o.Publish || o.DryRun {
		return ExitGood, err
	}
	return ExitGood, c.publish(ctx, o.Note, out)
}

// publish puts the draft into service, unless it serves already.
func (c *ControlPlane) publish(ctx context.Context, note string, out io.Writer) error {
	var draft resource.Draft
	if err := c.json(ctx, http.MethodGet, "draft", nil, nil, &draft); err != nil {
		return err
	}
	if len(draft.Changes) == 0 {
		_, err := fmt.Fprintf(out, "revision %d serves already\n", draft.Live)
		return err
	}
	body, err := json.Marshal(api.PublishRequest{Draft: draft.Version, Note: note})
	if err != nil {
		return err
	}
	var done api.Published
	if err := c.json(ctx, http.MethodPost, "draft/publish", nil, body, &done); err != nil {
		return err
	}
	if done.Revision == nil {
		_, err = fmt.Fprintln(out, "a second person must agree; the review has been asked for")
	} else {
		_, err = fmt.Fprintf(out, "revision %d is in service\n", done.Revision.Number)
	}
	return err
}

// apply reads manifests and sends them as one. The file "-" is in.
func (c *ControlPlane) apply(ctx context.Context, paths []string, o ApplyOptions, in io.Reader) (*resource.Applied, error) {
	if o.Format != "text" && o.Format != "json" {
		return nil, fmt.Errorf("format %q: must be text or json", o.Format)
	}
	documents, err := manifestsAt(paths, in)
	if err != nil {
		return nil, err
	}
	text, err := manifest.Write(documents)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if o.DryRun {
		query.Set("dryRun", "true")
	}
	if o.Prune {
		query.Set("prune", "true")
	}
	var done resource.Applied
	return &done, c.json(ctx, http.MethodPost, "apply", query, text, &done)
}

// manifestsAt reads the resources of files and folders, as they are written.
func manifestsAt(paths []string, in io.Reader) ([]manifest.Document, error) {
	var files []manifest.File
	for _, path := range paths {
		if path != "-" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(in, maxReply))
		if err != nil {
			return nil, fmt.Errorf("reading the standard input: %w", err)
		}
		files = append(files, manifest.File{Name: "standard input", Text: text})
	}
	onDisk, err := manifest.Files(without(paths, "-"))
	if err != nil {
		return nil, err
	}
	documents, problems := manifest.Documents(append(files, onDisk...))
	if manifest.HasErrors(problems) {
		var wrong []error
		for _, p := range problems {
			if p.Severity == manifest.Error {
				wrong = append(wrong, errors.New(p.Text()))
			}
		}
		return nil, errors.Join(wrong...)
	}
	return documents, nil
}

func without(all []string, one string) []string {
	var out []string
	for _, s := range all {
		if s != one {
			out = append(out, s)
		}
	}
	return out
}

// DiffResources tells what applying manifests would change, or without any, what the
// draft changes of what serves. It returns the exit code.
func DiffResources(ctx context.Context, c ControlPlane, paths []string, prune bool, format string, in io.Reader, out io.Writer) (int, error) {
	var changes []resource.Change
	if len(paths) == 0 {
		var draft resource.Draft
		if err := c.json(ctx, http.MethodGet, "draft", nil, nil, &draft); err != nil {
			return ExitBroken, err
		}
		changes = draft.Changes
	} else {
		done, err := c.apply(ctx, paths, ApplyOptions{DryRun: true, Prune: prune, Format: format}, in)
		if err != nil {
			return ExitBroken, err
		}
		changes = done.Changes
	}
	switch format {
	case "json":
		if err := writeJSON(out, map[string]any{"version": 1, "changes": append([]resource.Change{}, changes...)}); err != nil {
			return ExitBroken, err
		}
	case "text":
		writeChanges(out, changes)
	default:
		return ExitBroken, fmt.Errorf("format %q: must be text or json", format)
	}
	if len(changes) > 0 {
		return ExitFindings, nil
	}
	return ExitGood, nil
}

// writeChanges prints changes field by field.
func writeChanges(out io.Writer, changes []resource.Change) {
	for _, c := range changes {
		_, _ = fmt.Fprintf(out, "%s %s\n", c.Change, c.Resource)
		for _, f := range c.Fields {
			switch {
			case c.Change == resource.Removed:
			case f.Before == "":
				_, _ = fmt.Fprintf(out, "  + %s: %s\n", f.Field, f.After)
			case f.After == "":
				_, _ = fmt.Fprintf(out, "  - %s: %s\n", f.Field, f.Before)
			default:
				_, _ = fmt.Fprintf(out, "  ~ %s: %s -> %s\n", f.Field, f.Before, f.After)
			}
		}
	}
}

// Get lists the resources of a draft, or prints one of them: what is KIND, or KIND and
// NAME, or KIND and NAMESPACE/NAME.
func Get(ctx context.Context, c ControlPlane, what []string, format string, out io.Writer) error {
	if format != "text" && format != "json" && format != "yaml" {
		return fmt.Errorf("format %q: must be text, json or yaml", format)
	}
	kind := ""
	if len(what) > 0 {
		var err error
		if kind, err = kindOf(what[0]); err != nil {
			return err
		}
	}
	if len(what) > 1 {
		namespace, name, both := strings.Cut(what[1], "/")
		if !both {
			namespace, name = "default", what[1]
		}
		return c.getOne(ctx, kind, namespace, name, format, out)
	}
	all, err := c.list(ctx, kind)
	switch {
	case err != nil:
		return err
	case format == "json":
		return writeJSON(out, map[string]any{"version": 1, "resources": all})
	case format == "yaml":
		return writeManifests(out, all)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "KIND\tNAME\tCHANGED BY\tMANAGED BY")
	for _, r := range all {
		_, _ = fmt.Fprintf(w, "%s\t%s/%s\t%s\t%s\n", r.Kind, r.Metadata.Namespace, r.Metadata.Name, r.ChangedBy, r.ManagedBy)
	}
	return w.Flush()
}

func (c *ControlPlane) getOne(ctx context.Context, kind, namespace, name, format string, out io.Writer) error {
	var one api.Resource
	path := "resources/" + url.PathEscape(kind) + "/" + url.PathEscape(namespace) + "/" + url.PathEscape(name)
	if err := c.json(ctx, http.MethodGet, path, nil, nil, &one); err != nil {
		return err
	}
	if format == "json" {
		return writeJSON(out, one)
	}
	return writeManifests(out, []api.Resource{one})
}

// kindOf takes a kind in any case, and in the plural.
func kindOf(text string) (string, error) {
	for _, kind := range resource.Kinds() {
		if strings.EqualFold(text, kind) || strings.EqualFold(text, kind+"s") || strings.EqualFold(strings.TrimSuffix(text, "s"), "api") && kind == resource.KindAPI {
			return kind, nil
		}
	}
	return "", fmt.Errorf("kind %q: must be one of %s", text, strings.Join(resource.Kinds(), ", "))
}

func (c *ControlPlane) list(ctx context.Context, kind string) ([]api.Resource, error) {
	all := []api.Resource{}
	query := url.Values{"limit": {"500"}}
	if kind != "" {
		query.Set("kind", kind)
	}
	for {
		var page struct {
			Items []api.Resource `json:"items"`
			Next  string         `json:"next"`
		}
		if err := c.json(ctx, http.MethodGet, "resources", query, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" || len(page.Items) == 0 {
			return all, nil
		}
		query.Set("after", page.Next)
	}
}

// writeManifests prints resources as manifests; those that a file holds are left to it.
func writeManifests(out io.Writer, all []api.Resource) error {
	var documents []manifest.Document
	for i := range all {
		if all[i].ManagedBy == "" {
			documents = append(documents, all[i].Document())
		}
	}
	text, err := manifest.Write(documents)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// Export writes the resources of an environment as one canonical manifest: those of the
// draft, or of what serves.
func Export(ctx context.Context, c ControlPlane, live bool, file string, out io.Writer) error {
	query := url.Values{}
	if live {
		query.Set("live", "true")
	}
	text, err := c.call(ctx, http.MethodGet, "export", query, nil)
	if err != nil {
		return err
	}
	if file == "" || file == "-" {
		_, err = out.Write(text)
		return err
	}
	// It may hold secrets.
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return nil
}
