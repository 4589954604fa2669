package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func discoverCommand(code *int) *cobra.Command {
	o := app.DiscoverOptions{}
	var mapping string
	var rules bool
	c := &cobra.Command{
		Use: "discover SOURCE…", Short: "Make an inventory of APIs from HAR files, access logs, captures and exports",
		Long: `Learns from recorded traffic which operations exist, their parameters, fields and
data, who calls them and how they prove who they are; holds that against
descriptions and Mule projects: shadow, zombie and orphan operations, and every
difference with its place; and writes what was learned as OpenAPI 3.1.

Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 could not run. There are
findings only with --spec or --project.`,
		Example: `  farrier discover session.har
  farrier discover /var/log/nginx/access.log --spec orders.raml --fail-on medium
  farrier discover capture.pcap --openapi learned.yaml
  farrier discover logs/ --spec specs/ --project ../orders --format html -o inventory.html
  farrier discover access.log --why "GET /orders/7"`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !rules {
				return errors.New("name a file or folder, as in \"farrier discover session.har\"")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			if rules {
				return app.ListDiscoverRules(o.Output.Format, c.OutOrStdout())
			}
			o.Now = time.Now()
			o.Source.Stdin = os.Stdin
			o.Output.Terminal = terminal(c.OutOrStdout())
			if terminal(os.Stderr) {
				o.Progress = os.Stderr
			}
			if mapping != "" {
				if o.Source.Mapping, err = os.ReadFile(mapping); err != nil {
					return fmt.Errorf("reading the mapping: %w", err)
				}
			}
			*code, err = app.Discover(c.Context(), args, o, c.OutOrStdout())
			return err
		},
	}
	discoverFlags(c, &o, &mapping)
	c.Flags().BoolVar(&rules, "list", false, "list the rules of findings instead: --format text, md or json")
	return c
}

// discoverFlags adds what says how sources are read and what is written.
func discoverFlags(c *cobra.Command, o *app.DiscoverOptions, mapping *string) {
	f := c.Flags()
	f.StringArrayVar(&o.Specs, "spec", nil, "description to compare with: file, folder, glob or archive (repeatable)")
	f.StringArrayVar(&o.Projects, "project", nil, "Mule project to compare with: folder or archive (repeatable)")
	f.StringVar(&o.BasePath, "base-path", "", "stands before the paths of the descriptions")
	f.StringVar(&o.Source.Host, "host", "", "host of sources that name none")
	f.StringVar(&o.Source.Format, "log-format", "", `how the sources are written (default: found out); a name, or "nginx:…", "apache:…" or "envoy:…" with the format of the server`)
	f.StringVar(mapping, "mapping", "", "file that names the fields of JSON lines or CSV")
	f.StringVar(&o.OpenAPI, "openapi", "", "file to write what was learned to, as OpenAPI 3.1; YAML or JSON by its name")
	f.StringVar(&o.Schemas, "schemas", "safe", "how far the schemas of --openapi go: safe (hold for what comes, too), likely (as people would write them), seen (whatever was so until now) or loose (types only)")
	f.StringVar(&o.Patch, "patch", "", "file to write what the descriptions lack to, as a patch")
	f.IntVar(&o.Requests, "min-requests", 1, "good calls that list an operation nobody described")
	f.IntVar(&o.Minutes, "min-minutes", 1, "different minutes that these calls must be in, 1 to 4")
	f.StringSliceVar(&o.Internal, "internal", nil, "networks of internal callers (default private ones)")
	f.StringSliceVar(&o.Partner, "partner", nil, "networks of partners")
	f.StringVar(&o.Patterns, "patterns", "", "file of sensitive data of your own")
	f.StringVar(&o.Weights, "weights", "", "file of weights of the risk")
	f.StringVar(&o.Why, "why", "", `say why an operation is listed, or why not, as "GET /orders/7"`)
	f.BoolVar(&o.Trusting, "trusting", false, "look for no attacks in the requests, which is faster")
	reportFlags(c, &o.Output)
	f.Lookup("format").Usage = "text, json, csv, sarif, junit or html"
}
