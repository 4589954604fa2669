package app

import (
	"context"
	"fmt"
	"io"
	"os"

	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan"
)

// mend writes what can be mended into the files, or prints it as a patch. The exit
// code is 1 when there is anything to mend.
func (s *scanning) mend(ctx context.Context, workspace *mule.Workspace, out io.Writer) (int, error) {
	suggest := s.o.Mend == MendSuggest
	mended, err := scan.Mend(ctx, workspace, s.options, suggest)
	if err != nil {
		return ExitBroken, err
	}
	s.problems(mended.Report.Problems)
	for i := range mended.Files {
		f := &mended.Files[i]
		if suggest {
			if _, err := out.Write(f.Patch()); err != nil {
				return ExitBroken, fmt.Errorf("writing the patch: %w", err)
			}
			continue
		}
		if err := rewrite(f); err != nil {
			return ExitBroken, err
		}
		if _, err := fmt.Fprintf(out, "%s: mended\n", f.Path); err != nil {
			return ExitBroken, fmt.Errorf("writing: %w", err)
		}
	}
	for _, one := range mended.Skipped {
		fmt.Fprintf(os.Stderr, "farrier: %s:%d: %s was not mended: %s\n", one.Finding.Location.File, one.Finding.Location.Line, one.Finding.Rule, one.Reason)
	}
	fmt.Fprintf(os.Stderr, "farrier: %d %s mended in %d %s; without --fix all findings are told\n",
		len(mended.Fixed), noun(len(mended.Fixed), "finding"), len(mended.Files), noun(len(mended.Files), "file"))
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

// rewrite puts a mended file in the place of what was read, if that is there still.
func rewrite(f *scan.MendedFile) error {
	info, err := os.Lstat(f.Path)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("mending %s: it is no file of a folder; archives are not changed, unpack it", f.Path)
	}
	now, err := os.ReadFile(f.Path)
	if err != nil {
		return fmt.Errorf("mending: %w", err)
	}
	if string(now) != string(f.Before) {
		return fmt.Errorf("mending %s: it has changed meanwhile", f.Path)
	}
	if err := writeFile(f.Path, func(w io.Writer) error { _, err := w.Write(f.After); return err }); err != nil {
		return err
	}
	if err := os.Chmod(f.Path, info.Mode().Perm()); err != nil {
		return fmt.Errorf("mending: %w", err)
	}
	return nil
}
