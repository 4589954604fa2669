package inventory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/control"
)

// matrix counts which API carries which class of data.
type matrix struct {
	apis    map[string]*MatrixRow
	rows    []*MatrixRow
	classes []string
}

// MatrixRow is an API, or a host without one.
type MatrixRow struct {
	// Name is that of the API or host; API says which.
	Name       string
	API        bool
	Operations int
	// Public counts the operations with data that are called from public networks.
	Public int
	Cells  map[string]*Cell
}

// Cell counts the operations of an API that carry a class of data.
type Cell struct {
	// Request and Response are how many operations take and give it, Messages in how many
	// sampled messages it was.
	Request, Response int
	Messages          uint64
}

func newMatrix() *matrix { return &matrix{apis: map[string]*MatrixRow{}} }

func (m *matrix) operation(r *Row) {
	name := side(r.API, r.Host)
	row := m.apis[name]
	if row == nil {
		row = &MatrixRow{Name: name, API: r.API != "", Cells: map[string]*Cell{}}
		m.apis[name] = row
	}
	row.Operations++
	if len(r.Data) > 0 && r.Exposure == "public" {
		row.Public++
	}
	for _, d := range r.Data {
		c := row.Cells[d.Class]
		if c == nil {
			c = &Cell{}
			row.Cells[d.Class] = c
		}
		if d.Request > 0 {
			c.Request++
		}
		if d.Response > 0 {
			c.Response++
		}
		c.Messages += d.Request + d.Response
	}
}

// finish puts the APIs with the most classes first, and classes in the order of their
// groups.
func (m *matrix) finish() {
	m.rows = slices.SortedFunc(maps.Values(m.apis), func(a, b *MatrixRow) int {
		return cmp.Or(len(b.Cells)-len(a.Cells), b.Operations-a.Operations, strings.Compare(a.Name, b.Name))
	})
	seen := map[string]bool{}
	for _, row := range m.rows {
		for class := range row.Cells {
			seen[class] = true
		}
	}
	m.classes = slices.SortedFunc(maps.Keys(seen), func(a, b string) int {
		return cmp.Or(slices.Index(Groups(), groupOf(a))-slices.Index(Groups(), groupOf(b)), strings.Compare(a, b))
	})
}

// Matrix is which API carries which class of data.
type Matrix struct {
	Classes []string
	Rows    []*MatrixRow
	// Total is how many APIs fit, From the number of the first that is shown; Clean how many
	// carry nothing that was recognised and are left out.
	Total, From, Clean int
}

// MatrixSize is how many APIs a page of the matrix has.
const MatrixSize = 60

// Matrix gives a part of the matrix: of the APIs whose name holds a text.
func (s *Service) Matrix(ctx context.Context, p control.Principal, text string, offset int) (*Matrix, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	offset = max(offset, 0)
	m := &Matrix{Classes: pic.matrix.classes, From: offset + 1}
	text = strings.ToLower(text)
	for _, row := range pic.matrix.rows {
		switch {
		case !strings.Contains(strings.ToLower(row.Name), text):
			continue
		case len(row.Cells) == 0:
			m.Clean++
			continue
		}
		if m.Total >= offset && len(m.Rows) < MatrixSize {
			m.Rows = append(m.Rows, row)
		}
		m.Total++
	}
	return m, nil
}
