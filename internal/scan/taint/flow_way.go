package taint

import "farrier.dev/farrier/internal/mule"

// way is the way of data in the order it took, with the calls of flows on it.
func (r *run) way(s *Sink, a argument, source *Source, last *Way) []Step {
	var back []Step
	for w := last; w != nil; w = w.From {
		back = append(back, Step{w.At, w.Message})
	}
	steps := make([]Step, 0, len(back)+len(r.stack)+2)
	steps = append(steps, Step{source.At, source.What + " " + comesFrom(source.Label)})
	for i := len(back) - 1; i >= 0; i-- {
		steps = append(steps, back[i])
	}
	steps = r.withCalls(steps)
	return append(steps, Step{a.at, "is put into " + s.called(a)})
}

// withCalls puts the calls that are being made where they belong: behind the last
// step in the flow that makes them.
func (r *run) withCalls(steps []Step) []Step {
	at := 0
	for i := 1; i < len(r.stack); i++ {
		c := r.stack[i]
		if c.at == nil {
			continue
		}
		caller := r.stack[i-1].flow
		for k := len(steps) - 1; k >= at; k-- {
			if steps[k].At.Flow == caller {
				at = k + 1
				break
			}
		}
		step := Step{r.placeIn(c, caller), "goes to " + title(c.flow)}
		at = min(at, len(steps))
		steps = append(steps[:at:at], append([]Step{step}, steps[at:]...)...)
		at++
	}
	return steps
}

func (r *run) placeIn(c call, caller *mule.Flow) Place {
	p := r.place(c.at)
	p.Flow = caller
	return p
}

func title(f *mule.Flow) string {
	if f.Element != nil && f.Element.Name.Local == "sub-flow" {
		return "the sub-flow " + f.Name
	}
	return "the flow " + f.Name
}

// called names the argument of a sink.
func (s *Sink) called(a argument) string {
	switch {
	case s.Function != "":
		return s.Function
	case s.Argument == "response":
		return "the response"
	case s.Argument == "log":
		return "the log"
	case isOutcome(s.Argument):
		return "the response headers"
	case a.at.Element == nil:
		return s.Argument
	case s.Argument == "." || s.Argument == "":
		return name(a.at.Element)
	}
	return s.Argument + " of " + name(a.at.Element)
}

// comesFrom says in words what a label means.
func comesFrom(l Label) string {
	switch {
	case l&Client != 0:
		return "comes from a client"
	case l&Agent != 0:
		return "comes from an agent"
	case l&Queue != 0:
		return "comes from a queue"
	case l&Mail != 0:
		return "comes from a mail"
	case l&File != 0:
		return "comes from a file"
	case l&Remote != 0:
		return "comes from another service"
	case l&Database != 0:
		return "comes from a database"
	case l&Error != 0:
		return "is the text of an error"
	case l&Secret != 0:
		return "is a secret"
	case l&Personal != 0:
		return "is personal data"
	case l&Random != 0:
		return "is a number that can be guessed"
	}
	return "comes in as a whole"
}
