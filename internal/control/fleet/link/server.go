package link

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/fleet"
)

// Records takes what a gateway hands over, once however often it comes, and
// gives what is answered.
type Records func(ctx context.Context, g fleet.Gateway, batch []byte) (answer any, err error)

// Handler answers gateways.
type Handler struct {
	fleet   *fleet.Service
	records Records
	learned Records
	log     *slog.Logger
	mux     *http.ServeMux
}

// NewHandler makes the handler, which must be served with fleet.ServerConfig. records
// takes what gateways counted and recorded, learned what they learned.
func NewHandler(f *fleet.Service, records, learned Records, log *slog.Logger) *Handler {
	h := &Handler{fleet: f, records: records, learned: learned, log: log, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST "+pathEnrol, h.enrol)
	h.mux.HandleFunc("POST "+pathRenew, h.known(h.renew))
	h.mux.HandleFunc("POST "+pathNext, h.known(h.next))
	h.mux.HandleFunc("POST "+pathRecords, h.known(h.hand(h.records)))
	h.mux.HandleFunc("POST "+pathLearned, h.known(h.hand(h.learned)))
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// known lets in only gateways, by their certificates.
func (h *Handler) known(handle func(w http.ResponseWriter, r *http.Request, g fleet.Gateway)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			h.fail(w, r, fleet.ErrUnknownGateway)
			return
		}
		g, err := h.fleet.Identify(r.Context(), r.TLS.VerifiedChains[0][0])
		if err != nil {
			h.fail(w, r, err)
			return
		}
		handle(w, r, g)
	}
}

func (h *Handler) enrol(w http.ResponseWriter, r *http.Request) {
	var m enrolment
	if err := decode(r.Body, mostRequest, &m); err != nil {
		h.fail(w, r, errors.Join(control.ErrInvalid, err))
		return
	}
	issued, err := h.fleet.Enrol(r.Context(), m.Token, m.Request, addressOf(r))
	h.answer(w, r, issued, err)
}

func (h *Handler) renew(w http.ResponseWriter, r *http.Request, g fleet.Gateway) {
	var m renewal
	if err := decode(r.Body, mostRequest, &m); err != nil {
		h.fail(w, r, errors.Join(control.ErrInvalid, err))
		return
	}
	issued, err := h.fleet.Renew(r.Context(), g, m.Request, addressOf(r))
	h.answer(w, r, issued, err)
}

// next answers as soon as there is something newer than what the gateway has, or
// with 204 after a while. What is older is never handed out: another control process
// may not have seen the newest yet.
func (h *Handler) next(w http.ResponseWriter, r *http.Request, g fleet.Gateway) {
	var m have
	if err := decode(r.Body, mostRequest, &m); err != nil {
		h.fail(w, r, errors.Join(control.ErrInvalid, err))
		return
	}
	m.Status.Digest, m.Status.Address = m.Digest, addressOf(r)
	if err := h.fleet.Heard(r.Context(), g, m.Status); err != nil {
		h.fail(w, r, err)
		return
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	end := time.NewTimer(hold)
	defer end.Stop()
	for {
		served, err := h.fleet.Served(r.Context(), g)
		switch {
		case err != nil:
			h.fail(w, r, err)
			return
		case served != nil && served.Revision.Digest != m.Digest && served.Version >= m.Version:
			h.answer(w, r, served, nil)
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-end.C:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-ticker.C:
		}
	}
}

// hand hands a batch to who takes it.
func (h *Handler) hand(to Records) func(w http.ResponseWriter, r *http.Request, g fleet.Gateway) {
	return func(w http.ResponseWriter, r *http.Request, g fleet.Gateway) {
		var batch json.RawMessage
		if err := decode(r.Body, mostRecords, &batch); err != nil {
			h.fail(w, r, errors.Join(control.ErrInvalid, err))
			return
		}
		answer, err := to(r.Context(), g, batch)
		h.answer(w, r, answer, err)
	}
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, value any, err error) {
	if err != nil {
		h.fail(w, r, err)
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the gateway has gone away; it will ask again
}

// fail tells gateways what they can mend, and logs the rest.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, fleet.ErrToken):
		http.Error(w, fleet.ErrToken.Error(), http.StatusForbidden)
	case errors.Is(err, fleet.ErrUnknownGateway):
		http.Error(w, fleet.ErrUnknownGateway.Error(), http.StatusForbidden)
	case errors.Is(err, control.ErrInvalid):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		if !errors.Is(err, context.Canceled) {
			h.log.Error("a gateway could not be answered", "component", "fleet", "path", r.URL.Path, "error", err)
		}
		http.Error(w, "the control plane can't answer now", http.StatusServiceUnavailable)
	}
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
