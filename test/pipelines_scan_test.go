package test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// scanPipelines are those of examples/ci/scan, tried as far as a machine without
// their servers can.
const scanPipelines = "../examples/ci/scan"

// weakProject is a repository with a weakness that the baseline does not know.
func weakProject(xml string) map[string]string {
	return map[string]string{
		"mule-artifact.json": `{"minMuleVersion": "4.9.0"}`, "src/main/mule/orders.xml": xml,
		".farrier/scan-baseline.json": `{"version":1,"findings":[]}`,
	}
}

// TestScanPipelines runs the commands of each pipeline, and holds that what they
// write is what the pipeline takes, and that one of them fails for new findings.
func TestScanPipelines(t *testing.T) {
	command := regexp.MustCompile(`(?:farrier |<commandlineArgs>)(scan \.[^'\n<]*)`)
	written := regexp.MustCompile(`-o (\S+)`)
	ran, files := 0, 0
	names, err := filepath.Glob(scanPipelines + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if filepath.Base(name) == "pre-commit" {
			continue
		}
		files++
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		switch filepath.Ext(name) {
		case ".yml":
			err = yaml.Unmarshal(text, &doc)
		case ".xml":
			err = xml.Unmarshal(text, new(struct{ XMLName xml.Name }))
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r := newRepository(t)
		r.write(weakProject(scannedXML))
		if err := os.Mkdir(filepath.Join(r.dir, "test-results"), 0o700); err != nil {
			t.Fatal(err)
		}
		codes := map[int]int{}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			ran++
			out, code := r.run("sh", "-c", "farrier "+m[1])
			if codes[code]++; code > 1 {
				t.Errorf("%s: %s: exit code %d\n%s", name, m[1], code, out)
			}
			if file := written.FindStringSubmatch(m[1]); file != nil {
				if report, err := os.ReadFile(filepath.Join(r.dir, file[1])); err != nil || !strings.Contains(string(report), "MS-INJ-01") {
					t.Errorf("%s: %s: %v", name, file[1], err)
				}
				if strings.Count(string(text), filepath.Base(file[1])) < 2 && !strings.Contains(string(text), "test-results") {
					t.Errorf("%s writes %s and takes it nowhere", name, file[1])
				}
			}
		}
		if codes[1] != 1 {
			t.Errorf("%s: not one of its commands fails for new findings: %v", name, codes)
		}
	}
	if t.Logf("%d commands of %d pipelines", ran, files); ran < 8 || files < 6 {
		t.Error("too few")
	}
}

// TestScanPreCommit holds what the hook lets pass: what is staged counts, and only
// the lines that change.
func TestScanPreCommit(t *testing.T) {
	hook, err := os.ReadFile(filepath.Join(scanPipelines, "pre-commit"))
	if err != nil {
		t.Fatal(err)
	}
	const file = "src/main/mule/orders.xml"
	cases := []struct {
		name                     string
		before, staged, unstaged map[string]string
		passes                   bool
		prints                   string
	}{
		{name: "a weakness", staged: weakProject(scannedXML), prints: "MS-INJ-01"},
		{name: "none", staged: map[string]string{file: mendedXML, "mule-artifact.json": "{}"}, passes: true},
		{name: "what is staged counts", before: weakProject(mendedXML), staged: map[string]string{file: scannedXML}, unstaged: map[string]string{file: mendedXML}, prints: "MS-INJ-01"},
		{name: "what is not staged does not", before: weakProject(mendedXML), staged: map[string]string{"README.yaml": "a: 1\n"}, unstaged: map[string]string{file: scannedXML}, passes: true},
		{name: "lines that did not change", before: weakProject(scannedXML), staged: map[string]string{file: strings.Replace(scannedXML, "</flow>", "</flow>\n\t<flow name=\"other\"/>", 1)}, passes: true},
		{name: "other files", before: weakProject(scannedXML), staged: map[string]string{"a.txt": "x"}, passes: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			r.env = append(r.env, "SCAN_OPTIONS=--only MS-INJ-01")
			r.write(c.before)
			r.must("git", "add", "-A")
			r.must("git", "commit", "-q", "--allow-empty", "-m", "before")
			if err := os.WriteFile(filepath.Join(r.dir, ".git/hooks/pre-commit"), hook, 0o700); err != nil {
				t.Fatal(err)
			}
			r.write(c.staged)
			r.must("git", "add", "-A")
			r.write(c.unstaged)
			out, code := r.run("git", "commit", "-q", "-m", "change")
			if (code == 0) != c.passes || !strings.Contains(out, c.prints) {
				t.Errorf("exit code %d, want passed %v with %q:\n%s", code, c.passes, c.prints, out)
			}
		})
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 6 {
		t.Error("too few")
	}
}
