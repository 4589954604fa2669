package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// calls is a bench whose clients speak HTTP/2 over TLS and whose service HTTP/2
// in the clear, as gRPC does.
func calls(t *testing.T, service http.HandlerFunc, steps ...policy.Step) (*bench, *http.Client) {
	t.Helper()
	upstream := httptest.NewUnstartedServer(service)
	upstream.Config.Protocols = new(http.Protocols)
	upstream.Config.Protocols.SetUnencryptedHTTP2(true)
	upstream.Start()
	t.Cleanup(upstream.Close)
	identity := httptest.NewUnstartedServer(nil)
	identity.EnableHTTP2 = true
	identity.StartTLS()
	t.Cleanup(identity.Close)
	s := &setup{steps: steps}
	b := newBench(t, *s)
	rev := b.revision(s)
	rev.Number, rev.Services[0].Address = 2, strings.Replace(upstream.URL, "http:", "h2:", 1)
	next := b.compile(rev, s)
	next.Listeners["127.0.0.1:0"].TLS = identity.TLS.Clone()
	next.Listeners["127.0.0.1:0"].TLS.NextProtos = []string{"h2"}
	if err := b.g.Load(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	b.host = b.g.Addresses()["127.0.0.1:0"].String()
	client := identity.Client()
	t.Cleanup(client.CloseIdleConnections)
	return b, client
}

func grpcMessage(flags byte, data string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(data)))) + data
}

func readMessage(r io.Reader) (string, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	data := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, data)
	return string(head[:1]) + string(data), err
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// repeating is a service that answers every message with itself at once, and
// "speak" with an attack.
func repeating(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Encoding", r.Header.Get("Grpc-Encoding"))
	h.Set("Trailer", "Grpc-Status")
	if r.URL.Path != "/late" {
		_ = http.NewResponseController(w).Flush()
	}
	for {
		text, err := readMessage(r.Body)
		if err != nil {
			if errors.Is(err, io.EOF) {
				h.Set("Grpc-Status", "0")
			}
			return
		}
		if text == "\x00speak" {
			text = "\x00an attack"
		}
		_, _ = io.WriteString(w, grpcMessage(text[0], text[1:]))
		_ = http.NewResponseController(w).Flush()
	}
}

// call makes a call in which each message is sent when the one before has been
// answered; it gives the answers and the status.
func call(t *testing.T, b *bench, client *http.Client, path, encoding string, messages ...string) (answers []string, status, text, id string) {
	t.Helper()
	body, send := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	if encoding != "" {
		r.Header.Set("Grpc-Encoding", encoding)
	}
	more := make(chan bool, len(messages)+1)
	more <- true
	go func() {
		for _, one := range messages {
			<-more
			if _, err := io.WriteString(send, one); err != nil {
				return
			}
		}
		<-more
		_ = send.Close()
	}()
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	defer send.Close()
	for {
		one, err := readMessage(a.Body)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("%s: reading the answer: %v", path, err)
			}
			break
		}
		answers = append(answers, one)
		more <- true
	}
	status, text = a.Trailer.Get("Grpc-Status"), a.Trailer.Get("Grpc-Message")
	if status == "" {
		status, text = a.Header.Get("Grpc-Status"), a.Header.Get("Grpc-Message")
	}
	return answers, status, text, a.Header.Get("X-Correlation-Id")
}

func TestGRPCMessagesAreJudged(t *testing.T) {
	one, zip := grpcMessage(0, "one"), gzipped("two")
	cases := []struct {
		name, path, encoding string
		from                 policy.Senders
		say, want            []string
		status               string
		outcome              traffic.Outcome
		reason               string
		messages             traffic.Messages
	}{
		{name: "unary", path: "/a", say: []string{one}, want: []string{"\x00one"}, status: "0", outcome: traffic.Served, messages: traffic.Messages{In: 1, Out: 1}},
		{name: "unary, late head", path: "/late", say: []string{one}, want: []string{"\x00one"}, status: "0", outcome: traffic.Served, messages: traffic.Messages{In: 1, Out: 1}},
		{name: "streaming", path: "/a", encoding: "gzip", say: []string{one, grpcMessage(1, zip), grpcMessage(0, "")}, want: []string{"\x00one", "\x01" + zip, "\x00"}, status: "0", outcome: traffic.Served, messages: traffic.Messages{In: 3, Out: 3}},
		{name: "long", path: "/a", from: policy.ClientOnly, say: []string{grpcMessage(0, strings.Repeat("x", 1<<19))}, want: []string{"\x00" + strings.Repeat("x", 1<<19)}, status: "0", outcome: traffic.Served, messages: traffic.Messages{In: 1}},
		{name: "attack", path: "/a", say: []string{grpcMessage(0, "attack")}, status: "7", outcome: traffic.RefusedByPolicy, reason: "attack in a gRPC message, from the client: true", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "attack before the head", path: "/late", say: []string{grpcMessage(0, "attack")}, status: "7", outcome: traffic.RefusedByPolicy, reason: "attack in a gRPC message, from the client: true", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "attack in gzip", path: "/a", encoding: "gzip", from: policy.ClientOnly, say: []string{one, grpcMessage(1, gzipped("attack"))}, want: []string{"\x00one"}, status: "7", outcome: traffic.RefusedByPolicy, reason: "attack in a gRPC message, from the client: true", messages: traffic.Messages{In: 2, Refused: 1}},
		{name: "of the service", path: "/a", say: []string{one, grpcMessage(0, "speak")}, want: []string{"\x00one"}, status: "7", outcome: traffic.RefusedByPolicy, reason: "attack in a gRPC message, from the client: false", messages: traffic.Messages{In: 2, Out: 2, Refused: 1}},
		{name: "unknown encoding", path: "/late", encoding: "snappy", say: []string{grpcMessage(1, "x")}, status: "12", outcome: traffic.RefusedByGateway, reason: "a gRPC message has an encoding that can't be inspected", messages: traffic.Messages{Refused: 1}},
		{name: "malformed", path: "/a", say: []string{one, grpcMessage(0x80, "attack")}, want: []string{"\x00one"}, status: "3", outcome: traffic.RefusedByGateway, reason: "a gRPC message has an unknown flag", messages: traffic.Messages{In: 1, Out: 1, Refused: 1}},
		{name: "too long", path: "/a", say: []string{grpcMessage(0, strings.Repeat("x", 1<<20))}, status: "8", outcome: traffic.RefusedByGateway, reason: "a message is larger than the largest allowed", messages: traffic.Messages{Refused: 1}},
		{name: "panic", path: "/late", say: []string{grpcMessage(0, "panic")}, status: "14", outcome: traffic.Errored, reason: "the policy panicked; the log of this moment has the details", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "too short", path: "/late", say: []string{grpcMessage(0, "attack")[:8]}, status: "3", outcome: traffic.RefusedByGateway, reason: "a gRPC message ends before its length", messages: traffic.Messages{Refused: 1}},
	}
	for _, c := range cases {
		var seen atomic.Int64
		b, client := calls(t, repeating, attentive(c.from, &seen))
		say := c.say
		if c.name == "too short" {
			say = []string{c.say[0], ""}
		}
		answers, status, text, id := callOrEnd(t, b, client, c.path, c.encoding, c.name == "too short", say...)
		if !slices.Equal(answers, c.want) || status != c.status {
			t.Errorf("%s: %.200q, status %q", c.name, answers, status)
		}
		if c.outcome != traffic.Served && !strings.Contains(text, id) || strings.Contains(text, "panicked") {
			t.Errorf("%s: the client reads %q", c.name, text)
		}
		r := b.records.find(t, id)
		if r.Outcome != c.outcome || r.Reason != c.reason || r.Messages != c.messages {
			t.Errorf("%s: the record is %+v", c.name, r)
		}
		b.gaveBack()
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 12 {
		t.Error("too few")
	}
}

// callOrEnd is call; at once sends all and ends without waiting for answers.
func callOrEnd(t *testing.T, b *bench, client *http.Client, path, encoding string, atOnce bool, messages ...string) (answers []string, status, text, id string) {
	t.Helper()
	if !atOnce {
		return call(t, b, client, path, encoding, messages...)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.host+path, strings.NewReader(strings.Join(messages, "")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	_, _ = io.Copy(io.Discard, a.Body)
	return nil, a.Header.Get("Grpc-Status"), a.Header.Get("Grpc-Message"), a.Header.Get("X-Correlation-Id")
}

// TestGRPCThatCannotBeInspected holds that it is refused at the begin.
func TestGRPCThatCannotBeInspected(t *testing.T) {
	var seen atomic.Int64
	b, client := calls(t, repeating, attentive(policy.ClientOnly, &seen))
	for _, fields := range []map[string]string{
		{"Content-Type": "application/grpc-web-text"},
		{"Content-Type": "application/grpc", "Content-Encoding": "gzip"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.host+"/a", strings.NewReader("AAAA"))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range fields {
			r.Header.Set(name, value)
		}
		a, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%v: status %d", fields, a.StatusCode)
		}
	}
	if seen.Load() != 0 {
		t.Errorf("%d messages were judged", seen.Load())
	}
}

// TestGRPCWithoutInspectionIsNotParsed holds that what is no message passes.
func TestGRPCWithoutInspectionIsNotParsed(t *testing.T) {
	b, client := calls(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = io.Copy(w, r.Body)
	}, policy.Step{OnStream: policy.SkipStream, RequestBody: policy.Need{Mode: policy.Buffered, Limit: 1}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.host+"/a", strings.NewReader("no message"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if body, err := io.ReadAll(a.Body); err != nil || string(body) != "no message" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestServiceEndsCallEarly holds that the end of a call reaches the client while
// the client still has its side open.
func TestServiceEndsCallEarly(t *testing.T) {
	b, client := calls(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = readMessage(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.WriteString(w, grpcMessage(0, "enough"))
		w.Header().Set("Grpc-Status", "5")
	})
	// Never told to go on, the client never ends its side.
	answers, status, _, id := call(t, b, client, "/a", "", grpcMessage(0, "one"), "", "", "")
	if !slices.Equal(answers, []string{"\x00enough"}) || status != "5" {
		t.Errorf("%q, status %q", answers, status)
	}
	if r := b.records.find(t, id); r.Outcome != traffic.Served || r.Took > 20*time.Second {
		t.Errorf("the record is %+v", r)
	}
}

func TestEventsAreJudged(t *testing.T) {
	cases := []struct {
		name, events, encoding string
		from                   policy.Senders
		want                   string
		outcome                traffic.Outcome
		status                 int
		out                    int64
	}{
		{name: "agreed", events: "data: 1\n\n: 2\r\n\r\ndata: 3", want: "data: 1\n\n: 2\r\n\r\ndata: 3", outcome: traffic.Served, status: 200, out: 3},
		{name: "attack", events: "data: 1\n\ndata: attack\n\ndata: 3\n\n", want: "data: 1\n\n", outcome: traffic.RefusedByPolicy, status: 200, out: 2},
		{name: "not looked at", from: policy.ClientOnly, events: "data: attack\n\n", want: "data: attack\n\n", outcome: traffic.Served, status: 200},
		{name: "compressed", encoding: "gzip", events: "x", outcome: traffic.Errored, status: 502},
		{name: "compressed, not looked at", from: policy.ClientOnly, encoding: "gzip", events: "x", want: "x", outcome: traffic.Served, status: 200},
	}
	for _, c := range cases {
		var seen atomic.Int64
		asked := make(chan string, 1)
		b := newBench(t, setup{service: func(w http.ResponseWriter, r *http.Request) {
			asked <- r.Header.Get("Accept-Encoding")
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Length", fmt.Sprint(len(c.events)))
			if c.encoding != "" {
				w.Header().Set("Content-Encoding", c.encoding)
			}
			_, _ = io.WriteString(w, c.events)
		}, steps: []policy.Step{attentive(c.from, &seen)}})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.host+"/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/event-stream")
		r.Header.Set("Accept-Encoding", "gzip")
		a, err := b.service.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if a.StatusCode != c.status || a.StatusCode == 200 && string(body) != c.want || (err != nil) != (c.outcome == traffic.RefusedByPolicy) {
			t.Errorf("%s: status %d, %q, %v", c.name, a.StatusCode, body, err)
		}
		if got := <-asked; (got == "") != (c.from != policy.ClientOnly) {
			t.Errorf("%s: the service may compress by %q", c.name, got)
		}
		record := b.records.find(t, a.Header.Get("X-Correlation-Id"))
		if record.Outcome != c.outcome || record.Messages.Out != c.out || seen.Load() != c.out {
			t.Errorf("%s: %d seen, the record is %+v", c.name, seen.Load(), record)
		}
		b.gaveBack()
	}
	t.Logf("%d cases", len(cases))
}

// TestStepsThatOnlyLog holds that a step which protects nothing lets pass what it
// can't read, and that this is recorded; and that one which looks at events only
// does not touch other streams.
func TestStepsThatOnlyLog(t *testing.T) {
	var seen atomic.Int64
	logging := attentive(policy.ServiceOnly, &seen)
	logging.EventsOnly, logging.MessagesBestEffort, logging.RequestBody = true, true, policy.Need{}
	b := newBench(t, setup{service: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.URL.Path == "/packed" {
			w.Header().Set("Content-Encoding", "gzip")
		}
		_, _ = io.WriteString(w, "data: 1\n\n")
	}, steps: []policy.Step{logging}})
	for path, want := range map[string]int64{"/packed": 0, "/clear": 1} {
		seen.Store(0)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		a, err := b.service.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		record := b.records.find(t, a.Header.Get("X-Correlation-Id"))
		if err != nil || a.StatusCode != http.StatusOK || string(body) != "data: 1\n\n" || seen.Load() != want || (len(record.NotInspected) == 1) != (want == 0) {
			t.Errorf("%s: status %d, %q, %v, %d seen, not inspected: %v", path, a.StatusCode, body, err, seen.Load(), record.NotInspected)
		}
		b.gaveBack()
	}
}

// TestBothDirectionsAtOnce is for the race detector: both sides speak at once,
// every message leaves a finding, and in the end one is refused.
func TestBothDirectionsAtOnce(t *testing.T) {
	const each = 200
	step := attentive(policy.BothSenders, new(atomic.Int64))
	judge := step.Message
	step.Message = func(ctx context.Context, x *traffic.Exchange, m policy.Message) policy.Verdict {
		x.Findings = append(x.Findings, finding.Finding{Rule: "x"})
		x.Auth.SetProperty("n", len(x.Findings))
		if v := judge(ctx, x, m); v.Stops() {
			return v
		}
		return policy.Verdict{Action: traffic.Watched, Reason: "seen"}
	}
	step.Response = func(_ context.Context, x *traffic.Exchange) policy.Verdict {
		x.Auth.SetProperty("responds", true)
		return policy.Go()
	}
	b, client := calls(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		go func() { _, _ = io.Copy(io.Discard, r.Body) }()
		for range each {
			_, _ = io.WriteString(w, grpcMessage(0, "from the service"))
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}, step)
	body, send := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.host+"/a", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc")
	read := make(chan struct{})
	go func() {
		for range each {
			_, _ = io.WriteString(send, grpcMessage(0, "from the client"))
		}
		<-read
		_, _ = io.WriteString(send, grpcMessage(0, "attack"))
	}()
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	for range each {
		if _, err := readMessage(a.Body); err != nil {
			t.Fatal(err)
		}
	}
	close(read)
	if rest, err := io.ReadAll(a.Body); err != nil || len(rest) > 0 || a.Trailer.Get("Grpc-Status") != "7" {
		t.Errorf("%q, %v, %v", rest, err, a.Trailer)
	}
	_ = send.Close()
	record := b.records.find(t, a.Header.Get("X-Correlation-Id"))
	if want := (traffic.Messages{In: each + 1, Out: each, Refused: 1}); record.Messages != want || record.Outcome != traffic.RefusedByPolicy ||
		record.Step != "default/binding-0" || len(record.Decisions) > 40 {
		t.Errorf("the record is %+v", record)
	}
	b.gaveBack()
}
