// Package sbom writes the bill of materials of Mule projects (CycloneDX 1.6, JSON):
// the projects, the connectors, modules and libraries that their POMs name, and the
// runtime that they are made for. It knows what is declared, not what a build
// resolves: dependencies of dependencies are not in it.
package sbom

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"farrier.dev/farrier/internal/mule"
)

// Bill is a bill of materials. Its methods may be called by many at once.
type Bill struct {
	version string
	now     time.Time

	mu         sync.Mutex
	components map[string]cdx.Component
	uses       map[string][]string
}

// New makes an empty bill. Version is that of the program, now the time that stands
// in it; the zero time is left out.
func New(version string, now time.Time) *Bill {
	return &Bill{version: version, now: now, components: map[string]cdx.Component{}, uses: map[string][]string{}}
}

// Add adds a project and what it names.
func (b *Bill) Add(p *mule.Project) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := cdx.Component{Type: cdx.ComponentTypeApplication, Name: cmp.Or(p.Name, p.Dir)}
	if p.POM != nil {
		c.Group, c.Version = p.POM.GroupID, p.POM.Version
		c.PackageURL = packageURL(p.POM.GroupID, cmp.Or(p.POM.ArtifactID, p.Name), p.POM.Version, "", "")
	}
	c.BOMRef = cmp.Or(c.PackageURL, "project:"+p.Dir)
	if _, there := b.components[c.BOMRef]; there {
		c.BOMRef += "#" + p.Dir // two projects of one name
	}
	c.Properties = &[]cdx.Property{{Name: "farrier:folder", Value: p.Dir}}
	b.components[c.BOMRef] = c
	if p.POM == nil {
		return
	}
	for _, d := range p.POM.Dependencies {
		if d.ArtifactID != "" && d.Scope != "test" {
			b.use(c.BOMRef, d)
		}
	}
	if p.POM.MuleVersion != "" {
		b.use(c.BOMRef, &mule.Dependency{GroupID: "org.mule.runtime", ArtifactID: "mule-core", Version: p.POM.MuleVersion})
	}
}

func (b *Bill) use(by string, d *mule.Dependency) {
	c := cdx.Component{
		Type: cdx.ComponentTypeLibrary, Group: d.GroupID, Name: d.ArtifactID, Version: d.Version,
		PackageURL: packageURL(d.GroupID, d.ArtifactID, d.Version, d.Classifier, d.Type),
	}
	c.BOMRef = c.PackageURL
	if d.Scope == "provided" {
		c.Scope = cdx.ScopeExcluded
	}
	if known, there := b.components[c.BOMRef]; !there || known.Scope == cdx.ScopeExcluded {
		b.components[c.BOMRef] = c
	}
	if !slices.Contains(b.uses[by], c.BOMRef) {
		b.uses[by] = append(b.uses[by], c.BOMRef)
	}
}

// packageURL is the name of a Maven artifact (Package URL specification, type maven).
func packageURL(group, artifact, version, classifier, kind string) string {
	var out strings.Builder
	out.WriteString("pkg:maven/")
	if group != "" {
		out.WriteString(url.PathEscape(group) + "/")
	}
	out.WriteString(url.PathEscape(artifact))
	if version != "" {
		out.WriteString("@" + url.PathEscape(version))
	}
	more := url.Values{}
	if classifier != "" {
		more.Set("classifier", classifier)
	}
	if kind != "" && kind != "jar" {
		more.Set("type", kind)
	}
	if len(more) > 0 {
		out.WriteString("?" + more.Encode())
	}
	return out.String()
}

// Write writes the bill as JSON. Equal projects give equal bytes.
func (b *Bill) Write(w io.Writer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "farrier", Version: b.version}}}}
	if !b.now.IsZero() {
		bom.Metadata.Timestamp = b.now.UTC().Format(time.RFC3339)
	}
	components, dependencies := []cdx.Component{}, []cdx.Dependency{}
	for _, ref := range slices.Sorted(maps.Keys(b.components)) {
		components = append(components, b.components[ref])
		uses := slices.Sorted(slices.Values(b.uses[ref]))
		d := cdx.Dependency{Ref: ref}
		if len(uses) > 0 {
			d.Dependencies = &uses
		}
		dependencies = append(dependencies, d)
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	if err := e.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	return nil
}
