package schemavalidation

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/traffic"
)

// bound is the validation in one binding.
type bound struct {
	*validation
	binding string
	log     *slog.Logger
}

// Bind implements policy.Compiled.
func (v *validation) Bind(env policy.Env) (policy.Step, error) {
	b := &bound{v, env.Binding, env.Log}
	step := policy.Step{Request: b.onRequest, OnStream: v.stream}
	if v.requestBodies {
		step.RequestBody = policy.Need{
			// Partial, so that only JSON and forms have to be short and other uploads pass.
			Mode: policy.Buffered, Limit: v.request, Partial: true,
			BestEffort: v.block&^answerKinds() == 0,
		}
	}
	if v.answers || len(v.notices) > 0 {
		step.Response = b.onResponse
	}
	if v.answerBodies {
		step.ResponseBody = policy.Need{
			Mode: policy.Buffered, Limit: v.answer, Partial: true, When: b.looks,
			BestEffort: v.block&answerKinds() == 0,
		}
	}
	return step, nil
}

func (b *bound) onRequest(_ context.Context, x *traffic.Exchange) policy.Verdict {
	path, ok := spec.Below(b.base, x.SubPath, x.Request.Path)
	if !ok {
		return b.outside(x)
	}
	body := &x.Request.Body
	unread := b.requestBodies && (body.Partial() || int64(len(body.Bytes())) > b.request)
	res := b.check(x, path, unread)
	if res.Operation != nil {
		x.Carry(b, res.Operation)
	}
	b.watched(x, "request", res.Watched)
	if len(res.Violations) > 0 {
		return b.refuse(x, path, &res)
	}
	if unread && b.mustJudge(&x.Request.Header) && res.Unchecked != "" {
		return policy.Refuse(http.StatusRequestEntityTooLarge, "Request body too large.",
			fmt.Sprintf("the body is longer than the %d bytes that are validated", b.request))
	}
	if res.Operation == nil && len(res.Watched) == 0 {
		res.Unchecked = "the operation is not described"
	}
	return b.unchecked(x, res.Unchecked)
}

// outside judges a path that is not below the one of the description.
func (b *bound) outside(x *traffic.Exchange) policy.Verdict {
	found := []spec.Violation{{Kind: spec.UnknownPath, Place: "path", Rule: "not below the base path of the description"}}
	switch {
	case b.block.Has(spec.UnknownPath):
		return b.refuse(x, "", &spec.Result{Violations: found})
	case b.watch.Has(spec.UnknownPath):
		b.watched(x, "request", found)
		return policy.Go()
	}
	return b.unchecked(x, "the operation is not described")
}

// mustJudge says that a body must not pass because it is long.
func (b *bound) mustJudge(h *traffic.Header) bool {
	if b.block&spec.KindsOf(spec.MalformedBody, spec.BodySchema) == 0 {
		return false
	}
	media := strings.ToLower(h.Get("content-type"))
	return policy.IsJSON(media) || strings.HasPrefix(media, "multipart/form-data") ||
		strings.HasPrefix(media, "application/x-www-form-urlencoded")
}

// unchecked records what was not looked at.
func (b *bound) unchecked(x *traffic.Exchange, why string) policy.Verdict {
	if why == "" {
		return policy.Go()
	}
	x.NotInspected = append(x.NotInspected, b.binding+": "+why)
	return policy.GoBecause(why)
}

// carried is the operation of the request.
func (b *bound) carried(x *traffic.Exchange) *spec.Operation {
	op, _ := x.Carried(b).(*spec.Operation)
	return op
}

// looks says whether the body of an answer is to be read: only JSON is looked
// into, and an answer without a media type may be empty.
func (b *bound) looks(x *traffic.Exchange) bool {
	op := b.carried(x)
	if op == nil || x.Response.Local || x.Request.Method == http.MethodHead {
		return false
	}
	described := op.ResponseTo(x.Response.Status)
	if described == nil || len(described.Content) == 0 {
		return false
	}
	media := x.Response.Header.Get("content-type")
	return media == "" || media == "application/json" || policy.IsJSON(media)
}

func (b *bound) onResponse(_ context.Context, x *traffic.Exchange) policy.Verdict {
	op := b.carried(x)
	if op == nil {
		return policy.Go()
	}
	for _, f := range b.notices[op] {
		if !x.Response.Header.Has(f.Name) {
			x.Response.Header.Set(f.Name, f.Value)
		}
	}
	if !b.answers || x.Response.Local || len(op.Responses) == 0 {
		return policy.Go()
	}
	body := &x.Response.Body
	unread := body.Partial() || int64(len(body.Bytes())) > b.answer
	if !body.Loaded() {
		unread = !body.Empty() && body.Length() != 0
	}
	res := b.checkAnswer(x, op, unread)
	b.watched(x, "response", res.Watched)
	switch {
	case len(res.Violations) > 0:
		return policy.Refuse(http.StatusBadGateway, "Bad gateway.", reason(res.Violations))
	case unread && b.block.Has(spec.ResponseBody) && res.Unchecked != "" && policy.IsJSON(x.Response.Header.Get("content-type")):
		return policy.Refuse(http.StatusBadGateway, "Bad gateway.",
			fmt.Sprintf("the answer is longer than the %d bytes that are validated", b.answer))
	}
	return b.unchecked(x, res.Unchecked)
}
