package proxywasm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// side is the direction in which a message goes.
type side uint8

const (
	request side = iota
	response
	// over is after both.
	over
)

// session is one context of the ABI: that of an exchange, or the root context,
// which has no exchange.
type session struct {
	in *instance
	id uint32
	x  *traffic.Exchange

	side side
	// body is the content that the module sees and may replace, from the call
	// for the body on.
	body    [2][]byte
	shown   [2]bool
	changed [2]bool

	resumed, closed bool
	local           *policy.Answer
	pending         []*httpCall
	called          int
	// wake is told when the session may go on; it holds one signal.
	wake chan struct{}
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// hooks are the step of one binding.
type hooks struct {
	plugin *plugin
	bodies [2]bool
}

func (h *hooks) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	in, err := h.plugin.assign()
	if err != nil {
		return h.failed(err)
	}
	s := &session{in: in, x: x, wake: make(chan struct{}, 1)}
	x.Carry(h, s)
	ctx, cancel := context.WithTimeout(ctx, h.plugin.pause)
	defer cancel()
	if err := in.acquire(ctx); err != nil {
		return h.failed(err)
	}
	defer in.release()
	in.next++
	s.id = in.next
	in.sessions[s.id] = s
	if _, err := in.call(s, onContextCreate, 0, uint64(s.id), rootID); err != nil {
		return h.failed(err)
	}
	return h.side(ctx, s, onRequestHeaders, onRequestBody, &x.Request.Body, h.bodies[request] && !x.Request.Streaming)
}

func (h *hooks) response(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	s, _ := x.Carried(h).(*session)
	if s == nil {
		return h.failed(errDead)
	}
	ctx, cancel := context.WithTimeout(ctx, h.plugin.pause)
	defer cancel()
	if err := s.in.acquire(ctx); err != nil {
		return h.failed(err)
	}
	defer s.in.release()
	s.side, s.resumed, s.called = response, false, 0
	return h.side(ctx, s, onResponseHeaders, onResponseBody, &x.Response.Body, h.bodies[response] && !x.Response.Streaming)
}

// end tells the module that the exchange is over.
func (h *hooks) end(x *traffic.Exchange) {
	s, _ := x.Carried(h).(*session)
	if s == nil {
		return
	}
	in := s.in
	defer h.plugin.leave(in)
	ctx, cancel := context.WithTimeout(context.Background(), h.plugin.pause)
	defer cancel()
	if s.id == 0 || in.acquire(ctx) != nil {
		return
	}
	defer in.release()
	s.side = over
	for _, name := range [...]string{onDone, onLog, onDelete} {
		if _, err := in.call(s, name, 1, uint64(s.id)); err != nil {
			h.plugin.log.Error("a custom policy was stopped", "error", err.Error())
			return
		}
	}
	in.rootCalls()
	delete(in.sessions, s.id)
	s.x = nil
}

// failed is the verdict when the module can't judge: closed.
func (h *hooks) failed(err error) policy.Verdict {
	return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the custom policy could not decide: "+err.Error())
}

// errPaused says that a module waits for what never comes.
var errPaused = errors.New("the module paused the exchange, and nothing is on its way that could resume it")

// side gives the module one message: its header, then its body.
func (h *hooks) side(ctx context.Context, s *session, headers, body string, content *traffic.Body, read bool) policy.Verdict {
	bare := content.Empty()
	m, _ := s.headerMap(mapOf(s.side))
	paused, err := s.callHeaders(headers, m.count(), bare)
	if err != nil {
		return h.failed(err)
	}
	if stop, v := h.settle(ctx, s, &paused); stop {
		return v
	}
	if !bare && read {
		s.body[s.side], s.shown[s.side] = content.Bytes(), true
		action, err := s.in.call(s, body, 0, uint64(s.id), uint64(len(s.body[s.side])), 1)
		if err != nil {
			return h.failed(err)
		}
		// A module that pauses at the header to read the body lets both go on
		// together.
		paused = action != 0
		if stop, v := h.settle(ctx, s, &paused); stop {
			return v
		}
	}
	if err := h.await(ctx, s, paused); err != nil {
		return h.failed(err)
	}
	if stop, v := h.settle(ctx, s, &paused); stop {
		return v
	}
	if s.changed[s.side] {
		if err := content.Replace(s.body[s.side]); err != nil {
			return h.failed(err)
		}
	}
	return policy.Go()
}

// callHeaders calls the hook for a header.
func (s *session) callHeaders(name string, count int, bare bool) (paused bool, err error) {
	last := uint64(0)
	if bare {
		last = 1
	}
	action, err := s.in.call(s, name, 0, uint64(s.id), uint64(count), last) //nolint:gosec // a number of fields
	return action != 0, err
}

// settle makes the calls that the module asked for, gives it the answers, and
// says whether the exchange ends here.
func (h *hooks) settle(ctx context.Context, s *session, paused *bool) (bool, policy.Verdict) {
	for {
		switch {
		case s.local != nil:
			answer, action := *s.local, traffic.Answered
			s.local = nil
			if answer.Status >= http.StatusBadRequest {
				action = traffic.Refused
			}
			return true, policy.Verdict{
				Action: action, Answer: answer,
				Reason: fmt.Sprintf("the custom policy answered with status %d", answer.Status),
			}
		case s.closed:
			return true, policy.Refuse(http.StatusForbidden, "The request was refused.", "the custom policy closed the stream")
		case len(s.pending) == 0:
			*paused = *paused && !s.resumed
			return false, policy.Verdict{}
		}
		call := s.pending[0]
		s.pending = s.pending[1:]
		s.in.release()
		r := h.plugin.do(ctx, call)
		s.in.lock <- struct{}{} // it is released by the hook
		if s.in.dead != nil {
			return true, h.failed(errDead)
		}
		if err := s.in.deliver(call, r); err != nil {
			return true, h.failed(err)
		}
	}
}

// await waits until a tick resumes the exchange.
func (h *hooks) await(ctx context.Context, s *session, paused bool) error {
	if !paused {
		return nil
	}
	if s.in.tick == 0 {
		return errPaused
	}
	for !s.resumed && s.local == nil && !s.closed && len(s.pending) == 0 {
		s.in.release()
		var err error
		select {
		case <-s.wake:
		case <-ctx.Done():
			err = fmt.Errorf("the module did not resume the exchange within %v", h.plugin.pause.Round(time.Millisecond))
		}
		s.in.lock <- struct{}{}
		if err == nil && s.in.dead != nil {
			err = errDead
		}
		if err != nil {
			return err
		}
	}
	return nil
}
