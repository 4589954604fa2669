//go:build linux

// Command bench compares what a request costs: a minimal, tuned
// httputil.ReverseProxy, Farrier without a policy, Farrier with client id, rate
// limit and JWT, and nginx where it is installed, side by side in one run. It
// measures on loopback and on Linux only, and it decides no test: its figures
// are ratios on one machine, and that machine may be busy with other things.
//
// Each round visits every target in turn, so that what changes on the machine
// changes for all. The CPU time of a target is the kernel's count for its
// process. With two CPUs or more the targets run on the first and the load
// generator and the service on the second, each with GOMAXPROCS=1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are the processes that the bench starts of itself, and scan, another bench
// that people start.
var parts = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"upstream":     serveUpstream,
	"reverseproxy": serveReverseProxy,
	"load":         generateLoad,
	"scan":         benchScan,
	"readfolder":   readFolder,
}

// options are the flags.
type options struct {
	rounds, connections     int
	duration, warmUp        time.Duration
	targets                 []string
	farrier, json, profiles string
	pin                     bool
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) > 0 && parts[args[0]] != nil {
		return parts[args[0]](ctx, args[1:], out)
	}
	o, err := readOptions(args, progress)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o, progress)
	if err != nil {
		return err
	}
	r.print(out)
	if o.json != "" {
		if err := r.write(o.json); err != nil {
			return err
		}
	}
	return r.failed()
}

func readOptions(args []string, progress io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(progress)
	f.IntVar(&o.rounds, "rounds", 5, "rounds, each of which measures every target once")
	f.IntVar(&o.connections, "connections", 64, "connections that each send one request after the other")
	seconds := f.Float64("seconds", 3, "how long a target is measured in a round")
	targets := f.String("targets", strings.Join(targetNames, ","), "what to measure; ratios need reverseproxy")
	f.StringVar(&o.farrier, "farrier", "", "measure this program instead of building one")
	f.StringVar(&o.json, "json", "", "write the results to this file, too; - is standard output")
	f.StringVar(&o.profiles, "profile", "", "after the rounds, write a CPU profile of each Farrier to this folder")
	f.BoolVar(&o.pin, "pin", runtime.NumCPU() > 1, "keep the targets on the first CPU and all else on the second")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.targets = strings.Split(*targets, ",")
	for _, name := range o.targets {
		if !slices.Contains(targetNames, name) {
			return nil, fmt.Errorf("there is no target %q; there are %s", name, strings.Join(targetNames, ", "))
		}
	}
	o.duration = time.Duration(*seconds * float64(time.Second))
	o.warmUp = min(o.duration/5, 500*time.Millisecond)
	if f.NArg() > 0 || o.rounds < 1 || o.connections < 1 || o.duration <= 0 {
		return nil, errors.New("rounds, seconds and connections must be positive, and all else must be a flag")
	}
	return o, nil
}

// failed says what makes the figures worthless.
func (r *results) failed() error {
	var wrong []error
	for _, t := range r.Targets {
		if t.Failed > 0 {
			wrong = append(wrong, fmt.Errorf("%s: %d answers were not 2xx (the first was %d), so its figures mean nothing", t.Name, t.Failed, t.FirstFailure))
		}
	}
	return errors.Join(wrong...)
}
