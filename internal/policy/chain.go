package policy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// Link is one step in its place in a chain.
type Link struct {
	// Binding is namespace/name of the binding, Policy the name in the catalogue.
	Binding, Policy string
	// Mule renders this step's refusals as SOAP faults for SOAP requests.
	Mule bool
	// Match says whether the binding's rules cover the exchange; nil covers all.
	Match func(x *traffic.Exchange) bool
	Step  Step
}

// Runtime is what a chain needs of the engine that runs it.
type Runtime struct {
	Now func() time.Time
	// Budget bounds the bytes that bodies hold.
	Budget *traffic.Budget
	// Decode opens a Content-Encoding under the ratio cap.
	Decode func(encoding string, coded []byte, limit int64) (decoded []byte, more bool, err error)
	// Render makes the response of an answer; it is the only place that does.
	Render func(x *traffic.Exchange, v Verdict, mule bool)
	// Panicked is told of a panic in a step, for the log.
	Panicked func(binding string, value any)
}

// maxLinks is the number of steps a chain may have; the steps that ran are
// kept as bits.
const maxLinks = 64

// Chain is a flat list of steps. It is immutable and serves any number of
// exchanges at once.
type Chain struct {
	links        []Link
	rt           *Runtime
	request, tee int64
	response     int64
	background   bool
	messages     bool
}

// NewChain makes a chain of links in the order in which their request hooks run.
func NewChain(rt *Runtime, links []Link) (*Chain, error) {
	if len(links) > maxLinks {
		return nil, fmt.Errorf("%d policies on one target: at most %d can run", len(links), maxLinks)
	}
	c := &Chain{links: links, rt: rt}
	for _, l := range links {
		if l.Step.OnStream == InspectStream && l.Step.Message == nil {
			return nil, fmt.Errorf("%s: the step is to inspect streams and has no hook for messages", l.Binding)
		}
		c.messages = c.messages || l.Step.OnStream == InspectStream
		switch need := l.Step.RequestBody; need.Mode {
		case NoBody:
		case Buffered:
			c.request = max(c.request, need.Limit)
		case Teed:
			c.tee = max(c.tee, need.Limit)
		}
		if need := l.Step.ResponseBody; need.Mode == Buffered {
			c.response = max(c.response, need.Limit)
		}
		c.background = c.background || l.Step.Background
	}
	return c, nil
}

// Len is the number of steps.
func (c *Chain) Len() int { return len(c.links) }

// Tee is the number of bytes of the request to copy while it streams, 0 for none.
func (c *Chain) Tee() int64 { return c.tee }

// Run is the passage of one exchange through a chain.
type Run struct {
	chain *Chain
	// ran marks the links whose request side let the exchange go on or that
	// have none; ended marks those whose end hook is due.
	ran, ended uint64
	// by is the link that stopped the request, -1 for none.
	by int
	// messages is what the trail holds of the messages of a stream.
	messages messageTrail
}

// Begin starts the passage of one exchange.
func (c *Chain) Begin() Run { return Run{chain: c, by: -1} }

// Request runs the request hooks in order, up to the first that answers, and
// returns its verdict.
func (r *Run) Request(ctx context.Context, x *traffic.Exchange) Verdict {
	c := r.chain
	if len(c.links) == 0 {
		return Verdict{}
	}
	began := c.rt.Now()
	for i := range c.links {
		l := &c.links[i]
		if l.Match != nil && !l.Match(x) {
			continue
		}
		v := c.prepareRequest(l, x)
		if v.Action == 0 && l.Step.Request != nil {
			r.ended |= 1 << i
			v = c.call(l, l.Step.Request, ctx, x)
		} else if v.Action == 0 {
			r.ended |= 1 << i
		}
		if v.Action == traffic.Skipped {
			x.NotInspected = append(x.NotInspected, l.Binding+": "+v.Reason)
		}
		now := c.rt.Now()
		if l.Step.Request != nil || v.Action != 0 {
			note(x, l, "request", v, now.Sub(began))
		}
		began = now
		if v.Stops() {
			r.by = i
			return v
		}
		if v.Action != traffic.Skipped {
			r.ran |= 1 << i
		}
	}
	return Verdict{}
}

// Render makes the response of the verdict that Request returned.
func (r *Run) Render(x *traffic.Exchange, v Verdict) {
	r.chain.rt.Render(x, v, r.by >= 0 && r.chain.links[r.by].Mule)
}

// Response runs the response hooks in reverse order, for the steps whose
// request side ran. A hook that answers replaces the response, and the hooks
// before it see the replacement; the last such verdict is returned.
func (r *Run) Response(ctx context.Context, x *traffic.Exchange) (last Verdict) {
	c := r.chain
	if c == nil {
		return Verdict{}
	}
	for i := len(c.links) - 1; i >= 0; i-- {
		l := &c.links[i]
		if l.Step.Response == nil || r.ran&(1<<i) == 0 {
			continue
		}
		began := c.rt.Now()
		v := c.prepareResponse(l, x)
		if v.Action == 0 {
			v = c.call(l, l.Step.Response, ctx, x)
		}
		if v.Action == traffic.Skipped {
			x.NotInspected = append(x.NotInspected, l.Binding+": "+v.Reason)
		}
		note(x, l, "response", v, c.rt.Now().Sub(began))
		if v.Stops() {
			c.rt.Render(x, v, l.Mule)
			last = v
		}
	}
	return last
}

// Responds says whether a response hook will run.
func (r *Run) Responds() bool {
	if r.chain == nil {
		return false
	}
	for i := range r.chain.links {
		if r.ran&(1<<i) != 0 && r.chain.links[i].Step.Response != nil {
			return true
		}
	}
	return false
}

// End runs the end hooks that are due: those for the pool when background is
// true, all others when it is false. It recovers panics, for nothing depends
// on an end hook.
func (r *Run) End(x *traffic.Exchange, background bool) {
	if r.chain == nil {
		return
	}
	for i := range r.chain.links {
		l := &r.chain.links[i]
		if l.Step.End == nil || l.Step.Background != background || r.ended&(1<<i) == 0 {
			continue
		}
		r.end(l, x)
	}
}

// Uninspected records that the pool had no room for the end hooks.
func (r *Run) Uninspected(x *traffic.Exchange, why string) {
	for i := range r.chain.links {
		if l := &r.chain.links[i]; l.Step.Background && r.ended&(1<<i) != 0 {
			x.NotInspected = append(x.NotInspected, l.Binding+": "+why)
		}
	}
}

func (r *Run) end(l *Link, x *traffic.Exchange) {
	defer func() {
		if p := recover(); p != nil {
			r.chain.panicked(l, p)
		}
	}()
	l.Step.End(x)
}

// call runs one hook; a panic is a refusal.
func (c *Chain) call(l *Link, hook func(context.Context, *traffic.Exchange) Verdict, ctx context.Context, x *traffic.Exchange) (v Verdict) { //nolint:revive // the hook reads better first
	defer c.recovered(l, &v)
	return checked(hook(ctx, x))
}

// recovered makes a panic of a hook a refusal. It is to be deferred.
func (c *Chain) recovered(l *Link, v *Verdict) {
	if p := recover(); p != nil {
		c.panicked(l, p)
		*v = Fail(http.StatusInternalServerError, "Internal error.", "the policy panicked; the log of this moment has the details")
	}
}

func checked(v Verdict) Verdict {
	if v.Stops() && (v.Answer.Status < 200 || v.Answer.Status > 599) {
		return Fail(http.StatusInternalServerError, "Internal error.", fmt.Sprintf("the policy answered with status %d, which is none", v.Answer.Status))
	}
	return v
}

func (c *Chain) panicked(l *Link, value any) {
	if c.rt.Panicked != nil {
		c.rt.Panicked(l.Binding, value)
	}
}

func (c *Chain) prepareRequest(l *Link, x *traffic.Exchange) Verdict {
	need := l.Step.RequestBody
	if need.Mode == NoBody || need.When != nil && !need.When(x) {
		return Verdict{}
	}
	switch {
	case x.Request.Streaming && l.Step.OnStream == InspectStream:
		return Verdict{}
	case x.Request.Streaming && need.Mode == Teed && l.Step.OnStream == SkipStream:
		// A copy delays no stream. To leave the step out would let a client choose
		// by one header that not even its path is looked at.
		x.NotInspected = append(x.NotInspected, l.Binding+": of a stream the beginning only is inspected")
		return Verdict{}
	case x.Request.Streaming:
		return onStream(l)
	case need.Mode == Teed:
		return Verdict{}
	}
	if err := x.Request.Body.Load(c.request, c.rt.Budget, c.decoder(&x.Request.Header)); err != nil {
		if need.BestEffort && !errors.Is(err, traffic.ErrRead) {
			return leftOut
		}
		return bodyVerdict(err)
	}
	if !need.Partial && need.BestEffort && x.Request.Body.Partial() {
		return leftOut
	}
	if !need.Partial && (x.Request.Body.Partial() || int64(len(x.Request.Body.Bytes())) > need.Limit) {
		return Refuse(http.StatusRequestEntityTooLarge, "Request body too large.",
			fmt.Sprintf("the body is longer than the %d bytes that this step inspects", need.Limit))
	}
	return Verdict{}
}

// leftOut is the verdict on a body that a step could do without.
var leftOut = Verdict{Action: traffic.Skipped, Reason: "the body is too long, can't be decoded or finds no room"}

func (c *Chain) prepareResponse(l *Link, x *traffic.Exchange) Verdict {
	need := l.Step.ResponseBody
	if need.Mode != Buffered || need.When != nil && !need.When(x) {
		return Verdict{}
	}
	if x.Response.Streaming && l.Step.OnStream == InspectStream {
		return Verdict{}
	}
	if x.Response.Streaming {
		return onStream(l)
	}
	if err := x.Response.Body.Load(c.response, c.rt.Budget, c.decoder(&x.Response.Header)); err != nil {
		if need.BestEffort && !errors.Is(err, traffic.ErrRead) {
			return leftOut
		}
		if errors.Is(err, traffic.ErrBudget) {
			return Fail(http.StatusServiceUnavailable, "Service overloaded.", err.Error())
		}
		return Fail(http.StatusBadGateway, "Bad gateway.", "the response could not be read for inspection")
	}
	if !need.Partial && need.BestEffort && x.Response.Body.Partial() {
		return leftOut
	}
	if !need.Partial && (x.Response.Body.Partial() || int64(len(x.Response.Body.Bytes())) > need.Limit) {
		return Fail(http.StatusBadGateway, "Bad gateway.",
			fmt.Sprintf("the response is longer than the %d bytes that this step inspects", need.Limit))
	}
	return Verdict{}
}

func (c *Chain) decoder(h *traffic.Header) traffic.Decoder { return c.rt.decoder(h) }

// Load is Env.Load: it reads a body under the budget and the ratio cap.
func (rt *Runtime) Load(b *traffic.Body, h *traffic.Header, limit int64) error {
	return b.Load(limit, rt.Budget, rt.decoder(h))
}

func (rt *Runtime) decoder(h *traffic.Header) traffic.Decoder {
	encoding := h.Joined("content-encoding")
	if encoding == "" || encoding == "identity" || rt.Decode == nil {
		return nil
	}
	return func(coded []byte, limit int64) ([]byte, bool, error) {
		return rt.Decode(encoding, coded, limit)
	}
}

func onStream(l *Link) Verdict {
	if l.Step.OnStream == SkipStream {
		return Verdict{Action: traffic.Skipped, Reason: "streams are not inspected"}
	}
	return Refuse(http.StatusForbidden, "Streaming is not allowed here.", "this step can't inspect a stream and refuses it")
}

// ErrTooLarge is what Decode returns, wrapped, when content grows beyond the
// permitted ratio.
var ErrTooLarge = errors.New("content grows beyond the permitted ratio")

// bodyVerdict is the answer to a body that could not be read.
func bodyVerdict(err error) Verdict {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, traffic.ErrBudget):
		return Fail(http.StatusServiceUnavailable, "Service overloaded.", err.Error())
	case errors.Is(err, ErrTooLarge), errors.Is(err, traffic.ErrTooLong):
		return Refuse(http.StatusRequestEntityTooLarge, "Request body too large.", err.Error())
	case errors.As(err, &timeout) && timeout.Timeout():
		return Refuse(http.StatusRequestTimeout, "Request body came too slowly.", "the body did not arrive in time")
	}
	return Refuse(http.StatusBadRequest, "Request body could not be read.", "the body could not be read or decoded")
}

func note(x *traffic.Exchange, l *Link, side string, v Verdict, took time.Duration) {
	action := v.Action
	if action == 0 {
		action = traffic.Continued
	}
	x.Decisions = append(x.Decisions, traffic.Decision{
		Binding: l.Binding, Policy: l.Policy, Side: side, Action: action,
		Status: v.Answer.Status, Reason: v.Reason, Took: took,
	})
}

// Background says whether an end hook is due that wants the pool.
func (r *Run) Background() bool {
	if r.chain == nil || !r.chain.background {
		return false
	}
	for i := range r.chain.links {
		if r.ended&(1<<i) != 0 && r.chain.links[i].Step.Background {
			return true
		}
	}
	return false
}
