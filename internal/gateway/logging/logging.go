// Package logging carries access and runtime logs to the outputs that a
// revision names: files, standard output, HTTP collectors. It follows revisions
// without losing lines, never makes a request wait, and is neither the process's
// own log nor the keeper of records.
package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// Options are what logs are made of; all must be given.
type Options struct {
	Now func() time.Time
	// HTTP makes the calls to collectors.
	HTTP *http.Client
	// Stdout is where outputs of the type stdout write.
	Stdout io.Writer
	// Expand resolves references in parameters.
	Expand func(string) (string, error)
	// Log hears of outputs that fail. It must not be one that writes to them.
	Log *slog.Logger
}

// Logs are the outputs in service. The zero value is not ready; see New.
type Logs struct {
	o   Options
	now atomic.Pointer[generation]

	mu      sync.Mutex // one change at a time
	closed  bool
	running sync.WaitGroup
}

// generation is what one revision asks for.
type generation struct {
	outputs         []*output
	access, runtime []*output
	level           slog.Level
}

// New makes logs without outputs.
func New(o Options) *Logs {
	l := &Logs{o: o}
	l.now.Store(&generation{})
	return l
}

// Prepared are the outputs of a revision that does not serve yet. Exactly one
// of Commit and Discard must be called.
type Prepared struct {
	logs *Logs
	next *generation
	// opened are the outputs that the generation in service does not have.
	opened []*output
}

// Prepare opens the outputs that a revision asks for and that are not open
// already. Only one may be prepared at a time. The error begins with file and
// line of the configuration.
func (l *Logs) Prepare(settings revision.Logging) (*Prepared, error) {
	p, err := l.prepare(settings)
	if err != nil && settings.Source.File != "" {
		return nil, fmt.Errorf("%s:%d: logging: %w", settings.Source.File, settings.Source.Line, err)
	}
	if err != nil {
		return nil, fmt.Errorf("logging: %w", err)
	}
	return p, nil
}

func (l *Logs) prepare(settings revision.Logging) (*Prepared, error) {
	p := &Prepared{logs: l, next: &generation{}}
	var err error
	if p.next.level, err = level(settings.RuntimeLevel); err != nil {
		return nil, err
	}
	var errs []error
	byName := make(map[string]*output)
	for _, one := range settings.Outputs {
		used := slices.Contains(settings.AccessOutputs, one.Name) || slices.Contains(settings.RuntimeOutputs, one.Name)
		if !used || !known(one.Type) {
			continue // whoever read the manifest has warned
		}
		out, err := p.output(one)
		if err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", one.Name, err))
			continue
		}
		byName[one.Name] = out
	}
	if len(errs) > 0 {
		p.Discard()
		return nil, errors.Join(errs...)
	}
	p.next.access, p.next.runtime = pick(byName, settings.AccessOutputs), pick(byName, settings.RuntimeOutputs)
	return p, nil
}

// output finds the open output with these settings, or opens it.
func (p *Prepared) output(settings revision.LogOutput) (*output, error) {
	read, err := readSettings(settings, p.logs.o.Expand)
	if err != nil {
		return nil, err
	}
	for _, open := range slices.Concat(p.logs.now.Load().outputs, p.opened) {
		if open.settings.equal(read) {
			if !slices.Contains(p.next.outputs, open) {
				p.next.outputs = append(p.next.outputs, open)
			}
			return open, nil
		}
	}
	out, err := open(read, &p.logs.o)
	if err != nil {
		return nil, err
	}
	p.opened = append(p.opened, out)
	p.next.outputs = append(p.next.outputs, out)
	return out, nil
}

func pick(byName map[string]*output, names []string) []*output {
	var picked []*output
	for _, name := range names {
		if out := byName[name]; out != nil && !slices.Contains(picked, out) {
			picked = append(picked, out)
		}
	}
	return picked
}

// Commit puts the prepared outputs into service. Those that are no longer
// needed write what they hold and close.
func (p *Prepared) Commit() {
	l := p.logs
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		p.Discard()
		return
	}
	for _, out := range p.opened {
		l.running.Go(out.run)
	}
	before := l.now.Swap(p.next)
	for _, out := range before.outputs {
		if !slices.Contains(p.next.outputs, out) {
			out.stop()
		}
	}
}

// Discard closes what was opened for a revision that will not serve.
func (p *Prepared) Discard() {
	for _, out := range p.opened {
		out.sink.close()
	}
	p.opened = nil
}

// Access writes the line of an exchange that is over. It never waits, and keeps
// nothing of the exchange that may change.
func (l *Logs) Access(x *traffic.Exchange, end *traffic.Ending) {
	outputs := l.now.Load().access
	if len(outputs) == 0 {
		return
	}
	entry := line{at: x.Received.Add(end.Took), logger: "access", access: accessOf(x, end)}
	for _, out := range outputs {
		out.put(&entry)
	}
}

// Close writes what is queued and closes every output, or gives up when ctx is
// done; its error is then that of ctx.
func (l *Logs) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	before := l.now.Swap(&generation{})
	for _, out := range before.outputs {
		out.stop()
	}
	l.mu.Unlock()
	done := make(chan struct{})
	go func() { l.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, out := range before.outputs {
			out.cancel()
		}
		return fmt.Errorf("writing the last log lines: %w", ctx.Err())
	}
}

// Stats are the counters of one output.
type Stats struct {
	// Name is that of the output, or of one of those that share it.
	Name string
	// Written are the lines that arrived. Dropped were the oldest when the queue
	// was full; Lost could not be written.
	Written, Dropped, Lost uint64
}

// Stats are the counters of the outputs in service.
func (l *Logs) Stats() []Stats {
	var all []Stats
	for _, out := range l.now.Load().outputs {
		all = append(all, Stats{
			Name: out.settings.name, Written: out.written.Load(), Dropped: out.queue.dropped.Load(), Lost: out.lost.Load(),
		})
	}
	return all
}

func accessOf(x *traffic.Exchange, end *traffic.Ending) access {
	a := access{
		method: x.Request.Method, path: x.Request.Path, status: x.Response.Status,
		bytesIn: end.BytesIn, bytesOut: end.BytesOut, took: end.Took,
		api: x.API, client: x.Request.Client, clientID: x.Auth.ClientID,
		exchange: x.ID, outcome: end.Outcome,
	}
	// What a queue holds must not be a peer's to choose.
	if len(x.Request.RawTarget) > maxHeld || len(a.method) > maxHeld {
		a.operation, a.method, a.path = traffic.Operation(a.method, a.path), "", ""
	}
	if len(a.clientID) > maxHeld {
		a.clientID = classify.Redact(a.clientID[:maxHeld])
	}
	for i := range x.Decisions {
		if d := &x.Decisions[i]; d.Action == traffic.Refused || d.Action == traffic.Failed {
			a.binding, a.policy = d.Binding, d.Policy
		}
	}
	return a
}
