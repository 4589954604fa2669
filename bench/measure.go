//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// sample is one target in one round.
type sample struct {
	load
	// CPU is what the target used meanwhile.
	CPU    time.Duration `json:"cpu"`
	Memory int64         `json:"memory"`
}

// perRequest is the CPU time of one request in microseconds.
func (s *sample) perRequest() float64 {
	return float64(s.CPU) / float64(time.Microsecond) / float64(max(s.Requests, 1))
}

func measure(ctx context.Context, o *options, progress io.Writer) (*results, error) {
	ctx, stop := context.WithCancel(ctx)
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		stop()
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	var s *site
	defer func() {
		stop()
		if s != nil {
			s.wait()
		}
		_ = os.RemoveAll(dir)
	}()
	if s, err = open(ctx, o, dir); err != nil {
		return nil, err
	}
	samples := map[string][]sample{}
	for round := range o.rounds {
		for _, t := range s.targets {
			one, err := s.sample(ctx, t, nil)
			if err != nil {
				return nil, err
			}
			samples[t.name] = append(samples[t.name], *one)
			_, _ = fmt.Fprintf(progress, "round %d of %d: %-17s %7.1f µs of CPU per request, %d requests\n",
				round+1, o.rounds, t.name, one.perRequest(), one.Requests)
		}
	}
	if o.profiles != "" {
		if err := s.profile(ctx, progress); err != nil {
			return nil, err
		}
	}
	return summarise(s, samples), nil
}

// wait gives the children a moment to end; the context has told them to.
func (s *site) wait() {
	for _, t := range s.targets {
		<-t.process.done
	}
}

// sample measures one target. What has to happen meanwhile happens in during.
func (s *site) sample(ctx context.Context, t *target, during func() error) (*sample, error) {
	out, in := io.Pipe()
	defer func() { _ = out.Close() }()
	p, err := start(ctx, "load", s.cpu(otherCPU), in, s.self, "load",
		"-connections", strconv.Itoa(s.connections), "-duration", s.duration.String(),
		"-warm-up", s.warmUp.String(), "-request", s.request, t.address)
	if err != nil {
		return nil, err
	}
	go func() { <-p.done; _ = in.Close() }()
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != measuring+"\n" {
		return nil, s.broken(t, p, err)
	}
	one := &sample{}
	before, err := t.process.cpu()
	if err != nil {
		return nil, err
	}
	if during != nil {
		if err := during(); err != nil {
			return nil, err
		}
	}
	if err := json.NewDecoder(lines).Decode(&one.load); err != nil {
		return nil, s.broken(t, p, err)
	}
	after, err := t.process.cpu()
	if err != nil {
		return nil, err
	}
	one.CPU = after - before
	one.Memory, err = t.process.memory()
	return one, err
}

// broken says what both sides said when a measurement did not come to its end.
func (s *site) broken(t *target, p *process, err error) error {
	state := "still runs"
	select {
	case <-t.process.done:
		state = "ended: " + t.process.cmd.ProcessState.String()
	case <-time.After(time.Second):
	}
	return fmt.Errorf("measuring %s: %w\nthe load generator: %s\n%s %s; it said: %s", t.name, errors.Join(errors.New("no result"), err), p.said, t.name, state, t.process.said)
}

// profile writes a CPU profile of each Farrier, taken under load but outside
// the rounds, since taking it costs CPU time.
func (s *site) profile(ctx context.Context, progress io.Writer) error {
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return fmt.Errorf("making the folder for profiles: %w", err)
	}
	for _, t := range s.targets {
		if t.data == "" {
			continue
		}
		file := filepath.Join(s.profiles, t.name+".pprof")
		if _, err := s.sample(ctx, t, func() error { return fetchProfile(ctx, t, s.duration, file) }); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(progress, "profile:", file)
	}
	return nil
}

func fetchProfile(ctx context.Context, t *target, duration time.Duration, file string) error {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(t.data, "admin.sock"))
		},
	}}
	seconds := max(1, int(duration/time.Second))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://admin/debug/pprof/profile?seconds=%d", seconds), nil)
	if err != nil {
		return fmt.Errorf("asking for a profile: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s for a profile: %w", t.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading the profile of %s: %w", t.name, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s gave no profile: %s", t.name, resp.Status)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("writing the profile of %s: %w", t.name, err)
	}
	return nil
}

// median is the middle of the values, of an even number the mean of both.
func median[T int | int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
