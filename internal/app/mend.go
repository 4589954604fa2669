package app

import (
	"fmt"
	"io"
	"os"

	"github.com/rogpeppe/go-internal/diff"

	"farrier.dev/farrier/internal/governance"
)

// mend writes what can be mended into the files, or prints it as a patch. The
// exit code is 1 when there is anything to mend.
func (g *governing) mend(judged []*governed, out io.Writer) (int, error) {
	code, fixed, left := ExitGood, 0, 0
	// Descriptions may share files: each is mended once, for the first of them.
	seen := map[string]bool{}
	for _, j := range judged {
		if j.archive != "" || j.report == nil {
			continue
		}
		for _, m := range governance.Mend(j.report.Violations) {
			name := j.shown(m.Source.Name)
			left += m.Left
			if seen[name] || m.Fixed == 0 {
				continue
			}
			seen[name] = true
			fixed += m.Fixed
			code = ExitFindings
			if g.o.Patch {
				if _, err := out.Write(diff.Diff("a/"+name, m.Source.Text, "b/"+name, m.Text)); err != nil {
					return ExitBroken, fmt.Errorf("writing the patch: %w", err)
				}
				continue
			}
			info, err := os.Stat(name)
			if err != nil {
				return ExitBroken, fmt.Errorf("mending: %w", err)
			}
			if err := writeFile(name, func(w io.Writer) error { _, err := w.Write(m.Text); return err }); err != nil {
				return ExitBroken, err
			}
			if err := os.Chmod(name, info.Mode().Perm()); err != nil {
				return ExitBroken, fmt.Errorf("mending %s: %w", name, err)
			}
			if _, err := fmt.Fprintf(out, "%s: mended %d %s\n", name, m.Fixed, places(m.Fixed)); err != nil {
				return ExitBroken, fmt.Errorf("writing: %w", err)
			}
		}
	}
	if _, err := fmt.Fprintf(os.Stderr, "%d %s mended, %d not safe to change; without --fix and --patch all findings are told\n", fixed, places(fixed), left); err != nil {
		return ExitBroken, fmt.Errorf("writing: %w", err)
	}
	return code, nil
}

func places(n int) string {
	if n == 1 {
		return "place"
	}
	return "places"
}
