package app_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// crsSettings are what the tests ask an operator to set.
const crsSettings = `SecAction "id:900005,phase:1,nolog,pass,t:none,\
setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,\
setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"`

// crsManifest protects one API so that all is judged and nothing is refused for
// what rules found in it: no sum reaches the threshold, and the limit of a body
// leaves work to spare, of which automata that are still cold need more.
const crsManifest = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: crs}
spec:
  address: http://LISTEN/
  services: {backend: {address: "BACKEND"}}
  policies:
    - policyRef: {name: attack-protection}
      config: {mode: block, paranoiaLevel: 4, threshold: 1000, bodyLimit: 1048576, responses: watch, rules: [{name: setup.conf, text: SETTINGS}]}
`

// crsGateway is a gateway in front of the service that the tests need. It is a
// recorder that gives what was found to whoever sent the request.
type crsGateway struct {
	t       *testing.T
	address string
	mu      sync.Mutex
	over    map[string]chan crsOutcome
}

func newCRSGateway(t *testing.T) *crsGateway {
	t.Helper()
	service := httptest.NewServer(crsService())
	t.Cleanup(service.Close)
	c := &crsGateway{t: t, address: freeAddress(t), over: map[string]chan crsOutcome{}}
	o := gateway.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Recorder: c, Environment: "test", Name: "crs"}
	o.Limits.Lag = patience // a busy machine is no reason to shed what is counted
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Shutdown(t.Context()) })
	known, err := realCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("LISTEN", c.address, "BACKEND", service.URL, "SETTINGS", strconv.Quote(crsSettings)).Replace(crsManifest)
	rev, problems := manifest.Build(manifest.Read([]manifest.File{{Name: "crs.yaml", Text: []byte(text)}}), known, manifest.Options{})
	if rev == nil {
		t.Fatal(problems)
	}
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	table, err := router.Compile(rev, router.Options{
		Catalogue: all, Expand: func(s string) (string, error) { return s, nil }, Runtime: g.Runtime(), Now: time.Now, Log: o.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Load(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	return c
}

// Count implements gateway.Recorder.
func (c *crsGateway) Count(x *traffic.Exchange, end *traffic.Ending) {
	got := crsOutcome{status: x.Response.Status, outcome: end.Outcome}
	for _, f := range x.Findings {
		if id, ok := strings.CutPrefix(f.Rule, "crs-"); ok {
			number, _ := strconv.Atoi(id)
			got.rules = append(got.rules, number)
		}
	}
	c.of(x.ID) <- got
}

// Wants implements gateway.Recorder.
func (c *crsGateway) Wants(*traffic.Exchange) bool { return false }

// Keep implements gateway.Recorder.
func (c *crsGateway) Keep(*traffic.Record) {}

// of is where the outcome of an exchange comes.
func (c *crsGateway) of(id string) chan crsOutcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over[id] == nil {
		c.over[id] = make(chan crsOutcome, 1)
	}
	return c.over[id]
}

// play sends a request as it is, on a connection of its own.
func (c *crsGateway) play(raw []byte) crsOutcome {
	conn, err := dial(c.address, nil)
	if err != nil {
		c.t.Error(err)
		return crsOutcome{}
	}
	defer func() { _ = conn.Close() }()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // thousands of ports must not wait to be free again
	}
	reply := exchange(conn, raw)
	if reply.err != nil {
		if !closedConnection(reply.err) {
			c.t.Errorf("%.200q: %v", raw, reply.err)
		}
		return crsOutcome{}
	}
	select {
	case got := <-c.of(reply.header.Get("X-Correlation-Id")):
		return got
	case <-time.After(patience):
		c.t.Errorf("%.200q: answered %d and never counted", raw, reply.status)
		return crsOutcome{}
	}
}

// crsService answers as the tests' own service does: /reflect with what the
// body, a JSON object, or any other as it is, says; everything else without a
// body.
func crsService() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/reflect" {
			return
		}
		answer := struct {
			Status int
			Header map[string]string `json:"headers"`
			Body   string
		}{Status: http.StatusOK}
		if json.Unmarshal(body, &answer) != nil {
			answer.Body = string(body)
		}
		w.Header().Set("Content-Type", http.DetectContentType([]byte(answer.Body)))
		for name, value := range answer.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(answer.Status)
		_, _ = io.WriteString(w, answer.Body)
	})
}
