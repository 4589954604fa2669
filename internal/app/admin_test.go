package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestFlightRecorderRunsOnDemand(t *testing.T) {
	mux := http.NewServeMux()
	defer flight(mux, slog.New(slog.DiscardHandler))()
	for i, step := range []struct {
		method string
		status int
	}{
		{http.MethodGet, http.StatusConflict},
		{http.MethodPut, http.StatusOK},
		{http.MethodPut, http.StatusOK},
		{http.MethodGet, http.StatusOK},
		{http.MethodDelete, http.StatusOK},
		{http.MethodDelete, http.StatusOK},
		{http.MethodGet, http.StatusConflict},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(step.method, "/debug/flight", nil))
		if w.Code != step.status || step.method == http.MethodGet && w.Body.Len() == 0 {
			t.Errorf("step %d, %s: %d with %d bytes", i+1, step.method, w.Code, w.Body.Len())
		}
	}
}
