package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/manifest"
)

// TestExamplesAreGood holds that the examples, one for every kind and policy,
// make a revision.
func TestExamplesAreGood(t *testing.T) {
	rev, problems := manifest.Build(manifest.Load([]string{"testdata/examples"}), newCatalogue(), options())
	whole(t, rev, problems)
	if rev == nil {
		t.Fatalf("%v", problems)
	}
	for _, p := range problems {
		t.Log(p.Text())
	}
	if len(rev.APIs) != 2 || len(rev.Services) != 4 || len(problems) == 0 {
		t.Errorf("%d APIs, %d services, %d warnings", len(rev.APIs), len(rev.Services), len(problems))
	}
}

// sites are all good manifests that the tests know, each with what belongs to
// it.
func sites(t testing.TB) [][]manifest.File {
	t.Helper()
	var examples []manifest.File
	for _, pattern := range []string{"testdata/examples/*.yaml", "testdata/examples/conf.d/*.yml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			examples = append(examples, manifest.File{Name: path, Text: text})
		}
	}
	var all [][]manifest.File
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var files []manifest.File
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".yaml") {
				files = append(files, manifest.File{Name: f.Name, Text: f.Data})
			}
		}
		if rev, _ := manifest.Build(manifest.Read(files), newCatalogue(), options()); rev != nil {
			all = append(all, files)
			if len(all)%4 == 1 {
				all = append(all, examples[len(all)/4%len(examples):][:1])
			}
		}
	}
	return all
}

// TestMutatedManifests plays mutated manifests: never a panic, never half a
// revision, and every error leads to a line, and to a field where the YAML
// could be read.
func TestMutatedManifests(t *testing.T) {
	const parts, rounds = 4, 2_500
	all := sites(t)
	var refused, unreadable atomic.Int64
	t.Run("parts", func(t *testing.T) {
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(1, uint64(part)))
				for round := 0; round < rounds && !t.Failed(); round++ {
					files := slices.Clone(all[random.IntN(len(all))])
					for range 1 + random.IntN(3) {
						i := random.IntN(len(files))
						files[i].Text = mutate(random, files[i].Text)
					}
					built, unread := playMutated(t, files, round%20 == 0)
					if !built {
						refused.Add(1)
					}
					unreadable.Add(int64(unread))
				}
			})
		}
	})
	t.Logf("%d mutated manifests, %d refused, %d documents not readable", parts*rounds, refused.Load(), unreadable.Load())
	if n := refused.Load(); n < parts*rounds/4 || n > parts*rounds*99/100 || unreadable.Load() < parts*rounds/100 {
		t.Error("the mutations are too weak or too strong to say anything")
	}
}

func playMutated(t *testing.T, files []manifest.File, twice bool) (built bool, unreadable int) {
	set := manifest.Read(files)
	rev, problems := manifest.Build(set, newCatalogue(), options())
	whole(t, rev, problems)
	for _, p := range problems {
		if !placed(files, p) {
			t.Errorf("%s has no place in\n%s", p.Text(), files)
		}
		if p.Field == "" {
			unreadable++
		}
	}
	if twice {
		again, same := manifest.Build(set, newCatalogue(), options())
		if !reflect.DeepEqual(rev, again) || !reflect.DeepEqual(problems, same) {
			t.Errorf("building twice differs for\n%s", files)
		}
	}
	return rev != nil, unreadable
}

func placed(files []manifest.File, p manifest.Problem) bool {
	for _, f := range files {
		if f.Name != p.File {
			continue
		}
		readable := !strings.HasPrefix(p.Message, "not readable as YAML") && !strings.HasPrefix(p.Message, "not UTF-8")
		return p.Line >= 1 && p.Line <= bytes.Count(f.Text, []byte("\n"))+1 && p.Message != "" &&
			(p.Field != "") == readable && !strings.ContainsAny(p.Text(), "\n\r\x00")
	}
	return false
}

var words = []string{
	"null", "~", "true", "12", "-1", "1e999", "0x1F", "[]", "{}", "[[]]", "\"\"", "$NOWHERE", "$PASSWORD", "*a", "&a x",
	"!!int abc", "2020-01-01", ".inf", "<<: {a: b}", "? [a]: b", "|\n  text", "'", "http://a:1", "(?=x)", "\u2028", "%zz",
}

// mutate breaks one thing in a manifest.
func mutate(random *rand.Rand, text []byte) []byte {
	if len(text) == 0 {
		return []byte(words[random.IntN(len(words))])
	}
	lines := strings.SplitAfter(string(text), "\n")
	i := random.IntN(len(lines))
	line := lines[i]
	switch random.IntN(10) {
	case 0: // flip bits of a byte
		out := bytes.Clone(text)
		out[random.IntN(len(out))] ^= byte(1 + random.IntN(255))
		return out
	case 1: // delete a line
		lines[i] = ""
	case 2: // write a line twice
		lines[i] = line + line
	case 3: // misspell a key
		if key, _, ok := strings.Cut(line, ":"); ok && len(key) > 1 {
			at := random.IntN(len(key))
			lines[i] = line[:at] + string(rune('a'+random.IntN(26))) + line[at:]
		}
	case 4: // another value
		if key, _, ok := strings.Cut(line, ": "); ok {
			lines[i] = key + ": " + words[random.IntN(len(words))] + "\n"
		}
	case 5: // another value inside of braces
		if starts := strings.Split(line, ": "); len(starts) > 2 {
			at := 1 + random.IntN(len(starts)-1)
			_, rest, _ := strings.Cut(starts[at], ",")
			starts[at] = words[random.IntN(len(words))] + "," + rest
			lines[i] = strings.Join(starts, ": ")
		}
	case 6: // indent
		lines[i] = strings.Repeat(" ", 1+random.IntN(4)) + line
	case 7: // outdent
		lines[i] = strings.TrimPrefix(line, "  ")
	case 8: // cut
		return text[:random.IntN(len(text))]
	default: // swap two lines
		j := random.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
	}
	return []byte(strings.Join(lines, ""))
}

func FuzzRead(f *testing.F) {
	for i, site := range sites(f) {
		if i%3 == 0 {
			f.Add(site[0].Text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		files := []manifest.File{{Name: "f.yaml", Text: text}}
		rev, problems := manifest.Build(manifest.Read(files), newCatalogue(), options())
		whole(t, rev, problems)
		for _, p := range problems {
			if !placed(files, p) {
				t.Errorf("%s has no place", p.Text())
			}
		}
		if _, err := json.Marshal(rev); err != nil {
			t.Error(err)
		}
	})
}
