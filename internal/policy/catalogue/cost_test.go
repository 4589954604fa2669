package catalogue_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

var costRounds = flag.Int("cost", 0, "print what each policy costs, over so many rounds")

const examples = "../../../examples/policies"

var errAsks = errors.New("asks a server")

// bound is a policy bound with the settings of its example, and the request of
// its example's conversation that passes.
type bound struct {
	step    policy.Step
	request []traffic.Field
	x       traffic.Exchange // what is not a header, a body or an outcome
	body    []byte
	asked   bool
	passed  time.Duration // of the clock of meters, in which every request is an hour after the last
	states  map[string]any
}

// bindExample binds the policy of an entry as its example does.
func bindExample(all *policy.Catalogue, e *policy.Entry) (*bound, error) {
	conversation, err := os.ReadFile(filepath.Join(examples, e.Name+".txtar"))
	if err != nil {
		return nil, errAsks
	}
	rev, problems := manifest.Build(manifest.Load([]string{filepath.Join(examples, e.Name+".yaml")}), catalogue.Manifests{Catalogue: all}, manifest.Options{Expand: exampleSecret})
	if rev == nil {
		return nil, fmt.Errorf("its example does not stand alone: %s", problems[0].Message)
	}
	b := &bound{states: map[string]any{}}
	if err := b.take(conversation); err != nil {
		return nil, err
	}
	target, binding, clients := findBinding(rev, e.Name, b.x.Request.Path)
	if binding == nil {
		return nil, errors.New("has no step")
	}
	return b, b.bind(e, binding.Settings, policy.Env{API: target, Clients: clients, Module: func(digest string) ([]byte, bool) {
		code, ok := rev.Modules[digest]
		return code, ok
	}})
}

// bind binds the step, with what the surroundings lack.
func (b *bound) bind(e *policy.Entry, settings json.RawMessage, env policy.Env) error {
	resolved, err := e.Resolve(settings, exampleSecret)
	if err != nil {
		return err
	}
	compiled, err := e.Compile(resolved)
	if err != nil {
		return err
	}
	began := time.Now()
	env.Now = time.Now
	if e.Phase == policy.Meter {
		env.Now = func() time.Time { return began.Add(b.passed) }
	}
	memory := sharedstate.NewMemory(env.Now)
	env.Binding, env.Expand, env.Shared, env.Local, env.Durable = "default/cost", exampleSecret, memory, memory, memory
	env.Log = slog.New(slog.DiscardHandler)
	env.HTTP, env.Load = &http.Client{Transport: b}, costRuntime().Load
	env.State = func(key string, create func() any) any {
		if b.states[key] == nil {
			b.states[key] = create()
		}
		return b.states[key]
	}
	b.step, err = compiled.Bind(env)
	return err
}

// RoundTrip implements http.RoundTripper: there is nobody outside.
func (b *bound) RoundTrip(*http.Request) (*http.Response, error) {
	b.asked = true
	return nil, errAsks
}

func (b *bound) close() {
	for _, s := range b.states {
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
	}
}

// exampleSecret stands for the environment of the examples.
func exampleSecret(text string) (string, error) {
	return secret.Expander{Lookup: func(name string) (string, bool) {
		value, ok := map[string]string{
			"EXAMPLE_PASSWORD": "open-sesame", "EXAMPLE_CLIENT_SECRET": "s3cret", "EXAMPLE_JWT_KEY": "examples-only-examples-only-0123",
		}[name]
		return value, ok
	}}.Expand(text)
}

// findBinding is the first binding of a policy on the API of a path, on a
// service, or anywhere.
func findBinding(rev *revision.Revision, policyName, path string) (target string, found *revision.Binding, clients *policy.Clients) {
	named := func(list []revision.Binding) *revision.Binding {
		if i := slices.IndexFunc(list, func(b revision.Binding) bool { return b.Policy == policyName }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	slices.SortStableFunc(rev.APIs, func(a, b revision.API) int {
		return strings.Compare(fmt.Sprint(!strings.HasPrefix(path+"/", a.BasePath+"/")), fmt.Sprint(!strings.HasPrefix(path+"/", b.BasePath+"/")))
	})
	for i := range rev.APIs {
		if found = named(rev.APIs[i].Policies); found != nil {
			return rev.APIs[i].Name.String(), found, clientsOf(rev.APIs[i].Clients)
		}
	}
	for i := range rev.Services {
		if found = named(rev.Services[i].Policies); found != nil {
			return rev.Services[i].Name.String(), found, nil
		}
	}
	return "", nil, nil
}

func clientsOf(list []revision.Client) *policy.Clients {
	var made []*policy.Client
	for _, c := range list {
		secret, _ := exampleSecret(c.Secret)
		var limits []policy.Limit
		for _, l := range c.Limits {
			limits = append(limits, policy.Limit{Max: l.MaximumRequests, Period: l.TimePeriodInMilliseconds, Burst: l.Burst})
		}
		made = append(made, policy.NewClient(c.ID, c.Name, secret, c.Tier, limits))
	}
	clients, _ := policy.NewClients(made)
	return clients
}

// take reads the first request that passes of a conversation.
func (b *bound) take(conversation []byte) error {
	files := txtar.Parse(conversation).Files
	for i, f := range files {
		if !strings.HasPrefix(f.Name, "send") || i+1 == len(files) || files[i+1].Name != "want" || !bytes.HasPrefix(files[i+1].Data, []byte("pass")) {
			continue
		}
		head, body, _ := strings.Cut(string(f.Data), "\n\n")
		raw := strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return fmt.Errorf("its example's request can't be read: %w", err)
		}
		b.body = []byte(strings.TrimSuffix(body, "\n"))
		for name, values := range r.Header {
			for _, v := range values {
				b.request = append(b.request, traffic.Field{Name: strings.ToLower(name), Value: v})
			}
		}
		for _, f := range []string{"accept: */*", "accept-encoding: gzip", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "user-agent: curl/8.5.0", "x-request-id: 7f1c"} {
			name, value, _ := strings.Cut(f, ": ")
			b.request = append(b.request, traffic.Field{Name: name, Value: value})
		}
		q := &b.x.Request
		q.Method, q.Scheme, q.Proto, q.Host = r.Method, "http", "HTTP/1.1", "api.example.com"
		q.RawTarget, q.Path, q.RawQuery = r.URL.RequestURI(), r.URL.Path, r.URL.RawQuery
		q.Client = netip.MustParseAddr("127.0.0.1")
		q.Remote, q.Local = netip.AddrPortFrom(q.Client, 41000), netip.AddrPortFrom(q.Client, 8081)
		b.x.ID, b.x.API = "01JD0000000000000000000000", "default/cost"
		base, sub, _ := strings.Cut(strings.TrimPrefix(q.Path, "/"), "/")
		b.x.BasePath, b.x.SubPath = "/"+base, "/"+sub
		return nil
	}
	return errors.New("has no request that reaches the service")
}

func costRuntime() *policy.Runtime {
	return &policy.Runtime{
		Now: time.Now, Decode: func(string, []byte, int64) ([]byte, bool, error) { return nil, false, errors.New("no coding") },
		Render: func(x *traffic.Exchange, v policy.Verdict, _ bool) { v.Answer.Write(x) },
	}
}

// passage runs one exchange after the other through a chain of one step, in
// memory that is used again, with as much room in headers as the gateway gives.
type passage struct {
	*bound
	chain             *policy.Chain
	live              traffic.Exchange
	request, response []traffic.Field
	decisions         []traffic.Decision
	reader            bytes.Reader
	answer            strings.Reader
}

var answerFields = [...]traffic.Field{
	{Name: "content-length", Value: "27"},
	{Name: "content-type", Value: "application/json"},
	{Name: "date", Value: "Thu, 01 Jan 2026 00:00:00 GMT"},
	{Name: "server", Value: "orders"},
	{Name: "x-powered-by", Value: "orders"},
}

const answerBody = `{"item":"nails","count":12}`

func newPassage(t testing.TB, b *bound, step policy.Step) *passage {
	t.Helper()
	chain, err := policy.NewChain(costRuntime(), []policy.Link{{Binding: "default/cost", Policy: "cost", Step: step}})
	if err != nil {
		t.Fatal(err)
	}
	return &passage{
		bound: b, chain: chain, decisions: make([]traffic.Decision, 0, 8),
		request: make([]traffic.Field, 0, len(b.request)+8), response: make([]traffic.Field, 0, len(answerFields)+8),
	}
}

// run is one exchange; its verdict is that of the request side.
func (p *passage) run() policy.Verdict {
	p.passed += time.Hour
	x := &p.live
	*x = p.x
	x.Decisions = p.decisions[:0]
	x.Request.Header.SetSorted(append(p.request[:0], p.bound.request...))
	if len(p.body) > 0 {
		p.reader.Reset(p.body)
		x.Request.Body.SetSource(&p.reader, int64(len(p.body)))
	}
	run := p.chain.Begin()
	v := run.Request(context.Background(), x)
	if v.Stops() {
		run.Render(x, v)
	} else {
		x.Response.Status = http.StatusOK
		x.Response.Header.SetSorted(append(p.response[:0], answerFields[:]...))
		p.answer.Reset(answerBody)
		x.Response.Body.SetSource(&p.answer, int64(len(answerBody)))
	}
	run.Response(context.Background(), x)
	run.End(x, false)
	run.End(x, true)
	x.Request.Body.Release()
	x.Response.Body.Release()
	return v
}

// emptyStep does nothing where the other does something.
func emptyStep(step policy.Step) policy.Step {
	var empty policy.Step
	if step.Request != nil {
		empty.Request = func(context.Context, *traffic.Exchange) policy.Verdict { return policy.Go() }
	}
	if step.Response != nil {
		empty.Response = func(context.Context, *traffic.Exchange) policy.Verdict { return policy.Go() }
	}
	if step.End != nil {
		empty.End, empty.Background = func(*traffic.Exchange) {}, step.Background
	}
	return empty
}

// extraAllocations are those of an exchange beyond those of an empty step.
func extraAllocations(t testing.TB, b *bound) float64 {
	t.Helper()
	full, empty := newPassage(t, b, b.step), newPassage(t, b, emptyStep(b.step))
	if v := full.run(); v.Action == traffic.Refused || v.Action == traffic.Failed {
		t.Fatalf("refused: %s", v.Reason)
	}
	return testing.AllocsPerRun(300, func() { full.run() }) - testing.AllocsPerRun(300, func() { empty.run() })
}

// timed is how long one of n exchanges takes.
func timed(p *passage, n int) float64 {
	began := time.Now()
	for range n {
		p.run()
	}
	return float64(time.Since(began)) / float64(n)
}

// TestCost prints what each policy costs with the settings and the request of
// its example, against an empty step in the same rounds. The figures decide
// nothing; that each policy is either measured or left out for a reason does.
func TestCost(t *testing.T) {
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var table, left strings.Builder
	measured := 0
	for _, e := range all.All() {
		if e.Structural {
			_, _ = fmt.Fprintf(&left, "  %s: shapes the revision and has no step\n", e.Name)
			continue
		}
		b, err := bindExample(all, e)
		if err == nil {
			defer b.close()
			if v := newPassage(t, b, b.step).run(); v.Stops() {
				err = fmt.Errorf("refuses its example's request outside a gateway: %s", v.Reason)
			}
			if b.asked {
				err = errAsks
			}
		}
		if err != nil {
			_, _ = fmt.Fprintf(&left, "  %s: %v\n", e.Name, err)
			continue
		}
		measured++
		full, empty := newPassage(t, b, b.step), newPassage(t, b, emptyStep(b.step))
		n := 1
		for *costRounds > 0 && timed(full, n)*float64(n) < 1e7 && n < 1<<20 {
			n *= 2
		}
		best, base := timed(full, n), timed(empty, n)
		for range *costRounds {
			best, base = min(best, timed(full, n)), min(base, timed(empty, n))
		}
		_, _ = fmt.Fprintf(&table, "%-44s %9.0f %7.0f %8.1f\n", e.Name, best-base, extraAllocations(t, b), best/base)
	}
	if *costRounds > 0 {
		t.Logf("one exchange, beyond an empty step with the same hooks; the ratio is of the whole to that step\n%-44s %9s %7s %8s\n%snot measured:\n%s",
			"policy", "ns", "allocs", "ratio", table.String(), left.String())
	}
	t.Logf("measured %d of %d policies", measured, len(all.All()))
	if measured < 35 {
		t.Errorf("measured only %d policies; left out:\n%s", measured, left.String())
	}
}
