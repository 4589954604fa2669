package mule

import "farrier.dev/farrier/internal/encoding/xmltext/document"

// POM is a Maven file with what its parents in the workspace say.
type POM struct {
	File                                    *XMLFile
	GroupID, ArtifactID, Version, Packaging string
	// Parent is the POM above it when it is at hand; nil otherwise.
	Parent *POM
	// Properties are those of the file and of its parents, expanded.
	Properties map[string]string
	// Dependencies are those of the file; Managed what dependencyManagement says;
	// Plugins those of the build. Versions are expanded and taken from management.
	Dependencies, Managed, Plugins []*Dependency
	Repositories                   []*Repository
	// MuleVersion is that of the runtime (app.runtime, mule.version or the
	// deployment's muleVersion), expanded; empty when the file does not say.
	MuleVersion        string
	MuleVersionElement *document.Element
	// Target is what the mule-maven-plugin deploys to.
	Target Target
}

// Dependency is an artifact that a POM names.
type Dependency struct {
	GroupID, ArtifactID, Version, Classifier, Scope, Type string
	// Written is the version as it stands there; VersionElement holds it, nil when
	// it is managed elsewhere.
	Written        string
	VersionElement *document.Element
	Element        *document.Element
	// From is the file that holds it.
	From *XMLFile
}

// Repository is where artifacts come from, or go to.
type Repository struct {
	ID, URL string
	Element *document.Element
	From    *XMLFile
}

// Target is where an application is deployed.
type Target uint8

// The targets. CloudHub2 and RuntimeFabric end TLS before the application;
// CloudHub does on port ${http.private.port}.
const (
	UnknownTarget Target = iota
	CloudHub
	CloudHub2
	RuntimeFabric
	Standalone
)
