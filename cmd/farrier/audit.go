package main

import (
	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func auditCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Verify and export the log of what operators did", Args: cobra.NoArgs}
	c.AddCommand(auditVerifyCommand(code), auditExportCommand())
	return c
}

func auditVerifyCommand(code *int) *cobra.Command {
	s := settings{cfg: app.DefaultConfig()}
	o := app.AuditVerifyOptions{Format: "text"}
	c := &cobra.Command{
		Use: "verify", Short: "Find entries that were changed, removed, reordered or cut off", Args: cobra.NoArgs,
		Example: "  farrier audit verify --data /var/lib/farrier --heads /mnt/worm/heads.jsonl",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := s.load(c); err != nil {
				return err
			}
			*code, err = app.AuditVerify(c.Context(), s.cfg, o, c.OutOrStdout())
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	f.StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything Farrier remembers")
	f.StringVar(&o.Heads, "heads", "", "file of checkpoints that were kept elsewhere")
	f.StringVar(&o.Key, "key", "", "file of the key, or of its public half (default audit.key in the data folder)")
	f.StringVar(&o.Format, "format", o.Format, "text or json")
	return c
}

func auditExportCommand() *cobra.Command {
	s := settings{cfg: app.DefaultConfig()}
	o := app.AuditExportOptions{Format: "csv", Output: "-"}
	c := &cobra.Command{
		Use: "export", Short: "Write entries as CSV, JSON or OCSF events", Args: cobra.NoArgs,
		Example: "  farrier audit export --data /var/lib/farrier --format ocsf --since 2026-03-01 -o march.jsonl",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			return app.AuditExport(c.Context(), s.cfg, o, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	f.StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything Farrier remembers")
	f.StringVar(&o.Format, "format", o.Format, "csv, json or ocsf")
	f.StringVarP(&o.Output, "output", "o", o.Output, `file to write; "-" for the terminal`)
	f.StringVar(&o.Since, "since", "", "first date, or moment (RFC 3339)")
	f.StringVar(&o.Until, "until", "", "date or moment (RFC 3339) before which entries are written")
	return c
}
