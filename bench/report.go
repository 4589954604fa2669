//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// results is what a run found.
type results struct {
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration"`
	Connections int           `json:"connections"`
	Pinned      bool          `json:"pinned"`
	CPUs        int           `json:"cpus"`
	Go          string        `json:"go"`
	Targets     []summary     `json:"targets"`
	// Missing are the targets that are not installed here.
	Missing []string `json:"missing,omitempty"`
}

// summary is one target; its figures are medians of the rounds. Times are in
// nanoseconds unless the name tells another unit.
type summary struct {
	Name string `json:"name"`
	// MicrosPerRequest is CPU time; Spread is how far its rounds lie apart, as
	// a part of it.
	MicrosPerRequest float64 `json:"microsPerRequest"`
	Spread           float64 `json:"spread"`
	// Ratio is the median of the ratios to the reverse proxy in the same round,
	// 0 when that did not run; Goal is what we want it to be at most.
	Ratio             float64       `json:"ratio,omitempty"`
	Goal              float64       `json:"goal,omitempty"`
	RequestsPerSecond float64       `json:"requestsPerSecond"`
	P50               time.Duration `json:"p50"`
	P99               time.Duration `json:"p99"`
	MemoryBytes       int64         `json:"memoryBytes"`
	// Requests is the sum of all rounds, as is Failed.
	Requests     int      `json:"requests"`
	Failed       int      `json:"failed"`
	FirstFailure int      `json:"firstFailure,omitempty"`
	Samples      []sample `json:"samples"`
}

func summarise(s *site, samples map[string][]sample) *results {
	r := &results{
		Rounds: s.rounds, Duration: s.duration, Connections: s.connections, Pinned: s.pin,
		CPUs: runtime.NumCPU(), Go: runtime.Version(), Missing: s.missing,
	}
	for _, t := range s.targets {
		r.Targets = append(r.Targets, summarised(t.name, samples[t.name], samples[reverseProxy]))
	}
	return r
}

func summarised(name string, rounds, reference []sample) summary {
	t := summary{Name: name, Goal: goals[name], Samples: rounds}
	var cpu, ratios, rates []float64
	var p50, p99 []time.Duration
	var memory []int64
	for i := range rounds {
		one := &rounds[i]
		cpu = append(cpu, one.perRequest())
		if i < len(reference) && reference[i].CPU > 0 {
			ratios = append(ratios, one.perRequest()/reference[i].perRequest())
		}
		rates = append(rates, float64(one.Requests)/one.Took.Seconds())
		p50, p99, memory = append(p50, one.P50), append(p99, one.P99), append(memory, one.Memory)
		t.Requests += one.Requests
		t.Failed += one.Failed
		if t.FirstFailure == 0 {
			t.FirstFailure = one.FirstFailure
		}
	}
	t.MicrosPerRequest, t.Ratio, t.RequestsPerSecond = median(cpu), median(ratios), median(rates)
	if t.MicrosPerRequest > 0 {
		t.Spread = (slices.Max(cpu) - slices.Min(cpu)) / t.MicrosPerRequest
	}
	t.P50, t.P99, t.MemoryBytes = median(p50), median(p99), median(memory)
	return t
}

// print writes the table for people.
func (r *results) print(out io.Writer) {
	where := "wherever the system put them"
	if r.Pinned {
		where = "the targets on CPU 0, generator and service on CPU 1"
	}
	_, _ = fmt.Fprintf(out, "\n%d rounds of %s, %d connections, %s; %s, %d CPUs.\nMedians of the rounds; the ratio is the median of the ratios to %s in the same round.\n\n",
		r.Rounds, r.Duration, r.Connections, where, r.Go, r.CPUs, reverseProxy)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "target\tCPU µs/request\tspread\tratio\tgoal\trequests/s\tp50 µs\tp99 µs\tmemory MiB\tnot 2xx\t")
	for i := range r.Targets {
		t := &r.Targets[i]
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.0f%%\t%s\t%s\t%.0f\t%d\t%d\t%d\t%d\t\n", t.Name, t.MicrosPerRequest, 100*t.Spread,
			orDash("%.2f", t.Ratio), orDash("≤ %.2f", t.Goal), t.RequestsPerSecond,
			t.P50.Microseconds(), t.P99.Microseconds(), t.MemoryBytes>>20, t.Failed)
	}
	_ = w.Flush()
	if len(r.Missing) > 0 {
		_, _ = fmt.Fprintf(out, "\nNot installed, so not compared: %s.\n", strings.Join(r.Missing, ", "))
	}
}

func orDash(format string, value float64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

// write writes the results as JSON.
func (r *results) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	text = append(text, '\n')
	if file == "-" {
		_, err = os.Stdout.Write(text)
	} else {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}
