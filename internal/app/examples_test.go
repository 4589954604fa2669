package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/policy/catalogue"
)

const examples = "../../examples"

func mustJSON(t testing.TB, value any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestExamplesCheck holds that farrier check finds no error in any folder of
// examples, and that the folders show every kind and every policy.
func TestExamplesCheck(t *testing.T) {
	folders, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	checked := 0
	for _, one := range folders {
		if !one.IsDir() || one.Name() == "ci" { // pipelines, not manifests
			continue
		}
		checked++
		dir := filepath.Join(examples, one.Name())
		var out bytes.Buffer
		code, err := app.Check([]string{dir}, "text", false, &out)
		if err != nil || code != app.ExitGood {
			t.Errorf("%s: exit code %d, error %v\n%s", dir, code, err, out.String())
		}
		for _, text := range folder(t, dir) {
			all += text
		}
	}
	known, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range known.All() {
		if !strings.Contains(all, "name: "+entry.Name+"}") && !strings.Contains(all, "name: "+entry.Name+",") {
			t.Errorf("no example binds the policy %s", entry.Name)
		}
		if _, err := os.Stat(filepath.Join(examples, "policies", entry.Name+".yaml")); err != nil {
			t.Errorf("the policy %s has no example of its own", entry.Name)
		}
	}
	for _, kind := range []string{"ApiInstance", "Service", "PolicyBinding", "Configuration", "Extension", "Secret", "Contract"} {
		if !strings.Contains(all, "kind: "+kind+"\n") {
			t.Errorf("no example shows the kind %s", kind)
		}
	}
	t.Logf("checked %d folders and the examples of %d policies", checked, len(known.All()))
	if checked < 2 {
		t.Error("that are too few folders")
	}
}

// TestExamplesReadme holds that the table of contents names every example.
func TestExamplesReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(examples, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(examples, "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		link := "](" + filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path) + ")"
		if !strings.Contains(string(text), link) {
			t.Errorf("README.md says nothing of %s", path)
		}
	}
	if len(paths) < 80 {
		t.Errorf("%d examples, there should be at least 80", len(paths))
	}
}

// TestKinds plays the conversations about the kinds.
func TestKinds(t *testing.T) {
	files, sends := playFolder(t, "kinds", false)
	t.Logf("played %d conversations with %d requests", files, sends)
	if files < 6 || sends < 24 {
		t.Error("that are too few")
	}
}

// TestPolicies plays the conversations about the policies: each at least one
// request that passes and one that is refused.
func TestPolicies(t *testing.T) {
	files, sends := playFolder(t, "policies", true)
	t.Logf("played %d policies with %d requests", files, sends)
	if files < 60 || sends < 150 {
		t.Error("there should be at least 60 policies and 150 requests")
	}
}

func playFolder(t *testing.T, name string, policies bool) (files, sends int) {
	paths, err := filepath.Glob(filepath.Join(examples, name, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := catalogue.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	run := serve(t, startServices(t, nil), folder(t, filepath.Join(examples, name)))
	for _, path := range paths {
		about := strings.TrimSuffix(filepath.Base(path), ".txtar")
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(about, func(t *testing.T) {
			c := &conversation{t: t, run: run, entry: known.Find(about)}
			if policies && c.entry == nil {
				t.Fatalf("the catalogue has no policy %s", about)
			}
			c.play(archive)
			if policies && (c.passes == 0 || c.refusals == 0) {
				t.Errorf("%d requests passed and %d were refused; at least one of each belongs to a conversation", c.passes, c.refusals)
			}
			files, sends = files+1, sends+c.passes+c.refusals
		})
	}
	return files, sends
}
