package stream_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"farrier.dev/farrier/internal/gateway/stream"
)

// holds checks what is true of every stream: what passes is the beginning of
// what came, all of it when all was agreed to, and nothing depends on how the
// bytes came.
func holds(t *testing.T, reader func(io.Reader, stream.Options) *stream.Reader, fromClient, partly bool, in []byte) {
	out, j, err := play(t, reader, fromClient, in, false)
	again, j2, err2 := play(t, reader, fromClient, in, true)
	if !bytes.Equal(out, again) || len(j.texts) != len(j2.texts) || err.Error() != err2.Error() {
		t.Fatalf("%q and %v at once, %q and %v byte by byte", out, err, again, err2)
	}
	for _, text := range j.texts {
		if len(text) > stream.Inspected {
			t.Fatalf("%d bytes were judged", len(text))
		}
	}
	switch {
	case errors.Is(err, stream.ErrClosed): // may leave out a message before the Close frame
		return
	case !bytes.HasPrefix(in, out):
		t.Fatalf("%q passed of %q", out, in)
	case errors.Is(err, io.EOF) && !partly && !bytes.Equal(in, out):
		t.Fatalf("%q passed of %q, which was agreed to", out, in)
	}
}

func FuzzWebSocket(f *testing.F) {
	for _, c := range socketCases() {
		if len(c.in) < 1000 {
			f.Add(c.in, c.service, c.c.On, c.c.ClientResets)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, service, on, resets bool) {
		c := stream.Compression{On: on, ClientResets: resets, ServiceResets: resets}
		holds(t, socket(c), !service, true, in)
		var b stream.Boundary
		b.Pass(in)
	})
}

func FuzzGRPC(f *testing.F) {
	f.Add(join(message(0, "one"), message(1, zipped("two"))), "gzip", false)
	f.Add(message(0x80, "grpc-status: 0\r\n"), "", true)
	f.Add(message(1, "x\x9c\x01\x00\x00\xff\xff"), "deflate", false)
	f.Fuzz(func(t *testing.T, in []byte, encoding string, web bool) {
		holds(t, func(r io.Reader, o stream.Options) *stream.Reader { return stream.NewGRPC(r, o, encoding, web) }, true, false, in)
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: 1\r\n\r\n\ndata: attack\r\r\n"))
	f.Add([]byte("\r\n: x\n\ndata"))
	f.Fuzz(func(t *testing.T, in []byte) { holds(t, stream.NewEvents, false, false, in) })
}
