package export

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // for the page, its style and its script
	"encoding/base64"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// page is what page.html shows; its texts are visible already.
type page struct {
	Style                 template.CSS
	Script                template.JS
	StyleHash, ScriptHash string
	Title, Made           string
	Counts                []pageCount
	States, Classes       []string
	Rows                  []pageRow
	Matrix                matrix
	Picture               picture
	Drift                 []pageDrift
	Edges                 []pageEdge
	Findings              []pageFinding
}

type pageCount struct {
	Name, Mark string
	Count      int
}

type pageRow struct {
	Method, Host, Path, Note, Protocol string
	// Search, StateKeys and ClassKeys are what filters look at.
	Search, StateKeys, ClassKeys string
	States                       []mark
	Labels                       []string
	Risk                         string
	Data                         []pageData
	Callers                      []string
	Others                       uint64
	Authentication, Exposure     string
	Parameters                   []pageParameter
	Upstreams                    []string
	Requests                     uint64
	Last                         string
	Drift                        int
}

// mark is a word with a colour.
type mark struct{ Text, Class string }

type pageData struct{ Class, Request, Response string }

type pageParameter struct{ In, Name, Type, Presence, Values, Data string }

type pageDrift struct{ Operation, Kind, Place, Traffic, Description, At string }

type pageEdge struct {
	From, To, Operation string
	Requests            uint64
}

type pageFinding struct{ Severity, Title, Message, At string }

// HTML writes one page that loads nothing; its only script hides the rows that the
// filters do not mean.
func HTML(w io.Writer, ops []*discovery.Operation, o Options) error {
	tmpl, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return tmpl.Execute(w, o.page(o.chosen(ops)))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (o *Options) page(ops []*discovery.Operation) page {
	p := page{
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), //nolint:gosec // They are our own files.
		StyleHash: hash(pageStyle), ScriptHash: hash(pageScript), Title: visible(o.Title), Made: day(o.Made),
	}
	if p.Title == "" {
		p.Title = "API inventory"
	}
	s := o.summary(ops)
	p.Counts = []pageCount{
		{"operations", "", s.Operations},
		{"shadow", "high", s.States[discovery.Shadow]},
		{"zombie", "high", s.States[discovery.Zombie]},
		{"orphan", "low", s.States[discovery.Orphan]},
		{"new", "info", s.States[discovery.Fresh]},
		{"drift", "medium", s.Drift},
	}
	for _, state := range slices.Sorted(maps.Keys(s.States)) {
		p.States = append(p.States, visible(string(state)))
	}
	for _, class := range slices.Sorted(maps.Keys(s.DataClasses)) {
		p.Classes = append(p.Classes, visible(class))
	}
	drifts := o.drifts()
	for _, op := range ops {
		p.Rows = append(p.Rows, o.pageRow(op, drifts[op.Key]))
	}
	for _, k := range o.Orphans {
		p.Rows = append(p.Rows, orphan(k))
	}
	p.Matrix, p.Picture = matrixOf(ops), pictureOf(ops)
	o.rest(&p)
	return p
}

// rest fills in drift, calls between services, and findings.
func (o *Options) rest(p *page) {
	for _, d := range o.Drift {
		at := visible(d.File)
		if d.Line > 0 {
			at += ":" + strconv.Itoa(d.Line)
		}
		p.Drift = append(p.Drift, pageDrift{
			visible(d.String()), visible(d.Kind), visible(d.Place), visible(d.Traffic), visible(d.Description), at,
		})
	}
	for _, e := range o.Edges {
		p.Edges = append(p.Edges, pageEdge{visible(e.From), visible(e.To), visible(e.Operation), e.Requests})
	}
	for _, f := range o.Findings {
		at := strings.TrimSpace(f.Location.API + " " + f.Location.Operation + " " + f.Location.Place)
		if o.Known != nil && o.Known(f) {
			at += " (in the baseline)"
		}
		p.Findings = append(p.Findings, pageFinding{f.Severity.String(), visible(f.Title), visible(f.Message), visible(at)})
	}
}

func (o *Options) pageRow(op *discovery.Operation, drifts int) pageRow {
	row := pageRow{
		Method: visible(op.Method), Host: visible(op.Host), Path: visible(op.Path),
		Note: visible(strings.TrimSpace(op.Name + " " + op.Version)), Authentication: visible(join(names(op.Authentication))),
		Exposure: visible(join(names(op.Exposure))), Requests: op.Requests, Drift: drifts,
		Others: op.OtherCallers,
	}
	if !op.Last.IsZero() {
		row.Last = op.Last.UTC().Format("2006-01-02 15:04")
	}
	if op.Protocol != discovery.REST {
		row.Protocol = visible(string(op.Protocol))
	}
	row.Search = strings.ToLower(row.Method + " " + row.Host + row.Path + " " + row.Note + " " + visible(op.API))
	for _, s := range o.States[op.Key] {
		row.States = append(row.States, stateMark(s))
		row.StateKeys += "|" + visible(string(s)) + "|"
	}
	for _, label := range o.Labels[op.Key] {
		row.Labels = append(row.Labels, visible(label))
		row.Search += " " + strings.ToLower(visible(label))
	}
	if score, scored := o.Scores[op.Key]; scored {
		row.Risk = strconv.Itoa(score)
	}
	row.Data = dataOf(op)
	for _, d := range row.Data {
		row.ClassKeys += "|" + d.Class + "|"
	}
	for _, c := range op.Callers {
		row.Callers = append(row.Callers, visible(c.Kind+" "+c.Name))
	}
	for _, s := range op.Services {
		row.Upstreams = append(row.Upstreams, visible(s.Name))
	}
	for _, p := range op.Parameters {
		view := parameterOf(p, op.Sampled)
		typ := view.Type
		if view.Format != "" {
			typ += " " + view.Format
		}
		if view.Items != "" {
			typ = "array of " + view.Items
		}
		row.Parameters = append(row.Parameters, pageParameter{
			visible(p.In), visible(p.Name), typ, strconv.FormatFloat(100*view.Presence, 'f', -1, 64) + " %",
			visible(strings.Join(view.Enum, ", ")), visible(strings.Join(view.Classes, ", ")),
		})
	}
	return row
}

func orphan(k discovery.Key) pageRow {
	row := pageRow{
		Method: visible(k.Method), Host: visible(k.Host), Path: visible(k.Path), Note: visible(strings.TrimSpace(k.Name + " " + k.Version)),
		States: []mark{stateMark(discovery.Orphan)}, StateKeys: "|" + string(discovery.Orphan) + "|",
	}
	row.Search = strings.ToLower(row.Method + " " + row.Host + row.Path + " " + row.Note)
	return row
}

func stateMark(s discovery.State) mark {
	class := "info"
	switch s {
	case discovery.Shadow, discovery.Zombie:
		class = "high"
	case discovery.Documented:
		class = "good"
	case discovery.Orphan, discovery.Unused, discovery.Archived:
		class = "low"
	case discovery.Deprecated, discovery.Altered:
		class = "medium"
	default:
	}
	return mark{visible(string(s)), class}
}

// dataOf are the classes of an operation with how often each way.
func dataOf(op *discovery.Operation) []pageData {
	counts := map[sensitive.Class]*[2]uint64{}
	for _, d := range data(op) {
		if counts[d.Class] == nil {
			counts[d.Class] = new([2]uint64)
		}
		counts[d.Class][direction(d)] += d.Count
	}
	var out []pageData
	for _, class := range slices.Sorted(maps.Keys(counts)) {
		n := counts[class]
		out = append(out, pageData{visible(string(class)), amount(n[0]), amount(n[1])})
	}
	return out
}

func direction(d discovery.Data) int {
	if d.Direction == "request" {
		return 0
	}
	return 1
}

// amount writes a count, empty for none.
func amount(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// matrix tells which API gets and gives which class of data.
type matrix struct {
	Classes []string
	Rows    []matrixRow
}

type matrixRow struct {
	API   string
	Cells []matrixCell
}

// matrixCell has the number of operations by direction.
type matrixCell struct{ Request, Response int }

func matrixOf(ops []*discovery.Operation) matrix {
	type cell struct {
		api   string
		class sensitive.Class
	}
	cells, all, apis := map[cell]*matrixCell{}, map[sensitive.Class]bool{}, map[string]bool{}
	for _, op := range ops {
		seen := map[sensitive.Class]*[2]bool{}
		for _, d := range data(op) {
			if seen[d.Class] == nil {
				seen[d.Class] = new([2]bool)
			}
			seen[d.Class][direction(d)] = true
		}
		for class, ways := range seen {
			at := cell{apiOf(op), class}
			if cells[at] == nil {
				cells[at] = &matrixCell{}
			}
			all[class], apis[at.api] = true, true
			if ways[0] {
				cells[at].Request++
			}
			if ways[1] {
				cells[at].Response++
			}
		}
	}
	var m matrix
	ordered := slices.Sorted(maps.Keys(all))
	for _, class := range ordered {
		m.Classes = append(m.Classes, visible(string(class)))
	}
	for _, api := range slices.Sorted(maps.Keys(apis)) {
		row := matrixRow{API: visible(api)}
		for _, class := range ordered {
			var c matrixCell
			if found := cells[cell{api, class}]; found != nil {
				c = *found
			}
			row.Cells = append(row.Cells, c)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// apiOf is what an operation belongs to: its API, or its host and the first word of its
// path.
func apiOf(op *discovery.Operation) string {
	if op.API != "" {
		return op.API
	}
	if base := strings.Trim(op.BasePath, "/"); base != "" {
		return op.Host + "/" + base
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
	if strings.Contains(first, "{") {
		first = ""
	}
	return cmp.Or(strings.TrimSuffix(op.Host+"/"+first, "/"), "/")
}
