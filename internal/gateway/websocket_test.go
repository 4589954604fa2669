package gateway

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// attentive is a step that refuses messages with an attack in them, and counts
// all that it sees.
func attentive(from policy.Senders, seen *atomic.Int64) policy.Step {
	return policy.Step{
		OnStream: policy.InspectStream, Messages: from,
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: 1000},
		Request: func(_ context.Context, x *traffic.Exchange) policy.Verdict {
			if x.Request.Streaming && x.Request.Body.Loaded() {
				return policy.Fail(http.StatusInternalServerError, "No.", "the body of a stream is loaded")
			}
			return policy.Go()
		},
		Message: func(_ context.Context, _ *traffic.Exchange, m policy.Message) policy.Verdict {
			seen.Add(1)
			switch {
			case bytes.Contains(m.Data, []byte("attack")):
				return policy.Refuse(http.StatusForbidden, "Attack.", fmt.Sprintf("attack in a %s message, from the client: %t", m.Kind, m.FromClient))
			case m.Partial:
				return policy.GoBecause("a long message")
			case bytes.Contains(m.Data, []byte("panic")):
				panic(string(m.Data))
			}
			return policy.Go()
		},
	}
}

// socket is one end of a WebSocket in a test.
type socket struct {
	r      *bufio.Reader
	w      io.Writer
	client bool
}

// frame writes a frame; the first byte is as it stands on the wire.
func (s *socket) frame(first byte, payload string) error {
	b, mask := []byte{first}, byte(0)
	if s.client {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if s.client {
		b = append(b, 0, 0, 0, 0x20) // changes the case of letters
	}
	for i := range len(payload) {
		c := payload[i]
		if s.client && i%4 == 3 {
			c ^= 0x20
		}
		b = append(b, c)
	}
	_, err := s.w.Write(b)
	return err
}

// read reads a frame.
func (s *socket) read() (first byte, payload string, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(s.r, head); err != nil {
		return 0, "", err
	}
	n := uint64(head[1] & 0x7f)
	more := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
	if _, err := io.ReadFull(s.r, more); err != nil {
		return 0, "", err
	}
	if len(more) > 0 {
		n = 0
	}
	for _, b := range more {
		n = n<<8 | uint64(b)
	}
	key := make([]byte, 4*int(head[1]>>7))
	if _, err := io.ReadFull(s.r, key); err != nil {
		return 0, "", err
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(s.r, data); err != nil {
		return 0, "", err
	}
	for i := range data {
		if len(key) > 0 {
			data[i] ^= key[i%4]
		}
	}
	return head[0], string(data), nil
}

// frames reads to the end, and gives frames as "81 text"; a Close frame as "88
// 1008".
func (s *socket) frames() (list []string) {
	for {
		first, payload, err := s.read()
		if err != nil {
			return list
		}
		if first == 0x88 && len(payload) >= 2 {
			payload = fmt.Sprint(binary.BigEndian.Uint16([]byte(payload)))
		}
		list = append(list, fmt.Sprintf("%x %s", first, payload[:min(len(payload), 20)]))
		if first == 0x88 {
			return list
		}
	}
}

// echoing is a service that answers every frame with itself, "speak" with an
// attack, and "break" with a broken frame. It tells what it has read.
func echoing(extensions string, heard chan<- []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if extensions != "" {
			extensions = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+extensions+"\r\n")
		var list []string
		s := &socket{r: both.Reader, w: conn}
		for {
			first, payload, err := s.read()
			if err != nil {
				heard <- list
				return
			}
			shown := payload
			if first == 0x88 && len(payload) >= 2 {
				shown = fmt.Sprint(binary.BigEndian.Uint16([]byte(payload)))
			}
			list = append(list, fmt.Sprintf("%x %s", first, shown[:min(len(shown), 20)]))
			switch payload {
			case "speak":
				payload = "an attack"
			case "break":
				first = 0x83
			}
			_ = s.frame(first, payload)
			if first == 0x88 {
				heard <- list
				return
			}
		}
	}
}

// open opens a WebSocket through the gateway, and gives the status of the answer
// and the id of the record.
func (b *bench) open(fields string) (s *socket, status int, id string) {
	b.t.Helper()
	conn := b.dial()
	head := "GET /a HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n" + fields + "\n"
	if _, err := io.WriteString(conn, strings.ReplaceAll(head, "\n", "\r\n")); err != nil {
		b.t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(); _ = a.Body.Close() })
	return &socket{r: r, w: conn, client: true}, a.StatusCode, a.Header.Get("X-Correlation-Id")
}

// squeezed compresses messages one after the other as permessage-deflate does.
func squeezed(texts ...string) (list []string) {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 9)
	for _, text := range texts {
		out.Reset()
		_, _ = io.WriteString(w, text)
		_ = w.Flush()
		list = append(list, strings.TrimSuffix(out.String(), "\x00\x00\xff\xff"))
	}
	return list
}

type said struct {
	first byte
	text  string
}

func TestWebSocketMessagesAreJudged(t *testing.T) {
	const deflate = "permessage-deflate; client_max_window_bits"
	zip := squeezed("hello hello", "hello hello")
	evil := squeezed("hello hello", "hello attack")
	both := func(list ...string) [2][]string { return [2][]string{list, list} }
	cases := []struct {
		name    string
		from    policy.Senders
		accepts string
		say     []said
		// want are the frames that the client and the service read.
		want     [2][]string
		outcome  traffic.Outcome
		reason   string
		messages traffic.Messages
	}{
		{name: "agreed", say: []said{{0x81, "one"}, {0x82, "two"}, {0x88, "\x03\xe8"}}, want: both("81 one", "82 two", "88 1000"), outcome: traffic.Served, messages: traffic.Messages{In: 2, Out: 2}},
		{name: "text", say: []said{{0x81, "attack"}}, want: both("88 1008"), outcome: traffic.RefusedByPolicy, reason: "attack in a text message, from the client: true", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "binary", say: []said{{0x82, "\x00attack"}}, want: both("88 1008"), outcome: traffic.RefusedByPolicy, reason: "attack in a binary message, from the client: true", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "of the client only", from: policy.ClientOnly, say: []said{{0x81, "attack"}}, want: both("88 1008"), outcome: traffic.RefusedByPolicy, reason: "attack in a text message, from the client: true", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "fragments", say: []said{{0x01, "one "}, {0x89, "ping"}, {0x80, "two"}, {0x88, "\x03\xe8"}}, want: both("1 one ", "89 ping", "80 two", "88 1000"), outcome: traffic.Served, messages: traffic.Messages{In: 1, Out: 1}},
		{name: "attack in fragments", say: []said{{0x01, "att"}, {0x89, "ping"}, {0x80, "ack"}}, want: both("88 1008"), outcome: traffic.RefusedByPolicy, reason: "attack in a text message, from the client: true", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "of the service", say: []said{{0x81, "speak"}}, want: [2][]string{{"88 1008"}, {"81 speak", "88 1008"}}, outcome: traffic.RefusedByPolicy, reason: "attack in a text message, from the client: false", messages: traffic.Messages{In: 1, Out: 1, Refused: 1}},
		{name: "not looked at", from: policy.ServiceOnly, say: []said{{0x81, "speak"}}, want: [2][]string{{"88 1008"}, {"81 speak", "88 1008"}}, outcome: traffic.RefusedByPolicy, reason: "attack in a text message, from the client: false", messages: traffic.Messages{Out: 1, Refused: 1}},
		{name: "compressed", accepts: "permessage-deflate", say: []said{{0xc1, zip[0]}, {0xc1, zip[1]}, {0x88, "\x03\xe8"}}, want: both("c1 "+zip[0], "c1 "+zip[1], "88 1000"), outcome: traffic.Served, messages: traffic.Messages{In: 2, Out: 2}},
		{name: "compressed attack", from: policy.ClientOnly, accepts: "permessage-deflate", say: []said{{0xc1, evil[0]}, {0xc1, evil[1]}}, want: [2][]string{{"88 1008"}, {"c1 " + evil[0], "88 1008"}}, outcome: traffic.RefusedByPolicy, reason: "attack in a text message, from the client: true", messages: traffic.Messages{In: 2, Refused: 1}},
		{name: "not agreed to be compressed", say: []said{{0xc1, zip[0]}}, want: both("88 1002"), outcome: traffic.RefusedByGateway, reason: "a frame has a reserved bit set", messages: traffic.Messages{Refused: 1}},
		{name: "too long", say: []said{{0x82, strings.Repeat("x", 1<<20)}}, want: both("88 1009"), outcome: traffic.RefusedByGateway, reason: "a message is larger than the largest allowed", messages: traffic.Messages{Refused: 1}},
		{name: "long", say: []said{{0x82, strings.Repeat("x", 1<<19)}, {0x88, "\x03\xe8"}}, want: both("82 xxxxxxxxxxxxxxxxxxxx", "88 1000"), outcome: traffic.Served, messages: traffic.Messages{In: 1, Out: 1}},
		{name: "malformed", say: []said{{0x83, "one"}}, want: both("88 1002"), outcome: traffic.RefusedByGateway, reason: "a frame has a reserved opcode", messages: traffic.Messages{Refused: 1}},
		{name: "malformed by the service", say: []said{{0x81, "break"}}, want: [2][]string{{"88 1002"}, {"81 break", "88 1002"}}, outcome: traffic.Errored, reason: "a frame has a reserved opcode", messages: traffic.Messages{In: 1, Refused: 1}},
		{name: "panic", say: []said{{0x81, "panic"}}, want: both("88 1008"), outcome: traffic.Errored, reason: "the policy panicked; the log of this moment has the details", messages: traffic.Messages{In: 1, Refused: 1}},
	}
	for _, c := range cases {
		heard := make(chan []string, 1)
		var seen atomic.Int64
		b := newBench(t, setup{service: echoing(c.accepts, heard), steps: []policy.Step{attentive(c.from, &seen)}})
		s, status, id := b.open("Sec-WebSocket-Extensions: other, " + deflate + "\n")
		if status != http.StatusSwitchingProtocols {
			t.Fatalf("%s: status %d", c.name, status)
		}
		for _, one := range c.say {
			// The gateway may have ended before it has read all.
			_ = s.frame(one.first, one.text)
		}
		got := s.frames()
		end(b, s)
		if service := <-heard; !equalFrames(got, c.want[0], c.outcome) || !equalFrames(service, c.want[1], c.outcome) {
			t.Errorf("%s: the client reads %.200q, the service %.200q", c.name, got, service)
		}
		r := b.records.find(t, id)
		if r.Outcome != c.outcome || r.Reason != c.reason || r.Messages.Refused != c.messages.Refused || r.Status != http.StatusSwitchingProtocols || r.BytesIn == 0 && c.messages.In > 0 {
			t.Errorf("%s: the record is %+v", c.name, r)
		}
		if c.outcome != traffic.Served {
			continue
		}
		if r.Messages != c.messages || seen.Load() != c.messages.In+c.messages.Out {
			t.Errorf("%s: %+v, %d seen", c.name, r.Messages, seen.Load())
		}
		b.gaveBack()
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 15 {
		t.Error("too few")
	}
}

// equalFrames compares what one side read. Where a side was refused while it
// spoke, echoes of what had passed may have come before.
func equalFrames(got, want []string, outcome traffic.Outcome) bool {
	if outcome != traffic.Served && len(got) > len(want) && len(want) > 0 {
		got = got[len(got)-len(want):]
	}
	return slices.Equal(got, want)
}

// end closes the client's side.
func end(b *bench, s *socket) {
	b.t.Helper()
	if c, ok := s.w.(io.Closer); ok {
		_ = c.Close()
	}
}

// gaveBack waits until no byte of the budget is taken.
func (b *bench) gaveBack() {
	b.t.Helper()
	for end := time.Now().Add(5 * time.Second); b.g.Stats().Buffered > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%d bytes stay taken", b.g.Stats().Buffered)
		}
	}
}

// TestWebSocketsThatCannotBeInspected holds that they are refused at the begin.
func TestWebSocketsThatCannotBeInspected(t *testing.T) {
	var seen atomic.Int64
	heard := make(chan []string, 1)
	b := newBench(t, setup{service: echoing("x-webkit-deflate-frame", heard), steps: []policy.Step{attentive(policy.ClientOnly, &seen)}})
	if a := b.send("GET /a HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 0", ""); a.status != http.StatusBadRequest {
		t.Errorf("an old version: status %d", a.status)
	}
	if _, status, _ := b.open("Sec-WebSocket-Extensions: x-webkit-deflate-frame\n"); status != http.StatusBadGateway {
		t.Errorf("an unknown extension: status %d", status)
	}
	<-heard
}

// TestStreamsWithoutInspectionAreNotParsed holds that what is no WebSocket frame
// passes where no step asks, or only of the other side.
func TestStreamsWithoutInspectionAreNotParsed(t *testing.T) {
	var seen atomic.Int64
	for name, steps := range map[string][]policy.Step{
		"no step": nil,
		"skips":   {{OnStream: policy.SkipStream, Message: attentive(0, &seen).Message, RequestBody: policy.Need{Mode: policy.Buffered, Limit: 1}}},
		"rules":   {{OnStream: policy.SkipStream}, attentive(policy.ServiceOnly, &seen)},
	} {
		b := newBench(t, setup{service: func(w http.ResponseWriter, _ *http.Request) {
			conn, both, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			line, _ := both.ReadString('\n')
			_ = (&socket{w: conn}).frame(0x81, line)
		}, steps: steps})
		s, _, _ := b.open("")
		if _, err := io.WriteString(s.w, "no frame at all\n"); err != nil {
			t.Fatal(err)
		}
		if _, text, err := s.read(); err != nil || text != "no frame at all\n" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if seen.Load() != 1 {
		t.Errorf("%d messages were judged", seen.Load())
	}
}
