package risk

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
)

// Proposal is a policy that an operation lacks.
type Proposal struct {
	// Policy is the name as manifests write it.
	Policy string `json:"policy"`
	// Why is one sentence about this operation.
	Why string `json:"why"`
	// Manifest is a PolicyBinding as YAML, ready to be applied but for what Edit lists.
	Manifest string `json:"manifest"`
	// Config are the settings alone, as YAML.
	Config string `json:"config"`
	// Edit are the settings that somebody must look at first, as "config.jwksUrl: …".
	Edit []string `json:"edit,omitempty"`
}

// binding is what a manifest is written of; the order of fields is that of the text.
type binding struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       bindSpec `yaml:"spec"`
}

type metadata struct {
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace,omitempty"`
}

type bindSpec struct {
	TargetRef target `yaml:"targetRef"`
	PolicyRef target `yaml:"policyRef"`
	Config    any    `yaml:"config"`
	Rules     []rule `yaml:"rules,omitempty"`
}

type target struct {
	Kind      string `yaml:"kind,omitempty"`
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace,omitempty"`
}

type rule struct {
	Path    string `yaml:"path,omitempty"`
	Methods string `yaml:"methods,omitempty"`
}

// object is a mapping whose order is kept.
type object []field

type field struct {
	name  string
	value any
}

// MarshalYAML writes the fields in their order.
func (o object) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range o {
		value := &yaml.Node{}
		if err := value.Encode(f.value); err != nil {
			return nil, fmt.Errorf("writing %s: %w", f.name, err)
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.name}, value)
	}
	return n, nil
}

// proposer makes the proposals for one operation.
type proposer struct {
	op     *discovery.Operation
	facts  *Facts
	labels []Label
	out    []Proposal
}

// Proposals are the policies that an operation lacks, those first that matter most. An
// operation that no API instance of ours serves gets none: it has to be adopted first.
func Proposals(op *discovery.Operation, f Facts) []Proposal {
	if op.API == "" {
		return nil
	}
	p := &proposer{op: op, facts: &f, labels: Labels(op)}
	p.authentication()
	p.attempts()
	p.limit()
	p.masking()
	p.objects()
	p.validation()
	p.detection()
	p.ending()
	return p.out
}

func (p *proposer) labelled(names ...string) string {
	for _, l := range p.labels {
		if slices.Contains(names, l.Name) {
			return l.Name
		}
	}
	return ""
}

// add writes a proposal; whole says that the policy is for the whole API.
func (p *proposer) add(policy, why string, config object, whole bool, edit ...string) {
	namespace, name, ok := strings.Cut(p.op.API, "/")
	if !ok {
		namespace, name = "", p.op.API
	}
	b := binding{APIVersion: "gateway.mulesoft.com/v1alpha1", Kind: "PolicyBinding"}
	short := strings.TrimSuffix(policy, "-flex")
	b.Metadata.Name = bindingName(name, short, p.op, whole)
	b.Spec.TargetRef = target{Kind: "ApiInstance", Name: name}
	b.Spec.PolicyRef = target{Name: policy}
	if namespace != "" && namespace != "default" {
		b.Metadata.Namespace, b.Spec.TargetRef.Namespace, b.Spec.PolicyRef.Namespace = namespace, namespace, "default"
	}
	if b.Spec.Config = config; config == nil {
		b.Spec.Config = map[string]any{}
	}
	if !whole {
		b.Spec.Rules = []rule{{Path: pattern(below(p.op)), Methods: methods(p.op.Method)}}
	}
	manifest, err := write(b)
	if err != nil {
		return
	}
	settings, err := write(b.Spec.Config)
	if err != nil {
		return
	}
	p.out = append(p.out, Proposal{Policy: policy, Why: why, Manifest: manifest, Config: settings, Edit: edit})
}

func write(v any) (string, error) {
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("writing a proposal: %w", err)
	}
	return text.String(), nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// maxBindingName is how long the name of a resource may be.
const maxBindingName = 63

// bindingName is one that stays the same for the same operation and policy.
func bindingName(api, policy string, op *discovery.Operation, whole bool) string {
	name := api + "-" + policy
	if !whole {
		name += "-" + op.Method + "-" + below(op)
	}
	name = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(name) > maxBindingName {
		name = strings.Trim(name[:maxBindingName-9], "-") + fmt.Sprintf("-%08x", hash(name))
	}
	return name
}

// hash is FNV-1a.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// below is the path below the base path of the API.
func below(op *discovery.Operation) string {
	rest, ok := strings.CutPrefix(op.Path, strings.TrimSuffix(op.BasePath, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return op.Path
	}
	if rest == "" {
		return "/"
	}
	return rest
}

// pattern is the regular expression (RE2) of a path with templates.
func pattern(path string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(path, '{')
		shut := strings.IndexByte(path, '}')
		if open < 0 || shut < open {
			b.WriteString(regexp.QuoteMeta(path))
			return b.String()
		}
		b.WriteString(regexp.QuoteMeta(path[:open]))
		b.WriteString("[^/]+")
		path = path[shut+1:]
	}
}

func methods(method string) string {
	if method == "GET" {
		return "GET|HEAD"
	}
	return regexp.QuoteMeta(method)
}

func (p *proposer) public() bool { return p.op.Exposure[discovery.Public] > 0 }

// groupsIn are the groups of data of a direction, with the classes.
func (p *proposer) groupsIn(direction string) (found map[sensitive.Group]bool, classes []string, places []string) {
	found = map[sensitive.Group]bool{}
	for _, d := range p.op.Data() {
		if d.Direction != direction || d.Class.Group() == sensitive.GroupTechnical {
			continue
		}
		found[d.Class.Group()] = true
		if !slices.Contains(classes, string(d.Class)) {
			classes = append(classes, string(d.Class))
		}
		if !slices.Contains(places, d.Place) {
			places = append(places, d.Place)
		}
	}
	slices.Sort(classes)
	slices.Sort(places)
	return found, classes, places
}

// authentication proposes a policy that asks who calls.
func (p *proposer) authentication() {
	status := unproven(p.op, p.facts)
	if p.facts.PoliciesUnknown || status == "" || p.facts.Open || p.labelled(Login, Signup, PasswordReset, Token) != "" {
		return
	}
	why := fmt.Sprintf("%d good calls carried no credentials", p.op.Authentication[discovery.NoAuthentication])
	if p.op.Authentication[discovery.JWTBearer]+p.op.Authentication[discovery.Bearer] > 0 {
		p.add("jwt-validation-flex", why+"; others carry a token, so that it can be asked of all", object{
			{"jwtKeyOrigin", "jwks"},
			{"jwksUrl", "https://identity.example.com/.well-known/jwks.json"},
			{"signingMethod", "rsa"},
			{"signingKeyLength", 256},
			{"mandatoryExpClaim", true},
		}, false, "config.jwksUrl: the key set of whoever issues the tokens")
		return
	}
	p.add("client-id-enforcement-flex", why, object{
		{"credentialsOriginHasHttpBasicAuthenticationHeader", "customExpression"},
		{"clientIdExpression", "#[attributes.headers['client_id']]"},
		{"clientSecretExpression", "#[attributes.headers['client_secret']]"},
	}, false, "clients need a Contract on the API before it is applied")
}

// attempts proposes a tight limit where somebody may try values.
func (p *proposer) attempts() {
	label := p.labelled(Login, PasswordReset, OTP, Signup, Coupon)
	if label == "" || p.facts.PoliciesUnknown || has(p.facts.Policies, limiting) {
		return
	}
	p.add("rate-limiting-flex", fmt.Sprintf("it belongs to %s, where passwords, codes or accounts can be tried, and no policy limits how often it is called", label), object{
		{"rateLimits", []object{{{"maximumRequests", 10}, {"timePeriodInMilliseconds", 60000}}, {{"maximumRequests", 100}, {"timePeriodInMilliseconds", 3600000}}}},
		{"keySelector", "#[attributes.remoteAddress]"},
		{"exposeHeaders", false},
	}, false)
}

// limit proposes how often the operation may be called.
func (p *proposer) limit() {
	if p.facts.PoliciesUnknown || has(p.facts.Policies, limiting) || p.labelled(Login, PasswordReset, OTP, Signup, Coupon) != "" {
		return
	}
	_, classes, _ := p.groupsIn("response")
	label := p.labelled(LLM, Export, Search, Payment, Checkout, Refund, Upload)
	if !p.public() && len(classes) == 0 && label == "" {
		return
	}
	var reasons []string
	if p.public() {
		reasons = append(reasons, "public")
	}
	if len(classes) > 0 {
		reasons = append(reasons, strings.Join(classes[:min(3, len(classes))], ", ")+" data")
	}
	if label != "" {
		reasons = append(reasons, "part of "+label)
	}
	most := 600
	if len(classes) > 0 || label != "" {
		most = 120
	}
	p.add("rate-limiting-flex", strings.Join(append(reasons, "no rate limit"), ", "), object{
		{"rateLimits", []object{{{"maximumRequests", most}, {"timePeriodInMilliseconds", 60000}}}},
		{"keySelector", "#[attributes.remoteAddress]"},
		{"exposeHeaders", true},
	}, false, "config.rateLimits: set above what the busiest honest client needs")
}
