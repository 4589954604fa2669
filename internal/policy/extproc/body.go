package extproc

import (
	"errors"
	"net/http"

	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// side is one of the two messages of an exchange.
type side bool

// The sides.
const (
	requestSide  side = false
	responseSide side = true
)

// body shows the processor the body of one side in a mode.
func (c *conversation) body(mode bodyMode, have policy.Need, b *traffic.Body, h *traffic.Header, of side) outcome {
	if mode == none {
		return outcome{}
	}
	if streaming := c.x.Request.Streaming || of == responseSide && c.x.Response.Streaming; streaming {
		return c.unheld(of)
	}
	if b.Empty() {
		return outcome{}
	}
	if have.Mode == policy.NoBody || !b.Loaded() {
		if p := c.fetch(b, h, of); p != nil {
			return outcome{problem: p}
		}
	}
	if b.Empty() {
		return outcome{}
	}
	// Another step may have had more of the body read than this one wants.
	content, cut := b.Bytes(), b.Partial()
	if int64(len(content)) > c.BodyLimit {
		content, cut = content[:c.BodyLimit], true
	}
	if cut && mode != partial {
		return outcome{problem: tooLong(of)}
	}
	made, changed, o := c.pieces(mode, content, cut, of)
	switch {
	case o != (outcome{}) || !changed:
		return o
	case cut:
		return outcome{problem: failed("the processor replaced a body of which it has read only the beginning")}
	}
	return c.ended(b.Replace(made))
}

// unheld is the outcome when the processor asks, while the exchange runs, for
// the body of a stream.
func (c *conversation) unheld(of side) outcome {
	if c.OnStream == "skip" {
		c.x.NotInspected = append(c.x.NotInspected, "external processing: streams are not shown to the processor")
		return outcome{}
	}
	p := &problem{status: http.StatusForbidden, public: "Streaming is not allowed here.", reason: "the processor wants the body of a stream, which is never held", final: true}
	if of == responseSide {
		p.status, p.public = http.StatusBadGateway, "Bad gateway."
	}
	return outcome{problem: p}
}

func tooLong(of side) *problem {
	if of == responseSide {
		return &problem{status: http.StatusBadGateway, public: "Bad gateway.", reason: "the response is longer than bodyLimit", final: true}
	}
	return &problem{status: http.StatusRequestEntityTooLarge, public: "Request body too large.", reason: "the body is longer than bodyLimit", final: true}
}

// fetch reads a body that the processor asked for while the exchange runs.
func (c *conversation) fetch(b *traffic.Body, h *traffic.Header, of side) *problem {
	if c.load == nil {
		return failed("the processor wants a body that can't be read any more")
	}
	err := c.load(b, h, c.BodyLimit)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, traffic.ErrBudget):
		return &problem{status: http.StatusServiceUnavailable, public: "Service overloaded.", reason: err.Error(), final: true}
	case of == responseSide:
		return &problem{status: http.StatusBadGateway, public: "Bad gateway.", reason: "the response could not be read or decoded", final: true}
	case errors.Is(err, policy.ErrTooLarge):
		return tooLong(of)
	}
	return &problem{status: http.StatusBadRequest, public: "Request body could not be read.", reason: "the body could not be read or decoded", final: true}
}

// pieces sends content, in one piece or in several, and puts together what the
// processor makes of it.
func (c *conversation) pieces(mode bodyMode, content []byte, cut bool, of side) (made []byte, changed bool, o outcome) {
	size := len(content)
	if mode == streamed {
		size = min(piece, size)
	}
	for at := 0; at < len(content); at += size {
		part := content[at:min(at+size, len(content))]
		answer, err := c.ask(bodyMessage(of, part, at+size >= len(content) && !cut))
		if errors.Is(err, errDone) {
			return append(made, content[at:]...), changed, c.ended(err) // the rest passes as it is
		}
		if err != nil {
			return nil, false, c.ended(err)
		}
		if im := answer.GetImmediateResponse(); im != nil {
			return nil, false, c.immediate(im)
		}
		common, ok := bodyAnswer(answer, of)
		if !ok {
			return nil, false, outcome{problem: failed("the processor answered a body with something else")}
		}
		if mode != streamed {
			if err := c.change(common.GetHeaderMutation(), of); err != nil {
				return nil, false, c.ended(err)
			}
		}
		next, touched, err := mutated(part, common.GetBodyMutation())
		if err != nil {
			return nil, false, c.ended(err)
		}
		if made, changed = append(made, next...), changed || touched; int64(len(made)) > 2*c.BodyLimit+headroom {
			return nil, false, outcome{problem: failed("what the processor makes of the body is too long")}
		}
	}
	return made, changed, outcome{}
}

func bodyMessage(of side, part []byte, last bool) *procv3.ProcessingRequest {
	body := &procv3.HttpBody{Body: part, EndOfStream: last}
	if of == responseSide {
		return &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_ResponseBody{ResponseBody: body}}
	}
	return &procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestBody{RequestBody: body}}
}

func bodyAnswer(answer *procv3.ProcessingResponse, of side) (*procv3.CommonResponse, bool) {
	switch r := answer.GetResponse().(type) {
	case *procv3.ProcessingResponse_RequestBody:
		return r.RequestBody.GetResponse(), of == requestSide
	case *procv3.ProcessingResponse_ResponseBody:
		return r.ResponseBody.GetResponse(), of == responseSide
	}
	return nil, false
}

// mutated is a piece as the processor wants it, and whether it changed it.
func mutated(part []byte, m *procv3.BodyMutation) (next []byte, changed bool, err error) {
	switch m := m.GetMutation().(type) {
	case *procv3.BodyMutation_Body:
		return m.Body, true, nil
	case *procv3.BodyMutation_ClearBody:
		if m.ClearBody {
			return nil, true, nil
		}
	case *procv3.BodyMutation_StreamedResponse:
		return nil, false, failed("the processor answered in a mode that it was not asked in")
	}
	return part, false, nil
}

// replace puts the processor's body in the place of the whole, or nothing when
// it gives none; no body is shown to it any more on this side.
func (c *conversation) replace(b *traffic.Body, streaming bool, m *procv3.BodyMutation) error {
	if streaming {
		return failed("the processor replaced the body of a stream")
	}
	next, _, err := mutated(nil, m)
	if err != nil {
		return err
	}
	if b.Partial() {
		return failed("the processor replaced a body of which it has read only the beginning")
	}
	return b.Replace(next)
}
