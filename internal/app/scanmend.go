package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"farrier.dev/farrier/internal/finding/report"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan"
)

// alone says which options do not go together.
func (s *scanning) alone() error {
	o := &s.o
	switch {
	case o.Since != "" && o.Output.WriteBaseline != "":
		return errors.New("--write-baseline with --since would forget what is found in other lines: leave one of them out")
	case o.Mend == MendNothing:
	case o.Since != "":
		return errors.New("--fix mends whole projects: leave --since out, or name their folders")
	case o.Output.WriteBaseline != "" || o.SBOM != "" || o.Govern:
		return errors.New("--fix makes no report: leave --write-baseline, --sbom and --govern to a run without it")
	case o.Output.Format != "" && o.Output.Format != string(report.Text):
		return fmt.Errorf("--fix makes no report: leave --format %.40s to a run without it", o.Output.Format)
	case o.Mend == MendSafely && o.Output.File != "":
		return errors.New("--fix changes the files and makes no report: leave -o out, or ask for a patch with --fix=suggest")
	}
	return nil
}

// mend writes what can be mended into the files, or prints it as a patch. The exit
// code is 1 when there is anything to mend.
func (s *scanning) mend(ctx context.Context, workspace *mule.Workspace, out io.Writer) (int, error) {
	suggest := s.o.Mend == MendSuggest
	mended, err := scan.Mend(ctx, workspace, s.options, suggest)
	if err != nil {
		return ExitBroken, err
	}
	s.problems(mended.Report.Problems)
	if slices.ContainsFunc(mended.Report.Problems, grave) {
		return ExitBroken, errors.New("nothing was mended; mend what is said above first")
	}
	if suggest {
		err = s.patch(mended.Files, out)
	} else {
		err = rewriteAll(mended.Files, out)
	}
	if err != nil {
		return ExitBroken, err
	}
	for _, one := range mended.Skipped {
		warn("%s:%d: %s was not mended: %s", one.Finding.Location.File, one.Finding.Location.Line, one.Finding.Rule, one.Reason)
	}
	did := "mended"
	if suggest {
		did = "can be mended"
	}
	fmt.Fprintf(os.Stderr, "farrier: %d %s %s in %d %s; without --fix all findings are told\n",
		len(mended.Fixed), noun(len(mended.Fixed), "finding"), did, len(mended.Files), noun(len(mended.Files), "file"))
	if len(mended.Files) > 0 {
		return ExitFindings, nil
	}
	return ExitGood, nil
}

func noun(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// patch writes the changes as one patch, to where reports go.
func (s *scanning) patch(files []scan.MendedFile, out io.Writer) error {
	write := func(w io.Writer) error {
		for i := range files {
			if _, err := w.Write(files[i].Patch()); err != nil {
				return fmt.Errorf("writing the patch: %w", err)
			}
		}
		return nil
	}
	if s.o.Output.File == "" {
		return write(out)
	}
	return writeFile(s.o.Output.File, write)
}

// rewriteAll puts mended files in the place of what was read. All are written beside
// it before the first takes its place: a repair may change several.
func rewriteAll(files []scan.MendedFile, out io.Writer) error {
	ready := make([]string, 0, len(files))
	defer func() {
		for _, name := range ready {
			_ = os.Remove(name) // it was renamed, unless something failed
		}
	}()
	for i := range files {
		name, err := rewritten(&files[i])
		if name != "" {
			ready = append(ready, name)
		}
		if err != nil {
			return err
		}
	}
	for i := range files {
		if err := os.Rename(ready[i], files[i].Path); err != nil {
			return fmt.Errorf("mending: %w", err)
		}
		if _, err := fmt.Fprintf(out, "%s: mended\n", files[i].Path); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

// rewritten writes a mended file beside what was read, if that is there still; it
// gives the name of what it wrote, also when that failed.
func rewritten(f *scan.MendedFile) (string, error) {
	info, err := os.Lstat(f.Path)
	if err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("mending %s: it is no file of a folder; archives are not changed, unpack it", f.Path)
	}
	now, err := os.ReadFile(f.Path)
	if err != nil {
		return "", fmt.Errorf("mending: %w", err)
	}
	if string(now) != string(f.Before) {
		return "", fmt.Errorf("mending %s: it has changed meanwhile", f.Path)
	}
	beside, err := temporary(f.Path)
	if err != nil {
		return "", err
	}
	_, err = beside.Write(f.After)
	if err == nil {
		err = beside.Chmod(info.Mode().Perm())
	}
	if closing := beside.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return beside.Name(), fmt.Errorf("mending %s: %w", f.Path, err)
	}
	return beside.Name(), nil
}
