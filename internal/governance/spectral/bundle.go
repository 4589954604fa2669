package spectral

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"farrier.dev/farrier/internal/spec"
)

// bundle makes one script of a file and all that it imports.
func (e *engine) bundle(file string) (string, error) {
	// The bundler asks from many goroutines; a loader answers one at a time.
	var mu sync.Mutex
	plugin := api.Plugin{Name: "ruleset", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			mu.Lock()
			defer mu.Unlock()
			if a.Kind == api.ResolveEntryPoint {
				return api.OnResolveResult{Path: file, Namespace: "file-of-ruleset"}, nil
			}
			if _, provided := e.provided(a.Path); provided {
				return api.OnResolveResult{Path: a.Path, Namespace: "provided"}, nil
			}
			found, err := e.load.module(a.Importer, a.Path)
			return api.OnResolveResult{Path: found, Namespace: "file-of-ruleset"}, err
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "provided"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			text, _ := e.provided(a.Path)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderJS}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file-of-ruleset"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			mu.Lock()
			defer mu.Unlock()
			return e.load.script(a.Path)
		})
	}}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{"ruleset"}, Bundle: true, Write: false, Outdir: "/", AbsWorkingDir: "/",
		Format: api.FormatCommonJS, Platform: api.PlatformNeutral, Target: api.ES2017, TsconfigRaw: "{}",
		// Templates become calls of concat, which the prelude bounds.
		Supported: map[string]bool{"template-literal": false},
		LogLevel:  api.LogLevelSilent, LogLimit: 1, Plugins: []api.Plugin{plugin},
	})
	if len(result.Errors) > 0 {
		m := result.Errors[0]
		if m.Location != nil {
			return "", fmt.Errorf("%s:%d: %s", strings.TrimPrefix(m.Location.File, "file-of-ruleset:"), m.Location.Line, m.Text)
		}
		return "", fmt.Errorf("%s: %s", file, m.Text)
	}
	if len(result.OutputFiles) != 1 {
		return "", fmt.Errorf("%s: can't be made one script", file)
	}
	return string(result.OutputFiles[0].Contents), nil
}

// module is the file that a script imports.
func (l *loading) module(from, name string) (string, error) {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") {
		file := spec.Join(from, name)
		for _, suffix := range moduleSuffixes {
			if l.exists(file + suffix) {
				return file + suffix, nil
			}
		}
		return "", fmt.Errorf("there is no file %s", file)
	}
	if name == "" || strings.Contains(name, ":") {
		return "", fmt.Errorf("%s can't be imported: rulesets run without files, network and the modules of Node", clip(name))
	}
	return l.findPackage(from, name)
}

// script reads a file for the bundler.
func (l *loading) script(name string) (api.OnLoadResult, error) {
	src, err := l.source(name)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	text := string(src.Text)
	if err := simple(text); err != nil {
		return api.OnLoadResult{}, err
	}
	loader := api.LoaderJS
	switch path.Ext(name) {
	case ".json":
		loader = api.LoaderJSON
	case ".ts":
		loader = api.LoaderTS
	case ".yaml", ".yml":
		return api.OnLoadResult{}, errors.New("scripts import no YAML; name the file in extends of a ruleset in YAML")
	}
	return api.OnLoadResult{Contents: &text, Loader: loader}, nil
}

const (
	maxScript     = 1 << 20
	maxBrackets   = 500
	maxExpanse    = 20_000
	expanseEndsAt = ";{},)]\n"
	// maxChain is how many statements may each be the body of the one before without
	// braces, as in "if (a) if (b) …".
	maxChain = 300
)

// simple refuses scripts that parsers would need very much memory or time for:
// long ones, and those nested deep. Quoted texts don't count.
func simple(text string) error {
	if len(text) > maxScript {
		return fmt.Errorf("the script is longer than %d bytes", maxScript)
	}
	depth, expanse, chain := 0, 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ';' || c == '{' || c == '}':
			chain = 0
		case (i == 0 || !isLetter(text[i-1])) && heads(text[i:]):
			chain++
		}
		if expanse++; strings.IndexByte(expanseEndsAt, c) >= 0 {
			expanse = 0
		}
		switch c {
		case '"', '\'':
			if end := quoteEnd(text[i:]); end > 0 {
				i += end
				expanse = 0
			}
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(0, depth-1)
		}
		if depth > maxBrackets || expanse > maxExpanse || chain > maxChain {
			return errors.New("the script has expressions that are nested too deep, or too long")
		}
	}
	return nil
}

func isLetter(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// heads says whether a text begins with a word that another statement stands
// behind.
func heads(text string) bool {
	for _, word := range []string{"if", "for", "while", "else", "with", "do"} {
		if rest, found := strings.CutPrefix(text, word); found && (rest == "" || !isLetter(rest[0])) {
			return true
		}
	}
	return false
}

// quoteEnd is where a quoted text ends, 0 where it doesn't in its line.
func quoteEnd(text string) int {
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i
		}
	}
	return 0
}

// provided is the text of a module that stands in for one of Spectral's.
func (e *engine) provided(name string) (string, bool) {
	var b strings.Builder
	export := func(name, value string) {
		_, _ = fmt.Fprintf(&b, "const _%s = %s;\nexport { _%s as %s };\n", name, value, name, name)
	}
	switch name {
	case "@stoplight/spectral-functions":
		for _, f := range slices.Sorted(maps.Keys(e.load.core)) {
			export(f, fmt.Sprintf("__farrier.core(%q)", f))
		}
		export("CasingType", `{flat:"flat",camel:"camel",pascal:"pascal",kebab:"kebab",cobol:"cobol",snake:"snake",macro:"macro"}`)
	case "@stoplight/spectral-formats":
		for _, f := range slices.Sorted(maps.Keys(e.load.formats)) {
			export(f, fmt.Sprintf("__farrier.tag(%q)", f))
		}
	case "@stoplight/spectral-rulesets":
		for _, r := range []string{"oas", "asyncapi", "arazzo"} {
			export(r, fmt.Sprintf("__farrier.tag(%q)", "spectral:"+r))
		}
	case "@stoplight/spectral-core":
		b.WriteString(coreModule)
	case "@stoplight/types":
		export("DiagnosticSeverity", "{Error:0,Warning:1,Information:2,Hint:3}")
	default:
		if _, known := e.load.options.Builtin[name]; known {
			return fmt.Sprintf("export default __farrier.tag(%q)", name), true
		}
		return "", false
	}
	return b.String(), true
}

// coreModule is the part of Spectral's own module that functions use.
const coreModule = `
export function createRulesetFunction({ input, errorOnInvalidInput = false, options }, fn) {
  const fits = input === null || input === undefined ? null : __farrier.compile(input);
  const wrapped = function (value, settings, context) {
    if (fits !== null && !fits(value)) return errorOnInvalidInput ? [{ message: "invalid input" }] : undefined;
    return fn(value, settings, context);
  };
  Object.defineProperty(wrapped, "name", { value: fn.name });
  Object.defineProperty(wrapped, "optionsSchema", { value: options });
  return wrapped;
}
`
