package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func secretsCommand() *cobra.Command {
	c := &cobra.Command{Use: "secrets", Short: "Look after the keys that seal secrets"}
	c.AddCommand(rotateMasterCommand(), forgetMasterCommand())
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

func forgetMasterCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "forget-master", Short: "Let go of older master keys that nothing is sealed by any more, also while serve runs", Args: cobra.NoArgs,
		Long:    "Let go of older master keys that nothing is sealed by any more, also while serve runs.\n\nBackups that were made before the last rotation open only with those keys: keep a copy of master.key beside each.",
		Example: "  farrier secrets forget-master --data /var/lib/farrier",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			return app.ForgetMaster(c.Context(), s.cfg, c.OutOrStdout())
		},
	}
	s.database(c)
	return c
}
