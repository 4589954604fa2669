package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func scanCommand(code *int) *cobra.Command {
	o := app.ScanOptions{}
	var list, languageServer bool
	c := &cobra.Command{
		Use: "scan PATH…", Short: "Scan Mule projects for weaknesses: folders, zip archives and deployable jars",
		Long: `Scans Mule 4 and Mule 3 projects, running nothing: follows what clients send
through flows, variables and DataWeave to where it does harm, shows every step, and
mends what can be mended safely.

Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 could not run. With --fix
1 says that something was mended, or can be.`,
		Example: `  farrier scan .
  farrier scan apps/ --baseline .farrier/scan-baseline.json --format sarif -o scan.sarif
  farrier scan . --since origin/main            # only what a branch changes
  farrier scan . --fix=suggest | git apply      # every repair, also those to complete
  farrier scan --list --format md               # the rules`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !list && !languageServer {
				return errors.New("name a folder or archive, as in \"farrier scan .\"")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.Now = time.Now()
			o.FailOnGiven = c.Flags().Changed("fail-on")
			o.Output.Terminal = terminal(c.OutOrStdout())
			if terminal(os.Stderr) {
				o.Progress = os.Stderr
			}
			switch {
			case o.Mend != app.MendNothing && o.Mend != app.MendSafely && o.Mend != app.MendSuggest:
				return fmt.Errorf("--fix=%s: must be safe or suggest", o.Mend)
			case o.Mend == app.MendSafely && slices.Contains(args, app.MendSuggest):
				return errors.New("--fix takes its value behind an equals sign, as in --fix=suggest; a folder of that name is ./suggest")
			case languageServer:
				return app.ScanServer(c.Context(), os.Stdin, c.OutOrStdout(), o)
			case list:
				return app.ListScanRules(c.Context(), o, c.OutOrStdout())
			}
			*code, err = app.Scan(c.Context(), args, o, c.OutOrStdout())
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.Settings, "settings", "", "project file for projects without a farrier-scan.yaml of their own")
	f.StringVar(&o.Profile, "profile", "", "choice of rules: all, security (medium and worse), strict (high and sure) or taint (default all)")
	f.StringVar(&o.Rules, "rules", "", "folder of rules of your own, beside those built in")
	f.StringSliceVar(&o.Only, "only", nil, "ids of the rules to ask (default all)")
	f.BoolVar(&o.Experimental, "experimental", false, "ask also rules whose names were not yet held against a schema")
	f.StringVar(&o.Since, "since", "", "revision of Git: only findings in lines that differ from it")
	f.StringVar(&o.OSV, "osv", "", "file or folder of advisories in OSV's format, beside those built in")
	f.StringVar(&o.SBOM, "sbom", "", "file to write a bill of materials to (CycloneDX, JSON)")
	f.BoolVar(&o.Govern, "govern", false, "judge the API descriptions of the projects, too, as farrier govern does")
	f.StringVar(&o.Mend, "fix", "", "mend in the files what is safe to mend, instead of a report; --fix=suggest prints every repair as a patch")
	f.Lookup("fix").NoOptDefVal = app.MendSafely
	f.BoolVar(&list, "list", false, "list the rules instead: --format text, md or json")
	f.BoolVar(&languageServer, "lsp", false, "be a language server on standard input and output, for editors")
	reportFlags(c, &o.Output)
	return c
}
