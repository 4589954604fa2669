// Package proxywasm is the policy proxy-wasm: custom policies compiled to
// WebAssembly for the proxy-wasm ABI 0.2, as MuleSoft's PDK makes them. It hosts
// modules and caps their time, memory and output; it compiles none from source,
// reads no file and gives a module no network but the services named to it.
package proxywasm

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"farrier.dev/farrier/internal/policy"
)

//go:generate go run ../schemagen .
//go:generate go test -run TestDocumentation -update .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue. A manifest binds it under the name of
// an Extension that has an implementation.
func Policy() policy.Policy {
	library := &library{modules: make(map[moduleKey]*module)}
	return policy.Policy{
		Name: "proxy-wasm", Title: "Custom Policy (WebAssembly)", Category: "Custom",
		Phase: policy.Inspect, Schema: schema,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, library) },
	}
}

// Settings are what operators set, made by the builder of revisions from an
// Extension and the config of its binding.
type Settings struct {
	// Module is the hexadecimal SHA-256 of the WebAssembly module, which the revision carries.
	Module string `json:"module" required:"true" minLength:"64"`
	// Name is what the module reads as plugin_name; the Extension's name.
	Name string `json:"name" default:""`
	// RootID is the context of the module that is created; what the Extension gives as rootId.
	RootID string `json:"rootId" default:"main"`
	// Configuration is given to the module as the text of its configuration; the binding's config.
	Configuration json.RawMessage `json:"configuration" default:"{}"`
	// Services are the URLs that the module may call; the values of the properties of format service.
	Services []string `json:"services" default:"[]"`
	// Bodies says which bodies the module reads; the others stream past it. Bodies longer than maxBodyBytes are refused, and so are streams where bodies are read.
	Bodies string `json:"bodies" default:"all" enum:"all|request|response|none"`
	// TimeoutMilliseconds is how long one call of the module may compute; then it is stopped and the exchange refused. Waiting for a service does not count.
	TimeoutMilliseconds int `json:"timeoutMilliseconds" default:"100" min:"1" max:"10000"`
	// PauseMilliseconds is how long an exchange may rest until the module resumes it, all of its calls to services included.
	PauseMilliseconds int `json:"pauseMilliseconds" default:"10000" min:"1" max:"60000"`
	// MemoryMegabytes is the memory that one instance of the module may take.
	MemoryMegabytes int `json:"memoryMegabytes" default:"64" min:"1" max:"1024"`
	// MaxBodyBytes is the length of the longest body that the module reads, writes, sends or receives.
	MaxBodyBytes int64 `json:"maxBodyBytes" default:"1048576" min:"0" max:"67108864"`
	// Instances is how many instances of the module run at most for one binding. Each serves one call at a time; when all are busy exchanges share them.
	Instances int `json:"instances" default:"4" min:"1" max:"64"`
}

// options are checked settings.
type options struct {
	Settings
	config   []byte
	services []*url.URL
	limit    time.Duration
	pause    time.Duration
	pages    uint32
}

const pagesPerMegabyte = 16

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

type compiled struct {
	options
	library *library
}

func compile(settings json.RawMessage, l *library) (policy.Compiled, error) {
	o := options{Settings: Settings{
		RootID: "main", Bodies: "all", TimeoutMilliseconds: 100, PauseMilliseconds: 10_000,
		MemoryMegabytes: 64, MaxBodyBytes: 1 << 20, Instances: 4,
	}}
	if err := policy.Decode(settings, &o.Settings); err != nil {
		return nil, err
	}
	if !hexDigest.MatchString(o.Module) {
		return nil, errors.New("module: must be the SHA-256 of a module in 64 lower-case hexadecimal digits; bind the Extension by its name instead")
	}
	for i, text := range o.Services {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("services[%d]: must be an http or https URL without credentials", i)
		}
		o.services = append(o.services, u)
	}
	o.config = []byte("{}")
	if len(o.Configuration) > 0 {
		var text bytes.Buffer
		if err := json.Compact(&text, o.Configuration); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		o.config = text.Bytes()
	}
	o.limit = time.Duration(o.TimeoutMilliseconds) * time.Millisecond
	o.pause = time.Duration(o.PauseMilliseconds) * time.Millisecond
	o.pages = uint32(o.MemoryMegabytes * pagesPerMegabyte) //nolint:gosec // at most 1024 megabytes
	return &compiled{options: o, library: l}, nil
}

// Bind implements policy.Compiled. The module is compiled and configured here,
// so that one that can't run refuses the revision.
func (c *compiled) Bind(env policy.Env) (policy.Step, error) {
	if env.Module == nil {
		return policy.Step{}, errors.New("modules of WebAssembly can't be run here")
	}
	code, ok := env.Module(c.Module)
	if !ok {
		return policy.Step{}, fmt.Errorf("the revision has no module %.12s…; bind the Extension by its name", c.Module)
	}
	p := env.State("proxy-wasm", func() any { return newPlugin(&c.options, c.library, env) }).(*plugin)
	if err := p.open(code); err != nil {
		return policy.Step{}, err
	}
	s := &hooks{plugin: p}
	step := policy.Step{Request: s.request, End: s.end}
	exports := p.module.compiled.ExportedFunctions()
	has := func(name string) bool { return exports[name] != nil }
	body := policy.Need{Mode: policy.Buffered, Limit: c.MaxBodyBytes}
	if has(onRequestBody) && (c.Bodies == "all" || c.Bodies == "request") {
		step.RequestBody, s.bodies[request] = body, true
	}
	if has(onResponseHeaders) || has(onResponseBody) {
		step.Response = s.response
		if has(onResponseBody) && (c.Bodies == "all" || c.Bodies == "response") {
			step.ResponseBody, s.bodies[response] = body, true
		}
	}
	return step, nil
}
