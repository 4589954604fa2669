package extproc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"

	"farrier.dev/farrier/internal/policy"
)

// Settings are what operators set.
type Settings struct {
	// URI is where the processor is: h2://host:port for gRPC in clear, https://host:port under TLS.
	URI string `json:"uri" required:"true" minLength:"1"`
	// MessageTimeout is how long the processor may take to answer one message, in milliseconds; the connecting counts with the first.
	MessageTimeout int64 `json:"messageTimeout" default:"1000" min:"1" max:"3600000"`
	// MaxMessageTimeout is the most that the processor may ask for in place of messageTimeout, in milliseconds, once for each message. 0 grants nothing.
	MaxMessageTimeout int64 `json:"maxMessageTimeout" default:"0" min:"0" max:"3600000"`
	// FailureModeAllow lets exchanges pass unprocessed when the processor can't be reached, breaks off, takes too long or answers what makes no sense. A processor that closes the stream in good order has no further wishes, and the rest passes. Otherwise they end with 500, or 504 when it took too long.
	FailureModeAllow bool `json:"failureModeAllow" default:"false"`
	// AllowModeOverride lets the processor say, when it answers headers, which further parts of the exchange it wants.
	AllowModeOverride bool `json:"allowModeOverride" default:"true"`
	// ObservabilityMode shows the processor everything and waits for nothing: its answers are not read. What finds no room is left out, which is recorded.
	ObservabilityMode bool `json:"observabilityMode" default:"false"`
	// RequestHeaderMode says whether the processor reads the headers of the request.
	RequestHeaderMode string `json:"requestHeaderMode" default:"send" enum:"send|skip"`
	// ResponseHeaderMode says whether the processor reads the headers of the response.
	ResponseHeaderMode string `json:"responseHeaderMode" default:"send" enum:"send|skip"`
	// RequestBodyMode says how the processor reads the body of the request: not at all, as a whole (buffered), its beginning when it is longer than bodyLimit (bufferedPartial), or in pieces of at most 64 KiB (streamed). In every mode but none the gateway holds the body before the first piece goes out, so that a streamed one has a bound too, and opens its Content-Encoding.
	RequestBodyMode string `json:"requestBodyMode" default:"none" enum:"none|streamed|buffered|bufferedPartial"`
	// ResponseBodyMode is the same for the body of the response.
	ResponseBodyMode string `json:"responseBodyMode" default:"none" enum:"none|streamed|buffered|bufferedPartial"`
	// RequestTrailerMode is accepted for the sake of existing manifests. Trailers pass the gateway and the processor never reads them.
	RequestTrailerMode string `json:"requestTrailerMode" default:"skip" enum:"skip|send"`
	// ResponseTrailerMode is the same for the trailers of the response.
	ResponseTrailerMode string `json:"responseTrailerMode" default:"skip" enum:"skip|send"`
	// BodyLimit is the size in bytes, Content-Encoding opened, of the longest body that the processor reads. A longer request is refused with 413, a longer response with 502, unless the mode is bufferedPartial.
	BodyLimit int64 `json:"bodyLimit" default:"1048576" min:"1" max:"16777216"`
	// OnStream says what becomes of WebSocket, gRPC and event streams when the processor is to read a body: they are refused, or pass without it (skip), which is recorded. Streams of which it reads only headers pass in either case.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// bodyMode is how the processor reads a body.
type bodyMode = modev3.ProcessingMode_BodySendMode

// The modes that this step has.
const (
	none     = modev3.ProcessingMode_NONE
	streamed = modev3.ProcessingMode_STREAMED
	buffered = modev3.ProcessingMode_BUFFERED
	partial  = modev3.ProcessingMode_BUFFERED_PARTIAL
)

// modes are what the processor reads of one exchange.
type modes struct {
	requestHeaders, responseHeaders bool
	requestBody, responseBody       bodyMode
}

// compiled are the settings, checked.
type compiled struct {
	Settings
	service                policy.Outside
	timeout, longest       time.Duration
	modes                  modes
	requestNeed, replyNeed policy.Need
}

func compile(raw json.RawMessage) (policy.Compiled, error) {
	c := &compiled{Settings: Settings{
		MessageTimeout: 1000, AllowModeOverride: true, RequestHeaderMode: "send", ResponseHeaderMode: "send",
		RequestBodyMode: "none", ResponseBodyMode: "none", BodyLimit: 1 << 20, OnStream: "refuse",
	}}
	if err := policy.Decode(raw, &c.Settings); err != nil {
		return nil, err
	}
	var err error
	if c.service, err = policy.ParseOutside(c.URI); err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	if c.service.Path != "" {
		return nil, errors.New("uri: a processor has no path; write the scheme, host and port alone")
	}
	c.timeout = time.Duration(c.MessageTimeout) * time.Millisecond
	c.longest = time.Duration(c.MaxMessageTimeout) * time.Millisecond
	if c.longest > 0 && c.longest < c.timeout {
		return nil, errors.New("maxMessageTimeout: it is below messageTimeout; raise it, or write 0 to grant nothing")
	}
	byName := map[string]bodyMode{"none": none, "streamed": streamed, "buffered": buffered, "bufferedPartial": partial}
	c.modes = modes{
		requestHeaders: c.RequestHeaderMode == "send", responseHeaders: c.ResponseHeaderMode == "send",
		requestBody: byName[c.RequestBodyMode], responseBody: byName[c.ResponseBodyMode],
	}
	if c.ObservabilityMode && slices.Contains([]bodyMode{c.modes.requestBody, c.modes.responseBody}, buffered) {
		return nil, errors.New("observabilityMode: a body is read as streamed or bufferedPartial then, because one that is too long must delay nothing")
	}
	c.requestNeed, c.replyNeed = c.need(c.modes.requestBody), c.need(c.modes.responseBody)
	return c, nil
}

// need is what a mode asks of the chain.
func (c *compiled) need(mode bodyMode) policy.Need {
	if mode == none {
		return policy.Need{}
	}
	return policy.Need{
		Mode: policy.Buffered, Limit: c.BodyLimit,
		Partial: mode == partial || c.ObservabilityMode, BestEffort: c.ObservabilityMode,
	}
}

func warn(raw json.RawMessage) []string {
	var s Settings
	if policy.Decode(raw, &s) != nil {
		return nil
	}
	var unwise []string
	if s.FailureModeAllow && !s.ObservabilityMode {
		unwise = append(unwise, "failureModeAllow lets every exchange pass unprocessed while the processor is down")
	}
	if o, err := policy.ParseOutside(s.URI); err == nil && o.Exposed() {
		unwise = append(unwise, "uri: the connection is not encrypted, so that whoever sits on it reads and changes what passes; write https://")
	}
	if s.RequestTrailerMode == "send" || s.ResponseTrailerMode == "send" {
		unwise = append(unwise, "the processor never reads trailers; leave requestTrailerMode and responseTrailerMode out")
	}
	if s.OnStream == "skip" {
		unwise = append(unwise, "onStream: skip lets streams pass without the processor, their opening request too")
	}
	return unwise
}
