package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
)

const (
	apiVersion = "gateway.mulesoft.com/v1alpha1"
	namespace  = "default"
	// suppliedGroup is the group of all policies that come with Anypoint.
	suppliedGroup = "68ef9520-24e9-4cf2-b2f5-620025690913"
	// maxInstances bounds the APIs of one import.
	maxInstances = 5000
)

// The labels of what was imported.
const (
	labelID         = "anypoint/api-id"
	labelAsset      = "anypoint/asset"
	labelVersion    = "anypoint/version"
	labelTechnology = "anypoint/technology"
)

// mapper makes one environment.
type mapper struct {
	*export
	policies *policy.Catalogue
	env      *Environment
	names    map[string]bool
	ports    map[int]*port
	// apis are the names of the instances that became manifests, by id; services the
	// names of theirs by the id of the upstream.
	apis     map[string]string
	services map[string][]upstream
	vars     map[string]string
}

// upstream is a Service that was made, and the id it had.
type upstream struct{ id, name string }

// Anypoint maps saved answers of API Manager, one JSON value a file.
func Anypoint(files []manifest.File, policies *policy.Catalogue) *Result {
	x := collect(files)
	r := &Result{Applications: x.applications()}
	byName := map[string]*mapper{}
	at := func(name string) *mapper {
		if byName[name] == nil {
			byName[name] = &mapper{
				export: x, policies: policies, env: &Environment{Name: name, Source: x.source(name)},
				names: map[string]bool{}, ports: map[int]*port{}, apis: map[string]string{}, services: map[string][]upstream{}, vars: map[string]string{},
			}
		}
		return byName[name]
	}
	for i, in := range x.sorted() {
		if i >= maxInstances {
			x.add(Finding{Level: Lost, File: in.file, Path: in.path, What: "an API", Why: fmt.Sprintf("there are more than %d", maxInstances), Do: "import one environment after the other"})
			continue
		}
		at(in.environment).instance(in)
	}
	x.policiesOf(byName, at)
	for _, p := range x.pieces[tierKind] {
		if m, api := x.belongs(byName, p, "an SLA tier"); m != nil {
			m.tier(p, api)
		}
	}
	clients := x.clientIDs()
	tiers := x.tierNames()
	for _, p := range x.pieces[contractKind] {
		if m, api := x.belongs(byName, p, "a contract"); m != nil {
			m.contract(p, api, clients, tiers)
		}
	}
	for _, p := range x.pieces[alertKind] {
		if m, api := x.belongs(byName, p, "an alert"); m != nil {
			m.alert(p, api)
		}
	}
	for _, p := range x.pieces[runtimeKind] {
		at(x.environmentOf(p)).runtime(p)
	}
	for _, m := range byName {
		m.settle()
		r.Environments = append(r.Environments, *m.env)
	}
	slices.SortFunc(r.Environments, func(a, b Environment) int { return strings.Compare(a.Name, b.Name) })
	r.Findings, r.Unlisted = x.findings.sorted(), x.unlisted
	return r
}

// sorted are the instances in the order of their ids, numbers by value.
func (x *export) sorted() []*instance {
	var list []*instance
	for _, in := range x.instances {
		list = append(list, in)
	}
	slices.SortFunc(list, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(len(a.id), len(b.id)), strings.Compare(a.id, b.id))
	})
	return list
}

// source is what the other platform calls an environment.
func (x *export) source(name string) string {
	var found []string
	for _, s := range x.environments {
		if slug(s) == name {
			found = append(found, printable(s, 100))
		}
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ", ")
}

// policiesOf binds the policies of APIs and the automated ones.
func (x *export) policiesOf(byName map[string]*mapper, at func(string) *mapper) {
	for _, p := range x.pieces[policyKind] {
		if m, api := x.belongs(byName, p, "a policy"); m != nil {
			m.bindAPI(p, api)
		}
	}
	for _, p := range x.pieces[outboundKind] {
		if m, api := x.belongs(byName, p, "an outbound policy"); m != nil {
			m.bindServices(p, api)
		}
	}
	for _, p := range x.pieces[automatedKind] {
		if text(object(p.value, "ruleOfApplication"), "environmentId") != "" || len(byName) == 0 {
			at(x.environmentOf(p)).automated(p)
			continue
		}
		for _, name := range sortedKeys(byName) {
			byName[name].automated(p)
		}
	}
}

// belongs finds the environment and the API of a piece, or reports that there is none.
func (x *export) belongs(byName map[string]*mapper, p piece, what string) (*mapper, *instance) {
	in := x.apiOf(p)
	if in == nil {
		x.add(Finding{
			Level: Lost, File: p.file, Path: p.path, What: what + nameOf(p.value), Why: "nothing tells which API it belongs to",
			Do: "put the file into a folder named after the id of the API, as production/19284/policies.json",
		})
		return nil, nil
	}
	m := byName[in.environment]
	if m == nil || m.apis[in.id] == "" {
		x.add(Finding{Level: Lost, Environment: in.environment, File: p.file, Path: p.path, What: what + nameOf(p.value), Why: "its API was not imported"})
		return nil, nil
	}
	return m, in
}

// nameOf is " NAME" where an object has one.
func nameOf(m map[string]any) string {
	if name := text(m, "name", "assetId", "policyTemplateId", "id"); name != "" {
		return " " + oneLine(name, 100)
	}
	return ""
}

// doc adds a resource.
func (m *mapper) doc(p piece, kind, name string, labels, annotations map[string]string, spec map[string]any) {
	raw, err := json.Marshal(spec)
	d := manifest.Document{
		APIVersion: apiVersion, Kind: kind, Name: revision.Name{Namespace: namespace, Name: name}, Labels: labels, Annotations: annotations, Spec: raw,
		Source: revision.Source{File: p.file + " " + p.path},
	}
	if err == nil {
		err = d.Canonical()
	}
	if err != nil {
		m.lost(p, kind+" "+name, "it can't be written as a manifest: "+err.Error(), "")
		return
	}
	m.env.Documents = append(m.env.Documents, d)
}

func (m *mapper) report(level Level, p piece, what, why, do string) {
	m.add(Finding{Level: level, Environment: m.env.Name, File: p.file, Path: p.path, What: what, Why: why, Do: do})
}

func (m *mapper) lost(p piece, what, why, do string) { m.report(Lost, p, what, why, do) }

// under is a piece inside another.
func (p piece) under(path string) piece {
	p.path += "." + path
	return p
}

// unique makes a name of a kind that is not taken.
func (m *mapper) unique(kind string, candidates ...string) string {
	last := ""
	for _, c := range candidates {
		if c = slug(c); c == "" {
			continue
		}
		if last = c; !m.names[kind+c] {
			m.names[kind+c] = true
			return c
		}
	}
	if last == "" {
		last = "api"
	}
	for i := 2; ; i++ {
		if name := last + "-" + strconv.Itoa(i); !m.names[kind+name] {
			m.names[kind+name] = true
			return name
		}
	}
}

// instance makes an ApiInstance with its services, routes and TLS.
func (m *mapper) instance(in *instance) {
	v := in.value
	asset, label := text(v, "assetId", "exchangeAssetName"), text(v, "instanceLabel")
	base := cmp.Or(asset, label, "api")
	name := m.unique("ApiInstance", base, base+"-"+label, base+"-"+in.id)
	m.apis[in.id] = name
	labels := map[string]string{}
	for key, value := range map[string]string{
		labelID: text(v, "id"), labelAsset: text(v, "assetId"), labelTechnology: text(v, "technology"), labelVersion: text(v, "productVersion", "assetVersion"),
	} {
		if value = printable(value, 200); value != "" {
			labels[key] = value
		}
	}
	what := "the API " + name
	if truth(v, "deprecated") {
		m.report(Todo, in.under("deprecated"), what+": it is deprecated", "a deprecated version needs a day here, which the export does not hold",
			"label it "+manifest.LabelLifecycle+": deprecated, with the annotation farrier/deprecated-since or farrier/sunset")
	}
	a := m.listen(in, name)
	m.doc(in.piece, "ApiInstance", name, labels, nil, map[string]any{"address": a})
	if strings.HasPrefix(a, "https:") {
		m.tls(in, name, a)
	}
	if m.routes(in, name) == 0 {
		m.lost(in.piece, what+": where it leads", "no upstream and no implementation address are in the export", "save the API's own JSON (…/apis/"+oneLine(in.id, 40)+"), or write a Service and a route; until then every request is answered with 404")
	}
	if words := words(v, "tags"); len(words) > 0 {
		m.report(Note, in.under("tags"), what+": its tags", "tags have no counterpart on an API", "make labels of those that automated policies shall find")
	}
}

// tls binds the certificate of the port, which no export holds.
func (m *mapper) tls(in *instance, name, address string) {
	_, rest, _ := strings.Cut(address, "://0.0.0.0:")
	number, _, _ := strings.Cut(rest, "/")
	crt, key := "TLS_"+number+"_CRT", "TLS_"+number+"_KEY"
	p := in.under("endpoint.tlsContexts.inbound")
	m.variable(p, crt, "the certificate of port "+number+", PEM")
	m.variable(p, key, "the private key of port "+number+", PEM")
	m.doc(p, "PolicyBinding", m.unique("PolicyBinding", name+"-tls"), nil, nil, map[string]any{
		"targetRef": map[string]any{"name": name}, "policyRef": map[string]any{"name": "tls"},
		"config": map[string]any{"certificate": map[string]any{"crt": "$" + crt, "key": "$" + key}},
	})
	if object(object(object(in.value, "endpoint"), "tlsContexts"), "inbound") != nil {
		m.report(Todo, p, "the API "+name+": its TLS context", "certificates, client certificates and versions of TLS stay in Anypoint's Secrets Manager",
			"take its certificate over; where it asked for client certificates set requireClientCertificate and trustedCA in "+name+"-tls")
	}
}

// variable notes a reference that the operator sets.
func (m *mapper) variable(p piece, name, used string) {
	if m.vars[name] == "" {
		m.vars[name] = used
		m.env.Variables = append(m.env.Variables, Variable{Name: name, File: oneLine(p.file, 400), Path: oneLine(p.path, 400), Used: oneLine(used, 200)})
	}
}

func (m *mapper) runtime(p piece) {
	v := p.value
	version := text(v, "muleVersion", "runtimeVersion", "version", "agentVersion")
	target := object(v, "target")
	m.env.Runtimes = append(m.env.Runtimes, Runtime{
		ID: printable(text(v, "id"), 100), Name: printable(text(v, "name"), 200),
		Kind: printable(cmp.Or(text(v, "serverType", "type", "kind"), text(target, "provider", "type")), 60), Version: printable(version, 60), Status: printable(text(v, "status"), 60),
	})
}

func (m *mapper) alert(p piece, in *instance) {
	raw, err := json.Marshal(p.value)
	if err != nil {
		m.lost(p, "an alert", "it can't be written again", "")
		return
	}
	m.env.Alerts = append(m.env.Alerts, Alert{API: namespace + "/" + m.apis[in.id], File: p.file, Path: p.path, Body: raw})
}

// settle leaves out what can't be served, and what belongs to an API that is left out.
func (m *mapper) settle() {
	m.env.Documents = settle(&m.findings, m.env.Name, m.env.Documents, m.policies)
	kept := map[string]bool{}
	for i := range m.env.Documents {
		if d := &m.env.Documents[i]; d.Kind == "ApiInstance" {
			kept[d.Name.String()] = true
		}
	}
	before := len(m.env.Tiers) + len(m.env.Contracts) + len(m.env.Alerts)
	m.env.Tiers = slices.DeleteFunc(m.env.Tiers, func(t Tier) bool { return !kept[t.API] })
	m.env.Contracts = slices.DeleteFunc(m.env.Contracts, func(c Contract) bool { return !kept[c.API] })
	m.env.Alerts = slices.DeleteFunc(m.env.Alerts, func(a Alert) bool { return !kept[a.API] })
	if gone := before - len(m.env.Tiers) - len(m.env.Contracts) - len(m.env.Alerts); gone > 0 {
		m.report(Lost, piece{file: "-", path: "$"}, fmt.Sprintf("%d tiers, contracts and alerts", gone), "their API was not imported", "mend what keeps the API from being imported, and import again")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func quoted(text string) string { return fmt.Sprintf("%.100q", text) }
