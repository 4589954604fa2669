package discovery

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/traffic"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func learner(t testing.TB, change func(*Options)) *Learner {
	t.Helper()
	d, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Now: func() time.Time { return start }, Detector: d}
	if change != nil {
		change(&o)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// get is a good request with a JSON answer.
func get(path string, minute int) *Observation {
	path, query, _ := strings.Cut(path, "?")
	request := traffic.NewHeader(traffic.Field{Name: "accept", Value: "application/json"})
	answer := traffic.NewHeader(traffic.Field{Name: "content-type", Value: "application/json"})
	return &Observation{
		Source: FromGateway, Time: start.Add(time.Duration(minute) * time.Minute), Scheme: "https", Host: "api.example.com",
		Method: "GET", Path: path, Query: query, Status: 200, Sampled: true,
		Request:  Message{Header: &request},
		Response: Message{Header: &answer, Body: []byte(`{"id":1,"name":"x"}`)},
		Caller:   Caller{Address: netip.MustParseAddr("198.51.100.7")},
	}
}

func listed(t testing.TB, l *Learner) []string {
	t.Helper()
	inv, err := l.Inventory()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, op := range inv.Operations {
		text := op.Method + " " + op.Path
		if op.Name != "" {
			text += " " + op.Name
		}
		if op.Version != "" {
			text += " [" + op.Version + "]"
		}
		all = append(all, text)
	}
	return all
}

func want(t *testing.T, l *Learner, operations ...string) {
	t.Helper()
	if got := listed(t, l); !slices.Equal(got, operations) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(operations, "\n  "))
	}
}

func TestIdentifiersAreTemplates(t *testing.T) {
	l := learner(t, nil)
	for i := range 6 {
		l.Observe(get(fmt.Sprintf("/v1/orders/%d?limit=%d", 1000+i, i+1), i))
		l.Observe(get("/v1/orders/search?q=shoes", i))
		l.Observe(get(fmt.Sprintf("/v1/orders/%d/lines/550e8400-e29b-41d4-a716-44665544000%d", i, i), i))
	}
	want(t, l, "GET /v1/orders/search", "GET /v1/orders/{orderId}", "GET /v1/orders/{orderId}/lines/{lineId}")
	inv, _ := l.Inventory()
	op := inv.Operations[1]
	var names []string
	for _, p := range op.Parameters {
		names = append(names, p.In+" "+p.Name+" "+string(p.Values.Type()))
	}
	if !slices.Equal(names, []string{"path orderId integer", "query limit integer"}) {
		t.Error(names)
	}
	if op.Good != 6 || op.Sampled != 6 || len(op.Answers) != 1 || op.Exposure[Public] != 6 || op.Authentication[NoAuthentication] != 6 {
		t.Errorf("%+v", op)
	}
}

func TestAcceptance(t *testing.T) {
	l := learner(t, nil)
	for range 50 {
		l.Observe(get("/burst/now", 0))
	}
	want(t, l)
	if why := l.Explain("GET", "api.example.com", "/burst/now"); why.Listed || len(why.Missing) != 1 || !strings.Contains(why.Missing[0], "minutes") {
		t.Errorf("%+v", why)
	}
	for day := range 3 {
		l.Observe(get("/reports/quarterly", day*14400))
	}
	want(t, l, "GET /reports/quarterly")
	l.Observe(get("/burst/now", 2))
	want(t, l, "GET /burst/now", "GET /reports/quarterly")
}

func TestSiblings(t *testing.T) {
	l := learner(t, nil)
	for i, name := range []string{
		"octocat", "jsmith", "torvalds", "mxstbr", "gaearon", "tjholm", "sindres", "yyx990", "defunkt", "mojombo", "wycats", "jlord", "kenneth",
	} {
		l.Observe(get("/users/"+name, i))
		l.Observe(get("/users/"+name+"/repos", i))
	}
	for i := range 4 {
		l.Observe(get("/users/search?q=a", i))
		l.Observe(get("/users/me", i))
		for _, word := range []string{"cats", "dogs", "birds", "horses", "orders", "invoices", "customers", "products", "payments", "reports", "messages", "settings"} {
			l.Observe(get("/shop/"+word, i))
		}
	}
	got := listed(t, l)
	if !slices.Contains(got, "GET /users/{userId}") || !slices.Contains(got, "GET /users/{userId}/repos") || !slices.Contains(got, "GET /users/me") || !slices.Contains(got, "GET /users/search") || len(got) != 16 {
		t.Error(strings.Join(got, "\n"))
	}
	inv, _ := l.Inventory()
	for _, op := range inv.Operations {
		if op.Path == "/users/{userId}" && (op.Good != 13 || len(op.Parameters) != 1 || op.Parameters[0].Values.Count != 13) {
			t.Errorf("%d calls, %+v", op.Good, op.Parameters)
		}
	}
}

func TestScannersTeachNothing(t *testing.T) {
	l := learner(t, nil)
	scan := func(path string, status, second int) {
		o := get(path, 0)
		o.Time = start.Add(time.Duration(second) * time.Second)
		o.Status = status
		o.Caller.Address = netip.MustParseAddr("203.0.113.9")
		l.Observe(o)
	}
	for i := range 9 {
		scan(fmt.Sprintf("/guess%c", 'a'+i), 404, i)
	}
	scan("/hidden", 200, 10)
	scan("/guess-more", 404, 11)
	for i := range 10 {
		scan("/hidden", 200, 60*i)
	}
	want(t, l)
	why := l.Explain("GET", "api.example.com", "/hidden")
	if len(why.Reasons) == 0 || !strings.Contains(why.Reasons[0], "different paths that do not exist") {
		t.Errorf("%+v", why)
	}
	for i := range 3 {
		l.Observe(get("/hidden", i))
	}
	want(t, l, "GET /hidden")
}

func TestProtocols(t *testing.T) {
	l := learner(t, nil)
	post := func(path, media, body string, minute int, fields ...traffic.Field) *Observation {
		o := get(path, minute)
		h := traffic.NewHeader(append(fields, traffic.Field{Name: "content-type", Value: media})...)
		o.Method, o.Request = "POST", Message{Header: &h, Body: []byte(body)}
		return o
	}
	for i := range 3 {
		l.Observe(post("/graphql", "application/json", `{"query":"query Q($a: Int = 3) { a: hero(id: \"}{\") { name } ...F } fragment F on Query { ship { id } }"}`, i))
		l.Observe(post("/graphql", "application/json", `{"query":"mutation { pay(input: {amount: 3}) { ok } }"}`, i))
		l.Observe(post("/soap", "text/xml", `<s:Envelope xmlns:s="x"><s:Header/><s:Body><m:GetPrice xmlns:m="y"><m:Item>1</m:Item></m:GetPrice></s:Body></s:Envelope>`, i))
		l.Observe(post("/mcp", "application/json", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"weather","arguments":{}}}`, i))
		l.Observe(post("/rpc", "application/json", `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[]}`, i))
		l.Observe(post("/shop.v1.Orders/Get", "application/grpc", "\x00", i))
		o := get("/chat", i)
		o.Status = 101
		l.Observe(o)
		o = get("/events", i)
		h := traffic.NewHeader(traffic.Field{Name: "content-type", Value: "text/event-stream; charset=utf-8"})
		o.Response = Message{Header: &h, Unseen: true}
		l.Observe(o)
		for _, v := range []string{"1", "2"} {
			o = get("/versioned", i)
			h := traffic.NewHeader(traffic.Field{Name: "accept", Value: "application/vnd.shop.v" + v + "+json"})
			o.Request.Header = &h
			l.Observe(o)
		}
	}
	want(t, l,
		"GET /chat", "GET /events", "POST /graphql mutation pay", "POST /graphql query hero", "POST /graphql query ship", "POST /mcp tools/call weather",
		"POST /rpc eth_call", "POST /shop.v1.Orders/Get", "POST /soap GetPrice",
		"GET /versioned [accept: application/vnd.shop.v1+json]", "GET /versioned [accept: application/vnd.shop.v2+json]")
	inv, _ := l.Inventory()
	var protocols []string
	for _, op := range inv.Operations {
		protocols = append(protocols, string(op.Protocol))
	}
	if got := strings.Join(protocols, " "); got != "websocket sse graphql graphql graphql mcp json-rpc grpc soap rest rest" {
		t.Error(got)
	}
}
