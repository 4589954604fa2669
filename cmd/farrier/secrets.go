package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func secretsCommand() *cobra.Command {
	c := &cobra.Command{Use: "secrets", Short: "Look after the keys that seal secrets"}
	c.AddCommand(rotateMasterCommand())
	return c
}

func rotateMasterCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "rotate-master", Short: "Make a new master key and seal with it what older ones have sealed, also while serve runs", Args: cobra.NoArgs,
		Example: "  farrier secrets rotate-master --data /var/lib/farrier",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			return app.RotateMaster(c.Context(), s.cfg, c.OutOrStdout())
		},
	}
	s.database(c)
	return c
}
