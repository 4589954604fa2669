package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"farrier.dev/farrier/internal/encoding/content"
	"farrier.dev/farrier/internal/policy"
)

// ratio is how many times its size a body may grow when its Content-Encoding
// is opened.
const ratio = 100

// decode opens a Content-Encoding for steps that inspect content.
func decode(encoding string, coded []byte, limit int64) ([]byte, bool, error) {
	decoded, more, err := content.DecodePrefix(encoding, coded, limit, ratio)
	if errors.Is(err, content.ErrRatio) {
		return nil, false, policy.ErrTooLarge
	}
	return decoded, more, err
}

// bodiless says whether a response with this status has no content (RFC 9110 §6.4.1).
func bodiless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// respond writes the response to the client.
func (p *passage) respond() {
	x := &p.x.Response
	if x.Status == http.StatusSwitchingProtocols && p.resp != nil {
		p.upgrade()
		return
	}
	p.abandon()
	if x.Drop {
		p.keepBefore(0)
		panic(http.ErrAbortHandler) // net/http ends the connection, or the stream of HTTP/2
	}
	body, length := x.Body.Forward()
	if inspected, why := p.inspectResponse(body); why != nil {
		p.failed(why)
		body, length = x.Body.Forward()
	} else if p.reader != nil {
		body, length = inspected, -1 // it may end earlier
	}
	header := p.w.Header()
	p.responseHeader(header)
	header["X-Correlation-Id"] = []string{p.x.ID}
	if x.Body.Changed() {
		for _, name := range [...]string{"Content-Encoding", "Content-Md5", "Digest", "Repr-Digest", "Content-Digest", "Etag", "Accept-Ranges", "Content-Length"} {
			delete(header, name)
		}
	}
	switch {
	case p.r.Method == http.MethodHead || bodiless(x.Status):
		body = nil
	case length >= 0:
		header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	default:
		delete(header, "Content-Length")
	}
	if p.inspection == nil || x.Local {
		p.keepBefore(max(length, 0)) // a stream is kept when it is refused or ends
	}
	if p.malformed || x.Local && x.Status == http.StatusMisdirectedRequest {
		header["Connection"] = []string{"close"}
	}
	p.w.WriteHeader(x.Status)
	if body != nil {
		p.inspection.leave()
		p.copyBody(body, length)
		p.inspection.take()
	}
	if p.inspection.stopped() && !x.Local {
		p.inspection.tell()
		p.keepBefore(p.end.BytesOut)
		p.refusedTrailers()
		return
	}
	p.trailers()
}

// responseHeader copies the header to the client: the service's as it came
// when no step looked at it, the list otherwise.
func (p *passage) responseHeader(header http.Header) {
	if p.resp != nil && p.resp.Header != nil && !p.x.Response.Local {
		removeHopByHop(p.resp.Header, false)
		for name, values := range p.resp.Header {
			header[name] = values
		}
		return
	}
	h := &p.x.Response.Header
	for i := 0; i < h.Len(); i++ {
		f := h.At(i)
		name := canonicalName(f.Name)
		header[name] = append(header[name], f.Value)
	}
}

func (p *passage) trailers() {
	if p.resp == nil || p.x.Response.Local {
		return
	}
	for name, values := range p.resp.Trailer {
		for _, v := range values {
			p.w.Header().Add(http.TrailerPrefix+name, v)
		}
	}
}

// buffers are what bodies are copied through.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// short is the size up to which content in memory is written at once.
const short = 64 << 10

// copyBody writes the content. Streams and content of unknown length are
// flushed as they come. How long the client may take, framing bounds on an
// HTTP/1 connection; a stream of HTTP/2 has its own flow control.
func (p *passage) copyBody(body io.Reader, length int64) {
	var extended time.Time
	if p.r.ProtoMajor == 2 {
		p.extendWrite(&extended)
	}
	if local, ok := body.(*bytes.Reader); ok && length <= short {
		n, err := local.WriteTo(p.w)
		p.end.BytesOut += n
		p.cutOff(err)
		return
	}
	flush := length < 0 || p.x.Response.Streaming
	if flush {
		_ = p.rc.Flush() // the head goes out before the first event
	}
	p.duplicateResponse()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if p.r.ProtoMajor == 2 {
				p.extendWrite(&extended)
			}
			_, werr := p.w.Write((*buf)[:n])
			p.end.BytesOut += int64(n)
			if werr == nil && flush {
				werr = p.rc.Flush()
			}
			p.cutOff(werr)
			if p.observed.response.pooled != nil {
				p.observed.response.add((*buf)[:n])
			}
		}
		p.observed.whole = errors.Is(err, io.EOF)
		if p.observed.whole || err != nil && p.refusedCall() {
			return
		}
		p.cutOff(err)
	}
}

// extendWrite puts off the end of a stream whose client takes nothing. It is
// left behind for what net/http still has to write.
func (p *passage) extendWrite(extended *time.Time) {
	if now := p.g.Now(); now.Sub(*extended) > time.Second {
		_ = p.rc.SetWriteDeadline(now.Add(p.g.Limits.BodyIdle))
		*extended = now
	}
}

// cutOff ends the exchange when the content broke off: the client must not
// take what it has for the whole.
func (p *passage) cutOff(err error) {
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}
