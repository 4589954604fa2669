package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
)

// PublishRequest asks to publish the draft whose version it names.
type PublishRequest struct {
	Draft int64  `json:"draft"`
	Note  string `json:"note,omitempty"`
	// Agree only agrees to a review that somebody else asked for, and never asks for one.
	Agree bool `json:"agree,omitempty"`
}

// ReviewRequest says whether a second person must agree to what is published.
type ReviewRequest struct {
	Review bool `json:"review"`
}

// RejectRequest says why a draft, whose version it names, is not published.
type RejectRequest struct {
	Draft  int64  `json:"draft"`
	Reason string `json:"reason"`
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

// draftRoutes publish drafts, and lead back to the revisions that were published.
func draftRoutes(s *resource.Service) []Route {
	h := resourceAPI{s}
	return []Route{
		{Method: http.MethodGet, Path: inEnvironment + "/draft", Summary: "Tell how the draft differs from what serves", Needs: access.ViewAPIs, And: []access.Permission{access.ViewPolicies}, At: Environment, Gives: resource.Draft{}, Handle: h.draft},
		{Method: http.MethodGet, Path: inEnvironment + "/draft/diff", Summary: "List the changes of the draft, field by field", Needs: access.ViewAPIs, And: []access.Permission{access.ViewPolicies}, At: Environment, Gives: resource.Draft{}, Handle: h.draft},
		{Method: http.MethodGet, Path: inEnvironment + "/draft/problems", Summary: "Tell what is wrong with the draft", Needs: access.ViewAPIs, And: []access.Permission{access.ViewPolicies}, At: Environment, Gives: DraftProblems{}, Handle: h.problems},
		{Method: http.MethodGet, Path: inEnvironment + "/draft/dry-run", Summary: "Tell what the draft would have refused of recorded traffic", Needs: access.ViewTraffic, And: []access.Permission{access.ViewAPIs, access.ViewPolicies}, At: Environment, Handle: h.dryRun},
		{Method: http.MethodPost, Path: inEnvironment + "/draft/publish", Summary: "Put the draft into service, or agree to it", Needs: access.Publish, At: Environment, Takes: PublishRequest{}, Gives: Published{}, Handle: h.publish},
		{Method: http.MethodPost, Path: inEnvironment + "/draft/reject", Summary: "Say why a draft that waits for a second person is not published", Needs: access.Publish, At: Environment, Takes: RejectRequest{}, Handle: h.reject},
		{Method: http.MethodGet, Path: "/reviews", Summary: "List the drafts that wait for a second person, where the caller sees them", At: Self, Gives: []resource.Waiting{}, Handle: h.waiting},
		{Method: http.MethodDelete, Path: inEnvironment + "/draft", Summary: "Discard the changes of the draft, whose version If-Match names", Needs: access.ManageAPIs, And: []access.Permission{access.ManagePolicies}, At: Environment, Handle: h.discard},
		{Method: http.MethodPut, Path: inEnvironment + "/review", Summary: "Say whether a second person must agree to what is published", Needs: access.ManageAccess, At: Environment, Takes: ReviewRequest{}, Handle: h.review},
		{Method: http.MethodPost, Path: inEnvironment + "/promote", Summary: "Copy APIs from the live revision of another environment into the draft", Needs: access.ManageAPIs, And: []access.Permission{access.ManagePolicies}, At: Environment, Takes: resource.Promotion{}, Gives: resource.Promoted{}, Handle: h.promote},
		{Method: http.MethodGet, Path: inEnvironment + "/revisions", Summary: "List the revisions that were published, the newest first", Needs: access.ViewAPIs, At: Environment, Gives: []resource.Revision{}, Handle: h.revisions},
		{Method: http.MethodGet, Path: inEnvironment + "/revisions/{number}", Summary: "Show a revision", Needs: access.ViewAPIs, At: Environment, Gives: resource.Revision{}, Handle: h.revision},
		{Method: http.MethodGet, Path: inEnvironment + "/revisions/{number}/diff", Summary: "Tell how a revision differs from another, by default the one before", Needs: access.ViewAPIs, And: []access.Permission{access.ViewPolicies}, At: Environment, Query: map[string]string{"from": "the number of the other revision"}, Gives: []resource.Change{}, Handle: h.diff},
		{Method: http.MethodPost, Path: inEnvironment + "/revisions/{number}/rollback", Summary: "Publish what a revision held as a new one", Needs: access.Publish, And: []access.Permission{access.ViewAPIs}, At: Environment, Takes: PublishRequest{}, Gives: Published{}, Handle: h.rollback},
	}
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
	rev, err := h.s.Publish(ctx, r.Principal, r.Path("environment"), resource.Publishing{Draft: in.Draft, Note: in.Note, Agree: in.Agree})
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

func (h resourceAPI) reject(ctx context.Context, r *Request) (any, error) {
	var in RejectRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	return nil, h.s.Reject(ctx, r.Principal, r.Path("environment"), in.Draft, in.Reason)
}

func (h resourceAPI) waiting(ctx context.Context, r *Request) (any, error) {
	list, err := h.s.Waiting(ctx, r.Principal)
	if err != nil {
		return nil, err
	}
	return Page{Items: list}, nil
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
	below, limit, err := r.Before()
	if err != nil {
		return nil, err
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
