package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

// reportFlags are common to all commands that tell findings.
func reportFlags(c *cobra.Command, o *app.ReportOptions) {
	f := c.Flags()
	f.StringVar(&o.Format, "format", "text", "text, json, sarif, junit or html")
	f.StringVarP(&o.File, "output", "o", "", "file to write the report to (default standard output)")
	f.StringVar(&o.FailOn, "fail-on", "high", "mildest severity that makes the exit code 1: critical, high, medium, low or none")
	f.StringVar(&o.Baseline, "baseline", "", "file of findings that are known and do not count")
	f.StringVar(&o.WriteBaseline, "write-baseline", "", "file to write the findings of this run to, as a baseline")
}

func governCommand(code *int) *cobra.Command {
	o := app.GovernOptions{}
	c := &cobra.Command{
		Use: "govern SPEC…", Short: "Judge API descriptions by rulesets: files, folders, globs and zip archives", Args: cobra.MinimumNArgs(1),
		Long: `Judges descriptions in RAML, OpenAPI, AsyncAPI, WSDL and GraphQL by rulesets:
those built in (farrier rulesets), MuleSoft's validation profiles and Spectral's.
A description conforms when it is valid and violates no rule.

Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 could not run.`,
		Example: `  farrier govern api.raml
  farrier govern specs/ --ruleset owasp-api-security-top-10 --ruleset ours.yaml --format sarif -o govern.sarif
  farrier govern api.yaml --ruleset none          # is it valid?
  farrier govern api.yaml --patch | git apply     # mend what is safe to mend`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.Now = time.Now()
			o.Output.Terminal = terminal(c.OutOrStdout())
			*code, err = app.Govern(c.Context(), args, o, c.OutOrStdout())
			return err
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.Rulesets, "ruleset", nil, `built-in ruleset or file, repeatable; "none" judges only whether descriptions are valid (default the security rulesets)`)
	f.StringVar(&o.Profile, "profile", "", "file of a profile: rulesets, severities, filter and waivers")
	f.StringVar(&o.Root, "root", "", "folder that descriptions may include files from (default the one of exchange.json, or the file's own)")
	f.StringArrayVar(&o.Labels, "label", nil, "NAME=VALUE that a profile's filter asks for, as exposure=public (repeatable)")
	f.IntVar(&o.MaxBytes, "max-bytes", 8<<20, "length of the longest description")
	f.BoolVar(&o.Mend, "fix", false, "mend in the files what is safe to mend, instead of a report")
	f.BoolVar(&o.Patch, "patch", false, "print what --fix would do as a patch")
	reportFlags(c, &o.Output)
	c.MarkFlagsMutuallyExclusive("fix", "patch")
	return c
}

func diffCommand(code *int) *cobra.Command {
	var o app.ReportOptions
	var root string
	var to app.ControlPlane
	var prune bool
	c := &cobra.Command{
		Use: "diff OLD NEW | diff --server URL [PATH...]", Short: "Tell what a new version of a description breaks, or opens",
		Long: `Diff compares two versions of a description. With --server it tells instead what
applying manifests would change in the draft of an environment, or without
manifests, what the draft changes of what serves. Exit code 1 says that there are
changes.`,
		Args: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("server") {
				return nil
			}
			return cobra.ExactArgs(2)(c, args)
		},
		Example: "  farrier diff v1/orders.raml v2/orders.yaml --format json\n  farrier diff --server https://farrier.example.com -e production manifests/",
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.Flags().Changed("server") {
				*code, err = diffRemote(c, to, args, prune, o.Format)
				return err
			}
			o.Terminal = terminal(c.OutOrStdout())
			*code, err = app.Diff(args[0], args[1], root, o, c.OutOrStdout())
			return err
		},
	}
	c.Flags().StringVar(&root, "root", "", "folder that descriptions may include files from")
	reportFlags(c, &o)
	controlPlane(c, &to)
	c.Flags().BoolVar(&prune, "prune", false, "with --server: as if what the manifests do not name were removed")
	return c
}

func rulesetsCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "rulesets [NAME|FILE]", Short: "List the rulesets that are built in, or the rules of one", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return app.Rulesets(name, format, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, md or json")
	return c
}

// terminal says whether colours are welcome.
func terminal(out any) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
