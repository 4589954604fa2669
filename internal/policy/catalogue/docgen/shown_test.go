package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/policy"
)

// shown counts what conversations show of one policy.
type shown struct {
	pass, refusal, setting, effect int
}

// TestConversationsAreComplete holds that the conversations show of every
// policy a request that passes, one that is refused and settings that are.
// exceptions.tsv says what is shown elsewhere, or can not be.
func TestConversationsAreComplete(t *testing.T) {
	known := everyPolicy(t)
	list, err := readExceptions(exceptionsTable)
	if err != nil {
		t.Fatal(err)
	}
	counts := countAll(t, known)
	table := fmt.Sprintf("%-45s %6s %8s %8s\n", "policy", "passes", "refusals", "settings")
	total := shown{}
	for _, e := range known.All() {
		c := counts[e.Name]
		table += fmt.Sprintf("%-45s %6d %8d %8d\n", e.Name, c.pass, c.refusal, c.setting)
		total.pass, total.refusal, total.setting = total.pass+c.pass, total.refusal+c.refusal, total.setting+c.setting
		judge(t, e.Name, c, list)
		_, err := os.Stat(filepath.Join(root, "examples", "policies", e.Name+".txtar"))
		if x := list.find(e.Name, showsExample); (err == nil) == (x != nil) {
			t.Errorf("%s: either a conversation plays its example, or exceptions.tsv names the test that does", e.Name)
		}
	}
	t.Logf("%d policies\n%s%-45s %6d %8d %8d", len(known.All()), table, "in all", total.pass, total.refusal, total.setting)
	if len(known.All()) < 70 || total.pass < 300 || total.refusal < 300 || total.setting < 300 {
		t.Error("that are too few")
	}
	for _, x := range list {
		if known.Find(x.policy) == nil {
			t.Errorf("exceptions.tsv: there is no policy %s", x.policy)
		}
		if x.test != "-" && !exists(t, x.test) {
			t.Errorf("exceptions.tsv, %s: there is no test %s", x.policy, x.test)
		}
		if x.thing == showsExample && x.test == "-" {
			t.Errorf("exceptions.tsv, %s: no test plays the example", x.policy)
		}
	}
}

// judge holds that nothing is missing without a reason, and that no reason is
// given for what is there.
func judge(t *testing.T, name string, c shown, list exceptions) {
	t.Helper()
	for thing, count := range map[string]int{showsPass: c.pass, showsRefusal: c.refusal, showsSetting: c.setting} {
		x := list.find(name, thing)
		switch {
		case count == 0 && x == nil:
			t.Errorf("%s: the conversations show no %s", name, thing)
		case count > 0 && x != nil:
			t.Errorf("%s: the conversations show a %s; take the exception out", name, thing)
		case x != nil && x.test == "-" && thing == showsRefusal && c.effect == 0:
			t.Errorf("%s never refuses, and the conversations show no effect of it", name)
		case x != nil && x.reason == "":
			t.Errorf("%s: no reason says why the conversations show no %s", name, thing)
		}
	}
}

// countAll reads the conversations of all folders of policies and of the examples.
func countAll(t *testing.T, known *policy.Catalogue) map[string]shown {
	t.Helper()
	counts := map[string]shown{}
	first := firstPolicies(t, known)
	for _, pattern := range []string{"internal/policy/*/testdata/*.txtar", "examples/policies/*.txtar"} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d conversations, error %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			about := strings.TrimSuffix(filepath.Base(path), ".txtar")
			if strings.HasPrefix(pattern, "internal") {
				about = first[filepath.Base(filepath.Dir(filepath.Dir(path)))]
			}
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			count(archive, about, known, counts)
		}
		t.Logf("%s: %d conversations", pattern, len(paths))
	}
	return counts
}

// count adds what one conversation shows. about is the policy that it is about
// until it names another.
func count(archive *txtar.Archive, about string, known *policy.Catalogue, counts map[string]shown) {
	before, service := "", "200"
	for _, section := range archive.Files {
		name, _, _ := strings.Cut(section.Name, " ")
		words := append(strings.Fields(string(section.Data)), "", "")
		switch name {
		case "policy":
			about = words[0]
		case "upstream":
			service = words[1]
		case "send", "message", "refuse-config", "accept-config":
			before = name
		case "want":
			e := known.Find(about)
			if e == nil || before == "" {
				continue
			}
			c := counts[e.Name]
			c.add(before, words[0], strings.Split(strings.TrimSpace(string(section.Data)), "\n")[1:], service)
			counts[e.Name], before = c, ""
		}
	}
}

// add counts one want: after is the section before it, service the status of
// the service's response. A request that the service read and whose response
// became an error is refused too.
func (c *shown) add(after, outcome string, lines []string, service string) {
	switch {
	case after == "refuse-config":
		c.setting++
		return
	case after == "accept-config":
		return
	case outcome != "pass":
		c.refusal++
		return
	}
	c.pass++
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if status, ok := strings.CutPrefix(line, "status: "); ok && status != service && status >= "400" {
			c.refusal++
		}
		if !strings.HasPrefix(line, "reason~") && !strings.HasPrefix(line, "status:") {
			c.effect++
		}
	}
}

var plays = regexp.MustCompile(`policytest\.Play(?:All|Modules)?\(t, [^()]*?(?:\w+\.)?(\w+)\(`)

// firstPolicies are the policies that conversations of a folder are about when
// they name none: the first that its test hands to policytest.
func firstPolicies(t *testing.T, known *policy.Catalogue) map[string]string {
	t.Helper()
	said, err := readComments(filepath.Join(root, "internal", "policy"))
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]string{}
	several := map[string]int{}
	for _, e := range known.All() {
		folder := said.of(e.Name).folder
		first[folder] = e.Name
		several[folder]++
	}
	for _, e := range known.All() {
		about := said.of(e.Name)
		if several[about.folder] == 1 {
			continue
		}
		paths, err := filepath.Glob(filepath.Join(root, "internal", "policy", about.folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if m := plays.FindSubmatch(text); m != nil && string(m[1]) == about.constructor {
				first[about.folder] = e.Name
			}
		}
	}
	return first
}

// exists tells whether there is a Go test, as internal/app.TestPolicies.
func exists(t *testing.T, test string) bool {
	t.Helper()
	dir, name, _ := strings.Cut(test, ".")
	paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
