package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec/schema"
)

// suiteModule carries the official JSON Schema Test Suite, which has no module of
// its own.
const suiteModule = "github.com/kaptinlin/jsonschema@v0.4.6"

// suite is the folder of the suite's cases for draft 2020-12.
func suite(t *testing.T) string {
	t.Helper()
	download := exec.CommandContext(t.Context(), programtest.Program(t, "go"), "mod", "download", "-json", suiteModule)
	download.Dir = t.TempDir()
	out, err := download.Output()
	var module struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the module %s can't be had: %v", suiteModule, err)
		}
		t.Skipf("the module %s can't be had: %v", suiteModule, err)
	}
	return filepath.Join(module.Dir, "testdata", "JSON-Schema-Test-Suite", "tests", "draft2020-12")
}

// suiteDifferences are the cases that we answer otherwise, and why, by file and
// description; a description that ends in "*" stands for all that begin so.
var suiteDifferences = map[string]string{
	"format.json: *": "formats are asserted: JSON Schema Validation §7.2.1 lets implementations do so, and a gateway that did not would let through what is described as wrong",
	"optional/dependencies-compatibility.json: *": "dependencies is a keyword of draft 7, which 2020-12 has no longer",
	"optional/format/idn-hostname.json: *":        "the format is not known, so every value passes",
}

type suiteGroup struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// TestSuite plays the official suite. Left out are schemas that use what
// descriptions have been rid of: $id, anchors, dynamic and remote references.
func TestSuite(t *testing.T) {
	dir := suite(t)
	played, left := 0, map[string]int{}
	used := map[string]bool{}
	for _, pattern := range []string{"*.json", "optional/*.json", "optional/format/*.json"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel(dir, file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var groups []suiteGroup
			if err := json.Unmarshal(text, &groups); err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				played += playGroup(t, filepath.ToSlash(name), g, left, used)
			}
		}
	}
	t.Logf("played %d cases; left out: %v", played, left)
	if played < 1300 {
		t.Error("there should be at least 1300")
	}
	for key := range suiteDifferences {
		if !used[key] {
			t.Errorf("the difference %q is none", key)
		}
	}
}

func playGroup(t *testing.T, file string, g suiteGroup, left map[string]int, used map[string]bool) int {
	t.Helper()
	defs, reason := definitions(t, string(g.Schema))
	if reason != "" {
		left[reason] += len(g.Tests)
		return 0
	}
	s, compiled := schema.NewSet(defs, schema.Options{}).Schema("#")
	for _, c := range g.Tests {
		got := "invalid schema"
		if compiled == nil {
			var d schema.Document
			limits := jsontext.DefaultLimits()
			if err := d.Parse(bytes.TrimSpace(c.Data), limits); err != nil {
				got = err.Error()
			} else {
				got = fmt.Sprint(s.Valid(&d))
			}
			if told := s.Violations(&d, 5); got == "true" != (len(told) == 0) {
				t.Errorf("%s: %s: %s: judged %s, told %v", file, g.Description, c.Description, got, told)
			}
		}
		key := file + ": " + g.Description + ": " + c.Description
		if got == fmt.Sprint(c.Valid) {
			continue
		}
		if known := difference(key); known != "" {
			used[known] = true
			continue
		}
		t.Errorf("%s: %s (%v), want %v", key, got, compiled, c.Valid)
	}
	return len(g.Tests)
}

func difference(key string) string {
	for known := range suiteDifferences {
		if prefix, ok := strings.CutSuffix(known, "*"); known == key || ok && strings.HasPrefix(key, prefix) {
			return known
		}
	}
	return ""
}

// definitions makes definitions of a whole schema: one for each pointer that it
// refers to. The reason says why it can't.
func definitions(t *testing.T, text string) (map[string]any, string) {
	t.Helper()
	root := value(t, text)
	defs := map[string]any{}
	waiting := []string{"#"}
	for len(waiting) > 0 {
		ref := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if _, ok := defs[ref]; ok {
			continue
		}
		target, ok := resolve(root, ref)
		if !ok {
			return nil, "$ref elsewhere"
		}
		made, reason := rewrite(target, &waiting)
		if reason != "" {
			return nil, reason
		}
		defs[ref] = made
	}
	return defs, ""
}

func resolve(root any, ref string) (any, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	pointer = strings.NewReplacer("%25", "%", "%22", `"`).Replace(pointer)
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch v := root.(type) {
		case map[string]any:
			if root, ok = v[step]; !ok {
				return nil, false
			}
		case []any:
			var at int
			if _, err := fmt.Sscan(step, &at); err != nil || at >= len(v) {
				return nil, false
			}
			root = v[at]
		default:
			return nil, false
		}
	}
	return root, true
}

// rewrite copies a schema with its references as we read them.
func rewrite(v any, waiting *[]string) (any, string) {
	m, ok := v.(map[string]any)
	if !ok {
		return v, ""
	}
	out := maps.Clone(m)
	delete(out, "$defs")
	for _, keyword := range slices.Sorted(maps.Keys(out)) {
		part := out[keyword]
		var reason string
		switch keyword {
		case "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary":
			return nil, keyword
		case "$schema":
			if part != "https://json-schema.org/draft/2020-12/schema" {
				return nil, keyword
			}
		case "$ref":
			ref, _ := part.(string)
			if !strings.HasPrefix(ref, "#") {
				return nil, "$ref elsewhere"
			}
			*waiting = append(*waiting, ref)
			out[keyword] = "#/$defs/" + ref
		case "properties", "patternProperties", "dependentSchemas":
			named, _ := part.(map[string]any)
			made := map[string]any{}
			for name, inner := range named {
				if made[name], reason = rewrite(inner, waiting); reason != "" {
					return nil, reason
				}
			}
			out[keyword] = made
		case "allOf", "anyOf", "oneOf", "prefixItems":
			list, _ := part.([]any)
			made := make([]any, len(list))
			for i := range list {
				if made[i], reason = rewrite(list[i], waiting); reason != "" {
					return nil, reason
				}
			}
			out[keyword] = made
		case "const", "enum", "default", "examples":
		default:
			if out[keyword], reason = rewrite(part, waiting); reason != "" {
				return nil, reason
			}
		}
	}
	return out, ""
}
