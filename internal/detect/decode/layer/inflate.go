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
	r, done := o.reader(d)
	if r == nil {
		return
	}
	defer done()
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

func (o *opener) reader(d Decoder) (io.Reader, func()) {
	src := strings.NewReader(o.text)
	nothing := func() {}
	switch d { //nolint:exhaustive // the others decompress nothing
	case Gzip:
		if r, err := gzip.NewReader(src); err == nil {
			return r, nothing
		}
	case Deflate:
		if r, err := zlib.NewReader(src); err == nil {
			return r, nothing
		}
		if o.named {
			return flate.NewReader(strings.NewReader(o.text)), nothing
		}
	case Brotli:
		if o.named {
			return brotli.NewReader(src), nothing
		}
	case Zstd:
		r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			return r, r.Close
		}
	}
	return nil, nothing
}
