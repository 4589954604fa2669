// Command farrier is the program: flags, and nothing else. What they mean
// happens in internal/app.
//
// Exit codes: 0 good; 1 something was found (check: problems, inspect: an
// attack, dry-run: a request newly refused); 2 the command could not run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"farrier.dev/farrier/internal/app"
)

func main() { os.Exit(Main()) }

// Main runs the command line and returns the exit code.
func Main() int {
	code := app.ExitGood
	root := command(&code)
	if err := root.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "farrier:", err)
		return app.ExitBroken
	}
	return code
}

func command(code *int) *cobra.Command {
	root := &cobra.Command{
		Use:   "farrier",
		Short: "API security for teams that run MuleSoft",
		Long: `Farrier runs the manifests of a MuleSoft Flex Gateway, blocks attacks, and
answers "why was this refused?" - offline, in one program.`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), demoCommand(), checkCommand(code), policiesCommand(), scanCommand(code), discoverCommand(code), governCommand(code), rulesetsCommand(), diffCommand(code), applyCommand(code), getCommand(), exportCommand(), importCommand(code), inspectCommand(code), dryRunCommand(code), contentCommand(), auditCommand(code), versionCommand(), loginLinkCommand(), gatewayCommand(), tokenCommand(), backupCommand(), secretsCommand(), restoreCommand())
	return root
}

// settings are the flags that serve and login-link share.
type settings struct {
	file, trusted string
	cfg           app.Config
}

func (s *settings) flags(c *cobra.Command) {
	s.cfg = app.DefaultConfig()
	f := c.Flags()
	f.StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	f.StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything Farrier remembers")
	f.StringVar(&s.cfg.Database, "database", "", "PostgreSQL: postgres://…, or env:NAME or file:/path that holds it (default SQLite in the data folder)")
	f.StringVar(&s.cfg.Console, "console", s.cfg.Console, `address of console and metrics; "off" for none`)
}

// load reads file and environment, and then puts the given flags on top.
func (s *settings) load(c *cobra.Command) error {
	flags := s.cfg
	s.cfg = app.DefaultConfig()
	if s.file != "" {
		if err := s.cfg.ReadFile(s.file); err != nil {
			return err
		}
	}
	if err := s.cfg.ReadEnvironment(os.Environ()); err != nil {
		return err
	}
	for name, apply := range map[string]func(){
		"data":                   func() { s.cfg.Data = flags.Data },
		"database":               func() { s.cfg.Database = flags.Database },
		"console":                func() { s.cfg.Console = flags.Console },
		"manifests":              func() { s.cfg.Manifests = flags.Manifests },
		"governance":             func() { s.cfg.Governance = flags.Governance },
		"projects":               func() { s.cfg.Projects = flags.Projects },
		"require-authentication": func() { s.cfg.RequireAuthentication = flags.RequireAuthentication },
		"log-level":              func() { s.cfg.LogLevel = flags.LogLevel },
		"fips":                   func() { s.cfg.FIPS = flags.FIPS },
		"capture":                func() { s.cfg.Capture.Enabled = flags.Capture.Enabled },
	} {
		if c.Flags().Changed(name) {
			apply()
		}
	}
	if s.trusted != "" {
		var err error
		if s.cfg.TrustedProxies, err = app.ParsePrefixes(s.trusted); err != nil {
			return fmt.Errorf("--trusted-proxies: %w", err)
		}
	}
	return nil
}

func serveCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "serve", Short: "Run gateway, control plane and console", Args: cobra.NoArgs,
		Example: "  farrier serve --manifests conf.d --data /var/lib/farrier",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			log, err := logger(s.cfg.LogLevel, c.ErrOrStderr())
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context(), c.ErrOrStderr())
			defer stop()
			return app.Serve(ctx, s.cfg, log, c.OutOrStdout(), func(r app.Ready) {
				log.Info("farrier is up", "console", r.Console, "ports", len(r.Gateway))
			})
		},
	}
	s.flags(c)
	f := c.Flags()
	f.BoolVar(&s.cfg.FIPS, "fips", false, "refuse to run without the cryptographic module of FIPS 140-3, and use only what it approves")
	f.StringSliceVar(&s.cfg.Manifests, "manifests", nil, "manifest files and folders, watched for changes")
	f.StringSliceVar(&s.cfg.Governance, "governance", nil, "files and folders of governance profiles (default a standard one that refuses nothing)")
	f.StringSliceVar(&s.cfg.Projects, "projects", nil, "folders of Mule projects that operators may have scanned")
	f.BoolVar(&s.cfg.RequireAuthentication, "require-authentication", false, `refuse APIs without an identifying policy, unless labelled farrier/public: "true"`)
	f.StringVar(&s.trusted, "trusted-proxies", "", "networks whose X-Forwarded headers are believed (default loopback)")
	f.StringVar(&s.cfg.LogLevel, "log-level", s.cfg.LogLevel, "debug, info, warn or error")
	f.BoolVar(&s.cfg.Capture.Enabled, "capture", false, "keep requests, encrypted and without credentials, for farrier dry-run")
	return c
}

func demoCommand() *cobra.Command {
	cfg := app.DefaultConfig()
	listen := "127.0.0.1:8081"
	c := &cobra.Command{
		Use: "demo", Short: "Run everything with a sample API behind it, and print requests to try", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logger("warn", c.ErrOrStderr())
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context(), c.ErrOrStderr())
			defer stop()
			return app.Demo(ctx, cfg, listen, log, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&listen, "listen", listen, "address of the sample API's gateway; another port is taken when it is in use")
	c.Flags().StringVar(&cfg.Console, "console", cfg.Console, `address of the console; "off" for none`)
	return c
}

func checkCommand(code *int) *cobra.Command {
	var format string
	var requireAuthentication bool
	c := &cobra.Command{
		Use: "check PATH…", Short: "Validate manifests: file, line, what is wrong and how to mend it", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			*code, err = app.Check(args, format, requireAuthentication, c.OutOrStdout())
			return err
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().BoolVar(&requireAuthentication, "require-authentication", false, "refuse APIs without an identifying policy")
	return c
}

func policiesCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "policies [NAME]", Short: "List the policies, or the settings of one", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return app.Policies(name, format, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, md or json")
	return c
}

func inspectCommand(code *int) *cobra.Command {
	o := app.InspectOptions{Paranoia: 1}
	c := &cobra.Command{
		Use: "inspect [FILE…]", Short: "Judge raw HTTP requests from files or standard input; one line of JSON each",
		RunE: func(c *cobra.Command, args []string) (err error) {
			*code, err = app.Inspect(c.Context(), args, o, c.InOrStdin(), c.OutOrStdout())
			return err
		},
	}
	c.Flags().IntVar(&o.Paranoia, "paranoia", o.Paranoia, "paranoia level of the rules, 1 to 4")
	c.Flags().StringArrayVar(&o.Rules, "rules", nil, "further rules: a file of ModSecurity, or a .yaml file of Farrier's own form (repeatable)")
	c.Flags().StringVar(&o.Settings, "settings", "", "settings of the policy attack-protection to judge by, as YAML or JSON")
	c.Flags().StringVar(&o.Data, "data", "", "data folder whose installed content is judged by, too")
	c.Flags().BoolVar(&o.Explain, "explain", false, "show each text that was judged, how it was reached, what matched, and the time taken")
	return c
}

func dryRunCommand(code *int) *cobra.Command {
	s := settings{cfg: app.DefaultConfig()}
	o := app.DryRunOptions{Since: 7 * 24 * time.Hour, Format: "text"}
	c := &cobra.Command{
		Use: "dry-run", Short: "Judge captured requests as other settings of attack-protection would", Args: cobra.NoArgs,
		Example: "  farrier dry-run --data /var/lib/farrier --policy shield.yaml --api default/orders --since 24h",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := s.load(c); err != nil {
				return err
			}
			*code, err = app.DryRun(c.Context(), s.cfg, o, c.OutOrStdout())
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&s.file, "config", "", "settings file (YAML, version: 1)")
	f.StringVar(&s.cfg.Data, "data", s.cfg.Data, "folder for everything Farrier remembers")
	f.StringVar(&o.Policy, "policy", "", "file with one binding of attack-protection, or its settings alone")
	f.StringVar(&o.API, "api", "", "namespace/name of the only API to look at")
	f.DurationVar(&o.Since, "since", o.Since, "how far back, by whole hours")
	f.StringVar(&o.Format, "format", o.Format, "text or json")
	return c
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what this program was built from", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return app.Version(c.OutOrStdout()) },
	}
}

func loginLinkCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "login-link", Short: "Make a new one-time sign-in link for the console", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(c); err != nil {
				return err
			}
			return app.LoginLink(c.Context(), s.cfg, c.OutOrStdout())
		},
	}
	s.flags(c)
	return c
}

// untilSignal ends its context at the first interrupt or termination; a second
// one ends the process at once.
func untilSignal(parent context.Context, err io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		_, _ = fmt.Fprintln(err, "farrier: second signal, stopping now")
		os.Exit(app.ExitBroken)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

func logger(level string, out io.Writer) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errors.New("log level: must be debug, info, warn or error")
	}
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: l, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			a.Value = slog.StringValue(a.Value.Time().UTC().Format(time.RFC3339Nano))
		}
		return a
	}})), nil
}
