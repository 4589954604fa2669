package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// The bounds of what processes share. A process writes what it counted at most once a
// second, and at once when a key reached its limit: then nobody is heard for at least
// firstWait. So guesses can neither fill the table nor keep the database busy.
const (
	sharedPause  = time.Second
	sharedAtOnce = 100
	sharedRows   = 10_000
	sharedSweep  = time.Minute
	sharedWait   = 5 * time.Second
)

// id is the key as the database has it.
func (k throttleKey) id() string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%x %s %t", k.account, k.addr, k.wide) // a hash never fails
	return hex.EncodeToString(sum.Sum(nil))
}

// attempting begins an attempt, or refuses to hear it with a *ThrottledError, as the
// processes on the database count together. Where it can't be asked, each counts for
// itself.
func (s *Service) attempting(ctx context.Context, c claim) (attempt, error) {
	now := s.now()
	if shared, err := sharedFailures(ctx, s.db.Read(), c.keys()); err == nil {
		s.throttle.learn(shared, now)
	}
	a, err := s.throttle.hear(c, now)
	if err != nil {
		return a, err
	}
	if due := s.throttle.due(now, a.wait > 0); len(due) > 0 {
		// Whoever asks may be gone: their attempt counts.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedWait)
		defer cancel()
		if err := s.share(ctx, due, now); err != nil {
			s.throttle.unshared(due)
		}
	}
	return a, nil
}

// forgiven takes an attempt back that succeeded, for all processes.
func (s *Service) forgiven(ctx context.Context, a attempt) {
	s.throttle.succeeded(a)
	found, err := sharedFailures(ctx, s.db.Read(), a.counted)
	if err != nil || len(found) == 0 {
		return // failures that are not forgiven are forgotten with their window
	}
	now := s.now()
	due := s.throttle.due(now, true)
	if err := s.db.Write(ctx, func(tx *store.Tx) error {
		for i := range found {
			if !found[i].forgive {
				continue
			}
			if _, err := tx.Exec(ctx, "DELETE FROM access_throttle WHERE id = ?", found[i].key.id()); err != nil {
				return err
			}
		}
		return s.shareIn(ctx, tx, due, now)
	}); err != nil {
		s.throttle.unshared(due)
	}
}

// shared is what all processes counted of a key.
type shared struct {
	counted
	failures
	// pending are failures of this process that are not among them yet.
	pending int
}

// sharedFailures reads what was counted of some keys.
func sharedFailures(ctx context.Context, r store.Reader, keys []counted) (list []shared, err error) {
	ids, by := make([]any, len(keys)), map[string]counted{}
	for i, k := range keys {
		id := k.key.id()
		ids[i], by[id] = id, k
	}
	rows, err := r.Query(ctx, "SELECT id, failures, since, until FROM access_throttle WHERE id IN (?"+strings.Repeat(", ?", len(ids)-1)+")", ids...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		var since, until int64
		var one shared
		if err := rows.Scan(&id, &one.count, &since, &until); err != nil {
			return nil, err
		}
		one.counted, one.since, one.until = by[id], time.UnixMilli(since), time.UnixMilli(until)
		list = append(list, one)
	}
	return list, rows.Err()
}

// learn takes up what others counted.
func (t *throttle) learn(list []shared, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		one := &list[i]
		if one.old(one.limit, now) {
			continue
		}
		f := t.entry(one.key, one.limit, now)
		f.count = max(f.count, one.count+f.pending)
		if one.since.Before(f.since) {
			f.since = one.since
		}
		if one.until.After(f.until) {
			f.until = one.until
		}
	}
}

// due gives what is to be shared now, and takes it for shared.
func (t *throttle) due(now time.Time, urgent bool) []shared {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !urgent && now.Sub(t.shared) < sharedPause && !now.Before(t.shared) {
		return nil
	}
	t.shared = now
	var list []shared
	for key, k := range t.pending {
		if len(list) == sharedAtOnce {
			break
		}
		if f := t.entries[key]; f != nil && f.pending != 0 {
			list = append(list, shared{counted: k, failures: *f, pending: f.pending})
			f.pending = 0
		}
		delete(t.pending, key)
	}
	return list
}

// unshared takes back that something was shared.
func (t *throttle) unshared(list []shared) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		if f := t.entries[list[i].key]; f != nil {
			f.pending += list[i].pending
			t.pending[list[i].key] = list[i].counted
		}
	}
}

// share writes what this process counted.
func (s *Service) share(ctx context.Context, list []shared, now time.Time) error {
	return s.db.Write(ctx, func(tx *store.Tx) error { return s.shareIn(ctx, tx, list, now) })
}

func (s *Service) shareIn(ctx context.Context, tx *store.Tx, list []shared, now time.Time) error {
	for i := range list {
		one := &list[i]
		next := failures{since: one.since}
		before, err := sharedFailures(ctx, tx.Reader, []counted{one.counted})
		if err != nil {
			return err
		}
		if len(before) > 0 && !before[0].old(one.limit, now) {
			next = before[0].failures
		}
		for range one.pending {
			next.fail(one.counted, now)
		}
		if one.pending < 0 { // attempts that succeeded
			if next.count = max(next.count+one.pending, 0); next.count < one.limit {
				next.until = time.Time{}
			}
		} else if one.until.After(next.until) {
			next.until = one.until
		}
		if _, err := tx.Exec(ctx, `INSERT INTO access_throttle (id, failures, since, until, used) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET failures = excluded.failures, since = excluded.since, until = excluded.until, used = excluded.used`,
			one.key.id(), next.count, next.since.UnixMilli(), max(next.until.UnixMilli(), 0), now.UnixMilli()); err != nil {
			return err
		}
	}
	return s.sweepShared(ctx, tx, now)
}

// sweepShared forgets what is too old to count, and what was used the longest time ago
// of too much, now and then.
func (s *Service) sweepShared(ctx context.Context, tx *store.Tx, now time.Time) error {
	if !s.throttle.sweeps(now) {
		return nil
	}
	if _, err := tx.Exec(ctx, "DELETE FROM access_throttle WHERE used < ?", now.Add(-throttleWindow-longestWait).UnixMilli()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "DELETE FROM access_throttle WHERE used <= (SELECT used FROM access_throttle ORDER BY used DESC LIMIT 1 OFFSET ?)", sharedRows)
	return err
}

func (t *throttle) sweeps(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.swept) < sharedSweep && !now.Before(t.swept) {
		return false
	}
	t.swept = now
	return true
}
