package main

import (
	"os"

	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func gatewayCommand() *cobra.Command {
	var (
		s              settings
		control, token string
	)
	c := &cobra.Command{
		Use: "gateway", Short: "Run a gateway that a control plane elsewhere tells what to serve", Args: cobra.NoArgs,
		Long: `Runs a gateway as a process of its own. It enrols once, with the token that an
invitation in the console gives, and is known by a certificate from then on. What it
must serve it keeps, sealed, in its data folder: it starts and serves also while the
control plane is away.`,
		Example: `  farrier gateway --control https://control.example.com:9443 --token frg_... --data /var/lib/farrier-gateway
  farrier gateway --control https://control.example.com:9443 --data /var/lib/farrier-gateway`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			if token == "" {
				token = os.Getenv("FARRIER_ENROLMENT_TOKEN")
			}
			log, err := logger(s.cfg.LogLevel, c.ErrOrStderr())
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context(), c.ErrOrStderr())
			defer stop()
			return app.Gateway(ctx, s.cfg, control, token, log, c.OutOrStdout(), func(r app.Ready) {
				log.Info("the gateway is up", "ports", len(r.Gateway))
			})
		},
	}
	s.cfg = app.DefaultConfig()
	f := c.Flags()
	f.StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	f.StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything the gateway keeps")
	f.StringVar(&s.cfg.LogLevel, "log-level", s.cfg.LogLevel, "debug, info, warn or error")
	f.StringVar(&control, "control", "", "address of the control plane, as https://control.example.com:9443")
	f.StringVar(&token, "token", "", "enrolment token, for the first start; better in FARRIER_ENROLMENT_TOKEN")
	_ = c.MarkFlagRequired("control") // the flag exists
	return c
}
