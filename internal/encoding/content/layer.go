package content

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of zstd as a content coding (RFC 9659).
const maxWindow = 8 << 20

// source is what a decoder reads from: byte by byte, so that it takes no more
// than it needs and what lies behind its end is seen.
type source interface {
	io.Reader
	io.ByteReader
}

// layer decodes one coding and counts what comes out.
type layer struct {
	coding string
	src    source
	dec    io.Reader
	close  func()
	out    int64
	most   int64 // negative is no bound
}

// open makes the layer of a coding over below or, for the outermost, over body.
func open(coding string, below io.Reader, body []byte, ratio int) (*layer, error) {
	l := &layer{coding: coding, close: func() {}, most: -1}
	if ratio >= 0 {
		l.most = max(ratioFloor, int64(len(body))*int64(ratio))
	}
	if below == nil {
		l.src = bytes.NewReader(body)
	} else {
		l.src = bufio.NewReaderSize(below, 4096)
	}
	var err error
	switch coding {
	case "gzip", "x-gzip":
		l.dec, err = gzip.NewReader(l.src)
	case "deflate":
		err = l.openDeflate()
	case "br":
		l.dec = brotli.NewReader(l.src)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(l.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			l.dec, l.close = d, d.Close
		}
	default:
		return nil, ErrCoding
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, corrupt(coding, err)
	}
	return l, nil
}

// openDeflate takes the zlib format (RFC 1950), which the standard asks for, and
// the bare one (RFC 1951), which many send.
func (l *layer) openDeflate() error {
	head := make([]byte, 2)
	n, err := io.ReadFull(l.src, head)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	l.src = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head[:n]), l.src), 4096)
	if n == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		l.dec, err = zlib.NewReader(l.src)
		return err
	}
	l.dec = flate.NewReader(l.src)
	return nil
}

// Read gives decoded bytes, or the error that ends them: io.EOF only when the
// coded data ended where its source does.
func (l *layer) Read(p []byte) (int, error) {
	n, err := l.dec.Read(p)
	if l.out += int64(n); l.most >= 0 && l.out > l.most {
		return 0, ErrRatio
	}
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, corrupt(l.coding, err)
	}
	switch _, err := l.src.ReadByte(); {
	case err == nil:
		return n, corrupt(l.coding, errTrailing)
	case !errors.Is(err, io.EOF):
		return n, corrupt(l.coding, err)
	}
	return n, io.EOF
}

var errTrailing = errors.New("data behind the end")
