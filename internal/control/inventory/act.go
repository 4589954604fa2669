package inventory

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
)

// isGone says that an operation is not in the store any more.
func isGone(err error) bool { return errors.Is(err, discovery.ErrNotKept) }

// carryOut writes the files of a plan and publishes. What can't be published is taken
// back, so that the manifests stay as good as they were.
func (s *Service) carryOut(ctx context.Context, p control.Principal, plan *Plan, action audit.Action) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	files := map[string]string{}
	for _, f := range plan.Files {
		files[f.Name] = f.Text
	}
	one := Adoption{Name: plan.Name, Kind: plan.Kind, API: plan.API, Policy: plan.Policy, Operator: p.Operator, Made: s.o.Now().UTC()}
	if err := s.o.Adopted.put(one, files); err != nil {
		return err
	}
	entry := audit.Entry{Operator: p.Operator, Action: action, Object: "api " + plan.API, Outcome: audit.Done, Detail: map[string]string{"file": plan.Name}}
	if plan.Policy != "" {
		entry.Detail["policy"] = plan.Policy
	}
	// Who wants to act must be on record before anything takes effect.
	if err := s.o.Record(ctx, nil, entry); err != nil {
		_, removing := s.o.Adopted.remove(plan.Name)
		return errors.Join(err, removing)
	}
	problems := s.o.Publish(ctx)
	if !manifest.HasErrors(problems) {
		s.stale.Store(true)
		return nil
	}
	if _, err := s.o.Adopted.remove(plan.Name); err != nil {
		return err
	}
	s.o.Publish(ctx)
	entry.Outcome = audit.Failed
	if err := s.o.Record(ctx, nil, entry); err != nil {
		s.o.Log.Error("that an action of an operator failed is not in the audit log", "error", err)
	}
	return wrong("it could not be put into service and was taken back: %s", told(problems, s.o.Adopted.Dir()))
}

// told is what is wrong in few words.
func told(problems []manifest.Problem, dir string) string {
	var out []string
	for _, one := range problems {
		if one.Severity == manifest.Error && len(out) < 3 {
			at := one.File
			if below, err := filepath.Rel(dir, one.File); err == nil && filepath.IsLocal(below) {
				at = below
			}
			out = append(out, fmt.Sprintf("%s:%d: %s", at, one.Line, one.Message))
		}
	}
	return strings.Join(out, "; ")
}

// Adoptions are the resources that were made here.
func (s *Service) Adoptions(p control.Principal) ([]Adoption, error) {
	if err := control.Authorise(p, access.ViewInventory, s.o.Where.At()); err != nil {
		return nil, err
	}
	return s.o.Adopted.All(), nil
}

// RemoveAdoption removes a resource that was made here, and publishes.
func (s *Service) RemoveAdoption(ctx context.Context, p control.Principal, name string) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	one, err := s.o.Adopted.remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return control.ErrNotFound
	}
	if err != nil {
		return err
	}
	err = s.o.Record(ctx, nil, audit.Entry{Operator: p.Operator, Action: audit.AdoptionRemoved, Object: "api " + one.API, Outcome: audit.Done, Detail: map[string]string{"file": one.Name}})
	s.stale.Store(true)
	if problems := s.o.Publish(ctx); manifest.HasErrors(problems) {
		return errors.Join(err, wrong("it was removed, but the manifests that remain can't be put into service: %s", told(problems, s.o.Adopted.Dir())))
	}
	return err
}

// PlanPolicy says what applying a proposed policy to the API of an operation would
// write.
func (s *Service) PlanPolicy(ctx context.Context, p control.Principal, id, policy string) (*Plan, error) {
	d, err := s.Operation(ctx, p, id)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(d.Proposals, func(one Proposal) bool { return one.Policy == policy })
	if at < 0 || d.API == "" {
		return nil, control.ErrNotFound
	}
	one := d.Proposals[at]
	name := planName(d.API, policy)
	plan := &Plan{
		Name: name, Kind: "policy", API: d.API, Policy: policy, Why: one.Why, Operations: 1,
		Notes: []string{"It holds for the requests that its rules name, or for all of the API where it has none."},
		Files: []PlannedFile{{name + ".yaml", one.Manifest}}, Edit: one.Edit,
	}
	return plan, nil
}

// ApplyPolicy carries out a plan of a proposed policy. One with settings that somebody
// must look at first needs it said that this was done.
func (s *Service) ApplyPolicy(ctx context.Context, p control.Principal, id, policy string, looked bool) (*Plan, error) {
	plan, err := s.PlanPolicy(ctx, p, id, policy)
	if err != nil {
		return nil, err
	}
	if len(plan.Edit) > 0 && !looked {
		return nil, wrong("look at these settings of the policy %s first, and say that you did: %s", policy, strings.Join(plan.Edit, "; "))
	}
	return plan, s.carryOut(ctx, p, plan, audit.PolicyApplied)
}

// planName is the name of the file of a policy for an API.
func planName(api, policy string) string {
	return strings.ReplaceAll(api, "/", "-") + "-" + policy
}

// denying is the policy that refuses what is not described.
const denying = "schema-validation"

// PlanDenial says what would be written to refuse requests of an API that are not
// described: other paths, methods, query parameters and bodies.
func (s *Service) PlanDenial(ctx context.Context, p control.Principal, api string) (*Plan, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	instance := s.instance(api)
	if instance == nil {
		return nil, control.ErrNotFound
	}
	for _, b := range instance.Policies {
		if b.Policy == denying || b.Policy == "spec-validation-flex" {
			return nil, wrong("the policy %s already holds requests of %s against its description", b.Policy, api)
		}
	}
	name := planName(api, denying)
	plan := &Plan{
		Name: name, Kind: "policy", API: api, Policy: denying, Why: "paths, methods, query parameters and bodies that nobody described are refused",
		Notes: []string{"What is described and called wrongly passes and is recorded. Make the other violations block once the records are quiet."},
	}
	settings, err := s.denySettings(ctx, pic, api, plan)
	if err != nil {
		return nil, err
	}
	plan.Files = []PlannedFile{{name + ".yaml", fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: %s, namespace: %s}
spec:
  targetRef: {kind: ApiInstance, name: %s, namespace: %s}
  policyRef: {name: %s, namespace: default}
  config:
    violations:
      unknownPath: block
      unknownMethod: block
      unknownParameter: block
      undescribedBody: block
      contentType: monitor
      malformedBody: monitor
      missingBody: monitor
      missingParameter: monitor
      parameter: monitor
      body: monitor
%s`, quoted(instance.Name.Name+"-deny-undocumented"), quoted(instance.Name.Namespace), quoted(instance.Name.Name), quoted(instance.Name.Namespace), denying, settings)}}
	return plan, nil
}

// denySettings is the description as settings: that of the API, or a draft of what was
// learned where it has none.
func (s *Service) denySettings(ctx context.Context, pic *picture, api string, plan *Plan) (string, error) {
	for _, d := range s.o.Described() {
		if d.API == api && d.Document != nil && d.Document.Valid() && d.Document.Project != nil {
			plan.Notes = append(plan.Notes, "It is a copy of the description "+d.Document.File+" as it is now; apply it again when that changes.")
			return described(d.Document)
		}
	}
	var rows []*Row
	for _, i := range pic.orders["path"] {
		if r := pic.rows[i]; r.API == api && r.Requests > 0 && !r.Hidden() {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return "", wrong("%s has neither a description nor observed operations", api)
	}
	ops, err := s.load(ctx, rows)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := s.o.Export(&text, ops, Written{Format: "openapi.yaml", Title: api, Base: s.instance(api).BasePath}); err != nil {
		return "", err
	}
	plan.Operations = len(ops)
	plan.Notes = append(plan.Notes, "The API has no description, so what was observed until now is what passes. Everything that was never called is refused.")
	return "    spec: |\n" + indented(text.String(), 6), nil
}

func indented(text string, by int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			out.WriteString(strings.Repeat(" ", by))
		}
		out.WriteString(line)
	}
	if !strings.HasSuffix(text, "\n") {
		out.WriteString("\n")
	}
	return out.String()
}

// maxArchive bounds the files of a description that are packed into settings, in bytes.
const maxArchive = 6 << 20

// described packs the files that a description consists of, and no others of its folder.
func described(doc *spec.Document) (string, error) {
	names := slices.Sorted(slices.Values(doc.Project.Files()))
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	size := 0
	for _, name := range names {
		src, err := doc.Project.Source(name)
		if err != nil {
			continue // no text; the description does without it, or is invalid
		}
		if size += len(src.Text); size > maxArchive {
			return "", wrong("the description is larger than %d MiB; name it in a policy by specFile instead", maxArchive>>20)
		}
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(src.Text)
		}
		if err != nil {
			return "", fmt.Errorf("packing the description: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("packing the description: %w", err)
	}
	main := filepath.Base(doc.File)
	return fmt.Sprintf("    specMain: %s\n    specArchive: %s\n", quoted(cmp.Or(mainOf(names, doc.File), main)), base64.StdEncoding.EncodeToString(archive.Bytes())), nil
}

// mainOf is the name that the main file has in its project.
func mainOf(names []string, file string) string {
	for _, name := range names {
		if name == file || strings.HasSuffix(filepath.ToSlash(file), "/"+name) {
			return name
		}
	}
	return ""
}

// Deny carries out a plan to refuse what is not described.
func (s *Service) Deny(ctx context.Context, p control.Principal, api string) (*Plan, error) {
	plan, err := s.PlanDenial(ctx, p, api)
	if err != nil {
		return nil, err
	}
	return plan, s.carryOut(ctx, p, plan, audit.PolicyApplied)
}

// instance is an API in service, nil for none.
func (s *Service) instance(api string) *revision.API {
	rev := s.o.Serving()
	if rev == nil {
		return nil
	}
	for i := range rev.APIs {
		if rev.APIs[i].Name.String() == api {
			return &rev.APIs[i]
		}
	}
	return nil
}
