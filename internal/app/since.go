package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// changes are the lines that differ from a revision of Git, by the absolute name
// of the file.
type changes map[string][]lineRange

// lineRange is lines, both ends included.
type lineRange struct{ first, last int }

var hunk = regexp.MustCompile(`^@@ -\S+ \+(\d+)(?:,(\d+))? @@`)

// changedSince asks Git which lines in the repositories of the paths differ from a
// revision; files that Git does not know yet count whole.
func changedSince(ctx context.Context, revision string, paths []string) (changes, error) {
	if strings.HasPrefix(revision, "-") {
		return nil, fmt.Errorf("--since %s: is no revision", revision)
	}
	out, asked := changes{}, map[string]bool{}
	for _, path := range paths {
		folder, err := folderOf(path)
		if err != nil {
			return nil, fmt.Errorf("--since %s: %w", revision, err)
		}
		root, err := git(ctx, folder, "rev-parse", "--show-toplevel")
		if err != nil {
			return nil, fmt.Errorf("--since %s: %s: %w", revision, path, err)
		}
		dir := strings.TrimRight(string(root), "\n")
		if asked[dir] {
			continue
		}
		asked[dir] = true
		if err := out.read(ctx, dir, revision); err != nil {
			return nil, fmt.Errorf("--since %s: %w", revision, err)
		}
	}
	return out, nil
}

// folderOf is the folder of a path of the command line, which is no archive.
func folderOf(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("looking for Mule projects: %w", err)
	case info.IsDir():
		return path, nil
	case !strings.EqualFold(filepath.Ext(path), ".xml"):
		return "", fmt.Errorf("%s is no folder; Git knows no lines of what is in archives", path)
	}
	return filepath.Dir(path), nil
}

func (c changes) read(ctx context.Context, dir, revision string) error {
	diff, err := git(ctx, dir, "diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-prefix", "--diff-filter=d", revision, "--")
	if err != nil {
		return err
	}
	fresh, err := git(ctx, dir, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return err
	}
	file := ""
	lines := bufio.NewScanner(bytes.NewReader(diff))
	lines.Buffer(nil, len(diff)+1)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "+++ "); ok {
			name = strings.TrimSuffix(name, "\t") // it stands behind names with spaces
			if unquoted, err := strconv.Unquote(name); err == nil {
				name = unquoted
			}
			file = filepath.Join(dir, name)
			continue
		}
		if m := hunk.FindStringSubmatch(line); m != nil {
			first, _ := strconv.Atoi(m[1]) // digits
			count := 1
			if m[2] != "" {
				count, _ = strconv.Atoi(m[2])
			}
			// Where lines were only taken away, those around the place changed.
			c[file] = append(c[file], lineRange{first, max(first+count-1, first)})
		}
	}
	for name := range strings.SplitSeq(string(fresh), "\x00") {
		if name != "" {
			c[filepath.Join(dir, name)] = []lineRange{{0, 1 << 30}}
		}
	}
	return nil
}

// touches says whether a finding is in a line that changed, or its data comes
// through one.
func (c changes) touches(f *finding.Finding) bool {
	if c.at(f.Location) {
		return true
	}
	for i := range f.Way {
		if c.at(f.Way[i].Location) {
			return true
		}
	}
	return false
}

func (c changes) at(l finding.Location) bool {
	name, err := filepath.Abs(l.File)
	if err != nil || l.File == "" {
		return false
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	for _, r := range c[name] {
		if l.Line <= r.last && max(l.Line, l.EndLine) >= r.first {
			return true
		}
	}
	return false
}

// git runs Git in a folder; its own words are the error.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if said := strings.TrimSpace(string(exit.Stderr)); said != "" {
			return nil, fmt.Errorf("git: %.200s", said)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("asking git: %w", err)
	}
	return out, nil
}
