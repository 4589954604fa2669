package export

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/discovery"
)

// The picture of who calls what shows the largest of each column, in units of SVG.
const (
	shownClients   = 14
	shownAPIs      = 18
	shownUpstreams = 14
	boxWidth       = 240
	boxHeight      = 26
	boxGap         = 10
	columnGap      = 130
	labelLength    = 32
)

// picture is the map of clients, APIs and upstreams.
type picture struct {
	Width, Height int
	Boxes         []box
	Lines         []line
	Hidden        int
}

type box struct {
	X, Y, Width, Height int
	Label, Full, Class  string
	TextX, TextY        int
}

type line struct {
	Path, Width, Title string
}

// column is one of the three: what stands in it, and how much is called.
type column struct {
	weight map[string]uint64
	at     map[string]int
}

func newColumn() *column { return &column{map[string]uint64{}, map[string]int{}} }

// keep gives the largest, in the order of their weight, and what is left out.
func (c *column) keep(most int) (shown []string, hidden int) {
	all := slices.Collect(maps.Keys(c.weight))
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(c.weight[b], c.weight[a]), cmp.Compare(a, b)) })
	shown = all[:min(len(all), most)]
	for i, name := range shown {
		c.at[name] = i
	}
	return shown, len(all) - len(shown)
}

type pair struct{ from, to string }

func pictureOf(ops []*discovery.Operation) picture {
	clients, apis, upstreams := newColumn(), newColumn(), newColumn()
	calls, forwards := map[pair]uint64{}, map[pair]uint64{}
	for _, op := range ops {
		api := apiOf(op)
		apis.weight[api] += op.Requests
		for _, c := range op.Callers {
			name := c.Kind + " " + c.Name
			clients.weight[name] += c.Requests
			calls[pair{name, api}] += c.Requests
		}
		for _, s := range op.Services {
			upstreams.weight[s.Name] += s.Requests
			forwards[pair{api, s.Name}] += s.Requests
		}
	}
	var p picture
	highest := 0
	for i, c := range []struct {
		*column
		most  int
		class string
	}{{clients, shownClients, "client"}, {apis, shownAPIs, "api"}, {upstreams, shownUpstreams, "upstream"}} {
		shown, hidden := c.keep(c.most)
		p.Hidden += hidden
		highest = max(highest, len(shown))
		for row, name := range shown {
			p.Boxes = append(p.Boxes, boxAt(i, row, name, c.class))
		}
	}
	p.Width, p.Height = 3*boxWidth+2*columnGap, highest*(boxHeight+boxGap)+boxGap
	p.lines(0, clients, apis, calls)
	p.lines(1, apis, upstreams, forwards)
	return p
}

func boxAt(column, row int, name, class string) box {
	b := box{
		X: column * (boxWidth + columnGap), Y: boxGap + row*(boxHeight+boxGap), Width: boxWidth, Height: boxHeight,
		Full: visible(name), Class: class,
	}
	b.Label = b.Full
	if text := []rune(b.Full); len(text) > labelLength {
		b.Label = string(text[:labelLength-1]) + "…"
	}
	b.TextX, b.TextY = b.X+8, b.Y+boxHeight/2+4
	return b
}

// lines draws the calls from one column to the next.
func (p *picture) lines(column int, from, to *column, calls map[pair]uint64) {
	pairs := slices.Collect(maps.Keys(calls))
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for _, c := range pairs {
		a, known := from.at[c.from]
		b, shown := to.at[c.to]
		if !known || !shown {
			continue
		}
		x1 := column*(boxWidth+columnGap) + boxWidth
		x2 := x1 + columnGap
		middle := strconv.Itoa((x1 + x2) / 2)
		y := func(row int) string { return strconv.Itoa(boxGap + row*(boxHeight+boxGap) + boxHeight/2) }
		p.Lines = append(p.Lines, line{
			Path:  "M" + strconv.Itoa(x1) + " " + y(a) + " C" + middle + " " + y(a) + " " + middle + " " + y(b) + " " + strconv.Itoa(x2) + " " + y(b),
			Width: strconv.FormatFloat(1+math.Log10(float64(calls[c]+1)), 'f', 1, 64),
			Title: visible(c.from) + " → " + visible(c.to) + ": " + strconv.FormatUint(calls[c], 10) + " calls",
		})
	}
}
