package attackprotection

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/detect/model"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// bound is the policy bound to an API.
type bound struct {
	*protection
	env policy.Env
}

// Bind makes the step.
func (p *protection) Bind(env policy.Env) (policy.Step, error) {
	b := &bound{p, env}
	step := policy.Step{OnStream: policy.SkipStream}
	switch {
	case p.set.Mode == "off":
		return step, nil
	case p.set.Mode == "watch" && !p.engine.Always():
		step.RequestBody = policy.Need{Mode: policy.Teed, Limit: min(p.set.BodyLimit, teeLimit)}
		step.End = b.observe
		step.Background = true
	default:
		step.RequestBody = policy.Need{Mode: policy.Buffered, Limit: p.set.BodyLimit, Partial: p.set.OnLongBody == "partial" || p.set.Mode == "watch"}
		step.Request = b.protect
		step.OnStream = b.onStream()
		if step.OnStream == policy.InspectStream {
			step.Message, step.Messages = b.message, policy.ClientOnly
		}
	}
	if p.set.Responses != "off" {
		step.Response = b.response
		step.ResponseBody = policy.Need{Mode: policy.Buffered, Limit: detect.DefaultBodyLimit, Partial: true}
	}
	return step, nil
}

func (b *bound) onStream() policy.OnStream {
	switch {
	case b.set.Mode == "watch" || b.set.OnStream == "skip":
		return policy.SkipStream
	case b.set.OnStream == "refuse":
		return policy.RefuseStream
	}
	return policy.InspectStream
}

// lessons are what was learned of the API, and the way to teach.
func (b *bound) lessons(x *traffic.Exchange) detect.Lessons {
	if b.env.Models == nil || b.set.Learned == "off" {
		return detect.Lessons{}
	}
	return detect.Lessons{
		Learned: b.env.Models.Snapshot(),
		Teach:   func(key model.Key, facts func() []model.Fact) { b.env.Models.Learn(key, clientOf(x), facts) },
	}
}

// clientOf tells clients apart: by what they proved to be, or their address.
func clientOf(x *traffic.Exchange) string {
	if x.Auth.ClientID != "" {
		return x.Auth.ClientID
	}
	return x.Request.Client.String()
}

// protect judges before the service sees the request.
func (b *bound) protect(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	v := b.gate.Judge(ctx, b.engine, x, b.lessons(x))
	verdict := b.act(x, v, "request")
	if v.Err == nil { // what was not judged teaches nothing about settings
		b.capture(x, verdict.Stops())
	}
	return verdict
}

func (b *bound) capture(x *traffic.Exchange, refused bool) {
	if b.env.Capture != nil {
		b.env.Capture.Capture(x, refused)
	}
}

// message judges one message of a stream before it is sent on.
func (b *bound) message(ctx context.Context, x *traffic.Exchange, m policy.Message) policy.Verdict {
	v := b.gate.Run(ctx, b.engine, func() detect.Verdict {
		return b.engine.JudgeMessage(ctx, x, m.Kind == policy.GRPCMessage, m.Data)
	})
	if m.Partial && !v.Block {
		if b.set.OnLongBody == "refuse" {
			return policy.Refuse(http.StatusRequestEntityTooLarge, "Message too long.", "a message is longer than can be inspected")
		}
		v.NotInspected = append(v.NotInspected, fmt.Sprintf("message: only its first %d bytes", len(m.Data)))
	}
	return b.act(x, v, "request")
}

// act makes of a judgement what the mode says.
func (b *bound) act(x *traffic.Exchange, v detect.Verdict, side string) policy.Verdict {
	switch {
	case errors.Is(v.Err, detect.ErrBusy):
		return policy.Fail(http.StatusServiceUnavailable, "Service overloaded.", v.Err.Error())
	case v.Err != nil:
		return policy.Fail(http.StatusInternalServerError, "Internal error.", v.Err.Error())
	}
	record(b.env.Binding, x, v)
	switch {
	case v.Block && b.refuses(x, v):
		return policy.Refuse(http.StatusForbidden, "Request blocked.", b.reason(v))
	case v.Block:
		b.watched(x, v, side, http.StatusForbidden)
	case len(v.Findings) > 0:
		return policy.GoBecause(b.reason(v))
	}
	return policy.Go()
}

// refuses says whether the mode lets a blocking verdict refuse.
func (b *bound) refuses(x *traffic.Exchange, v detect.Verdict) bool {
	switch b.set.Mode {
	case "block":
		return true
	case "block-known":
		return v.Always || b.knownBad(x)
	}
	return v.Always
}

func (b *bound) knownBad(x *traffic.Exchange) bool {
	client := x.Request.Client.Unmap()
	if b.listed != nil && b.listed(client) {
		return true
	}
	for _, n := range b.networks {
		if n.Contains(client) {
			return true
		}
	}
	return false
}

// observe judges after the response, and only leaves a note.
func (b *bound) observe(x *traffic.Exchange) {
	v := b.gate.Judge(context.Background(), b.engine, x, b.lessons(x))
	if v.Err != nil {
		x.NotInspected = append(x.NotInspected, b.env.Binding+": "+v.Err.Error())
		return
	}
	record(b.env.Binding, x, v)
	if v.Block {
		b.watched(x, v, "request", http.StatusForbidden)
	}
	b.capture(x, false)
}

// watched notes what would have been refused.
func (b *bound) watched(x *traffic.Exchange, v detect.Verdict, side string, status int) {
	x.Decisions = append(x.Decisions, traffic.Decision{
		Binding: b.env.Binding, Policy: "attack-protection", Side: side,
		Action: traffic.Watched, Status: status, Reason: b.reason(v),
	})
}

// response judges what the service answered.
func (b *bound) response(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	if policy.OwnError(x) {
		return policy.Go()
	}
	v := b.gate.Run(ctx, b.engine, func() detect.Verdict { return b.engine.JudgeResponse(ctx, x) })
	if v.Err != nil && b.set.Responses == "block" {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", v.Err.Error())
	}
	record(b.env.Binding, x, v)
	switch {
	case v.Err != nil:
		x.NotInspected = append(x.NotInspected, b.env.Binding+": response: "+v.Err.Error())
	case v.Block && b.set.Responses == "block":
		return policy.Refuse(http.StatusBadGateway, "Response blocked.", b.reason(v))
	case v.Block:
		b.watched(x, v, "response", http.StatusBadGateway)
	case len(v.Findings) > 0:
		return policy.GoBecause(b.reason(v))
	}
	return policy.Go()
}

func record(binding string, x *traffic.Exchange, v detect.Verdict) {
	x.Findings = append(x.Findings, v.Findings...)
	for _, part := range v.NotInspected {
		x.NotInspected = append(x.NotInspected, binding+": "+part)
	}
}

// reason says what the worst match was. There is one wherever it is asked.
func (b *bound) reason(v detect.Verdict) string {
	relation := "<"
	if v.Score >= b.set.Threshold {
		relation = "≥"
	}
	worst := v.Findings[0]
	return fmt.Sprintf("score %d %s %d: %s %s", v.Score, relation, b.set.Threshold, worst.Rule, worst.Message)
}
