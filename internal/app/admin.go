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
// recorder, for whoever may read the folder.
func serveAdmin(dir string, log *slog.Logger) (*page, error) {
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
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	if err := recorder.Start(); err != nil {
		log.Warn("the flight recorder does not run", "error", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/flight", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := recorder.WriteTo(w); err != nil {
			log.Warn("writing the flight recorder", "error", err)
		}
	})
	p := servePage(ln, mux, log)
	// Profiles take longer than a page may.
	p.server.ReadTimeout = 0
	p.server.RegisterOnShutdown(recorder.Stop)
	return p, nil
}
