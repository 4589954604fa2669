package rulefile

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestZZ(t *testing.T) {
	rules, err := Builtin()
	if err != nil { t.Fatal(err) }
	var values []string
	add := func(s string) { s = strings.TrimSpace(s); if len(s) > 3 { values = append(values, s) } }
	filepath.WalkDir("/root/go/pkg/mod", func(p string, d fs.DirEntry, err error) error {
		if err != nil { return nil }
		if d.IsDir() || len(values) > 150000 { return nil }
		ext := filepath.Ext(p)
		if ext != ".md" && ext != ".json" && ext != ".txt" && ext != ".yml" { return nil }
		if strings.Contains(p, "coraza") || strings.Contains(p, "libinjection") || strings.Contains(p, "crs") { return nil }
		f, err := os.Open(p); if err != nil { return nil }
		defer f.Close()
		s := bufio.NewScanner(f); n := 0
		para := ""
		for s.Scan() && n < 300 {
			n++
			add(s.Text())
			if s.Text() == "" { add(para); para = "" } else { para += s.Text() + "\n" }
		}
		return nil
	})
	hits := map[string]int{}; shown := map[string]int{}
	total := 0
	for _, v := range values {
		any := false
		for _, r := range rules {
			if r.Names == NamesOnly || len(r.Places) == 1 { continue }
			if r.Matches(v) { hits[r.ID]++; any = true; if shown[r.ID] < 4 { shown[r.ID]++; fmt.Printf("%s: %.160q\n", r.ID, v) } }
		}
		if any { total++ }
	}
	fmt.Println(len(values), total, hits)
}
