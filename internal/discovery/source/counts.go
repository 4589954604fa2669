package source

import (
	"fmt"
	"slices"
)

const (
	// maxReasons is how many reasons of one file are told apart.
	maxReasons = 50
	// maxListed is of how many files the counts are kept apart.
	maxListed = 1000
)

// Counts are what was read and what was not.
type Counts struct {
	// Read is the number of observations.
	Read int64 `json:"read"`
	// Skipped is the number of lines, entries and packets that gave none though they
	// should have.
	Skipped int64 `json:"skipped"`
	// Files are the files, the first thousand; More is the number of the others.
	Files []File `json:"files,omitempty"`
	More  int    `json:"more,omitempty"`
}

// File is one file and what it gave.
type File struct {
	Name string `json:"name"`
	// Format is what it was read as, empty when it was not read.
	Format  string    `json:"format,omitempty"`
	Read    int64     `json:"read"`
	Skipped []Skipped `json:"skipped,omitempty"`
}

// Skipped is how much of a file was skipped for one reason.
type Skipped struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
	// First is the number of the first such line, entry or packet, from 1; 0 where it has none.
	First int64 `json:"first,omitempty"`
}

// Problems says in sentences what was skipped.
func (c Counts) Problems() []string {
	var out []string
	for _, f := range c.Files {
		for _, s := range f.Skipped {
			unit := "line"
			switch f.Format {
			case formatHAR, formatPostman, formatJSON:
				unit = "entry"
			case formatPcap:
				unit = "packet"
			}
			times := ""
			if s.Count > 1 {
				times = fmt.Sprintf(" (%d times)", s.Count)
			}
			if s.First == 0 {
				out = append(out, fmt.Sprintf("%s: %s%s", f.Name, s.Reason, times))
				continue
			}
			if s.Count > 1 {
				times = fmt.Sprintf(" (%d times; this is the first)", s.Count)
			}
			out = append(out, fmt.Sprintf("%s: %s %d: %s%s", f.Name, unit, s.First, s.Reason, times))
		}
	}
	if c.More > 0 {
		out = append(out, fmt.Sprintf("what was skipped in %d more files is only counted", c.More))
	}
	return out
}

// tally keeps the counts.
type tally struct {
	total Counts
	// file is the file at hand; nil when it is one too many to be listed.
	file *File
}

func (t *tally) begin(name string) {
	t.file = nil
	if len(t.total.Files) >= maxListed {
		t.total.More++
		return
	}
	t.total.Files = append(t.total.Files, File{Name: name})
	t.file = &t.total.Files[len(t.total.Files)-1]
}

func (t *tally) format(name string) {
	if t.file != nil {
		t.file.Format = name
	}
}

func (t *tally) read() {
	t.total.Read++
	if t.file != nil {
		t.file.Read++
	}
}

func (t *tally) skip(place int64, reason string) {
	t.total.Skipped++
	if t.file == nil {
		return
	}
	for i := range t.file.Skipped {
		if s := &t.file.Skipped[i]; s.Reason == reason {
			s.Count++
			return
		}
	}
	if len(t.file.Skipped) >= maxReasons {
		t.file.Skipped[maxReasons-1].Count++
		return
	}
	if len(t.file.Skipped) == maxReasons-1 {
		reason = "other reasons"
	}
	t.file.Skipped = append(t.file.Skipped, Skipped{Reason: reason, Count: 1, First: place})
}

func (t *tally) counts() Counts {
	c := t.total
	c.Files = slices.Clone(c.Files)
	for i := range c.Files {
		c.Files[i].Skipped = slices.Clone(c.Files[i].Skipped)
	}
	return c
}
