package messagelogging

import (
	"os"
	"runtime/debug"
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
	// outbound says that a service is logged.
	outbound bool
	host     *where
	// event is that of an event stream which is logged, nil for a message.
	event *event
}

// where names the program that writes the lines.
type where struct{ name, version string }

// host is asked when a step is bound.
func host() *where {
	w := &where{}
	w.name, _ = os.Hostname()
	if info, ok := debug.ReadBuildInfo(); ok {
		w.version = info.Main.Version
	}
	return w
}

// Lookup implements dataweave.Env: of an event, payload is its data.
func (s *scope) Lookup(root string) (dataweave.Value, bool) {
	if root == "payload" && s.event != nil {
		return s.event.payload(), true
	}
	return s.Scope.Lookup(root)
}

// vars are the variables of logging expressions. Those that only a cloud
// control plane knows (orgId, envId and their like) are null.
type vars scope

// Keys implements dataweave.Object.
func (*vars) Keys() []string {
	return []string{
		"apiId", "apiInstanceName", "apiName", "apiVersion", "event", "hostId", "method", "receivedTs", "remoteAddress", "repliedTs",
		"reqId", "request", "requestDisposition", "requestPath", "runtimeVersion", "upstream", "violation",
	}
}

// Len implements dataweave.Object.
func (v *vars) Len() int { return len(v.Keys()) }

// Get implements dataweave.Object.
func (v *vars) Get(key string) (dataweave.Value, bool) {
	x, api := v.Exchange, v.api
	if v.outbound {
		api = x.API // a service may serve many
	}
	switch key {
	case "apiId":
		return text(api)
	case "apiVersion":
		return text(x.APILabels["version"])
	case "hostId":
		return text(v.host.name)
	case "runtimeVersion":
		return text(v.host.version)
	case "requestDisposition":
		return v.disposition()
	case "upstream":
		return v.upstream()
	case "event":
		return v.event.value()
	case "apiName", "apiInstanceName":
		return text(api[strings.LastIndexByte(api, '/')+1:])
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

// disposition says whether the request was let through; null before that is
// known.
func (v *vars) disposition() (dataweave.Value, bool) {
	if !v.Response {
		return dataweave.Null(), false
	}
	if _, refused := v.violation(); refused {
		return dataweave.String("blocked"), true
	}
	return dataweave.String("processed"), true
}

// upstream is the call to the service; statusCode and headers are those of its
// answer.
func (v *vars) upstream() (dataweave.Value, bool) {
	if !v.outbound {
		return dataweave.Null(), false
	}
	values := map[string]dataweave.Value{"uri": dataweave.String(v.Exchange.Upstream.URI)}
	if v.Response && !v.Exchange.Response.Local {
		answer, _ := (&policy.Scope{Exchange: v.Exchange, Response: true}).Lookup("attributes")
		attributes, _ := answer.AsObject()
		values["statusCode"], _ = attributes.Get("statusCode")
		values["headers"], _ = attributes.Get("headers")
	}
	return dataweave.NewObject(values), true
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
