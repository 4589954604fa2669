package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func tokenCommand() *cobra.Command {
	var (
		s settings
		o app.TokenOptions
	)
	c := &cobra.Command{
		Use: "token ACCOUNT", Short: "Make an API token for a service account", Args: cobra.ExactArgs(1),
		Long: `Makes an API token for a service account, which is made when there is none of that
name, and prints it once. It is for pipelines that are set up before anybody has signed
in; all other tokens are made in the console.`,
		Example: "  FARRIER_TOKEN=$(farrier token ci --role api-creator --data /var/lib/farrier | head -1)",
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			o.Account = args[0]
			return app.Token(c.Context(), s.cfg, o, c.OutOrStdout())
		},
	}
	s.flags(c)
	f := c.Flags()
	f.StringVar(&o.Role, "role", "auditor", "what the token may do: a role, as admin, api-creator, auditor")
	f.StringVar(&o.Environment, "environment", "", "where it may do that (default everywhere)")
	f.IntVar(&o.Days, "days", 90, "how long it is good, 1 to 365")
	return c
}
