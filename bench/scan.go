//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// The ways in which a folder of Mule projects is read; the first is what the others
// are compared with.
const (
	readOnly = "encoding/xml"
	scanAll  = "farrier scan"
)

// folderRun is one process that read a folder.
type folderRun struct {
	took, cpu time.Duration
	memory    int64
}

// benchScan compares what scanning Mule projects costs with reading the same files:
// every file is read, and XML is taken apart by encoding/xml, one after the other.
//
//	go test ./internal/app -run TestScanScale -applications 1000 -workspace DIR
//	go run ./bench scan DIR
func benchScan(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("scan", flag.ContinueOnError)
	rounds := f.Int("rounds", 3, "rounds, each of which reads the folder in every way once")
	farrier := f.String("farrier", "", "measure this program instead of building one")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 || *rounds < 1 {
		return errors.New("name one folder of Mule projects, and a positive number of rounds")
	}
	folder, err := filepath.Abs(f.Arg(0))
	if err != nil {
		return fmt.Errorf("finding the folder: %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	program := *farrier
	if program == "" {
		program = filepath.Join(dir, "farrier")
		if said, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "farrier.dev/farrier/cmd/farrier").CombinedOutput(); err != nil {
			return fmt.Errorf("building farrier: %w\n%s", err, said)
		}
	}
	runs := map[string][]folderRun{}
	for range *rounds {
		for name, command := range map[string][]string{
			readOnly: {self, "readfolder", folder},
			scanAll:  {program, "scan", "--fail-on", "none", "--format", "json", "-o", filepath.Join(dir, "found.json"), folder},
		} {
			one, err := runOnce(ctx, command)
			if err != nil {
				return fmt.Errorf("measuring %s: %w", name, err)
			}
			runs[name] = append(runs[name], one)
		}
	}
	return printScan(out, runs)
}

// runOnce runs a program to its end.
func runOnce(ctx context.Context, command []string) (folderRun, error) {
	said := &tail{}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = said, said
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return folderRun{}, fmt.Errorf("%w: %s", err, said)
	}
	one := folderRun{took: time.Since(begin), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		one.memory = usage.Maxrss << 10
	}
	return one, nil
}

func printScan(out io.Writer, runs map[string][]folderRun) error {
	_, _ = fmt.Fprintf(out, "Medians of %d rounds; the ratio is that of CPU time to %s.\n\n", len(runs[readOnly]), readOnly)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "way\tCPU s\tratio\tseconds\tmemory MiB\t")
	var base time.Duration
	for _, name := range []string{readOnly, scanAll} {
		var cpu, took []time.Duration
		var memory []int64
		for _, one := range runs[name] {
			cpu, took, memory = append(cpu, one.cpu), append(took, one.took), append(memory, one.memory)
		}
		if name == readOnly {
			base = median(cpu)
		}
		_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.1f\t%.2f\t%d\t\n", name, median(cpu).Seconds(), float64(median(cpu))/float64(max(base, 1)), median(took).Seconds(), slices.Max(memory)>>20)
	}
	return w.Flush()
}

// readFolder is the process that only reads.
func readFolder(_ context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("name one folder")
	}
	root, err := os.OpenRoot(args[0])
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	files, tokens := 0, 0
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root.FS(), name)
		if err != nil {
			return fmt.Errorf("reading a file: %w", err)
		}
		files++
		if filepath.Ext(name) != ".xml" {
			return nil
		}
		for d := xml.NewDecoder(bytes.NewReader(text)); ; tokens++ {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
		}
	})
	if err == nil {
		_, err = fmt.Fprintf(out, "%d files, %d tokens of XML\n", files, tokens)
	}
	return err
}
