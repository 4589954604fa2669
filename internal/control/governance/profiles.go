package governance

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/spec"
)

// profile is a profile with its rulesets loaded.
type profile struct {
	*rules.Profile
	rulesets []*rules.Ruleset
	// digest is over the profile and the files of its rulesets.
	digest [sha256.Size]byte
}

// library loads rulesets; those that are built in only once.
type library struct {
	mu   sync.Mutex
	sets map[string]*rules.Ruleset
}

func (l *library) builtin(name string) (*rules.Ruleset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if set := l.sets[name]; set != nil {
		return set, nil
	}
	set, err := rules.Builtin(name)
	if err == nil {
		l.sets[name] = set
	}
	return set, err
}

// Standard is the profile that holds where none is written: it reports and
// refuses nothing.
func Standard() *rules.Profile {
	p := &rules.Profile{Name: "standard", Description: "holds while no profile is written", Active: true, Filter: rules.Filter{Kinds: []string{"all"}}}
	for _, name := range []string{"owasp-api-security-top-10", "authentication-security-best-practices", "https-enforcement", "api-instance", "layers", "exposure", "data-classification"} {
		p.Rulesets = append(p.Rulesets, rules.ProfileRuleset{Name: name})
	}
	return p
}

// readProfiles reads the profiles of files and folders; those of folders are
// their *.yaml and *.yml.
func (l *library) readProfiles(paths []string) (read []*profile, err error) {
	// Rulesets are of strangers, and what serves must not end for them.
	defer func() {
		if fault := recover(); fault != nil {
			read, err = nil, fmt.Errorf("reading profiles has failed: %v", fault)
		}
	}()
	if len(paths) == 0 {
		p, err := l.load(Standard(), ".")
		return []*profile{p}, err
	}
	var out []*profile
	names := map[string]string{}
	for _, file := range paths {
		files := []string{file}
		if info, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("reading profiles: %w", err)
		} else if info.IsDir() {
			if files, err = inFolder(file); err != nil {
				return nil, err
			}
		}
		for _, name := range files {
			p, err := l.readProfile(name)
			if err != nil {
				return nil, err
			}
			if first := names[p.Name]; first != "" {
				return nil, fmt.Errorf("%s: a profile %s exists already in %s; rename or remove one", name, p.Name, first)
			}
			names[p.Name] = name
			out = append(out, p)
		}
	}
	return out, nil
}

func inFolder(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading profiles: %w", err)
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.Type().IsRegular() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: there is no profile in it", dir)
	}
	slices.Sort(files)
	return files, nil
}

func (l *library) readProfile(name string) (*profile, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the operator named it
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	p, err := rules.ReadProfile(&tree.Source{Name: name, Text: text})
	if err != nil {
		return nil, err
	}
	out, err := l.load(p, filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	_, _ = h.Write(text)
	_, _ = h.Write(out.digest[:])
	h.Sum(out.digest[:0])
	return out, nil
}

// load loads the rulesets of a profile, whose files lie below a folder.
func (l *library) load(p *rules.Profile, dir string) (*profile, error) {
	out := &profile{Profile: p}
	h := sha256.New()
	for _, r := range p.Rulesets {
		set, err := l.builtin(r.Name)
		if errors.Is(err, rules.ErrUnknown) {
			set, err = loadFile(h, dir, r.Name, err)
		}
		if err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.Name, err)
		}
		out.rulesets = append(out.rulesets, set)
	}
	h.Sum(out.digest[:0])
	return out, p.Check(out.rulesets)
}

// loadFile loads a ruleset from a file, and hashes all files that it consists of.
func loadFile(h hash.Hash, dir, name string, unknown error) (*rules.Ruleset, error) {
	project, err := spec.OpenFolder(dir, spec.ProjectLimits{})
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(os.DirFS(dir), filepath.ToSlash(filepath.Clean(name))); err != nil {
		return nil, unknown
	}
	set, err := rules.LoadFile(project, filepath.ToSlash(name))
	if err != nil {
		return nil, err
	}
	names := project.Files()
	slices.Sort(names)
	for _, file := range names {
		if src, err := project.Source(file); err == nil {
			_, _ = fmt.Fprintf(h, "%q %d\n", file, len(src.Text))
			_, _ = h.Write(src.Text)
		}
	}
	set.Name = name
	return set, nil
}
