package spectral

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
)

// format is a kind of document.
type format struct {
	// name is that by which rulesets know it, title how people do.
	name, title string
	is          func(root *tree.Node) bool
}

// formatSet are the formats that a ruleset may name, each once.
type formatSet map[string]*format

func versioned(member, expression string) func(*tree.Node) bool {
	re := regexp.MustCompile(expression)
	return func(root *tree.Node) bool {
		n := root.Get(member)
		return n != nil && re.MatchString(valueOf(n).String())
	}
}

func newFormats() formatSet {
	out := formatSet{}
	for name, is := range map[string]func(*tree.Node) bool{
		"oas2":      versioned("swagger", `^\s*\+?0*2(\D|$)`),
		"oas3":      versioned("openapi", `^\s*\+?0*3(\D|$)`),
		"oas3_0":    versioned("openapi", `^3\.0(?:\.[0-9]*)?$`),
		"oas3_1":    versioned("openapi", `^3\.1(?:\.[0-9]*)?$`),
		"oas3_2":    versioned("openapi", `^3\.2(?:\.[0-9]*)?$`),
		"aas2":      versioned("asyncapi", `^2\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`),
		"aas3":      versioned("asyncapi", `^3\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`),
		"arazzo1_0": versioned("arazzo", `^1\.0(?:\.[0-9]*)?$`),

		"jsonSchema":             func(root *tree.Node) bool { return strings.Contains(root.Get("$schema").Str(), "//json-schema.org/") },
		"jsonSchemaLoose":        isLooseSchema,
		"jsonSchemaDraft4":       isDraft("draft-04"),
		"jsonSchemaDraft6":       isDraft("draft-06"),
		"jsonSchemaDraft7":       isDraft("draft-07"),
		"jsonSchemaDraft2019_09": isDraft("draft/2019-09"),
		"jsonSchemaDraft2020_12": isDraft("draft/2020-12"),
	} {
		out[name] = &format{name, formatTitles[name], is}
	}
	for _, version := range []string{"2_0", "2_1", "2_2", "2_3", "2_4", "2_5", "2_6", "3_0", "3_1"} {
		is := versioned("asyncapi", `^`+strings.Replace(version, "_", `\.`, 1)+`(?:\.[0-9]*)?$`)
		out["aas"+version] = &format{"aas" + version, "AsyncAPI " + strings.Replace(version, "_", ".", 1) + ".x", is}
	}
	for alias, name := range map[string]string{"asyncapi2": "aas2", "asyncApi2": "aas2", "asyncapi3": "aas3", "arazzo1": "arazzo1_0"} {
		out[alias] = out[name]
	}
	return out
}

// formatTitles are how people know formats; it is never changed.
var formatTitles = map[string]string{
	"oas2": "OpenAPI 2.0 (Swagger)", "oas3": "OpenAPI 3.x", "oas3_0": "OpenAPI 3.0.x", "oas3_1": "OpenAPI 3.1.x", "oas3_2": "OpenAPI 3.2.x",
	"aas2": "AsyncAPI 2.x", "aas3": "AsyncAPI 3.x", "arazzo1_0": "Arazzo 1.0.x",
	"jsonSchema": "JSON Schema", "jsonSchemaLoose": "JSON Schema (loose)",
	"jsonSchemaDraft4": "JSON Schema Draft 4", "jsonSchemaDraft6": "JSON Schema Draft 6", "jsonSchemaDraft7": "JSON Schema Draft 7",
	"jsonSchemaDraft2019_09": "JSON Schema Draft 2019-09", "jsonSchemaDraft2020_12": "JSON Schema Draft 2020-12",
}

func isDraft(draft string) func(*tree.Node) bool {
	re := regexp.MustCompile(`^https?://json-schema.org/` + draft + `/(?:hyper-)?schema#?$`)
	return func(root *tree.Node) bool { return re.MatchString(root.Get("$schema").Str()) }
}

func isLooseSchema(root *tree.Node) bool {
	if !root.Is(tree.Object) {
		return false
	}
	known := []string{"array", "boolean", "integer", "null", "number", "object", "string"}
	kind := root.Get("type")
	switch {
	case strings.Contains(root.Get("$schema").Str(), "//json-schema.org/"),
		kind.Is(tree.String) && slices.Contains(known, kind.Text),
		kind.Is(tree.Array) && !slices.ContainsFunc(kind.Items, func(n *tree.Node) bool { return !slices.Contains(known, n.Str()) }),
		root.Get("enum").Is(tree.Array):
		return true
	}
	return slices.ContainsFunc([]string{"allOf", "oneOf", "anyOf", "not", "if"}, func(name string) bool { return isContainer(root.Get(name)) })
}

// find is the format of a name as rulesets write it: "oas3.1", "oas3_1",
// "json-schema-draft7".
func (s formatSet) find(name string) *format {
	if f := s[name]; f != nil {
		return f
	}
	switch name {
	case "json-schema-2019-09", "json-schema-draft-2019-09":
		return s["jsonSchemaDraft2019_09"]
	case "json-schema-2020-12", "json-schema-draft-2020-12":
		return s["jsonSchemaDraft2020_12"]
	}
	parts := strings.Split(strings.ReplaceAll(name, ".", "_"), "-")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return s[strings.Join(parts, "")]
}
