package detect

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/detect/seclang"
	"farrier.dev/farrier/internal/traffic"
)

// JudgeMessage looks at one message of a stream, as if it were the body of a
// request: what it is, its first bytes tell, unless it is a message of gRPC.
func (e *Engine) JudgeMessage(ctx context.Context, x *traffic.Exchange, grpc bool, data []byte) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			v = e.failed(fmt.Errorf("%w: panic of type %T", ErrFailed, p))
		}
	}()
	if err := ctx.Err(); err != nil {
		return e.failed(fmt.Errorf("judging: %w", err))
	}
	w := e.rules.pool.get(e.options.Budget)
	defer e.rules.pool.put(w)
	q := traffic.Request{Method: "POST"}
	if grpc {
		q.Header.Add("content-type", "application/grpc")
		data = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(data))), data...) //nolint:gosec // the gateway bounds messages
	}
	q.Body.SetSource(bytes.NewReader(data), int64(len(data)))
	if err := q.Body.Load(e.options.BodyLimit, nil, nil); err != nil {
		return e.failed(fmt.Errorf("judging: %w", err))
	}
	decode.Read(&q, &e.decoding, &w.tree)
	// Rules about the head of a request are content with this.
	w.add(seclang.RequestMethod, "", q.Method, single)
	w.add(seclang.RequestProtocol, "", "HTTP/1.1", single)
	w.add(seclang.RequestHeaders, "host", x.Request.Host, single)
	w.seal()
	for i := range w.tree.Leaves {
		if w.tree.Leaves[i].Source == decode.Header {
			continue // the one that says what the message is
		}
		w.feedLeaf(int32(i), &w.tree.Leaves[i]) //nolint:gosec // bounded by the tree
	}
	result := e.rules.requests.Run(&w.input, &w.meter)
	matches := append(w.matches(e.rules, result.Matches), w.complaints()...)
	e.weigh(w, matches, nil)
	v = e.verdict(x, w, matches)
	if result.Exhausted {
		v.Exhausted = "work"
	} else if w.tree.Exhausted != "" {
		v.Exhausted = w.tree.Exhausted
	}
	e.exhausted(x, &v)
	return v
}
