package app

import (
	"context"
	"os"
	"path/filepath"

	"farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/scan"
)

// govern judges the descriptions that the projects' APIs name, by the rulesets that
// farrier govern takes by default, and adds what violates them.
func (s *scanning) govern(ctx context.Context, rep *scan.Report) error {
	g := &governing{o: GovernOptions{Now: s.o.Now}}
	if err := g.load(); err != nil {
		return err
	}
	judged := map[string]bool{}
	for i := range rep.Projects {
		p := &rep.Projects[i]
		for _, api := range p.APIs {
			file := filepath.Join(p.Dir, filepath.FromSlash(api.File))
			if info, err := os.Stat(file); api.File == "" || judged[file] || err != nil || info.IsDir() {
				continue // descriptions in archives and on Exchange are not at hand
			}
			judged[file] = true
			found, err := descriptions([]string{file}, "")
			if err != nil {
				return err
			}
			for _, d := range found {
				j := g.judge(ctx, d)
				for _, e := range j.report.Errors {
					warn("%s: %s", j.name(), e)
				}
				if j.report.Status != governance.NotApplicable {
					rep.Findings = append(rep.Findings, j.report.Findings()...)
				}
			}
		}
	}
	return ctx.Err()
}
