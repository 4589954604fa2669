package messagelogging

import (
	"strings"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// scope is what the expressions of one section read.
type scope struct {
	policy.Scope
	api string
	// replied is the time of the response (RFC 3339), empty before there is one.
	replied string
}

// vars are the variables of logging expressions. Those that only a cloud
// control plane knows (orgId, envId and their like) are null.
type vars scope

// Keys implements dataweave.Object.
func (*vars) Keys() []string {
	return []string{
		"apiId", "apiInstanceName", "apiName", "method", "receivedTs", "remoteAddress", "repliedTs",
		"reqId", "request", "requestPath", "violation",
	}
}

// Len implements dataweave.Object.
func (v *vars) Len() int { return len(v.Keys()) }

// Get implements dataweave.Object.
func (v *vars) Get(key string) (dataweave.Value, bool) {
	x := v.Exchange
	switch key {
	case "apiId":
		return text(v.api)
	case "apiName", "apiInstanceName":
		return text(v.api[strings.LastIndexByte(v.api, '/')+1:])
	case "method":
		return text(x.Request.Method)
	case "receivedTs":
		return text(x.Received.UTC().Format(time.RFC3339Nano))
	case "repliedTs":
		return text(v.replied)
	case "remoteAddress":
		return text(x.Request.Remote.String())
	case "reqId":
		return text(x.ID)
	case "requestPath":
		return text(x.Request.Path)
	case "request":
		return v.request(), true
	case "violation":
		return v.violation()
	}
	return dataweave.Null(), false
}

func text(s string) (dataweave.Value, bool) {
	if s == "" {
		return dataweave.Null(), false
	}
	return dataweave.String(s), true
}

// request is the attributes of the request, also on the way out, where
// `attributes` are those of the response.
func (v *vars) request() dataweave.Value {
	request, _ := (&policy.Scope{Exchange: v.Exchange}).Lookup("attributes")
	return request
}

// violation is the step that refused the exchange, null when none did.
func (v *vars) violation() (dataweave.Value, bool) {
	for _, d := range v.Exchange.Decisions {
		var kind string
		switch d.Action {
		case traffic.Refused:
			kind = "VIOLATION"
		case traffic.Failed:
			kind = "ERROR"
		default:
			continue
		}
		return dataweave.NewObject(map[string]dataweave.Value{
			"policyName":    dataweave.String(d.Policy),
			"violationType": dataweave.String(kind),
			"clientId":      dataweave.String(v.Exchange.Auth.ClientID),
			"clientName":    dataweave.String(v.Exchange.Auth.ClientName),
		}), true
	}
	return dataweave.Null(), false
}
