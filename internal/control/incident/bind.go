package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"farrier.dev/farrier/internal/revision"
)

// Namespace is that of the bindings by which gateways contain; no manifest names it.
const Namespace = "farrier-containment"

// The policies that contain.
const (
	addressPolicy = "ip-blocklist-flex"
	callerPolicy  = "access-block"
)

// Bind puts acts of containment into a revision in the place of those in it: blocked
// addresses and stopped APIs are refused by the first step, blocked callers behind the
// last that identifies. identifies says of a policy whether it does that. What the
// slices of the revision share with another stays as it is.
func Bind(rev *revision.Revision, active []Containment, identifies func(policy string) bool) error {
	addresses, callers, stopped, err := bindings(active)
	if err != nil {
		return err
	}
	rev.APIs = slices.Clone(rev.APIs)
	for i := range rev.APIs {
		api := &rev.APIs[i]
		kept := make([]revision.Binding, 0, len(api.Policies)+3)
		for _, b := range api.Policies {
			if b.Name.Namespace != Namespace {
				kept = append(kept, b)
			}
		}
		if callers != nil {
			at := len(kept)
			for j := len(kept) - 1; j >= 0; j-- {
				if identifies(kept[j].Policy) {
					at = j + 1
					break
				}
			}
			kept = slices.Insert(kept, at, *callers)
		}
		if addresses != nil {
			kept = slices.Insert(kept, 0, *addresses)
		}
		if stopped[api.Name.String()] {
			settings := json.RawMessage(`{"status":503}`)
			kept = slices.Insert(kept, 0, revision.Binding{Name: revision.Name{Namespace: Namespace, Name: "stopped"}, Policy: callerPolicy, Settings: settings})
		}
		if len(kept) == 0 {
			kept = nil
		}
		api.Policies = kept
	}
	return nil
}

// bindings are the settings of acts; those of equal acts are equal, in whatever order
// they come.
func bindings(active []Containment) (addresses, callers *revision.Binding, stopped map[string]bool, err error) {
	of := map[Kind][]string{}
	stopped = map[string]bool{}
	for i := range active {
		c := &active[i]
		if c.Kind == API {
			stopped[c.Target] = true
			continue
		}
		of[c.Kind] = append(of[c.Kind], c.Target)
	}
	for kind := range of {
		slices.Sort(of[kind])
		of[kind] = slices.Compact(of[kind])
	}
	if len(of[Address]) > 0 {
		settings, err := json.Marshal(map[string]any{"ips": of[Address]})
		if err != nil {
			return nil, nil, nil, err
		}
		addresses = &revision.Binding{Name: revision.Name{Namespace: Namespace, Name: "addresses"}, Policy: addressPolicy, Settings: settings}
	}
	if len(of[Client])+len(of[Subject])+len(of[Session]) > 0 {
		settings, err := json.Marshal(struct {
			Clients  []string `json:"clients,omitempty"`
			Subjects []string `json:"subjects,omitempty"`
			Sessions []string `json:"sessions,omitempty"`
		}{of[Client], of[Subject], of[Session]})
		if err != nil {
			return nil, nil, nil, err
		}
		callers = &revision.Binding{Name: revision.Name{Namespace: Namespace, Name: "callers"}, Policy: callerPolicy, Settings: settings}
	}
	return addresses, callers, stopped, nil
}

// Hold is what the process's own gateway contains. It lies in a file of the data
// folder too, so that it holds from the start and while the store is down.
type Hold struct {
	file string
	now  func() time.Time

	mu  sync.Mutex
	all []Containment
}

type holdFile struct {
	Version      int           `json:"version"`
	Containments []Containment `json:"containments"`
}

// OpenHold reads the file of a data folder. One that can't be read is an error: without
// it somebody would be let in whom an operator has blocked.
func OpenHold(dir string, now func() time.Time) (*Hold, error) {
	h := &Hold{file: filepath.Join(dir, "containments.json"), now: now}
	text, err := os.ReadFile(h.file)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	var file holdFile
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err == nil && file.Version != 1 {
		err = fmt.Errorf("it has the version %d; this Farrier knows version 1", file.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("reading who is blocked: %s: %w; mend it, or take it away to block nobody until the store is open", h.file, err)
	}
	h.all = file.Containments
	return h, nil
}

// Active are the acts that hold now, in the order of their ids.
func (h *Hold) Active() []Containment {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	return slices.DeleteFunc(slices.Clone(h.all), func(c Containment) bool { return !c.Holds(now) })
}

// Set puts the acts that the store has in the place of those that were held. When they
// can't be written they hold all the same, until the next start.
func (h *Hold) Set(all []Containment) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = slices.Clone(all)
	text, err := json.MarshalIndent(holdFile{1, h.all}, "", "  ")
	if err == nil {
		err = os.WriteFile(h.file+".next", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(h.file+".next", h.file)
	}
	if err != nil {
		return fmt.Errorf("writing who is blocked: %w", err)
	}
	return nil
}
