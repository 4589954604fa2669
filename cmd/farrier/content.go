package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func contentCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "content", Short: "Update what Farrier knows of attacks, from signed files",
		Long: `Update detection rules, advisories, feeds and breached passwords from signed
files that you carry in, also while farrier serve runs. Nothing is fetched.`,
		Example: `  farrier content trust vendor.pub
  farrier content update community-2026.11.22-1.tar.gz
  farrier content rollback`,
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(contentUpdate(), contentRollback(), contentShow(), contentTrust(), contentUntrust(), contentKeys(),
		contentKeygen(), contentSign())
	return c
}

// installed makes a command that works on the content of a data folder.
func installed(c *cobra.Command, run func(cfg app.Config, c *cobra.Command, args []string) error) *cobra.Command {
	s := &settings{cfg: app.DefaultConfig()}
	c.Flags().StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	c.Flags().StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything Farrier remembers")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := s.load(c); err != nil {
			return err
		}
		return run(s.cfg, c, args)
	}
	return c
}

func contentUpdate() *cobra.Command {
	var force bool
	c := installed(&cobra.Command{Use: "update FILE", Short: "Install a bundle, if a trusted key signed it and all of it is right", Args: cobra.ExactArgs(1)},
		func(cfg app.Config, c *cobra.Command, args []string) error {
			return app.ContentUpdate(cfg, args[0], force, c.OutOrStdout())
		})
	c.Flags().BoolVar(&force, "force", false, "also one that is not newer than what is installed, or of another name")
	return c
}

func contentRollback() *cobra.Command {
	var builtin bool
	c := installed(&cobra.Command{Use: "rollback", Short: "Go back to the content before the last update", Args: cobra.NoArgs},
		func(cfg app.Config, c *cobra.Command, _ []string) error {
			return app.ContentRollback(cfg, builtin, c.OutOrStdout())
		})
	c.Flags().BoolVar(&builtin, "builtin", false, "go back to what Farrier was built with")
	return c
}

func contentShow() *cobra.Command {
	var format string
	c := installed(&cobra.Command{Use: "show", Short: "Show what is installed, since when, and who signed it", Args: cobra.NoArgs},
		func(cfg app.Config, c *cobra.Command, _ []string) error {
			return app.ContentShow(cfg, format, c.OutOrStdout())
		})
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func contentTrust() *cobra.Command {
	return installed(&cobra.Command{Use: "trust KEYFILE", Short: "Trust bundles signed with a key (Ed25519, PEM)", Args: cobra.ExactArgs(1)},
		func(cfg app.Config, c *cobra.Command, args []string) error {
			return app.ContentTrust(cfg, args[0], c.OutOrStdout())
		})
}

func contentUntrust() *cobra.Command {
	var force bool
	c := installed(&cobra.Command{Use: "untrust KEY", Short: "Trust a key no longer", Args: cobra.ExactArgs(1)},
		func(cfg app.Config, c *cobra.Command, args []string) error {
			return app.ContentUntrust(cfg, args[0], force, c.OutOrStdout())
		})
	c.Flags().BoolVar(&force, "force", false, "also one that signed what is installed, which is then no longer served")
	return c
}

func contentKeys() *cobra.Command {
	return installed(&cobra.Command{Use: "keys", Short: "List the trusted keys", Args: cobra.NoArgs},
		func(cfg app.Config, c *cobra.Command, _ []string) error { return app.ContentKeys(cfg, c.OutOrStdout()) })
}

func contentKeygen() *cobra.Command {
	return &cobra.Command{
		Use: "keygen FILE", Short: "Make a key for signing bundles: FILE, and FILE.pub to give away", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return app.ContentKeygen(args[0], c.OutOrStdout()) },
	}
}

func contentSign() *cobra.Command {
	var o app.SignOptions
	c := &cobra.Command{
		Use: "sign DIR", Short: "Make a bundle of the files in a folder", Args: cobra.ExactArgs(1),
		Example: "  farrier content sign community --key signing.pem -o community-2026.11.22-1.tar.gz",
		RunE:    func(c *cobra.Command, args []string) error { return app.ContentSign(args[0], o, c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVar(&o.Key, "key", "", "file with the private key")
	f.StringVarP(&o.Output, "output", "o", "", "file for the bundle; compressed when it ends in .gz or .tgz")
	f.StringVar(&o.Name, "name", "", "name of the series of updates (default the folder's)")
	f.StringVar(&o.Version, "version", "", "day and number, as 2026.11.22-1 (default the first of today)")
	f.StringVar(&o.MinimumFarrier, "minimum-farrier", "", "oldest Farrier that may use it, as 1.4.0 (default any)")
	return c
}
