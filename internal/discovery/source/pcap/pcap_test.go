package pcap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/content"
)

// said is a piece of a conversation: what one side sends in answer to all before.
type said struct {
	server bool
	text   string
}

// piece is a TCP packet to be written.
type piece struct {
	server         bool
	seq, ack       uint32
	syn, acks, fin bool
	data           string
}

const (
	clientISN = 4294967000 // sequence numbers go round soon
	serverISN = 700
)

// packetsOf cuts a conversation into packets; cut gives the size of the next one.
func packetsOf(talk []said, cut func(left int) int) []piece {
	c, s := uint32(clientISN+1), uint32(serverISN+1)
	out := []piece{{seq: clientISN, syn: true}, {server: true, seq: serverISN, ack: c, syn: true, acks: true}}
	for _, t := range talk {
		for text := t.text; text != ""; {
			n := max(1, min(cut(len(text)), len(text)))
			p := piece{server: t.server, seq: c, ack: s, acks: true, data: text[:n]}
			if t.server {
				p.seq, p.ack = s, c
				s += uint32(n)
			} else {
				c += uint32(n)
			}
			out = append(out, p)
			text = text[n:]
		}
	}
	return append(out, piece{server: true, seq: s, ack: c, acks: true, fin: true}, piece{seq: c, ack: s + 1, acks: true, fin: true})
}

// capture writes packets into a pcap file.
func capture(t testing.TB, link layers.LinkType, pieces []piece) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65536, link); err != nil {
		t.Fatal(err)
	}
	for i, p := range pieces {
		data := packet(t, link, p)
		at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Millisecond)
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(data), Length: len(data)}, data); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func packet(t testing.TB, link layers.LinkType, p piece) []byte {
	t.Helper()
	tcp := &layers.TCP{SrcPort: 40000, DstPort: 8080, Seq: p.seq, Ack: p.ack, SYN: p.syn, ACK: p.acks, FIN: p.fin, Window: 65535}
	from, to := net.IP{10, 0, 0, 1}, net.IP{10, 0, 0, 2}
	if p.server {
		tcp.SrcPort, tcp.DstPort = tcp.DstPort, tcp.SrcPort
		from, to = to, from
	}
	ip4 := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from, DstIP: to}
	ip6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: append(net.ParseIP("fd00::")[:12:12], from...), DstIP: append(net.ParseIP("fd00::")[:12:12], to...)}
	ether := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	var all []gopacket.SerializableLayer
	switch link {
	case layers.LinkTypeEthernet:
		all = append(all, ether, ip4)
	case layers.LinkTypeRaw:
		all = append(all, ip4)
	case layers.LinkTypeNull:
		all = append(all, &layers.Loopback{Family: layers.ProtocolFamilyIPv4}, ip4)
	case layers.LinkTypeIPv6:
		all = append(all, ip6)
	case layers.LinkTypeIPv4: // stands for a VLAN with VXLAN in it
		ether.EthernetType = layers.EthernetTypeDot1Q
		inner := *ether
		inner.EthernetType = layers.EthernetTypeIPv4
		udp := &layers.UDP{SrcPort: 5000, DstPort: 4789}
		outer := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{192, 168, 0, 1}, DstIP: net.IP{192, 168, 0, 2}}
		_ = udp.SetNetworkLayerForChecksum(outer)
		all = append(all, ether, &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}, outer, udp, &layers.VXLAN{ValidIDFlag: true, VNI: 9}, &inner, ip4)
	default:
		t.Fatalf("link type %v", link)
	}
	if link == layers.LinkTypeIPv6 {
		_ = tcp.SetNetworkLayerForChecksum(ip6)
	} else {
		_ = tcp.SetNetworkLayerForChecksum(ip4)
	}
	all = append(all, tcp, gopacket.Payload(p.data))
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes())
}

// read reads a capture: the observations as text, and the reasons of what was skipped.
func read(t testing.TB, file []byte) (seen, skipped []string) {
	t.Helper()
	r, err := New(bytes.NewReader(file), Options{MaxBody: discovery.MaxBody, Skip: func(_ int64, reason string) { skipped = append(skipped, reason) }})
	if err != nil {
		t.Fatal(err)
	}
	for {
		o, err := r.Next()
		if errors.Is(err, io.EOF) {
			return seen, skipped
		}
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, show(o))
	}
}

func show(o *discovery.Observation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s %s > %d", o.Method, o.Host, o.Path, o.Proto, o.Status)
	for _, m := range []*discovery.Message{&o.Request, &o.Response} {
		fmt.Fprintf(&b, " | %s %q", m.Header.Get("content-type"), m.Body)
		if m.Partial {
			b.WriteString(" partial")
		}
		if m.Unseen {
			b.WriteString(" unseen")
		}
	}
	return b.String()
}

func coded(t testing.TB, text string) string {
	t.Helper()
	body, err := content.Encode("gzip", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// conversation has what HTTP/1.1 may do on one connection.
func conversation(t testing.TB) ([]said, []string) {
	talk := []said{
		{false, "GET /a?x=1 HTTP/1.1\r\nHost: api.test\r\n\r\n"},
		{true, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"},
		{false, "POST /b HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3;x=y\r\n:1}\r\n0\r\nTrailer: 1\r\n\r\n"},
		{true, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
		{false, "HEAD /c HTTP/1.1\r\nHost: api.test\r\n\r\nGET /d HTTP/1.1\r\nHost: api.test\r\n\r\n"},
		{true, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"},
		{false, "PUT /e HTTP/1.1\r\nHost: api.test\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nGET / HTTP/1"},
		{true, coded(t, `{"deep":[1,2,3]}`)},
		{false, "GET /f HTTP/1.0\r\nHost: api.test\r\n\r\n"},
		{true, "HTTP/1.0 404 Not Found\r\nContent-Type: text/html\r\n\r\nuntil the end"},
	}
	return talk, []string{
		`GET api.test/a?x=1 HTTP/1.1 > 200 |  "" | text/plain "hello"`,
		`POST api.test/b HTTP/1.1 > 201 | application/json "{\"a\":1}" | text/plain "ok"`,
		`HEAD api.test/c HTTP/1.1 > 200 |  "" |  ""`,
		`GET api.test/d HTTP/1.1 > 304 |  "" |  ""`,
		`PUT api.test/e HTTP/1.1 > 200 | text/plain "GET / HTTP/1" | application/json "{\"deep\":[1,2,3]}"`,
		`GET api.test/f HTTP/1.0 > 404 |  "" | text/html "until the end"`,
	}
}

func TestConversationOnEveryLink(t *testing.T) {
	talk, want := conversation(t)
	links := []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeRaw, layers.LinkTypeNull, layers.LinkTypeIPv6, layers.LinkTypeIPv4}
	for _, link := range links {
		pieces := packetsOf(talk, func(int) int { return 1400 })
		file := capture(t, link, pieces)
		if link == layers.LinkTypeIPv4 {
			file[20] = byte(layers.LinkTypeEthernet)
		}
		seen, skipped := read(t, file)
		if !slices.Equal(seen, want) || len(skipped) > 0 {
			t.Errorf("%v: skipped %q\n%s", link, skipped, strings.Join(seen, "\n"))
		}
	}
	t.Logf("%d kinds of link", len(links))
}

// TestAnySegmentation: however a conversation is cut, sent again and reordered
// within a window, it gives the same observations.
func TestAnySegmentation(t *testing.T) {
	talk, want := conversation(t)
	played := 0
	rapid.Check(t, func(rt *rapid.T) {
		played++
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		most := rapid.IntRange(1, 300).Draw(rt, "most")
		pieces := packetsOf(talk, func(int) int { return 1 + random.IntN(most) })
		pieces = disturb(pieces, random, rapid.IntRange(0, 20).Draw(rt, "window"))
		seen, skipped := read(t, capture(t, layers.LinkTypeRaw, pieces))
		// An answer may be complete before its request is.
		slices.Sort(seen)
		sorted := slices.Sorted(slices.Values(want))
		if !slices.Equal(seen, sorted) || len(skipped) > 0 {
			rt.Fatalf("skipped %q\n%s", skipped, strings.Join(seen, "\n"))
		}
	})
	t.Logf("%d segmentations", played)
	if played < 50 {
		t.Error("too few")
	}
}

// disturb sends some packets again, whole or together with their neighbours, and
// moves others, all behind the handshake.
func disturb(pieces []piece, random *rand.Rand, window int) []piece {
	out := slices.Clone(pieces[:2])
	rest := slices.Clone(pieces[2:])
	for i := 0; i < len(rest); i++ {
		if random.IntN(8) == 0 {
			at := min(len(rest), i+1+random.IntN(window+1))
			again := rest[i]
			if i+1 < len(rest) && rest[i+1].server == again.server && !rest[i+1].fin && !again.fin && rest[i+1].seq == again.seq+uint32(len(again.data)) {
				again.data += rest[i+1].data
				again.ack = rest[i+1].ack // a sender acknowledges what it has seen by then
			}
			rest = slices.Insert(rest, at, again)
		}
	}
	for i := range rest {
		if j := i + random.IntN(window+1); j < len(rest) {
			rest[i], rest[j] = rest[j], rest[i]
		}
	}
	return append(out, rest...)
}

func TestLostPackets(t *testing.T) {
	talk, want := conversation(t)
	pieces := packetsOf(talk, func(int) int { return 1400 })
	// 2.. are the messages in their order; without each in turn, all others are read.
	lost := 0
	for i := 2; i < 2+len(talk); i++ {
		seen, skipped := read(t, capture(t, layers.LinkTypeRaw, slices.Delete(slices.Clone(pieces), i, i+1)))
		lost++
		if len(skipped) == 0 {
			t.Errorf("without %q nothing was said to be skipped", pieces[i].data)
		}
		gone := 1
		if strings.Count(pieces[i].data, "HTTP/1.1\r\nHost") == 2 || strings.Count(pieces[i].data, "HTTP/1.1 ") == 2 && strings.Contains(pieces[i].data, "304") {
			gone = 2
		}
		if len(seen) != len(want)-gone {
			t.Errorf("without %q %d were read:\n%s\n%q", pieces[i].data, len(seen), strings.Join(seen, "\n"), skipped)
		}
		for _, s := range seen {
			if !slices.Contains(want, s) {
				t.Errorf("without %q: a wrong pair: %s", pieces[i].data, s)
			}
		}
	}
	t.Logf("%d losses", lost)
}

// TestBeginMissing: a capture that begins in the middle of a connection.
func TestBeginMissing(t *testing.T) {
	talk, want := conversation(t)
	pieces := packetsOf(talk, func(int) int { return 1400 })
	seen, skipped := read(t, capture(t, layers.LinkTypeRaw, pieces[3:]))
	if !slices.Equal(seen, want[1:]) || !slices.Equal(skipped, []string{"an answer without its request"}) {
		t.Errorf("skipped %q\n%s", skipped, strings.Join(seen, "\n"))
	}
}

func TestLeftAside(t *testing.T) {
	tests := []struct {
		name, want string
		talk       []said
	}{
		{"tls", "a connection with TLS, which is encrypted", []said{{false, "\x16\x03\x01\x00\x05hello"}, {true, "\x16\x03\x03\x00\x05hello"}}},
		{"other", "a connection without HTTP in it", []said{{false, "\x00\x00\x00\x01abc\r\n\r\n"}}},
		{"websocket", "a connection that went over to websocket", []said{
			{false, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"},
			{true, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"},
		}},
		{"tunnel", "a tunnel", []said{{false, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"}, {true, "HTTP/1.1 200 OK\r\n\r\n\x16\x03"}}},
		{"no answer", "a request without an answer in the capture", []said{{false, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"}}},
		{"lengths", "bytes that are no HTTP", []said{{false, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}}},
	}
	for _, test := range tests {
		_, skipped := read(t, capture(t, layers.LinkTypeRaw, packetsOf(test.talk, func(int) int { return 1400 })))
		if !slices.Contains(skipped, test.want) {
			t.Errorf("%s: %q", test.name, skipped)
		}
	}
	t.Logf("%d connections", len(tests))
}

// TestHTTP2 reads what the framer and the HPACK encoder of others write.
func TestHTTP2(t *testing.T) {
	frames := func(begin string, write func(f *xhttp2.Framer, block func(fields ...string) []byte)) string {
		var b, h bytes.Buffer
		b.WriteString(begin)
		encoder := hpack.NewEncoder(&h)
		write(xhttp2.NewFramer(&b, nil), func(fields ...string) []byte {
			h.Reset()
			for i := 0; i < len(fields); i += 2 {
				_ = encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
			}
			return bytes.Clone(h.Bytes())
		})
		return b.String()
	}
	client := frames(preface, func(f *xhttp2.Framer, block func(...string) []byte) {
		_ = f.WriteSettings()
		_ = f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":method", "POST", ":path", "/v2/orders", ":authority", "h2.test", "content-type", "application/json"), EndHeaders: true, PadLength: 3})
		_ = f.WriteData(1, true, []byte(`{"n":1}`))
		second := block(":method", "GET", ":path", "/v2/orders/7", ":authority", "h2.test")
		_ = f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: second[:3], EndStream: true})
		_ = f.WriteContinuation(3, true, second[3:])
	})
	server := frames("", func(f *xhttp2.Framer, block func(...string) []byte) {
		_ = f.WriteSettings()
		_ = f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: block(":status", "404"), EndHeaders: true, EndStream: true})
		_ = f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "201", "content-type", "text/plain"), EndHeaders: true})
		_ = f.WriteData(1, false, []byte("done"))
		_ = f.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: block("grpc-status", "0"), EndHeaders: true, EndStream: true})
	})
	want := []string{
		`GET h2.test/v2/orders/7 HTTP/2.0 > 404 |  "" |  ""`,
		`POST h2.test/v2/orders HTTP/2.0 > 201 | application/json "{\"n\":1}" | text/plain "done"`,
	}
	for _, size := range []int{1, 7, 1400} {
		talk := []said{{false, client}, {true, server}}
		seen, skipped := read(t, capture(t, layers.LinkTypeRaw, packetsOf(talk, func(int) int { return size })))
		if !slices.Equal(seen, want) || len(skipped) > 0 {
			t.Errorf("cut at %d: skipped %q\n%s", size, skipped, strings.Join(seen, "\n"))
		}
	}
}

// TestManyConnections: connections that are opened and left cost a bounded
// amount.
func TestManyConnections(t *testing.T) {
	r := &Reader{options: Options{MaxBody: discovery.MaxBody, Skip: func(int64, string) {}}, conns: map[pair]*conn{}}
	server := netip.MustParseAddrPort("10.0.0.2:80")
	at := time.Unix(1_800_000_000, 0)
	part := []byte("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + strings.Repeat("x", 40_000))
	n := 0
	for i := range 60_000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1000+i%60000))
		r.segment(from, server, &layers.TCP{Seq: 1, SYN: true}, 0, at)
		r.segment(from, server, &layers.TCP{Seq: 2, ACK: true, BaseLayer: layers.BaseLayer{Payload: part}}, 0, at)
		r.segment(from, server, &layers.TCP{Seq: 1 << 30, ACK: true, BaseLayer: layers.BaseLayer{Payload: part[:100]}}, 0, at)
		n++
	}
	if len(r.conns) > maxConnections || r.held > maxHeld {
		t.Errorf("%d connections hold %d bytes", len(r.conns), r.held)
	}
	count := 0
	for c := r.oldest; c != nil; c = c.next {
		count++
	}
	if count != len(r.conns) {
		t.Errorf("%d in the list, %d in the table", count, len(r.conns))
	}
	t.Logf("%d connections, %d held with %d bytes", n, len(r.conns), r.held)
}

func TestFragments(t *testing.T) {
	talk, want := conversation(t)
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	_ = w.WriteFileHeader(65536, layers.LinkTypeRaw)
	id := uint16(0)
	for i, p := range packetsOf(talk, func(int) int { return 1400 }) {
		whole := packet(t, layers.LinkTypeRaw, p)
		id++
		for at := 20; at < len(whole); at += 64 {
			end := min(at+64, len(whole))
			part := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: id, Protocol: layers.IPProtocolTCP, SrcIP: whole[12:16], DstIP: whole[16:20], FragOffset: uint16((at - 20) / 8)}
			if end < len(whole) {
				part.Flags = layers.IPv4MoreFragments
			}
			out := gopacket.NewSerializeBuffer()
			_ = gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, part, gopacket.Payload(whole[at:end]))
			data := out.Bytes()
			_ = w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(1_800_000_000+int64(i), 0), CaptureLength: len(data), Length: len(data)}, data)
		}
	}
	seen, skipped := read(t, b.Bytes())
	if !slices.Equal(seen, want) || len(skipped) > 0 {
		t.Errorf("skipped %q\n%s", skipped, strings.Join(seen, "\n"))
	}
}

func FuzzCapture(f *testing.F) {
	talk, _ := conversation(f)
	f.Add(capture(f, layers.LinkTypeEthernet, packetsOf(talk, func(int) int { return 100 })))
	f.Add(capture(f, layers.LinkTypeRaw, packetsOf([]said{{false, preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"}}, func(int) int { return 10 })))
	var ng bytes.Buffer
	w, err := pcapgo.NewNgWriter(&ng, layers.LinkTypeRaw)
	if err != nil {
		f.Fatal(err)
	}
	for i, p := range packetsOf(talk, func(int) int { return 100 }) {
		data := packet(f, layers.LinkTypeRaw, p)
		_ = w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(data), Length: len(data)}, data)
	}
	_ = w.Flush()
	f.Add(ng.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := New(bytes.NewReader(data), Options{MaxBody: 1000})
		if err != nil {
			return
		}
		for {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	})
}

// FuzzStreams feeds both directions of a connection without packets around them.
func FuzzStreams(f *testing.F) {
	talk, _ := conversation(f)
	var both [2]string
	for _, s := range talk {
		if s.server {
			both[1] += s.text
		} else {
			both[0] += s.text
		}
	}
	f.Add(both[0], both[1], uint8(50))
	f.Add(preface+"\x00\x00\x04\x01\x04\x00\x00\x00\x01\x82\x84\x87\x41", "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88", uint8(3))
	f.Fuzz(func(t *testing.T, client, server string, size uint8) {
		pieces := packetsOf([]said{{false, client}, {true, server}}, func(int) int { return int(size) + 1 })
		r := &Reader{options: Options{MaxBody: 1000, Skip: func(int64, string) {}}, conns: map[pair]*conn{}}
		a, b := netip.MustParseAddrPort("10.0.0.1:9"), netip.MustParseAddrPort("10.0.0.2:80")
		for _, p := range pieces {
			from, to := a, b
			if p.server {
				from, to = b, a
			}
			r.segment(from, to, &layers.TCP{Seq: p.seq, Ack: p.ack, SYN: p.syn, ACK: p.acks, FIN: p.fin, BaseLayer: layers.BaseLayer{Payload: []byte(p.data)}}, 0, time.Unix(1, 0))
		}
		for r.oldest != nil {
			r.drop(r.oldest)
		}
	})
}
