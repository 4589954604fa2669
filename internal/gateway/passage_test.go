package gateway

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// watching is a step that judges after the response, and how often it did.
func watching(judged *atomic.Int32) policy.Step {
	return policy.Step{
		RequestBody: policy.Need{Mode: policy.Teed, Limit: 1 << 20},
		End: func(x *traffic.Exchange) {
			if strings.HasPrefix(string(x.Request.Body.Bytes()), "evil") {
				judged.Add(1)
			}
		},
		Background: true,
	}
}

// TestServiceAnswersBeforeTheBodyEnds is for the race detector: the transport
// reads the request while its answer is sealed and judged.
func TestServiceAnswersBeforeTheBodyEnds(t *testing.T) {
	var judged atomic.Int32
	b := newBench(t, setup{
		service: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "early")
		},
		steps: []policy.Step{watching(&judged)},
	})
	for range 3 {
		conn := b.dial()
		if _, err := io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nevil"); err != nil {
			t.Fatal(err)
		}
		go func() {
			for range 200 {
				if _, err := conn.Write(make([]byte, 2000)); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		a := b.read(conn)
		if r := b.records.find(t, a.id); a.status != http.StatusOK || a.body != "early" || r.BytesIn == 0 {
			t.Errorf("status %d, %q, record %+v", a.status, a.body, r)
		}
	}
	if judged.Load() != 3 {
		t.Errorf("%d judgements", judged.Load())
	}
}

// TestLeavingEarlyEscapesNoJudgement holds that a client does not escape watch
// mode by closing the connection before it has read the answer.
func TestLeavingEarlyEscapesNoJudgement(t *testing.T) {
	var judged atomic.Int32
	b := newBench(t, setup{
		service: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for part := make([]byte, 64<<10); ; {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		},
		steps: []policy.Step{watching(&judged)},
	})
	conn := b.dial()
	if _, err := io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil"); err != nil {
		t.Fatal(err)
	}
	a, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // 101 or a refusal, read no further
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r := b.records.find(t, a.Header.Get("X-Correlation-Id"))
	if r.Outcome != traffic.Errored || r.Reason != "the answer was cut off" || r.BytesIn != 4 || r.BytesOut == 0 || judged.Load() != 1 {
		t.Errorf("%d judgements, record %+v", judged.Load(), r)
	}
}

func TestJudgesSurvivePanics(t *testing.T) {
	panicked := make(chan any, 1)
	j := newJudges(2, func(value any) { panicked <- value })
	done := make(chan struct{})
	for _, work := range []func(){func() { panic("no") }, func() { close(done) }} {
		if !j.submit(work) {
			t.Fatal("there was no room")
		}
	}
	<-done
	if value := <-panicked; value != "no" {
		t.Errorf("the panic was %v", value)
	}
	j.stop(t.Context())
}

// TestConnectionNamesNothingOfOurs holds that what Connection names is gone
// before the chain runs, so that it removes nothing that a step sets.
func TestConnectionNamesNothingOfOurs(t *testing.T) {
	got := make(chan http.Header, 1)
	b := newBench(t, setup{
		service: func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Clone() },
		steps: []policy.Step{{Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if x.Request.Header.Has("x-private") {
				return policy.Refuse(http.StatusForbidden, "No.", "a step sees what stays here")
			}
			x.Request.Header.Set("x-role", "guest")
			return policy.Go()
		}}},
	})
	a := b.send("GET /a HTTP/1.1\nHost: x\nConnection: x-private, X-Role\nX-Private: 1\nX-Role: admin", "")
	if a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	if h := <-got; h.Get("X-Role") != "guest" || h.Get("X-Private") != "" || h.Get("Connection") != "" {
		t.Errorf("the service reads %v", h)
	}
}
