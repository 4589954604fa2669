package proxywasm

import (
	"context"
	"math"

	"github.com/tetratelabs/wazero/api"

	"farrier.dev/farrier/internal/policy"
)

// status is the answer of a host call, as the ABI numbers them.
type status uint32

const (
	ok                  status = 0
	notFound            status = 1
	badArgument         status = 2
	invalidMemoryAccess status = 6
	empty               status = 7
	casMismatch         status = 8
	internalFailure     status = 10
)

// hostCall is a function that modules import from env. Its signature is written
// as in types; all return a status.
type hostCall struct {
	name, params string
	// does is for the documentation; without a run the call is there so that
	// modules which never use it can be loaded, and answers fixed.
	does  string
	fixed status
	run   func(a args) status
}

// hostCalls are all host calls that exist here.
func hostCalls() []hostCall {
	return []hostCall{
		{name: "proxy_log", params: "iii", does: "writes to the log of the gateway: 32 lines of at most 1 KiB per call of the module", run: proxyLog},
		{name: "proxy_get_log_level", params: "i", does: "the level of the log", run: getLogLevel},
		{name: "proxy_get_current_time_nanoseconds", params: "i", does: "the time since 1970", run: getTime},
		{name: "proxy_set_tick_period_milliseconds", params: "i", does: "calls `proxy_on_tick` so often, at most every 10 ms; 0 ends it", run: setTickPeriod},
		{name: "proxy_get_header_map_pairs", params: "iii", does: "all fields of a request, a response or the answer to a call", run: getPairs},
		{name: "proxy_set_header_map_pairs", params: "iii", does: "replaces all fields of a request or response", run: setPairs},
		{name: "proxy_get_header_map_value", params: "iiiii", does: "one field; several of a name are joined by commas", run: getValue},
		{name: "proxy_add_header_map_value", params: "iiiii", does: "adds a field", run: addValue},
		{name: "proxy_replace_header_map_value", params: "iiiii", does: "sets a field; also `:method`, `:path` (below the base path), `:authority`, `:status`", run: replaceValue},
		{name: "proxy_remove_header_map_value", params: "iii", does: "removes a field", run: removeValue},
		{name: "proxy_get_header_map_size", params: "ii", does: "the bytes of all fields", run: getMapSize},
		{name: "proxy_get_buffer_bytes", params: "iiiii", does: "a part of a body (decoded), of the answer to a call or of the configuration", run: getBuffer},
		{name: "proxy_set_buffer_bytes", params: "iiiii", does: "replaces a part of a body, while it is shown", run: setBuffer},
		{name: "proxy_get_buffer_status", params: "iii", does: "the length of a buffer", run: bufferStatus},
		{name: "proxy_get_property", params: "iiii", does: "a property, see below", run: getProperty},
		{name: "proxy_set_property", params: "iiii", does: "keeps a value under a path until the exchange ends, for all custom policies on it", run: setProperty},
		{name: "proxy_send_local_response", params: "iiiiiiii", does: "answers the client; from 400 on that is a refusal", run: sendLocalResponse},
		{name: "proxy_continue_stream", params: "i", does: "resumes a paused request or response", run: continueStream},
		{name: "proxy_close_stream", params: "i", does: "refuses the exchange with 403", run: closeStream},
		{name: "proxy_http_call", params: "iiiiiiiiii", does: "calls a service that the configuration names, see below", run: proxyHTTPCall},
		{name: "proxy_get_shared_data", params: "iiiii", does: "a value that the instances of a binding share", run: getSharedData},
		{name: "proxy_set_shared_data", params: "iiiii", does: "sets one, if it is unchanged: 10,000 keys, 8 MiB in all", run: setSharedData},
		{name: "proxy_register_shared_queue", params: "iii", does: "makes a queue of the binding", run: registerQueue},
		{name: "proxy_resolve_shared_queue", params: "iiiii", does: "finds a queue of the binding", run: resolveQueue},
		{name: "proxy_enqueue_shared_queue", params: "iii", does: "puts in; counts as shared data", run: enqueue},
		{name: "proxy_dequeue_shared_queue", params: "iii", does: "takes out", run: dequeue},
		{name: "proxy_define_metric", params: "iiii", does: "makes a metric that the instances of a binding share; it is not published", run: defineMetric},
		{name: "proxy_increment_metric", params: "iI", does: "adds to a metric", run: incrementMetric},
		{name: "proxy_record_metric", params: "iI", does: "sets a metric", run: recordMetric},
		{name: "proxy_get_metric", params: "ii", does: "the value of a metric", run: getMetric},
		{name: "proxy_set_effective_context", params: "i", does: "makes the next host calls speak of this context", run: setEffectiveContext},
		{name: "proxy_done", params: "", does: "does nothing: contexts end without waiting", run: func(args) status { return ok }},
		{name: "proxy_call_foreign_function", params: "iiiiii", fixed: notFound},
		{name: "proxy_grpc_call", params: "iiiiiiiiiiii", fixed: internalFailure},
		{name: "proxy_grpc_stream", params: "iiiiiiiii", fixed: internalFailure},
		{name: "proxy_grpc_send", params: "iiii", fixed: notFound},
		{name: "proxy_grpc_cancel", params: "i", fixed: notFound},
		{name: "proxy_grpc_close", params: "i", fixed: notFound},
		{name: "proxy_get_status", params: "iii", fixed: notFound},
	}
}

// bind makes the function that wazero calls.
func (c hostCall) bind() api.GoModuleFunc {
	run := c.run
	if run == nil {
		fixed := c.fixed
		run = func(args) status { return fixed }
	}
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		in := ctx.Value(instanceKey{}).(*instance)
		if in.mod == nil {
			in.mod = mod // a start function calls before the instance is known
		}
		stack[0] = uint64(run(args{ctx, in, stack}))
	}
}

// args are the parameters of one host call.
type args struct {
	ctx   context.Context //nolint:containedctx // handed on to the module's own allocator
	in    *instance
	stack []uint64
}

func (a args) u32(i int) uint32 { return uint32(a.stack[i]) } //nolint:gosec // an i32

// bytes is the memory at a pointer and length. It is only lent.
func (a args) bytes(i int) ([]byte, bool) { return a.in.mod.Memory().Read(a.u32(i), a.u32(i+1)) }

// two are two such ranges that follow each other.
func (a args) two(i int) (first, second []byte, good bool) {
	first, good = a.bytes(i)
	if !good {
		return nil, nil, false
	}
	second, good = a.bytes(i + 2)
	return first, second, good
}

// put writes a number where a parameter points to.
func (a args) put(i int, v uint32) bool { return a.in.mod.Memory().WriteUint32Le(a.u32(i), v) }

// give hands a value to the module: its address and length are written where
// two parameters point to.
func (a args) give(i int, value []byte) status {
	pointer := uint32(0)
	if len(value) > 0 {
		if len(value) > math.MaxInt32 {
			return internalFailure
		}
		stack := [1]uint64{uint64(len(value))}
		if err := a.in.alloc.CallWithStack(a.ctx, stack[:]); err != nil {
			panic(err) // the module is broken: the call that led here must end too
		}
		if pointer = uint32(stack[0]); pointer == 0 { //nolint:gosec // an i32
			return internalFailure
		}
		if !a.in.mod.Memory().Write(pointer, value) {
			return invalidMemoryAccess
		}
	}
	if !a.put(i, pointer) || !a.put(i+1, uint32(len(value))) { //nolint:gosec // checked above
		return invalidMemoryAccess
	}
	return ok
}

func getTime(a args) status {
	if !a.in.mod.Memory().WriteUint64Le(a.u32(0), uint64(a.in.plugin.now().UnixNano())) { //nolint:gosec // after 1970
		return invalidMemoryAccess
	}
	return ok
}

func setEffectiveContext(a args) status {
	if a.u32(0) == rootID {
		a.in.current = a.in.root
		return ok
	}
	s := a.in.sessions[a.u32(0)]
	if s == nil {
		return badArgument
	}
	a.in.current = s
	return ok
}

func continueStream(a args) status {
	s := a.in.current
	if s.x == nil || a.u32(0) > uint32(response) {
		return badArgument
	}
	if a.u32(0) == uint32(s.side) {
		s.resumed = true
	}
	return ok
}

func closeStream(a args) status {
	if a.in.current.x == nil || a.u32(0) > uint32(response) {
		return badArgument
	}
	a.in.current.closed = true
	return ok
}

// sendLocalResponse takes an answer; the details of the status and the status
// of gRPC are not used.
func sendLocalResponse(a args) status {
	s := a.in.current
	if s.x == nil || s.side == over {
		return badArgument
	}
	code := a.u32(0)
	if code < 200 || code > 599 {
		return badArgument
	}
	body, pairs, good := a.two(3)
	if !good {
		return invalidMemoryAccess
	}
	fields, good := decodePairs(pairs)
	if !good || int64(len(body)) > a.in.plugin.MaxBodyBytes {
		return badArgument
	}
	answer := policy.Answer{Status: int(code), Body: append([]byte(nil), body...)}
	for _, f := range fields {
		if f.Name == "" || f.Name[0] == ':' || framing(f.Name) {
			continue
		}
		if !valid(f) {
			return badArgument
		}
		answer.Header = append(answer.Header, f)
	}
	if !within(answer.Header) {
		return badArgument
	}
	s.local = &answer
	return ok
}
