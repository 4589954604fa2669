package content

import (
	"bytes"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Encode applies the codings that the value of Content-Encoding names, in their
// order, so that a body that was rewritten can be sent as it came. It fails with
// ErrCoding or ErrChain. The result is body itself when nothing is to be coded.
func Encode(contentEncoding string, body []byte) ([]byte, error) {
	codings, err := parse(contentEncoding)
	if err != nil {
		return nil, err
	}
	for _, coding := range codings {
		if body, err = encode(coding, body); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func encode(coding string, body []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "br":
		const quality = 4 // about the speed of gzip
		w = brotli.NewWriterLevel(&out, quality)
	case "zstd":
		e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, err
		}
		w = e
	default:
		return nil, ErrCoding
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
