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
	// Dependencies are those of the file and of its parents; Managed what
	// dependencyManagement says; Plugins those of the build. Those of profiles are
	// among them. Versions are expanded and taken from management.
	Dependencies, Managed, Plugins []*Dependency
	// Repositories are those of the file, where artifacts go to included.
	Repositories []*Repository
	// MuleVersion is that of the runtime (the deployment's muleVersion, app.runtime or
	// mule.version), expanded; empty when the file does not say. MuleVersionElement
	// holds its text, in MuleVersionFrom.
	MuleVersion        string
	MuleVersionElement *document.Element
	MuleVersionFrom    *XMLFile
	// Target is what the mule-maven-plugin deploys to, by the element Deployment; nil
	// where there is none. Deployed are the properties that it hands to the
	// application.
	Target     Target
	Deployment *document.Element
	Deployed   []*Property

	// raw are the properties before they are expanded, with what holds them.
	raw map[string]pomValue
}

// Dependency is an artifact that a POM names.
type Dependency struct {
	GroupID, ArtifactID, Version, Classifier, Scope, Type string
	// Written is the version as it stands there; VersionElement holds its text
	// (that of the property where it is one), nil when it is not at hand.
	Written        string
	VersionElement *document.Element
	Element        *document.Element
	// From is the file that holds it; VersionFrom the one that holds VersionElement.
	From, VersionFrom *XMLFile
	// SystemPath is where a dependency of scope system lies.
	SystemPath string
	// Inherited says that a parent names it.
	Inherited bool
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
