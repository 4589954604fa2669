package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/manifest"
)

// kind is what an object of an export is.
type kind uint8

const (
	unknown kind = iota
	instanceKind
	policyKind
	outboundKind
	automatedKind
	tierKind
	contractKind
	applicationKind
	alertKind
	upstreamKind
	environmentKind
	runtimeKind
)

// piece is one object of an export and where it stood.
type piece struct {
	file, path string
	// api is the id of the API that the place tells, "" for none.
	api   string
	value map[string]any
}

// export is what was read, sorted by what it is.
type export struct {
	findings
	pieces map[kind][]piece
	// instances are the API instances by their id, upstreams belong to them.
	instances map[string]*instance
	// environments are the names by id.
	environments map[string]string
	// imported are the client ids of the applications that could be imported.
	imported map[string]bool
}

// instance is an API instance, put together from all that tells of it.
type instance struct {
	piece
	id string
	// environment is fit for a folder.
	environment string
	upstreams   []map[string]any
}

// decode reads JSON of bounded depth. Numbers stay as they are written.
func decode(raw []byte) (any, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if len(raw) > MaxFile {
		return nil, fmt.Errorf("larger than %d MiB", MaxFile>>20)
	}
	depth, quoted, escaped := 0, false, false
	for _, c := range raw {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, errors.New("not readable as JSON")
	}
	if d.More() {
		return nil, errors.New("more than one JSON value in a file")
	}
	return value, nil
}

// collect reads files and sorts what is in them.
func collect(files []manifest.File) *export {
	x := &export{pieces: map[kind][]piece{}, instances: map[string]*instance{}, environments: map[string]string{}, imported: map[string]bool{}}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b manifest.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range files {
		value, err := decode(f.Text)
		if err != nil {
			x.add(Finding{Level: Lost, File: f.Name, Path: "$", What: "the file", Why: err.Error(), Do: "save the answer of the API again, one JSON value a file"})
			continue
		}
		x.walk(value, piece{file: f.Name, path: "$"}, hintOf(f.Name), 0)
	}
	for _, p := range x.pieces[environmentKind] {
		x.environments[text(p.value, "id")] = text(p.value, "name")
	}
	for _, p := range x.pieces[instanceKind] {
		x.instance(p)
	}
	for _, in := range x.instances {
		in.environment = x.environmentOf(in.piece)
	}
	for _, p := range x.pieces[upstreamKind] {
		if in := x.apiOf(p); in != nil {
			in.upstreams = append(in.upstreams, p.value)
		}
	}
	return x
}

// hintOf is the name of a file without folder and ending.
func hintOf(name string) string {
	base := path.Base(name)
	return strings.ToLower(strings.TrimSuffix(base, path.Ext(base)))
}

// walk finds what objects there are; at says where value stands, hint what leads to it.
func (x *export) walk(value any, at piece, hint string, depth int) {
	switch v := value.(type) {
	case []any:
		for i, one := range v {
			inner := at
			inner.path = fmt.Sprintf("%s[%d]", at.path, i)
			if _, list := one.([]any); list || depth > 8 {
				one = nil
			}
			x.walk(one, inner, hint, depth+1)
		}
	case map[string]any:
		at.value = v
		if k := kindOf(v, hint); k != unknown {
			x.pieces[k] = append(x.pieces[k], at)
			if k == instanceKind {
				at.api = text(v, "id")
				x.below(v, at, []string{"policies", "outboundPolicies", "outbound-policies", "tiers", "contracts", "alerts", "upstreams"}, depth)
			}
			return
		}
		if !x.below(v, at, slices.Sorted(maps.Keys(v)), depth) && len(v) > 0 {
			x.add(Finding{Level: Lost, File: at.file, Path: at.path, What: "an object", Why: "it is of no kind that is known here", Do: "nothing, unless it tells of APIs, policies, tiers, applications, contracts or alerts"})
		}
	default:
		if value != nil {
			x.add(Finding{Level: Lost, File: at.file, Path: at.path, What: "a value", Why: "an object or a list belongs here"})
		}
	}
}

// below walks the lists that stand at keys, and tells whether there is one.
func (x *export) below(v map[string]any, at piece, keys []string, depth int) bool {
	found := false
	for _, key := range keys {
		inner := at
		inner.path, inner.value = at.path+"."+key, nil
		switch child := v[key].(type) {
		case []any:
			found = true
			x.walk(child, inner, strings.ToLower(key), depth+1)
		case map[string]any:
			if depth < 4 && slices.Contains([]string{"data", "api", "bundle", "instance"}, key) {
				found = true
				x.walk(child, inner, strings.ToLower(key), depth+1)
			}
		}
	}
	return found
}

// kindOf tells by its shape what an object is.
func kindOf(m map[string]any, hint string) kind {
	template := has(m, "policyTemplateId", "template", "implementationAsset") || has(m, "assetId") && has(m, "groupId")
	switch {
	case has(m, "ruleOfApplication"):
		return automatedKind
	case template && has(m, "configurationData", "configuration", "pointcutData", "policyTemplateId", "policyId"):
		if has(m, "upstreamIds") || strings.Contains(hint, "outbound") {
			return outboundKind
		}
		return policyKind
	case has(m, "condition") && has(m, "period", "severity"):
		return alertKind
	case has(m, "limits") && has(m, "name"):
		return tierKind
	case has(m, "applicationId", "application") && has(m, "status"):
		return contractKind
	case has(m, "assets", "apis"):
		return unknown
	case has(m, "clientId", "coreServicesId") && has(m, "name"):
		return applicationKind
	case has(m, "assetId", "assetVersion") && has(m, "instanceLabel", "productVersion", "endpoint", "endpointUri", "technology", "routing"):
		return instanceKind
	case has(m, "uri") && has(m, "id") && !has(m, "assetId"):
		return upstreamKind
	case has(m, "name") && has(m, "id") && (has(m, "isProduction") || slices.Contains([]string{"design", "sandbox", "production"}, text(m, "type"))):
		return environmentKind
	case has(m, "name") && (has(m, "muleVersion", "agentVersion", "serverType", "runtimeVersion", "target") || strings.Contains(hint, "server") || strings.Contains(hint, "runtime") || strings.Contains(hint, "gateway")):
		return runtimeKind
	}
	return unknown
}

// instance adds what a piece tells of an API instance: lists tell less than details.
func (x *export) instance(p piece) {
	id := text(p.value, "id", "apiId")
	if id == "" {
		id = p.file + p.path
	}
	known := x.instances[id]
	if known == nil {
		known = &instance{id: id, piece: piece{value: map[string]any{}}}
		x.instances[id] = known
	}
	if len(p.value) >= len(known.value) {
		known.file, known.path, known.api = p.file, p.path, id
		merged := maps.Clone(known.value)
		maps.Copy(merged, p.value)
		known.value = merged
		return
	}
	for key, value := range p.value {
		if known.value[key] == nil {
			known.value[key] = value
		}
	}
}

// apiOf finds the API that a piece belongs to: by what it says, by what it stands in,
// by a folder or file named after it.
func (x *export) apiOf(p piece) *instance {
	for _, id := range []string{text(p.value, "apiId", "apiVersionId"), text(object(p.value, "api"), "id"), p.api} {
		if in := x.instances[id]; in != nil && id != "" {
			return in
		}
	}
	for _, part := range slices.Backward(strings.FieldsFunc(p.file, func(r rune) bool { return strings.ContainsRune("/\\._- ", r) })) {
		if in := x.instances[part]; in != nil {
			return in
		}
	}
	return nil
}

// environmentOf is the folder of the environment that a piece belongs to.
func (x *export) environmentOf(p piece) string {
	id := text(p.value, "environmentId")
	for _, key := range []string{"environment", "ruleOfApplication", "deployment"} {
		if inner := object(p.value, key); id == "" && inner != nil {
			id = text(inner, "id", "environmentId")
			if key == "deployment" || key == "ruleOfApplication" {
				id = text(inner, "environmentId")
			}
		}
	}
	dir, _, in := strings.Cut(p.file, "/")
	if !in || strings.Trim(dir, "0123456789") == "" {
		dir = ""
	}
	for _, name := range []string{x.environments[id], x.environments[dir], dir, id} {
		if s := slug(name); s != "" {
			return s
		}
	}
	return "default"
}
