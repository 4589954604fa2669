package proxywasm_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	// The test modules are built with this SDK; their sources are for another
	// platform, so that only this keeps it in go.mod.
	_ "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/proxywasm"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

var build = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "guest.wasm")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s", "-o", file, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the guest: %w\n%s", err, out)
	}
	return os.ReadFile(file)
})

// guest is the module of testdata/guest, built with the SDK for Go.
func guest(t testing.TB) []byte {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("go is not in PATH")
		}
		t.Skip("go is not in PATH")
	}
	module, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func TestConversations(t *testing.T) {
	modules := map[string][]byte{"guest": guest(t), "tiny": tiny().wasm()}
	policytest.PlayModules(t, 5, modules, warm(t))
}

var shared struct {
	once   sync.Once
	policy policy.Policy
}

// warm is a policy that keeps the guest compiled, which takes two seconds.
func warm(t testing.TB) policy.Policy {
	module := guest(t)
	shared.once.Do(func() {
		shared.policy = proxywasm.Policy()
		if _, err := bindOpen(t, shared.policy, module, nil, time.Now); err != nil {
			t.Fatal(err)
		}
	})
	return shared.policy
}

func digest(module []byte) string {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:])
}

// bench is one binding of a module, as a gateway makes it.
type bench struct {
	t     testing.TB
	chain *policy.Chain
	rt    *policy.Runtime
	log   *safeBuffer
	state []any
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func bind(t testing.TB, p policy.Policy, module []byte, settings map[string]any) (*bench, error) {
	t.Helper()
	b, err := bindOpen(t, p, module, settings, time.Now)
	if err == nil {
		t.Cleanup(b.close)
	}
	return b, err
}

// bindOpen is bind without an end.
func bindOpen(t testing.TB, p policy.Policy, module []byte, settings map[string]any, now func() time.Time) (*bench, error) {
	t.Helper()
	if settings == nil {
		settings = map[string]any{}
	}
	settings["module"] = digest(module)
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := p.Compile(raw)
	if err != nil {
		return nil, err
	}
	b := &bench{t: t, log: new(safeBuffer)}
	memory := sharedstate.NewMemory(time.Now)
	step, err := compiled.Bind(policy.Env{
		Now: now, Log: slog.New(slog.NewTextHandler(b.log, nil)), API: "default/orders", Binding: "default/custom",
		HTTP: http.DefaultClient, Shared: memory, Local: memory, Durable: memory,
		Module: func(string) ([]byte, bool) { return module, true },
		State: func(_ string, make func() any) any {
			made := make()
			b.state = append(b.state, made)
			return made
		},
	})
	if err != nil {
		return nil, err
	}
	b.rt = &policy.Runtime{
		Now: time.Now, Render: func(x *traffic.Exchange, v policy.Verdict, _ bool) { v.Answer.Write(x) },
		Panicked: func(_ string, value any) { t.Errorf("panic: %v", value) },
	}
	b.chain, err = policy.NewChain(b.rt, []policy.Link{{Binding: "default/custom", Policy: p.Name, Step: step}})
	if err != nil {
		t.Fatal(err)
	}
	return b, nil
}

func (b *bench) close() {
	for _, s := range b.state {
		if err := s.(io.Closer).Close(); err != nil {
			b.t.Error(err)
		}
	}
	b.state = nil
}

// run sends one request and gives the verdict of the request side.
func (b *bench) run(do string, more ...traffic.Field) (policy.Verdict, *traffic.Exchange) {
	x := exchange(do, more...)
	run := b.chain.Begin()
	v := run.Request(context.Background(), x)
	if v.Stops() {
		run.Render(x, v)
	} else {
		x.Response.Status = 200
		x.Response.Body.SetSource(strings.NewReader("ok"), 2)
	}
	if late := run.Response(context.Background(), x); late.Stops() {
		v = late
	}
	run.End(x, false)
	return v, x
}

func exchange(do string, more ...traffic.Field) *traffic.Exchange {
	x := &traffic.Exchange{ID: "01J", Received: time.Now(), API: "default/orders", BasePath: "/orders", SubPath: "/1"}
	x.Request.Method, x.Request.Path, x.Request.Host, x.Request.Scheme = "GET", "/orders/1", "api.test", "http"
	if do != "" {
		x.Request.Header.Add("x-do", do)
	}
	for _, f := range more {
		x.Request.Header.Add(f.Name, f.Value)
	}
	return x
}

// TestStopped holds that a module that misbehaves is stopped, that the exchange
// is refused, and that the next one is served by a fresh instance.
func TestStopped(t *testing.T) {
	module := guest(t)
	cases := []struct{ name, do, reason string }{
		{"trap", "trap", "the module trapped"},
		{"endless loop", "loop", "computed longer than 100ms and was stopped"},
		{"allocation of 1 GB", "alloc", "the module trapped"},
		{"pause without end", "pause", "nothing is on its way that could resume it"},
		{"trap on the way out", "late-trap", "the module trapped"},
	}
	p := warm(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // a loop must not need a second processor to be stopped
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, err := bind(t, p, module, nil)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			v, x := b.run(c.do)
			took := time.Since(began)
			if v.Action != traffic.Failed || v.Answer.Status != http.StatusServiceUnavailable || !strings.Contains(v.Reason, c.reason) {
				t.Errorf("verdict %+v, want failed with %q", v, c.reason)
			}
			if body := string(x.Response.Body.Bytes()); strings.Contains(body, "trap") || !strings.Contains(body, "Service unavailable.") {
				t.Errorf("the client reads %s", body)
			}
			t.Logf("stopped after %v: %s", took, v.Reason)
			if took > 5*time.Second {
				t.Errorf("stopping it took %v", took)
			}
			if v, x := b.run(""); v.Stops() || x.Request.Header.Get("x-guest") != "{}" {
				t.Errorf("the next exchange: %+v", v)
			}
		})
	}
	t.Logf("stopped %d modules", len(cases))
}

// TestReplaced holds that a flood of requests that trap is refused without
// making instances without end.
func TestReplaced(t *testing.T) {
	stopped := time.Now()
	b, err := bindOpen(t, warm(t), guest(t), nil, func() time.Time { return stopped })
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	refused, bounded := 0, 0
	for range 60 {
		v, _ := b.run("trap")
		if v.Action == traffic.Failed {
			refused++
		}
		if strings.Contains(v.Reason, "had to be replaced in one second") {
			bounded++
		}
	}
	t.Logf("%d refused, %d of them without an instance", refused, bounded)
	if refused != 60 || bounded == 0 {
		t.Errorf("%d of 60 refused, %d bounded", refused, bounded)
	}
}

// TestConcurrent holds that exchanges at once keep apart, also when one of them
// breaks an instance.
func TestConcurrent(t *testing.T) {
	b, err := bind(t, warm(t), guest(t), map[string]any{"instances": 2})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			name := fmt.Sprint(i)
			v, x := b.run("", traffic.Field{Name: "x-me", Value: name}, traffic.Field{Name: "x-secret", Value: name})
			if v.Stops() || x.Request.Header.Has("x-secret") || x.Request.Header.Get("x-me") != name {
				t.Errorf("exchange %s: %+v", name, v)
			}
		})
	}
	group.Wait()
}

// TestTick holds that a paused exchange is resumed by a tick.
func TestTick(t *testing.T) {
	b, err := bind(t, warm(t), guest(t), map[string]any{"configuration": map[string]any{"tick": true}})
	if err != nil {
		t.Fatal(err)
	}
	v, x := b.run("tick")
	if v.Stops() || x.Request.Header.Get("x-ticked") != "yes" {
		t.Errorf("%+v, x-ticked %q", v, x.Request.Header.Get("x-ticked"))
	}
}

// TestRefused holds what is refused when a module is loaded, and how it is told.
func TestRefused(t *testing.T) {
	with := func(change func(a *assembly)) []byte {
		a := tiny()
		change(&a)
		return a.wasm()
	}
	cases := []struct {
		name   string
		module []byte
		want   string
	}{
		{"unknown import", with(func(a *assembly) {
			a.imports = append(a.imports, imported{"env", "proxy_read_mind", signature{"i", "i"}})
		}), "the module imports env.proxy_read_mind, a host call that is not implemented here"},
		{"unknown WASI", with(func(a *assembly) {
			a.imports = append(a.imports, imported{"wasi_snapshot_preview1", "launch", signature{"i", "i"}})
		}), "imports wasi_snapshot_preview1.launch, which is not implemented"},
		{"other world", with(func(a *assembly) {
			a.imports = append(a.imports, imported{"http_handler", "get", signature{"i", "i"}})
		}), "only env and wasi_snapshot_preview1 exist here"},
		{"import of another shape", with(func(a *assembly) {
			a.imports[0].signature, a.funcs[3].code = signature{"iiiii", ""}, number(0)
		}), "imports env.proxy_add_header_map_value with other parameters"},
		{"export of another shape", with(func(a *assembly) {
			a.funcs[2].signature = signature{"i", ""}
		}), "exports proxy_on_context_create with other parameters"},
		{"old ABI", with(func(a *assembly) {
			a.funcs[0].export = "proxy_abi_version_0_1_0"
		}), "it must be built for the proxy-wasm ABI 0.2"},
		{"no allocator", with(func(a *assembly) {
			a.funcs[1].export = "other"
		}), "exports neither proxy_on_memory_allocate nor malloc"},
		{"too much memory", with(func(a *assembly) {
			a.pages = 100
		}), "memory"},
		{"no module", []byte("\x00asm"), "compiling the WebAssembly module"},
		{"broken", tiny().wasm()[:100], "compiling the WebAssembly module"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := bind(t, proxywasm.Policy(), c.module, map[string]any{"memoryMegabytes": 4})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	t.Logf("refused %d modules", len(cases))
}

// TestModulesAreShared holds that bindings of one module compile it once.
func TestModulesAreShared(t *testing.T) {
	p, module := proxywasm.Policy(), guest(t)
	began := time.Now()
	first, err := bind(t, p, module, nil)
	if err != nil {
		t.Fatal(err)
	}
	one := time.Since(began)
	began = time.Now()
	second, err := bind(t, p, module, map[string]any{"configuration": map[string]any{"a": 1}})
	if err != nil {
		t.Fatal(err)
	}
	two := time.Since(began)
	t.Logf("the first binding of %d bytes took %v, the second %v", len(module), one, two)
	first.close()
	if v, x := second.run(""); v.Stops() || x.Request.Header.Get("x-guest") != `{"a":1}` {
		t.Errorf("after the first was closed: %+v", v)
	}
	if v, _ := first.run(""); v.Action != traffic.Failed || !strings.Contains(v.Reason, "has been taken away") {
		t.Errorf("a closed binding: %+v", v)
	}
}

// TestExamples holds that the module in the examples is tiny.
func TestExamples(t *testing.T) {
	want := "base64://" + base64.StdEncoding.EncodeToString(tiny().wasm())
	files := []string{"kinds/extension.yaml", "policies/proxy-wasm.yaml"}
	for _, name := range files {
		file := filepath.Join("..", "..", "..", "examples", name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s does not hold the module %s", file, want)
		}
	}
	t.Logf("looked at %d examples of a module of %d bytes", len(files), len(tiny().wasm()))
}

func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		name   string
		module []byte
	}{{"tiny", tiny().wasm()}, {"guest", guest(b)}} {
		b.Run(c.name, func(b *testing.B) {
			bound, err := bind(b, proxywasm.Policy(), c.module, map[string]any{"bodies": "none"})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if v, _ := bound.run(""); v.Stops() {
					b.Fatal(v.Reason)
				}
			}
		})
	}
}
