package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Adoption is a resource that was made here: an API that was adopted, or a policy that
// was applied.
type Adoption struct {
	// Name is that of its file, without ending.
	Name string `json:"name"`
	// Kind is api or policy.
	Kind string `json:"kind"`
	// API is namespace/name of the API; Policy that which is bound to it, if one is.
	API      string    `json:"api"`
	Policy   string    `json:"policy,omitempty"`
	Operator string    `json:"operator"`
	Made     time.Time `json:"made"`
	// Files are those of the folder that belong to it.
	Files []string `json:"files"`
}

// Adopted is the folder of resources that were made here. It is one of the sources of
// manifests; what lies in it is Farrier's own and may be removed.
type Adopted struct {
	dir string

	mu  sync.Mutex
	all []Adoption
}

// The files that lie in the folder beside the adoptions.
const (
	adoptedIndex  = "adopted.json"
	adoptedReadme = "about.yaml"
)

const aboutAdopted = `# Farrier keeps here what operators adopted or applied in the console. Each file can
# be read, copied to other manifests, and removed in the console.
`

// adoptedFile is format version 1.
type adoptedFile struct {
	Version int        `json:"version"`
	All     []Adoption `json:"all"`
}

// OpenAdopted opens the folder adopted of a data folder, and makes it where there is none.
func OpenAdopted(data string) (*Adopted, error) {
	a := &Adopted{dir: filepath.Join(data, "adopted")}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the adopted resources: %w", err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, adoptedReadme), []byte(aboutAdopted), 0o600); err != nil {
		return nil, fmt.Errorf("opening the adopted resources: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(a.dir, adoptedIndex))
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the adopted resources: %w", err)
	}
	var file adoptedFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading the adopted resources: %s: %w; mend it, or take it away to forget who made them", filepath.Join(a.dir, adoptedIndex), err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("reading the adopted resources: %s has the version %d; this Farrier knows version 1", filepath.Join(a.dir, adoptedIndex), file.Version)
	}
	a.all = file.All
	return a, nil
}

// Dir is the folder, which must be one of the sources of manifests.
func (a *Adopted) Dir() string { return a.dir }

// All are the adoptions, by name.
func (a *Adopted) All() []Adoption {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// put writes an adoption with its files; one of the name must not be there.
func (a *Adopted) put(one Adoption, files map[string]string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.ContainsFunc(a.all, func(o Adoption) bool { return o.Name == one.Name }) {
		return wrong("%s was made before; remove it first", one.Name)
	}
	for name := range files {
		one.Files = append(one.Files, name)
	}
	// A description lies there before the manifest that names it.
	slices.SortFunc(one.Files, func(x, y string) int { return strings.Compare(y, x) })
	for _, name := range one.Files {
		if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
			return fmt.Errorf("writing an adopted resource: the name %q is no file's", name)
		}
	}
	next := append(slices.Clone(a.all), one)
	slices.SortFunc(next, func(x, y Adoption) int { return strings.Compare(x.Name, y.Name) })
	if err := a.index(next); err != nil {
		return err
	}
	for i, name := range one.Files {
		if err := replace(filepath.Join(a.dir, name), []byte(files[name])); err != nil {
			// Half of it must not be published.
			for _, written := range one.Files[:i] {
				err = errors.Join(err, os.Remove(filepath.Join(a.dir, written)))
			}
			return fmt.Errorf("writing an adopted resource: %w", errors.Join(err, a.index(a.all)))
		}
	}
	a.all = next
	return nil
}

// remove takes an adoption and its files away.
func (a *Adopted) remove(name string) (Adoption, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.IndexFunc(a.all, func(o Adoption) bool { return o.Name == name })
	if at < 0 {
		return Adoption{}, fs.ErrNotExist
	}
	one := a.all[at]
	for _, file := range one.Files {
		if !filepath.IsLocal(file) {
			continue // somebody wrote the index
		}
		if err := os.Remove(filepath.Join(a.dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return one, fmt.Errorf("removing an adopted resource: %w", err)
		}
	}
	next := slices.Delete(slices.Clone(a.all), at, at+1)
	if err := a.index(next); err != nil {
		return one, err
	}
	a.all = next
	return one, nil
}

func (a *Adopted) index(all []Adoption) error {
	text, err := json.MarshalIndent(adoptedFile{1, all}, "", "  ")
	if err == nil {
		err = replace(filepath.Join(a.dir, adoptedIndex), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the list of adopted resources: %w", err)
	}
	return nil
}

// replace writes a file as a whole or not at all. Its name while it is written is one
// that nobody reads as a manifest.
func replace(file string, text []byte) error {
	if err := os.WriteFile(file+".next", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".next", file)
}
