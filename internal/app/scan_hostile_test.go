//go:build linux

package app_test

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/finding/report"
)

// hostileFolder is the variable that makes TestScanHostileFolder the process that
// scans, whose whole output is looked at.
const hostileFolder = "FARRIER_TEST_HOSTILE"

// TestScanHostileFolder scans a folder with pipes, devices, links in circles and out
// of it, bombs, and names that steer terminals and forge lines: the scan ends, opens
// nothing outside, and what it writes steers and forges nothing.
func TestScanHostileFolder(t *testing.T) {
	if dir := os.Getenv(hostileFolder); dir != "" {
		scanHostile(t, dir)
		return
	}
	top := t.TempDir()
	dir := filepath.Join(top, "work")
	flow := namespaces + `<tls:context name="a"><tls:trust-store insecure="true"/><tls:revocation-check><tls:standard-revocation-check softFail="true"/></tls:revocation-check></tls:context></mule>`
	for name, text := range map[string]string{
		"a/mule-artifact.json":                                  "{}",
		"a/src/main/mule/a.xml":                                 flow,
		"a/src/main/mule/\x1b[2J\nfarrier: all is well\r.xml":   flow,
		"a/src/main/mule/\u202exml.\xff.xml":                    "<mule",
		"a/src/main/mule/--- b\n+++ b\n@@ -1 +1 @@\n-a\n+b.xml": flow,
		"../outside/src/main/mule/outside.xml":                  flow,
		"../outside/mule-artifact.json":                         "{}",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := filepath.Join(dir, "a/src/main/mule")
	for name, target := range map[string]string{
		"loop": ".", "up": "../../..", "zero.xml": "/dev/zero", "tty.xml": "/dev/tty", "self.xml": "self.xml",
		"outside.xml": "../../../../../outside/src/main/mule/outside.xml", "memory.xml": "/proc/self/mem",
	} {
		if err := os.Symlink(target, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(in, "pipe.xml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bomb.zip"), bomb(t, flow), 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, top)
	for _, format := range append([]report.Format{"fix", "suggest"}, report.Formats()...) {
		var stdout, stderr bytes.Buffer
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestScanHostileFolder$", "-test.timeout=2m")
		child.Env = append(os.Environ(), hostileFolder+"="+dir, hostileFolder+"_AS="+string(format))
		child.Stdout, child.Stderr = &stdout, &stderr
		if err := child.Run(); err != nil {
			t.Fatalf("%s: %v\n%s%s", format, err, &stdout, &stderr)
		}
		for _, text := range []string{stdout.String(), stderr.String()} {
			if at := strings.IndexAny(text, "\x1b\r\u202e"); at >= 0 {
				t.Errorf("%s steers the terminal: %q", format, text[max(0, at-80):min(len(text), at+40)])
			}
			if strings.Contains(text, "\nfarrier: all is well") || strings.Contains(text, "\n+++ b\n") {
				t.Errorf("%s holds lines that a name forged", format)
			}
			if strings.Contains(text, "outside.xml:") && strings.Contains(text, "outside.xml:1: ") {
				t.Errorf("%s tells of what lies outside", format)
			}
		}
		if format == report.Text {
			for _, want := range []string{"a/src/main/mule/a.xml", "insecure"} {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("%q is not told in\n%s", want, &stdout)
				}
			}
			for _, want := range []string{"zeros.xml: the file is too large", "no path inside the archive", "a link that leads out"} {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("%q is not told in\n%s", want, &stderr)
				}
			}
		}
		if format != "fix" && snapshot(t, top) != before {
			t.Fatalf("%s writes files", format)
		}
		if format == "fix" {
			for name, text := range map[string]string{"a/src/main/mule/a.xml": "softFail", "../outside/src/main/mule/outside.xml": "softFail"} {
				now, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || strings.Contains(string(now), text) != strings.Contains(name, "outside") {
					t.Errorf("%s is %s: %v", name, now, err)
				}
			}
			before = snapshot(t, top)
		}
	}
}

// bomb is an archive with a project and files that unpack to far more than they are.
func bomb(t *testing.T, flow string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"src/main/mule/b.xml": flow, "mule-artifact.json": "{}", "src/main/mule/zeros.xml": strings.Repeat("\x00", 64<<20),
		"../../outside/src/main/mule/new.xml": flow, "/etc/new.xml": flow,
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// snapshot is the names and sizes of all files of a folder, and the times they
// were written.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	if err := filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			b.WriteString(name + info.ModTime().String() + info.Mode().String() + "\n")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func scanHostile(t *testing.T, dir string) {
	t.Helper()
	o := app.ScanOptions{Now: time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC)}
	as := os.Getenv(hostileFolder + "_AS")
	o.Output.Format, o.Output.FailOn = as, "high"
	switch as {
	case "fix": // archives are not mended
		dir = filepath.Join(dir, "a")
		o.Mend, o.Output.Format = app.MendSafely, "text"
	case "suggest":
		dir = filepath.Join(dir, "a")
		o.Mend, o.Output.Format = app.MendSuggest, "text"
	}
	if _, err := app.Scan(t.Context(), []string{dir}, o, os.Stdout); err != nil {
		t.Fatal(err)
	}
}
