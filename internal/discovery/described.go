package discovery

import (
	"time"

	"farrier.dev/farrier/internal/spec"
)

// Described is what somebody wrote down of an API: a description, the flows of a Mule
// project, or both. Its templates of paths always win over learned ones.
type Described struct {
	// Name is that of the file or project as people know it; Origin is "specification" or
	// "project".
	Name, Origin string
	// API is namespace/name of the instance that it describes, empty when it is not known;
	// Host is the host it is served under, empty for any.
	API, Host string
	// BasePaths are put before the paths of the operations: the instance's base path, or
	// those of the description's servers. One that is empty stands for the root. None at all
	// means that the description's own ones count, and where it has none the root.
	BasePaths []string
	// Version is that of the description; Superseded says that a newer version of the same
	// API is described too, Retired is when the API ended (its operations with
	// x-sunset have their own), zero for not.
	Version    string
	Superseded bool
	Retired    time.Time
	// Document is the description; nil for a project without one.
	Document *spec.Document
	// Flows are what implements operations, of a project.
	Flows []Flow
}

// Flow is an operation as a Mule project implements it.
type Flow struct {
	// Name is the flow's name, File and Line where it stands.
	Name string
	File string
	Line int
	// Method is empty for all; Path has templates in braces, without base path.
	Method, Path string
	// Upstreams are the addresses that it requests, as far as they are written down.
	Upstreams []string
}

// Edit is a decision of an operator about templates, remembered for ever.
type Edit struct {
	// Kind is merge (the segment is a parameter), split (the segment is literal), list (the
	// operation is accepted) or ignore (it is no operation).
	Kind string `json:"kind"`
	Host string `json:"host"`
	// Method is empty for all.
	Method string `json:"method,omitempty"`
	// Path is the template that is meant: for merge "/a/{name}/b", for split the literal
	// path "/a/me/b" that is to be apart from its template.
	Path string    `json:"path"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// State is what traffic and descriptions say together of an operation.
type State string

// The states. Documented, Shadow, Zombie and Orphan exclude one another; the others
// stand beside them.
const (
	// Documented is in traffic and in a description that is in force, or described
	// and called through no gateway that we see but less long than UnusedAfter.
	Documented State = "documented"
	// Shadow is in traffic and in no description.
	Shadow State = "shadow"
	// Zombie is called, but deprecated past its end, retired, or only in a superseded version.
	Zombie State = "zombie"
	// Orphan is described and not called.
	Orphan State = "orphan"
	// Fresh was first seen less than NewFor ago; Altered changed in that time; Unused was not
	// called for UnusedAfter; Archived for ArchivedAfter.
	Fresh    State = "new"
	Altered  State = "changed"
	Unused   State = "unused"
	Archived State = "archived"
	// Deprecated is described as deprecated and has not ended yet.
	Deprecated State = "deprecated"
)

// Drift is a difference between traffic and a description, at its exact place.
type Drift struct {
	Key
	API string `json:"api,omitempty"`
	// Kind is parameter-undocumented, parameter-unused, field-undocumented, field-unused,
	// type-differs, required-missing, enum-differs, status-undocumented, status-unused,
	// media-undocumented, authentication-differs, version-undocumented.
	Kind string `json:"kind"`
	// Place is the part of the operation, as "query limit" or "200 application/json /items/id".
	Place string `json:"place"`
	// Traffic and Description say in words what each has.
	Traffic     string `json:"traffic,omitempty"`
	Description string `json:"description,omitempty"`
	// File and Line are where it stands in the description, or where it belongs.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Count is the number of calls that show it.
	Count uint64 `json:"count,omitempty"`
}

// Explanation answers "why is it not listed?".
type Explanation struct {
	// Listed says that it is.
	Listed bool `json:"listed"`
	// Operation is the operation or candidate that the path belongs to, if any.
	Operation *Operation `json:"operation,omitempty"`
	// Reasons are sentences, the first one decides; Missing says what is still needed.
	Reasons []string `json:"reasons"`
	Missing []string `json:"missing,omitempty"`
}
