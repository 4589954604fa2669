// Command changelog joins the files of changes/ into CHANGELOG.md, in the form
// of Keep a Changelog. Without flags it rewrites the section of what is not
// released yet; with -release and -date it makes that section a release and
// removes the files.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// kinds are the folders of changes/, in the order of the page.
var kinds = []string{"added", "changed", "deprecated", "removed", "fixed", "security"}

func main() {
	release := flag.String("release", "", "version to release, such as 1.2.3; empty rewrites the unreleased section")
	date := flag.String("date", "", "day of the release, such as 2026-11-30")
	flag.Parse()
	if err := run("..", *release, *date); err != nil {
		fmt.Fprintln(os.Stderr, "changelog:", err)
		os.Exit(1)
	}
}

func run(root, release, date string) error {
	if (release == "") != (date == "") {
		return errors.New("-release and -date go together")
	}
	notes, files, err := collect(os.DirFS(root))
	if err != nil {
		return err
	}
	page := filepath.Join(root, "CHANGELOG.md")
	old, err := os.ReadFile(page) //nolint:gosec // The page of this repository.
	if err != nil {
		return err
	}
	text, err := join(old, notes, release, date)
	if err != nil {
		return err
	}
	if err := os.WriteFile(page, text, 0o644); err != nil { //nolint:gosec // A document anyone may read.
		return err
	}
	if release == "" {
		return nil
	}
	for _, name := range files {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return nil
}

// collect reads changes/<kind>/<slug>.md, one change a file, and returns them
// as Markdown, grouped by kind, and the names of the files.
func collect(root fs.FS) (notes []byte, files []string, err error) {
	folders, err := fs.ReadDir(root, "changes")
	if err != nil {
		return nil, nil, err
	}
	for _, f := range folders {
		if f.IsDir() && !slices.Contains(kinds, f.Name()) {
			return nil, nil, fmt.Errorf("changes/%s: the kinds are %s", f.Name(), strings.Join(kinds, ", "))
		}
	}
	var out bytes.Buffer
	for _, kind := range kinds {
		names, err := fs.Glob(root, path.Join("changes", kind, "*.md"))
		if err != nil {
			return nil, nil, err
		}
		for i, name := range names {
			text, err := fs.ReadFile(root, name)
			if err != nil {
				return nil, nil, err
			}
			note := strings.TrimSpace(string(text))
			if note == "" || strings.ContainsAny(note[:1], "#-*") {
				return nil, nil, fmt.Errorf("%s: a change is a paragraph of plain sentences", name)
			}
			if i == 0 {
				fmt.Fprintf(&out, "\n### %s%s\n\n", strings.ToUpper(kind[:1]), kind[1:])
			}
			fmt.Fprintf(&out, "- %s\n", strings.ReplaceAll(note, "\n", "\n  "))
			files = append(files, name)
		}
	}
	return out.Bytes(), files, nil
}

const unreleased = "## [Unreleased]\n"

// join replaces the unreleased section of the page by the notes, or puts an
// empty one and a section of the release in its place.
func join(page, notes []byte, release, date string) ([]byte, error) {
	before, rest, ok := bytes.Cut(page, []byte(unreleased))
	if !ok {
		return nil, fmt.Errorf("CHANGELOG.md has no line %q", strings.TrimSpace(unreleased))
	}
	var older []byte
	if i := bytes.Index(rest, []byte("\n## [")); i >= 0 {
		older = rest[i:]
	}
	heading := ""
	if release != "" {
		if bytes.Contains(older, []byte("## ["+release+"]")) {
			return nil, fmt.Errorf("%s is released already", release)
		}
		heading = fmt.Sprintf("\n## [%s] - %s\n", release, date)
	}
	return slices.Concat(before, []byte(unreleased), []byte(heading), notes, older), nil
}
