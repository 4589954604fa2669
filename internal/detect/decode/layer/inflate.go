package layer

import (
	"bytes"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	ratioFloor = 4096
	maxWindow  = 8 << 20 // of Zstandard on the web (RFC 9659)
)

// inflate decompresses up to the limits. What comes out before a damage is
// handed out too: lenient programs read it.
func (o *opener) inflate(d Decoder) {
	ratio := o.s.Ratio
	if ratio <= 0 {
		ratio = DefaultRatio
	}
	most := min(max(ratioFloor, ratio*len(o.text)), o.bytes)
	r := o.s.inflaters.reader(d, o.text, o.named)
	if r == nil {
		return
	}
	out := bytes.NewBuffer(o.s.buf[:0])
	_, err := io.Copy(out, io.LimitReader(r, int64(most)+1))
	b := out.Bytes()
	o.keep(b)
	if len(b) > most {
		o.cut |= SetOf(d)
		b = b[:most]
	}
	if err != nil && o.named && len(b) > 0 {
		o.cut |= SetOf(d)
	}
	if len(b) > 0 {
		o.emitBytes(d, "", b)
	}
}

// inflaters are kept, because a new one costs tens of kilobytes: else many small
// values with a magic would cost more than they cost the sender.
type inflaters struct {
	gzip *gzip.Reader
	zlib io.ReadCloser
	bare io.ReadCloser
	zstd *zstd.Decoder
	br   *brotli.Reader
}

// reader gives a reader of what text becomes, or nil when its head is wrong.
func (in *inflaters) reader(d Decoder, text string, named bool) io.Reader {
	src := strings.NewReader(text)
	switch d { //nolint:exhaustive // the others decompress nothing
	case Gzip:
		if in.gzip == nil {
			in.gzip = new(gzip.Reader)
		}
		if in.gzip.Reset(src) == nil {
			return in.gzip
		}
	case Deflate:
		if r := in.zlibReader(src); r != nil {
			return r
		}
		if named {
			return in.bareReader(strings.NewReader(text))
		}
	case Brotli:
		if !named {
			return nil
		}
		if in.br == nil {
			in.br = brotli.NewReader(nil)
		}
		if in.br.Reset(src) == nil {
			return in.br
		}
	case Zstd:
		return in.zstdReader(src)
	}
	return nil
}

func (in *inflaters) zlibReader(src io.Reader) io.Reader {
	if r, ok := in.zlib.(zlib.Resetter); ok {
		if r.Reset(src, nil) == nil {
			return in.zlib
		}
		return nil
	}
	r, err := zlib.NewReader(src)
	if err != nil {
		return nil
	}
	in.zlib = r
	return r
}

func (in *inflaters) bareReader(src io.Reader) io.Reader {
	if r, ok := in.bare.(flate.Resetter); ok && r.Reset(src, nil) == nil {
		return in.bare
	}
	in.bare = flate.NewReader(src)
	return in.bare
}

func (in *inflaters) zstdReader(src io.Reader) io.Reader {
	if in.zstd == nil {
		// One at a time, it starts no goroutine and needs no closing.
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil
		}
		in.zstd = r
	}
	if in.zstd.Reset(src) != nil {
		return nil
	}
	return in.zstd
}
