package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

// database are the flags of commands that open the databases and serve nothing.
func (s *settings) database(c *cobra.Command) {
	s.cfg = app.DefaultConfig()
	f := c.Flags()
	f.StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	f.StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything Farrier remembers")
	f.StringVar(&s.cfg.Database, "database", "", "PostgreSQL: postgres://…, or env:NAME or file:/path that holds it (default SQLite in the data folder)")
}

func backupCommand() *cobra.Command {
	var s settings
	var file string
	c := &cobra.Command{
		Use: "backup", Short: "Write all that the databases hold to a file, also while serve runs", Args: cobra.NoArgs,
		Example: "  farrier backup --data /var/lib/farrier -o farrier.backup",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			return app.Backup(c.Context(), s.cfg, file, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	s.database(c)
	c.Flags().StringVarP(&file, "output", "o", "", `new file, "-" for standard output`)
	_ = c.MarkFlagRequired("output") // it fails for unknown flags alone
	return c
}

func restoreCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "restore FILE", Short: "Fill empty databases, SQLite or PostgreSQL, with a backup", Args: cobra.ExactArgs(1),
		Example: "  farrier restore --data /var/lib/farrier farrier.backup\n  farrier restore --data /var/lib/farrier --database env:DATABASE farrier.backup",
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			return app.Restore(c.Context(), s.cfg, args[0], c.InOrStdin(), c.OutOrStdout())
		},
	}
	s.database(c)
	return c
}
