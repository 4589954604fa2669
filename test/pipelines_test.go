package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/programtest"
)

// The pipelines of examples/ci are tried as far as a machine without their
// servers can: what they run is run here, in a repository of its own.

const pipelines = "../examples/ci"

const (
	bareAPI = "openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\nservers: [{url: \"http://api.example\"}]\npaths: {}\n"
	goodAPI = "openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\nservers: [{url: \"https://api.example\"}]\npaths: {}\n"
	library = "#%RAML 1.0 Library\ntypes:\n  Name: string\n"
	ofParts = "#%RAML 1.0\ntitle: t\nversion: \"1\"\nbaseUri: https://api.example\nuses: {lib: types.raml}\n"
)

// repository is a git repository with farrier in the PATH of what runs in it.
type repository struct {
	t   *testing.T
	dir string
	env []string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	programtest.Program(t, "git")
	r := &repository{t: t, dir: t.TempDir()}
	r.env = append(os.Environ(),
		"PATH="+filepath.Dir(build(t))+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
	)
	r.must("git", "init", "-q")
	return r
}

func (r *repository) write(files map[string]string) {
	r.t.Helper()
	for name, text := range files {
		name = filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// run gives what a command prints and its exit code.
func (r *repository) run(name string, args ...string) (string, int) {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		r.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (r *repository) must(name string, args ...string) {
	r.t.Helper()
	if out, code := r.run(name, args...); code != 0 {
		r.t.Fatalf("%s %v: %d\n%s", name, args, code, out)
	}
}

// TestPreCommit holds what the hook lets pass and what not.
func TestPreCommit(t *testing.T) {
	hook, err := os.ReadFile(filepath.Join(pipelines, "pre-commit"))
	if err != nil {
		t.Fatal(err)
	}
	const refused = "apis/a b.yaml:3:"
	cases := []struct {
		name string
		// before is committed without the hook; staged is then committed with it;
		// unstaged lies in the folder only.
		before, staged, unstaged map[string]string
		options                  string
		passes                   bool
		prints                   string
	}{
		{name: "a good description", staged: map[string]string{"apis/a b.yaml": goodAPI}, passes: true, prints: "1 of 1 file conform"},
		{name: "a bad description", staged: map[string]string{"apis/a b.yaml": bareAPI}, prints: refused},
		{name: "what is staged counts", staged: map[string]string{"apis/a b.yaml": bareAPI}, unstaged: map[string]string{"apis/a b.yaml": goodAPI}, prints: refused},
		{name: "what is not staged does not", staged: map[string]string{"apis/a b.yaml": goodAPI}, unstaged: map[string]string{"apis/a b.yaml": bareAPI}, passes: true, prints: "1 of 1 file conform"},
		{name: "descriptions that did not change", before: map[string]string{"old.yaml": bareAPI}, staged: map[string]string{"new.yaml": goodAPI}, passes: true, prints: "1 of 1 file conform"},
		{name: "other files", staged: map[string]string{"values.yaml": "a: 1\n", "x.json": "[]", "y.txt": "openapi: 3.0.3\n"}, passes: true},
		{name: "a part that something names", before: map[string]string{"a.raml": ofParts}, staged: map[string]string{"types.raml": strings.Replace(library, "string", "strange", 1)}, prints: "types.raml:3:"},
		{name: "a good part", before: map[string]string{"a.raml": ofParts, "b.yaml": goodAPI}, staged: map[string]string{"types.raml": library}, passes: true, prints: "2 of 2 files conform"},
		{name: "a part that nothing names", staged: map[string]string{"types.raml": library}, passes: true},
		{name: "a file with spaces and a star", staged: map[string]string{"a * b.yaml": bareAPI}, prints: "a * b.yaml:3:"},
		{name: "other options", staged: map[string]string{"apis/a b.yaml": bareAPI}, options: "--fail-on none --ruleset none", passes: true, prints: "1 of 1 file conform"},
		{name: "a baseline that is no baseline", staged: map[string]string{"apis/a b.yaml": goodAPI, ".farrier/baseline.json": "{}"}, prints: "baseline"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			r.env = append(r.env, "GOVERN_OPTIONS="+c.options)
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
	t.Run("a baseline", func(t *testing.T) {
		r := newRepository(t)
		r.write(map[string]string{"apis/a.yaml": bareAPI})
		r.must("git", "add", "-A")
		if err := os.Mkdir(filepath.Join(r.dir, ".farrier"), 0o700); err != nil {
			t.Fatal(err)
		}
		r.must(build(t), "govern", "apis", "--write-baseline", ".farrier/baseline.json", "--fail-on", "none")
		r.must("git", "add", "-A")
		if out, code := r.run(filepath.Join(mustAbs(t, pipelines), "pre-commit")); code != 0 || !strings.Contains(out, "in the baseline") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	t.Run("without the program", func(t *testing.T) {
		r := newRepository(t)
		r.env = append(r.env, "FARRIER=farrier-that-is-not-there")
		if out, code := r.run(filepath.Join(mustAbs(t, pipelines), "pre-commit")); code != 2 || !strings.Contains(out, "is not installed") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	if t.Logf("%d cases", len(cases)); len(cases) < 10 {
		t.Error("too few")
	}
}

func mustAbs(t *testing.T, name string) string {
	t.Helper()
	whole, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// TestPreCommitFramework holds that the framework finds the hook, and that it
// judges the files that it is given.
func TestPreCommitFramework(t *testing.T) {
	var hooks []struct {
		ID, Name, Entry, Language, Files string
	}
	text, err := os.ReadFile("../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &hooks); err != nil || len(hooks) != 2 || hooks[0].ID == "" || hooks[0].Name == "" || hooks[0].Language != "script" {
		t.Fatalf("%v: %+v", err, hooks)
	}
	files := regexp.MustCompile(hooks[0].Files)
	for name, want := range map[string]bool{"a/b.raml": true, "a.yaml": true, "a.yml": true, "a.json": true, "a.txt": false, "yaml": false} {
		if files.MatchString(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	entry := mustAbs(t, filepath.Join("..", hooks[0].Entry))
	r := newRepository(t)
	r.write(map[string]string{"good.yaml": goodAPI, "bad.yaml": bareAPI, "values.yaml": "a: 1\n"})
	r.must("git", "add", "-A")
	if out, code := r.run(entry, "good.yaml", "values.yaml"); code != 0 || !strings.Contains(out, "1 of 1 file conform") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if out, code := r.run(entry, "good.yaml", "bad.yaml"); code != 1 || !strings.Contains(out, "bad.yaml:3:") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// commands are the lines of a pipeline that run farrier.
func commands(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pipelines, file))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(`farrier govern [^'\n]*`).FindAllString(string(text), -1) {
		if strings.Contains(m, " -o ") {
			found = append(found, m)
		}
	}
	return found
}

// TestPipelines runs the commands of each pipeline, and holds that what they
// write is what the pipeline takes.
func TestPipelines(t *testing.T) {
	ran := 0
	for file, names := range map[string][]string{
		"github.yml": {"govern.sarif"}, "gitlab.yml": {"govern.json", "govern-junit.xml"}, "Jenkinsfile": {"govern.html", "govern-junit.xml"},
	} {
		text, err := os.ReadFile(filepath.Join(pipelines, file))
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if strings.HasSuffix(file, ".yml") {
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		r := newRepository(t)
		r.write(map[string]string{"apis/new.yaml": bareAPI, "apis/old.yaml": bareAPI, ".farrier/baseline.json": `{"version":1,"findings":[]}`})
		codes := map[int]int{}
		for _, command := range commands(t, file) {
			out, code := r.run("sh", "-c", command)
			if ran++; code > 1 {
				t.Errorf("%s: %s: exit code %d\n%s", file, command, code, out)
			}
			codes[code]++
		}
		if codes[1] != 1 {
			t.Errorf("%s: not one of its commands fails for bad descriptions: %v", file, codes)
		}
		for _, name := range names {
			if written, err := os.ReadFile(filepath.Join(r.dir, name)); err != nil || !strings.Contains(string(written), "apis/new.yaml") {
				t.Errorf("%s: %s: %v", file, name, err)
			}
			if strings.Count(string(text), name) < 2 {
				t.Errorf("%s writes %s and takes it nowhere", file, name)
			}
		}
		if file == "gitlab.yml" {
			t.Run("code quality", func(t *testing.T) { codeQuality(t, r, doc) })
		}
	}
	if t.Logf("%d commands", ran); ran < 5 {
		t.Error("too few")
	}
}

// codeQuality runs what makes GitLab's format of the report.
func codeQuality(t *testing.T, r *repository, doc map[string]any) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	job, _ := doc["govern"].(map[string]any)
	lines, _ := job["script"].([]any)
	for _, line := range lines {
		if line, _ := line.(string); strings.HasPrefix(line, "jq ") {
			r.must("sh", "-c", line)
		}
	}
	text, err := os.ReadFile(filepath.Join(r.dir, "govern-quality.json"))
	if err != nil {
		t.Fatal(err)
	}
	var issues []struct {
		Description, Fingerprint, Severity string
		Check                              string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal(text, &issues); err != nil || len(issues) == 0 {
		t.Fatalf("%v\n%s", err, text)
	}
	seen := map[string]bool{}
	for _, i := range issues {
		switch i.Severity {
		case "info", "minor", "major", "critical", "blocker":
		default:
			t.Errorf("GitLab knows no severity %q", i.Severity)
		}
		if i.Description == "" || i.Check == "" || i.Location.Path == "" || i.Location.Lines.Begin < 1 || seen[i.Fingerprint] {
			t.Errorf("%+v", i)
		}
		seen[i.Fingerprint] = true
	}
}
