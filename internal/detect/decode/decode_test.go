package decode

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/traffic"
)

var update = flag.Bool("update", false, "rewrite what is expected in testdata")

// request reads a request as the tables write it: lines end in LF, and behind
// "quoted" in its title the body is written with the escapes of Go, without
// line ends of its own.
func request(t testing.TB, title, text string) *traffic.Request {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	method, rest, ok := strings.Cut(lines[0], " ")
	if !ok {
		t.Fatalf("%s: no request line", title)
	}
	q := &traffic.Request{Method: method, RawTarget: rest, Proto: "HTTP/1.1", Scheme: "https"}
	q.Path, q.RawQuery, _ = strings.Cut(rest, "?")
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: %q is no header", title, line)
		}
		q.Header.Add(traffic.LowerName(name), value)
	}
	body = strings.TrimSuffix(body, "\n")
	if strings.HasSuffix(title, "quoted") {
		var err error
		if body, err = strconv.Unquote(`"` + strings.ReplaceAll(body, "\n", "") + `"`); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
	}
	load(t, q, body)
	return q
}

func load(t testing.TB, q *traffic.Request, body string) {
	t.Helper()
	if body == "" {
		return
	}
	q.Body.SetSource(strings.NewReader(body), int64(len(body)))
	if err := q.Body.Load(int64(len(body)), nil, nil); err != nil {
		t.Fatal(err)
	}
}

// describe writes a tree as the tables do.
func describe(t *Tree) string {
	var b strings.Builder
	for i := range t.Leaves {
		l := &t.Leaves[i]
		if t.Root(l.Node) == AtHeader && (l.Key == "host" || l.Key == "content-type") {
			continue
		}
		if l.Text == "" {
			fmt.Fprintf(&b, "%s\n", shown(t.Way(l.Node)))
			continue
		}
		fmt.Fprintf(&b, "%s = %s\n", shown(t.Way(l.Node)), shown(l.Text))
	}
	for _, r := range t.Repeats {
		fmt.Fprintf(&b, "again: %s\n", shown(t.Way(r.Node)))
	}
	for _, c := range t.Complaints {
		fmt.Fprintf(&b, "complaint: %s in %s\n", c.Kind, shown(t.Place(c.Node)))
	}
	for _, f := range t.Facts {
		fmt.Fprintf(&b, "fact: %s %s\n", f.Kind, shown(f.Detail))
	}
	for _, n := range t.NotInspected {
		fmt.Fprintf(&b, "not inspected: %s\n", shown(n))
	}
	if t.Exhausted != "" {
		fmt.Fprintf(&b, "exhausted: %s\n", t.Exhausted)
	}
	return b.String()
}

// shown is a text in quotes where it can not be told apart from its lines.
func shown(s string) string {
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	if strings.TrimSpace(s) != s {
		return strconv.Quote(s)
	}
	return s
}

func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	var tree Tree
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			title, want := archive.Files[i].Name, &archive.Files[i+1]
			if want.Name != "want" {
				t.Fatalf("%s: %q is followed by %q instead of \"want\"", name, title, want.Name)
			}
			q := request(t, title, string(archive.Files[i].Data))
			Read(q, nil, &tree)
			played++
			got := describe(&tree)
			if *update {
				want.Data = []byte(got)
			} else if got != string(want.Data) {
				t.Errorf("%s: %s\ngot:\n%s\nwant:\n%s", name, title, got, want.Data)
			}
			checkTree(t, &tree, nil)
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("played %d requests of %d files", played, len(files))
	if played < 120 {
		t.Errorf("only %d requests were found", played)
	}
}

// checkTree holds what is true of every tree.
func checkTree(t testing.TB, tree *Tree, o *Options) {
	t.Helper()
	f := o.filled()
	if n := len(tree.Leaves) + len(tree.Repeats); n > f.MaxValues {
		t.Errorf("%d values, more than %d", n, f.MaxValues)
	}
	if tree.left < 0 && tree.Exhausted == "" {
		t.Error("the budget of decoded bytes was passed in silence")
	}
	for i := range tree.Nodes {
		if p := tree.Nodes[i].Parent; p >= int32(i) || p < none {
			t.Fatalf("node %d has the parent %d", i, p)
		}
	}
	for i := range tree.Leaves {
		l := &tree.Leaves[i]
		if int(l.Node) >= len(tree.Nodes) || int(l.Layers) > f.MaxLayers {
			t.Errorf("leaf %+v", *l)
		}
	}
}
