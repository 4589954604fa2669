package router

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

// world is what the bindings of a reuse test stand in; each test changes one
// thing of it between two revisions.
type world struct {
	*bench
	values   map[string]string
	version  string
	shared   sharedstate.Store
	provider trace.TracerProvider
	rev      *revision.Revision
}

// bound is a policy whose steps remember all of their surroundings, as steps do
// that use one of them late.
type bound struct{ b *bench }

func (c bound) Bind(env policy.Env) (policy.Step, error) {
	c.b.binds = append(c.b.binds, bindingState{api: env.API, binding: env.Binding})
	if strings.HasSuffix(env.API, "module") {
		if _, ok := env.Module("d1"); !ok {
			return policy.Step{}, errors.New("the module is gone")
		}
	}
	return policy.Step{Request: func(context.Context, *traffic.Exchange) policy.Verdict {
		_, err := env.Expand("$LATE")
		return policy.GoBecause(env.API + " " + errors.Join(err).Error())
	}}, nil
}

const anySettings = `{"type": "object", "additionalProperties": false, "properties": {"key": {"type": "string"}}}`

// newWorld has four APIs: /plain without anything special, /secret with a
// reference in settings, /client with one in a contract, and /module with a
// module; /versioned has a policy with a version. /other leads to another
// service than the rest, one with a policy of its own.
func newWorld(t *testing.T) *world {
	w := &world{
		bench: newBench(t), values: map[string]string{"$KEY": "one", "$CLIENT": "one"}, version: "1",
		shared: sharedstate.NewMemory(time.Now), provider: noop.NewTracerProvider(),
	}
	compile := func(json.RawMessage) (policy.Compiled, error) { return bound{w.bench}, nil }
	catalogue, err := policy.NewCatalogue([]policy.Policy{
		{Name: "bound", Phase: policy.Shape, Schema: []byte(anySettings), Compile: compile},
		{Name: "versioned", Phase: policy.Shape, Schema: []byte(anySettings), Compile: compile, Version: func() string { return w.version }},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.o = Options{
		Catalogue: catalogue, Now: time.Now, Log: slog.New(slog.DiscardHandler), Runtime: &policy.Runtime{Now: time.Now},
		Local: sharedstate.NewMemory(time.Now), HTTP: PolicyClient(nil),
		Shared:  func(revision.SharedStorage) (sharedstate.Store, error) { return w.shared, nil },
		Tracing: func(revision.Tracing) (trace.TracerProvider, error) { return w.provider, nil },
		Expand: func(text string) (string, error) {
			if !strings.HasPrefix(text, "$") {
				return text, nil
			}
			value, ok := w.values[text]
			if !ok {
				return "", errors.New("environment variable " + text[1:] + " is not set")
			}
			return value, nil
		},
	}
	w.rev = w.revision()
	return w
}

// revision is always the same in new memory.
func (w *world) revision() *revision.Revision {
	bind := func(a revision.API, policy, settings string) revision.API {
		a.Policies = []revision.Binding{{Name: name(a.Name.Name), Policy: policy, Settings: json.RawMessage(settings)}}
		return a
	}
	client := bind(api("/client"), "bound", `{}`)
	client.Clients = []revision.Client{{ID: "a", Secret: "$CLIENT"}}
	other := bind(api("/other", revision.Route{Targets: []revision.Target{{Service: name("other")}}}), "bound", `{}`)
	r := rev(
		bind(api("/plain"), "bound", `{}`), bind(api("/secret"), "bound", `{"key": "$KEY"}`), client,
		bind(api("/module"), "bound", `{}`), bind(api("/versioned"), "versioned", `{}`), other,
	)
	r.Services = append(r.Services, revision.Service{Name: name("other"), Address: "http://other", Policies: []revision.Binding{
		{Name: name("outbound"), Policy: "bound", Settings: json.RawMessage(`{}`)},
	}})
	r.Modules = map[string][]byte{"d1": []byte("module")}
	r.Settings.SharedStorage.Address, r.Settings.Tracing.Address = "redis:6379", "http://collector"
	return r
}

// rebound are the APIs and services whose policies were bound since the last call.
func (w *world) rebound() []string {
	var names []string
	for _, b := range w.binds {
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(b.api, "default/"), "api-"))
	}
	w.binds = nil
	slices.Sort(names)
	return names
}

var everything = []string{"client", "module", "other", "other", "plain", "secret", "versioned"}

// TestWhatIsCompiledAgain changes one thing between two revisions.
func TestWhatIsCompiledAgain(t *testing.T) {
	cases := []struct {
		what   string
		change func(w *world)
		want   []string
	}{
		{"nothing", func(*world) {}, nil},
		{"where it is written", func(w *world) { w.rev.APIs[0].Source.Line, w.rev.APIs[1].Policies[0].Source.File = 7, "b.yaml" }, nil},
		{"settings", func(w *world) { w.rev.APIs[0].Policies[0].Settings = json.RawMessage(`{"key": "a"}`) }, []string{"plain"}},
		{"the rules of a binding", func(w *world) { w.rev.APIs[0].Policies[0].Rules = []revision.Rule{{Path: "/a"}} }, []string{"plain"}},
		{"the name of a binding", func(w *world) { w.rev.APIs[0].Policies[0].Name = name("b") }, []string{"plain"}},
		{"a label", func(w *world) { w.rev.APIs[0].Labels = map[string]string{"layer": "system"} }, []string{"plain"}},
		{"a route", func(w *world) { w.rev.APIs[0].Routes[0].Targets[0].DestinationPath = "/v2" }, []string{"plain"}},
		{"a contract", func(w *world) { w.rev.APIs[2].Clients[0].State = "REVOKED" }, []string{"client"}},
		{"a reference in settings", func(w *world) { w.values["$KEY"] = "two" }, []string{"secret"}},
		{"a reference in a contract", func(w *world) { w.values["$CLIENT"] = "two" }, []string{"client"}},
		{"a reference that nobody has", func(w *world) { w.values["$NOBODY"] = "two" }, nil},
		{"the version of a policy", func(w *world) { w.version = "2" }, []string{"versioned"}},
		{"an address", func(w *world) { w.rev.Services[1].Address = "http://elsewhere" }, []string{"other", "other"}},
		{"an outbound policy", func(w *world) { w.rev.Services[1].Policies[0].Settings = json.RawMessage(`{"key": "a"}`) }, []string{"other", "other"}},
		{"the shared store", func(w *world) { w.shared = sharedstate.NewMemory(time.Now) }, everything},
		{"the use of a shared store", func(w *world) { w.rev.Settings.SharedStorage.Address = "" }, everything},
		{"the collector of spans", func(w *world) { w.rev.Settings.Tracing.Address = "" }, everything},
		{"the tracer", func(w *world) { w.provider = &tracers{} }, everything},
		{"what can't be compared", func(w *world) { w.provider = incomparable{} }, everything},
		{"timeouts", func(w *world) { w.rev.Settings.Timeouts.UpstreamResponseSeconds = 1 }, everything},
		{"the client of policies", func(w *world) { w.o.HTTP = PolicyClient(nil) }, everything},
		{"the local store", func(w *world) { w.o.Local = sharedstate.NewMemory(time.Now) }, everything},
		{"the durable store", func(w *world) { w.o.Durable = sharedstate.NewMemory(time.Now) }, everything},
		{"what learns", func(w *world) { w.o.Models = &models{} }, everything},
		{"the log", func(w *world) { w.o.Log = slog.New(slog.DiscardHandler) }, everything},
		{"the engine", func(w *world) { w.o.Runtime = &policy.Runtime{Now: time.Now} }, everything},
	}
	for _, c := range cases {
		w := newWorld(t)
		w.o.Previous = w.compile(w.rev)
		if got := w.rebound(); !slices.Equal(got, everything) {
			t.Fatalf("at first only %v were bound", got)
		}
		w.rev = w.revision()
		c.change(w)
		for i, want := range [][]string{c.want, nil} {
			w.o.Previous = w.compile(w.rev)
			if got := w.rebound(); !slices.Equal(got, want) && c.what != "what can't be compared" {
				t.Errorf("%s: %v were bound again by revision %d, want %v", c.what, got, i+2, want)
			} else if c.what == "what can't be compared" && len(got) != len(everything) {
				t.Errorf("%s: only %v were bound again", c.what, got)
			}
		}
		if n := len(w.o.Previous.Listeners["0.0.0.0:8081"].apis); n != len(w.rev.APIs) {
			t.Errorf("%s: %d APIs serve", c.what, n)
		}
	}
	t.Logf("played %d changes", len(cases))
}

type tracers struct{ noop.TracerProvider }

type incomparable struct {
	noop.TracerProvider
	_ []int
}

type models struct{ policy.Models }

// TestWhatIsMissingRefuses: what was there for one revision and is not for the
// next is told, though nothing else changed.
func TestWhatIsMissingRefuses(t *testing.T) {
	for want, change := range map[string]func(w *world){
		"environment variable KEY is not set":    func(w *world) { delete(w.values, "$KEY") },
		"environment variable CLIENT is not set": func(w *world) { delete(w.values, "$CLIENT") },
		"the module is gone":                     func(w *world) { w.rev.Modules = nil },
		"there is no service default/other":      func(w *world) { w.rev.Services = w.rev.Services[:1] },
	} {
		w := newWorld(t)
		w.o.Previous = w.compile(w.rev)
		w.rev = w.revision()
		change(w)
		if _, err := Compile(w.rev, w.o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestStateOutlivesReuse: an API that is taken over twice and then changed in
// another binding still has the state of the first revision, and its state is
// closed when the API goes.
func TestStateOutlivesReuse(t *testing.T) {
	b := newBench(t)
	revision := func(second string) *revision.Revision {
		a := api("")
		a.Policies = bindings(`{"limit": 1}`, second)
		return rev(a)
	}
	b.o.Previous = b.compile(revision(`{"limit": 2}`))
	for range 2 {
		b.o.Previous = b.compile(revision(`{"limit": 2}`))
	}
	if len(b.binds) != 2 || b.compiles != 2 {
		t.Fatalf("bound %d times, compiled %d times", len(b.binds), b.compiles)
	}
	b.o.Previous = b.compile(revision(`{"limit": 3}`))
	if len(b.binds) != 4 || b.binds[2].state != b.binds[0].state || b.compiles != 3 {
		t.Errorf("bound %d times, compiled %d times; or the state is lost", len(b.binds), b.compiles)
	}
	b.o.Previous = b.compile(rev(api("/elsewhere")))
	if len(b.o.Previous.states) != 0 || len(b.o.Previous.compiled) != 0 {
		t.Error("what nobody uses any more is kept")
	}
}

// TestTablesAreForgotten holds that no table keeps the one before it, whatever
// the steps that were taken over remember.
func TestTablesAreForgotten(t *testing.T) {
	w := newWorld(t)
	first := weak.Make(w.compile(w.rev))
	w.o.Previous = first.Value()
	for range 2 {
		w.rev = w.revision()
		w.rev.APIs[0].Policies[0].Settings = json.RawMessage(`{"key": "` + time.Now().String() + `"}`)
		w.o.Previous = w.compile(w.rev)
	}
	for range 3 {
		runtime.GC()
	}
	if first.Value() != nil {
		t.Error("the first table is still in memory")
	}
	// What a step asks for while it serves is answered and not noted.
	known := w.o.Previous.apis[name("api-secret")]
	run := known.api.Chain.Begin()
	x := request("GET", "/secret")
	run.Request(t.Context(), x)
	if len(x.Decisions) != 1 || !strings.Contains(x.Decisions[0].Reason, "LATE is not set") || len(known.references) != 1 {
		t.Errorf("decisions %v, references %d", x.Decisions, len(known.references))
	}
}
