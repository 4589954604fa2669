package policy

import (
	"context"
	"errors"
	"net/http"

	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/fieldpath"
)

// ContentStep is what steps have in common that rewrite fields of bodies.
type ContentStep struct {
	// Request and Response say whose bodies are rewritten.
	Request, Response bool
	// Limit is the length in bytes of the longest body.
	Limit int64
	// PassOther lets bodies pass in which no fields can be found, because they are
	// neither JSON, nor XML, nor a form.
	PassOther bool
	// NoBody says that Rewrite looks at headers only: bodies stay streams.
	NoBody bool
	// SkipStreams lets streams pass.
	SkipStreams bool
	// Status is that of refusals; 0 is 400 for requests and 502 for responses.
	Status int
	// Public is what a client reads when its request is refused.
	Public string
	// Rewrite does it, and says what was done for the trail; its errors hold no
	// values. It runs on empty bodies too.
	Rewrite func(x *traffic.Exchange, response bool) (done string, err error)
}

// Step is the step of a binding.
func (c ContentStep) Step() Step {
	var s Step
	if c.SkipStreams {
		s.OnStream = SkipStream
	}
	if c.Request {
		s.RequestBody = c.need(false)
		s.Request = func(_ context.Context, x *traffic.Exchange) Verdict { return c.run(x, false) }
	}
	if c.Response {
		s.ResponseBody = c.need(true)
		s.Response = func(_ context.Context, x *traffic.Exchange) Verdict { return c.run(x, true) }
	}
	return s
}

// need leaves bodies streams that pass in any case.
func (c ContentStep) need(response bool) Need {
	if c.NoBody {
		return Need{}
	}
	return Need{Mode: Buffered, Limit: c.Limit, When: func(x *traffic.Exchange) bool {
		if response && OwnError(x) {
			return false
		}
		if response && x.Response.Streaming || !response && x.Request.Streaming || !c.PassOther {
			return true
		}
		h, _ := fieldpath.Side(x, response)
		return fieldpath.FormatOf(h.Joined("content-type")) != fieldpath.None
	}}
}

func (c ContentStep) run(x *traffic.Exchange, response bool) Verdict {
	if response && OwnError(x) {
		return Verdict{}
	}
	done, err := c.Rewrite(x, response)
	switch {
	case err == nil && done == "":
		return Verdict{}
	case err == nil:
		return GoBecause(done)
	case errors.Is(err, fieldpath.ErrContentType) && c.PassOther:
		return GoBecause(err.Error())
	}
	status := c.Status
	switch {
	case response && status == 0:
		return Fail(http.StatusBadGateway, "Bad gateway.", err.Error())
	case response:
		return Fail(status, "The response could not be processed.", err.Error())
	case status == 0:
		status = http.StatusBadRequest
	}
	return Refuse(status, c.Public, err.Error())
}
