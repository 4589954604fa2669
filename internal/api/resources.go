package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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

// PublishRequest asks to publish the draft whose version it names.
type PublishRequest struct {
	Draft int64  `json:"draft"`
	Note  string `json:"note,omitempty"`
}

// ReviewRequest says whether a second person must agree to what is published.
type ReviewRequest struct {
	Review bool `json:"review"`
}

// Published tells what became of a draft.
type Published struct {
	// State is published, or review while a second person must agree.
	State    string             `json:"state"`
	Revision *resource.Revision `json:"revision,omitempty"`
}

// DraftProblems are what is wrong with a draft.
type DraftProblems struct {
	Problems []resource.Problem `json:"problems"`
}

// PolicyRequest binds a policy to an API.
type PolicyRequest struct {
	Policy   string          `json:"policy"`
	Settings json.RawMessage `json:"settings,omitempty"`
}

// OrderRequest names the policies of an API in the order in which they are to run.
type OrderRequest struct {
	Order []resource.Key `json:"order"`
}

// resourceAPI has the handlers.
type resourceAPI struct{ s *resource.Service }

const inEnvironment = "/environments/{environment}"

func resourceRoutes(s *resource.Service) []Route {
	h := resourceAPI{s}
	const one = inEnvironment + "/resources/{kind}/{namespace}/{name}"
	const policies = inEnvironment + "/apis/{namespace}/{name}/policies"
	list := map[string]string{"kind": "only this kind", "namespace": "only this namespace", "q": "only names with this in them"}
	return []Route{
		{Method: http.MethodGet, Path: inEnvironment + "/resources", Summary: "List the resources of the draft", Needs: access.ViewAPIs, At: Environment, Query: list, Gives: []Resource{}, Handle: h.list},
		{Method: http.MethodPost, Path: inEnvironment + "/resources", Summary: "Create a resource in the draft", Needs: access.ViewAPIs, At: Environment, Takes: Resource{}, Gives: Resource{}, Body: maxManifest, Handle: h.create},
		{Method: http.MethodGet, Path: one, Summary: "Show a resource of the draft", Needs: access.ViewAPIs, At: Environment, Gives: Resource{}, Handle: h.get},
		{Method: http.MethodPut, Path: one, Summary: "Change a resource of the draft, whose version If-Match names", Needs: access.ViewAPIs, At: Environment, Takes: Resource{}, Gives: Resource{}, Body: maxManifest, Handle: h.put},
		{Method: http.MethodDelete, Path: one, Summary: "Remove a resource from the draft", Needs: access.ViewAPIs, At: Environment, Handle: h.remove},
		{Method: http.MethodGet, Path: inEnvironment + "/draft", Summary: "Tell how the draft differs from what serves", Needs: access.ViewAPIs, At: Environment, Gives: resource.Draft{}, Handle: h.draft},
		{Method: http.MethodGet, Path: inEnvironment + "/draft/diff", Summary: "List the changes of the draft, field by field", Needs: access.ViewAPIs, At: Environment, Gives: resource.Draft{}, Handle: h.draft},
		{Method: http.MethodGet, Path: inEnvironment + "/draft/problems", Summary: "Tell what is wrong with the draft", Needs: access.ViewAPIs, At: Environment, Gives: DraftProblems{}, Handle: h.problems},
		{Method: http.MethodGet, Path: inEnvironment + "/draft/dry-run", Summary: "Tell what the draft would have refused of recorded traffic", Needs: access.ViewTraffic, At: Environment, Handle: h.dryRun},
		{Method: http.MethodPost, Path: inEnvironment + "/draft/publish", Summary: "Put the draft into service, or agree to it", Needs: access.Publish, At: Environment, Takes: PublishRequest{}, Gives: Published{}, Handle: h.publish},
		{Method: http.MethodDelete, Path: inEnvironment + "/draft", Summary: "Discard the changes of the draft, whose version If-Match names", Needs: access.ManageAPIs, At: Environment, Handle: h.discard},
		{Method: http.MethodPut, Path: inEnvironment + "/review", Summary: "Say whether a second person must agree to what is published", Needs: access.ManageAccess, At: Environment, Takes: ReviewRequest{}, Handle: h.review},
		{Method: http.MethodPost, Path: inEnvironment + "/promote", Summary: "Copy APIs from the live revision of another environment into the draft", Needs: access.ManageAPIs, At: Environment, Takes: resource.Promotion{}, Gives: resource.Promoted{}, Handle: h.promote},
		{Method: http.MethodGet, Path: inEnvironment + "/revisions", Summary: "List the revisions that were published, the newest first", Needs: access.ViewAPIs, At: Environment, Gives: []resource.Revision{}, Handle: h.revisions},
		{Method: http.MethodGet, Path: inEnvironment + "/revisions/{number}", Summary: "Show a revision", Needs: access.ViewAPIs, At: Environment, Gives: resource.Revision{}, Handle: h.revision},
		{Method: http.MethodGet, Path: inEnvironment + "/revisions/{number}/diff", Summary: "Tell how a revision differs from another, by default the one before", Needs: access.ViewAPIs, At: Environment, Query: map[string]string{"from": "the number of the other revision"}, Gives: []resource.Change{}, Handle: h.diff},
		{Method: http.MethodPost, Path: inEnvironment + "/revisions/{number}/rollback", Summary: "Publish what a revision held as a new one", Needs: access.Publish, At: Environment, Takes: PublishRequest{}, Gives: Published{}, Handle: h.rollback},
		{Method: http.MethodGet, Path: inEnvironment + "/export", Summary: "Write the resources as a manifest", Needs: access.ViewAPIs, At: Environment, Query: map[string]string{"live": "true for what serves instead of the draft"}, Media: "application/yaml", Handle: h.export},
		{Method: http.MethodPost, Path: inEnvironment + "/apply", Summary: "Make the draft say what a manifest says", Needs: access.ManageAPIs, At: Environment, Query: map[string]string{"dryRun": "true to change nothing", "prune": "true to remove what the manifest does not name"}, Takes: "", Gives: resource.Applied{}, Body: maxManifest, Handle: h.apply},
		{Method: http.MethodPost, Path: inEnvironment + "/apis", Summary: "Create an API in the draft", Needs: access.ManageAPIs, At: Environment, Takes: resource.NewAPI{}, Gives: Resource{}, Handle: h.createAPI},
		{Method: http.MethodGet, Path: policies, Summary: "List the policies of an API in the draft", Needs: access.ViewPolicies, At: Environment, Gives: []resource.Binding{}, Handle: h.bindings},
		{Method: http.MethodPost, Path: policies, Summary: "Bind a policy to an API in the draft", Needs: access.ManagePolicies, At: Environment, Takes: PolicyRequest{}, Gives: Resource{}, Handle: h.addPolicy},
		{Method: http.MethodPut, Path: policies, Summary: "Order the policies of an API", Needs: access.ManagePolicies, At: Environment, Takes: OrderRequest{}, Gives: []resource.Binding{}, Handle: h.reorder},
		{Method: http.MethodPatch, Path: inEnvironment + "/policies/{namespace}/{name}", Summary: "Change a binding: settings, order, rules, switched on or off", Needs: access.ManagePolicies, At: Environment, Takes: resource.BindingChange{}, Gives: Resource{}, Handle: h.changeBinding},
	}
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

func (h resourceAPI) draft(ctx context.Context, r *Request) (any, error) {
	d, err := h.s.Draft(ctx, r.Principal, r.Path("environment"))
	if err != nil {
		return nil, err
	}
	return Versioned{Value: d, Version: d.Version}, nil
}

func (h resourceAPI) problems(ctx context.Context, r *Request) (any, error) {
	found, err := h.s.Problems(ctx, r.Principal, r.Path("environment"))
	return DraftProblems{Problems: append([]resource.Problem{}, found...)}, err
}

func (h resourceAPI) dryRun(ctx context.Context, r *Request) (any, error) {
	return h.s.DryRun(ctx, r.Principal, r.Path("environment"))
}

func (h resourceAPI) publish(ctx context.Context, r *Request) (any, error) {
	var in PublishRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	rev, err := h.s.Publish(ctx, r.Principal, r.Path("environment"), resource.Publishing{Draft: in.Draft, Note: in.Note})
	return publishedAs(rev, err)
}

func publishedAs(rev *resource.Revision, err error) (any, error) {
	if resource.IsReview(err) {
		return Published{State: "review"}, nil
	}
	if err != nil {
		return nil, err
	}
	return Published{State: "published", Revision: rev}, nil
}

func (h resourceAPI) discard(ctx context.Context, r *Request) (any, error) {
	version, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	return nil, h.s.Discard(ctx, r.Principal, r.Path("environment"), version)
}

func (h resourceAPI) review(ctx context.Context, r *Request) (any, error) {
	var in ReviewRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	return nil, h.s.SetReview(ctx, r.Principal, r.Path("environment"), in.Review)
}

func (h resourceAPI) promote(ctx context.Context, r *Request) (any, error) {
	var in resource.Promotion
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	done, err := h.s.Promote(ctx, r.Principal, r.Path("environment"), in)
	if err != nil {
		return nil, err
	}
	return done, nil
}

func (h resourceAPI) revisions(ctx context.Context, r *Request) (any, error) {
	after, limit, err := r.Page()
	if err != nil {
		return nil, err
	}
	below := int64(0)
	if after != "" {
		if below, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, fmt.Errorf("%w: after must be the next of the page before", control.ErrInvalid)
		}
	}
	found, err := h.s.Revisions(ctx, r.Principal, r.Path("environment"), below, limit)
	if err != nil {
		return nil, err
	}
	page := Page{Items: append([]resource.Revision{}, found...)}
	if len(found) == limit && found[limit-1].Number > 1 {
		page.Next = strconv.FormatInt(found[limit-1].Number, 10)
	}
	return page, nil
}

func numberIn(r *Request) (int64, error) {
	n, err := strconv.ParseInt(r.Path("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, control.ErrNotFound
	}
	return n, nil
}

func (h resourceAPI) revision(ctx context.Context, r *Request) (any, error) {
	n, err := numberIn(r)
	if err != nil {
		return nil, err
	}
	rev, err := h.s.Revision(ctx, r.Principal, r.Path("environment"), n)
	if err != nil {
		return nil, err
	}
	return rev, nil
}

func (h resourceAPI) diff(ctx context.Context, r *Request) (any, error) {
	n, err := numberIn(r)
	if err != nil {
		return nil, err
	}
	from := n - 1
	if text := r.Query("from"); text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil || from < 0 {
			return nil, fmt.Errorf("%w: from must be the number of a revision", control.ErrInvalid)
		}
	}
	changes, err := h.s.Diff(ctx, r.Principal, r.Path("environment"), from, n)
	if err != nil {
		return nil, err
	}
	return Page{Items: changes}, nil
}

func (h resourceAPI) rollback(ctx context.Context, r *Request) (any, error) {
	n, err := numberIn(r)
	if err != nil {
		return nil, err
	}
	var in PublishRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	rev, err := h.s.Rollback(ctx, r.Principal, r.Path("environment"), n, resource.Publishing{Draft: in.Draft, Note: in.Note})
	return publishedAs(rev, err)
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

func (h resourceAPI) createAPI(ctx context.Context, r *Request) (any, error) {
	var in resource.NewAPI
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	one, err := h.s.CreateAPI(ctx, r.Principal, r.Path("environment"), in)
	return created(r, one, err)
}

func (h resourceAPI) bindings(ctx context.Context, r *Request) (any, error) {
	found, err := h.s.Bindings(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"))
	if err != nil {
		return nil, err
	}
	return Page{Items: append([]resource.Binding{}, found...)}, nil
}

func (h resourceAPI) addPolicy(ctx context.Context, r *Request) (any, error) {
	var in PolicyRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	one, err := h.s.AddPolicy(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"), in.Policy, in.Settings)
	return created(r, one, err)
}

func (h resourceAPI) reorder(ctx context.Context, r *Request) (any, error) {
	var in OrderRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := h.s.Reorder(ctx, r.Principal, r.Path("environment"), r.Path("namespace"), r.Path("name"), in.Order); err != nil {
		return nil, err
	}
	return h.bindings(ctx, r)
}

func (h resourceAPI) changeBinding(ctx context.Context, r *Request) (any, error) {
	version, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	var in resource.BindingChange
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	key := resource.Key{Kind: resource.KindBinding, Namespace: r.Path("namespace"), Name: r.Path("name")}
	one, err := h.s.ChangeBinding(ctx, r.Principal, r.Path("environment"), key, in, version)
	return versioned(one, err)
}
