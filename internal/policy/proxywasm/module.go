package proxywasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// library holds the compiled modules of the process, each once, as long as a
// binding uses it.
type library struct {
	mu      sync.Mutex
	modules map[moduleKey]*module
}

// moduleKey tells compiled modules apart; the memory that a module may take is
// a part of how it is compiled.
type moduleKey struct {
	digest string
	pages  uint32
}

// module is a compiled module, ready to be instantiated.
type module struct {
	key      moduleKey
	users    int // guarded by the library
	once     sync.Once
	err      error
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

// take gives the compiled module; whoever took it gives it back.
func (l *library) take(key moduleKey, code []byte) (*module, error) {
	l.mu.Lock()
	m := l.modules[key]
	if m == nil {
		m = &module{key: key}
		l.modules[key] = m
	}
	m.users++
	l.mu.Unlock()
	m.once.Do(func() { m.err = m.load(context.Background(), code) })
	if m.err != nil {
		l.give(m)
		return nil, m.err
	}
	return m, nil
}

// give frees the module when its last user gives it back.
func (l *library) give(m *module) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.users--; m.users > 0 {
		return
	}
	delete(l.modules, m.key)
	if m.runtime != nil {
		_ = m.runtime.Close(context.Background())
	}
}

// load compiles a module and refuses what can't run here.
func (m *module) load(ctx context.Context, code []byte) error {
	if sum := sha256.Sum256(code); hex.EncodeToString(sum[:]) != m.key.digest {
		return errors.New("the module is not the one whose SHA-256 the settings name")
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCloseOnContextDone(true).WithMemoryLimitPages(m.key.pages))
	compiled, err := m.runtime.CompileModule(ctx, code)
	if err != nil {
		return fmt.Errorf("compiling the WebAssembly module: %w", err)
	}
	m.compiled = compiled
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return fmt.Errorf("preparing WASI: %w", err)
	}
	if err := checkImports(compiled, m.runtime.Module(wasi_snapshot_preview1.ModuleName)); err != nil {
		return err
	}
	if err := checkExports(compiled); err != nil {
		return err
	}
	builder := m.runtime.NewHostModuleBuilder("env")
	for _, c := range hostCalls() {
		builder.NewFunctionBuilder().WithGoModuleFunction(c.bind(), types(c.params), types("i")).Export(c.name)
	}
	if _, err := builder.Instantiate(ctx); err != nil {
		return fmt.Errorf("preparing host calls: %w", err)
	}
	return nil
}

// types reads a signature in which i is an i32 and I an i64.
func types(letters string) []api.ValueType {
	list := make([]api.ValueType, 0, len(letters))
	for _, letter := range letters {
		t := api.ValueTypeI32
		if letter == 'I' {
			t = api.ValueTypeI64
		}
		list = append(list, t)
	}
	return list
}

// letters is types the other way round.
func letters(list []api.ValueType) string {
	text := make([]byte, len(list))
	for i, t := range list {
		switch t {
		case api.ValueTypeI32:
			text[i] = 'i'
		case api.ValueTypeI64:
			text[i] = 'I'
		default:
			text[i] = '?'
		}
	}
	return string(text)
}

// checkImports refuses, by name, a host call that does not exist here.
func checkImports(compiled wazero.CompiledModule, wasi api.Module) error {
	if len(compiled.ImportedMemories()) > 0 {
		return errors.New("the module imports its memory; it must have its own")
	}
	known := make(map[string]string)
	for _, c := range hostCalls() {
		known[c.name] = c.params
	}
	wasiCalls := wasi.ExportedFunctionDefinitions()
	for _, f := range compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		switch from {
		case "env":
			params, ok := known[name]
			if !ok {
				return fmt.Errorf("the module imports %s.%s, a host call that is not implemented here", from, name)
			}
			if letters(f.ParamTypes()) != params || letters(f.ResultTypes()) != "i" {
				return fmt.Errorf("the module imports %s.%s with other parameters than the proxy-wasm ABI 0.2.1 has", from, name)
			}
		case wasi_snapshot_preview1.ModuleName:
			if wasiCalls[name] == nil {
				return fmt.Errorf("the module imports %s.%s, which is not implemented here", from, name)
			}
		default:
			return fmt.Errorf("the module imports %s.%s; only env and %s exist here", from, name, wasi_snapshot_preview1.ModuleName)
		}
	}
	return nil
}

// The exports by which a module is called.
const (
	onContextCreate    = "proxy_on_context_create"
	onVMStart          = "proxy_on_vm_start"
	onConfigure        = "proxy_on_configure"
	onTick             = "proxy_on_tick"
	onRequestHeaders   = "proxy_on_request_headers"
	onRequestBody      = "proxy_on_request_body"
	onResponseHeaders  = "proxy_on_response_headers"
	onResponseBody     = "proxy_on_response_body"
	onHTTPCallResponse = "proxy_on_http_call_response"
	onQueueReady       = "proxy_on_queue_ready"
	onDone             = "proxy_on_done"
	onLog              = "proxy_on_log"
	onDelete           = "proxy_on_delete"
	onMemoryAllocate   = "proxy_on_memory_allocate"
	malloc             = "malloc"
	initialize         = "_initialize"
	start              = "_start"
)

// callback is an export that the host calls.
type callback struct{ name, params, results, when string }

// callbacks are all exports that are called, with their signatures.
func callbacks() []callback {
	return []callback{
		{initialize, "", "", "once per instance, before all others; `_start` where there is none"},
		{start, "", "", "see `_initialize`"},
		{onMemoryAllocate, "i", "i", "for each value that a host call returns; `malloc` where there is none"},
		{malloc, "i", "i", "see `proxy_on_memory_allocate`"},
		{onContextCreate, "ii", "", "for the root context of an instance, and for each exchange"},
		{onVMStart, "ii", "i", "once per instance; there is no configuration of the VM"},
		{onConfigure, "ii", "i", "once per instance; when it answers 0 the revision is refused"},
		{onTick, "i", "", "every tick period that the module asked for, at least 10 ms apart"},
		{onRequestHeaders, "iii", "i", "for each request"},
		{onRequestBody, "iii", "i", "for each request with a body, once, with the whole decoded body"},
		{onResponseHeaders, "iii", "i", "for each response, also those of other policies and of the gateway"},
		{onResponseBody, "iii", "i", "for each response with a body, once, with the whole decoded body"},
		{onHTTPCallResponse, "iiiii", "", "when a service that the module called has answered; with 0 headers when it has not"},
		{onQueueReady, "ii", "", "when the same instance has put something into a queue"},
		{onDone, "i", "i", "at the end of an exchange; its answer is not waited for"},
		{onLog, "i", "", "after `proxy_on_done`"},
		{onDelete, "i", "", "after `proxy_on_log`"},
	}
}

// checkExports refuses a module that is not a proxy-wasm module of ABI 0.2.
func checkExports(compiled wazero.CompiledModule) error {
	exports := compiled.ExportedFunctions()
	if exports["proxy_abi_version_0_2_1"] == nil && exports["proxy_abi_version_0_2_0"] == nil {
		return errors.New("the module exports neither proxy_abi_version_0_2_1 nor proxy_abi_version_0_2_0; it must be built for the proxy-wasm ABI 0.2")
	}
	if compiled.ExportedMemories()["memory"] == nil {
		return errors.New("the module does not export its memory")
	}
	if exports[onMemoryAllocate] == nil && exports[malloc] == nil {
		return fmt.Errorf("the module exports neither %s nor %s", onMemoryAllocate, malloc)
	}
	if exports[onContextCreate] == nil {
		return fmt.Errorf("the module does not export %s", onContextCreate)
	}
	for _, c := range callbacks() {
		f := exports[c.name]
		if f != nil && (letters(f.ParamTypes()) != c.params || letters(f.ResultTypes()) != c.results) {
			return fmt.Errorf("the module exports %s with other parameters than the proxy-wasm ABI 0.2.1 has", c.name)
		}
	}
	return nil
}
