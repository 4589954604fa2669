package stream_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"farrier.dev/farrier/internal/gateway/stream"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

var errAttack = errors.New("attack")

// judged remembers what a reader had judged.
type judged struct {
	texts []string
	kinds []policy.MessageKind
	parts int
}

func (j *judged) judge(m policy.Message) error {
	j.texts = append(j.texts, string(m.Data))
	j.kinds = append(j.kinds, m.Kind)
	if m.Partial {
		j.parts++
	}
	if bytes.Contains(m.Data, []byte("attack")) {
		return errAttack
	}
	return nil
}

// play reads a stream to its end and gives what passed and why it ended.
func play(t testing.TB, make func(io.Reader, stream.Options) *stream.Reader, fromClient bool, in []byte, bytewise bool) (out []byte, j judged, err error) {
	t.Helper()
	budget := traffic.NewBudget(64 << 20)
	from := io.Reader(bytes.NewReader(in))
	if bytewise {
		from = iotest.OneByteReader(from)
	}
	r := make(from, stream.Options{FromClient: fromClient, Judge: j.judge, Budget: budget})
	for {
		var piece []byte
		piece, err = r.Next()
		out = append(out, piece...)
		if err != nil {
			break
		}
		if len(piece) == 0 {
			t.Fatal("nothing and no error")
		}
		if budget.Used() > 5<<20 {
			t.Fatalf("a reader holds %d bytes", budget.Used())
		}
	}
	_ = r.Close()
	if _, again := r.Next(); !errors.Is(again, io.ErrClosedPipe) {
		t.Errorf("after Close: %v", again)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are not given back", budget.Used())
	}
	return out, j, err
}

// frame makes a frame of a client; the first byte is as it stands on the wire.
func frame(first byte, payload string) []byte { return frameOf(first, payload, true) }

func frameOf(first byte, payload string, masked bool) []byte {
	b := []byte{first}
	mask := byte(0)
	if masked {
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
	if !masked {
		return append(b, payload...)
	}
	key := []byte{0x1f, 0x80, 0x33, 0x07}
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i&3])
	}
	return b
}

// deflater compresses messages as RFC 7692 says.
type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

func newDeflater() *deflater {
	d := &deflater{}
	d.w, _ = flate.NewWriter(&d.out, 9)
	return d
}

func (d *deflater) message(text string) string {
	d.out.Reset()
	_, _ = io.WriteString(d.w, text)
	_ = d.w.Flush()
	return strings.TrimSuffix(d.out.String(), "\x00\x00\xff\xff")
}

// numbers is a text of 200,000 bytes that compresses as texts do.
func numbers() string {
	var b []byte
	for i := 0; len(b) < 200_000; i++ {
		b = append(strconv.AppendInt(b, int64(i*i), 10), ' ')
	}
	return string(b[:200_000])
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func socket(c stream.Compression) func(io.Reader, stream.Options) *stream.Reader {
	return func(r io.Reader, o stream.Options) *stream.Reader { return stream.NewWebSocket(r, o, c) }
}

type socketCase struct {
	name    string
	c       stream.Compression
	service bool
	in      []byte
	texts   []string
	// passes is what must come out; nil is all.
	passes []byte
	// why is part of the error; empty is a regular end. close is its status.
	why   string
	close uint16
}

func socketCases() []socketCase {
	takeover, resets := stream.Compression{On: true}, stream.Compression{On: true, ClientResets: true}
	d, none := newDeflater(), []byte{}
	long := strings.Repeat("a", 200)
	noise := numbers()
	final := func(text string) string {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.String()
	}
	first := frame(0x81, "one")
	cases := []socketCase{
		{name: "text", in: join(first, frame(0x82, "two")), texts: []string{"one", "two"}},
		{name: "lengths", in: join(frame(0x81, long), frame(0x81, noise)), texts: []string{long, noise[:stream.Inspected]}},
		{name: "empty", in: frame(0x81, ""), texts: []string{""}},
		{name: "of the service", service: true, in: frameOf(0x81, "one", false), texts: []string{"one"}},
		{name: "fragments", in: join(frame(0x01, "a"), frame(0x89, "ping"), frame(0x00, "tt"), frame(0x8a, ""), frame(0x80, "ic")), texts: []string{"attic"}},
		{name: "attack in fragments", in: join(first, frame(0x01, "att"), frame(0x89, "ping"), frame(0x80, "ack"), first), texts: []string{"one", "attack"}, passes: first, why: "attack"},
		{name: "binary attack", in: frame(0x82, "\x00attack"), texts: []string{"\x00attack"}, passes: none, why: "attack"},
		{name: "closed", in: join(first, frame(0x88, "\x03\xe8bye"), frame(0x81, "attack")), texts: []string{"one"}, passes: join(first, frame(0x88, "\x03\xe8bye")), why: "closed the stream"},
		{name: "closed in a message", in: join(frame(0x01, "att"), frame(0x88, "")), passes: frame(0x88, ""), why: "closed the stream"},
		{name: "ends in a frame", in: join(first, frame(0x81, "attack")[:8]), texts: []string{"one"}, passes: first},
		{name: "ends in a message", in: join(first, frame(0x01, "attack")), texts: []string{"one"}, passes: first},
		{name: "not masked", in: frameOf(0x81, "one", false), passes: none, why: "masked", close: 1002},
		{name: "masked", service: true, in: first, passes: none, why: "masked", close: 1002},
		{name: "RSV1 without compression", in: frame(0xc1, "one"), passes: none, why: "reserved bit", close: 1002},
		{name: "RSV2", c: takeover, in: frame(0xa1, "one"), passes: none, why: "reserved bit", close: 1002},
		{name: "RSV3", in: frame(0x91, "one"), passes: none, why: "reserved bit", close: 1002},
		{name: "RSV1 on a ping", c: takeover, in: frame(0xc9, ""), passes: none, why: "reserved bit", close: 1002},
		{name: "RSV1 on a continuation", c: takeover, in: join(frame(0x01, "a"), frame(0xc0, "b")), passes: none, why: "reserved bit", close: 1002},
		{name: "opcode 3", in: frame(0x83, ""), passes: none, why: "opcode", close: 1002},
		{name: "opcode 11", in: frame(0x8b, ""), passes: none, why: "opcode", close: 1002},
		{name: "fragmented ping", in: frame(0x09, ""), passes: none, why: "control frame is fragmented", close: 1002},
		{name: "long ping", in: frame(0x89, long), passes: none, why: "control frame is too long", close: 1002},
		{name: "half a status", in: frame(0x88, "x"), passes: none, why: "half a status", close: 1002},
		{name: "continues nothing", in: frame(0x80, "x"), passes: none, why: "continues no message", close: 1002},
		{name: "message in message", in: join(frame(0x01, "x"), frame(0x81, "y")), passes: none, why: "within another", close: 1002},
		{name: "16 bits for a short length", in: []byte{0x81, 0xfe, 0, 5, 0, 0, 0, 0}, passes: none, why: "longer than needed", close: 1002},
		{name: "64 bits for a short length", in: []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}, passes: none, why: "longer than needed", close: 1002},
		{name: "negative length", in: []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, passes: none, why: "highest bit", close: 1002},
		{name: "announced too long", in: []byte{0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0}, passes: none, why: "larger than the largest", close: 1009},
		{name: "too long in fragments", in: join(frame(0x01, "x"), bytes.Repeat(frame(0x00, noise), 6)), passes: none, why: "larger than the largest", close: 1009},
		{name: "too many empty fragments", in: join(frame(0x01, "x"), bytes.Repeat(frame(0x00, ""), 1<<18)), passes: none, why: "larger than the largest", close: 1009},

		{
			name: "memory of the message before", c: takeover, texts: []string{"at a tack", noise[:100], "at a tack"},
			in: join(frame(0xc1, d.message("at a tack")), frame(0xc2, d.message(noise[:100])), frame(0xc1, d.message("at a tack"))),
		},
		{name: "compressed and not", c: takeover, in: join(frame(0xc1, newDeflater().message("one")), frame(0x81, "two")), texts: []string{"one", "two"}},
		{name: "no memory", c: resets, in: bytes.Repeat(frame(0xc1, newDeflater().message("one")), 2), texts: []string{"one", "one"}},
		{name: "compressed nothing", c: takeover, in: frame(0xc1, "\x00"), texts: []string{""}},
		{name: "compressed attack", c: takeover, in: frame(0xc1, newDeflater().message("attack")), texts: []string{"attack"}, passes: none, why: "attack"},
		{
			name: "compressed attack in fragments", c: takeover, texts: []string{"an attack"}, passes: none, why: "attack",
			in: join(frame(0x41, newDeflater().message("an attack")[:3]), frame(0x80, newDeflater().message("an attack")[3:])),
		},
		{name: "longer than inspected", c: takeover, in: frame(0xc1, newDeflater().message(noise[:150_000])), texts: []string{noise[:stream.Inspected]}},
		{name: "not compressed", c: takeover, in: frame(0xc1, "attack"), passes: none, why: "can't be decompressed", close: 1007},
		{name: "cut", c: takeover, in: frame(0xc1, newDeflater().message(noise)[:9]), passes: none, why: "can't be decompressed", close: 1007},
		{name: "behind its end", c: takeover, in: frame(0xc1, final("one")+final("attack")), passes: none, why: "ends before its data", close: 1007},
		{name: "bomb", c: takeover, in: frame(0xc1, newDeflater().message(strings.Repeat("a", 2<<20))), passes: none, why: "too large when decompressed", close: 1009},
		{name: "small bomb", c: takeover, in: frame(0xc1, newDeflater().message(strings.Repeat("a", 100_000))), passes: none, why: "too large when decompressed", close: 1009},
	}
	// What a sender remembers that agreed to forget can't be read.
	forgets := newDeflater()
	cases = append(cases, socketCase{
		name: "memory against the agreement", c: resets, texts: []string{noise[:50]},
		in:     join(frame(0xc1, forgets.message(noise[:50])), frame(0xc1, forgets.message(noise[:50]))),
		passes: nil, why: "can't be decompressed", close: 1007,
	})
	cases[len(cases)-1].passes = cases[len(cases)-1].in[:len(frame(0xc1, newDeflater().message(noise[:50])))]
	return cases
}

func TestWebSocket(t *testing.T) {
	cases := socketCases()
	for _, c := range cases {
		for _, bytewise := range []bool{false, true}[:1+min(1, 10_000/len(c.in))] {
			out, j, err := play(t, socket(c.c), !c.service, c.in, bytewise)
			check(t, c.name, out, j, err, c.in, c.texts, c.passes, c.why)
			if fault := (*stream.FaultError)(nil); errors.As(err, &fault) && fault.Close != c.close {
				t.Errorf("%s: status %d, not %d", c.name, fault.Close, c.close)
			}
		}
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 40 {
		t.Error("too few")
	}
}

func check(t *testing.T, name string, out []byte, j judged, err error, in []byte, texts []string, passes []byte, why string) {
	t.Helper()
	if !slices.Equal(j.texts, texts) {
		t.Errorf("%s: judged %.100q, not %.100q", name, j.texts, texts)
	}
	if passes == nil {
		passes = in
	}
	if !bytes.Equal(out, passes) {
		t.Errorf("%s: passed %.100q, not %.100q", name, out, passes)
	}
	if why == "" && !errors.Is(err, io.EOF) || why != "" && !strings.Contains(err.Error(), why) {
		t.Errorf("%s: ended with %q, not %q", name, err, why)
	}
}

func message(flags byte, data string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(data))), data...)
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func TestGRPC(t *testing.T) {
	one, none := message(0, "one"), []byte{}
	noise := numbers()
	cases := []struct {
		name, encoding string
		web            bool
		in             []byte
		texts          []string
		passes         []byte
		why            string
		status         int
	}{
		{name: "messages", in: join(one, message(0, ""), message(0, "two")), texts: []string{"one", "", "two"}},
		{name: "attack", in: join(one, message(0, "attack"), one), texts: []string{"one", "attack"}, passes: one, why: "attack"},
		{name: "gzip", encoding: "gzip", in: join(message(1, zipped("one")), message(0, "two")), texts: []string{"one", "two"}},
		{name: "gzip attack", encoding: " GZIP", in: message(1, zipped("attack")), texts: []string{"attack"}, passes: none, why: "attack"},
		{name: "longer than inspected", in: message(0, noise), texts: []string{noise[:stream.Inspected]}},
		{name: "gzip longer than inspected", encoding: "gzip", in: message(1, zipped(noise[:150_000])), texts: []string{noise[:stream.Inspected]}},
		{name: "no encoding", in: message(1, zipped("one")), passes: none, why: "without an encoding", status: 3},
		{name: "unknown encoding", encoding: "snappy", in: join(one, message(1, "x")), texts: []string{"one"}, passes: one, why: "can't be inspected", status: 12},
		{name: "not gzip", encoding: "gzip", in: message(1, "attack"), passes: none, why: "can't be decompressed", status: 3},
		{name: "bomb", encoding: "gzip", in: message(1, zipped(strings.Repeat("a", 100_000))), passes: none, why: "ratio", status: 8},
		{name: "flag", in: message(2, "one"), passes: none, why: "unknown flag", status: 3},
		{name: "trailers", in: message(0x80, "one"), passes: none, why: "unknown flag", status: 3},
		{name: "trailers of gRPC-Web", web: true, in: join(one, message(0x80, "grpc-status: 0\r\n")), texts: []string{"one", "grpc-status: 0\r\n"}},
		{name: "announced too long", in: []byte{0, 0, 0x10, 0, 0}, passes: none, why: "larger than the largest", status: 8},
		{name: "cut", in: join(one, message(0, "attack")[:8]), texts: []string{"one"}, passes: one, why: "before its length", status: 3},
		{name: "cut head", in: join(one, []byte{0, 0}), texts: []string{"one"}, passes: one, why: "before its length", status: 3},
	}
	for _, c := range cases {
		reader := func(r io.Reader, o stream.Options) *stream.Reader {
			return stream.NewGRPC(r, o, c.encoding, c.web)
		}
		for _, bytewise := range []bool{false, true}[:1+min(1, 10_000/len(c.in))] {
			out, j, err := play(t, reader, true, c.in, bytewise)
			check(t, c.name, out, j, err, c.in, c.texts, c.passes, c.why)
			if fault := (*stream.FaultError)(nil); errors.As(err, &fault) && fault.GRPC != c.status {
				t.Errorf("%s: status %d, not %d", c.name, fault.GRPC, c.status)
			}
		}
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 15 {
		t.Error("too few")
	}
}

func TestEvents(t *testing.T) {
	cases := []struct {
		in     string
		texts  []string
		passes string
		why    string
	}{
		{in: "data: 1\n\ndata: 2\n\n", texts: []string{"data: 1\n", "data: 2\n"}},
		{in: "data: 1\r\n\r\ndata: 2\r\n\r\n", texts: []string{"data: 1\r\n", "data: 2\r\n"}},
		{in: "data: 1\r\rdata: 2\r\r", texts: []string{"data: 1\r", "data: 2\r"}},
		{in: "data: 1\n\r\ndata: 2\r\n\n", texts: []string{"data: 1\n", "data: 2\r\n"}},
		{in: "\n\n: hello\n\n\r\n\n", texts: []string{": hello\n"}},
		{in: "event: x\ndata: 1\ndata: 2\n\n", texts: []string{"event: x\ndata: 1\ndata: 2\n"}},
		{in: "data: 1\n\ndata: 2", texts: []string{"data: 1\n", "data: 2"}},
		{in: "data: 1\n\ndata: 2\n", texts: []string{"data: 1\n", "data: 2\n"}},
		{in: "data: 1\n\ndata: attack\n\ndata: 3\n\n", texts: []string{"data: 1\n", "data: attack\n"}, passes: "data: 1\n\n", why: "attack"},
		{in: "data: 1\r\rdata: attack", texts: []string{"data: 1\r", "data: attack"}, passes: "data: 1\r\r", why: "attack"},
		{in: "data: 1\n\n" + strings.Repeat("x", stream.Largest+10), texts: []string{"data: 1\n"}, passes: "data: 1\n\n", why: "larger than the largest"},
		{in: strings.Repeat("x", stream.Inspected+1) + "\n\n", texts: []string{strings.Repeat("x", stream.Inspected)}},
	}
	for _, c := range cases {
		for _, bytewise := range []bool{false, true}[:1+min(1, 10_000/len(c.in))] {
			var passes []byte
			if c.why != "" {
				passes = []byte(c.passes)
			}
			out, j, err := play(t, stream.NewEvents, false, []byte(c.in), bytewise)
			check(t, c.in[:min(len(c.in), 40)], out, j, err, []byte(c.in), c.texts, passes, c.why)
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestReaderStaysSmall holds that the budget is what bounds a reader, and that
// a reader gives all back that is closed while it waits.
func TestReaderStaysSmall(t *testing.T) {
	budget := traffic.NewBudget(10_000)
	var j judged
	r := stream.NewGRPC(bytes.NewReader(message(0, strings.Repeat("x", 20_000))), stream.Options{Judge: j.judge, Budget: budget}, "", false)
	fault := (*stream.FaultError)(nil)
	if _, err := r.Next(); !errors.As(err, &fault) || fault.GRPC != 14 || fault.Close != 1013 {
		t.Errorf("beyond the budget: %v", err)
	}
	_ = r.Close()
	from, to := io.Pipe()
	r = stream.NewGRPC(from, stream.Options{Judge: j.judge, Budget: budget}, "", false)
	done := make(chan error)
	go func() { _, err := r.Next(); done <- err }()
	if _, err := to.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	_ = to.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the source's error is %v", err)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are not given back", budget.Used())
	}
}

// TestPatienceEnds holds that a client keeps no memory by sending a message byte
// by byte, while one may be idle between messages for as long as it wants.
func TestPatienceEnds(t *testing.T) {
	cases := []struct {
		name       string
		fromClient bool
		step       time.Duration
		in         []byte
		passes     int
		why        string
	}{
		{"idle", true, time.Hour, join(frame(0x81, "one"), frame(0x81, "two")), 18, "EOF"},
		{"fast", true, time.Second, join(frame(0x81, "one"), frame(0x81, strings.Repeat("x", 40))), 9 + 46, "EOF"},
		{"slow", true, time.Second, join(frame(0x81, "one"), frame(0x81, strings.Repeat("x", 100))), 9, "too slowly"},
		{"service", false, time.Second, frameOf(0x81, strings.Repeat("x", 100), false), 102, "EOF"},
	}
	for _, c := range cases {
		clock := time.Unix(0, 0)
		var j judged
		from := iotest.OneByteReader(bytes.NewReader(c.in))
		if c.name == "idle" { // a frame a read
			from = io.MultiReader(bytes.NewReader(c.in[:9]), bytes.NewReader(c.in[9:]))
		}
		r := stream.NewWebSocket(from, stream.Options{
			FromClient: c.fromClient, Judge: j.judge,
			Now: func() time.Time { clock = clock.Add(c.step); return clock },
		}, stream.Compression{})
		out, err := io.ReadAll(r)
		if err == nil {
			err = io.EOF
		}
		if len(out) != c.passes || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %d bytes passed, %v", c.name, len(out), err)
		}
		_ = r.Close()
	}
	t.Logf("%d cases", len(cases))
}

func TestAgreed(t *testing.T) {
	cases := []struct {
		in   string
		want stream.Compression
		why  string
	}{
		{"", stream.Compression{}, ""},
		{"permessage-deflate", stream.Compression{On: true}, ""},
		{"permessage-deflate; client_no_context_takeover ; server_max_window_bits=10", stream.Compression{On: true, ClientResets: true}, ""},
		{"permessage-deflate;server_no_context_takeover", stream.Compression{On: true, ServiceResets: true}, ""},
		{"permessage-deflate; other", stream.Compression{On: true}, "parameter"},
		{"permessage-deflate, permessage-deflate", stream.Compression{}, "extension"},
		{"x-webkit-deflate-frame", stream.Compression{}, "extension"},
	}
	for _, c := range cases {
		got, err := stream.Agreed(c.in)
		if got != c.want || (err != nil) != (c.why != "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: %+v, %v", c.in, got, err)
		}
	}
	if got := stream.Offer("bbf-usp, permessage-deflate; client_max_window_bits, x, permessage-deflate"); got != "permessage-deflate; client_max_window_bits, permessage-deflate" {
		t.Errorf("offered %q", got)
	}
	t.Logf("%d cases", len(cases))
}

func TestBoundary(t *testing.T) {
	var in []byte
	between := map[int]bool{0: true}
	for _, n := range []int{0, 1, 125, 126, 70_000} {
		for _, masked := range []bool{false, true} {
			in = append(in, frameOf(0x82, strings.Repeat("x", n), masked)...)
			between[len(in)] = true
		}
	}
	var b stream.Boundary
	for i := range in {
		if b.Between() != between[i] {
			t.Fatalf("at %d: %t", i, b.Between())
		}
		b.Pass(in[i : i+1])
	}
	if b.Pass(in); !b.Between() {
		t.Error("not between frames at the end")
	}
	for _, masked := range []bool{false, true} {
		out, _, err := play(t, socket(stream.Compression{}), masked, stream.CloseFrame(1008, masked), false)
		if !errors.Is(err, stream.ErrClosed) || !bytes.Equal(out[:1], []byte{0x88}) || !masked && string(out[2:]) != "\x03\xf0" {
			t.Errorf("the Close frame is %x: %v", out, err)
		}
	}
}
