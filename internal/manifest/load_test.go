package manifest_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/secret"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func serviceText(name string) string {
	return "apiVersion: gateway.mulesoft.com/v1alpha1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {address: \"http://up:1\"}\n"
}

func names(set *manifest.Set) string {
	var list []string
	for _, r := range set.Resources() {
		list = append(list, r.Kind+" "+r.Name.Name)
	}
	return strings.Join(list, ", ")
}

func texts(problems []manifest.Problem) string {
	var list []string
	for _, p := range problems {
		list = append(list, p.Text())
	}
	return strings.Join(list, "\n")
}

func TestLoadReadsDirectories(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a/z.yml", "a/y.yaml", ".hidden.yaml", "c.yaml~", "#d.yaml#", ".git/e.yaml", "f.json", "g.yaml.swp"} {
		write(t, filepath.Join(dir, name), serviceText("s-"+strings.Trim(filepath.Base(name), ".~#")))
	}
	set := manifest.Load([]string{dir})
	if got, want := names(set), "Service s-y.yaml, Service s-z.yml, Service s-b.yaml"; got != want {
		t.Errorf("got %s, want %s; %s", got, want, texts(set.Problems()))
	}
}

// TestLoadPassesDescriptionsBy holds that descriptions of APIs may lie beside
// the manifests that name them, and that nothing else is passed by.
func TestLoadPassesDescriptionsBy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/up.yaml", serviceText("up"))
	write(t, dir+"/specs/orders.yaml", "openapi: 3.0.3\ninfo: {title: Orders, version: '1'}\npaths: {}\n")
	write(t, dir+"/specs/old.yml", "# an old one\n\"swagger\": '2.0'\n")
	write(t, dir+"/rules.yaml", "#%Validation Profile 1.0\nprofile: p\n")
	if set := manifest.Load([]string{dir}); len(set.Problems()) > 0 || names(set) != "Service up" {
		t.Errorf("read %s, problems %s", names(set), texts(set.Problems()))
	}
	write(t, dir+"/both.yaml", "openapi: 3.0.3\nkind: Service\n")
	write(t, dir+"/other.yaml", "rules: {}\n")
	if got := texts(manifest.Load([]string{dir}).Problems()); !strings.Contains(got, "both.yaml") || !strings.Contains(got, "other.yaml") {
		t.Errorf("passed by what is no description: %s", got)
	}
}

func TestLoadReadsAFileByAnyName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.txt")
	write(t, path, serviceText("up"))
	set := manifest.Load([]string{path, path})
	if names(set) != "Service up" || len(set.Problems()) > 0 {
		t.Errorf("%s: %s", names(set), texts(set.Problems()))
	}
}

func TestLoadFollowsLinksOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "..2026_01", "a.yaml"), serviceText("mounted"))
	link(t, "..2026_01", filepath.Join(dir, "..data"))
	link(t, filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml"))
	write(t, filepath.Join(dir, "sub", "b.yaml"), serviceText("sub"))
	link(t, "sub", filepath.Join(dir, "again"))
	link(t, "..", filepath.Join(dir, "sub", "loop"))
	link(t, "nowhere", filepath.Join(dir, "README"))
	set := manifest.Load([]string{dir})
	if got, want := names(set), "Service mounted, Service sub"; got != want || len(set.Problems()) > 0 {
		t.Errorf("got %s, want %s; %s", got, want, texts(set.Problems()))
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	write(t, big, strings.Repeat("#"+strings.Repeat("x", 99)+"\n", 50_000))
	dangling := filepath.Join(dir, "links", "gone.yaml")
	write(t, filepath.Join(dir, "links", "good.yaml"), serviceText("up"))
	link(t, "nowhere.yaml", dangling)
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "binary.yaml")
	write(t, binary, "# fine\n\xff\xfe\n")
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "absent"), "absent:1: error: not readable: no such file or directory"},
		{big, "big.yaml:1: error: larger than 4 MiB; split it"},
		{filepath.Join(dir, "links"), "gone.yaml:1: error: not readable: no such file or directory"},
		{empty, "empty:1: warning: no .yaml or .yml file here"},
		{binary, "binary.yaml:2: error: not UTF-8 text; save the file as UTF-8"},
	} {
		rev, problems := manifest.Build(manifest.Load([]string{c.path}), newCatalogue(), options())
		if got := texts(problems); !strings.HasSuffix(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("got %s, want %s", got, c.want)
		}
		whole(t, rev, problems)
	}
}

func TestLimits(t *testing.T) {
	deep := "a: " + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "\n"
	cycle := "a: &a [*a]\n"
	many := strings.Repeat("---\n"+serviceText("up"), 20_001)
	var keys bytes.Buffer
	keys.WriteString(serviceText("up"))
	for i := range 1_500 {
		fmt.Fprintf(&keys, "key%d: x\n", i)
	}
	var wide bytes.Buffer
	for i := range 300_000 {
		fmt.Fprintf(&wide, "k%d: x\n", i)
	}
	var apis bytes.Buffer
	for i := range 3_000 {
		fmt.Fprintf(&apis, "---\napiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\n"+
			"metadata: {name: a%d}\nspec: {address: \"http://0.0.0.0:80/\"}\n", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"deep", deep, "values nest deeper than 100 levels"},
		{"cycle", cycle, "an alias contains itself"},
		{"documents", many, "more than 20000 documents in all"},
		{"keys", wide.String(), "more than 2000 keys in one mapping"},
		{"apis", apis.String(), "overlaps / of default/a0"},
		{"problems", keys.String(), "there are more problems than are shown"},
	} {
		set := manifest.Read([]manifest.File{{Name: "f.yaml", Text: []byte(c.text)}})
		rev, problems := manifest.Build(set, newCatalogue(), options())
		whole(t, rev, problems)
		if !strings.Contains(texts(problems), c.want) || len(problems) > 1001 {
			t.Errorf("%s: %d problems, none of which says %q", c.name, len(problems), c.want)
		}
	}
}

// TestEqualManifestsMakeEqualRevisions holds that neither the order of files
// and keys nor comments change a digest, but settings do.
func TestEqualManifestsMakeEqualRevisions(t *testing.T) {
	digest := func(files ...manifest.File) string {
		rev, problems := manifest.Build(manifest.Read(files), newCatalogue(), options())
		if rev == nil {
			t.Fatal(texts(problems))
		}
		return rev.Digest
	}
	a := manifest.File{Name: "a.yaml", Text: []byte(serviceText("a"))}
	b := manifest.File{Name: "b.yaml", Text: []byte(serviceText("b"))}
	commented := manifest.File{Name: "c.yaml", Text: []byte("# a comment\n" + serviceText("b"))}
	other := manifest.File{Name: "b.yaml", Text: bytes.Replace(b.Text, []byte("up:1"), []byte("up:2"), 1)}
	if digest(a, b) != digest(b, a) || digest(a, b) != digest(a, commented) {
		t.Error("equal manifests differ")
	}
	if digest(a, b) == digest(a, other) {
		t.Error("another address makes no difference")
	}
}

// TestReferencesNeedAnExpander holds that without one every reference is
// refused.
func TestReferencesNeedAnExpander(t *testing.T) {
	files := sites(t)[1]
	opts := options()
	opts.Expand = nil
	rev, problems := manifest.Build(manifest.Read(files), newCatalogue(), opts)
	if rev != nil || !strings.Contains(texts(problems), "references to the environment are not allowed here") {
		t.Error(texts(problems))
	}
	opts.Expand = secret.Expander{Lookup: func(string) (string, bool) { return "", false }}.Expand
	if rev, problems = manifest.Build(manifest.Read(files), newCatalogue(), opts); rev != nil {
		t.Error(texts(problems))
	}
}
