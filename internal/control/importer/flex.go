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
	"farrier.dev/farrier/internal/revision"
)

// versions are those of the resources.
var versions = []string{apiVersion, "gateway.mulesoft.com/v1beta1"}

// dump reads what flexctl dump wrote.
type dump struct {
	*mapper
	found   []dumped
	derived map[string]bool
}

// dumped is a resource as it was found.
type dumped struct {
	piece
	doc  manifest.Document
	spec map[string]any
}

// Flex maps what flexctl dump wrote of a Flex Gateway, JSON or YAML, to clean
// manifests: without state, without what the gateway made of other resources, and
// without the definitions of policies that Farrier has itself.
func Flex(files []manifest.File, policies *policy.Catalogue) *Result {
	env := Environment{Name: "default", Source: "flexctl dump"}
	d := &dump{mapper: &mapper{export: &export{}, policies: policies, env: &env, vars: map[string]string{}}, derived: map[string]bool{}}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b manifest.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range files {
		values, err := decodeAny(f)
		if err != nil {
			d.add(Finding{Level: Lost, File: f.Name, Path: "$", What: "the file", Why: err.Error(), Do: "dump it again"})
		}
		for _, value := range values {
			d.walk(value, piece{file: f.Name, path: "$"}, kindHint(hintOf(f.Name)), 0)
		}
	}
	seen := map[string]bool{}
	for i := range d.found {
		one := &d.found[i]
		switch id := one.doc.ID(); {
		case d.derived[id]:
			d.add(Finding{Level: Note, File: one.file, Path: one.path, What: id, Why: "the gateway made it of what stands inside an ApiInstance, which is imported"})
		case !seen[id]:
			seen[id] = true
			d.keep(one)
		}
	}
	env.Documents = settle(&d.findings, env.Name, env.Documents, policies)
	return &Result{Environments: []Environment{env}, Findings: d.findings.sorted(), Unlisted: d.unlisted}
}

// kindHint is the kind of resources that a file or key is named after.
func kindHint(name string) string {
	bare := strings.TrimSuffix(strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name)), "s")
	for _, kind := range manifest.Kinds() {
		if strings.ToLower(kind) == bare {
			return kind
		}
	}
	return ""
}

// walk finds resources: alone, in lists, in lists called items, in mappings by name.
func (d *dump) walk(value any, at piece, hint string, depth int) {
	if depth > 6 {
		d.add(Finding{Level: Lost, File: at.file, Path: at.path, What: "what is nested here", Why: "no resource lies this deep"})
		return
	}
	switch v := value.(type) {
	case []any:
		for i, one := range v {
			inner := at
			inner.path = fmt.Sprintf("%s[%d]", at.path, i)
			d.walk(one, inner, hint, depth+1)
		}
	case map[string]any:
		kind := text(v, "kind", "Kind")
		if has(v, "spec") && (kind != "" && !strings.HasSuffix(kind, "List") || hint != "") {
			at.value = v
			d.resource(at, kind, hint)
			return
		}
		if kind != "" && !has(v, "items") {
			d.add(Finding{Level: Lost, File: at.file, Path: at.path, What: "a resource of kind " + quoted(kind), Why: "it has no spec"})
			return
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner := at
			inner.path = at.path + "." + key
			below := hint
			if named := kindHint(key); named != "" {
				below = named
			}
			switch v[key].(type) {
			case []any, map[string]any:
				d.walk(v[key], inner, below, depth+1)
			}
		}
	case nil:
	default:
		d.add(Finding{Level: Lost, File: at.file, Path: at.path, What: "a value", Why: "a resource belongs here"})
	}
}

// resource cleans one resource.
func (d *dump) resource(at piece, kind, hint string) {
	v, metadata := at.value, object(at.value, "metadata")
	if kind == "" {
		kind = hint
	}
	name, space := text(metadata, "name"), text(metadata, "namespace")
	if metadata == nil {
		name, space = text(v, "name"), text(v, "namespace")
	}
	if space == "" {
		space = namespace
	}
	what := kind + " " + space + "/" + name
	version := text(v, "apiVersion")
	if version == "" {
		version = apiVersion
	}
	doc := manifest.Document{APIVersion: version, Kind: kind, Name: revision.Name{Namespace: space, Name: name}, Source: revision.Source{File: at.file + " " + at.path}}
	switch {
	case !slices.Contains(manifest.Kinds(), kind):
		d.add(Finding{Level: Lost, File: at.file, Path: at.path, What: what, Why: "resources of this kind have no counterpart", Do: "what it configures is set in the gateway's own settings here"})
		return
	case !slices.Contains(versions, version):
		d.add(Finding{Level: Lost, File: at.file, Path: at.path, What: what, Why: "its apiVersion " + quoted(version) + " is not known"})
		return
	case kind == "Secret":
		d.add(Finding{Level: Todo, File: at.file, Path: at.path, What: what, Why: "private keys are not written into manifests", Do: "put it into a secret group (farrier secrets), and name it in the binding of tls"})
		return
	case kind == "Extension" && space == namespace && d.supplied(name):
		return
	}
	doc.Labels, doc.Annotations = d.kept(object(metadata, "labels")), d.kept(object(metadata, "annotations"))
	spec, ok := v["spec"].(map[string]any)
	if !ok || name == "" {
		d.add(Finding{Level: Lost, File: at.file, Path: at.path, What: what, Why: "it has no name, or its spec is no mapping"})
		return
	}
	if kind == "ApiInstance" {
		d.derive(space, name, spec)
	}
	d.found = append(d.found, dumped{at, doc, spec})
}

// keep makes a document of a resource.
func (d *dump) keep(one *dumped) {
	d.hide(one.under("spec"), one.doc.Kind, one.doc.Name.Name, one.spec)
	raw, err := json.Marshal(one.spec)
	if one.doc.Spec = raw; err == nil {
		err = one.doc.Canonical()
	}
	if err != nil {
		d.add(Finding{Level: Lost, File: one.file, Path: one.path, What: one.doc.ID(), Why: "it can't be written as a manifest", Do: "its name must be letters, digits, dots, dashes and underscores"})
		return
	}
	d.env.Documents = append(d.env.Documents, one.doc)
}

// supplied says that an extension is one that every gateway has.
func (d *dump) supplied(name string) bool {
	switch name {
	case "extension-definition", "extension-authentication", "extension-qos", "envoy-filter", "proxy-wasm-filter":
		return true
	}
	bare, _ := strings.CutSuffix(name, "-definition")
	return d.policies.Find(name) != nil || d.policies.Find(bare) != nil
}

// kept are the labels or annotations that people wrote.
func (d *dump) kept(words map[string]any) map[string]string {
	var out map[string]string
	for key, value := range words {
		s, ok := value.(string)
		if !ok || strings.Contains(key, "kubernetes.io/") || strings.HasPrefix(key, "farrier/") && key != manifest.DefaultPublicLabel {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = s
	}
	return out
}

// derive names what a gateway makes of what stands inside an ApiInstance.
func (d *dump) derive(space, name string, spec map[string]any) {
	for service := range object(spec, "services") {
		d.derived["Service "+space+"/"+name+"-"+service] = true
	}
	for i, p := range objects(spec, "policies") {
		d.derived["PolicyBinding "+space+"/"+name+"-"+text(object(p, "policyRef"), "name")+"-"+strconv.Itoa(i+1)] = true
	}
}

// hide puts references in the place of the secrets of a resource.
func (d *dump) hide(at piece, kind, name string, spec map[string]any) {
	config := func(at piece, owner string, binding map[string]any) {
		e := d.policies.Find(text(object(binding, "policyRef"), "name"))
		if e == nil || object(binding, "config") == nil {
			return
		}
		s := &shaper{m: d.mapper, p: at.under("config"), owner: owner, entry: e, types: map[string]policy.Setting{}, written: true}
		for _, one := range e.Settings() {
			s.types[one.Name] = one
		}
		binding["config"] = s.shape(binding["config"], nil, "")
	}
	switch kind {
	case "PolicyBinding":
		config(at, name, spec)
	case "ApiInstance":
		for i, one := range objects(spec, "policies") {
			config(at.under(fmt.Sprintf("policies[%d]", i)), name, one)
		}
	case "Contract", "Configuration":
		d.hideKeys(at, name, spec)
	}
}

// hideKeys puts references in the place of texts whose key says that they are secret.
func (d *dump) hideKeys(at piece, name string, m map[string]any) {
	for _, key := range sortedKeys(m) {
		inner := at.under(key)
		switch v := m[key].(type) {
		case map[string]any:
			d.hideKeys(inner, name+"-"+key, v)
		case string:
			switch strings.ToLower(key) {
			case "password", "secret", "keypassphrase", "key":
			default:
				continue
			}
			if v == "" || strings.HasPrefix(v, "$") {
				continue
			}
			variable := variableName(name, key)
			d.variable(inner, variable, key+" of "+name)
			d.report(Todo, inner, key+" of "+name, "it is a secret, which is not written into manifests", "set the variable "+variable+" where the gateway runs")
			m[key] = "$" + variable
		}
	}
}
