package openapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

// official compiles the JSON schemas that are published with the specification.
func official(t *testing.T) map[spec.Language]*jsonschema.Schema {
	t.Helper()
	all := map[spec.Language]*jsonschema.Schema{}
	for language, text := range map[spec.Language]string{
		spec.OpenAPI20: datamodel.OpenAPI2SchemaData, spec.OpenAPI30: datamodel.OpenAPI3SchemaData,
		// That of 3.1 leaves schemas to the schema of JSON Schema.
		spec.OpenAPI31: strings.NewReplacer(`"$dynamicRef": "#meta"`, `"$ref": "https://json-schema.org/draft/2020-12/schema"`, `"$dynamicAnchor": "meta",`, "").Replace(datamodel.OpenAPI31SchemaData),
	} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		// Patterns only SHOULD be regular expressions of ECMA 262, and Go has others.
		c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
			if re, err := regexp.Compile(text); err == nil {
				return re, nil
			}
			return regexp.MustCompile(""), nil
		})
		name := "https://example.com/" + string(language)
		if err := c.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
		if all[language], err = c.Compile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// stricter are the rules by which a description is refused that the official
// schema accepts, with what the specification says.
func stricter() map[string]string {
	return map[string]string{
		"openapi-component-name":         "keys of components MUST match the expression",
		"openapi-media-type":             "keys of content are media types or ranges",
		"openapi-path-template":          "braces mark templates; each MUST correspond to a parameter",
		"openapi-path-parameter":         "each template MUST correspond to a path parameter",
		"openapi-equal-paths":            "templated paths with the same hierarchy are identical and invalid",
		"openapi-duplicate-operation-id": "the id MUST be unique among all operations",
		"openapi-duplicate-parameter":    "the list MUST NOT include duplicated parameters",
		"openapi-duplicate-tag":          "each tag name in the list MUST be unique",
		"openapi-security-scheme":        "each name MUST correspond to a declared scheme",
		"openapi-link":                   "the name of an existing operation",
		"openapi-reference":              "a reference MUST resolve",
		"openapi-reference-kind":         "a reference stands for an object of the kind that is expected",
	}
}

// explained says why a verdict differs, empty where nothing explains it.
func explained(doc *spec.Document, verdict error) string {
	if !doc.Valid() {
		reasons := stricter()
		for _, p := range doc.Problems {
			switch reason := reasons[p.Rule]; {
			case p.Warning:
			case reason != "":
				return "stricter: " + reason
			default:
				if why := strictField(doc.Language, p); why != "" {
					return "stricter: " + why
				}
			}
		}
		return ""
	}
	text := fmt.Sprintf("%#v", verdict)
	for _, known := range looser() {
		if strings.Contains(text, known[0]) && strings.Contains(text, known[1]) {
			return "looser: " + known[2]
		}
	}
	return ""
}

// strictField tells differences of single fields.
func strictField(language spec.Language, p spec.Problem) string {
	path := "/" + strings.Join(p.Path, "/")
	switch {
	case p.Rule == "openapi-empty" && strings.HasSuffix(path, "/responses"):
		return "responses MUST contain at least one response code"
	case p.Rule == "openapi-wrong-value" && path == "/info/contact/email":
		return "MUST be in the form of an email address"
	case language == spec.OpenAPI31 && (strings.Contains(path, "/discriminator") || strings.Contains(path, "/xml") || strings.Contains(path, "/externalDocs")):
		return "the fields that OpenAPI adds to schemas have kinds too"
	case strings.HasSuffix(path, "/$ref"):
		return "$ref MUST be a text"
	case p.Rule == "openapi-exclusive-fields" && strings.Contains(p.Message, "externalValue"):
		return "value and externalValue are mutually exclusive"
	}
	return ""
}

// looser are what of the official schemas is not demanded: texts of the verdict,
// and why.
func looser() [][3]string {
	return [][3]string{
		{"bearerFormat", "securitySchemes/", "bearerFormat is a hint, and forbidden nowhere beside other schemes of HTTP"},
		{"map-of-strings", "links/", "parameters of a link are values or expressions, of any kind"},
	}
}

// TestOfficialSchemas holds that the structure of a document is valid where the
// official schemas say so: for documents that have every object, each value of
// which is changed in turn, and for real ones.
func TestOfficialSchemas(t *testing.T) {
	schemas := official(t)
	r := rand.New(rand.NewPCG(7, 7))
	rarely := 25
	if slow {
		rarely = 150
	}
	reasons, played, invalid := map[string]int{}, 0, 0
	compare := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		doc := openapi.Read(spec.OneFile("x.json", text, spec.ProjectLimits{}), "x.json")
		if schemas[doc.Language] == nil {
			return // no OpenAPI any more
		}
		played++
		verdict := schemas[doc.Language].Validate(value)
		if verdict != nil {
			invalid++
		}
		if (verdict == nil) == doc.Valid() {
			return
		}
		why := explained(doc, verdict)
		if reasons[why]++; why == "" {
			t.Errorf("%s: the official schema says %#v, we say %v", name, verdict, doc.Problems)
		}
	}
	for _, version := range []string{"2.0", "3.0", "3.1"} {
		text, err := os.ReadFile("testdata/full-" + version + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		root, err := tree.Read(&tree.Source{Text: text}, tree.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if doc := openapi.Read(spec.OneFile("x.yaml", text, spec.ProjectLimits{}), "x.yaml"); !doc.Valid() {
			t.Fatalf("%s: %v", version, doc.Problems)
		}
		before := played
		compare(version, root.Any())
		for _, path := range paths(root, nil) {
			for _, change := range changes() {
				value := root.Any()
				if !*all && r.IntN(rarely) > 0 || !alter(value, path, change.value) {
					continue
				}
				compare(version+" "+tree.Pointer(path)+" "+change.name, value)
			}
		}
		t.Logf("%s: %d documents", version, played-before)
		if played-before < 2000/rarely {
			t.Errorf("only %d documents of %s", played-before, version)
		}
	}
	files := directory(t)
	before := played
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 60<<10 {
			continue
		}
		root, err := tree.Read(&tree.Source{Text: text}, tree.Options{})
		if err != nil {
			continue
		}
		compare(file, root.Any())
		ways := paths(root, nil)
		for range 1 {
			value, path, change := root.Any(), ways[r.IntN(len(ways))], changes()[r.IntN(len(changes()))]
			if alter(value, path, change.value) {
				compare(file+" "+tree.Pointer(path)+" "+change.name, value)
			}
		}
	}
	t.Logf("%d real documents and changed ones; in all %d, of which the schemas refuse %d", played-before, played, invalid)
	for _, why := range slices.Sorted(mapKeys(reasons)) {
		t.Logf("%d differ: %s", reasons[why], why)
	}
}

func mapKeys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// paths are the ways to all values of a tree but the root.
func paths(n *tree.Node, at []string) [][]string {
	var all [][]string
	add := func(step string, inner *tree.Node) {
		path := append(slices.Clone(at), step)
		all = append(all, path)
		all = append(all, paths(inner, path)...)
	}
	for i, item := range n.Items {
		add(fmt.Sprint(i), item)
	}
	for _, m := range n.Members {
		add(m.Name, m.Value)
	}
	return all
}

type change struct {
	name  string
	value any
}

// removed and renamed are changes of a member rather than of its value.
type (
	removed struct{}
	renamed struct{}
)

func changes() []change {
	return []change{
		{"removed", removed{}},
		{"renamed", renamed{}},
		{"null", nil},
		{"text", "some text"},
		{"number", json.Number("-1.5")},
		{"boolean", false},
		{"list", []any{}},
		{"object", map[string]any{}},
		{"field", map[string]any{"some": "field"}},
	}
}

// alter changes what is at a path; it says false where nothing changed.
func alter(value any, path []string, to any) bool {
	for _, step := range path[:len(path)-1] {
		value = inside(value, step)
	}
	last := path[len(path)-1]
	switch v := value.(type) {
	case map[string]any:
		switch to.(type) {
		case removed:
			delete(v, last)
		case renamed:
			v[last+"Other"] = v[last]
			delete(v, last)
		default:
			v[last] = to
		}
		return true
	case []any:
		i := 0
		_, _ = fmt.Sscan(last, &i)
		switch to.(type) {
		case removed, renamed:
			return false
		}
		v[i] = to
		return true
	}
	return false
}

func inside(value any, step string) any {
	switch v := value.(type) {
	case map[string]any:
		return v[step]
	case []any:
		i := 0
		_, _ = fmt.Sscan(step, &i)
		return v[i]
	}
	return nil
}
