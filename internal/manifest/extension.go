package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

const (
	// customPolicy is the policy of the catalogue that runs modules of
	// WebAssembly. Nobody binds it by its own name.
	customPolicy = "proxy-wasm"
	// maxModule bounds one module, in bytes.
	maxModule = 16 << 20
	// maxAncestors bounds how long extensions extend each other.
	maxAncestors = 16
)

// extension describes a policy that is not in the catalogue: a definition says
// what its bindings may set; one that extends a definition, envoy-filter and
// proxy-wasm-filter has the module that runs.
type extension struct {
	header
	parents []parent
	schema  schema
	// rootID and limits are settings of the module, module the bytes.
	rootID string
	limits map[string]json.Number
	module []byte
	digest string
	// broken says why there is no module, at the place of moduleAt.
	broken   error
	moduleAt position
}

type parent struct {
	name revision.Name
	at   position
	path string
}

// suppliedParents are the extensions that the original brings with it.
var suppliedParents = []string{
	"extension-definition", "extension-authentication", "extension-qos", "envoy-filter", "proxy-wasm-filter",
}

// moduleLimits are settings of the policy that runs modules which an
// implementation may set, each by a property of this name with a default. They
// are our documented extension of the format.
var moduleLimits = []string{"timeoutMilliseconds", "pauseMilliseconds", "memoryMegabytes", "maxBodyBytes", "instances"}

// extends says whether one of the supplied extensions is a parent.
func (e *extension) extends(name string) bool {
	return slices.ContainsFunc(e.parents, func(p parent) bool { return p.name.Name == name })
}

// runs says that this is an implementation.
func (e *extension) runs() bool { return e.extends("proxy-wasm-filter") || e.extends("envoy-filter") }

func (r *reader) extension(h header, spec *object) *extension {
	e := &extension{header: h}
	spec.need("extends")
	for _, item := range spec.objects("extends") {
		name, ok := item.reference(h.name.Namespace)
		if ok {
			e.parents = append(e.parents, parent{name: name, at: item.at, path: item.path})
		}
		item.close()
	}
	properties := spec.object("properties")
	spec.texts("required")
	e.schema.required = spec.textList("required")
	if properties == nil {
		if e.runs() {
			e.moduleAt, e.broken = e.at, errors.New("it has no property implementation")
		}
		return e
	}
	e.schema.properties = properties.n.clone()
	if e.runs() {
		r.implementation(e, properties)
	}
	r.checkProperties(e.schema.properties, properties.path)
	return e
}

// textList are the texts of a list that texts has checked.
func (o *object) textList(key string) []string {
	p := o.pair(key)
	if p == nil {
		return nil
	}
	var words []string
	for _, item := range p.value.items {
		if text, ok := item.value.(string); ok {
			words = append(words, text)
		}
	}
	return words
}

// implementation takes the properties of the module out of the schema.
func (r *reader) implementation(e *extension, properties *object) {
	e.rootID = "main"
	value := func(key string) *pair {
		inner := properties.object(key)
		e.schema.properties.remove(key)
		return inner.pair("default")
	}
	if p := value("rootId"); p != nil {
		if text, ok := p.value.value.(string); ok && text != "" {
			e.rootID = text
		} else {
			properties.errorf(p.position, "rootId.default", "must be text")
		}
	}
	for _, key := range moduleLimits {
		p := value(key)
		if p == nil {
			continue
		}
		number, ok := p.value.value.(json.Number)
		if !ok {
			properties.errorf(p.position, key+".default", "must be a number")
			continue
		}
		if e.limits == nil {
			e.limits = make(map[string]json.Number)
		}
		e.limits[key] = number
	}
	p := value("implementation")
	if p == nil {
		e.moduleAt, e.broken = e.at, errors.New("it has no property implementation with a default")
		return
	}
	e.moduleAt = p.position
	text, ok := p.value.value.(string)
	if !ok {
		e.broken = errors.New("the default of implementation is not text")
		return
	}
	e.module, e.broken = r.readModule(text, p.file)
	if e.broken == nil && !bytes.HasPrefix(e.module, []byte("\x00asm\x01\x00\x00\x00")) {
		e.broken = errors.New("the implementation is not a WebAssembly module of version 1")
	}
	if e.broken == nil {
		sum := sha256.Sum256(e.module)
		e.digest = hex.EncodeToString(sum[:])
	}
}

// readModule reads an implementation: base64://TEXT, or a path from the folder
// of the manifest.
func (r *reader) readModule(text, manifest string) (module []byte, err error) {
	if coded, inline := strings.CutPrefix(text, "base64://"); inline {
		module, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(coded), ""))
		if err != nil {
			return nil, errors.New("the implementation is not base64 text behind base64://")
		}
		return module, nil
	}
	if !r.onDisk {
		return nil, errors.New("the implementation is a path, and there are no files here; write it as base64://…")
	}
	path := strings.TrimPrefix(text, "file://")
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(manifest), path)
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("there is no file %s", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the files
	if err != nil {
		return nil, fmt.Errorf("the file %s can't be opened", path)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	module, err = io.ReadAll(io.LimitReader(f, maxModule+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file %s can't be read", path)
	case len(module) > maxModule:
		return nil, fmt.Errorf("the file %s is longer than %d MiB", path, maxModule>>20)
	}
	return module, nil
}

// checkExtensions looks for dangling parents and for implementations that can't
// run.
func (b *builder) checkExtensions() {
	for _, e := range b.set.extensions {
		for _, p := range e.parents {
			supplied := slices.Contains(suppliedParents, p.name.Name)
			if !supplied && b.extensions[p.name] == nil && !b.set.unsure {
				b.problems.errorf(p.at, p.path+".name", "there is no Extension %s; add it, or extend extension-definition", p.name)
			}
		}
		_, found := b.catalogue.Find(e.name.Name)
		switch {
		case found && e.name.Namespace == defaultNamespace:
			b.problems.warnf(e.at, "metadata.name", "the supplied policy of this name is used instead")
		case e.runs() && e.broken != nil:
			b.problems.warnf(e.moduleAt, "spec.properties.implementation", "%v; a binding to %s will be refused", e.broken, e.name.Name)
		}
	}
}

// custom is the policy of an extension, if it can run.
func (b *builder) custom(ref policyRef, e *extension) (Policy, bool) {
	runner, there := b.catalogue.Find(customPolicy)
	switch {
	case !there:
		b.problems.errorf(ref.at, ref.path, "%s is a custom policy (Extension at %s), and custom policies can't run here; "+
			"use a supplied policy or remove the binding", ref.name.Name, e.at)
		return Policy{}, false
	case !e.runs():
		mend := "add an Extension that extends it, envoy-filter and proxy-wasm-filter, and bind that one"
		for _, other := range b.set.extensions {
			if other.runs() && slices.ContainsFunc(other.parents, func(p parent) bool { return p.name == e.name }) {
				mend = "bind its implementation " + other.name.Name
			}
		}
		b.problems.errorf(ref.at, ref.path, "%s is a definition (Extension at %s) without an implementation; %s", ref.name.Name, e.at, mend)
		return Policy{}, false
	case e.broken != nil:
		b.problems.errorf(ref.at, ref.path, "%s can't run (Extension at %s): %v", ref.name.Name, e.moduleAt, e.broken)
		return Policy{}, false
	}
	s, authenticates, meters := b.schemaOf(e, 0)
	return Policy{
		Name: runner.Name, Phase: runner.Phase, Identifies: authenticates, Meters: meters,
		Check: s.check, Warn: s.warn,
	}, true
}

// schemaOf is what bindings of an extension may set: its own properties and
// those of all that it extends.
func (b *builder) schemaOf(e *extension, depth int) (s schema, authenticates, meters bool) {
	s = schema{properties: e.schema.properties.clone(), required: slices.Clone(e.schema.required)}
	if s.properties == nil {
		s.properties = &node{position: e.at, kind: mapping}
	}
	authenticates, meters = e.extends("extension-authentication"), e.extends("extension-qos")
	for _, p := range e.parents {
		above := b.extensions[p.name]
		if above == nil || depth >= maxAncestors {
			continue
		}
		more, who, often := b.schemaOf(above, depth+1)
		authenticates, meters = authenticates || who, meters || often
		s.required = append(s.required, more.required...)
		for _, property := range more.properties.pairs {
			if s.properties.find(property.key) == nil {
				s.properties.pairs = append(s.properties.pairs, property)
			}
		}
	}
	return s, authenticates, meters
}

// carry makes the settings of a custom policy, and puts its module into the
// revision.
func (b *builder) carry(a *applied) bool {
	e := a.custom
	s, _, _ := b.schemaOf(e, 0)
	wrap := func(config json.RawMessage) (json.RawMessage, error) {
		value, err := plainJSON(config)
		if err != nil {
			return nil, err
		}
		object, _ := value.(map[string]any)
		s.fill(object)
		settings := map[string]any{
			"module": e.digest, "name": e.name.Name, "rootId": e.rootID, "configuration": object,
		}
		if services := s.services(object); len(services) > 0 {
			settings["services"] = services
		}
		for key, number := range e.limits {
			settings[key] = number
		}
		return json.Marshal(settings)
	}
	settings, err := wrap(a.settings)
	if err == nil {
		a.settings = settings
		a.resolved, err = wrap(a.resolved)
	}
	if err != nil {
		b.problems.errorf(a.configAt, a.configPath, "%v", err)
		return false
	}
	if runner, _ := b.catalogue.Find(customPolicy); runner.Check != nil {
		for _, problem := range runner.Check(a.resolved) {
			b.problems.errorf(e.at, "spec.properties", "as settings of the module: %s: %s", fieldName(problem.Path), problem.Message)
			return false
		}
	}
	if b.rev.Modules == nil {
		b.rev.Modules = make(map[string][]byte)
	}
	b.rev.Modules[e.digest] = e.module
	return true
}
