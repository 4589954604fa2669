//go:build wasip1

// Command guest is a custom policy for the tests, built with an SDK of others.
// What it does, the header x-do of a request says.
package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	config string
	queue  uint32
	metric proxywasm.MetricCounter
	seen   int
	asleep []uint32
}

func (p *plugin) OnPluginStart(size int) types.OnPluginStartStatus {
	config, err := proxywasm.GetPluginConfiguration()
	if err != nil && err != types.ErrorStatusNotFound {
		return types.OnPluginStartStatusFailed
	}
	p.config = string(config)
	p.metric = proxywasm.DefineCounterMetric("requests")
	p.queue, _ = proxywasm.RegisterSharedQueue("work")
	if strings.Contains(p.config, `"tick"`) {
		if err := proxywasm.SetTickPeriodMilliSeconds(10); err != nil {
			return types.OnPluginStartStatusFailed
		}
	}
	return types.OnPluginStartStatus(!strings.Contains(p.config, `"refuse"`))
}

func (p *plugin) OnTick() {
	for _, id := range p.asleep {
		if proxywasm.SetEffectiveContext(id) == nil {
			_ = proxywasm.AddHttpRequestHeader("x-ticked", "yes")
			_ = proxywasm.ResumeHttpRequest()
		}
	}
	p.asleep = nil
}

func (p *plugin) OnQueueReady(uint32) { p.seen++ }

func (p *plugin) NewHttpContext(id uint32) types.HttpContext { return &exchange{plugin: p, id: id} }

type exchange struct {
	types.DefaultHttpContext
	plugin *plugin
	id     uint32
	do     string
	body   int
}

var kept [][]byte

func (e *exchange) OnHttpRequestHeaders(count int, last bool) types.Action {
	e.do, _ = proxywasm.GetHttpRequestHeader("x-do")
	e.plugin.metric.Increment(1)
	switch e.do {
	case "":
		_ = proxywasm.ReplaceHttpRequestHeader("x-guest", e.plugin.config)
		_ = proxywasm.AddHttpRequestHeader("x-count", strconv.Itoa(count))
		_ = proxywasm.AddHttpRequestHeader("x-last", strconv.FormatBool(last))
		_ = proxywasm.RemoveHttpRequestHeader("x-secret")
	case "403":
		_ = proxywasm.SendHttpResponse(403, [][2]string{{"x-why", "told"}, {"content-type", "text/plain"}}, []byte("not you"), -1)
		return types.ActionPause
	case "only":
		panicOn(proxywasm.ReplaceHttpRequestHeaders)
	case "trap":
		panic("the guest panics")
	case "loop":
		for i := 0; ; i++ {
			if i == -1 {
				break
			}
		}
	case "alloc":
		b := make([]byte, 1<<30)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	case "pause":
		return types.ActionPause
	case "tick":
		e.plugin.asleep = append(e.plugin.asleep, e.id)
		return types.ActionPause
	case "call", "call-elsewhere":
		return e.call()
	case "shared":
		e.shared()
	case "properties":
		e.properties()
	case "limits":
		e.limits()
	case "path":
		_ = proxywasm.ReplaceHttpRequestHeader(":path", "/changed?by=guest")
		_ = proxywasm.ReplaceHttpRequestHeader(":method", "PUT")
	case "log":
		proxywasm.LogWarn("a line\nof the guest")
		fmt.Println("printed at", time.Now().Year())
	case "hold":
		return types.ActionPause // until the body
	}
	return types.ActionContinue
}

func panicOn(set func([][2]string) error) {
	if err := set([][2]string{{":method", "GET"}, {"x-only", "this"}}); err != nil {
		panic(err)
	}
}

func (e *exchange) call() types.Action {
	authority, _ := proxywasm.GetHttpRequestHeader("x-host")
	headers := [][2]string{{":method", "POST"}, {":path", "/check?q=1"}, {":authority", authority}, {"x-from", "guest"}}
	_, err := proxywasm.DispatchHttpCall("some-cluster", headers, []byte("question"), nil, 2000, func(count, size, _ int) {
		body, _ := proxywasm.GetHttpCallResponseBody(0, size)
		body = []byte(strings.TrimSpace(string(body)))
		status := "none"
		fields, _ := proxywasm.GetHttpCallResponseHeaders()
		for _, f := range fields {
			if f[0] == ":status" {
				status = f[1]
			}
		}
		_ = proxywasm.AddHttpRequestHeader("x-called", strings.TrimSpace(fmt.Sprintf("%d %s %s", min(count, 1), status, body)))
		if string(body) == "no" {
			_ = proxywasm.SendHttpResponse(401, nil, []byte("the service says no"), -1)
			return
		}
		_ = proxywasm.ResumeHttpRequest()
	})
	if err != nil {
		_ = proxywasm.SendHttpResponse(500, nil, []byte("call: "+err.Error()), -1)
	}
	return types.ActionPause
}

func (e *exchange) shared() {
	value, cas, err := proxywasm.GetSharedData("n")
	if err != nil && err != types.ErrorStatusNotFound {
		panic(err)
	}
	n, _ := strconv.Atoi(string(value))
	if err := proxywasm.SetSharedData("n", []byte(strconv.Itoa(n+1)), cas); err != nil {
		panic(err)
	}
	mismatch := proxywasm.SetSharedData("n", nil, cas+7)
	_ = proxywasm.EnqueueSharedQueue(e.plugin.queue, []byte("job"))
	job, _ := proxywasm.DequeueSharedQueue(e.plugin.queue)
	_, empty := proxywasm.DequeueSharedQueue(e.plugin.queue)
	_, foreign := proxywasm.CallForeignFunction("compress", nil)
	text := fmt.Sprintf("n=%d mismatch=%v job=%s empty=%v foreign=%v", n+1, mismatch, job, empty, foreign)
	_ = proxywasm.ReplaceHttpRequestHeader("x-shared", text)
}

func (e *exchange) properties() {
	var b strings.Builder
	for _, path := range []string{
		"request.path", "request.method", "request.host", "request.headers.x-do", "source.address", "plugin_name",
		"plugin_root_id", "route_name", "no.such", "mine",
	} {
		value, err := proxywasm.GetProperty(strings.Split(path, "."))
		fmt.Fprintf(&b, "%s=%s %v\n", path, value, err)
		_ = proxywasm.SetProperty([]string{"mine"}, []byte("set"))
	}
	_ = proxywasm.SendHttpResponse(200, nil, []byte(b.String()), -1)
}

func (e *exchange) limits() {
	text := fmt.Sprintf("newline=%v huge=%v below=%v body=%v status=%v fixed=%v",
		proxywasm.AddHttpRequestHeader("x-bad", "a\r\nb"),
		proxywasm.AddHttpRequestHeader("x-huge", strings.Repeat("a", 70_000)),
		proxywasm.ReplaceHttpRequestHeader(":path", "/../etc"),
		proxywasm.ReplaceHttpRequestBody([]byte("too early")),
		proxywasm.SendHttpResponse(99, nil, nil, -1),
		proxywasm.AddHttpResponseHeader("x-early", "1"))
	_ = proxywasm.SendHttpResponse(200, nil, []byte(text), -1)
}

func (e *exchange) OnHttpRequestBody(size int, last bool) types.Action {
	body, err := proxywasm.GetHttpRequestBody(0, size)
	switch {
	case err != nil:
		panic(err)
	case e.do == "hold":
		_ = proxywasm.AddHttpRequestHeader("x-body", fmt.Sprint(len(body), last))
	case e.do == "body":
		_ = proxywasm.ReplaceHttpRequestBody([]byte(strings.ToUpper(string(body))))
		_ = proxywasm.AppendHttpRequestBody([]byte("!"))
		_ = proxywasm.PrependHttpRequestBody([]byte(">"))
	case e.do == "long":
		_ = proxywasm.AddHttpRequestHeader("x-long", fmt.Sprint(proxywasm.ReplaceHttpRequestBody(make([]byte, 2<<20))))
	}
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseHeaders(int, bool) types.Action {
	switch e.do {
	case "":
		_ = proxywasm.AddHttpResponseHeader("x-seen", "yes")
		_ = proxywasm.RemoveHttpResponseHeader("server")
	case "status":
		_ = proxywasm.ReplaceHttpResponseHeader(":status", "202")
	case "late-trap":
		panic("late")
	case "hide":
		_ = proxywasm.SendHttpResponse(502, nil, []byte("hidden"), -1)
	}
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseBody(size int, _ bool) types.Action {
	if e.do == "body" {
		body, _ := proxywasm.GetHttpResponseBody(0, size)
		_ = proxywasm.ReplaceHttpResponseBody([]byte("[" + string(body) + "]"))
	}
	return types.ActionContinue
}
