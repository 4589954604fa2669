package projects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan/history"
)

// Patch is a virtual patch: it closes a finding of a project at the gateway until
// a scan no longer has the finding.
type Patch struct {
	Project string `json:"project"`
	// Fingerprint and Rule are those of the finding.
	Fingerprint string    `json:"fingerprint"`
	Rule        string    `json:"rule"`
	API         string    `json:"api"`
	Operator    string    `json:"operator"`
	Made        time.Time `json:"made"`
	// Closes is what is refused.
	Closes []detect.Patch `json:"closes"`
}

// Patches are the virtual patches of all projects of an environment. The store holds
// them for all processes; a file of the data folder holds a copy, so that they hold
// also when the store is down.
type Patches struct {
	file string

	mu  sync.Mutex
	all []Patch
	// shared is the store that holds them, nil until it is open; version is that of
	// what the file is a copy of.
	shared  *history.History
	version int64
}

// patchFile is format version 1.
type patchFile struct {
	Version int `json:"version"`
	// Shared is the version of the store that it is a copy of, 0 for none.
	Shared  int64   `json:"shared,omitempty"`
	Patches []Patch `json:"patches"`
}

// OpenPatches reads the patches of a data folder. A file that can't be read is an
// error: without it holes would be open that somebody closed.
func OpenPatches(dir string) (*Patches, error) {
	p := &Patches{file: filepath.Join(dir, "patches.json")}
	text, err := os.ReadFile(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the virtual patches: %w", err)
	}
	var file patchFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading the virtual patches: %s: %w; mend it, or take it away to have none", p.file, err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("reading the virtual patches: %s has the version %d; this Farrier knows version 1", p.file, file.Version)
	}
	p.all, p.version = file.Patches, file.Shared
	return p, nil
}

// All are the patches, by API, project and finding.
func (p *Patches) All() []Patch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// change changes the patches, for all processes of the environment once they share a
// store. What can't be written does not hold.
func (p *Patches) change(ctx context.Context, next func([]Patch) []Patch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		return p.keep(next(slices.Clone(p.all)), 0)
	}
	var all []Patch
	_, version, err := p.shared.ChangePatches(ctx, func(text string) (string, error) {
		before, err := parsePatches(text)
		if err != nil {
			return "", err
		}
		all = next(before)
		return writePatches(all, 0)
	})
	if err != nil {
		return err
	}
	return p.keep(all, version)
}

func writePatches(all []Patch, shared int64) (string, error) {
	slices.SortFunc(all, func(a, b Patch) int {
		return strings.Compare(a.API+" "+a.Project+" "+a.Fingerprint, b.API+" "+b.Project+" "+b.Fingerprint)
	})
	text, err := json.MarshalIndent(patchFile{1, shared, all}, "", "  ")
	return string(text) + "\n", err
}

func parsePatches(text string) ([]Patch, error) {
	if text == "" {
		return nil, nil
	}
	var file patchFile
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("reading the virtual patches: %w", err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("reading the virtual patches: they have the version %d; this Farrier knows version 1", file.Version)
	}
	return file.Patches, nil
}

// keep writes the file, and lets hold what is in it.
func (p *Patches) keep(all []Patch, shared int64) error {
	text, err := writePatches(all, shared)
	if err == nil {
		err = os.WriteFile(p.file+".next", []byte(text), 0o600)
	}
	if err == nil {
		err = os.Rename(p.file+".next", p.file)
	}
	if err != nil {
		return fmt.Errorf("writing the virtual patches: %w", err)
	}
	p.all, p.version = all, shared
	return nil
}

// Share lets all processes of the environment have the same patches, in the store. The
// file holds a copy from then on; what it held before it was one is added to the store.
func (p *Patches) Share(ctx context.Context, h *history.History) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.version == 0 && len(p.all) > 0 {
		if _, _, err := h.ChangePatches(ctx, func(text string) (string, error) {
			all, err := parsePatches(text)
			if err != nil {
				return "", err
			}
			for _, one := range p.all {
				if !slices.ContainsFunc(all, one.same) {
					all = append(all, one)
				}
			}
			return writePatches(all, 0)
		}); err != nil {
			return err
		}
	}
	p.shared = h
	return nil
}

// same says that another patch closes the same finding at the same API.
func (p *Patch) same(other Patch) bool {
	return p.API == other.API && p.Project == other.Project && p.Fingerprint == other.Fingerprint
}

// Refresh takes over what another process changed, and says whether there was something.
func (p *Patches) Refresh(ctx context.Context) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		return false, nil
	}
	version, err := p.shared.PatchesVersion(ctx)
	if err != nil || version == p.version {
		return false, err
	}
	text, version, err := p.shared.Patches(ctx)
	if err != nil {
		return false, err
	}
	all, err := parsePatches(text)
	if err != nil {
		return false, err
	}
	return true, p.keep(all, version)
}

// AmendElsewhere puts the patches of another environment into a revision for its
// gateways.
func AmendElsewhere(ctx context.Context, h *history.History, rev *revision.Revision) error {
	text, _, err := h.Patches(ctx)
	if err != nil {
		return err
	}
	all, err := parsePatches(text)
	if err != nil {
		return err
	}
	return amendAll(rev, all)
}

// policyName is the policy that carries patches.
const policyName = "attack-protection"

// Amend puts the patches into the APIs of a revision: into the policy
// attack-protection where an API has it for all requests, and otherwise into one
// that does nothing else.
func (p *Patches) Amend(rev *revision.Revision) error { return amendAll(rev, p.All()) }

func amendAll(rev *revision.Revision, all []Patch) error {
	byAPI := map[string][]detect.Patch{}
	for _, one := range all {
		byAPI[one.API] = append(byAPI[one.API], one.Closes...)
	}
	for i := range rev.APIs {
		api := &rev.APIs[i]
		patches := byAPI[api.Name.String()]
		if len(patches) == 0 {
			continue
		}
		if err := amend(api, patches); err != nil {
			return fmt.Errorf("%s: adding virtual patches: %w", api.Name, err)
		}
	}
	return nil
}

// judgesAll says whether a binding judges every request: one that is switched off
// would not hold the patches either.
func judgesAll(b revision.Binding) bool {
	var settings struct {
		Mode string `json:"mode"`
	}
	return b.Policy == policyName && len(b.Rules) == 0 && json.Unmarshal(b.Settings, &settings) == nil && settings.Mode != "off"
}

func amend(api *revision.API, patches []detect.Patch) error {
	at := slices.IndexFunc(api.Policies, judgesAll)
	if at < 0 {
		settings, err := json.Marshal(map[string]any{"mode": "watch", "patches": patches})
		if err != nil {
			return err
		}
		api.Policies = append(slices.Clone(api.Policies), revision.Binding{
			Name: revision.Name{Namespace: api.Name.Namespace, Name: api.Name.Name + "-virtual-patches"}, Policy: policyName, Settings: settings, Order: 50, Source: api.Source,
		})
		return nil
	}
	var settings map[string]json.RawMessage
	if err := json.Unmarshal(api.Policies[at].Settings, &settings); err != nil {
		return err
	}
	var own []json.RawMessage
	if settings["patches"] != nil {
		if err := json.Unmarshal(settings["patches"], &own); err != nil {
			return err
		}
	}
	for _, one := range patches {
		text, err := json.Marshal(one)
		if err != nil {
			return err
		}
		own = append(own, text)
	}
	settings = maps.Clone(settings)
	var err error
	if settings["patches"], err = json.Marshal(own); err != nil {
		return err
	}
	next, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	api.Policies = slices.Clone(api.Policies)
	api.Policies[at].Settings = next
	return nil
}
