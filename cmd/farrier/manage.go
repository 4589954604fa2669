package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

// controlPlane are the flags of commands that speak to a control plane.
func controlPlane(c *cobra.Command, to *app.ControlPlane) {
	f := c.Flags()
	f.StringVar(&to.Server, "server", os.Getenv("FARRIER_SERVER"), "address of the console (default the variable FARRIER_SERVER)")
	f.StringVar(&to.Token, "token", "", "API token; better given in the variable FARRIER_TOKEN, where no other user sees it")
	f.StringVarP(&to.Environment, "environment", "e", "default", "environment")
}

// withToken puts the token of the environment where no flag gave one.
func withToken(to app.ControlPlane) app.ControlPlane {
	if to.Token == "" {
		to.Token = os.Getenv("FARRIER_TOKEN")
	}
	return to
}

func applyCommand(code *int) *cobra.Command {
	var to app.ControlPlane
	var o app.ApplyOptions
	c := &cobra.Command{
		Use: "apply PATH...", Short: "Make the draft of an environment say what manifests say", Args: cobra.MinimumNArgs(1),
		Long: `Apply sends manifests to a control plane, which puts them into the draft of an
environment: all of them or none. What they do not name stays, unless --prune is
given. Applied again they change nothing. The path - is the standard input.`,
		Example: "  farrier apply --server https://farrier.example.com -e production --publish manifests/",
		RunE: func(c *cobra.Command, args []string) (err error) {
			*code, err = app.Apply(c.Context(), withToken(to), args, o, c.InOrStdin(), c.OutOrStdout())
			return err
		},
	}
	controlPlane(c, &to)
	f := c.Flags()
	f.BoolVar(&o.DryRun, "dry-run", false, "change nothing, and tell what would change")
	f.BoolVar(&o.Prune, "prune", false, "remove from the draft what the manifests do not name")
	f.BoolVar(&o.Publish, "publish", false, "put the draft into service afterwards")
	f.StringVar(&o.Note, "note", "", "note of the revision")
	f.StringVar(&o.Format, "format", "text", "text or json")
	return c
}

func getCommand() *cobra.Command {
	var to app.ControlPlane
	var format string
	c := &cobra.Command{
		Use: "get [KIND [[NAMESPACE/]NAME]]", Short: "List the resources of an environment's draft, or show one", Args: cobra.MaximumNArgs(2),
		Example: "  farrier get apis\n  farrier get PolicyBinding orders-rate-limiting --format yaml",
		RunE: func(c *cobra.Command, args []string) error {
			return app.Get(c.Context(), withToken(to), args, format, c.OutOrStdout())
		},
	}
	controlPlane(c, &to)
	c.Flags().StringVar(&format, "format", "text", "text, json or yaml")
	return c
}

func exportCommand() *cobra.Command {
	var to app.ControlPlane
	var live bool
	var file string
	c := &cobra.Command{
		Use: "export", Short: "Write the resources of an environment as a manifest", Args: cobra.NoArgs,
		Example: "  farrier export -e production --live -o production.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			return app.Export(c.Context(), withToken(to), live, file, c.OutOrStdout())
		},
	}
	controlPlane(c, &to)
	c.Flags().BoolVar(&live, "live", false, "write what serves instead of the draft")
	c.Flags().StringVarP(&file, "output", "o", "", "file to write to, readable by you alone (default the standard output)")
	return c
}

// diffRemote runs diff for resources instead of descriptions.
func diffRemote(c *cobra.Command, to app.ControlPlane, args []string, prune bool, format string) (int, error) {
	if to = withToken(to); to.Token == "" {
		return app.ExitBroken, errors.New("there is no API token: set FARRIER_TOKEN, or give --token")
	}
	return app.DiffResources(c.Context(), to, args, prune, format, c.InOrStdin(), c.OutOrStdout())
}
