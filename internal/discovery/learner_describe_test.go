package discovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec"
)

func description(operations ...string) *spec.Document {
	d := &spec.Description{Definitions: spec.Definitions{"number": map[string]any{"type": "integer"}}}
	for _, o := range operations {
		method, path, _ := strings.Cut(o, " ")
		op := spec.Operation{Method: method, Path: path}
		for _, name := range spec.TemplateNames(path) {
			p := spec.Parameter{Name: name, In: spec.InPath, Required: true}
			if strings.HasSuffix(name, "Number") {
				p.Schema.Name = "number"
			}
			op.Parameters = append(op.Parameters, p)
		}
		d.Operations = append(d.Operations, op)
	}
	return &spec.Document{Description: d}
}

func TestDescriptionsWin(t *testing.T) {
	l := learner(t, nil)
	for i := range 3 {
		for _, team := range []string{"red", "blue", "green"} {
			l.Observe(get("/api/teams/"+team+"/members", i))
		}
		l.Observe(get(fmt.Sprintf("/api/orders/%d", 100+i), i))
		l.Observe(get("/api/orders/search", i))
	}
	want(t, l, "GET /api/orders/search", "GET /api/orders/{orderId}", "GET /api/teams/blue/members", "GET /api/teams/green/members", "GET /api/teams/red/members")
	before := l.Take(100)
	err := l.Describe([]Described{{
		Name: "teams.yaml", Origin: "specification", BasePaths: []string{"/api"},
		Document: description("GET /teams/{team}/members", "GET /orders/{orderNumber}", "POST /orders"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	want(t, l, "GET /api/orders/search", "GET /api/orders/{orderNumber}", "GET /api/teams/{team}/members")
	inv, _ := l.Inventory()
	if op := inv.Operations[2]; op.Good != 9 || len(op.Parameters) != 1 || op.Parameters[0].Name != "team" || op.Parameters[0].Values.Count != 9 {
		t.Errorf("%d calls, %+v", op.Good, op.Parameters)
	}
	if op := inv.Operations[1]; len(op.Parameters) != 1 || op.Parameters[0].Name != "orderNumber" || op.Parameters[0].Values.Count != 3 {
		t.Errorf("%+v", op.Parameters)
	}
	gone := l.Gone()
	if len(before) != 5 || len(gone) != 4 {
		t.Errorf("%d were taken, %d are gone: %v", len(before), len(gone), gone)
	}
	// One good call lists what is described; a value that does not fit is not described.
	o := get("/api/orders", 9)
	o.Method = "POST"
	l.Observe(o)
	l.Observe(get("/api/teams/new/members", 9))
	if got := listed(t, l); !slices.Contains(got, "POST /api/orders") || len(got) != 4 {
		t.Error(got)
	}
}

func TestEditsWinOverDescriptions(t *testing.T) {
	l := learner(t, nil)
	if err := l.Describe([]Described{{Name: "a", Origin: "specification", Document: description("GET /pets/{petId}")}}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		for _, pet := range []string{"17", "mine", "cat"} {
			l.Observe(get("/pets/"+pet, i))
		}
		for _, color := range []string{"red", "blue"} {
			l.Observe(get("/colors/"+color, i))
		}
	}
	want(t, l, "GET /colors/blue", "GET /colors/red", "GET /pets/{petId}")
	l.Edit([]Edit{
		{Kind: "split", Path: "/pets/mine"},
		{Kind: "merge", Path: "/colors/{color}"},
		{Kind: "list", Method: "GET", Path: "/rare/thing"},
	})
	l.Observe(get("/pets/mine", 5))
	l.Observe(get("/rare/thing", 5))
	for i := range 3 {
		l.Observe(get("/pets/mine", 6+i))
	}
	want(t, l, "GET /colors/{color}", "GET /pets/mine", "GET /pets/{petId}", "GET /rare/thing")
	l.Edit([]Edit{{Kind: "merge", Path: "/colors/{color}"}, {Kind: "ignore", Path: "/rare/thing"}})
	l.Observe(get("/colors/green", 20))
	want(t, l, "GET /colors/{color}", "GET /pets/{petId}")
	l.Observe(get("/rare/thing", 30))
	if why := l.Explain("GET", "api.example.com", "/rare/thing"); !strings.Contains(why.Reasons[0], "operator") {
		t.Error(why.Reasons)
	}
}

func TestServicesNameTemplates(t *testing.T) {
	l := learner(t, nil)
	for i := range 3 {
		o := get("/albums/thriller/songs", i)
		o.Template = "/albums/{title}/songs"
		l.Observe(o)
	}
	want(t, l, "GET /albums/{title}/songs")
}

func TestHeadBelongsToGet(t *testing.T) {
	l := learner(t, nil)
	for i := range 25 {
		for _, path := range []string{"/files/report", "/alive"} {
			o := get(path, i)
			o.Method = "HEAD"
			l.Observe(o)
		}
		l.Observe(get("/files/report", i))
	}
	want(t, l, "HEAD /alive", "GET /files/report")
}

func TestLogsDoNotSayThatNobodyProvedWhoHeIs(t *testing.T) {
	l := learner(t, nil)
	for i := range 3 {
		o := get("/orders", i)
		o.Source = FromLog
		l.Observe(o)
	}
	inv, _ := l.Inventory()
	if status := inv.Operations[0].AuthenticationStatus(); status != "" {
		t.Error(status)
	}
}
