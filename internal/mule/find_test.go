package mule

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// find finds projects in paths, and closes what was opened at the end.
func find(t *testing.T, l Limits, paths ...string) *Workspace {
	t.Helper()
	w, err := Find(context.Background(), paths, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	at := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range files {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// summary says in a line what a project is, its folder relative to base.
func summary(p *Project, base string) string {
	dir := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(p.Dir, base), "!"), "/")
	name := p.Name
	if dir == "" {
		dir = "."
		if name == filepath.Base(base) {
			name = "."
		}
	}
	kinds := map[Kind]string{Application: "application", Domain: "domain", Library: "library", Policy: "policy", Common: "common"}
	flows := "none"
	for i, f := range p.Flows {
		if i == 0 {
			flows = f.Name
		} else {
			flows += " " + f.Name
		}
	}
	out := fmt.Sprintf("%s: %s %s %d, configs %d, flows %s", dir, name, kinds[p.Kind], p.Major, len(p.Configs), flows)
	if p.DomainName != "" {
		out += ", domain " + p.DomainName
		if p.Shared != nil {
			out += " (found)"
		}
	}
	for i, l := range p.Libraries {
		if i == 0 {
			out += ", libraries"
		}
		out += " " + l.Name
	}
	for _, one := range p.Problems {
		out += fmt.Sprintf("; %s:%d:%d %s", one.File, one.Line, one.Column, one.Message)
	}
	return out
}

// TestLayouts plays each layout as a folder and as an archive, read by several at
// once.
func TestLayouts(t *testing.T) {
	cases, _ := filepath.Glob("testdata/layouts/*.txtar")
	projects := 0
	for _, file := range cases {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(a.Comment), "want:\n")
		dir, files := filepath.Join(t.TempDir(), "ws"), map[string]string{}
		for _, f := range a.Files {
			write(t, dir, f.Name, string(f.Data))
			files[f.Name] = string(f.Data)
		}
		write(t, filepath.Dir(dir), "ws.zip", zipped(t, files))
		inMemory, err := FindFiles(dir, files)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range [...]string{dir, dir + ".zip", dir + ".memory"} {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+" "+filepath.Ext(at), func(t *testing.T) {
				w := inMemory
				if !strings.HasSuffix(at, ".memory") {
					w = find(t, Limits{}, at, at)
				}
				got := make([]string, w.Len())
				var all sync.WaitGroup
				for i := range w.Len() {
					all.Go(func() {
						p, err := w.Read(context.Background(), i)
						if err != nil {
							t.Error(err)
							return
						}
						got[i] = summary(p, strings.TrimSuffix(at, ".memory")) + "\n"
						for name, f := range p.Files {
							if f.Name != name || !strings.HasPrefix(f.Path, p.Dir) || !strings.HasSuffix(f.Path, "/"+name) {
								t.Errorf("%s stands in %s as %s at %s", name, p.Dir, f.Name, f.Path)
							}
						}
					})
				}
				all.Wait()
				slices.Sort(got)
				if all := strings.Join(got, ""); all != want {
					t.Errorf("got:\n%swant:\n%s", all, want)
				}
				if len(w.Problems()) > 0 {
					t.Errorf("%+v", w.Problems())
				}
				projects += w.Len()
			})
		}
	}
	t.Logf("%d layouts, %d projects", len(cases), projects)
	if len(cases) < 7 || projects < 20 {
		t.Error("that is too few")
	}
}

const app = `<mule xmlns="http://www.mulesoft.org/schema/mule/core"><flow name="f"/></mule>`

// TestPaths: single files and archives, also those that lie in others.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	jar := zipped(t, map[string]string{"META-INF/mule-artifact/mule-artifact.json": "{}", "a.xml": app, "lib/inner.jar": zipped(t, map[string]string{"a.xml": app})})
	write(t, dir, "one/flow.xml", app)
	write(t, dir, "one/other.xml", app)
	write(t, dir, "jars/a-1.0.0-mule-application.jar", jar)
	write(t, dir, "jars/plain.jar", zipped(t, map[string]string{"x/b.xml": app}))
	write(t, dir, "jars/java.jar", zipped(t, map[string]string{"x/B.class": "x"}))
	write(t, dir, "jars/broken.jar", "PK no archive")
	write(t, dir, "jars/deep/b-mule-domain.jar", jar)
	write(t, dir, "jars/deep/other.jar", jar)
	write(t, dir, "jars.zip", zipped(t, map[string]string{"a.jar": jar, "b.jar": jar, "c.jar": zipped(t, map[string]string{"d.jar": jar})}))
	write(t, dir, "note.txt", "x")
	for _, c := range []struct {
		path string
		want []string
	}{
		{"one/flow.xml", []string{"one: flow 1"}},
		{"one", []string{"one: one 2"}},
		{"jars", []string{
			"jars/a-1.0.0-mule-application.jar: a-1.0.0-mule-application.jar 1", "jars/deep/b-mule-domain.jar: b-mule-domain.jar 1",
			"jars/plain.jar: plain.jar 1", "problem jars/broken.jar opening the archive: zip: not a valid zip file",
		}},
		{"jars/broken.jar", []string{"problem jars/broken.jar opening the archive: zip: not a valid zip file"}},
		{"jars.zip", []string{"jars.zip!/a.jar: a.jar 1", "jars.zip!/b.jar: b.jar 1"}},
	} {
		w := find(t, Limits{}, filepath.Join(dir, c.path))
		var got []string
		for i := range w.Len() {
			p, err := w.Read(context.Background(), i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s: %s %d", strings.TrimPrefix(p.Dir, dir+"/"), p.Name, len(p.Flows)))
		}
		for _, p := range w.Problems() {
			got = append(got, "problem "+strings.TrimPrefix(p.File, dir+"/")+" "+p.Message)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.path, got, c.want)
		}
	}
	t.Chdir(filepath.Join(dir, "one"))
	if p, err := find(t, Limits{}, ".").Read(context.Background(), 0); err != nil || p.Name != "one" || p.Files["flow.xml"].Path != "flow.xml" {
		t.Errorf("%v: %+v", err, p)
	}
	for _, at := range []string{"note.txt", "absent"} {
		if _, err := Find(context.Background(), []string{filepath.Join(dir, at)}, Limits{}); err == nil {
			t.Errorf("%s is taken", at)
		}
	}
}

// TestWith: a project with other texts shares what is the same, and what other
// projects give it.
func TestWith(t *testing.T) {
	a, err := txtar.ParseFile("testdata/layouts/monorepo.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	dir := t.TempDir()
	write(t, dir, "ws.zip", zipped(t, files))
	w := find(t, Limits{}, filepath.Join(dir, "ws.zip"))
	played := 0
	for i := range w.Len() {
		p, err := w.Read(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		same, err := p.With(context.Background(), nil)
		if err != nil || summary(same, "") != summary(p, "") || len(same.Files) != len(p.Files) || same.POM != nil && (same.POM.Parent == nil) != (p.POM.Parent == nil) {
			t.Errorf("%v: got %s, want %s", err, summary(same, ""), summary(p, ""))
		}
		if p.Name != "orders" {
			continue
		}
		q, err := p.With(context.Background(), map[string][]byte{"src/main/mule/main.xml": []byte(app), "src/main/resources/b.dwl": []byte("1")})
		if err != nil {
			t.Fatal(err)
		}
		played++
		if q.FlowNamed("f") == nil || q.FlowNamed("main") != nil || q.FlowNamed("sub").Element != p.FlowNamed("sub").Element || q.Scripts["b.dwl"] == nil ||
			q.Files["src/main/resources/b.dwl"].Path != p.Dir+"/src/main/resources/b.dwl" || q.Modules["modules::names"] == nil || p.FlowNamed("main") == nil {
			t.Errorf("%+v", q)
		}
	}
	if played != 1 {
		t.Errorf("%d projects were changed", played)
	}
}
