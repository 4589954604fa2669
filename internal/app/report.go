package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"farrier.dev/farrier/internal/finding/report"
)

// ReportOptions are common to all commands that tell findings.
type ReportOptions struct {
	// Format is one of report.Formats; File is where the report goes, empty for
	// standard output.
	Format, File string
	// FailOn is the mildest severity for which the exit code is 1: critical, high,
	// medium, low, or none.
	FailOn string
	// Baseline is a file of findings that are known; WriteBaseline one to write
	// those of this run into.
	Baseline, WriteBaseline string
	// Terminal asks for colours.
	Terminal bool

	format    report.Format
	threshold report.Threshold
	baseline  *report.Baseline
}

// open reads what the options name, before anything is judged.
func (o *ReportOptions) open() (err error) {
	if o.format, err = report.ParseFormat(o.Format); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	if o.threshold, err = report.ParseThreshold(o.FailOn); err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	if o.Baseline != "" {
		if o.baseline, err = report.Load(o.Baseline); err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
	}
	return nil
}

// write writes a report and gives the exit code.
func (o *ReportOptions) write(rep *report.Report, out io.Writer) (int, error) {
	write := func(w io.Writer) error { return report.Write(w, o.format, rep) }
	if o.File == "" && o.Terminal && o.format == report.Text {
		write = func(w io.Writer) error { return report.WriteTerminal(w, rep) }
	}
	return o.writeOwn(rep, out, write)
}

// writeOwn is write for a command that writes its reports in its own way.
func (o *ReportOptions) writeOwn(rep *report.Report, out io.Writer, write func(io.Writer) error) (int, error) {
	rep.Tool.Version = version()
	rep.Baseline = o.baseline
	if o.WriteBaseline != "" {
		if err := writeFile(o.WriteBaseline, func(w io.Writer) error { return report.WriteBaseline(w, rep.All()) }); err != nil {
			return ExitBroken, err
		}
	}
	var err error
	if o.File == "" {
		err = write(out)
	} else {
		err = writeFile(o.File, write)
	}
	switch {
	case err != nil:
		return ExitBroken, err
	case rep.Failed(o.threshold):
		return ExitFindings, nil
	}
	return ExitGood, nil
}

// writeFile writes a file whole or not at all; a device or pipe is written to, and
// stays what it is.
func writeFile(name string, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("writing %s: it is a folder; name a file", name)
	} else if err == nil && !info.Mode().IsRegular() {
		return writeDevice(name, write)
	}
	f, err := temporary(name)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it was renamed, unless something failed
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// temporary is a new file beside another, which it is to become.
func temporary(name string) (*os.File, error) {
	folder := filepath.Dir(name)
	f, err := os.CreateTemp(folder, ".farrier-*")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("writing %s: there is no folder %s; make it first", name, folder)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("writing %s: nothing may be written into the folder %s", name, folder)
	case err != nil:
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	return f, nil
}

func writeDevice(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
