package gateway

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/gateway/stream"
)

// upgrade joins the two connections after the service has switched protocols.
func (p *passage) upgrade() {
	service, ok := p.resp.Body.(io.ReadWriteCloser)
	if !ok {
		p.failed(&rejection{http.StatusBadGateway, "Bad gateway.", "the service switched protocols without a connection"})
		p.respond()
		return
	}
	var compression stream.Compression
	if p.inspection != nil {
		var err error
		if compression, err = stream.Agreed(p.responseField("Sec-Websocket-Extensions")); err != nil {
			p.failed(&rejection{http.StatusBadGateway, "Bad gateway.", err.Error()})
			p.respond()
			return
		}
	}
	header := make(http.Header)
	upgrade := p.resp.Header["Upgrade"]
	if p.resp.Header == nil {
		upgrade = []string{p.x.Request.Header.Get("upgrade")}
	}
	p.responseHeader(header)
	header["Connection"], header["Upgrade"] = []string{"Upgrade"}, upgrade
	header["X-Correlation-Id"] = []string{p.x.ID}
	client, buffered, err := p.rc.Hijack()
	if err != nil {
		p.failed(&rejection{http.StatusBadGateway, "Bad gateway.", "this connection can't be upgraded"})
		p.respond()
		return
	}
	defer func() { _ = client.Close(); _ = service.Close() }()
	_ = client.SetDeadline(time.Time{})
	if _, err := buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\n"); err != nil {
		return
	}
	if err := header.Write(buffered); err != nil {
		return
	}
	if _, err := buffered.WriteString("\r\n"); err != nil || buffered.Flush() != nil {
		return
	}
	hangUp := func() { _ = client.Close(); _ = service.Close() }
	idle := time.AfterFunc(p.idle, hangUp)
	defer idle.Stop()
	defer context.AfterFunc(p.g.life, hangUp)()
	if p.inspection != nil {
		c := &conversation{p: p, compression: compression, idle: idle, hangUp: hangUp}
		c.client.to, c.service.to, c.service.masked = client, service, true
		c.run(buffered, service)
		p.end.BytesIn, p.end.BytesOut = c.in.Load(), c.out.Load()
		return
	}
	var in, out atomic.Int64
	var both sync.WaitGroup
	both.Go(func() { pipe(service, buffered, &in, idle, p.idle); _ = service.Close() })
	both.Go(func() { pipe(client, service, &out, idle, p.idle); _ = client.Close() })
	both.Wait()
	p.end.BytesIn, p.end.BytesOut = in.Load(), out.Load()
}

// pipe copies one direction until either side ends.
func pipe(to io.Writer, from io.Reader, count *atomic.Int64, idle *time.Timer, limit time.Duration) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			idle.Reset(limit)
			count.Add(int64(n))
			if _, werr := to.Write((*buf)[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
