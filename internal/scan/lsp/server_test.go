package lsp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/finding"
)

const weak = `insecure="true"`

// find complains of each insecure="true" and offers to take it away.
func find(files map[string][]byte) func(context.Context, []string, map[string][]byte) ([]finding.Finding, error) {
	return func(_ context.Context, folders []string, open map[string][]byte) (found []finding.Finding, err error) {
		texts := maps.Clone(files)
		maps.Copy(texts, open)
		for _, path := range slices.Sorted(maps.Keys(texts)) {
			if !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(path, f+"/") }) {
				continue
			}
			if bytes.Contains(texts[path], []byte("broken")) {
				return nil, errors.New(path + ": it is broken")
			}
			for number, line := range strings.Split(string(texts[path]), "\n") {
				before, _, ok := strings.Cut(line, weak)
				if !ok {
					continue
				}
				column := len([]rune(before)) + 1
				at := finding.Location{File: path, Line: number + 1, Column: column, EndLine: number + 1, EndColumn: column + len(weak)}
				found = append(found, finding.Finding{
					Rule: "MS-TLS-03", Severity: finding.Critical, Message: "any certificate is accepted", Location: at,
					Way: []finding.Step{{Location: finding.Location{File: path, Line: 1}, Message: "here it begins"}},
					Repair: &finding.Repair{Title: "remove insecure", Safe: true, Edits: []finding.Edit{{
						File: path, Start: finding.Position{Line: at.Line, Column: at.Column}, End: finding.Position{Line: at.EndLine, Column: at.EndColumn},
					}}},
				})
			}
		}
		return found, nil
	}
}

// TestSessions plays conversations between an editor and the server: "-->" is what
// the editor says, "<--" what it must hear, in this order; "..." lets the editor
// rest, so that scans begin and end.
func TestSessions(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files, talk := map[string][]byte{}, ""
		for _, f := range a.Files {
			if f.Name == "talk" {
				talk = string(f.Data)
			} else {
				files["/"+f.Name] = f.Data
			}
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lines += play(t, files, talk) })
		})
	}
	if t.Logf("%d lines in %d sessions", lines, len(names)); lines < 40 {
		t.Fatal("too few")
	}
}

func play(t *testing.T, files map[string][]byte, talk string) int {
	in, say := io.Pipe()
	hear, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(t.Context(), in, out, Options{Scan: find(files), Version: "1.2.3", Read: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return text, nil
			}
			return nil, os.ErrNotExist
		}})
		_ = out.Close()
	}()
	heard := make(chan string, 100)
	go func() {
		defer close(heard)
		r := bufio.NewReader(hear)
		for {
			var length int
			if _, err := fmt.Fscanf(r, "Content-Length: %d\r\n\r\n", &length); err != nil {
				return
			}
			body := make([]byte, length)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			heard <- string(body)
		}
	}()
	played := 0
	for _, line := range strings.Split(strings.TrimSpace(talk), "\n") {
		played++
		switch {
		case strings.HasPrefix(line, "--> "):
			body := strings.TrimPrefix(line, "--> ")
			if _, err := fmt.Fprintf(say, "Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			synctest.Wait()
		case line == "...":
			rest(t)
		case strings.HasPrefix(line, "<-- "):
			select {
			case got, ok := <-heard:
				if !ok || !equalJSON(got, strings.TrimPrefix(line, "<-- ")) {
					t.Fatalf("heard\n    %s\nnot\n    %s", got, line[4:])
				}
			default:
				t.Fatalf("nothing was heard in place of\n    %s", line[4:])
			}
		case strings.HasPrefix(line, "end "):
			_ = say.Close()
			if err := <-ended; fmt.Sprint(err) != strings.TrimPrefix(line, "end ") {
				t.Fatalf("it ended with %v, not %s", err, line[4:])
			}
			for left := range heard {
				t.Errorf("was said, too: %s", left)
			}
			return played
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	t.Fatal("the session does not end")
	return 0
}

func equalJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// FuzzServe: whatever an editor says, the session ends with its stream.
func FuzzServe(f *testing.F) {
	f.Add("Content-Length: 46\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"initialize"}`)
	f.Add("Content-Length: 2\r\n\r\n{}Content-Length: -1\r\n\r\n")
	f.Add("x")
	f.Fuzz(func(t *testing.T, text string) {
		_ = Serve(t.Context(), strings.NewReader(text), io.Discard, Options{Scan: find(nil), Read: os.ReadFile})
	})
}
