package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// order is what the sample API sells.
type order struct {
	ID       int    `json:"id"`
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
	Note     string `json:"note,omitempty"`
	// Customer stands in no description: discovery shows the difference.
	Customer *customer `json:"customer,omitempty"`
}

// customer is somebody who buys. The operation that shows one stands in no description
// either, and asks for no credentials.
type customer struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	IBAN  string `json:"iban,omitempty"`
}

// sampleAPI is a small API of orders. It keeps nothing.
func sampleAPI(now func() time.Time) http.Handler {
	stock := []order{{1, "horseshoe", 4, "", nil}, {2, "hoof pick", 1, "for the foal", nil}, {7, "nails", 200, "", nil}}
	customers := []customer{
		{1, "Anna Berg", "anna.berg@example.com", "DE89370400440532013000"},
		{2, "Jonas Kruse", "jonas.kruse@example.com", "GB29NWBK60161331926819"},
		{3, "Marie Lenz", "marie.lenz@example.com", "FR1420041010050500013M02606"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, stock) })
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		for _, o := range stock {
			if err == nil && o.ID == id {
				buyer := customers[id%len(customers)]
				o.Customer = &customer{ID: buyer.ID, Name: buyer.Name, Email: buyer.Email}
				answer(w, http.StatusOK, o)
				return
			}
		}
		answer(w, http.StatusNotFound, map[string]string{"error": "no such order"})
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		var o order
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&o); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "that is no order"})
			return
		}
		o.ID = 8
		answer(w, http.StatusCreated, o)
	})
	mux.HandleFunc("GET /customers/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || id < 1 || id > len(customers) {
			answer(w, http.StatusNotFound, map[string]string{"error": "no such customer"})
			return
		}
		answer(w, http.StatusOK, customers[id-1])
	})
	mux.HandleFunc("GET /reports/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{"report": r.PathValue("name"), "orders": len(stock)})
	})
	mux.HandleFunc("GET /admin/stock", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]int{"horseshoe": 96, "nails": 10000})
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { events(w, r, now) })
	return mux
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client is gone if this fails
}

// events sends the time five times, as server-sent events.
func events(w http.ResponseWriter, r *http.Request, now func() time.Time) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 5 {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", now().UTC().Format(time.RFC3339Nano))
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
	}
}
