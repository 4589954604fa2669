package detecttest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
)

// grammar is a set of named lists of lines; ⟨name⟩ in a line stands for a line
// of that list, ⟨1-9⟩ for a number, and the names in terminals for generated
// values.
type grammar struct {
	lists map[string][][]piece
	texts []string // lists whose lines are whole texts
}

// piece is literal text, a reference to a list, or a range of numbers.
type piece struct {
	literal, ref string
	low, high    int
}

var vocabulary = sync.OnceValue(func() *grammar {
	g := &grammar{lists: map[string][][]piece{}}
	for _, file := range []string{"people", "prose", "work", "things"} {
		lines("benign-"+file+".txt", func(heading, option, text string) {
			if option == "text" && g.lists[heading] == nil {
				g.texts = append(g.texts, heading)
			}
			g.lists[heading] = append(g.lists[heading], pieces(text))
		})
	}
	for name, list := range g.lists {
		for _, line := range list {
			for _, p := range line {
				if p.ref != "" && g.lists[p.ref] == nil && terminals[p.ref] == nil {
					panic(fmt.Sprintf("seeds: the list %s names %s, which does not exist", name, p.ref))
				}
			}
		}
	}
	return g
})

func pieces(line string) []piece {
	var all []piece
	for {
		before, rest, ok := strings.Cut(line, "⟨")
		if before != "" {
			all = append(all, piece{literal: before})
		}
		if !ok {
			return all
		}
		name, after, _ := strings.Cut(rest, "⟩")
		line = after
		low, high, _ := strings.Cut(name, "-")
		a, err1 := strconv.Atoi(low)
		b, err2 := strconv.Atoi(high)
		if err1 == nil && err2 == nil {
			all = append(all, piece{low: a, high: b})
		} else {
			all = append(all, piece{ref: name})
		}
	}
}

// say writes one line of a list.
func say(r *rand.Rand, list string) string {
	var b strings.Builder
	vocabulary().write(&b, r, list)
	return b.String()
}

func (g *grammar) write(b *strings.Builder, r *rand.Rand, list string) {
	if t := terminals[list]; t != nil {
		b.WriteString(t(r))
		return
	}
	all := g.lists[list]
	if all == nil {
		panic("seeds: no list is called " + list)
	}
	for _, p := range pick(r, all) {
		switch {
		case p.literal != "":
			b.WriteString(p.literal)
		case p.ref != "":
			g.write(b, r, p.ref)
		default:
			b.WriteString(strconv.Itoa(p.low + r.IntN(p.high-p.low+1)))
		}
	}
}

// terminals are values that are generated rather than chosen.
var terminals = map[string]func(r *rand.Rand) string{
	"uuid": func(r *rand.Rand) string {
		return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), 0x8000|r.IntN(1<<14), r.Uint64()>>16)
	},
	"hex":  func(r *rand.Rand) string { return fmt.Sprintf("%016x", r.Uint64()) },
	"hex6": func(r *rand.Rand) string { return fmt.Sprintf("%06x", r.IntN(1<<24)) },
	"date": func(r *rand.Rand) string {
		return fmt.Sprintf("%d-%02d-%02d", 2019+r.IntN(9), 1+r.IntN(12), 1+r.IntN(28))
	},
	"stamp": func(r *rand.Rand) string {
		zone := pick(r, []string{"Z", "Z", "+01:00", "-05:00", "+05:30", ".123Z", ".4567890+09:00"})
		return fmt.Sprintf("%d-%02d-%02dT%02d:%02d:%02d%s", 2024+r.IntN(4), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), zone)
	},
	"geo": func(r *rand.Rand) string {
		return fmt.Sprintf("%.6f,%.6f", r.Float64()*170-85, r.Float64()*360-180)
	},
	"phone": func(r *rand.Rand) string {
		return fmt.Sprintf(pick(r, []string{"+49 (0)30 / %d-%02d", "(555) %03d-%04d", "+33 6 12 %d %02d", "+1-212-%03d-%04d", "0%d/%d", "+81 3-%d-%d", "+44 20 7%03d %d ext. 12"}), 100+r.IntN(900), 1000+r.IntN(9000))
	},
	"iban": func(r *rand.Rand) string {
		return fmt.Sprintf("%s%02d %04d %04d %04d %04d %02d", pick(r, []string{"DE", "FR", "NL", "ES", "AT", "PL"}), r.IntN(98), r.IntN(10000), r.IntN(10000), r.IntN(10000), r.IntN(10000), r.IntN(100))
	},
	"money": func(r *rand.Rand) string { return fmt.Sprintf("%d.%02d", r.IntN(3000), r.IntN(100)) },
}

// sentences joins lines of one language to a text of about n bytes.
func sentences(r *rand.Rand, n int) string {
	language := pick(r, languages)
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(say(r, language) + pick(r, []string{" ", " ", "\n", "\n\n"}))
	}
	return strings.TrimSpace(b.String())
}

var languages = []string{"en", "en", "en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "ru", "uk", "el", "ja", "zh", "ko", "ar", "he", "hi"}
