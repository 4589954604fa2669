// Package headerinjection is the policy header-injection-flex: it adds headers
// to requests on their way to the service and to responses on their way to the
// client. Values may be DataWeave expressions.
package headerinjection

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "header-injection-flex", Title: "Header Injection", Category: "Transformation",
		Phase: policy.Shape, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set.
type Settings struct {
	// InboundHeaders are added to the request before the service sees it.
	InboundHeaders []Header `json:"inboundHeaders" default:"[]"`
	// OutboundHeaders are added to the response before the client sees it.
	OutboundHeaders []Header `json:"outboundHeaders" default:"[]"`
}

// Header is one header to add.
type Header struct {
	// Key is the header's name, as text or as an expression.
	Key string `json:"key" required:"true" minLength:"1" expr:"true"`
	// Value is the header's value, as text or as an expression.
	Value string `json:"value" required:"true" expr:"true"`
}

// overwritten are the headers of which a message may have only one.
var overwritten = [...]string{"access-control-allow-origin", "content-type", "content-length", "transfer-encoding"}

type injector struct {
	inbound, outbound []injection
}

type injection struct {
	key, value *dataweave.Expression
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if len(s.InboundHeaders)+len(s.OutboundHeaders) == 0 {
		return nil, errors.New("inboundHeaders and outboundHeaders are both empty; give at least one header")
	}
	in, err := compileHeaders("inboundHeaders", s.InboundHeaders)
	if err != nil {
		return nil, err
	}
	out, err := compileHeaders("outboundHeaders", s.OutboundHeaders)
	if err != nil {
		return nil, err
	}
	return &injector{inbound: in, outbound: out}, nil
}

func compileHeaders(setting string, headers []Header) ([]injection, error) {
	var compiled []injection
	for i, h := range headers {
		key, err := dataweave.Compile(h.Key)
		if err != nil {
			return nil, fmt.Errorf("%s[%d].key: %w", setting, i, err)
		}
		if name, ok := key.Literal(); ok && !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("%s[%d].key: %q is not a header name", setting, i, name)
		}
		value, err := dataweave.Compile(h.Value)
		if err != nil {
			return nil, fmt.Errorf("%s[%d].value: %w", setting, i, err)
		}
		compiled = append(compiled, injection{key, value})
	}
	return compiled, nil
}

// Bind implements policy.Compiled.
func (in *injector) Bind(policy.Env) (policy.Step, error) {
	var step policy.Step
	if len(in.inbound) > 0 {
		step.Request = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			return inject(in.inbound, x, false)
		}
		step.RequestBody = need(in.inbound)
	}
	if len(in.outbound) > 0 {
		step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			return inject(in.outbound, x, true)
		}
		step.ResponseBody = need(in.outbound)
	}
	return step, nil
}

func need(injections []injection) policy.Need {
	for _, one := range injections {
		if n := policy.PayloadNeed(one.key, one.value); n.Mode != policy.NoBody {
			return n
		}
	}
	return policy.Need{}
}

func inject(injections []injection, x *traffic.Exchange, response bool) policy.Verdict {
	header := &x.Request.Header
	if response {
		header = &x.Response.Header
	}
	for _, one := range injections {
		name, err := policy.EvalText(one.key, x, response)
		if err != nil {
			return failed(err)
		}
		value, err := policy.EvalText(one.value, x, response)
		if err != nil {
			return failed(err)
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return failed(errors.New("the expression gave no valid header"))
		}
		name = strings.ToLower(name)
		if slices.Contains(overwritten[:], name) {
			header.Set(name, value)
		} else {
			header.Add(name, value)
		}
	}
	return policy.Go()
}

func failed(err error) policy.Verdict {
	return policy.Fail(http.StatusInternalServerError, "Internal error.", "a header could not be injected: "+err.Error())
}
