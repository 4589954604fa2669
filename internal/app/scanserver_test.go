package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/app"
)

// TestScanServer: an editor sees the findings of a project on disk, then those of
// what is typed and not saved, and makes the repair that it is offered.
func TestScanServer(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const weak = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:xml-module="http://www.mulesoft.org/schema/mule/xml-module">
	<xml-module:config name="xml" expandEntities="ALL"/>
</mule>
`
	file := filepath.Join(dir, "src/main/mule/a.xml")
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{file: weak, filepath.Join(dir, "mule-artifact.json"): `{"minMuleVersion": "4.9.0"}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	uri := func(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }
	in, say := io.Pipe()
	hear, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- app.ScanServer(t.Context(), in, out, app.ScanOptions{Only: []string{"MS-XML-01"}})
		_ = out.Close()
	}()
	heard := bufio.NewReader(hear)
	tell := func(text string) {
		t.Helper()
		if _, err := fmt.Fprintf(say, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
			t.Fatal(err)
		}
	}
	// next is the next message that has a method or answers an id.
	next := func(want string) string {
		t.Helper()
		for {
			var length int
			if _, err := fmt.Fscanf(heard, "Content-Length: %d\r\n\r\n", &length); err != nil {
				t.Fatalf("waiting for %s: %v", want, err)
			}
			body := make([]byte, length)
			if _, err := io.ReadFull(heard, body); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(body), want) {
				return string(body)
			}
		}
	}
	tell(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"rootUri":%q,"capabilities":{}}}`, uri(dir)))
	next(`"id":1`)
	if told := next("publishDiagnostics"); !strings.Contains(told, "MS-XML-01") || !strings.Contains(told, `"line":1`) {
		t.Fatalf("on disk: %s", told)
	}
	tell(fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"textDocument/codeAction","params":{"textDocument":{"uri":%q},"range":{"start":{"line":1,"character":0},"end":{"line":1,"character":1}}}}`, uri(file)))
	var actions struct {
		Result []struct {
			Title       string
			IsPreferred bool
			Edit        struct {
				Changes map[string][]struct {
					Range struct {
						Start, End struct{ Line, Character int }
					}
					NewText string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(next(`"id":2`)), &actions); err != nil || len(actions.Result) != 1 || !actions.Result[0].IsPreferred {
		t.Fatalf("repairs: %+v, %v", actions, err)
	}
	edits := actions.Result[0].Edit.Changes[uri(file)]
	if len(edits) != 1 {
		t.Fatalf("edits: %+v", actions.Result[0])
	}
	line := strings.Split(weak, "\n")[1]
	mended := line[:edits[0].Range.Start.Character] + edits[0].NewText + line[edits[0].Range.End.Character:]
	text, err := json.Marshal(strings.Replace(weak, line, "\n"+mended, 1))
	if err != nil {
		t.Fatal(err)
	}
	open := func(text []byte) {
		tell(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":%q,"languageId":"xml","version":1,"text":%s}}}`, uri(file), text))
	}
	open(text)
	if told := next("publishDiagnostics"); !strings.Contains(told, `"diagnostics":[]`) {
		t.Errorf("mended with %q: %s", mended, told)
	}
	if onDisk, err := os.ReadFile(file); err != nil || !bytes.Equal(onDisk, []byte(weak)) {
		t.Errorf("the file on disk has changed: %v", err)
	}
	tell(`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`)
	next(`"id":3`)
	tell(`{"jsonrpc":"2.0","method":"exit"}`)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
