package detect

import (
	"context"
	"fmt"
	"strconv"

	"farrier.dev/farrier/internal/detect/seclang"
	"farrier.dev/farrier/internal/traffic"
)

// maxResponse is the number of bytes of a response body that are judged.
const maxResponse = DefaultBodyLimit

// JudgeResponse looks at the response of the exchange for what should not leave
// a service: errors of databases and programs, keys, files of the server. Its
// body, if it is to be inspected, must be loaded.
func (e *Engine) JudgeResponse(ctx context.Context, x *traffic.Exchange) (v Verdict) {
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
	w.feedResponse(&x.Response)
	result := e.rules.responses.Run(&w.input, &w.meter)
	matches := append(w.matches(e.rules, result.Matches), leaks(&x.Response)...)
	v = e.verdict(x, w, matches)
	if result.Exhausted {
		v.Exhausted = "work"
	}
	e.exhausted(x, &v)
	return v
}

func (w *work) feedResponse(r *traffic.Response) {
	w.add(seclang.ResponseStatus, "", strconv.Itoa(r.Status), single)
	for f := range r.Header.All() {
		w.add(seclang.ResponseHeaders, f.Name, f.Value, single)
	}
	w.add(seclang.ResponseContentType, "", r.Header.Get("content-type"), single)
	if body := responseText(r); body != "" {
		w.add(seclang.ResponseBody, "", body, single)
	}
}

func responseText(r *traffic.Response) string {
	if !r.Body.Loaded() {
		return ""
	}
	body := r.Body.Bytes()
	return string(body[:min(len(body), maxResponse)])
}
