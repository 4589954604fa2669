package scan

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

func mended(t *testing.T, rules *Rules, s Source, all bool) *Mended {
	t.Helper()
	m, err := Mend(context.Background(), s, Options{Rules: rules}, all)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMend(t *testing.T) {
	twice := insecure + "\r\n<!-- ünder --><tls:context name=\"b\">\r\n\t<tls:trust-store path=\"x\"\r\n\t\tinsecure='true'/>\r\n</tls:context>"
	files := appOf(twice)
	m := mended(t, ownRules(t), shops{files}, false)
	if len(m.Fixed) != 2 || len(m.Skipped) != 0 || len(m.Files) != 1 || len(m.Report.Findings) != 2 {
		t.Fatalf("mended %+v", m)
	}
	want := strings.NewReplacer(` insecure="true"`, "", "\r\n\t\tinsecure='true'", "").Replace(files[appFour])
	if got := string(m.Files[0].After); got != want {
		t.Errorf("mended:\n%s, want\n%s", got, want)
	}
	if patch := string(m.Files[0].Patch()); !strings.Contains(patch, "--- a/shop0/"+appFour) || !strings.Contains(patch, "\n-") {
		t.Errorf("the patch is\n%s", patch)
	}
	files[appFour] = string(m.Files[0].After)
	if again := mended(t, ownRules(t), shops{files}, false); len(again.Files) != 0 || len(again.Report.Findings) != 0 {
		t.Errorf("mending again changes %+v", again.Files)
	}
}

func TestMendHoldsBack(t *testing.T) {
	text := strings.ReplaceAll(ruleText, "OWN-1", "OWN-2")
	tests := []struct {
		name, rule, app string
		all             bool
		fixed           int
		reason          string
	}{
		{"not safe", strings.Replace(text, "safe: true", "safe: false", 1), insecure, false, 1, ""},
		{"suppressed", text, "<!-- farrier:ignore OWN-1, OWN-2 it is pinned -->" + insecure, true, 0, ""},
		{"the same edit", text, insecure, true, 2, ""},
		{"the same bytes", strings.Replace(text, `remove: "@insecure"`, `set: {"@insecure": "false"}`, 1), insecure, true, 1, "another repair changes the same place"},
		{
			"a new finding", strings.NewReplacer("[@insecure = 'true']", "[not(@insecure)]", `    at: "@insecure"`+"\n", "", `remove: "@insecure"`, `remove: "@path"`).Replace(text),
			insecure, true, 0, "a new finding of OWN-2",
		},
	}
	for _, tt := range tests {
		m := mended(t, ownRules(t, tt.rule), shops{appOf(tt.app)}, tt.all)
		if len(m.Fixed) != tt.fixed || (tt.reason != "") != (len(m.Skipped) == 1) || tt.reason != "" && !strings.Contains(m.Skipped[0].Reason, tt.reason) {
			t.Errorf("%s: fixed %d, skipped %+v", tt.name, len(m.Fixed), m.Skipped)
		}
	}
}

// mutations write an example as others might: other line ends, quotes, comments,
// neighbours.
func mutations(text string, random *rand.Rand) []string {
	out := []string{
		strings.ReplaceAll(text, "\n", "\r\n"),
		strings.ReplaceAll(text, "/>", " />"),
		"\n\n<!-- größer > kleiner -->\n" + text + "\n<flow name=\"behind\"><logger message=\"x\"/></flow>",
		strings.ReplaceAll(text, "    ", "\t"),
	}
	if !strings.Contains(text, "'") && !strings.Contains(text, "CDATA") {
		out = append(out, strings.ReplaceAll(text, `"`, `'`))
	}
	lines := strings.Split(text, "\n")
	at := random.IntN(len(lines) + 1)
	out = append(out, strings.Join(lines[:at], "\n")+"\n"+strings.Join(lines[at:], "\n"))
	return out
}

var allMutations = flag.Bool("mutations", false, "repair all mutations of the examples, not a part of them")

// TestRepairs makes the repairs of all rules in all bad examples, and in others made
// of them: what comes out can be read, has lost its finding, has no new one, is the
// same outside of the spans, and is not changed again.
func TestRepairs(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlan(set, &Options{Experimental: true, Tests: true, Now: exampleTime()}, nil)
	random := rand.New(rand.NewPCG(1, 2))
	projects, fixed, played, skipped := 0, 0, 0, map[string]int{}
	for _, x := range set.all {
		for _, e := range x.bad {
			variants := []map[string]string{e.files}
			if e.text != "" {
				for _, text := range mutations(e.text, random) {
					if played++; !*allMutations && played%4 != 0 {
						continue
					}
					files := map[string]string{}
					for name, of := range e.files {
						files[name] = strings.ReplaceAll(of, e.text, text)
					}
					variants = append(variants, files)
				}
			}
			for i, files := range variants {
				n, left := repaired(t, p, fmt.Sprintf("%s, variant %d", e.node.Position(), i), files)
				if n+len(left) > 0 {
					projects++
				}
				fixed += n
				for _, s := range left {
					skipped[s.Finding.Rule+": "+s.Reason]++
				}
			}
		}
	}
	t.Logf("%d repairs proven in %d projects", fixed, projects)
	for _, reason := range sortedKeys(skipped) {
		t.Logf("held back %d times: %s", skipped[reason], reason)
	}
	if fixed < 300 {
		t.Errorf("%d repairs only were proven", fixed)
	}
}

// repaired mends a project until nothing changes.
func repaired(t *testing.T, p *plan, name string, files map[string]string) (fixed int, skipped []Skipped) {
	t.Helper()
	for round := range 6 {
		project, err := mule.ReadFiles("x", files)
		if err != nil || len(project.Problems) > 0 {
			if round > 0 {
				t.Errorf("%s: after mending: %v %v", name, err, project.Problems)
			}
			return fixed, skipped
		}
		findings := p.judged(context.Background(), project).suppressed(nil)
		m := newMending(p, project, findings, true)
		if err := m.mend(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if round == 0 {
			skipped = m.skipped
		}
		if len(m.texts) == 0 {
			return fixed, skipped
		}
		fixed += len(m.fixed)
		for file, text := range m.texts {
			if !kept(project.Files[file].Text, text, m.fixed, project.Files[file].Path) {
				t.Errorf("%s: bytes outside of the spans have changed", name)
			}
			files = with(files, file, string(text))
		}
	}
	t.Errorf("%s: mending does not come to an end", name)
	return fixed, skipped
}

func with(files map[string]string, name, text string) map[string]string {
	out := map[string]string{}
	for n, t := range files {
		out[n] = t
	}
	out[name] = text
	return out
}

// kept says whether what stands between the edits of findings is the same before and
// after.
func kept(before, after []byte, findings []finding.Finding, path string) bool {
	touched := make([]bool, len(before))
	for _, f := range findings {
		for _, e := range f.Repair.Edits {
			for i := e.Start.Offset; e.File == path && i < e.End.Offset; i++ {
				touched[i] = true
			}
		}
	}
	at := 0
	for start := 0; start < len(before); {
		end := start
		for end < len(before) && touched[end] == touched[start] {
			end++
		}
		if !touched[start] {
			// Insertions may stand within; each line must be there, in its order.
			for _, line := range bytes.SplitAfter(before[start:end], []byte("\n")) {
				for _, word := range bytes.Fields(line) {
					i := bytes.Index(after[at:], word[:1])
					if i < 0 {
						return false
					}
					at += i
				}
			}
		}
		start = end
	}
	return true
}
