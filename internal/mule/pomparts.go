package mule

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// pomReader fills one POM from its file and those above it.
type pomReader struct {
	w       *workspace
	pom     *POM
	managed map[string]*Dependency
	seen    map[string]bool
}

func (d *Dependency) key() string {
	return d.GroupID + ":" + d.ArtifactID + ":" + d.Type + ":" + d.Classifier
}

// dependency reads a dependency or plugin, its version not yet managed.
func (r *pomReader) dependency(e *document.Element, from *POM) *Dependency {
	x := r.pom.Expand
	d := &Dependency{
		GroupID: x(textBelow(e, "groupId")), ArtifactID: x(textBelow(e, "artifactId")), Classifier: x(textBelow(e, "classifier")),
		Scope: x(textBelow(e, "scope")), Type: or(x(textBelow(e, "type")), "jar"), SystemPath: x(textBelow(e, "systemPath")),
		Written: textBelow(e, "version"), Element: e, From: from.File, Inherited: from != r.pom,
	}
	if v := below(e, "version"); v != nil {
		d.Version = x(d.Written)
		held := r.pom.holder(pomValue{d.Written, v, from.File})
		d.VersionElement, d.VersionFrom = held.element, held.from
	}
	return d
}

// sections are the parts of a file that a path names: in the project itself and
// in its profiles.
func sections(p *POM, names ...string) []*document.Element {
	root := p.File.Document.Root
	out := below(root, names...).Elements()
	for _, profile := range below(root, "profiles").Elements() {
		out = append(out, below(profile, names...).Elements()...)
	}
	return out
}

// management reads what a file manages; what a nearer file says stays.
func (r *pomReader) management(from *POM, imports int) {
	for _, e := range sections(from, "dependencyManagement", "dependencies") {
		d := r.dependency(e, from)
		if _, ok := r.managed[d.key()]; ok || len(r.pom.Managed) >= maxPOMDependencies {
			continue
		}
		r.managed[d.key()] = d
		r.pom.Managed = append(r.pom.Managed, d)
		if d.Scope != "import" || imports == 0 {
			continue
		}
		if bom := r.w.find(d.GroupID, d.ArtifactID, d.Version, r.pom); bom != nil {
			for _, up := range bom.chain() {
				r.management(up, imports-1)
			}
		}
	}
}

func (r *pomReader) dependencies(from *POM) {
	for _, e := range sections(from, "dependencies") {
		d := r.dependency(e, from)
		if r.seen[d.key()] && d.Inherited || d.ArtifactID == "" || len(r.pom.Dependencies) >= maxPOMDependencies {
			continue
		}
		r.seen[d.key()] = true
		r.manage(d, r.managed[d.key()])
		r.pom.Dependencies = append(r.pom.Dependencies, d)
	}
}

// manage takes from management what a dependency leaves open.
func (r *pomReader) manage(d, managed *Dependency) {
	if managed == nil {
		return
	}
	if d.Version == "" {
		d.Version, d.Written = managed.Version, managed.Written
		d.VersionElement, d.VersionFrom = managed.VersionElement, managed.VersionFrom
	}
	d.Scope = or(d.Scope, managed.Scope)
}

func (r *pomReader) plugins(from *POM) {
	managed := map[string]*Dependency{}
	management := sections(from, "build", "pluginManagement", "plugins")
	for _, e := range management {
		d := r.dependency(e, from)
		managed[d.ArtifactID] = d
	}
	for _, e := range sections(from, "build", "plugins") {
		d := r.dependency(e, from)
		if len(r.pom.Plugins) >= maxPOMDependencies {
			return
		}
		d.GroupID, d.Type = or(d.GroupID, "org.apache.maven.plugins"), "maven-plugin"
		r.manage(d, managed[d.ArtifactID])
		r.pom.Plugins = append(r.pom.Plugins, d)
		r.deployment(d)
	}
	for _, e := range management {
		r.deployment(r.dependency(e, from))
	}
}

// deployment reads what a mule-maven-plugin deploys to; the first one counts.
func (r *pomReader) deployment(plugin *Dependency) {
	if !strings.HasPrefix(plugin.ArtifactID, "mule-") || !strings.HasSuffix(plugin.ArtifactID, "maven-plugin") {
		return
	}
	plugin.Element.Walk(func(e *document.Element) bool {
		target := targetOf(e)
		if target == UnknownTarget || r.pom.Deployment != nil {
			return r.pom.Deployment == nil
		}
		r.pom.Target, r.pom.Deployment = target, e
		if strings.EqualFold(e.Name.Local, "deploymentType") {
			r.pom.Deployment = e.Parent
		}
		r.deployed(plugin)
		return false
	})
}

// targetOf is what the name of an element of the plugin's configuration says, or
// for Mule 3 its deploymentType.
func targetOf(e *document.Element) Target {
	name := strings.ToLower(e.Name.Local)
	if name == "deploymenttype" {
		name = strings.ToLower(textOf(e)) + "deployment"
	}
	switch name {
	case "cloudhubdeployment":
		return CloudHub
	case "cloudhub2deployment":
		return CloudHub2
	case "runtimefabricdeployment":
		return RuntimeFabric
	case "standalonedeployment", "armdeployment", "agentdeployment", "clusterdeployment":
		return Standalone
	}
	return UnknownTarget
}

// deployed are the properties that a deployment hands to the application.
func (r *pomReader) deployed(plugin *Dependency) {
	for _, list := range [...]string{"properties", "secureProperties"} {
		for _, e := range below(r.pom.Deployment, list).Elements() {
			p := &Property{
				Name: e.Name.Local, Value: r.pom.Expand(textOf(e)), File: plugin.From.File,
				NameOffset: e.Tag.Start + 1, Offset: e.Tag.End, End: e.Tag.End, Secure: list == "secureProperties", Loaded: true, Config: e,
			}
			if c := e.Content(); c != nil {
				p.Offset, p.End = c.Value.Span.Start, c.Value.Span.End
			}
			r.pom.Deployed = append(r.pom.Deployed, p)
		}
	}
}

func (r *pomReader) repositories() {
	r.pom.File.Document.Root.Walk(func(e *document.Element) bool {
		switch e.Name.Local {
		case "repository", "pluginRepository", "snapshotRepository":
			if url := below(e, "url"); url != nil && len(r.pom.Repositories) < maxPOMDependencies {
				r.pom.Repositories = append(r.pom.Repositories, &Repository{
					ID: r.pom.Expand(textBelow(e, "id")), URL: r.pom.Expand(textOf(url)), Element: e, From: r.pom.File,
				})
			}
			return false
		case "dependencies", "plugins", "properties":
			return false
		}
		return true
	})
}

// runtime finds the version of the runtime: that of the deployment, else the
// property by which people name it.
func (r *pomReader) runtime() {
	var candidates []pomValue
	r.pom.Deployment.Walk(func(e *document.Element) bool {
		if e.Name.Local == "muleVersion" {
			candidates = append(candidates, pomValue{textOf(e), e, r.fileOf(e)})
		}
		return true
	})
	for _, name := range [...]string{"app.runtime", "mule.version", "mule.runtime.version", "mule.runtime"} {
		if v, ok := r.pom.raw[name]; ok {
			candidates = append(candidates, v)
		}
	}
	for _, c := range candidates {
		text := r.pom.Expand(c.text)
		if _, err := ParseRuntime(text); err != nil {
			continue
		}
		held := r.pom.holder(c)
		r.pom.MuleVersion, r.pom.MuleVersionElement, r.pom.MuleVersionFrom = text, held.element, held.from
		return
	}
}

// fileOf is the file of the chain that an element stands in.
func (r *pomReader) fileOf(e *document.Element) *XMLFile {
	for _, up := range r.pom.chain() {
		if up.File.Document == e.Document {
			return up.File
		}
	}
	return r.pom.File
}
