package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// shops are projects in memory.
type shops []map[string]string

func (s shops) Len() int         { return len(s) }
func (s shops) Dir(i int) string { return fmt.Sprintf("shop%d", i) }

func (s shops) Read(_ context.Context, i int) (*mule.Project, error) {
	if s[i] == nil {
		return nil, errors.New("it is not there")
	}
	if s[i]["panic"] != "" {
		panic("secret of a project")
	}
	return mule.ReadFiles(s.Dir(i), s[i])
}

// ruleText is a rule of the tests; its examples are as they must be.
const ruleText = `id: OWN-1
title: Trust stores that trust everybody
severity: high
confidence: high
cwe: 295
why: anybody can pose as the server
mend: remove the attribute
match:
  - select: tls:trust-store[@insecure = 'true']
    at: "@insecure"
    message: "{{name}} trusts everybody: {{@insecure}}"
    fix: {safe: true, title: remove it, remove: "@insecure"}
bad:
  - xml: <tls:context name="a"><tls:trust-store insecure="true"/></tls:context>
    fixed: <tls:context name="a"><tls:trust-store/></tls:context>
good:
  - <tls:context name="a"><tls:trust-store insecure="false"/></tls:context>
`

// ownRules are the rule above and others, made of it by replacing texts.
func ownRules(t *testing.T, others ...string) *Rules {
	t.Helper()
	files := fstest.MapFS{"OWN-1.yaml": {Data: []byte(ruleText)}}
	for _, text := range others {
		id, _, _ := strings.Cut(strings.TrimPrefix(text, "id: "), "\n")
		files[id+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	base, err := newRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := base.With(files, "own")
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func appOf(text string) map[string]string {
	return map[string]string{appFour: wrapped(4, text), artifactName: `{"minMuleVersion": "4.9.0"}`}
}

const insecure = `<tls:context name="a"><tls:trust-store insecure="true"/></tls:context>`

func scanned(t *testing.T, o Options, s Source) *Report {
	t.Helper()
	if o.Rules == nil {
		o.Rules = ownRules(t)
	}
	r, err := Run(context.Background(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	var projects shops
	for range 40 {
		projects = append(projects, appOf(insecure))
	}
	projects[3], projects[5] = nil, map[string]string{"panic": "now"}
	projects[7] = map[string]string{appFour: "<mule", artifactName: "{}", "src/main/mule/b.xml": wrapped(4, insecure)}
	var mu sync.Mutex
	told, kept := 0, 0
	r := scanned(t, Options{
		Progress: func(done, all int, project string) {
			mu.Lock()
			defer mu.Unlock()
			if told++; done != told || all != 40 || project == "" {
				t.Errorf("progress %d of %d %s, want %d", done, all, project, told)
			}
		},
		Keep: func(_ int, p *mule.Project, f []finding.Finding) {
			kept += len(f)
			if p == nil {
				t.Error("no project is kept")
			}
		},
	}, projects)
	if len(r.Findings) != 38 || kept != 38 || told != 40 || len(r.Projects) != 40 {
		t.Errorf("%d findings, %d kept, %d told, %d projects", len(r.Findings), kept, told, len(r.Projects))
	}
	if len(r.Problems) != 3 || !strings.Contains(r.Problems[0].Message, "not there") || !strings.Contains(r.Problems[1].Message, "broke off") || r.Problems[2].File != "shop7/src/main/mule/app.xml" {
		t.Errorf("problems are %+v", r.Problems)
	}
	if strings.Contains(r.Problems[1].Message, "secret") {
		t.Error("the message of a panic is told")
	}
	f := r.Findings[0]
	if f.Rule != "OWN-1" || f.Severity != finding.High || f.Location.File != "shop0/"+appFour || f.Location.Line != 1 ||
		f.Location.Place != `tls:context "a" > tls:trust-store @insecure` || f.Message != `tls:trust-store trusts everybody: "true"` ||
		f.Repair == nil || f.Fingerprint == "" || f.Fix != "remove the attribute" || f.Taxonomy.CWE != 295 {
		t.Errorf("the finding is %+v", f)
	}
	if got := r.Projects[0]; got.Counts.High != 1 || got.Runtime != "4.9.0" || got.Major != 4 || got.Profile != ProfileAll {
		t.Errorf("the summary is %+v", got)
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, shops{appOf(insecure)}, Options{Rules: ownRules(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended run gives %v", err)
	}
	if _, err := Run(context.Background(), shops{}, Options{Rules: ownRules(t), Only: []string{"NO-1"}}); err == nil || !strings.Contains(err.Error(), `no rule "NO-1"`) {
		t.Errorf("an unknown rule gives %v", err)
	}
}

// TestFingerprints holds that findings keep their names when files change around
// them, and are told apart.
func TestFingerprints(t *testing.T) {
	prints := func(text string) []string {
		var out []string
		for _, f := range scanned(t, Options{}, shops{appOf(text)}).Findings {
			out = append(out, f.Fingerprint)
		}
		return out
	}
	before := prints(insecure)
	for _, text := range []string{
		"\n\n\n" + insecure,
		`<flow name="x"/>` + insecure,
		`<tls:context name="b"/>` + insecure + `<tls:context name="c"/>`,
		strings.Replace(insecure, "<tls:trust-store", "\n\t<!-- a -->\n  <tls:key-store/><tls:trust-store path='a'", 1),
	} {
		if after := prints(text); !slices.Equal(before, after) {
			t.Errorf("%s changes the fingerprint", text)
		}
	}
	two := prints(`<tls:context name="a"><tls:trust-store insecure="true"/><tls:trust-store insecure="true"/></tls:context><tls:context name="a"><tls:trust-store insecure="true"/></tls:context>`)
	if len(two) != 3 || two[0] != before[0] || two[0] == two[1] || two[1] == two[2] || two[0] == two[2] {
		t.Errorf("findings are not told apart: %v", two)
	}
}

func TestUnless(t *testing.T) {
	other := strings.NewReplacer("OWN-1", "OWN-2", "mend:", "unless: [OWN-1]\nmend:", "[@insecure = 'true']", "[@insecure]").Replace(ruleText)
	r := scanned(t, Options{Rules: ownRules(t, other)}, shops{appOf(insecure + `<tls:context><tls:trust-store insecure="${x}"/></tls:context>`)})
	if len(r.Findings) != 2 || r.Findings[0].Rule != "OWN-1" || r.Findings[1].Rule != "OWN-2" {
		t.Errorf("findings are %+v", r.Findings)
	}
}

func TestExcerpts(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`<db:config password="hunter2" user="app"/>`, `<db:config password="[secret]" user="app"/>`},
		{`db.password=hunter2`, `db.password=[secret]`},
		{`  password: "hunter2" # yes`, `password: "[secret]" # yes`},
		{`client_secret = hunter2`, `client_secret = [secret]`},
		{`{"apiKey": "abcdef", "a": 1}`, `{"apiKey": "[secret]", "a": 1}`},
		{`<password>hunter2</password>`, `<password>[secret]</password>`},
		{`<clientSecret a="b">hunter2`, `<clientSecret a="b">[secret]`},
		{`#[payload.name ++ "a"]`, `#[payload.name ++ "a"]`},
	} {
		f := &mule.File{Text: []byte("first\n" + tt.line + "\nlast")}
		if got := excerpt(f, 8); got != tt.want {
			t.Errorf("%s is shown as %s, want %s", tt.line, got, tt.want)
		}
	}
	long := &mule.File{Text: []byte(strings.Repeat("ä", 5000) + "X" + strings.Repeat("ö", 5000))}
	if got := excerpt(long, 10000); len(got) > maxExcerpt || !strings.Contains(excerpt(long, 9900), "ä") {
		t.Errorf("an excerpt has %d bytes", len(got))
	}
}
