package spectral_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/spec"
)

func load(t testing.TB, text string, o spectral.Options) (*spectral.Ruleset, error) {
	t.Helper()
	return spectral.Load(spec.OneFile("r.yaml", []byte(text), spec.ProjectLimits{}), "r.yaml", o)
}

func judge(t testing.TB, set *spectral.Ruleset, text string) []spectral.Result {
	t.Helper()
	got, err := set.Judge(t.Context(), document(t, spec.OneFile("api.yaml", []byte(text), spec.ProjectLimits{}), "api.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRefusals: each ruleset is wrong in one way.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, ruleset, want string }{
		{"no ruleset", "[]", "r.yaml:1: a ruleset must be an object"},
		{"nothing in it", "{}", "needs rules"},
		{"unknown member", "rules: {}\nrule: {}", `r.yaml:2: a ruleset has no "rule"`},
		{"unknown member of a rule", "rules:\n  a: {given: $, then: {function: truthy}, gives: $}", `rule a: a rule has no "gives"`},
		{"no given", "rules:\n  a: {then: {function: truthy}}", "rule a: a new rule needs given and then"},
		{"no then", "rules:\n  a: {given: $}", "rule a: a new rule needs given and then"},
		{"rule of nobody", "rules: {a: warn}", "no ruleset that this one extends has it"},
		{"severity", "rules:\n  a: {given: $, severity: bad, then: {function: truthy}}", `r.yaml:2: rule a: the severity "bad" must be one of`},
		{"function", "rules:\n  a: {given: $, then: {function: trusty}}", `rule a: the function "trusty" isn't known`},
		{"options", "rules:\n  a: {given: $, then: {function: truthy, functionOptions: {x: 1}}}", "the function has no functionOptions"},
		{"option", "rules:\n  a: {given: $, then: {function: length, functionOptions: {least: 1}}}", `functionOptions have no "least"`},
		{"missing option", "rules:\n  a: {given: $, then: {function: enumeration, functionOptions: {}}}", `functionOptions lack "values"`},
		{"pattern", "rules:\n  a: {given: $, then: {function: pattern, functionOptions: {match: '('}}}", "rule a: match:"},
		{"casing", "rules:\n  a: {given: $, then: {function: casing, functionOptions: {type: upper}}}", "type must be one of flat"},
		{"schema", "rules:\n  a: {given: $, then: {function: schema, functionOptions: {schema: {required: name}}}}", "required must be a list"},
		{"path", "rules:\n  a: {given: info, then: {function: truthy}}", "rule a: the path info: character 1: a path begins with $"},
		{"filter", "rules:\n  a: {given: '$[?(@.x ==)]', then: {function: truthy}}", "rule a: the path"},
		{"method", "rules:\n  a: {given: '$[?(@.x.eval())]', then: {function: truthy}}", "the method eval isn't known"},
		{"name", "rules:\n  a: {given: '$[?(process.exit)]', then: {function: truthy}}", "process is not defined"},
		{"alias", "rules:\n  a: {given: '#X', then: {function: truthy}}", `the alias "X" is not defined`},
		{"format", "formats: [oas4]\nrules: {}", `the format "oas4" isn't known`},
		{"extends", "extends: nothing\nrules: {}", "extends nothing: nothing isn't built in"},
		{"address", "extends: https://example.com/r.yaml\nrules: {}", "rulesets of other addresses are not read"},
		{"part", "extends: [[spectral:oas, some]]\nrules: {}", "[name, all]"},
		{"file", "extends: ./other.yaml\nrules: {}", "other.yaml"},
		{"function of a file", "functions: [f]\nrules: {}", "there is no file functions/f.js"},
		{"field", "rules:\n  a: {given: $, then: {function: truthy, field: 1}}", "field must be a text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.ruleset, spectral.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

// TestFunctions: rulesets use functions of whoever loads them, and built-in
// rulesets those of their own.
func TestFunctions(t *testing.T) {
	var paths [][]string
	o := spectral.Options{
		Functions: map[string]spectral.Function{
			"never": func(options *tree.Node) (spectral.Check, error) {
				if options.Get("word") == nil {
					return nil, errors.New("word is missing")
				}
				return func(in *spectral.Input) []spectral.Problem {
					if in.Value.Str() == options.Get("word").Str() {
						return []spectral.Problem{{Message: "never say " + in.Value.Str()}}
					}
					return nil
				}, nil
			},
			"placed": func(*tree.Node) (spectral.Check, error) {
				return func(in *spectral.Input) []spectral.Problem {
					paths = append(paths, in.Path())
					return []spectral.Problem{{Message: "elsewhere", Path: []string{"info"}}, {Message: "below", Below: []string{"a"}}}
				}, nil
			},
		},
		Builtin: map[string]spectral.Builtin{"farrier:own": {
			Text: []byte("rules:\n  own: {given: $.info, message: '{{error}}', then: {function: mine}}\n  lazy: {given: $, recommended: false, then: {function: mine}}"),
			Functions: map[string]spectral.Function{"mine": func(*tree.Node) (spectral.Check, error) {
				return func(*spectral.Input) []spectral.Problem { return []spectral.Problem{{Message: "mine"}} }, nil
			}},
		}},
	}
	set, err := load(t, `
extends: farrier:own
rules:
  never: {given: $.info.title, message: "{{error}}", severity: error, then: {function: never, functionOptions: {word: foo}}}
  placed: {given: $.x, message: "{{error}}", then: {function: placed}}
`, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range judge(t, set, "info: {title: foo}\nx:\n  a: 1\n") {
		got = append(got, line(r))
	}
	want := []string{
		"api.yaml:1:6 warn own /info mine",
		"api.yaml:1:6 warn placed /info elsewhere",
		"api.yaml:1:15 error never /info/title never say foo",
		"api.yaml:3:6 warn placed /x/a below",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(paths) == 0 || strings.Join(paths[0], "/") != "x" {
		t.Errorf("paths %v", paths)
	}
	if _, err := load(t, "rules:\n  a: {given: $, then: {function: mine}}", o); err == nil {
		t.Error("another ruleset must not know the functions of a built-in one")
	}
	if _, err := load(t, "rules:\n  a: {given: $, then: {function: never}}", o); err == nil || !strings.Contains(err.Error(), "rule a: function never: word is missing") {
		t.Errorf("the function refuses its options: %v", err)
	}
	enabled := 0
	for _, r := range set.Rules() {
		if r.Enabled {
			enabled++
		}
	}
	if len(set.Rules()) != 4 || enabled != 3 {
		t.Errorf("%d of %d rules are enabled: %v", enabled, len(set.Rules()), set.Rules())
	}
}

// TestConcurrency judges many documents at once by one ruleset.
func TestConcurrency(t *testing.T) {
	fsys := fstest.MapFS{"r.mjs": {Data: []byte(`export default { rules: { a: { given: "$.info", message: "{{error}}", then: { function: (v) => [{ message: v.title }] } } } };`)}}
	set, err := spectral.Load(spec.NewProject(fsys, spec.ProjectLimits{}), "r.mjs", spectral.Options{Limits: spectral.Limits{Time: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, title := range strings.Split("abcdefghij", "") {
		group.Go(func() {
			if got := judge(t, set, "info: {title: "+title+"}"); len(got) != 1 || got[0].Message != title {
				t.Errorf("%s: %v", title, got)
			}
		})
	}
	group.Wait()
}

func FuzzRuleset(f *testing.F) {
	f.Add("rules:\n  a: {given: $..x, then: {field: y, function: truthy}}", "x: {y: 1}\nz: {$ref: '#/x'}")
	f.Add("aliases: {A: [$.x]}\nrules:\n  a: {given: '#A', message: '{{property}}', then: {function: length, functionOptions: {min: 1}}}\noverrides: [{files: ['*'], rules: {a: off}}]", "{}")
	f.Add("rules:\n  a: {given: '$..[?(@.x)]', then: {function: schema, functionOptions: {schema: {$ref: '#/d', d: {type: string}}}}}", "a: {x: {$ref: '#/a'}}\nb: {$ref: '#/b'}")
	f.Fuzz(func(t *testing.T, ruleset, text string) {
		limits := spectral.Limits{Time: 200 * time.Millisecond, Visits: 10_000, Results: 100}
		set, err := load(t, ruleset, spectral.Options{Limits: limits})
		if err != nil {
			return
		}
		p := spec.OneFile("api.yaml", []byte(text), spec.ProjectLimits{})
		if root, err := p.Tree("api.yaml"); err == nil {
			_, _ = set.Judge(t.Context(), &spec.Document{Project: p, File: "api.yaml", Root: root})
		}
	})
}
