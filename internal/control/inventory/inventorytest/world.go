// Package inventorytest makes an inventory as large as wanted, without traffic: its
// operations, how they stand to descriptions, and what operators would see of them.
// It is imported by tests alone.
package inventorytest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/discovery/shape"
	"farrier.dev/farrier/internal/spec"
)

// World is an inventory of operations that were never called. It is a Source, a
// Learner and what judges and rates.
type World struct {
	mu     sync.Mutex
	ops    []*discovery.Operation
	byID   map[string]*discovery.Operation
	judged map[string]inventory.Judged
	looker *shape.Looker
	// generation grows with every Touch.
	generation uint64
	// Edits are those that the learner was given last.
	Edits []discovery.Edit
	// Groups counts how often everything was read.
	Reads int
}

// Evil is a text that wants to break out of a page.
const Evil = `"><script>alert(1)</script>`

var (
	nouns = strings.Fields("orders customers invoices payments carts products shipments returns users accounts cards claims policies patients visits devices sensors readings tickets messages files reports quotes offers contracts suppliers warehouses employees shifts salaries")
	deeds = strings.Fields("search export cancel approve confirm status history notes items lines documents")
	hosts = strings.Fields("api.example.com shop.example.com partners.example.com erp.internal claims.internal hr.internal mobile.example.com legacy.internal:8443")
)

// New makes a world of that many operations as of now.
func New(n int, now time.Time) *World {
	w := &World{byID: map[string]*discovery.Operation{}, judged: map[string]inventory.Judged{}, generation: 1}
	random := rand.New(rand.NewPCG(7, 42))
	detector, err := sensitive.New(nil)
	if err != nil {
		panic(err) // the built-in classes are good
	}
	w.looker = shape.NewLooker(detector, [32]byte{1})
	for i := 0; len(w.ops) < n; i++ {
		w.add(w.operation(random, i, now), random, now)
	}
	if n > 0 {
		evil := w.operation(random, 1, now)
		evil.Host, evil.Path, evil.API = "evil.example.com", "/"+Evil+strings.Repeat("W", 300)+"/{"+Evil+"}", ""
		evil.Callers[0].Name, evil.Services[0].Name, evil.Version = Evil+strings.Repeat("x", 200), Evil, "accept: "+Evil
		w.add(evil, random, now)
	}
	slices.SortStableFunc(w.ops, func(a, b *discovery.Operation) int { return strings.Compare(a.Host+" "+a.API, b.Host+" "+b.API) })
	return w
}

func (w *World) add(op *discovery.Operation, random *rand.Rand, now time.Time) {
	id := keep.ID(op.Key)
	if w.byID[id] != nil {
		return
	}
	w.ops, w.byID[id] = append(w.ops, op), op
	j := inventory.Judged{States: []discovery.State{discovery.Documented}, Described: inventory.Place{Name: "orders.yaml", File: "testdata/orders.yaml", Line: 7}}
	switch at := random.IntN(100); {
	case op.API == "" || at < 12:
		j = inventory.Judged{States: []discovery.State{discovery.Shadow}}
	case at < 16:
		j.States[0] = discovery.Zombie
	}
	if now.Sub(op.First) < discovery.NewFor {
		j.States = append(j.States, discovery.Fresh)
	}
	if now.Sub(op.Last) > discovery.UnusedAfter {
		j.States = append(j.States, discovery.Unused)
	}
	if j.States[0] == discovery.Documented && random.IntN(8) == 0 {
		j.Drift = []discovery.Drift{{
			Key: op.Key, API: op.API, Kind: "parameter-undocumented", Place: "query limit", Traffic: "integer in 40 % of calls", Description: "not described",
			File: "testdata/orders.yaml", Line: 5 + random.IntN(6), Count: 17,
		}}
	}
	w.judged[id] = j
}

// operation makes one operation.
func (w *World) operation(random *rand.Rand, i int, now time.Time) *discovery.Operation {
	noun := nouns[i%len(nouns)]
	team := i / (len(nouns) * 12)
	method := []string{"GET", "POST", "GET", "PUT", "DELETE", "PATCH"}[(i/len(nouns))%6]
	base := fmt.Sprintf("/%s-%d/v1", noun, team)
	path := base
	switch (i / len(nouns)) % 12 {
	case 0, 1:
		path += "/" + noun
	case 2, 3, 4, 5:
		path += "/" + noun + "/{id}"
	default:
		path += "/" + noun + "/{id}/" + deeds[random.IntN(len(deeds))]
	}
	op := &discovery.Operation{
		Key: discovery.Key{Host: hosts[team%len(hosts)], Method: method, Path: path}, Protocol: discovery.REST, BasePath: base,
		API: fmt.Sprintf("team-%d/%s", team, noun), Listed: now.Add(-90 * 24 * time.Hour), By: "traffic",
		First: now.Add(-time.Duration(random.IntN(120*24)) * time.Hour), Days: map[int64]uint64{}, Statuses: map[int]uint64{200: 900, 404: 12, 500: 1},
		Schemes: map[string]uint64{"https": 1}, Sources: map[discovery.Source]uint64{discovery.FromGateway: 1},
		Authentication: map[discovery.Authentication]uint64{}, Exposure: map[discovery.Exposure]uint64{},
	}
	if random.IntN(9) == 0 || noun == "messages" && team == 0 {
		op.API, op.BasePath = "", ""
	}
	if i%len(nouns) == 0 && team == 0 {
		op.API = "default/orders"
	}
	op.Last = op.First.Add(time.Duration(random.Int64N(int64(now.Sub(op.First)) + 1)))
	if random.IntN(4) > 0 {
		op.Last = now.Add(-time.Duration(random.IntN(3000)) * time.Second)
	}
	scale := uint64(1) << random.IntN(14)
	for d := range int64(discovery.DaysKept) {
		op.Days[now.Unix()/86400-d] = scale/2 + random.Uint64N(scale+1)
		op.Requests += scale
	}
	op.Good = op.Requests
	people(op, random, now)
	learned(op, w.looker, random)
	for _, d := range op.Data() {
		c := op.Callers[random.IntN(len(op.Callers))]
		if c.Received == nil {
			c.Received = map[sensitive.Class]uint64{}
		}
		c.Received[d.Class] += d.Count
	}
	op.Changes = append(op.Changes, discovery.Change{At: op.First, Kind: "listed"})
	if random.IntN(10) == 0 {
		op.Changes = append(op.Changes, discovery.Change{At: op.Last, Kind: "parameter-new", Place: "query limit", Detail: "integer"})
	}
	return op
}

func people(op *discovery.Operation, random *rand.Rand, now time.Time) {
	kinds := []discovery.Authentication{discovery.JWTBearer, discovery.ClientID, discovery.APIKey, discovery.Basic}
	switch random.IntN(8) {
	case 0:
		op.Authentication[discovery.NoAuthentication] = 50
	case 1:
		op.Authentication[discovery.NoAuthentication], op.Authentication[kinds[random.IntN(4)]] = 30, 30
	default:
		op.Authentication[kinds[random.IntN(4)]] = 80
	}
	op.Exposure[[]discovery.Exposure{discovery.Internal, discovery.Partner, discovery.Public}[random.IntN(3)]] = 80
	for c := range 1 + random.IntN(5) {
		kind, name := "client", fmt.Sprintf("app-%d", random.IntN(60))
		if c == 0 && random.IntN(3) == 0 {
			kind, name = "network", fmt.Sprintf("203.0.%d.0/24", random.IntN(40))
		}
		op.Callers = append(op.Callers, &discovery.Consumer{Kind: kind, Name: name, Requests: op.Requests / uint64(c+2), First: op.First, Last: now})
	}
	op.Services = []*discovery.Downstream{{Name: fmt.Sprintf("default/backend-%d", random.IntN(50)), Requests: op.Requests, First: op.First, Last: op.Last}}
	if random.IntN(20) == 0 {
		op.Services = append(op.Services, &discovery.Downstream{Name: "hooks.example.net:443", Requests: 40, First: op.First, Last: op.Last, Unmanaged: true})
	}
}

// Generation implements inventory.Source.
func (w *World) Generation(context.Context) (generation, dropped uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.generation, 0, nil
}

// Touch makes the inventory newer.
func (w *World) Touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generation++
}

// Groups implements inventory.Source.
func (w *World) Groups(_ context.Context, yield func([]*discovery.Operation) error) error {
	w.Reads++
	for at := 0; at < len(w.ops); {
		to := at + 1
		for to < len(w.ops) && w.ops[to].Host == w.ops[at].Host && w.ops[to].API == w.ops[at].API {
			to++
		}
		if err := yield(w.ops[at:to]); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// Get implements inventory.Source.
func (w *World) Get(_ context.Context, id string) (*discovery.Operation, error) {
	if op := w.byID[id]; op != nil {
		return op, nil
	}
	return nil, discovery.ErrNotKept
}

// Edges implements inventory.Source.
func (w *World) Edges(context.Context, bool) ([]discovery.Edge, error) {
	if len(w.ops) == 0 {
		return nil, nil
	}
	return []discovery.Edge{{From: "orders-process", To: "customers-system", Operation: "GET /customers/{id}", Requests: 1200, First: w.ops[0].First, Last: w.ops[0].Last}}, nil
}

// Explain implements inventory.Learner.
func (w *World) Explain(method, host, path string) discovery.Explanation {
	for _, op := range w.ops {
		if op.Method == method && op.Host == host && op.Path == path {
			return discovery.Explanation{Listed: true, Operation: op, Reasons: []string{"it was called often enough"}}
		}
	}
	return discovery.Explanation{
		Reasons: []string{"only 1 call was answered with success; " + fmt.Sprint(discovery.AcceptRequests) + " are needed"}, Missing: []string{"2 more calls in another minute"},
		Operation: &discovery.Operation{Key: discovery.Key{Method: method, Host: host, Path: path}},
	}
}

// Edit implements inventory.Learner.
func (w *World) Edit(all []discovery.Edit) { w.Edits = all }

// Judge begins to judge.
func (w *World) Judge([]discovery.Described) inventory.Judging { return judging{w} }

type judging struct{ w *World }

func (j judging) Group(ops []*discovery.Operation) []inventory.Judged {
	out := make([]inventory.Judged, len(ops))
	for i, op := range ops {
		out[i] = j.w.judged[keep.ID(op.Key)]
	}
	return out
}

func (j judging) End([]discovery.Edge) inventory.Ended {
	if len(j.w.ops) == 0 {
		return inventory.Ended{}
	}
	return inventory.Ended{Notes: []inventory.Note{
		{Kind: "layer-skipped", API: "default/orders", Text: "the experience API default/orders calls the system API team-1/customers past every process API " + Evil, Count: 17},
		{Kind: "region-crossed", API: "team-1/customers", Text: "personal data goes from region eu to region us", ID: keep.ID(j.w.ops[0].Key), Count: 3},
	}, Orphans: []inventory.Orphan{{
		Key: discovery.Key{Host: "api.example.com", Method: "GET", Path: "/orders-0/v1/never/{id}"}, API: "default/orders", Place: inventory.Place{Name: "orders.yaml", File: "testdata/orders.yaml", Line: 9}, Deprecated: true,
	}}}
}

// Rate gives a risk by what is plain to see.
func (w *World) Rate(op *discovery.Operation, f inventory.Facts) inventory.Risk {
	r := inventory.Risk{}
	add := func(name string, points int, why string) {
		r.Items = append(r.Items, inventory.RiskItem{Name: name, Points: points, Why: why})
		r.Total += points
	}
	if op.Exposure[discovery.Public] > 0 {
		add("exposure", 25, "it is called from public networks")
	}
	if len(op.Data()) > 0 {
		add("data", 30, "it carries sensitive data")
	}
	if op.Authentication[discovery.NoAuthentication] > 0 {
		add("authentication", 25, "calls come without credentials")
	}
	if slices.Contains(f.States, discovery.Shadow) {
		add("shadow", 15, "nobody has described it")
	}
	for _, word := range []string{"payments", "cards"} {
		if strings.Contains(op.Path, word) {
			r.Labels = []string{"payment"}
		}
	}
	r.Level = inventory.Level(r.Total)
	return r
}

// Propose proposes a limit of requests.
func (w *World) Propose(op *discovery.Operation, _ inventory.Facts) []inventory.Proposal {
	namespace, name, _ := strings.Cut(op.API, "/")
	return []inventory.Proposal{{Policy: "rate-limiting-flex", Why: "it is public and nothing limits how often it is called", Manifest: fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: %[1]s-limit, namespace: %[2]s}
spec:
  targetRef: {kind: ApiInstance, name: %[1]s, namespace: %[2]s}
  policyRef: {name: rate-limiting-flex, namespace: default}
  config: {rateLimits: [{maximumRequests: 600, timePeriodInMilliseconds: 60000}], exposeHeaders: true}
`, name, namespace)}}
}

// Export writes the keys of operations as a description with nothing in it.
func (w *World) Export(to io.Writer, ops []*discovery.Operation, as inventory.Written) error {
	var out strings.Builder
	fmt.Fprintf(&out, "openapi: 3.1.0\ninfo: {title: %q, version: \"1\"}\npaths:\n", as.Title)
	seen := map[string]bool{}
	for _, op := range ops {
		path := strings.TrimPrefix(op.Path, as.Base)
		var parameters []string
		for _, name := range spec.TemplateNames(path) {
			parameters = append(parameters, fmt.Sprintf("{name: %q, in: path, required: true, schema: {type: string}}", name))
		}
		if !seen[path] {
			fmt.Fprintf(&out, "  %q: {get: {parameters: [%s], responses: {\"200\": {description: good}}}}\n", path, strings.Join(parameters, ", "))
		}
		seen[path] = true
	}
	_, err := io.WriteString(to, out.String())
	return err
}

// Rejected are paths that were not listed.
func (w *World) Rejected(most int) []inventory.Rejected {
	if len(w.ops) == 0 {
		return nil
	}
	all := []inventory.Rejected{
		{Method: "GET", Host: "api.example.com", Path: "/wp-login.php", Reason: "it was only ever answered by 404", Count: 340, Last: w.ops[0].Last},
		{Method: "GET", Host: "api.example.com", Path: "/" + Evil, Reason: "its source sprays", Count: 3, Last: w.ops[0].Last},
	}
	return all[:min(most, len(all))]
}

// First is the ID of an operation that fits.
func (w *World) First(fits func(op *discovery.Operation) bool) string {
	for _, op := range w.ops {
		if fits(op) {
			return keep.ID(op.Key)
		}
	}
	return ""
}
