package inventory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
)

// APIView is what the inventory knows of one API.
type APIView struct {
	Name string
	Sums Sums
	// Rows are the riskiest operations.
	Rows []*Row
	// Classes count the operations by class of data, the most first.
	Classes, Callers, Upstreams []Tally
	// Drift is what differs from the description, where it differs most first; More
	// how much is not listed.
	Drift []DriftAt
	More  int
	// Files are those of its description with drift at their lines.
	Files []MarkedFile
	// Described are the descriptions that name it.
	Described []string
	Marks     keep.Marks
	// Denies says that undocumented requests are held against a description already.
	Denies bool
	// Served says that the revision in service has it.
	Served bool
}

// Tally counts something by name.
type Tally struct {
	Name  string
	Count uint64
}

// DriftAt is a difference with the operation that it is of.
type DriftAt struct {
	discovery.Drift
	ID string
}

// MarkedFile is a file of a description with what differs at its lines.
type MarkedFile struct {
	Name  string
	Lines []MarkedLine
	// Notes is how many differences are at lines of it; Cut says that it is longer than is shown.
	Notes int
	Cut   bool
}

// MarkedLine is a line of a file; Gap stands for those left out.
type MarkedLine struct {
	Number int
	Text   string
	Gap    bool
	Drift  []discovery.Drift
}

// The bounds of the view of an API.
const (
	maxAPIRows     = 25
	maxAPIDrift    = 200
	maxMarkedFiles = 8
	maxMarkedLines = 1500
	maxLineText    = 400
	maxLineNotes   = 6
	aroundDrift    = 3
	maxTallies     = 12
)

// API gives what is known of an API, with whole files of its description where all is
// wanted. An API without any operation is control.ErrNotFound.
func (s *Service) API(ctx context.Context, p control.Principal, api string, all bool) (*APIView, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	t, err := s.tables()
	if err != nil {
		return nil, err
	}
	v := &APIView{Name: api}
	var rows []*Row
	for _, i := range pic.orders[Orders()[0]] {
		if r := pic.rows[i]; r.API == api {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, control.ErrNotFound
	}
	v.Sums = sumsOf(rows, s.o.Now())
	v.Rows = slices.Clone(rows)
	v.Rows = slices.DeleteFunc(v.Rows, func(r *Row) bool { return r.Hidden() })
	v.Rows = v.Rows[:min(len(v.Rows), maxAPIRows)]
	v.tally(pic, rows)
	for _, r := range rows {
		for _, d := range pic.drift[r.ID] {
			if len(v.Drift) < maxAPIDrift {
				v.Drift = append(v.Drift, DriftAt{d, r.ID})
			} else {
				v.More++
			}
		}
	}
	marks, err := t.memory.Marks(ctx)
	if err != nil {
		return nil, err
	}
	v.Marks = marks[subjectAPI(api)]
	if a := s.instance(api); a != nil {
		v.Served = true
		for _, b := range a.Policies {
			v.Denies = v.Denies || b.Policy == denying || b.Policy == "spec-validation-flex"
		}
	}
	v.mark(s.o.Described(), all)
	return v, nil
}

// Knows says whether the inventory has operations of an API.
func (s *Service) Knows(ctx context.Context, p control.Principal, api string) (bool, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return false, err
	}
	return pic.matrix.apis[api] != nil, nil
}

// tally counts classes, callers and upstreams.
func (v *APIView) tally(pic *picture, rows []*Row) {
	classes, callers, upstreams := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	for _, r := range rows {
		for _, d := range r.Data {
			classes[d.Class]++
		}
	}
	for _, l := range pic.flow.in {
		if l.To == v.Name {
			callers[l.From] += l.Requests
		}
	}
	for _, l := range pic.flow.out {
		if l.From == v.Name {
			upstreams[l.To] += l.Requests
		}
	}
	v.Classes, v.Callers, v.Upstreams = tallied(classes), tallied(callers), tallied(upstreams)
}

func tallied(all map[string]uint64) []Tally {
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(cmp.Compare(all[b], all[a]), strings.Compare(a, b)) })
	var out []Tally
	for _, name := range names[:min(len(names), maxTallies)] {
		out = append(out, Tally{name, all[name]})
	}
	return out
}

// mark puts drift at the lines of the descriptions that name the API.
func (v *APIView) mark(described []discovery.Described, all bool) {
	at := map[string]map[int][]discovery.Drift{}
	for _, d := range v.Drift {
		if d.File == "" || d.Line <= 0 {
			continue
		}
		if at[d.File] == nil {
			at[d.File] = map[int][]discovery.Drift{}
		}
		at[d.File][d.Line] = append(at[d.File][d.Line], d.Drift)
	}
	for _, one := range described {
		if one.API != v.Name {
			continue
		}
		v.Described = append(v.Described, one.Name)
		if one.Document == nil || one.Document.Project == nil {
			continue
		}
		for _, text := range texts(one.Document) {
			lines := at[text.name]
			for name, all := range at {
				if lines == nil && strings.HasSuffix(filepath.ToSlash(name), "/"+text.name) {
					lines, text.name = all, name
				}
			}
			if len(v.Files) < maxMarkedFiles && (len(lines) > 0 || all) {
				v.Files = append(v.Files, markedFile(text, lines, all))
			}
		}
	}
}

// fileText is a file of a description.
type fileText struct{ name, text string }

// markedFile is a file with its differences: whole, or only what stands around them.
func markedFile(f fileText, notes map[int][]discovery.Drift, all bool) MarkedFile {
	out := MarkedFile{Name: f.name}
	near := map[int]bool{}
	for line, list := range notes {
		out.Notes += len(list)
		for l := line - aroundDrift; l <= line+aroundDrift; l++ {
			near[l] = true
		}
	}
	number := 0
	for text := range strings.SplitSeq(strings.ToValidUTF8(f.text, "\uFFFD"), "\n") {
		number++
		switch {
		case len(out.Lines) >= maxMarkedLines:
			out.Cut = true
			return out
		case all || near[number]:
			line := MarkedLine{Number: number, Text: cut(strings.TrimSuffix(text, "\r"), maxLineText), Drift: notes[number]}
			if more := len(line.Drift) - maxLineNotes; more > 0 {
				line.Drift = append(slices.Clone(line.Drift[:maxLineNotes]), discovery.Drift{Kind: "more", Place: fmt.Sprintf("and %d more", more)})
			}
			out.Lines = append(out.Lines, line)
		case len(out.Lines) == 0 || !out.Lines[len(out.Lines)-1].Gap:
			out.Lines = append(out.Lines, MarkedLine{Gap: true})
		}
	}
	return out
}
