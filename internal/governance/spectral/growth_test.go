package spectral_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"farrier.dev/farrier/internal/governance/spectral"
	"farrier.dev/farrier/internal/spec"
)

// scripted judges by a ruleset with one function in JavaScript.
func scripted(t *testing.T, body string) ([]spectral.Result, error) {
	t.Helper()
	fsys := fstest.MapFS{"r.mjs": {Data: []byte(script(body))}, "api.yaml": {Data: []byte(plain)}}
	set, err := spectral.Load(spec.NewProject(fsys, spec.ProjectLimits{}), "r.mjs", spectral.Options{Limits: spectral.Limits{Time: 2 * time.Second}})
	if err != nil {
		return nil, err
	}
	return set.Judge(t.Context(), document(t, spec.NewProject(fsys, spec.ProjectLimits{}), "api.yaml"))
}

// TestGrowth holds that no single call of a script makes so much of little that
// there is no time to stop it, or does not end.
func TestGrowth(t *testing.T) {
	t.Cleanup(func() {
		stacks := make([]byte, 1<<20)
		if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), "dop251/goja") {
			t.Errorf("a script could not be stopped:\n%s", stacks)
		}
	})
	const long = "const s = 'x'.repeat(4e6); "
	for name, c := range map[string]struct{ body, why string }{
		"join of long texts":            {long + "Array(5000).fill(s).join('')", "longer than"},
		"join by a long text":           {long + "Array(5000).fill('').join(s)", "longer than"},
		"text of a list":                {long + "String(Array(5000).fill(s))", "longer than"},
		"text of a list, localized":     {long + "Array(5000).fill(s).toLocaleString()", "longer than"},
		"replacement":                   {long + "'x'.repeat(5000).replace(/x/g, s)", "longer than"},
		"replacement of all":            {long + "'x'.repeat(5000).replaceAll('x', s)", "longer than"},
		"replacement by what is around": {"'x'.repeat(5000).replace(/x/g, '$`')", "longer than"},
		"replacement by a function":     {long + "'x'.repeat(5000).replace(/x/g, Object.bind(null, s))", "longer than"},
		"replacement by a symbol":       {long + "/x/g[Symbol.replace]('x'.repeat(5000), s)", "longer than"},
		"concatenation":                 {long + "''.concat(...Array(5000).fill(s))", "longer than"},
		"template":                      {long + "`" + strings.Repeat("${s}", 2000) + "`", "longer than"},
		"raw template":                  {"String.raw({ raw: { length: 2 ** 40 } })", "longer than"},
		"lists in lists":                {"let a = [1]; for (let i = 0; i < 50; i++) a = [a, a]; a.flat(60)", "longer than"},
		"lists of a function":           {"const a = Array(4e6); Array(5000).fill(a).flatMap(Object)", "longer than"},
		"lists behind each other":       {"[].concat({ length: 2 ** 40, [Symbol.isConcatSpreadable]: true })", "longer than"},
		"JSON of long texts":            {long + "JSON.stringify(Array(5000).fill(s))", "longer than"},
		"JSON that is indented":         {"let o = Array(1e5).fill(0); for (let i = 0; i < 200; i++) o = [o]; JSON.stringify(o, null, 10)", "longer than"},
		"JSON by a function":            {long + "JSON.stringify(Array(5000).fill({ toJSON: String.prototype.valueOf.bind(s) }))", "longer than"},
		"number that changes":           {"let n = 0; 'x'.repeat({ valueOf: () => n++ ? 2 ** 34 : 1 }).length", ""},
		"length that changes":           {"let n = 0; [].indexOf.call({ get length() { return n++ ? 2 ** 53 : 1 } }, 1)", "must be a number"},
		"big number":                    {"2n ** 10000000000n", "not defined"},
		"big shift":                     {"1n << 100000000000n", "not defined"},
		"expression that is long":       {"new RegExp('^(?=(a+)+$)' + 'x?'.repeat(10000)).test(title)", "too long"},
		"expression in disguise":        {"const r = /^(?=(a+)+$)/; Object.defineProperty(r, 'source', { value: 'a' }); r.test(title)", "not known"},
		"promises without end":          {"const f = () => Promise.resolve().then(f); f()", "stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, err := scripted(t, c.body)
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			t.Logf("%v, %d MiB: %v", time.Since(begin), m.HeapSys>>20, err)
			// What else the process holds may stop a script for its memory before.
			stopped := err != nil && (strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), "too much memory"))
			if c.why == "" && err != nil || c.why != "" && !stopped {
				t.Errorf("must say %q: %v", c.why, err)
			}
		})
	}
}

// TestLanguage holds that what is written anew for scripts does what it did.
func TestLanguage(t *testing.T) {
	for expression, want := range map[string]string{
		"[1, [2, null], undefined, 'a'].join()":                                          "1,2,,,a",
		"[1, 2].join(' - ') + [] + [[], [3]]":                                            "1 - 2,3",
		"[1, [2, [3, [4]]]].flat().length + ' ' + [1, [2, [3]]].flat(9).join()":          "3 1,2,3",
		"[1, 2].flatMap((n, i, all) => [n, [i, all.length]]).length":                     "4",
		"'abcb'.replace('b', 'x') + 'abcb'.replaceAll('b', '[$&]')":                      "axcba[b]c[b]",
		"'john smith'.replace(/(\\w+)\\s(\\w+)/, '$2, $1$$ $3 $10 $` $\\'')":             "smith, john$ $3 john0  ",
		"'a-b'.replace(/(?<l>a)-(b)/, '$2-$1')":                                          "b-a",
		"'aXbX'.replace(/x/gi, (m, at) => m + at)":                                       "aX1bX3",
		"'aaa'.replace(/^a/g, '').replace(/(?=a)/g, '.')":                                ".a.a",
		"'a'.padStart(3, 'xy') + 'a'.padEnd(3) + 'ab'.repeat(2)":                         "xyaa  abab",
		"`a${1}b${[2, 3]}c${null}` + 'a'.concat(1, null)":                                "a1b2,3cnulla1null",
		"String.raw`a\\n${1}b`":                                                          "a\\n1b",
		"JSON.stringify({ a: [1, 'b', null], c: { d: true } })":                          `{"a":[1,"b",null],"c":{"d":true}}`,
		"JSON.stringify(JSON.parse('[1,{\"a\":2}]'), null, 1).length":                    "22",
		"[...'a1b22'.matchAll(/[0-9]+/g)].map((m) => m[0]).join('|') + 'a,b'.split(/,/)": "1|22a,b",
		"'abc'.search(/c/) + 'abab'.match(/b/g).length":                                  "4",
		"Math.max.apply(null, [1, 3, 2]) + [3, 1, 2].sort().indexOf(3)":                  "5",
		"Array.from({ length: 3 }, (_, i) => i).concat([3], 4).slice(1).join('')":        "1234",
	} {
		found, err := scripted(t, "return [{ message: String("+expression+") }];")
		if err != nil || len(found) != 1 || found[0].Message != strings.TrimSpace(want) {
			t.Errorf("%s: %+v %v, want %q", expression, found, err, want)
		}
	}
}
