package console

import (
	"fmt"
	"math"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/control/inventory"
)

// The measures of the map, in units of its picture.
const (
	mapNode   = 26
	mapGap    = 8
	mapTop    = 34
	mapWidth  = 1080
	mapColumn = 290
	mapLetter = 33  // letters that fit into a node
	mapLines  = 150 // of each side, the busiest
	mapRows   = 60  // of the table, for each side
)

// mapData is what the map of clients, APIs and upstreams shows.
type mapData struct {
	*inventory.Map
	Width, Height int
	Columns       [3]mapColumnData
	Lines         []mapLine
}

type mapColumnData struct {
	Title string
	X     int
	Nodes []mapNodeData
}

type mapNodeData struct {
	inventory.Node
	X, Y, Width int
	Label       string
	Address     string
	Sensitive   bool
}

type mapLine struct {
	Path, Width, Class, Title string
}

func (c *console) inventoryMap(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	m, err := c.Inventory.Map(r.Context(), r.principal, q.Get("api"), q.Get("data"))
	if err != nil {
		return err
	}
	d := &mapData{Map: m, Width: mapWidth}
	middle, right := (mapWidth-mapColumn)/2, mapWidth-mapColumn
	d.Columns = [3]mapColumnData{{Title: "Clients", X: 0}, {Title: "APIs", X: middle}, {Title: "Upstreams", X: right}}
	most := 1
	for i, nodes := range [][]inventory.Node{m.Clients, m.APIs, m.Upstreams} {
		d.Columns[i].Nodes = d.nodes(i, nodes)
		most = max(most, len(nodes))
	}
	d.Height = mapTop + most*(mapNode+mapGap)
	// Lines of others are thin, or they would hide those that can be told apart.
	busiest := uint64(1)
	for column, links := range [][]inventory.MapLink{m.In, m.Out} {
		for _, l := range links {
			if !d.rest(column, l) {
				busiest = max(busiest, l.Requests)
			}
		}
	}
	for _, l := range m.In[max(len(m.In)-mapLines, 0):] {
		d.line(l, 0, busiest)
	}
	for _, l := range m.Out[max(len(m.Out)-mapLines, 0):] {
		d.line(l, 1, busiest)
	}
	return c.render(w, r, http.StatusOK, "inventorymap", "Map", d)
}

// nodes places the nodes of a column.
func (d *mapData) nodes(column int, all []inventory.Node) []mapNodeData {
	out := make([]mapNodeData, len(all))
	for i, n := range all {
		node := mapNodeData{Node: n, X: d.Columns[column].X, Y: mapTop + i*(mapNode+mapGap), Width: mapColumn, Label: clipped(n.Name, mapLetter), Sensitive: len(n.Classes) > 0}
		if n.Rest > 0 {
			node.Label = fmt.Sprintf("%d others", n.Rest)
		} else {
			node.Address = query(inventoryPath, "q", mapQuery(column, n))
		}
		out[i] = node
	}
	return out
}

// mapQuery chooses the operations of a node.
func mapQuery(column int, n inventory.Node) string {
	value := `"` + strings.ReplaceAll(n.Name, `"`, "") + `"`
	switch column {
	case 0:
		return "caller:" + value
	case 2:
		return "upstream:" + value
	}
	if strings.Contains(n.Name, "/") {
		return "api:" + value
	}
	return "host:" + value
}

// rest says that a link leads from or to what is added up.
func (d *mapData) rest(column int, l inventory.MapLink) bool {
	return d.Columns[column].Nodes[l.From].Rest > 0 || d.Columns[column+1].Nodes[l.To].Rest > 0
}

// line draws a link between two columns.
func (d *mapData) line(l inventory.MapLink, column int, busiest uint64) {
	from, to := d.Columns[column].Nodes[l.From], d.Columns[column+1].Nodes[l.To]
	x1, y1, x2, y2 := from.X+from.Width, from.Y+mapNode/2, to.X, to.Y+mapNode/2
	bend := (x2 - x1) / 2
	title := fmt.Sprintf("%s to %s: %s requests, %d %s", from.Label, to.Label, count(l.Requests), l.Operations, plural(l.Operations, "operation", "operations"))
	if len(l.Classes) > 0 {
		title += ", data: " + strings.Join(l.Classes, ", ")
	}
	if l.Unmanaged {
		title += ", past every gateway"
	}
	width := 0.8 + 6*math.Sqrt(float64(l.Requests)/float64(busiest))
	class := ""
	switch {
	case d.rest(column, l):
		width, class = 1, "rest"
	case l.Unmanaged:
		class = "past"
	case len(l.Classes) > 0:
		class = "data"
	}
	d.Lines = append(d.Lines, mapLine{
		Path:  fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2),
		Width: fmt.Sprintf("%.1f", width), Class: class, Title: title,
	})
}

// Table are the links as rows, the busiest first and those of others last; at most so
// many that a page stays readable.
func (d *mapData) Table() []mapRow {
	var out []mapRow
	for column, links := range [][]inventory.MapLink{d.In, d.Out} {
		var rows, others []mapRow
		for i := len(links) - 1; i >= 0; i-- {
			row := mapRow{d.Columns[column].Nodes[links[i].From], d.Columns[column+1].Nodes[links[i].To], links[i]}
			if row.From.Rest > 0 || row.To.Rest > 0 {
				others = append(others, row)
			} else {
				rows = append(rows, row)
			}
		}
		rows = append(rows, others...)
		out = append(out, rows[:min(len(rows), mapRows)]...)
	}
	return out
}

type mapRow struct {
	From, To mapNodeData
	Link     inventory.MapLink
}
