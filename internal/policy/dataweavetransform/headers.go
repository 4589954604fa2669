package dataweavetransform

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

const (
	// maxFields and maxHeader bound what a script may make of headers: their
	// number, and the bytes of their names and values.
	maxFields = 100
	maxHeader = 16 << 10
)

// headersScript is a script that makes headers.
type headersScript struct {
	script            *dataweave.Script
	response, payload bool
}

func compileHeaders(settings json.RawMessage) (policy.Compiled, error) {
	var s HeadersSettings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	script, err := compileScript(s.Script)
	if err != nil {
		return nil, err
	}
	return &headersScript{script, s.RequestFlow == "onResponse", s.RequiresPayload}, nil
}

// Bind implements policy.Compiled.
func (h *headersScript) Bind(env policy.Env) (policy.Step, error) {
	hook := func(_ context.Context, x *traffic.Exchange) policy.Verdict { return h.transform(x, &env) }
	var need policy.Need
	if h.payload {
		need = policy.Need{Mode: policy.Buffered, Limit: policy.PayloadLimit}
	}
	if h.response {
		return policy.Step{Response: hook, ResponseBody: need}, nil
	}
	return policy.Step{Request: hook, RequestBody: need}, nil
}

func (h *headersScript) transform(x *traffic.Exchange, env *policy.Env) policy.Verdict {
	s, err := newScope(h.script, x, h.response, h.payload, env.Now)
	if err != nil {
		return failed("the payload can't be read: " + err.Error())
	}
	v, err := h.script.Eval(s)
	if err != nil {
		return failed("the script failed: " + err.Error())
	}
	fields, err := readFields(v)
	if err != nil {
		return failed("the script gives no headers: " + err.Error())
	}
	header := &x.Request.Header
	if h.response {
		header = &x.Response.Header
	}
	header.DelFunc(func(f traffic.Field) bool { return !frames(f.Name) })
	for _, f := range fields {
		header.Add(f.Name, f.Value)
	}
	return policy.Go()
}

// frames says whether a header tells how the message is carried, which a script
// does not change.
func frames(name string) bool {
	framing := [...]string{
		"connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
		"transfer-encoding", "upgrade",
	}
	return slices.Contains(framing[:], name) || strings.HasPrefix(name, "sec-websocket-")
}

// readFields reads an Object of headers; those that frame the message are left
// out.
func readFields(v dataweave.Value) ([]traffic.Field, error) {
	if v.Kind() != dataweave.KindObject {
		return nil, errors.New("the result must be an Object, not of type " + v.Kind().String())
	}
	var fields []traffic.Field
	bytes := 0
	add := func(name string, v dataweave.Value) error {
		if v.IsNull() {
			return nil
		}
		value, err := v.Text()
		switch {
		case err != nil:
			return errors.New("the value of a header must be text or a list of text")
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return errors.New("a name or a value is not one of a header")
		}
		name = traffic.LowerName(name)
		bytes += len(name) + len(value)
		if len(fields) == maxFields || bytes > maxHeader {
			return errors.New("more than 100 headers, or more than 16 KiB of them")
		}
		if !frames(name) {
			fields = append(fields, traffic.Field{Name: name, Value: value})
		}
		return nil
	}
	for _, e := range v.Entries() {
		list, ok := e.Value.AsArray()
		if !ok {
			if err := add(e.Key, e.Value); err != nil {
				return nil, err
			}
			continue
		}
		for i := range list.Len() {
			if err := add(e.Key, list.At(i)); err != nil {
				return nil, err
			}
		}
	}
	return fields, nil
}
