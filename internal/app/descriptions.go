package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// description is where a description is to be found.
type description struct {
	// root is the folder of its project, archive the zip that it lies in; one of
	// them is empty.
	root, archive string
	// main is the name of its main file in there; empty stands for the one that
	// the project itself names.
	main string
}

func (d description) open(limits spec.ProjectLimits) (*spec.Project, error) {
	if d.archive == "" {
		return spec.OpenFolder(d.root, limits)
	}
	archive, err := os.ReadFile(d.archive)
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return spec.OpenZip(archive, limits)
}

// shown is a file of the project as people know it.
func (d description) shown(file string) string {
	if file == "" {
		return d.name()
	}
	if d.archive != "" {
		return filepath.Join(d.archive, file)
	}
	return filepath.Join(d.root, file)
}

func (d description) name() string {
	if d.archive != "" {
		return d.archive
	}
	return filepath.Join(d.root, d.main)
}

// descriptions finds what is to be judged. Folders are searched; a file that is
// named is taken whatever it is.
func descriptions(paths []string, root string) ([]description, error) {
	var out []description
	for _, p := range paths {
		matches := []string{p}
		if _, err := os.Stat(p); err != nil && strings.ContainsAny(p, "*?[") {
			if matches, err = filepath.Glob(p); err != nil {
				return nil, fmt.Errorf("%s: not a pattern: %w", p, err)
			}
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("%s: no file matches", p)
		}
		for _, m := range matches {
			found, err := describe(m, root)
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
	}
	slices.SortFunc(out, func(a, b description) int { return strings.Compare(a.name(), b.name()) })
	return slices.CompactFunc(out, func(a, b description) bool { return a.name() == b.name() }), nil
}

func describe(name, root string) ([]description, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the description: %w", err)
	case info.Mode().IsRegular() && strings.EqualFold(filepath.Ext(name), ".zip"):
		return []description{{archive: name}}, nil
	case filepath.Base(name) == exchangeFile && info.Mode().IsRegular():
		return []description{{root: filepath.Dir(name)}}, nil
	case info.Mode().IsRegular():
		return inProject(name, root)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is neither a file nor a folder; copy what it gives into a file", name)
	}
	if _, err := os.Stat(filepath.Join(name, exchangeFile)); err == nil {
		return []description{{root: name}}, nil
	}
	var out []description
	err = filepath.WalkDir(name, func(file string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "exchange_modules" || strings.HasPrefix(d.Name(), ".") && file != name):
			return filepath.SkipDir
		case !d.Type().IsRegular() || !mayDescribe(file):
			return nil
		}
		one, err := inProject(file, root)
		out = append(out, one...)
		return err
	})
	if err == nil && len(out) == 0 {
		err = errors.New("no description of an API was found in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

const exchangeFile = "exchange.json"

// mayDescribe looks at the beginning of a file.
func mayDescribe(name string) bool {
	head, err := headOf(name)
	return err == nil && languages.Describes(name, head)
}

func headOf(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, 4096))
}

// inProject finds the project of a file.
func inProject(name, root string) ([]description, error) {
	if root == "" {
		root = filepath.Dir(name)
		if head, err := headOf(name); err == nil && languages.Fragment(head) {
			// A fragment of RAML lies in a folder of its project.
			root = filepath.Join(root, "..")
		}
		for dir := root; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, exchangeFile)); err == nil {
				root = dir
				break
			}
			if up := filepath.Dir(dir); up == dir {
				break
			}
		}
	}
	main, err := below(root, name)
	if err != nil || !filepath.IsLocal(main) {
		return nil, fmt.Errorf("%s lies outside the folder %s; --root names another", name, root)
	}
	return []description{{root: root, main: filepath.ToSlash(main)}}, nil
}

// below is the name of a file relative to a folder, either of which may be
// relative to the working directory.
func below(dir, name string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if name, err = filepath.Abs(name); err != nil {
		return "", err
	}
	return filepath.Rel(dir, name)
}
