package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/control/content"
	"farrier.dev/farrier/internal/detect"
	"farrier.dev/farrier/internal/policy/attackprotection"
)

// InspectOptions say how requests from files are judged.
type InspectOptions struct {
	// Paranoia is the level of the Core Rule Set, 1 to 4.
	Paranoia int
	// Rules are files of rules of operators.
	Rules []string
	// Settings is a file with settings of the policy attack-protection, as YAML
	// or JSON; it goes before Paranoia.
	Settings string
	// Explain shows each text that was judged.
	Explain bool
	// Data is a data folder whose installed content is judged by, too; empty
	// for none.
	Data string
}

// inspected is what is printed of one request.
type inspected struct {
	detect.Report
	// Content is the version of the installed content, if there is any.
	Content string `json:"content,omitempty"`
}

// engine makes the engine that judges as the options say.
func (o InspectOptions) engine(installed []detect.Source) (*detect.Engine, error) {
	set := map[string]any{"paranoiaLevel": o.Paranoia}
	if o.Settings != "" {
		text, err := os.ReadFile(o.Settings)
		if err != nil {
			return nil, err
		}
		set = map[string]any{}
		if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&set); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Settings, err)
		}
	}
	rules, _ := set["rules"].([]any)
	for _, name := range o.Rules {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rules = append(rules, map[string]any{"name": name, "text": string(text)})
	}
	if rules != nil {
		set["rules"] = rules
	}
	settings, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Settings, err)
	}
	return attackprotection.Engine(settings, installed...)
}

// Inspect judges raw HTTP requests, "-" being standard input, and prints one
// line of JSON for each. It returns the exit code.
func Inspect(ctx context.Context, files []string, o InspectOptions, in io.Reader, out io.Writer) (int, error) {
	installed := content.None()
	if o.Data != "" {
		var err error
		if installed, err = contentFolder(o.Data).Load(); err != nil {
			return ExitBroken, err
		}
	}
	engine, err := o.engine(installed.Sources)
	if err != nil {
		return ExitBroken, err
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	code := ExitGood
	for _, name := range files {
		raw, err := readAll(name, in)
		if err != nil {
			return ExitBroken, err
		}
		x, err := detect.ParseRequest(raw)
		if err != nil {
			return ExitBroken, fmt.Errorf("%s: %w", name, err)
		}
		began := time.Now()
		v, explanation := engine.Explain(ctx, x, nil)
		took := time.Since(began)
		if v.Err != nil {
			return ExitBroken, fmt.Errorf("%s: %w", name, v.Err)
		}
		if v.Block {
			code = ExitFindings
		}
		report := inspected{detect.NewReport(name, v), installed.Version}
		if o.Explain {
			report.Leaves, report.Microseconds = explanation.Leaves, took.Microseconds()
		}
		if err := writeJSON(out, report); err != nil {
			return ExitBroken, err
		}
	}
	return code, nil
}
