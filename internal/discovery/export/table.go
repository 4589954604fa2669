package export

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"

	"farrier.dev/farrier/internal/discovery"
)

// CSV writes one row for each operation. A cell that a spreadsheet would take for a
// formula has an apostrophe before it.
func CSV(w io.Writer, ops []*discovery.Operation, o Options) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	head := []string{
		"host", "method", "path", "version", "name", "protocol", "api", "states", "labels", "risk", "requests", "good",
		"refused", "attacks", "first seen", "last seen", "listed", "listed by", "authentication", "exposure", "parameters",
		"data classes", "callers", "upstreams",
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, op := range o.chosen(ops) {
		if err := out.Write(o.row(op)); err != nil {
			return err
		}
	}
	for _, k := range o.Orphans {
		row := make([]string, len(head))
		copy(row, []string{cell(k.Host), cell(k.Method), cell(k.Path), cell(k.Version), cell(k.Name), "", "", string(discovery.Orphan)})
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (o *Options) row(op *discovery.Operation) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	var parameters, callers, upstreams []string
	for _, p := range op.Parameters {
		parameters = append(parameters, p.In+" "+p.Name)
	}
	for _, c := range op.Callers {
		callers = append(callers, c.Kind+" "+c.Name)
	}
	for _, s := range op.Services {
		upstreams = append(upstreams, s.Name)
	}
	risk := ""
	if score, scored := o.Scores[op.Key]; scored {
		risk = strconv.Itoa(score)
	}
	row := []string{
		op.Host, op.Method, op.Path, op.Version, op.Name, string(op.Protocol), op.API, join(o.states(op.Key)),
		join(o.Labels[op.Key]), risk, number(op.Requests), number(op.Good), number(op.Refused), number(op.Attacks),
		day(op.First), day(op.Last), day(op.Listed), op.By, join(names(op.Authentication)), join(names(op.Exposure)),
		join(parameters), join(classes(op)), join(callers), join(upstreams),
	}
	for i, text := range row {
		row[i] = cell(text)
	}
	return row
}

func join(texts []string) string { return strings.Join(texts, "; ") }

// cell makes a text harmless in spreadsheets: no formula, no control characters.
func cell(text string) string {
	text = visible(text)
	if trimmed := strings.TrimLeft(text, " \u00a0\u3000"); trimmed != "" && strings.ContainsRune("=+-@|%\uFF1D\uFF0B\uFF0D\uFF20", []rune(trimmed)[0]) {
		return "'" + text
	}
	return text
}

// visible replaces what can't be seen or changes the order of what is: control
// characters, marks of direction, and bytes that are not UTF-8.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) && r != ' ' {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
