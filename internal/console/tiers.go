package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/revision"
)

// tierRows is how many limits the form of a tier has.
const tierRows = 3

// tierSave keeps a new tier, or one that was changed or removed.
func (c *console) tierSave(w http.ResponseWriter, r *request) error {
	f, err := fields(r)
	if err != nil {
		return err
	}
	name, id := r.PathValue("namespace")+"/"+r.PathValue("name"), r.PathValue("id")
	draft, err := tierOf(f)
	switch {
	case f.Get("remove") != "":
		err = c.Clients.DeleteTier(r.Context(), r.principal, c.Environment, id, version(f))
	case err != nil:
	case id == "":
		_, err = c.Clients.CreateTier(r.Context(), r.principal, c.Environment, name, draft)
	default:
		_, err = c.Clients.UpdateTier(r.Context(), r.principal, c.Environment, id, version(f), draft)
	}
	if err != nil {
		return c.contractsAgain(w, r, err, draft)
	}
	return see(w, r, apiPath(name)+"/contracts#tiers")
}

// tierOf reads the form of a tier.
func tierOf(f url.Values) (client.TierDraft, error) {
	d := client.TierDraft{
		Name: f.Get("name"), Description: f.Get("description"), AutoApprove: f.Get("autoApprove") != "", Status: client.Status(f.Get("status")),
	}
	units := map[string]int64{"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
	for i := range tierRows {
		n := strconv.Itoa(i)
		most, every := strings.TrimSpace(f.Get("max"+n)), strings.TrimSpace(f.Get("every"+n))
		if most == "" && every == "" {
			continue
		}
		a, err := strconv.ParseInt(most, 10, 64)
		b, err2 := strconv.ParseInt(every, 10, 64)
		unit := units[f.Get("unit"+n)]
		if err != nil || err2 != nil || unit == 0 || b > 1_000_000_000 {
			return d, fmt.Errorf("%w: limit %d must be two whole numbers: how many requests, and in how long a time", control.ErrInvalid, i+1)
		}
		d.Limits = append(d.Limits, client.Limit{Visible: f.Get("show"+n) != "", MaximumRequests: a, TimePeriodInMilliseconds: b * unit})
	}
	return d, nil
}

// tierRow is one limit as the form shows it.
type tierRow struct {
	N          int
	Max, Every string
	Unit       string
	Show       bool
}

// rowsOf are the limits of a tier as a form shows them.
func rowsOf(limits []client.Limit) []tierRow {
	rows := make([]tierRow, tierRows)
	for i := range rows {
		rows[i] = tierRow{N: i, Unit: "min", Show: true}
		if i >= len(limits) {
			continue
		}
		l := limits[i]
		rows[i].Max, rows[i].Show = strconv.FormatInt(l.MaximumRequests, 10), l.Visible
		for _, u := range []struct {
			name string
			ms   int64
		}{{"d", 86_400_000}, {"h", 3_600_000}, {"min", 60_000}, {"s", 1000}, {"ms", 1}} {
			if l.TimePeriodInMilliseconds%u.ms == 0 {
				rows[i].Unit, rows[i].Every = u.name, strconv.FormatInt(l.TimePeriodInMilliseconds/u.ms, 10)
				break
			}
		}
	}
	return rows
}

func limitText(l client.Limit) string {
	return period(revision.Limit{MaximumRequests: l.MaximumRequests, TimePeriodInMilliseconds: l.TimePeriodInMilliseconds})
}
