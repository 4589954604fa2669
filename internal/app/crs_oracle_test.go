package app_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"

	"farrier.dev/farrier/internal/traffic"
)

// oracle is Coraza as its documentation sets it up, with the Core Rule Set at
// paranoia level 4 and the settings that its tests ask for, reading bodies
// itself and refusing nothing.
type oracle struct{ waf coraza.WAF }

func newOracle(t *testing.T) oracle {
	t.Helper()
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(`
Include @coraza.conf-recommended
Include @crs-setup.conf.example
` + crsSettings + `
SecAction "id:900006,phase:1,nolog,pass,t:none,setvar:tx.blocking_paranoia_level=4,setvar:tx.detection_paranoia_level=4"
Include @owasp_crs/*.conf
SecRuleEngine DetectionOnly
SecAuditEngine Off
`))
	if err != nil {
		t.Fatal(err)
	}
	return oracle{waf}
}

// play gives a request to Coraza as a lenient server would, whatever is wrong
// with it, and what the service answers.
func (o oracle) play(t *testing.T, raw []byte) crsOutcome {
	tx := o.waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	q := splitRequest(raw)
	tx.ProcessConnection("203.0.113.7", 41000, "192.0.2.1", 80)
	tx.ProcessURI(q.target, q.method, q.version)
	for _, f := range q.header {
		tx.AddRequestHeader(f[0], f[1])
	}
	tx.SetServerName(q.get("host"))
	tx.ProcessRequestHeaders()
	if _, _, err := tx.WriteRequestBody(q.body); err != nil {
		t.Errorf("%.200q: %v", raw, err)
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		t.Errorf("%.200q: %v", raw, err)
	}
	q.respond(t, tx)
	tx.ProcessLogging()
	got := crsOutcome{outcome: traffic.Served}
	for _, m := range tx.MatchedRules() {
		got.rules = append(got.rules, m.Rule().ID())
	}
	return got
}

// splitRequested is a request of which only the outlines were read.
type splitRequested struct {
	method, target, version string
	header                  [][2]string
	body                    []byte
}

// splitRequest reads a request and objects to nothing.
func splitRequest(raw []byte) *splitRequested {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	line, rest, _ := strings.Cut(string(head), "\r\n")
	q := &splitRequested{}
	q.method, q.target, _ = strings.Cut(line, " ")
	if i := strings.LastIndexByte(q.target, ' '); i >= 0 {
		q.target, q.version = q.target[:i], q.target[i+1:]
	}
	for line := range strings.SplitSeq(rest, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			q.header = append(q.header, [2]string{name, strings.TrimSpace(value)})
		}
	}
	if strings.EqualFold(q.get("transfer-encoding"), "chunked") {
		q.body, _ = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))) // what is well-formed
	} else if n, err := strconv.Atoi(q.get("content-length")); err == nil && n >= 0 {
		q.body = body[:min(n, len(body))]
	}
	return q
}

func (q *splitRequested) get(name string) string {
	for _, f := range q.header {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

// respond asks the service and shows Coraza the answer.
func (q *splitRequested) respond(t *testing.T, tx types.Transaction) {
	path, _, _ := strings.Cut(q.target, "?")
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(q.body))
	r.URL.Path = path
	w := httptest.NewRecorder()
	crsService().ServeHTTP(w, r)
	answer := w.Result()
	for name, values := range answer.Header {
		for _, v := range values {
			tx.AddResponseHeader(name, v)
		}
	}
	tx.ProcessResponseHeaders(answer.StatusCode, "HTTP/1.1")
	if _, _, err := tx.WriteResponseBody(w.Body.Bytes()); err != nil {
		t.Error(err)
	}
	if _, err := tx.ProcessResponseBody(); err != nil {
		t.Error(err)
	}
}
