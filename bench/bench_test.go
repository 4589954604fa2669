//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test program be the processes that the bench starts of
// itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && parts[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestEveryTargetIsMeasured runs the bench for an instant. Its figures mean
// nothing; that there are any for each target, and no failed request, does.
func TestEveryTargetIsMeasured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	var table, progress bytes.Buffer
	err := run(t.Context(), []string{"-rounds", "2", "-seconds", "0.2", "-connections", "4", "-pin=false", "-json", file}, &table, &progress)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, &progress, &table)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, name := range targetNames {
		i := slices.IndexFunc(r.Targets, func(s summary) bool { return s.Name == name })
		if i < 0 {
			if _, err := exec.LookPath(name); name != nginx || err == nil || !slices.Contains(r.Missing, name) || !strings.Contains(table.String(), "Not installed") {
				t.Errorf("%s was not measured", name)
			} else {
				t.Logf("%s is not installed, so it was not measured", name)
			}
			continue
		}
		s := r.Targets[i]
		if s.Requests < 10 || len(s.Samples) != 2 || s.P50 <= 0 || s.MemoryBytes <= 0 {
			t.Errorf("%s: %+v", name, s)
		}
		t.Logf("%s: %d requests", name, s.Requests)
	}
}

// TestFailuresAreSaid: a run in which the service's answers are not 2xx, as
// here for want of a service, fails and says so.
func TestFailuresAreSaid(t *testing.T) {
	r := results{Targets: []summary{{Name: plainFarrier, Failed: 3, FirstFailure: 502}}}
	if err := r.failed(); err == nil || !strings.Contains(err.Error(), "farrier: 3 answers were not 2xx (the first was 502)") {
		t.Error(err)
	}
}

func TestRequestHasItsLength(t *testing.T) {
	token, key, err := newToken()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(newRequest(token)); n != requestBytes {
		t.Errorf("%d bytes", n)
	}
	if strings.Contains(key, "\n") || key == "" {
		t.Errorf("key %q", key)
	}
	if i := bytes.Index(answer, headEnd); len(answer)-i-len(headEnd) != 1104 {
		t.Errorf("the answer has %d bytes behind its head", len(answer)-i-len(headEnd))
	}
}

func TestAnswersAreReadInAnyPieces(t *testing.T) {
	for _, test := range []struct {
		name, text string
		status     int
		fails      bool
	}{
		{name: "length", text: "HTTP/1.1 200 OK\r\nA: b\r\ncontent-LENGTH: 3\r\n\r\nabc", status: 200},
		{name: "nothing", text: "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", status: 503},
		{name: "no length", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", fails: true},
		{name: "cut", text: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", fails: true},
	} {
		for size := 1; size <= len(test.text); size++ {
			a := answers{from: &pieces{text: test.text, size: size}, buf: make([]byte, 256)}
			status, err := a.next()
			if (err != nil) != test.fails || err == nil && status != test.status {
				t.Errorf("%s in pieces of %d: %d, %v", test.name, size, status, err)
			}
		}
	}
}

// pieces gives out a text bit by bit.
type pieces struct {
	text string
	size int
}

func (p *pieces) Read(into []byte) (int, error) {
	n := copy(into, p.text[:min(p.size, len(p.text))])
	p.text = p.text[n:]
	if n == 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// TestScanIsMeasured runs the bench of scans over one small project.
func TestScanIsMeasured(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"mule-artifact.json": "{}", "src/main/mule/a.xml": `<mule xmlns="http://www.mulesoft.org/schema/mule/core"><flow name="f"/></mule>`} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var table bytes.Buffer
	if err := run(t.Context(), []string{"scan", "-rounds", "1", dir}, &table, &table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{readOnly, scanAll, "ratio"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, &table)
		}
	}
	if err := run(t.Context(), []string{"readfolder", filepath.Join(dir, "gone")}, &table, &table); err == nil {
		t.Error("a folder that is not there is read")
	}
}
