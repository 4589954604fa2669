package spectral

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// loading is the reading of one ruleset and all that it extends.
type loading struct {
	loader  Loader
	options Options
	core    map[string]Function
	formats formatSet
	// definitions are those read or being read, by the name of their file.
	definitions map[string]*definition
	files       int
	// engine runs JavaScript; nil until there is some.
	engine *engine
}

// Load reads a ruleset and all that it extends: a file of the loader, or one of
// the built-in names. Errors are of *tree.Error where a place is known, and name
// the rule.
func Load(l Loader, name string, o Options) (*Ruleset, error) {
	o.Limits.fill()
	load := &loading{loader: l, options: o, core: coreFunctions(), formats: newFormats(), definitions: map[string]*definition{}}
	ctx, cancel := context.WithTimeout(context.Background(), whole*o.Limits.Time)
	defer cancel()
	load.engine = newEngine(load, ctx)
	d, err := load.ruleset("", name)
	if err != nil {
		return nil, err
	}
	r := &Ruleset{definition: d, limits: o.Limits, paths: map[string]*jsonPath{}, overridden: map[string]*ruleset{}, file: d.file}
	if load.engine.used() {
		r.engine = load.engine
	}
	if r.base, err = r.compile(d); err != nil {
		return nil, err
	}
	return r, nil
}

func (l *Limits) fill() {
	if l.Time == 0 {
		l.Time = DefaultTime
	}
	for limit, most := range map[*int]int{&l.Files: DefaultFiles, &l.Rules: DefaultRules, &l.Visits: DefaultVisits, &l.Results: DefaultResults} {
		if *limit == 0 {
			*limit = most
		}
	}
}

// errorAt is the error of a place, if it is one.
func errorAt(err error) (*tree.Error, bool) { return errors.AsType[*tree.Error](err) }

// ruleset reads the ruleset that another file names.
func (l *loading) ruleset(from, name string) (*definition, error) {
	if b, known := l.options.Builtin[name]; known {
		return l.once(name, func(d *definition) error {
			root, err := tree.Read(&tree.Source{Name: name, Text: b.Text}, tree.Options{})
			if err != nil {
				return err
			}
			functions := map[string]Function{}
			for n, f := range b.Functions {
				functions[n] = f
			}
			return (&reader{load: l, functions: functions}).ruleset(root, d)
		})
	}
	if strings.Contains(name, "://") {
		return l.fetched(name)
	}
	file, err := l.find(from, name)
	if err != nil {
		return nil, err
	}
	return l.once(file, func(d *definition) error {
		d.file = file
		switch path.Ext(file) {
		case ".js", ".mjs", ".cjs", ".ts":
			return l.engine.ruleset(file, d)
		}
		src, err := l.source(file)
		if err != nil {
			return err
		}
		root, err := tree.Read(src, tree.Options{})
		if err != nil {
			return err
		}
		return (&reader{load: l, file: file}).ruleset(root, d)
	})
}

func (l *loading) fetched(address string) (*definition, error) {
	if l.options.Fetch == nil {
		return nil, fmt.Errorf("%s: rulesets of other addresses are not read; save it to a file and extend that", clip(address))
	}
	return l.once(address, func(d *definition) error {
		text, err := l.options.Fetch(address)
		if err != nil {
			return err
		}
		root, err := tree.Read(&tree.Source{Name: address, Text: text}, tree.Options{})
		if err != nil {
			return err
		}
		return (&reader{load: l}).ruleset(root, d)
	})
}

// once reads a definition, unless that was done, or is being done further up.
func (l *loading) once(name string, read func(*definition) error) (*definition, error) {
	if d := l.definitions[name]; d != nil {
		return d, nil
	}
	d := &definition{}
	l.definitions[name] = d
	return d, read(d)
}

// source reads a file.
func (l *loading) source(name string) (*tree.Source, error) {
	if l.files++; l.files > l.options.Limits.Files {
		return nil, fmt.Errorf("the ruleset consists of more than %d files", l.options.Limits.Files)
	}
	if l.loader == nil {
		return nil, fmt.Errorf("%s: no files can be read, and no ruleset of this name is built in", name)
	}
	return l.loader.Source(name)
}

// find is the file that a ruleset is extended by: a path beside the file that
// names it, or a package of npm.
func (l *loading) find(from, name string) (string, error) {
	if from == "" || name[0] == '.' || name[0] == '/' {
		return spec.Join(from, name), nil
	}
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json", ".js", ".mjs", ".cjs", ".ts":
		if file := spec.Join(from, name); l.exists(file) {
			return file, nil
		}
	}
	return l.findPackage(from, name)
}

func (l *loading) exists(name string) bool {
	if l.loader == nil {
		return false
	}
	_, err := l.loader.Source(name)
	return err == nil
}

// findPackage looks for a package of npm, or a file in one, in the folders
// node_modules beside a file and above it.
func (l *loading) findPackage(from, name string) (string, error) {
	parts := strings.SplitN(name, "/", 3)
	size := 1
	if strings.HasPrefix(name, "@") {
		size = 2
	}
	if len(parts) < size {
		return "", fmt.Errorf("%s isn't built in, and is no file", clip(name))
	}
	pkg, inner := strings.Join(parts[:size], "/"), strings.Join(parts[size:], "/")
	for dir := path.Dir(from); ; dir = path.Dir(dir) {
		base := path.Join(dir, "node_modules", pkg)
		if l.exists(path.Join(base, "package.json")) {
			return l.entry(base, inner)
		}
		if dir == "." || dir == "/" || strings.HasPrefix(dir, "..") {
			return "", fmt.Errorf("%s isn't built in, and no folder node_modules has it", clip(name))
		}
	}
}

// entry is the file of a package that is imported.
func (l *loading) entry(base, inner string) (string, error) {
	if inner != "" {
		for _, suffix := range moduleSuffixes {
			if file := path.Join(base, inner) + suffix; l.exists(file) {
				return file, nil
			}
		}
		return "", fmt.Errorf("%s has no %s", base, inner)
	}
	src, err := l.source(path.Join(base, "package.json"))
	if err != nil {
		return "", err
	}
	manifest, err := tree.Read(src, tree.Options{})
	if err != nil {
		return "", err
	}
	exports := manifest.Get("exports")
	if dot := exports.Get("."); dot != nil {
		exports = dot
	}
	for range 4 {
		if exports.Is(tree.String) {
			return path.Join(base, exports.Text), nil
		}
		next := (*tree.Node)(nil)
		for _, condition := range []string{"import", "default", "require", "node"} {
			if next = exports.Get(condition); next != nil {
				break
			}
		}
		exports = next
	}
	for _, name := range []string{manifest.Get("module").Str(), manifest.Get("main").Str(), "index"} {
		for _, suffix := range moduleSuffixes {
			if file := path.Join(base, name) + suffix; name != "" && l.exists(file) {
				return file, nil
			}
		}
	}
	return "", fmt.Errorf("%s names no file that it exports", base)
}

// moduleSuffixes are tried behind the name of a module; it is never changed.
var moduleSuffixes = []string{"", ".js", ".mjs", ".cjs", ".ts", ".json", ".yaml", "/index.js", "/index.mjs", "/index.ts"}

// function loads a function that is written in JavaScript.
func (l *loading) function(from, dir, name string, options *tree.Node) (Function, error) {
	file := spec.Join(from, path.Join(dir, name))
	for _, suffix := range moduleSuffixes {
		if suffix != "" && l.exists(file+suffix) {
			return l.engine.function(file+suffix, name, options)
		}
	}
	return nil, fmt.Errorf("there is no file %s.js", file)
}
