package console

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/control/auditlog"
)

// auditData is what the page of the audit log shows.
type auditData struct {
	Entries []auditlog.Entry
	// Older is an address, empty where there is nothing there; Newest says that
	// this is not the first page.
	Older  string
	Newest bool
	// Verified says that the chain was walked; Broken is what breaks it.
	Verified bool
	Broken   string
}

// Names are the names of an entry's details in order.
func (auditData) Names(e auditlog.Entry) []string { return slices.Sorted(maps.Keys(e.Detail)) }

func (c *console) audit(w http.ResponseWriter, r *request) error {
	var (
		d      auditData
		before int64
		err    error
	)
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return problem(http.StatusBadRequest, "No such page", "The page to go on from must be the number of an entry.")
		}
	}
	var next int64
	if d.Entries, next, err = c.Audit.List(r.Context(), r.principal, before); err != nil {
		return err
	}
	if d.Newest = before > 0; next > 0 {
		d.Older = query("/audit", "before", strconv.FormatInt(next, 10))
	}
	if r.URL.Query().Get("verify") != "" {
		d.Verified = true
		switch err := c.Audit.Verify(r.Context(), r.principal); {
		case errors.Is(err, auditlog.ErrTampered):
			d.Broken = sentence(err.Error())
		case err != nil:
			return err
		}
	}
	return c.render(w, r, http.StatusOK, "audit", "Audit log", d)
}
