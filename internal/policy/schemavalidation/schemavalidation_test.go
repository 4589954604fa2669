package schemavalidation

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 3) }

const orders = `
openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      parameters:
      - {name: limit, in: query, schema: {type: integer}}
      - {name: tenant, in: cookie, schema: {type: string, enum: [acme]}}
      - {name: region, in: cookie, schema: {type: string}}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, required: [item]}}}}}
    put:
      requestBody:
        content:
          application/json: {schema: {type: object, required: [item]}}
          multipart/form-data: {schema: {type: object, required: [item]}}
          image/*: {}
      responses: {default: {description: ok}}
`

func bind(tb testing.TB, settings map[string]any) policy.Step {
	tb.Helper()
	settings["spec"] = orders
	text, err := json.Marshal(settings)
	if err != nil {
		tb.Fatal(err)
	}
	compiled, err := Policy().Compile(text)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := compiled.Bind(policy.Env{Log: slog.New(slog.DiscardHandler), Binding: "default/b"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func exchange(tb testing.TB, method, kind, body string, limit int64) *traffic.Exchange {
	tb.Helper()
	x := &traffic.Exchange{SubPath: "/orders/7", Request: traffic.Request{Method: method, Path: "/orders/7", RawQuery: "limit=3"}}
	if kind != "" {
		x.Request.Header.Set("content-type", kind)
		x.Request.RawQuery = ""
	}
	if body != "" {
		x.Request.Body.SetSource(strings.NewReader(body), int64(len(body)))
	}
	if err := x.Request.Body.Load(limit, nil, nil); err != nil {
		tb.Fatal(err)
	}
	return x
}

// TestKinds holds that each kind of violation has a setting, and that the settings
// say what becomes of it.
func TestKinds(t *testing.T) {
	s, err := read(json.RawMessage(`{"violations":{"body":"off","security":"block"}}`))
	if err != nil {
		t.Fatal(err)
	}
	standard, err := read(json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	modes := standard.Violations.modes()
	for _, k := range spec.Kinds() {
		if modes[k] == "" {
			t.Errorf("%s has no setting with a default", k)
		}
	}
	block, watch := s.sets()
	if block.Has(spec.BodySchema) || watch.Has(spec.BodySchema) || !block.Has(spec.MissingCredential) || !block.Has(spec.UnknownPath) || !watch.Has(spec.ResponseBody) {
		t.Errorf("block %b, watch %b", block, watch)
	}
	t.Logf("%d kinds", len(modes))
}

// TestLongBodies holds that only what is looked into must be short.
func TestLongBodies(t *testing.T) {
	const limit = 1024
	long := `{"item":"` + strings.Repeat("x", limit) + `"}`
	for _, c := range []struct {
		kind, mode string
		status     int
	}{
		{"application/json", "block", 413},
		{"multipart/form-data; boundary=x", "block", 413},
		{"application/json", "monitor", 0},
		{"image/png", "block", 0},
		{"text/csv", "block", 415},
	} {
		s := bind(t, map[string]any{"requestBodyLimit": limit, "violations": map[string]any{"body": c.mode, "malformedBody": c.mode}})
		x := exchange(t, "PUT", c.kind, long, limit)
		v := s.Request(t.Context(), x)
		if v.Answer.Status != c.status {
			t.Errorf("%s, %s: %d %q, want %d", c.kind, c.mode, v.Answer.Status, v.Reason, c.status)
		}
		if c.status == 0 && len(x.NotInspected) != 1 {
			t.Errorf("%s, %s: not inspected: %q", c.kind, c.mode, x.NotInspected)
		}
	}
}

// TestCookies holds that cookies in several fields count as in one.
func TestCookies(t *testing.T) {
	s := bind(t, map[string]any{})
	for value, good := range map[string]bool{"acme": true, "other": false} {
		x := exchange(t, "GET", "", "", 1024)
		x.Request.Header.Add("cookie", "region=EU")
		x.Request.Header.Add("cookie", "tenant="+value)
		if v := s.Request(t.Context(), x); v.Stops() == good {
			t.Errorf("%s: %q", value, v.Reason)
		}
	}
}

// TestNeeds holds that bodies are read only where they are looked into.
func TestNeeds(t *testing.T) {
	off := map[string]any{"contentType": "off", "missingBody": "off", "undescribedBody": "off", "malformedBody": "off", "body": "off", "unknownProperty": "off"}
	if s := bind(t, map[string]any{"violations": off}); s.RequestBody.Mode != policy.NoBody {
		t.Error("a request's body is read though nothing is asked of it")
	}
	if s := bind(t, map[string]any{"violations": map[string]any{"responseBody": "off"}}); s.ResponseBody.Mode != policy.NoBody || s.Response == nil {
		t.Error("an answer's body is read though nothing is asked of it")
	}
	if s := bind(t, map[string]any{"validateResponses": false}); s.Response != nil {
		t.Error("answers are looked at though they are not to be")
	}
	s := bind(t, map[string]any{})
	for _, c := range []struct {
		media string
		local bool
		want  bool
	}{{"application/json", false, true}, {"", false, true}, {"text/event-stream", false, false}, {"application/json", true, false}} {
		x := exchange(t, "GET", "", "", 1024)
		if v := s.Request(t.Context(), x); v.Stops() {
			t.Fatal(v.Reason)
		}
		x.Response.Status, x.Response.Local = 200, c.local
		if c.media != "" {
			x.Response.Header.Set("content-type", c.media)
		}
		if got := s.ResponseBody.When(x); got != c.want {
			t.Errorf("%q, local %v: read %v", c.media, c.local, got)
		}
	}
}

// TestAllocations holds that a good request costs no memory.
func TestAllocations(t *testing.T) {
	s := bind(t, map[string]any{})
	x := exchange(t, "GET", "", "", 1024)
	got := testing.AllocsPerRun(200, func() {
		if v := s.Request(t.Context(), x); v.Stops() {
			t.Fatal(v.Reason)
		}
	})
	t.Logf("%.2f allocations", got)
	if !raced && got >= 1 {
		t.Errorf("a good GET costs %.2f allocations", got)
	}
	x.Response.Status = 200
	x.Response.Header.Set("content-type", "application/json")
	x.Response.Body.SetSource(strings.NewReader(`{"item":"nails"}`), 16)
	if err := x.Response.Body.Load(1024, nil, nil); err != nil {
		t.Fatal(err)
	}
	got = testing.AllocsPerRun(200, func() {
		if v := s.Response(t.Context(), x); v.Stops() || !s.ResponseBody.When(x) {
			t.Fatal(v.Reason)
		}
	})
	t.Logf("%.2f allocations for the answer", got)
	if !raced && got >= 1 {
		t.Errorf("a good answer costs %.2f allocations", got)
	}
	if len(x.Decisions)+len(x.NotInspected) > 0 {
		t.Errorf("the trail says %v %q", x.Decisions, x.NotInspected)
	}
}

// BenchmarkRequest is a GET with a path and a query parameter.
func BenchmarkRequest(b *testing.B) {
	s := bind(b, map[string]any{})
	x := exchange(b, "GET", "", "", 1024)
	b.ReportAllocs()
	for b.Loop() {
		if v := s.Request(b.Context(), x); v.Stops() {
			b.Fatal(v.Reason)
		}
	}
}

// TestWatched holds that what is watched leaves a decision of its own, with kind,
// place and rule and without the value.
func TestWatched(t *testing.T) {
	s := bind(t, map[string]any{"violations": map[string]any{"parameter": "monitor"}})
	x := exchange(t, "GET", "", "", 1024)
	x.Request.RawQuery = "limit=secret"
	if v := s.Request(t.Context(), x); v.Stops() || len(x.Decisions) != 1 {
		t.Fatalf("%+v, decisions %+v", v, x.Decisions)
	}
	want := traffic.Decision{
		Binding: "default/b", Policy: "schema-validation", Side: "request", Action: traffic.Watched, Status: 400,
		Reason: "malformed-parameter: query limit must be integer, not string",
	}
	if x.Decisions[0] != want {
		t.Errorf("%+v, want %+v", x.Decisions[0], want)
	}
	x.Response.Status = 404
	if v := s.Response(t.Context(), x); v.Stops() || len(x.Decisions) != 2 {
		t.Fatalf("%+v, decisions %+v", v, x.Decisions)
	}
	if d := x.Decisions[1]; d.Side != "response" || d.Status != 502 || !strings.Contains(d.Reason, "404 is not described") {
		t.Errorf("%+v", d)
	}
}
