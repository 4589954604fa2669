//go:build linux

package app_test

import (
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
)

var (
	scaleApplications = flag.Int("applications", 20, "applications of 20 Mule files and 15 scripts that TestScanScale scans")
	scaleKeep         = flag.String("workspace", "", "folder to write the applications of TestScanScale to, and to leave there")
	scaleProfile      = flag.String("scanprofile", "", "file to write a CPU profile of TestScanScale's scan to")
)

// scanFolder is the variable that makes TestScanScale the process that scans.
const scanFolder = "FARRIER_TEST_SCAN"

// scaled is what the process that scans tells at its end.
type scaled struct {
	Code         int
	PeakMiB      int64
	User, System time.Duration
	Findings     map[string]int
}

// TestScanScale scans generated applications in a process of its own, tells what it
// costs, and holds its memory to a bound that does not depend on their number.
// Farrier is to scan 1,000 of them in a minute and 1.5 GiB on two processors:
//
//	go test ./internal/app -run TestScanScale -v -applications 1000
func TestScanScale(t *testing.T) {
	if dir := os.Getenv(scanFolder); dir != "" {
		scanScale(t, dir)
		return
	}
	dir := *scaleKeep
	if dir == "" {
		dir = t.TempDir()
	}
	writeWorkspace(t, dir, *scaleApplications)
	files := 0
	if err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	args := []string{"-test.run=^TestScanScale$"}
	if *scaleProfile != "" {
		args = append(args, "-test.cpuprofile="+*scaleProfile)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], args...)
	child.Env = append(os.Environ(), scanFolder+"="+dir, scanFolder+"_REPORT="+report)
	begin := time.Now()
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(begin)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got scaled
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	cpu := child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	t.Logf("%d applications, %d files: %.1f s, %.1f s of CPU time (%.1f ms an application), at most %d MiB of memory, exit code %d, findings %v",
		*scaleApplications, files, took.Seconds(), cpu.Seconds(), float64(cpu.Milliseconds())/float64(*scaleApplications), got.PeakMiB, got.Code, got.Findings)
	// Every tenth application builds SQL of what its clients send.
	if want := (*scaleApplications + 9) / 10; got.Findings["MS-INJ-01"] != want || got.Code != app.ExitFindings {
		t.Errorf("%d findings of MS-INJ-01, want %d; exit code %d", got.Findings["MS-INJ-01"], want, got.Code)
	}
	if most := int64(1_536); got.PeakMiB > most || got.PeakMiB == 0 {
		t.Errorf("%d MiB of memory, want at most %d", got.PeakMiB, most)
	}
}

// scanScale scans as the command does.
func scanScale(t *testing.T, dir string) {
	t.Helper()
	found := filepath.Join(t.TempDir(), "found.json")
	o := app.ScanOptions{Now: time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC)}
	o.Output.Format, o.Output.File, o.Output.FailOn = "json", found, "high"
	code, err := app.Scan(context.Background(), []string{dir}, o, os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	var rep struct {
		Findings []struct{ Rule string }
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	out := scaled{Code: code, PeakMiB: peakMiB(t), Findings: map[string]int{}}
	for _, f := range rep.Findings {
		out.Findings[f.Rule]++
	}
	if text, err = json.Marshal(out); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv(scanFolder+"_REPORT"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// peakMiB is the most memory that this process has held.
func peakMiB(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatal("/proc/self/status has no VmHWM")
	return 0
}
