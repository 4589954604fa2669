package app_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/secret"
)

var realCatalogue = sync.OnceValues(app.RealCatalogue)

// build builds manifests as farrier serve does.
func build(t testing.TB, files []manifest.File) (built bool, problems []manifest.Problem) {
	t.Helper()
	known, err := realCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	rev, problems := manifest.Build(manifest.Read(files), known, manifest.Options{Expand: secret.Environ().Expand})
	if (rev == nil) != manifest.HasErrors(problems) {
		t.Errorf("a revision: %t, and problems %v", rev != nil, problems)
	}
	return rev != nil, problems
}

func buildable(t testing.TB, text string) bool {
	t.Helper()
	built, _ := build(t, []manifest.File{{Name: "manifest.yaml", Text: []byte(text)}})
	return built
}

// TestMutatedExamples breaks the examples in 2,000 ways and builds them with the
// real catalogue: never a panic, never half of a revision, and every problem
// names file and line, and the field where the YAML could be read.
func TestMutatedExamples(t *testing.T) {
	const rounds = 2_000
	var sites [][]manifest.File
	for _, dir := range []string{"kinds", "policies"} {
		texts := folder(t, examples+"/"+dir)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			sites = append(sites, []manifest.File{{Name: name, Text: []byte(texts[name])}})
		}
	}
	random := rand.New(rand.NewPCG(7, 7))
	refused, unreadable := 0, 0
	for range rounds {
		files := slices.Clone(sites[random.IntN(len(sites))])
		for range 1 + random.IntN(2) {
			files[0].Text = mutate(random, files[0].Text)
		}
		built, problems := build(t, files)
		if !built {
			refused++
		}
		for _, p := range problems {
			lines := bytes.Count(files[0].Text, []byte("\n")) + 1
			if p.File != files[0].Name || p.Line < 1 || p.Line > lines || p.Message == "" {
				t.Fatalf("%+v has no place in\n%s", p, files[0].Text)
			}
			if p.Field != "" {
				continue
			}
			unreadable++
			if !strings.HasPrefix(p.Message, "not readable as YAML") && !strings.HasPrefix(p.Message, "not UTF-8") {
				t.Fatalf("%+v names no field of\n%s", p, files[0].Text)
			}
		}
	}
	t.Logf("%d mutations of %d examples: %d refused, %d not readable", rounds, len(sites), refused, unreadable)
	if refused < rounds/4 || refused > rounds*99/100 || unreadable < rounds/100 {
		t.Error("the mutations are too weak or too strong to say anything")
	}
}

// odd are values that stand where others were.
var odd = []string{
	"null", "true", "-1", "0", "1e999", "99999999999999999999", "[]", "{}", "[[]]", "[null]", `""`, "$NOWHERE", "$EXAMPLE_PASSWORD",
	"*a", "&a x", "!!int abc", "|\n  text", "'", "http://a:1", "(?=x)", "(", `"#[attributes.]"`, `"#[["`, "\u2028", "%zz", `"\u0000"`,
}

// mutate breaks one thing in a manifest.
func mutate(random *rand.Rand, text []byte) []byte {
	if len(text) == 0 {
		return []byte(odd[random.IntN(len(odd))])
	}
	lines := strings.SplitAfter(string(text), "\n")
	i := random.IntN(len(lines))
	switch random.IntN(8) {
	case 0: // other bits in a byte
		out := bytes.Clone(text)
		out[random.IntN(len(out))] ^= byte(1 + random.IntN(255))
		return out
	case 1: // a line less
		lines[i] = ""
	case 2: // a line twice
		lines[i] += lines[i]
	case 3: // a letter more
		at := random.IntN(len(lines[i]) + 1)
		lines[i] = lines[i][:at] + string(rune('a'+random.IntN(26))) + lines[i][at:]
	case 4: // another value behind a colon
		parts := strings.Split(lines[i], ": ")
		if len(parts) > 1 {
			at := 1 + random.IntN(len(parts)-1)
			_, rest, more := strings.Cut(parts[at], ",")
			if parts[at] = odd[random.IntN(len(odd))]; more {
				parts[at] += "," + rest
			} else {
				parts[at] += "\n"
			}
			lines[i] = strings.Join(parts, ": ")
		}
	case 5: // another depth
		lines[i] = fmt.Sprintf("%*s%s", random.IntN(5), "", strings.TrimPrefix(lines[i], "  "))
	case 6: // cut off
		return text[:random.IntN(len(text))]
	default: // two lines swapped
		j := random.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
	}
	return []byte(strings.Join(lines, ""))
}
