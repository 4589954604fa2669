package dataweavetransform

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// bodyScript is a script that makes bodies.
type bodyScript struct {
	script   *dataweave.Script
	response bool
	limit    int64
}

func compileBody(settings json.RawMessage) (policy.Compiled, error) {
	s := Settings{MaxBodySize: policy.PayloadLimit}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	script, err := compileScript(s.Script)
	if err != nil {
		return nil, err
	}
	return &bodyScript{script, s.RequestFlow == "onResponse", s.MaxBodySize}, nil
}

// Bind implements policy.Compiled.
func (b *bodyScript) Bind(env policy.Env) (policy.Step, error) {
	hook := func(_ context.Context, x *traffic.Exchange) policy.Verdict { return b.transform(x, &env) }
	need := policy.Need{Mode: policy.Buffered, Limit: b.limit}
	if b.response {
		return policy.Step{Response: hook, ResponseBody: need}, nil
	}
	return policy.Step{Request: hook, RequestBody: need}, nil
}

func (b *bodyScript) transform(x *traffic.Exchange, env *policy.Env) policy.Verdict {
	header, body := &x.Request.Header, &x.Request.Body
	if b.response {
		header, body = &x.Response.Header, &x.Response.Body
	}
	switch {
	case len(body.Bytes()) == 0:
		return policy.GoBecause("there is no body to transform")
	case b.response && ownError(x):
		return policy.GoBecause("an error of the gateway itself is not transformed")
	}
	s, err := newScope(b.script, x, b.response, true, env.Now)
	if err != nil {
		return failed("the payload can't be read: " + err.Error())
	}
	content, contentType, err := b.script.Write(s)
	if err != nil {
		return failed("the script failed: " + err.Error())
	}
	if err := body.Replace(content); err != nil {
		return failed("the body can't be replaced: " + err.Error())
	}
	// What tells of the old body is wrong of the new one.
	for _, name := range [...]string{"content-encoding", "content-md5", "digest", "content-digest", "repr-digest", "etag", "accept-ranges"} {
		header.Del(name)
	}
	header.Set("content-type", contentType)
	if header.Has("content-length") {
		header.Set("content-length", strconv.Itoa(len(content)))
	}
	return policy.Go()
}

// ownError says that the response is the gateway's own, because a step refused
// or the service did not answer. A kept answer of the service is none.
func ownError(x *traffic.Exchange) bool {
	return x.Response.Local && (x.Upstream.Failed || slices.ContainsFunc(x.Decisions, func(d traffic.Decision) bool {
		return d.Action == traffic.Refused || d.Action == traffic.Failed
	}))
}
