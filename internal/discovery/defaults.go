package discovery

import "time"

// The published defaults. Every one of them can be set.
const (
	// AcceptRequests good calls in AcceptMinutes different minutes list an operation; one
	// that a description or project names is listed at its first good call.
	AcceptRequests = 3
	AcceptMinutes  = 2
	// AcceptParameter is the share of sampled calls that a parameter must be in to be
	// listed, and AcceptParameterCalls the least number of them.
	AcceptParameter      = 0.01
	AcceptParameterCalls = 2
	// SprayWindow and SprayMisses: a source with that many different paths answered by 404
	// in the window teaches nothing for SprayBan.
	SprayWindow = 30 * time.Second
	SprayMisses = 10
	SprayBan    = time.Hour

	// NewFor is how long an operation counts as new, UnusedAfter when it counts as unused,
	// ArchivedAfter when it leaves the ordinary lists. Nothing is deleted.
	NewFor        = 7 * 24 * time.Hour
	UnusedAfter   = 30 * 24 * time.Hour
	ArchivedAfter = 180 * 24 * time.Hour
	// DaysKept is for how many days calls are counted by day.
	DaysKept = 35
	// AuthenticatedShare is the share of calls from which authentication is consistent.
	AuthenticatedShare = 0.95

	// MaxOperations bounds what is listed by one gateway, MaxCandidates what waits to be,
	// MaxHosts the hosts that are told apart and MaxRejected the answers to "why not listed?".
	MaxOperations = 50_000
	MaxCandidates = 20_000
	MaxHosts      = 1000
	MaxRejected   = 2000
	// HotOperations are those whose details stay in memory; the others' lie in the store.
	HotOperations = 8000
	// MaxParameters, MaxBodies, MaxCallers and MaxChanges bound one operation.
	MaxParameters = 200
	MaxBodies     = 40
	MaxCallers    = 50
	MaxChanges    = 50
	// MaxBody is how much of a body is looked at, in bytes.
	MaxBody = 128 << 10
	// FullSample is how many good calls of an operation are all looked into; beyond, one of
	// SampleEvery is.
	FullSample  = 200
	SampleEvery = 10
)
