package inventory

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
)

// maxExport bounds the operations whose details are written at once.
const maxExport = 5000

// Written is how operations are written.
type Written struct {
	// Format is openapi.yaml, openapi.json, json or html.
	Format string
	// Title names the API or the choice; Base is a base path that paths are written without.
	Title, Base string
}

// Export writes operations with their details.
type Export func(w io.Writer, ops []*discovery.Operation, as Written) error

// Format is one that the inventory can be downloaded in.
type Format struct{ Name, Title, Media, File string }

// Formats are all that there are.
func Formats() []Format {
	return []Format{
		{"csv", "CSV", "text/csv; charset=utf-8", "inventory.csv"},
		{"json", "JSON", "application/json", "inventory.json"},
		{"openapi.yaml", "OpenAPI 3.1", "application/yaml", "openapi.yaml"},
		{"openapi.json", "OpenAPI 3.1 as JSON", "application/json", "openapi.json"},
		{"html", "HTML", "text/html; charset=utf-8", "inventory.html"},
	}
}

// Download writes what a query chooses in a format. Nothing is written before an error
// of the query.
func (s *Service) Download(ctx context.Context, p control.Principal, w io.Writer, format, query string) error {
	pic, err := s.now(ctx, p)
	if err != nil {
		return err
	}
	q, err := ParseQuery(query, s.o.Now())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(Formats(), func(f Format) bool { return f.Name == format }) {
		return wrong("there is no format %.20q", format)
	}
	var rows []*Row
	pic.each(q, "path", func(r *Row) { rows = append(rows, r) })
	if format == "csv" {
		return writeCSV(w, rows)
	}
	ops, err := s.load(ctx, rows)
	if err != nil {
		return err
	}
	title := "Inventory"
	if text := q.Text(); text != "" {
		title += ": " + text
	}
	return s.o.Export(w, ops, Written{Format: format, Title: title})
}

// writeCSV writes rows as a table.
func writeCSV(w io.Writer, rows []*Row) error {
	out := csv.NewWriter(w)
	write := func(cells ...string) error {
		for i := range cells {
			cells[i] = tame(cells[i])
		}
		return out.Write(cells)
	}
	err := write("method", "host", "path", "version", "name", "protocol", "api", "states", "data", "authentication", "credentials", "exposure", "callers",
		"requests", "requestsPerDay", "risk", "level", "drift", "findings", "first", "last", "owner", "tags", "labels", "described")
	for _, r := range rows {
		if err != nil {
			break
		}
		err = write(r.Method, r.Host, r.Path, r.Version, r.Name, string(r.Protocol), r.API, strings.Join(strs(r.States), " "), strings.Join(classes(r), " "),
			r.Authentication, strings.Join(r.Kinds, " "), string(r.Exposure), strconv.Itoa(r.Callers), strconv.FormatUint(r.Requests, 10),
			strconv.FormatFloat(r.PerDay, 'f', 1, 64), strconv.Itoa(r.Risk), r.Level, strconv.Itoa(r.Drift), strconv.Itoa(r.Findings), moment(r.First), moment(r.Last),
			r.Owner, strings.Join(r.Tags, ","), strings.Join(r.Labels, ","), placeText(r.Described))
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	return nil
}

// tame keeps a spreadsheet from taking a text that clients chose for a formula.
func tame(cell string) string {
	if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
		return "'" + cell
	}
	return cell
}

func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func placeText(p Place) string {
	if p.Line > 0 {
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	return p.File
}
