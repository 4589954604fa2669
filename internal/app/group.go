package app

import (
	"errors"
	"sync"
)

// group waits for goroutines and joins their errors.
type group struct {
	wait sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

// Go runs a function of the group.
func (g *group) Go(run func() error) {
	g.wait.Go(func() {
		if err := run(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.errs = append(g.errs, err)
		}
	})
}

// Wait waits for all and returns their errors.
func (g *group) Wait() error {
	g.wait.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.errs...)
}
