package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
)

// renamed are policies that other versions of the platform call otherwise.
func renamed(asset string) string {
	switch asset {
	case "ip-whitelist":
		return "ip-allowlist"
	case "ip-blacklist":
		return "ip-blocklist"
	case "http-basic", "simple-security-manager", "http-basic-authentication-simple":
		return "http-basic-authentication"
	case "ldap-security-manager":
		return "ldap-authentication"
	case "json-threat-protection-policy", "threat-protection-json":
		return "json-threat-protection"
	case "xml-threat-protection-policy", "threat-protection-xml":
		return "xml-threat-protection"
	case "cross-origin-resource-sharing":
		return "cors"
	case "rate-limit", "rate-limiting-policy":
		return "rate-limiting"
	case "rate-limiting-sla", "rate-limiting-sla-based-policy":
		return "rate-limiting-sla-based"
	case "pingfederate-oauth", "ping-federate-access-token-enforcement", "pingfederate-access-token-enforcement-policy":
		return "pingfederate-access-token-enforcement"
	case "openam-oauth", "openam-access-token-enforcement-policy":
		return "openam-access-token-enforcement"
	case "openidconnect-oauth":
		return "openidconnect-access-token-enforcement"
	}
	return asset
}

// bound is a policy of an export, ready to be bound.
type bound struct {
	entry  *policy.Entry
	name   string // policyRef.name
	config map[string]any
	rules  []any
}

// policyOf finds the policy of a piece in the catalogue and shapes its settings; nil
// when it was reported instead. owner names what it is bound to.
func (m *mapper) policyOf(p piece, owner, technology string) *bound {
	v := p.value
	template := object(v, "template")
	asset := strings.ToLower(text(v, "assetId"))
	group := text(v, "groupId")
	if asset == "" {
		asset, group = strings.ToLower(text(template, "assetId")), text(template, "groupId")
	}
	if asset == "" {
		asset = strings.ToLower(text(v, "policyTemplateId"))
	}
	what := "the policy " + oneLine(asset, 100) + " of " + owner
	if group != "" && group != suppliedGroup {
		m.lost(p, what, "it is a custom policy, whose code is not in the export", "write it as a WebAssembly policy and an Extension, or use policies of the catalogue; until then it protects nothing")
		return nil
	}
	e := m.policies.Find(renamed(asset))
	switch {
	case e == nil:
		m.lost(p, what, "there is no such policy in the catalogue", "farrier policies lists what there is; until one is bound by hand it protects nothing")
		return nil
	case e.Structural:
		m.lost(p, what, "it needs what the export does not hold", "bind "+e.Name+" by hand")
		return nil
	}
	b := &bound{entry: e, name: e.Name}
	if bare, flex := strings.CutSuffix(e.Name, "-flex"); flex && strings.HasPrefix(technology, "mule") {
		b.name = bare + "-mule"
	}
	key := "configurationData"
	if object(v, key) == nil {
		key = "configuration"
	}
	var ok bool
	if b.config, ok = m.settings(p.under(key), e, object(v, key), owner, what); !ok {
		return nil
	}
	cut, _ := v["pointcutData"].([]any)
	if b.rules, ok = m.rules(p.under("pointcutData"), what, ruleList(cut)); !ok {
		return nil
	}
	if len(b.rules) > 0 && e.First {
		m.report(Changed, p.under("pointcutData"), what, "it was for some resources only, and applies to the whole API here", "")
		b.rules = nil
	}
	return b
}

// spec is that of a binding to a target.
func (b *bound) spec(target map[string]any, p piece) map[string]any {
	spec := map[string]any{"targetRef": target, "policyRef": map[string]any{"name": b.name}}
	if len(b.config) > 0 {
		spec["config"] = b.config
	}
	if len(b.rules) > 0 {
		spec["rules"] = b.rules
	}
	if order := number(p.value, "order"); order > 0 && order < 1<<31-1 && !b.entry.First {
		spec["order"] = order
	}
	return spec
}

// disabled are the annotations of a binding that is switched off.
func disabled(p piece) map[string]string {
	if truth(p.value, "disabled") {
		return map[string]string{manifest.AnnotationDisabled: "true"}
	}
	return nil
}

func (m *mapper) bindAPI(p piece, in *instance) {
	api := m.apis[in.id]
	b := m.policyOf(p, api, text(in.value, "technology"))
	if b == nil {
		return
	}
	if b.entry.Outbound {
		m.bindTo(p, in, b)
		return
	}
	name := m.unique("PolicyBinding", api+"-"+b.name)
	m.doc(p, "PolicyBinding", name, nil, disabled(p), b.spec(map[string]any{"name": api}, p))
}

func (m *mapper) bindServices(p piece, in *instance) {
	b := m.policyOf(p, m.apis[in.id], text(in.value, "technology"))
	switch {
	case b == nil:
	case !b.entry.Outbound:
		m.lost(p, "the outbound policy "+b.name+" of "+m.apis[in.id], "it is for requests that come in here", "bind it to the API where that is meant")
	default:
		m.bindTo(p, in, b)
	}
}

// bindTo binds an outbound policy to the upstreams that it names, or to all.
func (m *mapper) bindTo(p piece, in *instance, b *bound) {
	if len(b.rules) > 0 {
		m.report(Changed, p.under("pointcutData"), "the policy "+b.name+" of "+m.apis[in.id], "it was for some resources only, and applies to the whole Service here", "")
		b.rules = nil
	}
	wanted, done := words(p.value, "upstreamIds"), 0
	for _, u := range m.services[in.id] {
		if len(wanted) > 0 && !slices.Contains(wanted, u.id) {
			continue
		}
		done++
		name := m.unique("PolicyBinding", u.name+"-"+b.name)
		m.doc(p, "PolicyBinding", name, nil, disabled(p), b.spec(map[string]any{"kind": "Service", "name": u.name}, p))
	}
	if done < max(1, len(wanted)) {
		m.lost(p, "the policy "+b.name+" of "+m.apis[in.id], "not every upstream that it is for was imported", "bind it by hand")
	}
}

// automated binds a policy to all APIs of the environment, or to those of one
// technology.
func (m *mapper) automated(p piece) {
	v := p.value
	selector := map[string]any{"kind": "ApiInstance"}
	technology := ""
	assets := objects(v, "implementationAssets")
	if len(assets) == 1 {
		if technology = text(assets[0], "technology"); technology != "" {
			selector["labels"] = map[string]any{labelTechnology: technology}
		}
	}
	b := m.policyOf(p, "every API", technology)
	if b == nil {
		return
	}
	what := "the automated policy " + b.name
	if b.entry.Outbound {
		m.lost(p, what, "outbound policies are bound to one Service each here", "bind it to each Service")
		return
	}
	if rule := object(object(v, "ruleOfApplication"), "range"); len(rule) > 0 {
		m.report(Changed, p.under("ruleOfApplication.range"), what, "it was for some versions of the runtime only", "it is for all APIs of the environment now; give those that it is for a label, and name it in the selector")
	}
	name := m.unique("PolicyBinding", "automated-"+b.name)
	m.doc(p, "PolicyBinding", name, nil, disabled(p), b.spec(map[string]any{"kind": "Selector", "selector": selector}, p))
}

// shaper brings configuration data into the form of a policy's settings.
type shaper struct {
	m     *mapper
	p     piece
	types map[string]policy.Setting
	owner string
	entry *policy.Entry
	// references counts the values that only variables have.
	references int
	// written says that the settings are those of a manifest: what begins with a
	// dollar is a reference already.
	written bool
}

// settings shapes the configuration of a policy; false when it can't be used.
func (m *mapper) settings(p piece, e *policy.Entry, raw map[string]any, owner, what string) (map[string]any, bool) {
	s := &shaper{m: m, p: p, owner: owner, entry: e, types: map[string]policy.Setting{}}
	for _, one := range e.Settings() {
		s.types[one.Name] = one
	}
	config, _ := s.shape(raw, nil, "").(map[string]any)
	if config == nil {
		config = map[string]any{}
	}
	text, err := json.Marshal(config)
	for range 5 {
		if err != nil {
			break
		}
		removed := false
		for _, problem := range e.Check(text) {
			if strings.HasPrefix(problem.Message, "unknown setting") && remove(config, problem.Path) {
				removed = true
				m.report(Changed, p.under(policy.FieldName(problem.Path)), what, "the setting "+policy.FieldName(problem.Path)+" is not known here and is left out", "farrier policies "+e.Name+" lists the settings")
			}
		}
		if text, err = json.Marshal(config); !removed {
			break
		}
	}
	problems := e.Check(text)
	if len(problems) == 0 && s.references == 0 && e.Compile != nil {
		if _, err := e.Compile(text); err != nil {
			problems = append(problems, policy.Problem{Message: err.Error()})
		}
	}
	for _, problem := range problems {
		m.lost(p.under(policy.FieldName(problem.Path)), what, problem.String(), "bind it by hand; until then it protects nothing")
	}
	return config, len(problems) == 0
}

// shape copies a value: nothing stays of what is null, texts become numbers and
// booleans where the setting is one, secrets become references.
func (s *shaper) shape(value any, path []string, generic string) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner := key
			if generic != "" {
				inner = generic + "." + key
			}
			if one := s.shape(v[key], append(slices.Clone(path), key), inner); one != nil {
				out[key] = one
			}
		}
		return out
	case []any:
		out := []any{}
		for i, one := range v {
			if one := s.shape(one, append(slices.Clone(path), strconv.Itoa(i)), generic+"[]"); one != nil {
				out = append(out, one)
			}
		}
		return out
	case string:
		return s.text(v, path, s.types[strings.TrimSuffix(generic, "[]")])
	}
	return value
}

func (s *shaper) text(v string, path []string, setting policy.Setting) any {
	switch {
	case s.written && strings.HasPrefix(v, "$"):
		return v
	case masked(v) && (setting.Name == "" || setting.Type == "string") || setting.Secret && v != "" && !strings.HasPrefix(v, "#["):
		return s.reference(v, path)
	case setting.Type == "boolean" && (v == "true" || v == "false"):
		return v == "true"
	case setting.Type == "integer" || setting.Type == "number":
		if v == "" {
			return nil
		}
		if _, err := strconv.ParseFloat(v, 64); err == nil && json.Valid([]byte(v)) {
			return json.Number(v)
		}
	}
	if out, err := unset(v); !s.written && (err != nil || out != v) {
		return "$" + v // a text that begins with a dollar would be taken for a reference
	}
	return v
}

// reference is the name of a variable in the place of a secret.
func (s *shaper) reference(v string, path []string) string {
	bare := strings.TrimSuffix(s.entry.Name, "-flex")
	name := variableName(append([]string{s.owner, bare}, path...)...)
	used := fmt.Sprintf("%s of %s on %s", policy.FieldName(path), s.entry.Name, s.owner)
	for i := 2; s.m.vars[name] != ""; i++ {
		name = variableName(append([]string{s.owner, bare, strconv.Itoa(i)}, path...)...)
	}
	s.references++
	at := s.p.under(policy.FieldName(path))
	s.m.variable(at, name, used)
	why := "the export hides its value"
	if !masked(v) {
		why = "it is a secret, which is not written into manifests"
	}
	s.m.report(Todo, at, used, why, "set the variable "+name+" where the gateway runs, or keep it as a secret and refer to it")
	return "$" + name
}

// remove takes away what stands at a path.
func remove(config map[string]any, path []string) bool {
	var at any = config
	for i, step := range path {
		switch v := at.(type) {
		case map[string]any:
			if i == len(path)-1 {
				_, there := v[step]
				delete(v, step)
				return there
			}
			at = v[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(v) {
				return false
			}
			at = v[n]
		default:
			return false
		}
	}
	return false
}
