package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// undescribed is a repository whose tests left traffic that its description lacks.
var undescribed = map[string]string{
	"traffic/access.log": `203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /orders/1017 HTTP/1.1" 200 384 "-" "curl/8.5.0"
203.0.113.7 - - [22/Nov/2026:10:00:01 +0000] "GET /admin/export HTTP/1.1" 200 384 "-" "curl/8.5.0"
`,
	"specs/orders.yaml": `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /orders/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {"200": {description: one}}
`,
	".farrier/discover-baseline.json": `{"version":1,"findings":[]}`,
}

// TestDiscoverPipelines runs the commands of examples/ci/discover: each writes what its
// pipeline takes, and with a threshold that the finding reaches one of them fails.
func TestDiscoverPipelines(t *testing.T) {
	command := regexp.MustCompile(`farrier (discover [^'\n]*)`)
	written := regexp.MustCompile(`(?:-o|--openapi|--patch) (\S+)`)
	names, err := filepath.Glob("../examples/ci/discover/*")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".yml") {
			var doc any
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		r := newRepository(t)
		r.write(undescribed)
		codes := map[int]int{}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			ran++
			// A log tells nothing of credentials, so that the finding is of medium severity.
			out, code := r.run("sh", "-c", "farrier "+strings.Replace(m[1], "--fail-on high", "--fail-on medium", 1))
			if codes[code]++; code > 1 {
				t.Errorf("%s: %s: exit code %d\n%s", name, m[1], code, out)
			}
			for _, file := range written.FindAllStringSubmatch(m[1], -1) {
				if report, err := os.ReadFile(filepath.Join(r.dir, file[1])); err != nil || !strings.Contains(string(report), "/admin/export") {
					t.Errorf("%s: %s: %v", name, file[1], err)
				}
				if strings.Count(string(text), file[1]) < 2 {
					t.Errorf("%s writes %s and takes it nowhere", name, file[1])
				}
			}
		}
		if codes[1] != 1 {
			t.Errorf("%s: not one of its commands fails for new findings: %v", name, codes)
		}
	}
	if t.Logf("%d commands of %d pipelines", ran, len(names)); ran < 5 || len(names) < 3 {
		t.Error("too few")
	}
}
