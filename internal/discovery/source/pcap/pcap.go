// Package pcap reads captures of packets (pcap and pcapng) and gives an
// observation for each request and answer of plain HTTP/1.x and of HTTP/2 with
// prior knowledge in them. What is encrypted is counted and left aside. Packets
// come from strangers: memory is bounded, and no packet can make it panic.
package pcap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"farrier.dev/farrier/internal/discovery"
)

// The bounds of what is held.
const (
	// maxConnections is how many connections are followed at once; the one that was
	// silent for longest makes room.
	maxConnections = 20_000
	// maxHeld is how many bytes of segments, headers and bodies are held in all.
	maxHeld = 256 << 20
	// idleAfter is when a silent connection is forgotten, by the clock of the capture.
	idleAfter = 2 * time.Minute
	// maxFragments is how many fragments may come before unfinished datagrams are forgotten.
	maxFragments = 4096
)

// Options say how a capture is read.
type Options struct {
	// MaxBody is how many bytes of a body are kept.
	MaxBody int
	// Skip is told what gave no observation, with the number of the packet from 1.
	Skip func(packet int64, reason string)
}

// Reader reads one capture. It is not safe for concurrent use.
type Reader struct {
	options Options
	source  packets
	link    layers.LinkType
	n       int64
	out     []*discovery.Observation
	conns   map[pair]*conn
	// oldest and newest are the ends of the list of connections by last use.
	oldest, newest *conn
	held           int
	fragments      int
	defrag         *ip4defrag.IPv4Defragmenter
	last           time.Time
	ended          bool
}

type packets interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// Recognises says that a file begins as a capture does.
func Recognises(start []byte) bool {
	if len(start) < 4 {
		return false
	}
	switch binary.LittleEndian.Uint32(start) {
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a:
		return true
	}
	return false
}

// New begins a capture.
func New(in io.Reader, o Options) (r *Reader, err error) {
	defer recovered(&err)
	if o.Skip == nil {
		o.Skip = func(int64, string) {}
	}
	r = &Reader{options: o, conns: map[pair]*conn{}, defrag: ip4defrag.NewIPv4Defragmenter()}
	buffered := bufio.NewReader(in)
	start, err := buffered.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("reading a capture: %w", err)
	}
	if bytes.Equal(start, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		ng, err := pcapgo.NewNgReader(buffered, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		if err != nil {
			return nil, fmt.Errorf("reading a capture: %w", err)
		}
		r.source, r.link = ng, ng.LinkType()
		return r, nil
	}
	old, err := pcapgo.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("reading a capture: %w", err)
	}
	r.source, r.link = old, old.LinkType()
	return r, nil
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the capture is malformed: %v", p)
	}
}

// Packet is the number of the packet that was read last.
func (r *Reader) Packet() int64 { return r.n }

// Next gives the next observation, in new memory, and io.EOF behind the last.
func (r *Reader) Next() (*discovery.Observation, error) {
	for len(r.out) == 0 {
		if r.ended {
			if r.oldest == nil {
				return nil, io.EOF
			}
			r.drop(r.oldest)
			continue
		}
		data, info, link, err := r.read()
		switch {
		case errors.Is(err, io.EOF):
			r.ended = true
			continue
		case err != nil:
			// The connections so far are worth having; what follows can't be found.
			r.options.Skip(r.n+1, "the capture is cut off or malformed here")
			r.ended = true
			continue
		}
		r.n++
		r.packet(data, info, link)
	}
	o := r.out[0]
	r.out = r.out[1:]
	return o, nil
}

func (r *Reader) read() (data []byte, info gopacket.CaptureInfo, link layers.LinkType, err error) {
	defer recovered(&err)
	data, info, err = r.source.ReadPacketData()
	link = r.link
	if len(info.AncillaryData) > 0 {
		if own, ok := info.AncillaryData[0].(layers.LinkType); ok {
			link = own
		}
	}
	return data, info, link, err
}

// packet finds the TCP segment in a packet.
func (r *Reader) packet(data []byte, info gopacket.CaptureInfo, link layers.LinkType) {
	defer func() {
		if recover() != nil {
			r.options.Skip(r.n, "a packet that could not be read")
		}
	}()
	if info.Timestamp.After(r.last) {
		r.last = info.Timestamp
	}
	if r.n%1024 == 0 {
		r.forget()
	}
	p := gopacket.NewPacket(data, decoder(link), gopacket.DecodeOptions{NoCopy: true})
	r.layers(p.Layers(), info.Timestamp, 0)
}

// decoder is who reads the packets of a kind of link. Some systems write numbers
// of their own for packets without a link's header.
func decoder(link layers.LinkType) gopacket.Decoder {
	switch link {
	case 12, 14, layers.LinkTypeRaw:
		return layers.LinkTypeRaw
	case layers.LinkTypeIPv4:
		return layers.LayerTypeIPv4
	case layers.LinkTypeIPv6:
		return layers.LayerTypeIPv6
	default:
		return link
	}
}

// maxTunnels is how many fragmented datagrams may lie in each other.
const maxTunnels = 4

func (r *Reader) layers(all []gopacket.Layer, at time.Time, depth int) {
	var from, to netip.Addr
	length := -1
	for _, layer := range all {
		switch l := layer.(type) {
		case *layers.IPv4:
			if l.Flags&layers.IPv4MoreFragments != 0 || l.FragOffset != 0 {
				r.fragment(l, at, depth)
				return
			}
			from, to = ip(l.SrcIP), ip(l.DstIP)
			length = int(l.Length) - int(l.IHL)*4
			if l.Length == 0 {
				length = -1
			}
		case *layers.IPv6:
			from, to = ip(l.SrcIP), ip(l.DstIP)
			length = -1
			if l.NextHeader == layers.IPProtocolTCP && l.Length > 0 {
				length = int(l.Length)
			}
		case *layers.IPv6Fragment:
			r.options.Skip(r.n, "a fragment of IPv6")
			return
		case *layers.TCP:
			if from.IsValid() && to.IsValid() {
				missing := 0
				if length >= 0 {
					missing = max(0, length-int(l.DataOffset)*4-len(l.Payload))
				}
				r.segment(netip.AddrPortFrom(from, uint16(l.SrcPort)), netip.AddrPortFrom(to, uint16(l.DstPort)), l, missing, at)
			}
			return
		case *layers.UDP:
			if len(l.Payload) > 0 && (l.SrcPort == 443 || l.DstPort == 443) {
				r.options.Skip(r.n, "a packet of QUIC (HTTP/3), which is encrypted")
				return
			}
		}
	}
}

// fragment puts the fragments of a datagram together.
func (r *Reader) fragment(l *layers.IPv4, at time.Time, depth int) {
	if r.fragments++; r.fragments > maxFragments {
		r.fragments = 0
		r.defrag.DiscardOlderThan(r.last.Add(time.Hour))
	}
	// The fragments outlive the packet, whose memory they would share.
	copied := *l
	copied.Payload = bytes.Clone(l.Payload)
	whole, err := r.defrag.DefragIPv4WithTimestamp(&copied, at)
	if err != nil {
		r.options.Skip(r.n, "a fragment of IPv4 that fits nowhere")
		return
	}
	if whole == nil || depth >= maxTunnels {
		return
	}
	whole.Flags, whole.FragOffset, whole.Length = 0, 0, 0
	inner := gopacket.NewPacket(whole.Payload, whole.Protocol, gopacket.DecodeOptions{NoCopy: true})
	r.layers(append([]gopacket.Layer{whole}, inner.Layers()...), at, depth+1)
}

func ip(raw []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(raw)
	return a.Unmap()
}

// forget closes the connections that were silent for long.
func (r *Reader) forget() {
	for r.oldest != nil && r.last.Sub(r.oldest.used) > idleAfter {
		r.drop(r.oldest)
	}
}
