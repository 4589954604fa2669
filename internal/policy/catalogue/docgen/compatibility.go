package main

import (
	_ "embed"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/policy"
)

//go:embed compatibility.tsv
var compatibilityTable string

// The states of a row.
const (
	same    = "same"
	differs = "same with differences"
	absent  = "absent"
	beyond  = "ours beyond"
)

// row compares one thing of MuleSoft's with ours.
type row struct {
	// theirs is MuleSoft's name, empty for what only Farrier has; ours is a
	// policy's name, or words where the section is not about policies.
	theirs, ours, state, note string
}

// section is one table of the page.
type section struct {
	title    string
	prose    []string
	policies bool
	rows     []row
}

// compatibility is the table compatibility.tsv. A line that begins with "#" is a
// section, "# policies:" one whose second column names policies; a line that
// begins with ">" is prose; all others are rows of four columns.
type compatibility struct {
	intro    []string
	sections []*section
}

func readCompatibility(table string) (*compatibility, error) {
	c := &compatibility{}
	var last *section
	for i, line := range strings.Split(table, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "#"):
			title, policies := strings.CutPrefix(strings.TrimPrefix(line, "# "), "policies: ")
			last = &section{title: title, policies: policies}
			c.sections = append(c.sections, last)
		case strings.HasPrefix(line, ">"):
			text := strings.TrimSpace(line[1:])
			if last == nil {
				c.intro = append(c.intro, text)
			} else {
				last.prose = append(last.prose, text)
			}
		default:
			cells := strings.Split(line, "\t")
			if len(cells) != 4 || last == nil {
				return nil, fmt.Errorf("compatibility.tsv:%d: a row has four columns and stands in a section", i+1)
			}
			r := row{theirs: cells[0], ours: cells[1], state: cells[2], note: cells[3]}
			switch r.state {
			case same, differs, absent, beyond:
			default:
				return nil, fmt.Errorf("compatibility.tsv:%d: unknown state %q", i+1, r.state)
			}
			last.rows = append(last.rows, r)
		}
	}
	return c, nil
}

// of are the rows about a policy.
func (c *compatibility) of(name string) []row {
	var rows []row
	for _, s := range c.sections {
		for _, r := range s.rows {
			if s.policies && r.ours == name {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// missing are the policies that rows name and the catalogue has not, and
// unnamed those of the catalogue that no row names.
func (c *compatibility) missing(entries []*policy.Entry) (missing, unnamed []string) {
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Name] = true
		if len(c.of(e.Name)) == 0 {
			unnamed = append(unnamed, e.Name)
		}
	}
	for _, s := range c.sections {
		for _, r := range s.rows {
			if s.policies && r.state != absent && !known[r.ours] {
				missing = append(missing, r.ours)
			}
		}
	}
	return missing, unnamed
}

func (c *compatibility) page(entries []*policy.Entry) string {
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Name] = true
	}
	var b strings.Builder
	b.WriteString("# Compatibility\n\n")
	prose(&b, c.intro)
	c.count(&b, known)
	for _, s := range c.sections {
		fmt.Fprintf(&b, "## %s\n\n", s.title)
		prose(&b, s.prose)
		if len(s.rows) == 0 {
			continue
		}
		b.WriteString("| MuleSoft | Farrier | state | differences |\n|---|---|---|---|\n")
		for _, r := range s.rows {
			ours := r.ours
			if s.policies && known[ours] {
				ours = "[" + ours + "](policies/" + ours + ".md)"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.theirs, ours, s.told(r, known), strings.ReplaceAll(r.note, "|", `\|`))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// told is the state as it is: what the catalogue does not have is absent,
// whatever the row says.
func (s *section) told(r row, known map[string]bool) string {
	if s.policies && !known[r.ours] {
		return absent
	}
	return r.state
}

// count tells how many rows about policies have which state.
func (c *compatibility) count(b *strings.Builder, known map[string]bool) {
	counts := map[string]int{}
	for _, s := range c.sections {
		for _, r := range s.rows {
			if s.policies {
				counts[s.told(r, known)]++
			}
		}
	}
	b.WriteString("| state | rows about policies |\n|---|---|\n")
	for _, state := range []string{same, differs, beyond, absent} {
		fmt.Fprintf(b, "| %s | %d |\n", state, counts[state])
	}
	b.WriteString("\n")
}

func prose(b *strings.Builder, paragraphs []string) {
	for _, p := range paragraphs {
		fmt.Fprintf(b, "%s\n\n", p)
	}
}
