package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/risk"
	"farrier.dev/farrier/internal/discovery/shape"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
)

const proposalsAPI = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: shop%s}
spec:
  address: http://0.0.0.0:8081/shop
  services:
    orders:
      address: http://127.0.0.1:9001
`

const proposalsSpec = `openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders:
    get:
      responses: {"200": {description: ok}}
`

// TestProposedPoliciesCheck holds that farrier check accepts every policy that is
// proposed, with its settings and rules, for operations of many kinds.
func TestProposedPoliciesCheck(t *testing.T) {
	detector, err := sensitive.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	policies := catalogue.Manifests{Catalogue: all}
	look := shape.NewLooker(detector, [32]byte{})
	played := map[string]int{}
	paths := []string{"/shop/login", "/shop/users/{userId}", "/shop/orders/{order-id}/lines/{n}", "/shop/files/{name}.json", "/shop", "/shop/a+b/(c)/{x}", "/shop/coupons/redeem", "/shop/chat/completions"}
	for _, path := range paths {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			for variant := range 4 {
				op := proposalOperation(t, look, method, path, variant)
				facts := risk.Facts{}
				switch variant {
				case 1:
					facts.Policies = []string{"jwt-validation-flex"}
				case 2:
					facts.Spec, facts.States = proposalsSpec, []discovery.State{discovery.Zombie}
					facts.Ended = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
				case 3:
					facts.SpecFile, facts.States = "shop.yaml", []discovery.State{discovery.Zombie}
				}
				for _, p := range risk.Proposals(op, facts) {
					namespace := ""
					if strings.HasPrefix(op.API, "web/") {
						namespace = ", namespace: web"
					}
					text := fmt.Sprintf(proposalsAPI, namespace) + "---\n" + p.Manifest
					checkProposal(t, policies, p.Policy, text)
					played[p.Policy]++
				}
			}
		}
	}
	t.Logf("proposals checked: %v", played)
	if len(played) < 9 {
		t.Errorf("only %d policies were proposed", len(played))
	}
}

// checkProposal does what farrier check does, with one catalogue for all.
func checkProposal(t *testing.T, policies manifest.Catalogue, policy, text string) {
	t.Helper()
	dir := t.TempDir()
	for file, content := range map[string]string{"api.yaml": text, "shop.yaml": proposalsSpec} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, problems := manifest.Build(manifest.Load([]string{filepath.Join(dir, "api.yaml")}), policies, manifest.Options{})
	if len(problems) > 0 {
		t.Errorf("%s: %v\n%s", policy, problems, text)
	}
}

func proposalOperation(t *testing.T, look *shape.Looker, method, path string, variant int) *discovery.Operation {
	t.Helper()
	op := &discovery.Operation{
		Key: discovery.Key{Host: "api.example.com", Method: method, Path: path}, Protocol: discovery.REST, API: "default/shop", BasePath: "/shop",
		Requests: 50, Good: 50, Sampled: 50, Sources: map[discovery.Source]uint64{discovery.FromGateway: 50},
		Exposure:       map[discovery.Exposure]uint64{discovery.Public: 50},
		Authentication: map[discovery.Authentication]uint64{discovery.NoAuthentication: 25},
	}
	if variant%2 == 0 {
		op.API = "web/shop"
	}
	if variant == 2 {
		op.Authentication[discovery.JWTBearer] = 25
	}
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name, _, _ = strings.Cut(name, "}")
			p := &discovery.Parameter{In: "path", Name: name}
			for i := range 50 {
				p.Values.Observe(look, sensitive.Context{Name: name, In: "path"}, fmt.Sprint(i))
			}
			op.Parameters = append(op.Parameters, p)
		}
	}
	reply := &discovery.Body{Status: 200, Media: "application/json", Count: 50, Read: 50, Schema: &shape.Schema{}}
	for range 50 {
		if err := reply.Schema.ObserveJSON(look, sensitive.Context{In: "body", Direction: "response"}, []byte(`{"cards":[{"card":"4111111111111111"}],"iban":"DE89370400440532013000"}`), false); err != nil {
			t.Fatal(err)
		}
	}
	op.Answers = []*discovery.Body{reply}
	if method == "POST" {
		op.Bodies = []*discovery.Body{{Media: "application/json", Count: 50, Read: 50, Schema: reply.Schema}}
	}
	return op
}
