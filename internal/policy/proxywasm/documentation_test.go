package proxywasm

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"farrier.dev/farrier/internal/traffic"
)

var update = flag.Bool("update", false, "write the tables into docs/custom-policies.md")

// TestDocumentation holds that the tables of the documentation are what the
// code does.
func TestDocumentation(t *testing.T) {
	file := filepath.Join("..", "..", "..", "docs", "custom-policies.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := text
	for name, table := range map[string]string{"calls": calls(), "exports": exports(), "properties": paths(), "wasi": wasi(t)} {
		begin, end := fmt.Appendf(nil, "<!-- %s: generated -->\n", name), fmt.Appendf(nil, "<!-- %s: end -->\n", name)
		before, rest, found := bytes.Cut(got, begin)
		_, after, ended := bytes.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("%s has no place for the table of %s", file, name)
		}
		got = slices.Concat(before, begin, []byte(table), end, after)
	}
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Logf("%d host calls, %d exports, %d properties", len(hostCalls()), len(callbacks()), len(properties()))
	if !bytes.Equal(got, text) {
		t.Errorf("%s is not up to date; run go generate ./internal/policy/proxywasm", file)
	}
}

func calls() string {
	var b strings.Builder
	b.WriteString("| host call | here |\n|---|---|\n")
	names := map[status]string{notFound: "NOT_FOUND", internalFailure: "INTERNAL_FAILURE"}
	for _, c := range hostCalls() {
		does := c.does
		if c.run == nil {
			does = "**not available**: answers " + names[c.fixed]
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.name, does)
	}
	return b.String()
}

func exports() string {
	var b strings.Builder
	b.WriteString("| export | called |\n|---|---|\n")
	for _, c := range callbacks() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.name, c.when)
	}
	return b.String()
}

func paths() string {
	var b strings.Builder
	b.WriteString("| property | is |\n|---|---|\n")
	for _, p := range properties() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", p.path, p.does)
	}
	return b.String()
}

func wasi(t *testing.T) string {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer func() { _ = r.Close(ctx) }()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range r.Module(wasi_snapshot_preview1.ModuleName).ExportedFunctionDefinitions() {
		names = append(names, "`"+name+"`")
	}
	slices.Sort(names)
	return strings.Join(names, ", ") + ".\n"
}

// FuzzPairs holds that pairs of any bytes are read without harm, and that what
// was read is written and read again the same.
func FuzzPairs(f *testing.F) {
	f.Add(encodePairs([]traffic.Field{{Name: ":path", Value: "/"}, {Name: "a", Value: ""}}))
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, good := decodePairs(b)
		if !good {
			return
		}
		again, good := decodePairs(encodePairs(fields))
		if !good || !slices.Equal(again, fields) {
			t.Errorf("%q became %q", fields, again)
		}
	})
}
