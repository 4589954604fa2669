package api

import (
	"context"
	"encoding/json"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/resource"
)

// PolicyRequest binds a policy to an API.
type PolicyRequest struct {
	Policy   string          `json:"policy"`
	Settings json.RawMessage `json:"settings,omitempty"`
}

// OrderRequest names the policies of an API in the order in which they are to run.
type OrderRequest struct {
	Order []resource.Key `json:"order"`
}

// policyRoutes make APIs and bind policies to them.
func policyRoutes(s *resource.Service) []Route {
	h := resourceAPI{s}
	const policies = inEnvironment + "/apis/{namespace}/{name}/policies"
	return []Route{
		{Method: http.MethodPost, Path: inEnvironment + "/apis", Summary: "Create an API in the draft", Needs: access.ManageAPIs, At: Environment, Takes: resource.NewAPI{}, Gives: Resource{}, Handle: h.createAPI},
		{Method: http.MethodGet, Path: policies, Summary: "List the policies of an API in the draft", Needs: access.ViewPolicies, And: []access.Permission{access.ViewAPIs}, At: Environment, Gives: []resource.Binding{}, Handle: h.bindings},
		{Method: http.MethodPost, Path: policies, Summary: "Bind a policy to an API in the draft", Needs: access.ManagePolicies, At: Environment, Takes: PolicyRequest{}, Gives: Resource{}, Handle: h.addPolicy},
		{Method: http.MethodPut, Path: policies, Summary: "Order the policies of an API", Needs: access.ManagePolicies, And: []access.Permission{access.ViewAPIs, access.ViewPolicies}, At: Environment, Takes: OrderRequest{}, Gives: []resource.Binding{}, Handle: h.reorder},
		{Method: http.MethodPatch, Path: inEnvironment + "/policies/{namespace}/{name}", Summary: "Change a binding: settings, order, rules, switched on or off", Needs: access.ManagePolicies, At: Environment, Takes: resource.BindingChange{}, Gives: Resource{}, Handle: h.changeBinding},
	}
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
