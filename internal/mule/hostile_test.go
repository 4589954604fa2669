package mule

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// problems are those of a workspace and of its projects.
func problems(t *testing.T, w *Workspace) string {
	t.Helper()
	var out strings.Builder
	for _, p := range w.Problems() {
		fmt.Fprintf(&out, "%s: %s\n", p.File, p.Message)
	}
	for i := range w.Len() {
		p, err := w.Read(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range p.Problems {
			fmt.Fprintf(&out, "%s: %s\n", one.File, one.Message)
		}
	}
	return out.String()
}

// TestLinks: links are followed inside the project only, pipes are not opened, and
// circles end.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	dir := t.TempDir()
	write(t, dir, "outside/secret.properties", "secret=1\n")
	write(t, dir, "ws/src/main/mule/a.xml", app)
	write(t, dir, "ws/src/main/resources/real.properties", "a=b\n")
	in := filepath.Join(dir, "ws/src/main/resources")
	for name, target := range map[string]string{
		"inside.properties": "real.properties", "outside.properties": "../../../../outside/secret.properties",
		"absolute.properties": filepath.Join(dir, "outside/secret.properties"), "gone.properties": "nowhere",
		"circle.properties": "circle.properties", "folder": "../../..", "out": dir + "/outside", "dir.properties": "..",
	} {
		if err := os.Symlink(target, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(in, "pipe.properties"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe.properties", filepath.Join(in, "link.properties")); err != nil {
		t.Fatal(err)
	}
	w := find(t, Limits{}, filepath.Join(dir, "ws"))
	if w.Len() != 1 {
		t.Fatalf("%d projects", w.Len())
	}
	p, err := w.Read(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name := range p.Files {
		if name != "src/main/mule/a.xml" && name != "src/main/resources/real.properties" && name != "src/main/resources/inside.properties" {
			t.Errorf("%s was read", name)
		}
	}
	if len(p.Files) != 3 || string(p.Files["src/main/resources/inside.properties"].Text) != "a=b\n" {
		t.Errorf("%d files", len(p.Files))
	}
	got := problems(t, w)
	for _, want := range []string{
		"outside.properties: a link that leads out", "absolute.properties: a link that leads out", "gone.properties: the file is gone",
		"link.properties: this is no ordinary file", "dir.properties: this is no ordinary file",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not told in\n%s", want, got)
		}
	}
	if strings.Contains(got, dir) {
		t.Errorf("paths of the machine are told: %s", got)
	}
}

// TestArchives: paths out of an archive, entries that stand twice, and bombs.
func TestArchives(t *testing.T) {
	zeros := strings.Repeat("\x00", 3<<20)
	many := map[string]string{"src/main/mule/a.xml": app}
	for i := range 300 {
		many[fmt.Sprintf("f%d.txt", i)] = "x"
	}
	var twice bytes.Buffer
	z := zip.NewWriter(&twice)
	for _, name := range []string{"a.xml", "a.xml", "b.xml"} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(app)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	lying := []byte(zipped(t, map[string]string{"a.xml": app, "b.txt": zeros}))
	if at := bytes.LastIndex(lying, []byte("b.txt")) - 46; at > 0 {
		binary.LittleEndian.PutUint32(lying[at+24:], 100) // says that it is small
	}
	for _, c := range []struct {
		name, archive, want string
		limits              Limits
		projects            int
	}{
		{name: "escape", archive: zipped(t, map[string]string{"../../x.xml": app, "/etc/x.xml": app, `..\y.xml`: app, "a.xml": app}), want: `"../../x.xml" is no path inside the archive`, projects: 1},
		{name: "twice", archive: twice.String(), want: `"a.xml" stands in the archive twice`, projects: 1},
		{name: "ratio", archive: zipped(t, map[string]string{"a.xml": app, "b.txt": zeros}), want: "b.txt: the file is packed too tightly", projects: 1},
		{name: "size", archive: zipped(t, map[string]string{"a.xml": app, "b.txt": strings.Repeat("x", 5<<20)}), want: "b.txt: the file is too large", projects: 1},
		{name: "names", archive: zipped(t, many), limits: Limits{ArchiveNames: 100}, want: "holds more than 100 files"},
		{name: "large", archive: zipped(t, many), limits: Limits{ArchiveBytes: 100}, want: "the archive is too large"},
		{name: "lying", archive: string(lying), want: "b.txt: ", projects: 1},
		{name: "files", archive: zipped(t, many), limits: Limits{ProjectFiles: 50}, want: "the project holds more than 50 files", projects: 1},
		{name: "total", archive: zipped(t, many), limits: Limits{ProjectBytes: 200}, want: "the project holds too much text", projects: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.zip", c.archive)
			w := find(t, c.limits, filepath.Join(dir, "a.zip"))
			if got := problems(t, w); w.Len() != c.projects || !strings.Contains(got, c.want) {
				t.Errorf("%d projects, want %d; %q is not told in\n%s", w.Len(), c.projects, c.want, got)
			}
		})
	}
}

// TestDirectoryBound: no more of an archive is read than its directory may have
// before the number of its files is known.
func TestDirectoryBound(t *testing.T) {
	b := &boundedReader{r: strings.NewReader(strings.Repeat("x", 100))}
	b.left.Store(10)
	if _, err := b.ReadAt(make([]byte, 10), 0); err != nil {
		t.Error(err)
	}
	if _, err := b.ReadAt(make([]byte, 1), 0); !errors.Is(err, errDirectory) {
		t.Errorf("read on: %v", err)
	}
}

// TestDeep: folders in folders end, and so do names, XML and projects.
func TestDeep(t *testing.T) {
	for _, c := range []struct {
		want   string
		limits Limits
	}{
		{"lies in more than 3 folders", Limits{Depth: 3}},
		{"holds more than 2 files", Limits{Names: 2}},
		{"is one project more than 1", Limits{Projects: 1}},
		{"src/main/mule/a.xml: the file is too large", Limits{FileBytes: 50}},
	} {
		dir := t.TempDir()
		for _, name := range []string{"a/src/main/mule/a.xml", "b/src/main/mule/a.xml", "c/src/main/mule/deep/a.xml"} {
			write(t, dir, name, app)
		}
		w := find(t, c.limits, dir)
		if got := problems(t, w); !strings.Contains(got, c.want) {
			t.Errorf("%q is not told in\n%s", c.want, got)
		}
	}
	deep := strings.Repeat("<a>", 400) + strings.Repeat("</a>", 400)
	p := read(t, map[string]string{"src/main/mule/a.xml": deep})
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Message, "MaxDepth 300") {
		t.Errorf("%+v", p.Problems)
	}
	if _, err := ReadFiles("x", map[string]string{"../a.xml": app}); err == nil {
		t.Error("a file outside is taken")
	}
}

// TestCancel: a reader that is told to end does.
func TestCancel(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "src/main/mule/a.xml", app)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Find(ctx, []string{dir}, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Find gives %v", err)
	}
	w := find(t, Limits{}, dir)
	if _, err := w.Read(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Read gives %v", err)
	}
	if _, err := w.Read(context.Background(), 1); err == nil {
		t.Error("a project that is not there is read")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if p, err := w.Read(context.Background(), 0); err != nil || len(p.Problems) == 0 {
		t.Errorf("nothing is told of a workspace that is closed: %v", err)
	}
}

// TestCircles: libraries that need each other, parents that are each other's and
// files that import each other end.
func TestCircles(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a", "b"} {
		other := map[string]string{"a": "b", "b": "a"}[n]
		write(t, dir, n+"/pom.xml", `<project><groupId>g</groupId><artifactId>`+n+`</artifactId><version>1</version><parent><groupId>g</groupId><artifactId>`+other+
			`</artifactId><version>1</version><relativePath>../`+other+`</relativePath></parent><dependencies><dependency><groupId>g</groupId><artifactId>`+other+
			`</artifactId><version>1</version></dependency></dependencies><!-- mule --></project>`)
		write(t, dir, n+"/src/main/resources/"+n+".xml", `<mule xmlns="http://www.mulesoft.org/schema/mule/core"><import file="`+other+`.xml"/><import file="`+n+`.xml"/><flow name="`+n+`"/><object name="o`+n+`"/></mule>`)
		write(t, dir, n+"/src/main/resources/m/"+n+".dwl", "fun f() = 1")
	}
	w := find(t, Limits{}, dir)
	for i := range w.Len() {
		p, err := w.Read(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Libraries) != 1 || p.FlowNamed("a") == nil || p.FlowNamed("b") == nil || p.Global("oa") == nil || p.Global("ob") == nil ||
			p.Modules["m::a"] == nil || p.Module("m::b") == nil || p.Resource("classpath:/m/a.dwl") == nil || p.Resource("m/c.dwl") != nil {
			t.Errorf("%s: %+v", p.Name, p.Libraries)
		}
	}
	if w.Len() != 2 {
		t.Errorf("%d projects", w.Len())
	}
}

// TestSplitTime: values made to be slow are not.
func TestSplitTime(t *testing.T) {
	for _, unit := range []string{"#[", "${", "#['", "#[[", `\#[`, "#[/", "#[//", "${a", "#[a] ${", "#[(/", "#[/*", "!["} {
		value := strings.Repeat(unit, 256<<10/len(unit))
		begin := time.Now()
		split(value)
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("%q takes %v", unit, took)
		}
	}
}
