package policy

import (
	"encoding/json"

	"farrier.dev/farrier/internal/traffic"
)

// ErrorBody is the envelope in which every client reads an error of the
// gateway: the public text and the correlation id that finds the record.
func ErrorBody(public, id string) []byte {
	text, err := json.Marshal(struct {
		Error string `json:"error"`
		ID    string `json:"correlationId"`
	}{public, id})
	if err != nil {
		return []byte(`{"error":"Internal error."}`)
	}
	return text
}

// Write makes the response of an answer, with errors as JSON. An engine that
// knows other forms of errors uses it for all the rest.
func (a Answer) Write(x *traffic.Exchange) {
	x.Response.Body.Release()
	x.Response.Status, x.Response.Local, x.Response.Streaming, x.Response.Drop = a.Status, true, false, a.Drop
	x.Response.Header.Reset()
	body := a.Body
	if a.Error != "" {
		body = ErrorBody(a.Error, x.ID)
		x.Response.Header.Set("content-type", "application/json")
	}
	// A name that stands twice has two values, as set-cookie in a cached answer.
	for _, f := range a.Header {
		x.Response.Header.Del(f.Name)
	}
	for _, f := range a.Header {
		x.Response.Header.Add(f.Name, f.Value)
	}
	x.Response.Body.Put(body)
}

// OwnError says that the response is the gateway's own error, because a step
// refused, no route matched or the service did not answer. What a step answered
// in the place of the service is none, as a kept answer.
func OwnError(x *traffic.Exchange) bool {
	if !x.Response.Local {
		return false
	}
	answered := false
	for i := range x.Decisions {
		switch x.Decisions[i].Action {
		case traffic.Refused, traffic.Failed:
			return true
		case traffic.Answered:
			answered = true
		default:
		}
	}
	return x.Upstream.Failed || !answered
}
