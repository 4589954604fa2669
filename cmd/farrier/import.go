package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func importCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "import", Short: "Make manifests of what another platform knows", Args: cobra.NoArgs}
	c.AddCommand(importAnypointCommand(code), importFlexCommand(code))
	return c
}

// importFlags are the flags of all imports.
func importFlags(c *cobra.Command, o *app.ImportOptions) {
	controlPlane(c, &o.To)
	f := c.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "new or empty folder for manifests and report (default prints the report)")
	f.StringVar(&o.Format, "format", "text", "text or json")
	f.BoolVar(&o.Apply, "apply", false, "put manifests into the drafts of --server, and make applications, tiers, contracts and alert rules")
	f.StringVar(&o.Group, "group", "root", "business group of the applications, with --apply")
}

func importAnypointCommand(code *int) *cobra.Command {
	var o app.ImportOptions
	c := &cobra.Command{
		Use: "anypoint DIR|URL", Short: "Import what API Manager knows, from saved answers or live", Args: cobra.ExactArgs(1),
		Long: `Import reads the answers of API Manager's REST interface from a folder, or asks the
platform itself through a connected app that may only read. What can't be mapped is
listed in the report; then the exit code is 1. docs/import.md tells more.`,
		Example: `  farrier import anypoint export/ -o imported
  farrier import anypoint https://anypoint.mulesoft.com --organization ID --client-id ID --client-secret env:APP_SECRET -o imported`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.To = withToken(o.To)
			*code, err = app.ImportAnypoint(c.Context(), args[0], o, c.OutOrStdout())
			return err
		},
	}
	importFlags(c, &o)
	f := c.Flags()
	f.StringVar(&o.Organization, "organization", "", "id of the organization, when it is read live")
	f.StringVar(&o.ClientID, "client-id", "", "client id of a connected app")
	f.StringVar(&o.ClientSecret, "client-secret", "", "where its secret is: env:NAME or file:/path")
	f.StringSliceVar(&o.Map, "map", nil, "environments and what they are called here, as Production=default")
	_ = f.MarkHidden("environment")
	return c
}

func importFlexCommand(code *int) *cobra.Command {
	var o app.ImportOptions
	c := &cobra.Command{
		Use: "flexctl-dump FILE|DIR", Short: "Import what flexctl dump wrote of a Flex Gateway", Args: cobra.ExactArgs(1),
		Example: "  farrier import flexctl-dump dump/ -o imported -e production",
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.To = withToken(o.To)
			*code, err = app.ImportFlex(c.Context(), args[0], o, c.OutOrStdout())
			return err
		},
	}
	importFlags(c, &o)
	return c
}
