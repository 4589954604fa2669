package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/spec/openapi"
)

type fataler interface {
	Fatalf(format string, args ...any)
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func looker(t fataler) *discovery.Looker {
	d, err := sensitive.New(nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return discovery.NewLooker(d, [32]byte{7})
}

// learned makes an operation as a learner would.
func learned(t fataler, l *discovery.Looker, key discovery.Key, calls int, parameters map[string]string, request, answer string) *discovery.Operation {
	n := uint64(calls)
	op := &discovery.Operation{
		Key: key, Protocol: discovery.REST, First: start, Last: start.Add(time.Hour), Listed: start, By: "traffic", Requests: n, Good: n,
		Sampled: n, Statuses: map[int]uint64{200: n, 404: 2}, Schemes: map[string]uint64{"https": n},
		Authentication: map[discovery.Authentication]uint64{discovery.JWTBearer: n},
		Exposure:       map[discovery.Exposure]uint64{discovery.Public: n},
		Callers:        []*discovery.Consumer{{Kind: "client", Name: "shop-app", Requests: n, First: start, Last: start}},
		Services:       []*discovery.Downstream{{Name: "orders.internal:8080", Requests: n, First: start, Last: start}},
	}
	for place, value := range parameters {
		in, name, _ := strings.Cut(place, " ")
		p := &discovery.Parameter{In: in, Name: name}
		for range calls {
			p.Values.Observe(l, sensitive.Context{Name: name, In: in}, value)
		}
		op.Parameters = append(op.Parameters, p)
	}
	observe := func(text string, status int) []*discovery.Body {
		if text == "" {
			return nil
		}
		b := &discovery.Body{Status: status, Media: "application/json", Count: n, Read: n, Schema: &discovery.Schema{}}
		for range calls {
			if err := b.Schema.ObserveJSON(l, sensitive.Context{In: "body"}, []byte(text), false); err != nil {
				t.Fatalf("observing %s: %v", text, err)
			}
		}
		return []*discovery.Body{b}
	}
	op.Bodies, op.Answers = observe(request, 0), observe(answer, 200)
	return op
}

func shop(t fataler) ([]*discovery.Operation, Options) {
	l := looker(t)
	k := func(method, path string) discovery.Key {
		return discovery.Key{Host: "api.example.com", Method: method, Path: path}
	}
	order := `{"id":7,"status":"open","email":"anna@example.org","lines":[{"sku":"ab","count":2}],"address":{"street":"Hill 1","town":"Bern"}}`
	ops := []*discovery.Operation{
		learned(t, l, k("GET", "/shop/v1/orders/{orderId}"), 100, map[string]string{"path orderId": "7", "header x-api-key": "abcd"}, "", order),
		learned(t, l, k("GET", "/shop/v1/orders"), 300, map[string]string{"query limit": "20", "query state": "open", "query ids": "1,2"}, "", "["+order+"]"),
		learned(t, l, k("POST", "/shop/v1/orders"), 40, nil, order, order),
		learned(t, l, k("DELETE", "/shop/v1/orders/{id}"), 5, map[string]string{"path id": "7"}, "", ""),
		learned(t, l, k("GET", "/shop/v1/orders/{order}/lines/{order}"), 5, map[string]string{"path order": "7"}, "", ""),
		learned(t, l, k("PROPFIND", "/shop/v1/files"), 5, nil, "", ""),
	}
	for _, name := range []string{"query hero", "mutation addHero"} {
		key := k("POST", "/shop/graphql")
		key.Name = name
		op := learned(t, l, key, 30, nil, `{"query":"q"}`, `{"data":{}}`)
		op.Protocol = discovery.GraphQL
		ops = append(ops, op)
	}
	for _, version := range []string{"x-api-version: 1", "x-api-version: 2", "accept: application/vnd.shop.v2+json"} {
		key := k("GET", "/shop/items")
		key.Version = version
		ops = append(ops, learned(t, l, key, 30, nil, "", `{"a":1,"b":"`+version+`"}`))
	}
	ops[0].Authentication = map[discovery.Authentication]uint64{discovery.APIKey: 90, discovery.NoAuthentication: 10}
	return ops, Options{
		Title: "Shop", Host: "api.example.com", Made: start,
		States: map[discovery.Key][]discovery.State{
			ops[0].Key: {discovery.Shadow, discovery.Fresh}, ops[1].Key: {discovery.Documented}, ops[2].Key: {discovery.Zombie},
		},
		Labels:  map[discovery.Key][]string{ops[2].Key: {"payment"}},
		Scores:  map[discovery.Key]int{ops[0].Key: 71},
		Orphans: []discovery.Key{k("GET", "/shop/v1/old")},
		Drift:   []discovery.Drift{{Key: ops[1].Key, Kind: "parameter-undocumented", Place: "query limit", File: "shop.yaml", Line: 3, Count: 300}},
		Edges:   []discovery.Edge{{From: "orders", To: "billing", Requests: 3, First: start, Last: start}},
	}
}

func write(t fataler, ops []*discovery.Operation, o Options) []byte {
	var out bytes.Buffer
	if err := OpenAPI(&out, ops, o); err != nil {
		t.Fatalf("writing: %v", err)
	}
	return out.Bytes()
}

func official(t fataler) *jsonschema.Schema {
	text := strings.NewReplacer(`"$dynamicRef": "#meta"`, `"$ref": "https://json-schema.org/draft/2020-12/schema"`,
		`"$dynamicAnchor": "meta",`, "").Replace(datamodel.OpenAPI31SchemaData)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v", err)
	}
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		if re, err := regexp.Compile(text); err == nil {
			return re, nil
		}
		return regexp.MustCompile(""), nil
	})
	if err := c.AddResource("mem:///openapi", doc); err != nil {
		t.Fatalf("%v", err)
	}
	compiled, err := c.Compile("mem:///openapi")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return compiled
}

// valid asks three readers whether a description is valid: the published schema,
// libopenapi and our own.
func valid(t fataler, schema *jsonschema.Schema, text []byte, judge bool) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := schema.Validate(v); err != nil {
		t.Fatalf("the published schema: %v in %s", err, text)
	}
	if _, err := openapi.Parse(text); err != nil && !strings.Contains(err.Error(), "describes no operation") {
		t.Fatalf("our reader: %v in %s", err, text)
	}
	if !judge {
		return
	}
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatalf("libopenapi: %v in %s", err, text)
	}
	if _, err := doc.BuildV3Model(); err != nil {
		t.Fatalf("libopenapi: %v in %s", err, text)
	}
}

func TestOpenAPI(t *testing.T) {
	schema := official(t)
	ops, o := shop(t)
	for _, strictness := range []discovery.Strictness{discovery.ObservedStrictness, discovery.TightStrictness, discovery.LooseStrictness} {
		for _, plain := range []bool{true, false} {
			o.Strictness, o.Plain, o.Format = strictness, plain, JSONFormat
			text := write(t, ops, o)
			valid(t, schema, text, true)
			if plain && bytes.Contains(text, []byte("x-farrier")) {
				t.Errorf("a plain description has extensions: %s", text)
			}
			o.Format = YAMLFormat
			var fromYAML, fromJSON any
			if err := yaml.Unmarshal(write(t, ops, o), &fromYAML); err != nil {
				t.Fatal(err)
			}
			_ = json.Unmarshal(text, &fromJSON)
			a, _ := json.Marshal(fromYAML)
			b, _ := json.Marshal(fromJSON)
			if !bytes.Equal(a, b) {
				t.Errorf("YAML and JSON differ:\n%s\n%s", a, b)
			}
		}
	}
	o.Format, o.Strictness, o.Plain = JSONFormat, discovery.ObservedStrictness, false
	text := string(write(t, ops, o))
	for _, want := range []string{
		`"https://api.example.com"`, `"/shop/v1/orders/{orderId}"`, `"/shop/v1/orders/{order}/lines/{order2}"`,
		`"$ref": "#/components/schemas/Order"`, `"name": "x-api-key"`, `"deprecated": true`, `"payment"`, `"x-farrier-methods"`,
		`"POST api.example.com/shop/graphql query hero"`, `"name": "x-api-version"`, `"explode": false`, `"bearerFormat": "JWT"`,
		`"getShopV1OrdersByOrderId"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(text, "anna@") {
		t.Error("a value is in the description")
	}
}

// hostile are texts that somebody may choose as names or paths.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"id", "{id}", "{", "}", "{}", "{a}{b}", "..", "%2e", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "\u202e", "\x00", "\xff", "a b",
			"\"", "'", "&amp;", "{{.}}", "a:b", "~1", "$ref", "x-farrier-x", "</style>", "</svg>", "?a=b", "#f", "-1+1", "{a.b}", "ä",
		}),
		rapid.StringN(0, 12, 40),
		rapid.StringMatching(`[a-z]{1,6}`),
	)
}

func hostileOperation(t *rapid.T, l *discovery.Looker) *discovery.Operation {
	text := func(label string) string { return hostile().Draw(t, label) }
	key := discovery.Key{
		Host:   rapid.SampledFrom([]string{"a.example.com", "*", "b:8080", text("host")}).Draw(t, "host"),
		Method: rapid.OneOf(rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"}), hostile()).Draw(t, "method"),
		Path:   "/" + strings.Join(rapid.SliceOfN(hostile(), 0, 4).Draw(t, "path"), "/"),
	}
	if rapid.IntRange(0, 4).Draw(t, "named") == 0 {
		key.Name, key.Version = text("name"), text("version")+": "+text("value")
	}
	calls := rapid.SampledFrom([]int{1, 3, 40}).Draw(t, "calls")
	parameters := map[string]string{}
	for range rapid.IntRange(0, 4).Draw(t, "parameters") {
		parameters[rapid.SampledFrom([]string{"path", "query", "header", "cookie"}).Draw(t, "in")+" "+text("parameter")] = text("value")
	}
	body, _ := json.Marshal(map[string]any{text("member"): text("value"), text("other"): []any{1, map[string]any{text("deep"): 1.5}}})
	op := learned(t, l, key, calls, parameters, string(body), string(body))
	op.Callers[0].Name, op.Services[0].Name, op.API, op.BasePath = text("caller"), text("service"), text("api"), text("base")
	op.Answers[0].Status = rapid.SampledFrom([]int{0, 99, 200, 418, 777}).Draw(t, "status")
	op.Answers[0].Media = rapid.SampledFrom([]string{"", "application/json", text("media"), "text/" + text("sub")}).Draw(t, "media")
	op.Authentication[rapid.SampledFrom([]discovery.Authentication{
		discovery.APIKey, discovery.ClientID, discovery.SessionCookie, discovery.Certificate, discovery.OtherScheme, "odd", discovery.NoAuthentication,
		discovery.Basic, discovery.AWSSignature, discovery.HMACSignature, discovery.Negotiate, discovery.Digest,
	}).Draw(t, "authentication")]++
	return op
}

func TestHostileNames(t *testing.T) {
	schema, l := official(t), looker(t)
	documents := 0
	rapid.Check(t, func(t *rapid.T) {
		var ops []*discovery.Operation
		for range rapid.IntRange(1, 5).Draw(t, "operations") {
			ops = append(ops, hostileOperation(t, l))
		}
		o := Options{Title: hostile().Draw(t, "title"), Labels: map[discovery.Key][]string{ops[0].Key: {hostile().Draw(t, "label")}}, States: map[discovery.Key][]discovery.State{ops[0].Key: {discovery.Shadow}}}
		valid(t, schema, write(t, ops, o), documents%10 == 0)
		documents++
		var table, inventory, page bytes.Buffer
		if err := CSV(&table, ops, o); err != nil {
			t.Fatalf("CSV: %v", err)
		}
		rows, err := csv.NewReader(&table).ReadAll()
		if err != nil || len(rows) != len(ops)+1 {
			t.Fatalf("CSV: %d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			for _, text := range row {
				if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r") {
					t.Fatalf("the cell %q is a formula", text)
				}
			}
		}
		if err := JSON(&inventory, ops, o); err != nil || !json.Valid(inventory.Bytes()) {
			t.Fatalf("JSON: %v", err)
		}
		if err := HTML(&page, ops, o); err != nil {
			t.Fatalf("HTML: %v", err)
		}
		for _, bad := range []string{"<script>alert", "\u202e", "\x00"} {
			if strings.Contains(page.String(), bad) {
				t.Fatalf("the page has %q", bad)
			}
		}
	})
	t.Logf("%d documents", documents)
	if documents < 50 {
		t.Errorf("only %d documents", documents)
	}
}

func TestInventory(t *testing.T) {
	ops, o := shop(t)
	var out bytes.Buffer
	if err := JSON(&out, ops, o); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version    int
		Operations []struct {
			Host, Method, Path string
			State              []string
			Parameters         []struct{ In, Name, Type string }
			DataClasses        []string
			Requests           int
		}
		Summary  struct{ Operations int }
		Findings []any
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != 1 || doc.Summary.Operations != len(ops)+1 || len(doc.Operations) != len(ops)+1 || doc.Findings == nil {
		t.Errorf("%d operations in %s", len(doc.Operations), out.String())
	}
	found := false
	for _, op := range doc.Operations {
		if op.Path == "/shop/v1/orders/{orderId}" && op.Method == "GET" {
			found = true
			if fmt.Sprint(op.State) != "[shadow new]" || !strings.Contains(fmt.Sprint(op.DataClasses), "email") || op.Requests != 100 {
				t.Errorf("%+v", op)
			}
		}
	}
	if !found {
		t.Error("the operation is missing")
	}
	var table bytes.Buffer
	if err := CSV(&table, ops, o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shadow; new", "/shop/v1/old", "payment", "orphan", "71"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in %s", want, table.String())
		}
	}
	if strings.Contains(table.String()+out.String(), "anna@") {
		t.Error("a value is told")
	}
}
