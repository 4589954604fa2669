package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime/trace"
)

// serveAdmin opens the admin socket in the data folder: profiles and the flight
// recorder, and what more adds, for whoever may read the folder.
func serveAdmin(dir string, log *slog.Logger, more ...func(*http.ServeMux)) (*page, error) {
	path := filepath.Join(dir, "admin.sock")
	_ = os.Remove(path) // left behind by a killed process; the folder is locked by us
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("closing the admin socket to others: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	for _, add := range more {
		add(mux)
	}
	stop := flight(mux, log)
	p := servePage(ln, mux, log)
	// Profiles take longer than a page may.
	p.server.ReadTimeout = 0
	p.server.RegisterOnShutdown(stop)
	return p, nil
}

// flight serves the flight recorder. It runs only between PUT and DELETE, since
// it costs a tenth of the CPU time of ordinary requests.
func flight(mux *http.ServeMux, log *slog.Logger) (stop func()) {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	mux.HandleFunc("PUT /debug/flight", func(w http.ResponseWriter, _ *http.Request) {
		if err := recorder.Start(); err != nil && !recorder.Enabled() {
			log.Warn("the flight recorder does not start", "error", err)
			http.Error(w, "The flight recorder does not start; the log says why.", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("DELETE /debug/flight", func(http.ResponseWriter, *http.Request) { recorder.Stop() })
	mux.HandleFunc("GET /debug/flight", func(w http.ResponseWriter, _ *http.Request) {
		if !recorder.Enabled() {
			http.Error(w, "The flight recorder does not run; PUT /debug/flight starts it.", http.StatusConflict)
			return
		}
		if _, err := recorder.WriteTo(w); err != nil {
			log.Warn("writing the flight recorder", "error", err)
		}
	})
	return recorder.Stop
}
