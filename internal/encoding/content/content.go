// Package content undoes and redoes Content-Encoding (RFC 9110, section 8.4) on
// bodies that are in memory: identity, gzip, deflate, br and zstd, also one over
// the other. What a small body may become is bounded in bytes and by a ratio,
// which every coding of a chain must keep. It knows nothing of streams or of
// headers other than the value it is given.
package content

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// DefaultRatio is how many times larger than its coded form a body may become.
const DefaultRatio = 100

const (
	// maxCodings is the most codings in one Content-Encoding.
	maxCodings = 3
	// ratioFloor is the number of bytes that every body may become, whatever the
	// ratio: a few blank lines compress very well.
	ratioFloor = 4096
)

// Reasons for refusing a coded body.
var (
	// ErrTooLarge reports a body that is larger than the limit when decoded.
	ErrTooLarge = errors.New("decoded body is larger than the limit")
	// ErrRatio reports a body that grows by more than the ratio when decoded.
	ErrRatio = errors.New("decoded body exceeds the decompression ratio")
	// ErrCoding reports a coding that is not known.
	ErrCoding = errors.New("unknown content coding")
	// ErrChain reports more than three codings on one body.
	ErrChain = errors.New("too many content codings")
	// ErrCorrupt reports a body that is not what its coding says: damaged, cut
	// off, or with data behind its end.
	ErrCorrupt = errors.New("corrupt body")
)

// Decode gives the body without the codings that the value of Content-Encoding
// names, the last of which was applied last; empty is identity. It fails with
// ErrTooLarge when the result has more than limit bytes, with ErrRatio when any
// coding yields more than ratio times the length of body (4,096 bytes are always
// allowed), and with ErrCoding, ErrChain or ErrCorrupt. A negative limit or ratio
// is off. The result is body itself when nothing was coded. Besides the result,
// which is never given room for more than limit bytes and 64 KiB, memory holds
// one window a coding: 32 KiB for gzip and deflate, up to 8 MiB for zstd and 16
// MiB for br.
func Decode(contentEncoding string, body []byte, limit int64, ratio int) ([]byte, error) {
	data, partial, err := decode(contentEncoding, body, limit, ratio, false)
	if err == nil && partial {
		return nil, ErrTooLarge
	}
	return data, err
}

// DecodePrefix is Decode for those who look at the beginning only: it gives at
// most the first limit bytes, and partial tells that there is more. A body that
// is itself cut off gives what can be decoded of it, as partial.
func DecodePrefix(contentEncoding string, body []byte, limit int64, ratio int) (data []byte, partial bool, err error) {
	return decode(contentEncoding, body, limit, ratio, true)
}

func decode(contentEncoding string, body []byte, limit int64, ratio int, prefix bool) ([]byte, bool, error) {
	codings, err := parse(contentEncoding)
	if err != nil {
		return nil, false, err
	}
	if len(codings) == 0 {
		if limit >= 0 && int64(len(body)) > limit {
			return body[:limit:limit], true, nil
		}
		return body, false, nil
	}
	var layers []*layer
	defer func() {
		for _, l := range layers {
			l.close()
		}
	}()
	src := io.Reader(nil)
	for i := len(codings) - 1; i >= 0; i-- {
		l, err := open(codings[i], src, body, ratio)
		if err != nil {
			return nil, false, err
		}
		layers = append(layers, l)
		src = l
	}
	data, more, err := collect(src, len(body), limit)
	if prefix && errors.Is(err, io.ErrUnexpectedEOF) {
		return data, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return data, more, nil
}

// parse gives the codings of a Content-Encoding in the order in which they were
// applied, without identity.
func parse(contentEncoding string) ([]string, error) {
	var codings []string
	for name := range strings.SplitSeq(contentEncoding, ",") {
		switch name = strings.ToLower(strings.Trim(name, " \t")); name {
		case "", "identity":
		case "gzip", "x-gzip", "deflate", "br", "zstd":
			if codings = append(codings, name); len(codings) > maxCodings {
				return nil, ErrChain
			}
		default:
			return nil, ErrCoding
		}
	}
	return codings, nil
}

// collect reads src to its end, or to limit bytes and one. The buffer grows to
// limit and one byte at most.
func collect(src io.Reader, coded int, limit int64) (data []byte, more bool, err error) {
	const first, most = 4096, 1 << 16
	buf := make([]byte, 0, capped(min(max(first, 2*coded), most), limit))
	for {
		if limit >= 0 && int64(len(buf)) > limit {
			return buf[:limit:limit], true, nil
		}
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), capped(2*cap(buf), limit))
			copy(grown, buf)
			buf = grown
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			if limit >= 0 && int64(len(buf)) > limit {
				return buf[:limit:limit], true, nil
			}
			return buf, false, nil
		}
		if err != nil {
			if limit >= 0 && int64(len(buf)) > limit {
				buf = buf[:limit:limit]
			}
			return buf, false, err
		}
	}
}

// capped is n, but no more than one byte over the limit.
func capped(n int, limit int64) int {
	if limit >= 0 && int64(n) > limit {
		return int(limit) + 1
	}
	return n
}

// corrupt wraps what a decoder says. Its words tell of the format, never of the
// data.
func corrupt(coding string, err error) error {
	if errors.Is(err, ErrRatio) || errors.Is(err, ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrCorrupt, coding, err)
}
