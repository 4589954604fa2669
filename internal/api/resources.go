package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// maxManifest bounds manifests that are applied, in bytes.
const maxManifest = 4 << 20

// Resource is a resource of a draft, in the form of a manifest.
type Resource struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Metadata   ResourceMetadata `json:"metadata"`
	// Spec is as in a manifest; secrets in it are masked, and what is sent back masked
	// stays what it was.
	Spec json.RawMessage `json:"spec"`
	// Version, ChangedBy and ChangedAt tell of the last change; they are not taken.
	Version   int64      `json:"version,omitempty"`
	ChangedBy string     `json:"changedBy,omitempty"`
	ChangedAt *time.Time `json:"changedAt,omitempty"`
	// ManagedBy is the place in a file that holds the resource, which then can't be
	// changed here.
	ManagedBy string `json:"managedBy,omitempty"`
}

// ResourceMetadata is the head of a resource.
type ResourceMetadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func shownResource(r *resource.Resource) Resource {
	out := Resource{
		APIVersion: r.APIVersion, Kind: r.Kind, Spec: r.Spec, Version: r.Version, ChangedBy: r.Author, ManagedBy: r.ManagedBy,
		Metadata: ResourceMetadata{Name: r.Name.Name, Namespace: r.Name.Namespace, Labels: r.Labels, Annotations: r.Annotations},
	}
	if !r.At.IsZero() {
		out.ChangedAt = &r.At
	}
	return out
}

// Document is the resource as manifests write it.
func (r *Resource) Document() manifest.Document {
	return manifest.Document{
		APIVersion: r.APIVersion, Kind: r.Kind, Name: revision.Name{Namespace: r.Metadata.Namespace, Name: r.Metadata.Name},
		Labels: r.Metadata.Labels, Annotations: r.Metadata.Annotations, Spec: r.Spec,
	}
}

// resourceAPI has the handlers.
type resourceAPI struct{ s *resource.Service }

// resourceRoutes are the resources of an environment's draft, one by one and as a
// manifest, what becomes of the draft, and the policies of APIs.
func resourceRoutes(s *resource.Service) []Route {
	h := resourceAPI{s}
	const one = inEnvironment + "/resources/{kind}/{namespace}/{name}"
	list := map[string]string{"kind": "only this kind", "namespace": "only this namespace", "q": "only names with this in them"}
	return append([]Route{
		{Method: http.MethodGet, Path: inEnvironment + "/resources", Summary: "List the resources of the draft", Needs: access.ViewAPIs, At: Environment, Query: list, Gives: []Resource{}, Handle: h.list},
		{Method: http.MethodPost, Path: inEnvironment + "/resources", Summary: "Create a resource in the draft", Needs: access.ManageAPIs, Or: access.ManagePolicies, At: Environment, Takes: Resource{}, Gives: Resource{}, Body: maxManifest, Handle: h.create},
		{Method: http.MethodGet, Path: one, Summary: "Show a resource of the draft", Needs: access.ViewAPIs, Or: access.ViewPolicies, At: Environment, Gives: Resource{}, Handle: h.get},
		{Method: http.MethodPut, Path: one, Summary: "Change a resource of the draft, whose version If-Match names", Needs: access.ManageAPIs, Or: access.ManagePolicies, At: Environment, Takes: Resource{}, Gives: Resource{}, Body: maxManifest, Handle: h.put},
		{Method: http.MethodDelete, Path: one, Summary: "Remove a resource from the draft", Needs: access.ManageAPIs, Or: access.ManagePolicies, At: Environment, Handle: h.remove},
		{Method: http.MethodGet, Path: inEnvironment + "/export", Summary: "Write the resources as a manifest", Needs: access.ViewAPIs, And: []access.Permission{access.ViewPolicies}, At: Environment, Query: map[string]string{"live": "true for what serves instead of the draft"}, Media: "application/yaml", Handle: h.export},
		{Method: http.MethodPost, Path: inEnvironment + "/apply", Summary: "Make the draft say what a manifest says", Needs: access.ManageAPIs, And: []access.Permission{access.ManagePolicies}, At: Environment, Query: map[string]string{"dryRun": "true to change nothing", "prune": "true to remove what the manifest does not name"}, Takes: "", Gives: resource.Applied{}, Body: maxManifest, Handle: h.apply},
	}, append(append(draftRoutes(s), policyRoutes(s)...), specificationRoutes(s)...)...)
}

func keyIn(r *Request) resource.Key {
	return resource.Key{Kind: r.Path("kind"), Namespace: r.Path("namespace"), Name: r.Path("name")}
}

func locationOf(environment string, k resource.Key) string {
	return "/environments/" + url.PathEscape(environment) + "/resources/" + url.PathEscape(k.Kind) + "/" + url.PathEscape(k.Namespace) + "/" + url.PathEscape(k.Name)
}

func created(r *Request, one resource.Resource, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Created{Location: locationOf(r.Path("environment"), one.Key()), Value: shownResource(&one), Version: one.Version}, nil
}

func versioned(one resource.Resource, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Versioned{Value: shownResource(&one), Version: one.Version}, nil
}

func (h resourceAPI) list(ctx context.Context, r *Request) (any, error) {
	after, limit, err := r.Page()
	if err != nil {
		return nil, err
	}
	found, next, err := h.s.List(ctx, r.Principal, r.Path("environment"), resource.Filter{
		Kind: r.Query("kind"), Namespace: r.Query("namespace"), Query: r.Query("q"), After: after, Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	items := make([]Resource, len(found))
	for i := range found {
		items[i] = shownResource(&found[i])
	}
	return Page{Items: items, Next: next}, nil
}

func (h resourceAPI) create(ctx context.Context, r *Request) (any, error) {
	var in Resource
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	one, err := h.s.Put(ctx, r.Principal, r.Path("environment"), in.Document(), 0)
	return created(r, one, err)
}

func (h resourceAPI) get(ctx context.Context, r *Request) (any, error) {
	one, err := h.s.Get(ctx, r.Principal, r.Path("environment"), keyIn(r))
	return versioned(one, err)
}

func (h resourceAPI) put(ctx context.Context, r *Request) (any, error) {
	version, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	var in Resource
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	d := in.Document()
	if key := keyIn(r); d.Kind != key.Kind || d.Name.Name != key.Name || d.Name.Namespace != "" && d.Name.Namespace != key.Namespace {
		return nil, fmt.Errorf("%w: kind, namespace and name must be those of the path; what has another name is another resource", control.ErrInvalid)
	}
	d.Name.Namespace = r.Path("namespace")
	one, err := h.s.Put(ctx, r.Principal, r.Path("environment"), d, version)
	return versioned(one, err)
}

func (h resourceAPI) remove(ctx context.Context, r *Request) (any, error) {
	version, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	return nil, h.s.Delete(ctx, r.Principal, r.Path("environment"), keyIn(r), version)
}

func (h resourceAPI) export(ctx context.Context, r *Request) (any, error) {
	text, err := h.s.Export(ctx, r.Principal, r.Path("environment"), r.Query("live") == "true")
	if err != nil {
		return nil, err
	}
	return Download{Name: r.Path("environment") + ".yaml", Media: "application/yaml", Bytes: text}, nil
}

func (h resourceAPI) apply(ctx context.Context, r *Request) (any, error) {
	done, err := h.s.Apply(ctx, r.Principal, r.Path("environment"), r.Body(), resource.Applying{DryRun: r.Query("dryRun") == "true", Prune: r.Query("prune") == "true"})
	if err != nil {
		return nil, err
	}
	return done, nil
}
