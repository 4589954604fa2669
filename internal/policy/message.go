package policy

import (
	"context"
	"fmt"

	"farrier.dev/farrier/internal/traffic"
)

// What one chain adds to the trail of one stream, however long it lasts. The
// verdict that ends the stream always finds room.
const (
	maxMessageDecisions = 32
	maxMessageFindings  = 32
	maxMessageNotes     = 32
)

// messageTrail counts what the messages of a stream left in the trail.
type messageTrail struct {
	listed, unlisted int
	// at is the place in the trail of the decision that tells how many are not
	// listed.
	at int
}

// Inspects says whether a step looks at the messages of the client, or at those
// of the service, on a stream with messages of this kind. It is to be asked when
// the request side has run.
func (r *Run) Inspects(fromClient bool, kind MessageKind) bool {
	if r.chain == nil || !r.chain.messages {
		return false
	}
	for i := range r.chain.links {
		if r.looks(i, fromClient, kind) {
			return true
		}
	}
	return false
}

// Demands says whether one of the steps of which Inspects speaks can't do
// without the messages.
func (r *Run) Demands(fromClient bool, kind MessageKind) bool {
	if r.chain == nil || !r.chain.messages {
		return false
	}
	for i := range r.chain.links {
		if r.looks(i, fromClient, kind) && !r.chain.links[i].Step.MessagesBestEffort {
			return true
		}
	}
	return false
}

// LeaveOut records for the steps of which Inspects speaks why the messages
// passed without them.
func (r *Run) LeaveOut(x *traffic.Exchange, fromClient bool, kind MessageKind, why string) {
	if r.chain == nil || !r.chain.messages {
		return
	}
	for i := range r.chain.links {
		if r.looks(i, fromClient, kind) {
			x.NotInspected = append(x.NotInspected, r.chain.links[i].Binding+": "+why)
		}
	}
}

// looks says whether the step of link i looks at the messages of a sender.
func (r *Run) looks(i int, fromClient bool, kind MessageKind) bool {
	s := &r.chain.links[i].Step
	if s.OnStream != InspectStream || r.ran&(1<<i) == 0 || s.EventsOnly && kind != EventMessage {
		return false
	}
	return s.Messages == BothSenders || (s.Messages == ClientOnly) == fromClient
}

// Message runs the message hooks up to the first that stops, those of the
// service's messages in reverse order, and returns its verdict. Verdicts that
// have something to say are added to the trail, and counted when it is full.
func (r *Run) Message(ctx context.Context, x *traffic.Exchange, m Message) Verdict {
	if r.chain == nil || !r.chain.messages {
		return Verdict{}
	}
	links := r.chain.links
	for n := range links {
		i := n
		if !m.FromClient {
			i = len(links) - 1 - n
		}
		if !r.looks(i, m.FromClient, m.Kind) {
			continue
		}
		if v := r.message(ctx, &links[i], x, m); v.Stops() {
			return v
		}
	}
	return Verdict{}
}

func (r *Run) message(ctx context.Context, l *Link, x *traffic.Exchange, m Message) Verdict {
	findings, notes := len(x.Findings), len(x.NotInspected)
	began := r.chain.rt.Now()
	v := r.chain.callMessage(ctx, l, x, m)
	if !v.Stops() {
		x.Findings = x.Findings[:min(len(x.Findings), max(findings, maxMessageFindings))]
	}
	if v.Action == traffic.Skipped {
		x.NotInspected = append(x.NotInspected, l.Binding+": "+v.Reason)
	}
	x.NotInspected = x.NotInspected[:min(len(x.NotInspected), max(notes, maxMessageNotes))]
	switch {
	case v.Action == 0:
	case v.Stops() || r.messages.listed < maxMessageDecisions:
		r.messages.listed++
		side := "request"
		if !m.FromClient {
			side = "response"
		}
		note(x, l, side, v, r.chain.rt.Now().Sub(began))
	default:
		r.messages.count(x)
	}
	return v
}

// count tells in one decision how many are not listed.
func (t *messageTrail) count(x *traffic.Exchange) {
	if t.unlisted == 0 {
		t.at = len(x.Decisions)
		x.Decisions = append(x.Decisions, traffic.Decision{Side: "request", Action: traffic.Continued})
	}
	t.unlisted++
	x.Decisions[t.at].Reason = fmt.Sprintf("%d further decisions on messages are not listed", t.unlisted)
}

// callMessage runs one hook; a panic is a refusal.
func (c *Chain) callMessage(ctx context.Context, l *Link, x *traffic.Exchange, m Message) (v Verdict) {
	defer c.recovered(l, &v)
	return checked(l.Step.Message(ctx, x, m))
}
