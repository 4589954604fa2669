package app

import (
	"context"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/access"
)

// ownPlace is where the process's own environment lies, which can be moved in the tree
// while it serves.
type ownPlace struct {
	environment string
	// tree is nil until the store is open: then nobody may do anything.
	tree atomic.Pointer[access.Service]
	// last is where it was last found: while the database can't be asked nobody is let
	// in who was not before.
	last atomic.Pointer[access.Scope]
}

// placePatience is how long it may take to look where it lies.
const placePatience = 2 * time.Second

// At implements access.Place.
func (p *ownPlace) At() access.Scope {
	tree := p.tree.Load()
	if tree == nil {
		return access.Scope{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), placePatience)
	defer cancel()
	at, err := tree.ScopeOf(ctx, p.environment)
	if err == nil {
		p.last.Store(&at)
		return at
	}
	if last := p.last.Load(); last != nil {
		return *last
	}
	return access.Scope{}
}
