package detect

import (
	"bytes"
	"context"
	"fmt"

	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/traffic"
)

// JudgeMessage looks at one message of a stream, as if it were the body of a
// request: what it is, its first bytes tell. contentType may say it.
func (e *Engine) JudgeMessage(ctx context.Context, x *traffic.Exchange, contentType string, data []byte) (v Verdict) {
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
	if contentType != "" {
		q.Header.Add("content-type", contentType)
	}
	q.Body.SetSource(bytes.NewReader(data), int64(len(data)))
	if err := q.Body.Load(e.options.BodyLimit, nil, nil); err != nil {
		return e.failed(fmt.Errorf("judging: %w", err))
	}
	decode.Read(&q, &e.decoding, &w.tree)
	for i := range w.tree.Leaves {
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
