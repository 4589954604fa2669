package replay

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Text writes the report for people.
func (p *Report) Text(out io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Sample: %d of %d requests since %s (%d of %d refused ones, %d of %d others).",
		p.Sampled, p.Seen, p.Since.Format(time.RFC3339), p.OfRefused.Sampled, p.OfRefused.Seen, p.OfPassed.Sampled, p.OfPassed.Seen)
	if p.Dropped > 0 {
		line("  %d more were to be captured, for which there was no time or room.", p.Dropped)
	}
	if p.Damaged > 0 {
		line("  %d damaged records were passed over.", p.Damaged)
	}
	line("")
	line("Would be refused: %d of the sample", p.WouldRefuse)
	line("  refused when recorded:     %d", p.StillRefused)
	line("  newly refused:             %d", p.NewlyRefused)
	line("Refused then, would pass:    %d", p.WouldPass)
	if p.Undecided > 0 {
		line("Refused then, undecided:     %d (what was refused is not kept, as it may be a credential)", p.Undecided)
	}
	if p.Failed > 0 {
		line("Could not be judged:         %d (they count as refused)", p.Failed)
	}
	table(&b, "Rule\tWould refuse\tNewly", len(p.Rules), func(w io.Writer) {
		for _, r := range p.Rules {
			_, _ = fmt.Fprintf(w, "%s\t%d\t%d\n", r.Rule, r.WouldRefuse, r.NewlyRefused)
		}
	})
	table(&b, "API\tOperation\tSampled\tSeen\tWould refuse\tNewly\tWould pass", len(p.Operations), func(w io.Writer) {
		for _, o := range p.Operations {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", o.API, o.Operation, o.Sampled, o.Seen, o.WouldRefuse, o.NewlyRefused, o.WouldPass)
		}
	})
	table(&b, "Record\tReceived\tOperation\tChange\tRules", len(p.Examples), func(w io.Writer) {
		for _, e := range p.Examples {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Record, e.Received.UTC().Format(time.RFC3339), e.Operation, e.Change, strings.Join(e.Rules, " "))
		}
	})
	if _, err := io.WriteString(out, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func table(b *strings.Builder, head string, rows int, fill func(w io.Writer)) {
	if rows == 0 {
		return
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, head)
	fill(w)
	_ = w.Flush() // a strings.Builder takes all
}
