package dataweavetransform

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// filterScript is a script that decides.
type filterScript struct {
	script  *dataweave.Script
	payload bool
}

func compileFilter(settings json.RawMessage) (policy.Compiled, error) {
	var s FilterSettings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	script, err := compileScript(s.Script)
	if err != nil {
		return nil, err
	}
	return &filterScript{script, s.RequiresPayload}, nil
}

// Bind implements policy.Compiled.
func (f *filterScript) Bind(env policy.Env) (policy.Step, error) {
	step := policy.Step{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict { return f.decide(x, &env) }}
	if f.payload {
		step.RequestBody = policy.Need{Mode: policy.Buffered, Limit: policy.PayloadLimit}
	}
	return step, nil
}

func (f *filterScript) decide(x *traffic.Exchange, env *policy.Env) policy.Verdict {
	s, err := newScope(f.script, x, false, f.payload, env.Now)
	if err != nil {
		return undecided("the payload can't be read: " + err.Error())
	}
	v, err := f.script.Eval(s)
	if err != nil {
		return undecided("the script failed: " + err.Error())
	}
	result, ok := v.AsObject()
	if !ok {
		return undecided("the script must give an Object with success, not one of type " + v.Kind().String())
	}
	decision, _ := result.Get("success")
	success, ok := decision.AsBool()
	if !ok {
		return undecided("success must be a Boolean, not of type " + decision.Kind().String())
	}
	if success {
		return policy.Go()
	}
	response, _ := result.Get("response")
	verdict, err := answer(response)
	if err != nil {
		return undecided("the script refuses, and its response can't be used: " + err.Error())
	}
	return verdict
}

// undecided refuses a request of which the script says nothing that counts.
func undecided(reason string) policy.Verdict {
	return policy.Refuse(http.StatusBadRequest, "The request could not be checked.", reason)
}

// answer is the refusal that a script words.
func answer(response dataweave.Value) (policy.Verdict, error) {
	const reason = "the script refuses the request"
	if response.IsNull() {
		return policy.Refuse(http.StatusBadRequest, "The request was refused.", reason), nil
	}
	o, ok := response.AsObject()
	if !ok {
		return policy.Verdict{}, errors.New("response must be an Object")
	}
	status := float64(http.StatusBadRequest)
	if code, ok := o.Get("statusCode"); ok && !code.IsNull() {
		status, ok = code.AsNumber()
		if !ok || status != math.Trunc(status) || status < http.StatusOK || status > 599 {
			return policy.Verdict{}, errors.New("statusCode must be a whole Number of 200 to 599")
		}
	}
	var fields []traffic.Field
	if headers, ok := o.Get("headers"); ok && !headers.IsNull() {
		var err error
		if fields, err = readFields(headers); err != nil {
			return policy.Verdict{}, err
		}
	}
	body, _ := o.Get("body")
	if body.IsNull() {
		return policy.Refuse(int(status), "The request was refused.", reason, fields...), nil
	}
	content, contentType, err := write(body)
	if err != nil {
		return policy.Verdict{}, err
	}
	if !slices.ContainsFunc(fields, func(f traffic.Field) bool { return f.Name == "content-type" }) {
		fields = append(fields, traffic.Field{Name: "content-type", Value: contentType})
	}
	return policy.Verdict{
		Action: traffic.Refused, Reason: reason,
		Answer: policy.Answer{Status: int(status), Header: fields, Body: content},
	}, nil
}

// write writes the body of an answer: text as it is, all else as JSON.
func write(body dataweave.Value) (content []byte, contentType string, err error) {
	if text, ok := body.AsString(); ok {
		return []byte(text), "text/plain; charset=utf-8", nil
	}
	content, err = body.JSON()
	return content, "application/json", err
}
