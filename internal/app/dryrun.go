package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/monitor/capture"
	"farrier.dev/farrier/internal/monitor/capture/replay"
	"farrier.dev/farrier/internal/policy/attackprotection"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/secret"
)

// DryRunOptions say which captured requests are judged again, and how.
type DryRunOptions struct {
	// Policy is a file: a manifest with one binding of attack-protection, or
	// settings of that policy.
	Policy string
	// API is namespace/name; empty means all.
	API string
	// Since is how far back, by whole hours.
	Since time.Duration
	// Format is text or json.
	Format string
}

// DryRun judges captured requests as the settings in a file would, also while
// farrier serve runs with the same data folder. It returns the exit code:
// ExitFindings when something would be refused that was not.
func DryRun(ctx context.Context, cfg Config, o DryRunOptions, out io.Writer) (int, error) {
	switch {
	case o.Format != "text" && o.Format != "json":
		return ExitBroken, fmt.Errorf("format %q: must be text or json", o.Format)
	case o.Since <= 0:
		return ExitBroken, errors.New("--since must be positive, as 24h")
	case o.Policy == "":
		return ExitBroken, errors.New("--policy is missing: name a file with the settings to try")
	}
	settings, err := protectionSettings(o.Policy)
	if err != nil {
		return ExitBroken, err
	}
	engine, err := protectionEngine(cfg, settings)
	if err != nil {
		return ExitBroken, fmt.Errorf("%s: %w", o.Policy, err)
	}
	dir := filepath.Join(cfg.Data, capture.Folder)
	if exist, err := capture.Exists(dir); err != nil || !exist {
		return ExitBroken, errors.Join(fmt.Errorf("nothing was captured in %s; run farrier serve with --capture, or capture.enabled in its settings", cfg.Data), err)
	}
	keyring, err := secret.OpenKeyring(cfg.Data, func() (bool, error) { return true, nil })
	if err != nil {
		return ExitBroken, err
	}
	report, err := replay.Run(ctx, replay.Options{Dir: dir, Opener: keyring, Engine: engine, Since: o.Since, API: o.API, Now: time.Now})
	if err != nil {
		return ExitBroken, err
	}
	if o.Format == "json" {
		err = writeJSON(out, report)
	} else {
		err = report.Text(out)
	}
	switch {
	case err != nil:
		return ExitBroken, err
	case report.Sampled == 0:
		return ExitBroken, errors.New("there is no captured request to judge, so nothing can be said; take a longer --since or another --api")
	case report.NewlyRefused > 0:
		return ExitFindings, nil
	}
	return ExitGood, nil
}

// protectionEngine makes the engine of settings, as the policy does, with the
// content that is installed in the data folder.
func protectionEngine(cfg Config, settings json.RawMessage) (*detect.Engine, error) {
	installed, err := contentFolder(cfg.Data).Load()
	if err != nil {
		return nil, err
	}
	return attackprotection.Engine(settings, installed.Sources...)
}

// protectionSettings reads the settings of attack-protection in a file and
// checks them as a manifest's are.
func protectionSettings(path string) (json.RawMessage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	documents, err := documentsOf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := catalogue.New(nil)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue of policies: %w", err)
	}
	entry := all.Find("attack-protection")
	isProtection := func(name string) bool { return all.Find(name) == entry }
	var found []map[string]any
	manifest := slices.ContainsFunc(documents, func(d map[string]any) bool { return d["kind"] != nil })
	for _, d := range documents {
		if manifest {
			bindingsIn(d, isProtection, &found)
		} else {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: holds %d bindings of attack-protection; give a file with one, or its settings alone", path, len(found))
	}
	settings, err := json.Marshal(found[0])
	if err != nil {
		return nil, fmt.Errorf("%s: writing the settings as JSON: %w", path, err)
	}
	if settings, err = entry.Resolve(settings, secret.Environ().Expand); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var wrong []error
	for _, p := range entry.Check(settings) {
		wrong = append(wrong, fmt.Errorf("%s: %s: %s", path, strings.Join(p.Path, "."), p.Message))
	}
	return settings, errors.Join(wrong...)
}

// documentsOf reads YAML or JSON, each document a mapping.
func documentsOf(text []byte) (documents []map[string]any, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var one map[string]any
		switch err := decoder.Decode(&one); {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return nil, err
		case one != nil:
			documents = append(documents, one)
		}
	}
}

// bindingsIn finds the settings of bindings in a resource, standalone or inline.
func bindingsIn(value any, wanted func(policy string) bool, found *[]map[string]any) {
	switch v := value.(type) {
	case []any:
		for _, one := range v {
			bindingsIn(one, wanted, found)
		}
	case map[string]any:
		ref, _ := v["policyRef"].(map[string]any)
		if name, _ := ref["name"].(string); name != "" && wanted(name) {
			config, _ := v["config"].(map[string]any)
			if config == nil {
				config = map[string]any{}
			}
			*found = append(*found, config)
			return
		}
		for _, one := range v {
			bindingsIn(one, wanted, found)
		}
	}
}
