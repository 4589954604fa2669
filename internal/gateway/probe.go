package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/netutil"

	"farrier.dev/farrier/internal/revision"
)

// probe answers orchestrators on a port of its own, beside all limits of the
// APIs' ports. The gateway's lock guards it.
type probe struct {
	ready func() bool
	log   *slog.Logger

	settings revision.Probe
	server   *http.Server
}

// What callers of the probe may take: time, and connections at once.
const (
	probeTimeout     = 5 * time.Second
	probeConnections = 256
)

// probeChange is a probe whose port is open but that does not serve yet.
type probeChange struct {
	probe    *probe
	settings revision.Probe
	// socket is nil when nothing is to be opened.
	socket net.Listener
	same   bool
}

func (p *probe) prepare(ctx context.Context, settings revision.Probe) (*probeChange, error) {
	c := &probeChange{probe: p, settings: settings, same: settings == p.settings}
	if c.same || !settings.Enabled {
		return c, nil
	}
	address := net.JoinHostPort("0.0.0.0", strconv.Itoa(settings.Port))
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening the probe's port %s: %w", address, err)
	}
	c.socket = socket
	return c, nil
}

// Commit implements prepared.
func (c *probeChange) Commit() {
	p := c.probe
	if c.same {
		return
	}
	p.close()
	p.settings = c.settings
	if c.socket == nil {
		return
	}
	server := &http.Server{
		Handler: p.handler(), ReadTimeout: probeTimeout, WriteTimeout: probeTimeout, ReadHeaderTimeout: probeTimeout,
		MaxHeaderBytes: 4 << 10, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false)
	p.server = server
	go func() {
		if err := server.Serve(netutil.LimitListener(c.socket, probeConnections)); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("the probe's port stopped accepting", "error", err)
		}
	}()
}

// Discard implements prepared.
func (c *probeChange) Discard() {
	if c.socket != nil {
		_ = c.socket.Close()
	}
}

func (p *probe) close() {
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

// handler answers readiness and liveness. The parameters allowEnvoyErrors,
// allowAPIErrors and allowPolicyErrors are taken and change nothing: a revision
// with errors is never put into service, so that there are none to allow.
func (p *probe) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /probes/readiness", func(w http.ResponseWriter, _ *http.Request) {
		if !p.ready() {
			answer(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		answer(w, http.StatusOK, "ready\n")
	})
	mux.HandleFunc("GET /probes/liveness", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "alive\n")
	})
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// ready says whether the gateway serves an API and goes on to.
func (g *Gateway) ready() bool {
	table := g.table.Load()
	return table != nil && len(table.Revision.APIs) > 0 && !g.stopping.Load()
}
