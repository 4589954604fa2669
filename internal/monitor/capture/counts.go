package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hourCounts is how many exchanges one process saw in one hour.
type hourCounts struct {
	Version int     `json:"version"`
	Run     string  `json:"run"`
	Hour    int64   `json:"hour"`
	Counts  []count `json:"counts"`
}

// count is that of one operation.
type count struct {
	API       string `json:"api"`
	Operation string `json:"operation"`
	Passed    int64  `json:"passed"`
	Refused   int64  `json:"refused"`
	Dropped   int64  `json:"dropped,omitempty"`
}

// take gives the counts of an hour when they have changed.
func (h *hour) take() (c hourCounts, changed bool) {
	c = hourCounts{Version: version, Hour: h.number}
	for s, n := range h.strata {
		changed = changed || n.changed
		n.changed = false
		c.Counts = append(c.Counts, count{s.api, s.operation, n.passed, n.refused, n.dropped})
	}
	return c, changed
}

// counts is the files of counts: one for each hour and process, replaced as a
// whole.
type counts struct {
	dir, run string
	quota    int64
}

func (c *counts) write(h hourCounts, seal func(string, []byte) (string, error)) error {
	h.Run = c.run
	plain, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("writing counts: %w", err)
	}
	line, err := seal(countsPurpose, plain)
	if err != nil {
		return fmt.Errorf("sealing counts: %w", err)
	}
	path := filepath.Join(c.dir, fmt.Sprintf("%d-%s%s", h.Hour, c.run, countsSuffix))
	if err := os.WriteFile(path+".next", []byte(line+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing counts: %w", err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		return fmt.Errorf("writing counts: %w", err)
	}
	return nil
}

// counted is one file of counts.
type counted struct {
	path string
	hour int64
	size int64
}

// countFiles lists them, oldest first.
func countFiles(dir string) ([]counted, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing counts: %w", err)
	}
	var files []counted
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".next")
		digits, _, _ := strings.Cut(name, "-")
		hour, err := strconv.ParseInt(digits, 10, 64)
		info, infoErr := e.Info()
		if err != nil || infoErr != nil || !strings.HasSuffix(name, countsSuffix) || !info.Mode().IsRegular() {
			continue
		}
		files = append(files, counted{filepath.Join(dir, e.Name()), hour, info.Size()})
	}
	slices.SortStableFunc(files, func(a, b counted) int { return int(min(1, max(-1, a.hour-b.hour))) })
	return files, nil
}

// expire removes files that are too old, and the oldest when there are too many.
func (c *counts) expire(now time.Time, age time.Duration) error {
	files, err := countFiles(c.dir)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		total += f.size
	}
	for _, f := range files {
		if now.Sub(time.Unix(f.hour*3600, 0)) < age && total <= c.quota {
			continue
		}
		total -= f.size
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing counts: %w", err)
		}
	}
	return nil
}
