// Package policy is the contract between a gateway and the steps it runs on
// every exchange, and the chain that runs them in order. One folder below is
// one policy; policy/catalogue is the only list of them. The package knows no
// policy, no HTTP engine and no database.
package policy

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

// Phase is the question that a policy answers. It decides the order between
// standalone bindings of equal order, and nothing else.
type Phase uint8

// The phases in the order in which they run.
const (
	// Admit asks whether the exchange may come in at all (CORS, IP lists).
	Admit Phase = iota + 1
	// Identify asks who is calling.
	Identify
	// Authorise asks whether the caller may.
	Authorise
	// Meter asks how often.
	Meter
	// Inspect asks whether the content is hostile.
	Inspect
	// Shape changes or logs what passes.
	Shape
)

var phaseNames = [...]string{"", "admit", "identify", "authorise", "meter", "inspect", "shape"}

// String is the phase's name as it stands in tables and pages.
func (p Phase) String() string {
	if int(p) >= len(phaseNames) {
		return "invalid"
	}
	return phaseNames[p]
}

// Policy is one entry of the catalogue.
type Policy struct {
	// Name is the policyRef.name, as "rate-limiting-flex"; Title is what people
	// call it; Category is MuleSoft's word for its kind.
	Name, Title, Category string
	// Aliases are further names under which manifests know it, beyond those
	// that differ only in the ending -flex or -mule.
	Aliases []string
	Phase   Phase
	// Outbound policies bind to services, all others to APIs.
	Outbound bool
	// Structural policies (tls, route) shape the revision itself; they have
	// settings but never a step.
	Structural bool
	// Identifies says that a step of this policy establishes who calls.
	Identifies bool
	// First makes every binding run before all others (CORS).
	First bool
	// Describes says that the settings specFile, specArchive and specMain name a
	// description of the API: the files of specFile are read when a manifest is, and
	// put into the other two.
	Describes bool
	// Schema is the generated schema.json of the policy's folder.
	Schema []byte
	// Warn names what is valid but unwise in the settings; nil for nothing.
	Warn func(settings json.RawMessage) []string
	// Version identifies what Compile depends on besides the settings; nil when
	// that is nothing. When it changes, the next revision compiles anew.
	Version func() string
	// Figures are what operators may watch of all that was compiled; nil for
	// nothing. The names and their order never change.
	Figures func() []Figure
	// Compile turns valid settings, references resolved, into what steps are
	// bound from. It is called once for equal settings, however many bindings
	// share them, and must keep no state of its own.
	Compile func(settings json.RawMessage) (Compiled, error)
}

// Figure is one number to watch.
type Figure struct {
	// Name is that of a metric, in lower case with underscores; Help says what it
	// is, with its unit.
	Name, Help string
	Value      float64
}

// Compiled are the settings of a policy, checked and ready.
type Compiled interface {
	// Bind makes the step of one binding in one revision. State that must
	// survive a change of revision comes from env.State.
	Bind(env Env) (Step, error)
}

// Env is what a step may use of its surroundings.
type Env struct {
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
	// API and Binding are namespace/name.
	API, Binding string
	// Clients are the contracts on the API.
	Clients *Clients
	// HTTP makes the calls that a policy itself needs (key sets).
	HTTP *http.Client
	// Models are what was learned of the values of operations; nil when nobody
	// learns.
	Models Models
	// Capture keeps requests for dry runs; nil when that is off.
	Capture Capturer
	// State gives what make made before under this key for the same API, binding
	// and settings, also in an earlier revision, or makes it. What implements
	// io.Closer is closed some time after the last revision that used it.
	State func(key string, make func() any) any
	// Shared is what gateways count and keep together: a remote store where one
	// is configured, else Local. Local is this process alone. Durable outlives
	// the process, and is Local where there is no folder for it.
	Shared, Local, Durable sharedstate.Store
	// Tracing makes spans; nil when nobody collects them.
	Tracing trace.TracerProvider
	// Expand resolves one reference as in settings, $NAME.
	Expand func(string) (string, error)
	// Module gives the WebAssembly module with this hexadecimal SHA-256.
	Module func(digest string) ([]byte, bool)
	// Load reads the first limit bytes of a body, as the chain does for a step
	// that needs it; it is for steps that learn only while they run that they do.
	// The header is that of the same message; streams have no body to read.
	Load func(b *traffic.Body, h *traffic.Header, limit int64) error
}

// Mode says how a step meets a body.
type Mode uint8

// The modes.
const (
	// NoBody leaves the body a stream.
	NoBody Mode = iota
	// Buffered reads the body before the step runs.
	Buffered
	// Teed keeps a copy of the first part while the body streams on, for the
	// end hook; Body.Bytes shows it there.
	Teed
)

// Need says what a step needs of a body.
type Need struct {
	Mode Mode
	// Limit is in bytes of decoded content.
	Limit int64
	// Partial lets the step run on the first part of a longer body; otherwise a
	// longer body is refused with 413.
	Partial bool
	// BestEffort lets the exchange pass when the body can't be read, decoded or
	// held: the step is then left out on that side, which is recorded. It is for
	// steps that protect nothing, such as logging.
	BestEffort bool
	// When says of one exchange whether the step looks at this body; where it does
	// not, nothing is read and no stream refused, and the hook runs. Nil means
	// always.
	When func(x *traffic.Exchange) bool
}

// OnStream says what a step that needs a body does on a stream, whose body is
// never buffered: event streams, WebSocket, gRPC.
type OnStream uint8

// The choices on a stream.
const (
	// RefuseStream refuses the exchange. It is the default: closed.
	RefuseStream OnStream = iota
	// SkipStream lets the exchange pass without this step, which is recorded.
	SkipStream
	// InspectStream lets the stream open and judges its messages one by one, each
	// before it is sent on. The step must have a Message hook. Its Request and
	// Response hooks judge the opening, with a body that is not loaded. Control
	// frames of WebSocket, at most 125 bytes, are no messages.
	InspectStream
)

// MessageKind says what a message of a stream is.
type MessageKind uint8

// The kinds of messages.
const (
	// TextMessage and BinaryMessage are those of WebSocket (RFC 6455 §5.6).
	TextMessage MessageKind = iota + 1
	BinaryMessage
	// GRPCMessage is one message of a gRPC call, without its prefix.
	GRPCMessage
	// EventMessage is one event of an event stream as its lines came, without
	// the blank line that ends it.
	EventMessage
)

var messageKindNames = [...]string{"", "text", "binary", "gRPC", "event"}

// String is the kind as it stands in reasons.
func (k MessageKind) String() string {
	if int(k) >= len(messageKindNames) {
		return "invalid"
	}
	return messageKindNames[k]
}

// Message is one message of a stream.
type Message struct {
	// FromClient says that the client sent it, otherwise the service.
	FromClient bool
	Kind       MessageKind
	// Data is the message, decompressed. It is only lent: it must be neither
	// changed nor kept.
	Data []byte
	// Partial says that the message is longer than Data.
	Partial bool
}

// Senders says whose messages a step inspects.
type Senders uint8

// The choices of senders.
const (
	// BothSenders is the default.
	BothSenders Senders = iota
	// ClientOnly leaves out the messages of the service.
	ClientOnly
	// ServiceOnly leaves out the messages of the client.
	ServiceOnly
)

// Step is one bound policy. Nil hooks are left out. The hooks of one step run
// for many exchanges at once.
type Step struct {
	// Request decides on the way in.
	Request func(ctx context.Context, x *traffic.Exchange) Verdict
	// Response decides on the way out, in reverse order, also on early answers.
	Response func(ctx context.Context, x *traffic.Exchange) Verdict
	// End is always called once when Request ran, and alters nothing of what
	// the client sees.
	End func(x *traffic.Exchange)
	// Background moves End to the bounded pool that runs after the response;
	// when the pool is full it is left out and recorded as not inspected.
	Background bool

	RequestBody, ResponseBody Need
	OnStream                  OnStream

	// Message decides on each message of a stream when OnStream is InspectStream,
	// in the order of sending, never for two messages of one exchange at once. A
	// verdict that stops ends the stream: WebSocket is closed with 1008, a gRPC
	// call ends with PERMISSION_DENIED, an event stream breaks off. Request hooks
	// have run by then; whether Response has is not certain.
	Message func(ctx context.Context, x *traffic.Exchange, m Message) Verdict
	// Messages are whose messages the hook sees. What nobody inspects of a stream
	// passes as it comes.
	Messages Senders
	// EventsOnly leaves out the messages of WebSocket and gRPC.
	EventsOnly bool
	// MessagesBestEffort lets a stream pass whose messages can't be read, as those
	// of an encoding that hides them; that is recorded. It is for steps that
	// protect nothing, such as logging.
	MessagesBestEffort bool
}

// Answer is a response that a step gives instead of the service.
type Answer struct {
	// Status is the HTTP status code.
	Status int
	// Header are additional fields, names in lower case.
	Header []traffic.Field
	// Error is the text that the client reads in the error envelope. It never
	// holds inner errors. When empty, Body is sent as it is.
	Error string
	Body  []byte
	// Drop ends the connection without an answer; the rest is for the record.
	Drop bool
}

// Verdict is what a hook says: go on, or answer now. The zero value goes on.
type Verdict struct {
	// Action is 0 or Continued to go on; Answered, Refused or Failed to answer.
	Action traffic.Action
	Answer Answer
	// Reason is for the decision trail, one sentence without secrets.
	Reason string
}

// Stops says whether the verdict ends the chain.
func (v Verdict) Stops() bool {
	return v.Action == traffic.Answered || v.Action == traffic.Refused || v.Action == traffic.Failed
}

// Go lets the exchange go on.
func Go() Verdict { return Verdict{} }

// GoBecause lets the exchange go on and leaves a reason in the trail.
func GoBecause(reason string) Verdict { return Verdict{Action: traffic.Continued, Reason: reason} }

// Refuse says that the policy is violated: the client reads the public text,
// the operator the reason.
func Refuse(status int, public, reason string, header ...traffic.Field) Verdict {
	return Verdict{
		Action: traffic.Refused, Reason: reason,
		Answer: Answer{Status: status, Error: public, Header: header},
	}
}

// Fail says that the policy could not decide, and refuses for safety.
func Fail(status int, public, reason string) Verdict {
	return Verdict{Action: traffic.Failed, Reason: reason, Answer: Answer{Status: status, Error: public}}
}

// Reply answers without objecting.
func Reply(answer Answer, reason string) Verdict {
	return Verdict{Action: traffic.Answered, Answer: answer, Reason: reason}
}
