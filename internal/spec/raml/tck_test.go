package raml

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec"
)

// corpus finds a folder of the test corpora beside the repository.
func corpus(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "..", "shared", "corpora", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("skipped: the corpus %s is not beside the repository", name)
	}
	return dir
}

// differences are the files about whose validity we disagree, with the reason.
func differences(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/tck-differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		name, reason, ok := strings.Cut(s.Text(), ": ")
		switch {
		case s.Text() == "" || s.Text()[0] == '#':
		case !ok || len(reason) < 20:
			t.Fatalf("a line has no reason: %s", s.Text())
		default:
			out[name] = reason
		}
	}
	return out
}

// projectOf is the folder that the files of one case lie in.
func projectOf(name string) string {
	steps := strings.Split(name, "/")
	depth := 2
	if steps[0] == "Types" {
		depth = 3
	}
	return path.Join(steps[:min(depth, len(steps)-1)]...)
}

type tally struct{ valid, validRight, invalid, invalidRight int }

// TestTCK holds our verdicts against those of RAML's own compatibility kit.
func TestTCK(t *testing.T) {
	root := filepath.Join(corpus(t, "raml-tck"), "tests", "raml-1.0")
	known, tallies, total := differences(t), map[string]*tally{}, &tally{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".raml" {
			return err
		}
		rel, _ := filepath.Rel(root, file)
		name := filepath.ToSlash(rel)
		folder := projectOf(name)
		p, err := spec.OpenFolder(filepath.Join(root, filepath.FromSlash(folder)), spec.ProjectLimits{})
		if err != nil {
			return err
		}
		doc := Read(p, strings.TrimPrefix(name, folder+"/"))
		group, _, _ := strings.Cut(name, "/")
		if tallies[group] == nil {
			tallies[group] = &tally{}
		}
		valid := !strings.Contains(path.Base(name), "invalid")
		right := doc.Valid() == valid
		tallies[group].add(valid, right)
		total.add(valid, right)
		reason, listed := known[name]
		delete(known, name)
		switch {
		case !right && !listed:
			t.Errorf("DIFF %s\n\tvalid: we say %v, %v", name, doc.Valid(), doc.Problems[:min(3, len(doc.Problems))])
		case right && listed:
			t.Errorf("%s is listed as a difference and is none any more: %s", name, reason)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		t.Errorf("%s is listed as a difference and is not there", name)
	}
	report(t, tallies, total)
}

func report(t *testing.T, tallies map[string]*tally, total *tally) {
	t.Helper()
	groups := make([]string, 0, len(tallies))
	for name := range tallies {
		groups = append(groups, name)
	}
	slices.SortFunc(groups, cmp.Compare)
	for _, name := range groups {
		t.Logf("%-18s %s", name, tallies[name])
	}
	t.Logf("%-18s %s", "all", total)
	if all := total.valid + total.invalid; all < 1000 {
		t.Errorf("only %d files were read", all)
	}
	if total.validRight != total.valid {
		t.Errorf("%d valid files were refused", total.valid-total.validRight)
	}
	if right := total.validRight + total.invalidRight; right*100 < (total.valid+total.invalid)*97 {
		t.Errorf("%d verdicts are right, less than 97 %%", right)
	}
}

func (y *tally) add(valid, right bool) {
	all, good := &y.invalid, &y.invalidRight
	if valid {
		all, good = &y.valid, &y.validRight
	}
	*all++
	if right {
		*good++
	}
}

func (y *tally) String() string {
	return fmt.Sprintf("valid %4d of %4d accepted, invalid %4d of %4d refused", y.validRight, y.valid, y.invalidRight, y.invalid)
}
