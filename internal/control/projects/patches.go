package projects

import (
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

// Patches are the virtual patches of all projects. They lie in a file of the data
// folder, so that they hold also when the store is down.
type Patches struct {
	file string

	mu  sync.Mutex
	all []Patch
}

// patchFile is format version 1.
type patchFile struct {
	Version int     `json:"version"`
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
	p.all = file.Patches
	return p, nil
}

// All are the patches, by API, project and finding.
func (p *Patches) All() []Patch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// change changes the patches; what can't be written does not hold.
func (p *Patches) change(next func([]Patch) []Patch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := next(slices.Clone(p.all))
	slices.SortFunc(all, func(a, b Patch) int {
		return strings.Compare(a.API+" "+a.Project+" "+a.Fingerprint, b.API+" "+b.Project+" "+b.Fingerprint)
	})
	text, err := json.MarshalIndent(patchFile{1, all}, "", "  ")
	if err == nil {
		err = os.WriteFile(p.file+".next", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(p.file+".next", p.file)
	}
	if err != nil {
		return fmt.Errorf("writing the virtual patches: %w", err)
	}
	p.all = all
	return nil
}

// policyName is the policy that carries patches.
const policyName = "attack-protection"

// Amend puts the patches into the APIs of a revision: into the policy
// attack-protection where an API has it for all requests, and otherwise into one
// that does nothing else.
func (p *Patches) Amend(rev *revision.Revision) error {
	byAPI := map[string][]detect.Patch{}
	for _, one := range p.All() {
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
