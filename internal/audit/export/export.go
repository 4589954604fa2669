// Package export writes entries of the audit log for other programs: as CSV for
// spreadsheets, as JSON, and as events of the Open Cybersecurity Schema Framework
// (OCSF) for collectors. It reads and decides nothing.
package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"farrier.dev/farrier/internal/audit"
)

// Format is a form of what is written.
type Format string

// The formats: comma-separated values with a head; one JSON object with all entries;
// and OCSF 1.3 events, a line of JSON each.
const (
	CSV  Format = "csv"
	JSON Format = "json"
	OCSF Format = "ocsf"
)

// Formats lists the formats.
func Formats() []Format { return []Format{CSV, JSON, OCSF} }

// Known reports whether there is such a format.
func (f Format) Known() bool { return slices.Contains(Formats(), f) }

// MediaType is what HTTP calls the format.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8"
	case JSON:
		return "application/json"
	case OCSF:
		return "application/x-ndjson"
	}
	return "application/octet-stream"
}

// Ending is that of a file's name.
func (f Format) Ending() string {
	if f == OCSF {
		return "ocsf.jsonl"
	}
	return string(f)
}

// Entry is an entry as JSON.
type Entry struct {
	ID          int64             `json:"id"`
	Time        time.Time         `json:"time"`
	Environment string            `json:"environment,omitempty"`
	Operator    string            `json:"operator,omitempty"`
	Via         string            `json:"via,omitempty"`
	Session     string            `json:"session,omitempty"`
	Address     string            `json:"address,omitempty"`
	Action      string            `json:"action"`
	Object      string            `json:"object,omitempty"`
	Outcome     string            `json:"outcome"`
	Detail      map[string]string `json:"detail,omitempty"`
	Before      json.RawMessage   `json:"before,omitempty"`
	After       json.RawMessage   `json:"after,omitempty"`
	PrevHash    string            `json:"prevHash"`
	Hash        string            `json:"hash"`
}

// EntryOf is an entry of the log as JSON.
func EntryOf(k *audit.Kept) Entry {
	return Entry{
		ID: k.ID, Time: k.At.UTC(), Environment: k.Environment, Operator: k.Operator, Via: k.Via, Session: k.Session, Address: k.Address,
		Action: string(k.Action), Object: k.Object, Outcome: string(k.Outcome), Detail: k.Detail, Before: k.Before, After: k.After,
		PrevHash: k.PrevHash, Hash: k.Hash,
	}
}

// Writer writes entries one after the other.
type Writer struct {
	format Format
	out    *bufio.Writer
	table  *csv.Writer
	json   *json.Encoder
	count  int
}

// New writes to w in a format that must be known.
func New(w io.Writer, format Format) *Writer {
	out := bufio.NewWriter(w)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return &Writer{format: format, out: out, table: csv.NewWriter(out), json: e}
}

// columns are the head of the CSV.
func columns() []string {
	return []string{
		"id", "time", "environment", "operator", "via", "session", "address", "action", "object", "outcome",
		"detail", "before", "after", "prevHash", "hash",
	}
}

// Write writes one entry.
func (w *Writer) Write(k audit.Kept) error {
	w.count++
	switch w.format {
	case CSV:
		if w.count == 1 {
			if err := w.table.Write(columns()); err != nil {
				return err
			}
		}
		return w.table.Write(row(&k))
	case JSON:
		before := ","
		if w.count == 1 {
			before = `{"version":1,"entries":[` + "\n"
		}
		if _, err := w.out.WriteString(before); err != nil {
			return err
		}
		return w.json.Encode(EntryOf(&k))
	case OCSF:
		return w.json.Encode(Event(&k))
	}
	return errors.New("exporting the audit log: there is no such format")
}

// Close ends what is written; it does not close what is written to.
func (w *Writer) Close() error {
	var err error
	switch {
	case w.format == CSV:
		if w.count == 0 {
			err = w.table.Write(columns())
		}
		w.table.Flush()
		err = errors.Join(err, w.table.Error())
	case w.format == JSON && w.count == 0:
		_, err = w.out.WriteString(`{"version":1,"entries":[]}` + "\n")
	case w.format == JSON:
		_, err = w.out.WriteString("]}\n")
	}
	return errors.Join(err, w.out.Flush())
}

// Count is how many entries were written.
func (w *Writer) Count() int { return w.count }

func row(k *audit.Kept) []string {
	cells := []string{
		strconv.FormatInt(k.ID, 10), k.At.UTC().Format("2006-01-02T15:04:05.000Z"), k.Environment, k.Operator, k.Via, k.Session, k.Address,
		string(k.Action), k.Object, string(k.Outcome), details(k.Detail), string(k.Before), string(k.After), k.PrevHash, k.Hash,
	}
	for i := range cells {
		cells[i] = guarded(cells[i])
	}
	return cells
}

func details(detail map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		parts = append(parts, name+"="+detail[name])
	}
	return strings.Join(parts, "; ")
}

// guarded keeps a spreadsheet from taking text for a formula: an apostrophe stands in
// front of what could be one.
func guarded(cell string) string {
	bare := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\ufeff' })
	if bare == "" {
		return cell
	}
	if strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", []rune(bare)[0]) || strings.ContainsRune("\t\r\n", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}
