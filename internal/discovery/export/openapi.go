package export

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
)

// OpenAPI writes a description of the operations in OpenAPI 3.1. Operations that a
// description can not tell apart, such as those of GraphQL, of versions in a header or
// with equal templates, become one, which names them in x-farrier-operations.
func OpenAPI(w io.Writer, ops []*discovery.Operation, o Options) error {
	root := describe(o.chosen(ops), &o).root()
	text, err := written(root, o.Format, "  ")
	if err == nil && len(text) > roomy && o.Format != YAMLFormat {
		text, err = written(root, o.Format, "")
	}
	if err == nil && len(text) > roomy {
		strip(root)
		text, err = written(root, o.Format, "")
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// roomy is the length in bytes up to which readers take a description unasked. A longer
// one is written without indents, and then without what only we understand.
const roomy = 4 << 20

// written is a description as text.
func written(root map[string]any, format Format, indent string) ([]byte, error) {
	tree := node(root)
	if format == YAMLFormat {
		text, err := tree.YAML()
		return []byte(text), err
	}
	raw, err := tree.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", indent); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// description is an OpenAPI document that is being written.
type description struct {
	o       *Options
	ops     []*discovery.Operation
	base    string
	priors  discovery.Priors
	unions  []*union
	schemes map[string]map[string]any
	tags    map[string]bool
	ids     map[string]bool
	shared  *components
	// mixed says that some operations are called with and without credentials.
	mixed                       bool
	requestMedias, answerMedias *medias
}

func describe(ops []*discovery.Operation, o *Options) *description {
	d := &description{
		o: o, ops: ops, base: commonBase(ops), schemes: map[string]map[string]any{}, tags: map[string]bool{},
		ids: map[string]bool{}, shared: newComponents(),
	}
	for _, op := range ops {
		d.mixed = d.mixed || mixes(op)
		for _, b := range slices.Concat(op.Bodies, op.Answers) {
			if b.Schema != nil {
				d.priors.Learn(b.Schema)
			}
		}
	}
	d.unions = unite(ops, d.base)
	d.requestMedias, d.answerMedias = mediasOf(d.unions, false), mediasOf(d.unions, true)
	return d
}

// commonBase is the base path that all operations have, empty for none.
func commonBase(ops []*discovery.Operation) string {
	base := ""
	for i, op := range ops {
		if i == 0 {
			base = op.BasePath
		}
		if op.BasePath != base || !strings.HasPrefix(op.Path, base+"/") || strings.ContainsAny(base, "{}?# ") {
			return ""
		}
	}
	return strings.TrimSuffix(base, "/")
}

// isMethod tells those that a path item may have.
func isMethod(method string) bool {
	switch method {
	case "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE":
		return true
	}
	return false
}

func (d *description) root() map[string]any {
	paths := map[string]any{}
	for _, u := range d.unions {
		item, _ := paths[u.route.path].(map[string]any)
		if item == nil {
			item = map[string]any{}
			paths[u.route.path] = item
		}
		if isMethod(u.method) {
			item[strings.ToLower(u.method)] = d.operation(u)
		} else if !d.o.Plain {
			others, _ := item["x-farrier-methods"].([]any)
			item["x-farrier-methods"] = append(others, visible(u.method))
		}
	}
	schemas := d.shared.share()
	root := map[string]any{
		"openapi": "3.1.0",
		"info":    d.info(),
		"servers": d.servers(),
		"paths":   paths,
	}
	var tags []any
	for _, tag := range slices.Sorted(maps.Keys(d.tags)) {
		tags = append(tags, map[string]any{"name": tag})
	}
	if len(tags) > 0 {
		root["tags"] = tags
	}
	parts := map[string]any{}
	if len(schemas) > 0 {
		parts["schemas"] = schemas
	}
	if len(d.schemes) > 0 {
		schemes := map[string]any{}
		for name, scheme := range d.schemes {
			schemes[name] = scheme
		}
		parts["securitySchemes"] = schemes
	}
	if len(parts) > 0 {
		root["components"] = parts
	}
	if d.o.Plain {
		strip(root)
	}
	return root
}

func (d *description) info() map[string]any {
	info := map[string]any{
		"title": visible(d.o.Title), "version": visible(d.o.Version),
		"description": "Learned from traffic: " + strconv.Itoa(len(d.ops)) + " operations.",
	}
	if d.o.Title == "" {
		info["title"] = "Learned API"
		if d.o.Host != "" && d.o.Host != "*" {
			info["title"] = visible(d.o.Host)
		}
	}
	if d.o.Version == "" {
		info["version"] = "0.0.0"
	}
	if !d.o.Made.IsZero() {
		info["x-farrier-made"] = day(d.o.Made)
	}
	return info
}

// servers are the hosts, each by the scheme that most calls had.
func (d *description) servers() []any {
	schemes := map[string]map[string]uint64{}
	for _, op := range d.ops {
		if !isHost(op.Host) {
			continue
		}
		if schemes[op.Host] == nil {
			schemes[op.Host] = map[string]uint64{}
		}
		for scheme, n := range op.Schemes {
			schemes[op.Host][scheme] += n
		}
	}
	var out []any
	for _, host := range slices.Sorted(maps.Keys(schemes)) {
		scheme := "https"
		if plain := schemes[host]["http"]; plain > schemes[host]["https"] {
			scheme = "http"
		}
		out = append(out, map[string]any{"url": scheme + "://" + host + d.base})
	}
	if len(out) == 0 {
		out = append(out, map[string]any{"url": d.base + "/"})
	}
	return out
}

// isHost tells names and addresses, with a port or without, that can stand in a URL.
func isHost(host string) bool {
	if host == "" || host == "*" || len(host) > 260 {
		return false
	}
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_:[]", c) >= 0:
		default:
			return false
		}
	}
	_, err := url.Parse("https://" + host)
	return err == nil
}

// strip takes away all that only we understand.
func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if strings.HasPrefix(name, "x-farrier-") {
				delete(v, name)
			} else {
				strip(inner)
			}
		}
	case []any:
		for _, inner := range v {
			strip(inner)
		}
	}
}

// order is that in which members of objects are written; others follow by name, ours
// last.
func order(name string) int {
	at := slices.Index([]string{
		"openapi", "info", "servers", "tags", "paths", "title", "name", "in", "type", "operationId", "summary", "description",
		"$ref", "format", "enum", "items", "properties", "required", "deprecated", "parameters", "requestBody", "responses",
		"security", "schema", "schemas", "securitySchemes", "components",
	}, name)
	switch {
	case strings.HasPrefix(name, "x-farrier-"):
		return 100
	case at < 0:
		return 50
	}
	return at
}

// node makes a tree of what was put together, in a good order. Texts are made valid.
func node(v any) *tree.Node {
	switch v := v.(type) {
	case map[string]any:
		n := tree.NewObject(nil)
		keys := slices.Sorted(maps.Keys(v))
		slices.SortStableFunc(keys, func(a, b string) int { return order(a) - order(b) })
		for _, key := range keys {
			n.Set(strings.ToValidUTF8(key, "\uFFFD"), node(v[key]))
		}
		return n
	case []any:
		items := make([]*tree.Node, 0, len(v))
		for _, item := range v {
			items = append(items, node(item))
		}
		return tree.NewArray(nil, items...)
	case string:
		return tree.NewText(nil, strings.ToValidUTF8(v, "\uFFFD"))
	case bool:
		return tree.NewBool(nil, v)
	case nil:
		return tree.New(nil, tree.Null, "null")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return tree.New(nil, tree.Null, "null")
	}
	return tree.New(nil, tree.Number, string(raw))
}
