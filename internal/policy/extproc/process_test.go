package extproc

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"farrier.dev/farrier/internal/traffic"
)

// TestHeaders holds what the processor reads of headers, and which of its
// changes are made.
func TestHeaders(t *testing.T) {
	p, uri, _ := startProcessor(t, func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		if m.GetRequestHeaders() != nil {
			return []*procv3.ProcessingResponse{agree(m, &procv3.CommonResponse{HeaderMutation: &procv3.HeaderMutation{
				SetHeaders: []*corev3.HeaderValueOption{
					set("X-A", "2"), set(":path", "/api/./other?b=2"), set(":method", "DELETE"), set(":authority", "evil.test"), set("host", "evil.test"),
					set("content-length", "0"), set("x-envoy-internal", "true"),
				},
				RemoveHeaders: []string{"x-b", ":path", "transfer-encoding"},
			}})}, nil
		}
		return []*procv3.ProcessingResponse{agree(m, &procv3.CommonResponse{HeaderMutation: &procv3.HeaderMutation{
			SetHeaders: []*corev3.HeaderValueOption{set(":status", "418"), set("x-seen", "yes"), set("connection", "close")},
		}})}, nil
	})
	out := newGateway(t, map[string]any{"uri": uri}).send(exchange("body"), replying("reply"))
	req, resp := &out.x.Request, &out.x.Response
	if out.verdict.Stops() || req.Path != "/api/other" || out.x.SubPath != "/other" || req.RawQuery != "b=2" || req.Method != "POST" || req.Host != "api.test" {
		t.Errorf("%v: %s %s%s (%s) at %s", out.verdict, req.Method, req.Path, req.RawQuery, out.x.SubPath, req.Host)
	}
	if req.Header.Get("x-a") != "2" || req.Header.Len() != 1 || out.sentBody != "body" {
		t.Errorf("the service reads %v and %q", req.Header, out.sentBody)
	}
	if resp.Status != 418 || resp.Header.Get("x-seen") != "yes" || resp.Header.Has("connection") || out.body != "reply" {
		t.Errorf("the client reads %d %v %q", resp.Status, resp.Header, out.body)
	}
	if got := out.x.Decisions[0].Reason; !strings.Contains(got, "7 changes") {
		t.Errorf("reason %q", got)
	}
	messages, kinds := p.seen()
	if kinds != "request-headers response-headers" || p.streams != 1 {
		t.Fatalf("the processor reads %s on %d streams", kinds, p.streams)
	}
	var names []string
	for _, h := range messages[0].GetRequestHeaders().GetHeaders().GetHeaders() {
		names = append(names, h.GetKey()+"="+string(h.GetRawValue()))
	}
	if got := strings.Join(names, " "); got != ":method=POST :scheme=http :authority=api.test :path=/api/orders?a=1 x-a=1 x-b=\xff" {
		t.Errorf("the processor reads %q", got)
	}
	if messages[0].GetProtocolConfig() == nil || messages[1].GetProtocolConfig() != nil || messages[0].GetRequestHeaders().GetEndOfStream() {
		t.Errorf("the first message is %v", messages[0])
	}
	<-p.ended
}

// TestBodies plays every mode on both sides.
func TestBodies(t *testing.T) {
	upper := func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		body := m.GetRequestBody()
		if body == nil {
			body = m.GetResponseBody()
		}
		if body == nil {
			return agreeing(m)
		}
		made := &procv3.BodyMutation{Mutation: &procv3.BodyMutation_Body{Body: []byte(strings.ToUpper(string(body.GetBody())))}}
		return []*procv3.ProcessingResponse{agree(m, &procv3.CommonResponse{BodyMutation: made, HeaderMutation: &procv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{set("x-upper", "1")}}})}, nil
	}
	long := strings.Repeat("a", 150_000)
	cases := []struct {
		name, mode, body string
		limit            int
		change           bool
		status           int
		result, kinds    string
	}{
		{name: "none", mode: "none", body: "abc", change: true, result: "abc", kinds: "request-headers response-headers"},
		{name: "buffered", mode: "buffered", body: "abc", change: true, result: "ABC", kinds: "request-headers request-body response-headers response-body"},
		{name: "buffered, agreed", mode: "buffered", body: "abc", result: "abc", kinds: "request-headers request-body response-headers response-body"},
		{name: "no body", mode: "buffered", change: true, kinds: "request-headers response-headers"},
		{name: "buffered, too long", mode: "buffered", body: "abc", limit: 2, change: true, status: 413},
		{name: "partial, whole", mode: "bufferedPartial", body: "abc", limit: 3, change: true, result: "ABC", kinds: "request-headers request-body response-headers response-body"},
		{name: "partial, agreed", mode: "bufferedPartial", body: "abcd", limit: 3, result: "abcd", kinds: "request-headers request-body response-headers response-body"},
		{name: "partial, replaced", mode: "bufferedPartial", body: "abcd", limit: 3, change: true, status: 500},
		{
			name: "streamed", mode: "streamed", body: long, change: true, result: strings.ToUpper(long),
			kinds: "request-headers request-body request-body request-body response-headers response-body response-body response-body",
		},
		{name: "streamed, too long", mode: "streamed", body: long, limit: 100_000, change: true, status: 413},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := agreeing
			if c.change {
				answer = upper
			}
			p, uri, _ := startProcessor(t, answer)
			settings := map[string]any{"uri": uri, "requestBodyMode": c.mode, "responseBodyMode": c.mode}
			if c.limit > 0 {
				settings["bodyLimit"] = c.limit
			}
			out := newGateway(t, settings).send(exchange(c.body), replying(c.body))
			if c.status != 0 {
				if !out.verdict.Stops() || out.x.Response.Status != c.status {
					t.Errorf("%v", out.verdict)
				}
				return
			}
			if out.verdict.Stops() || out.sentBody != c.result || out.body != c.result {
				t.Errorf("%v: the service reads %.20q…, the client %.20q…", out.verdict, out.sentBody, out.body)
			}
			messages, kinds := p.seen()
			if kinds != c.kinds {
				t.Errorf("the processor reads %s", kinds)
			}
			if messages[0].GetRequestHeaders().GetEndOfStream() != (c.body == "") {
				t.Errorf("end of stream with the headers: %v", messages[0])
			}
			if got := out.x.Request.Header.Has("x-upper"); got != (c.change && c.mode != "streamed" && c.mode != "none" && c.body != "") {
				t.Errorf("the header set with the body: %v", got)
			}
		})
	}
	t.Logf("played %d modes", len(cases))
}

// TestModeOverride holds that the processor can ask for bodies as it reads
// headers, and only where the settings let it.
func TestModeOverride(t *testing.T) {
	wanting := func(mode *modev3.ProcessingMode) func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		return func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
			a := agree(m, nil)
			if m.GetRequestHeaders() != nil {
				a.ModeOverride = mode
			}
			return []*procv3.ProcessingResponse{a}, nil
		}
	}
	cases := []struct {
		name     string
		mode     *modev3.ProcessingMode
		settings map[string]any
		kinds    string
		status   int
	}{
		{"both bodies", override(buffered, streamed, modev3.ProcessingMode_DEFAULT), nil, "request-headers request-body response-headers response-body", 0},
		{"nothing more", override(none, none, modev3.ProcessingMode_SKIP), map[string]any{"requestBodyMode": "buffered", "responseBodyMode": "buffered"}, "request-headers", 0},
		{"not allowed", override(buffered, buffered, modev3.ProcessingMode_SKIP), map[string]any{"allowModeOverride": false}, "request-headers response-headers", 0},
		{"too long", override(buffered, none, modev3.ProcessingMode_SKIP), map[string]any{"bodyLimit": 2}, "request-headers", 413},
		{"full duplex", override(modev3.ProcessingMode_FULL_DUPLEX_STREAMED, none, modev3.ProcessingMode_SKIP), nil, "request-headers", 500},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, uri, _ := startProcessor(t, wanting(c.mode))
			settings := map[string]any{"uri": uri}
			for k, v := range c.settings {
				settings[k] = v
			}
			out := newGateway(t, settings).send(exchange("abc"), replying("abc"))
			if out.verdict.Answer.Status != c.status {
				t.Errorf("%v", out.verdict)
			}
			if _, kinds := p.seen(); kinds != c.kinds {
				t.Errorf("the processor reads %s", kinds)
			}
		})
	}
	t.Logf("played %d overrides", len(cases))
}

// TestAnswers plays what a processor may answer to headers beyond agreeing.
func TestAnswers(t *testing.T) {
	replace := &procv3.CommonResponse{
		Status:       procv3.CommonResponse_CONTINUE_AND_REPLACE,
		BodyMutation: &procv3.BodyMutation{Mutation: &procv3.BodyMutation_Body{Body: []byte("new")}},
	}
	mutation := func(options ...*corev3.HeaderValueOption) *procv3.CommonResponse {
		return &procv3.CommonResponse{HeaderMutation: &procv3.HeaderMutation{SetHeaders: options}}
	}
	cases := []struct {
		name string
		// to is "request" or "response": the headers so answered.
		to     string
		answer func(*procv3.ProcessingRequest) *procv3.ProcessingResponse
		err    error
		status int
		body   string
		action traffic.Action
	}{
		{name: "refusal", to: "request", answer: fixed(immediate(403, "no", set("x-why", "1"), set("content-length", "9"))), status: 403, body: "no", action: traffic.Refused},
		{name: "answer", to: "request", answer: fixed(immediate(0, "cached")), status: 200, body: "cached", action: traffic.Answered},
		{name: "answer on the way out", to: "response", answer: fixed(immediate(451, "no")), status: 451, body: "no", action: traffic.Refused},
		{name: "replaced request", to: "request", answer: common(replace), status: 200, body: "new/reply"},
		{name: "replaced response", to: "response", answer: common(replace), status: 200, body: "abc/new"},
		{name: "cleared", to: "request", answer: common(&procv3.CommonResponse{Status: procv3.CommonResponse_CONTINUE_AND_REPLACE}), status: 200, body: "/reply"},
		{name: "wrong kind", to: "request", answer: fixed(agree(&procv3.ProcessingRequest{Request: &procv3.ProcessingRequest_RequestBody{}}, nil)), status: 500, action: traffic.Failed},
		{name: "nothing in it", to: "request", answer: fixed(&procv3.ProcessingResponse{}), status: 500, action: traffic.Failed},
		{name: "split header", to: "request", answer: common(mutation(set("x-a", "1\r\nx-b: 2"))), status: 500, action: traffic.Failed},
		{name: "ambiguous path", to: "request", answer: common(mutation(set(":path", "/api/%2e%2e%2fadmin"))), status: 500, action: traffic.Failed},
		{name: "path of another API", to: "request", answer: common(mutation(set(":path", "/apis"))), status: 500, action: traffic.Failed},
		{name: "split query", to: "request", answer: common(mutation(set(":path", "/api?a b"))), status: 500, action: traffic.Failed},
		{name: "no status", to: "response", answer: common(mutation(set(":status", "99"))), status: 500, action: traffic.Failed},
		{name: "no status of its own", to: "request", answer: fixed(immediate(101, "")), status: 500, action: traffic.Failed},
		{name: "error", to: "request", err: errors.New("secret"), status: 500, action: traffic.Failed},
		{name: "error on the way out", to: "response", err: errors.New("secret"), status: 500, action: traffic.Failed},
		{name: "done", to: "request", err: io.EOF, status: 200, body: "abc/reply"},
		{name: "done on the way out", to: "response", err: io.EOF, status: 200, body: "abc/reply"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, uri, _ := startProcessor(t, func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
				if (m.GetRequestHeaders() != nil) != (c.to == "request") {
					return agreeing(m)
				}
				if c.err != nil {
					return nil, c.err
				}
				return []*procv3.ProcessingResponse{c.answer(m)}, nil
			})
			out := newGateway(t, map[string]any{"uri": uri}).send(exchange("abc"), replying("reply"))
			body := out.body
			if c.action == 0 {
				body = out.sentBody + "/" + out.body
			}
			if c.action == traffic.Failed {
				c.body = body // the envelope
			}
			if out.x.Response.Status != c.status || body != c.body || out.verdict.Action != c.action {
				t.Errorf("%d %q %v (%s)", out.x.Response.Status, body, out.verdict.Action, out.verdict.Reason)
			}
			if strings.Contains(out.verdict.Reason+out.body, "secret") || out.x.Response.Header.Has("content-length") {
				t.Errorf("%q, %v", out.verdict.Reason, out.x.Response.Header)
			}
			open := newGateway(t, map[string]any{"uri": uri, "failureModeAllow": true}).send(exchange("abc"), replying("reply"))
			if open.verdict.Stops() != (c.action != 0 && c.action != traffic.Failed) {
				t.Errorf("with failureModeAllow: %v", open.verdict)
			}
			if c.action == traffic.Failed && len(open.x.NotInspected) != 1 {
				t.Errorf("not recorded: %v", open.x.NotInspected)
			}
		})
	}
	t.Logf("played %d answers", len(cases))
}

func fixed(r *procv3.ProcessingResponse) func(*procv3.ProcessingRequest) *procv3.ProcessingResponse {
	return func(*procv3.ProcessingRequest) *procv3.ProcessingResponse { return r }
}

func common(c *procv3.CommonResponse) func(*procv3.ProcessingRequest) *procv3.ProcessingResponse {
	return func(m *procv3.ProcessingRequest) *procv3.ProcessingResponse { return agree(m, c) }
}

// TestFailures kills the processor, slows it down, and puts silence in its place.
func TestFailures(t *testing.T) {
	wait := func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		more := &procv3.ProcessingResponse{OverrideMessageTimeout: durationpb.New(5 * time.Second)}
		time.Sleep(50 * time.Millisecond)
		return []*procv3.ProcessingResponse{more, more, agree(m, nil)}, nil
	}
	late := func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		time.Sleep(400 * time.Millisecond)
		return agreeing(m)
	}
	granted := func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) { return agreeing(m) }
	cases := []struct {
		name     string
		answer   func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error)
		settings map[string]any
		status   int
	}{
		{"in time", granted, map[string]any{"messageTimeout": 2000}, 200},
		{"late", late, map[string]any{"messageTimeout": 100}, 504},
		{"late and let pass", late, map[string]any{"messageTimeout": 100, "failureModeAllow": true}, 200},
		{"more time", wait, map[string]any{"messageTimeout": 1000, "maxMessageTimeout": 5000}, 200},
	}
	for _, c := range cases {
		_, uri, _ := startProcessor(t, c.answer)
		c.settings["uri"] = uri
		out := newGateway(t, c.settings).send(exchange("abc"), replying("reply"))
		if out.x.Response.Status != c.status {
			t.Errorf("%s: %d (%s)", c.name, out.x.Response.Status, out.verdict.Reason)
		}
	}
	_, uri, stop := startProcessor(t, agreeing)
	g := newGateway(t, map[string]any{"uri": uri})
	if out := g.send(exchange(""), replying("")); out.verdict.Stops() {
		t.Fatal(out.verdict)
	}
	stop()
	if out := g.send(exchange(""), replying("")); out.x.Response.Status != 500 || !strings.Contains(out.verdict.Reason, "Unavailable") {
		t.Errorf("a processor that is gone: %v", out.verdict)
	}
	t.Logf("played %d failures", len(cases)+1)
}

// TestMoreTime holds that more time is granted only up to the bound.
func TestMoreTime(t *testing.T) {
	cases := map[time.Duration]int{900 * time.Millisecond: 200, time.Hour: 504, 0: 504}
	for asked, want := range cases {
		ask := []*procv3.ProcessingResponse{{OverrideMessageTimeout: durationpb.New(asked)}}
		p, uri, _ := startProcessor(t, nil)
		p.answer = func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) { return ask, nil }
		p.after = func(m *procv3.ProcessingRequest) []*procv3.ProcessingResponse {
			time.Sleep(300 * time.Millisecond)
			return []*procv3.ProcessingResponse{agree(m, nil)}
		}
		out := newGateway(t, map[string]any{"uri": uri, "messageTimeout": 100, "maxMessageTimeout": 1000}).send(exchange(""), replying(""))
		if out.x.Response.Status != want {
			t.Errorf("%v: %d, want %d", asked, out.x.Response.Status, want)
		}
	}
	t.Logf("asked for more time %d times", len(cases))
}

// TestObservability holds that the processor is shown everything and that
// nobody waits for it, be it slow, hostile or gone.
func TestObservability(t *testing.T) {
	settings := func(uri string) map[string]any {
		return map[string]any{"uri": uri, "observabilityMode": true, "requestBodyMode": "streamed", "responseBodyMode": "streamed", "messageTimeout": 60_000}
	}
	p, uri, _ := startProcessor(t, func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		return []*procv3.ProcessingResponse{immediate(403, "no")}, nil
	})
	out := newGateway(t, settings(uri)).send(exchange("abc"), replying("reply"))
	if out.verdict.Stops() || out.body != "reply" || out.sentBody != "abc" {
		t.Errorf("%v %q %q", out.verdict, out.sentBody, out.body)
	}
	<-p.ended
	messages, kinds := p.seen()
	if kinds != "request-headers request-body response-headers response-body" {
		t.Errorf("the processor reads %s", kinds)
	}
	for _, m := range messages {
		if !m.GetObservabilityMode() {
			t.Errorf("not marked: %v", m)
		}
	}
	held := make(chan struct{})
	_, slow, _ := startProcessor(t, func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) { <-held; return nil, io.EOF })
	g := newGateway(t, settings(slow))
	for range 50 {
		if out := g.send(exchange("abc"), replying("reply")); out.verdict.Stops() {
			t.Errorf("%v", out.verdict)
		}
	}
	g.close() // ends what is still being shown
	close(held)
	if out := g.send(exchange("abc"), replying("reply")); out.verdict.Stops() || len(out.x.NotInspected) != 1 {
		t.Errorf("%v %v", out.verdict, out.x.NotInspected)
	}
	if out := newGateway(t, settings("h2://127.0.0.1:1")).send(exchange("abc"), replying("reply")); out.verdict.Stops() {
		t.Errorf("a processor that is gone: %v", out.verdict)
	}
}

// TestStreams holds what becomes of streams whose body the processor wants.
func TestStreams(t *testing.T) {
	asking := func(m *procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error) {
		a := agree(m, nil)
		a.ModeOverride = override(none, buffered, modev3.ProcessingMode_DEFAULT)
		return []*procv3.ProcessingResponse{a}, nil
	}
	cases := []struct {
		name     string
		settings map[string]any
		answer   func(*procv3.ProcessingRequest) ([]*procv3.ProcessingResponse, error)
		status   int
	}{
		{"headers only", map[string]any{}, agreeing, 200},
		{"body", map[string]any{"responseBodyMode": "buffered"}, agreeing, 403},
		{"body, skipped", map[string]any{"responseBodyMode": "buffered", "onStream": "skip"}, agreeing, 200},
		{"asked for", map[string]any{}, asking, 502},
		{"asked for, skipped", map[string]any{"onStream": "skip"}, asking, 200},
	}
	for _, c := range cases {
		_, uri, _ := startProcessor(t, c.answer)
		c.settings["uri"] = uri
		out := newGateway(t, c.settings).send(exchange(""), func(r *traffic.Response) { replying("data: 1\n\n")(r); r.Streaming = true })
		if out.x.Response.Status != c.status {
			t.Errorf("%s: %d (%s)", c.name, out.x.Response.Status, out.verdict.Reason)
		}
	}
	t.Logf("played %d streams", len(cases))
}

// BenchmarkProcess is one exchange whose headers a processor on this machine
// reads both ways.
func BenchmarkProcess(b *testing.B) {
	p, uri, _ := startProcessor(b, agreeing)
	go func() {
		for range p.ended {
		}
	}()
	g := newGateway(b, map[string]any{"uri": uri, "messageTimeout": 60_000})
	b.ReportAllocs()
	for b.Loop() {
		if out := g.send(exchange(""), replying("")); out.verdict.Stops() {
			b.Fatal(out.verdict)
		}
	}
}
