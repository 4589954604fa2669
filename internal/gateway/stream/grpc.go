package stream

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/policy"
)

// grpcHead is the size of what stands before each message of a gRPC call.
const grpcHead = 5

// The flags in the first byte of it; trailers are those of gRPC-Web.
const (
	grpcCompressed = 0x01
	grpcTrailers   = 0x80
)

// grpc is the format of one direction of a gRPC call.
type grpc struct {
	o        *Options
	encoding string
	web      bool
}

// NewGRPC reads length-prefixed messages. The encoding is the value of the
// field grpc-encoding; web allows the trailers of gRPC-Web in the place of a
// message, which are judged as one.
func NewGRPC(from io.Reader, o Options, encoding string, web bool) *Reader {
	return newReader(from, &o, &grpc{o: &o, encoding: strings.ToLower(strings.TrimSpace(encoding)), web: web})
}

func (g *grpc) scan(held []byte) (int, error) {
	if len(held) < grpcHead {
		return 0, nil
	}
	flags := held[0]
	if flags&^grpcCompressed != 0 && (!g.web || flags&^(grpcCompressed|grpcTrailers) != 0) {
		return 0, malformed("a gRPC message has an unknown flag")
	}
	length := binary.BigEndian.Uint32(held[1:])
	if length > Largest-grpcHead {
		return 0, tooLarge("a message is larger than the largest allowed")
	}
	end := grpcHead + int(length)
	if len(held) < end {
		return 0, nil
	}
	m := policy.Message{FromClient: g.o.FromClient, Kind: policy.GRPCMessage, Data: held[grpcHead:end:end]}
	if flags&grpcCompressed != 0 {
		var err error
		if m.Data, m.Partial, err = g.decompress(m.Data); err != nil {
			return 0, err
		}
	} else if len(m.Data) > Inspected {
		m.Data, m.Partial = m.Data[:Inspected:Inspected], true
	}
	if err := g.o.Judge(m); err != nil {
		return 0, err
	}
	return end, nil
}

func (g *grpc) decompress(coded []byte) (data []byte, partial bool, err error) {
	switch g.encoding {
	case "gzip", "deflate":
	case "", "identity":
		return nil, false, malformed("a gRPC message is compressed without an encoding")
	default:
		return nil, false, &FaultError{Close: 1007, GRPC: 12, Reason: "a gRPC message has an encoding that can't be inspected"}
	}
	if !g.o.Budget.Take(Inspected) {
		return nil, false, overloaded()
	}
	defer g.o.Budget.Give(Inspected)
	data, partial, err = content.DecodePrefix(g.encoding, coded, Inspected, Ratio)
	switch {
	case errors.Is(err, content.ErrRatio):
		return nil, false, tooLarge("a message grows beyond the permitted ratio when decompressed")
	case err != nil:
		return nil, false, undecodable("a message can't be decompressed")
	}
	return data, partial, nil
}

func (g *grpc) end(held []byte) (int, error) {
	if len(held) > 0 {
		return 0, malformed("a gRPC message ends before its length")
	}
	return 0, nil
}

func (*grpc) release() {}
