package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRender(t *testing.T) {
	text, err := render(fstest.MapFS{
		"floors.txt":         {Data: []byte("# table\n1 spec: the model\n\n2 store: keeps\n")},
		"spec/spec.go":       {Data: []byte("// Package spec is a model. It\n// reads <nothing>.\npackage spec\n")},
		"spec/other_test.go": {Data: []byte("// Package lies.\npackage spec\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "| floor |")
	want := ` room | what it is |
|---|---|---|
| 2 | store (not built yet) | keeps |
| 1 | [spec](#spec) | the model |

## What the rooms say of themselves

### spec

Package spec is a model. It reads \<nothing>.
`
	if body != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
}

func TestRenderRefusesABrokenTable(t *testing.T) {
	for _, table := range []string{"spec: the model\n", "1 spec\n", "1: the model\n"} {
		_, err := render(fstest.MapFS{"floors.txt": {Data: []byte(table)}})
		if err == nil || !strings.Contains(err.Error(), "floors.txt:1: ") {
			t.Errorf("%q: %v", table, err)
		}
	}
}

func TestRenderReadsThisHouse(t *testing.T) {
	text, err := render(os.DirFS("../../internal"))
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(text), "\n| "); rows < 25 {
		t.Errorf("%d rooms, at least 25 are expected", rows)
	}
}
