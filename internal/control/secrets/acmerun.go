package secrets

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/secrets/acme"
	"farrier.dev/farrier/internal/store"
)

const (
	// acmeLook is how often it is looked which certificates are due.
	acmeLook = 2 * time.Second
	// acmeTime bounds one attempt to obtain a certificate.
	acmeTime = 5 * time.Minute
	// acmeAtOnce is how many are obtained at the same time: a slow authority must not
	// keep the others waiting.
	acmeAtOnce = 4
	// acmeLate is when an attempt that was not made is late.
	acmeLate = time.Hour
	// firstAgain and longestAgain are how long is waited after a failure: twice as long
	// each time. Authorities allow few failures an hour.
	firstAgain   = 15 * time.Minute
	longestAgain = 6 * time.Hour
	// longestRest bounds for how long an authority may want to be left alone.
	longestRest = 24 * time.Hour
)

// dueACME is a certificate whose time has come.
type dueACME struct{ environment, group, name string }

// askNow lets RunACME look at once.
func (s *Service) askNow() {
	select {
	case s.ask <- struct{}{}:
	default:
	}
}

// acmeWork are the attempts under way.
type acmeWork struct {
	s  *Service
	wg sync.WaitGroup

	mu   sync.Mutex
	busy map[dueACME]bool
	// rest is until when one is left alone whose failure could not be kept.
	rest map[dueACME]time.Time
	errs []error
}

func (s *Service) newACMEWork() *acmeWork {
	return &acmeWork{s: s, busy: map[dueACME]bool{}, rest: map[dueACME]time.Time{}}
}

// TickACME obtains up to four of the certificates that are due, and comes back when that
// is done. No two processes may at the same time.
func (s *Service) TickACME(ctx context.Context) error {
	w := s.newACMEWork()
	err := w.start(ctx)
	w.wg.Wait()
	return errors.Join(err, errors.Join(w.errs...), ctx.Err())
}

// RunACME obtains and renews certificates until ctx ends. It must run in one process at
// a time.
func (s *Service) RunACME(ctx context.Context) {
	w := s.newACMEWork()
	defer w.wg.Wait()
	tick := time.NewTicker(acmeLook)
	defer tick.Stop()
	for {
		if err := w.start(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("it can't be asked which certificates are due", "error", err)
		}
		w.told()
		select {
		case <-ctx.Done():
			return
		case <-s.ask:
		case <-tick.C:
		}
	}
}

// told logs what went wrong.
func (w *acmeWork) told() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range w.errs {
		w.s.o.Log.Warn("a certificate could not be obtained", "error", err)
	}
	w.errs = nil
}

// start begins what is due and not under way, as far as there is room.
func (w *acmeWork) start(ctx context.Context) error {
	if w.s.o.Authority == nil {
		return nil
	}
	if err := w.s.forgetChallenges(ctx); err != nil {
		return err
	}
	due, err := w.s.dueACME(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.s.o.Now()
	for _, d := range due {
		if w.busy[d] || len(w.busy) >= acmeAtOnce || now.Before(w.rest[d]) {
			continue
		}
		w.busy[d] = true
		w.wg.Go(func() { w.one(ctx, d) })
	}
	return nil
}

// one makes one attempt. Whatever goes wrong, the next is not made at once.
func (w *acmeWork) one(ctx context.Context, d dueACME) {
	err := w.s.obtain(ctx, d)
	var kept error
	if err != nil && ctx.Err() == nil {
		kept = w.s.postpone(ctx, d)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		w.errs = append(w.errs, fmt.Errorf("%s/%s: %w", d.group, d.name, err))
	}
	delete(w.rest, d)
	if kept != nil {
		w.rest[d] = w.s.o.Now().Add(firstAgain)
	}
	delete(w.busy, d)
	w.s.askNow() // another may have waited for the place
}

// postpone leaves one alone for a while for which no next time was set.
func (s *Service) postpone(ctx context.Context, d dueACME) error {
	now := s.o.Now()
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE secrets_acme SET next_try = ? WHERE environment = ? AND group_name = ? AND name = ? AND next_try <= ?",
			now.Add(firstAgain).UnixMilli(), d.environment, d.group, d.name, now.UnixMilli())
		return err
	})
}

func (s *Service) dueACME(ctx context.Context) (found []dueACME, err error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT environment, group_name, name FROM secrets_acme WHERE next_try <= ? ORDER BY next_try, environment, group_name, name LIMIT 100", s.o.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("looking for certificates that are due: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d dueACME
		if err := rows.Scan(&d.environment, &d.group, &d.name); err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, rows.Err()
}

// attempt is one certificate on its way.
type attempt struct {
	dueACME
	s       *Service
	in      Group
	seen    ACMECertificate
	kept    acmeKept
	account acme.Account
	order   acme.Order
}

// errSuperseded says that an operator has changed what is asked for meanwhile.
var errSuperseded = errors.New("it was changed while it was under way")

// obtain makes one attempt and keeps how it ended. One that ctx ends is no failure: it
// goes on when it is looked again.
func (s *Service) obtain(ctx context.Context, d dueACME) error {
	a, err := s.attempt(ctx, d)
	if errors.Is(err, control.ErrNotFound) {
		return nil // it was ended
	}
	if err != nil {
		return err
	}
	roots, err := rootsOf(a.seen.Roots)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, acmeTime)
	defer cancel()
	chain, err := acme.Obtain(within, s.o.Authority(roots), &a.account, &a.order, a.seen.Domains, acme.Steps{Keep: a.keep, Present: a.present})
	if ctx.Err() != nil {
		return ctx.Err() // the challenges are answered on: the authority may be looking
	}
	s.withdraw(ctx, d)
	if err == nil {
		err = a.take(ctx, chain)
	}
	if errors.Is(err, errSuperseded) || errors.Is(err, control.ErrNotFound) {
		return nil
	}
	if err != nil {
		return errors.Join(err, a.failed(ctx, err))
	}
	s.o.Changed(d.environment)
	return nil
}

func (s *Service) attempt(ctx context.Context, d dueACME) (*attempt, error) {
	a := &attempt{dueACME: d, s: s}
	var err error
	if a.in, err = s.group(ctx, s.o.DB.Read(), d.environment, d.group); err != nil {
		return nil, err
	}
	if a.seen, err = s.acme(ctx, s.o.DB.Read(), d.environment, d.group, d.name); err != nil {
		return nil, err
	}
	if a.kept, err = s.openACME(d.environment, a.in, d.name, a.seen.sealed); err != nil {
		return nil, err
	}
	a.account = acme.Account{Directory: a.seen.Directory, Contact: a.seen.Contact, URI: a.kept.URI, KeyID: a.seen.KeyID, HMAC: a.kept.HMAC}
	if a.account.Key, err = readKey(a.kept.AccountKey); err != nil {
		return nil, err
	}
	if a.account.Key == nil {
		return nil, errors.New("there is no key of the account")
	}
	a.order.URL = a.kept.Order
	a.order.Key, err = readKey(a.kept.OrderKey)
	return a, err
}

// sealed is what is kept of the attempt.
func (a *attempt) sealed() (string, error) {
	a.kept.URI, a.kept.Order, a.kept.OrderKey = a.account.URI, a.order.URL, ""
	if a.order.Key != nil {
		text, err := keyPEM(a.order.Key)
		if err != nil {
			return "", err
		}
		a.kept.OrderKey = text
	}
	return a.s.sealACME(a.environment, a.in, a.name, a.kept)
}

// update writes columns, when nobody has changed what is asked for meanwhile.
func (a *attempt) update(ctx context.Context, tx *store.Tx, columns string, args ...any) error {
	args = append(args, a.environment, a.group, a.name, a.seen.Version)
	n, err := tx.Exec(ctx, "UPDATE secrets_acme SET "+columns+" WHERE environment = ? AND group_name = ? AND name = ? AND version = ?", args...)
	if err != nil {
		return fmt.Errorf("keeping how a certificate stands: %w", err)
	}
	if n == 0 {
		return errSuperseded
	}
	return nil
}

// keep keeps account and order for the next start.
func (a *attempt) keep(ctx context.Context) error {
	sealed, err := a.sealed()
	if err != nil {
		return err
	}
	return a.s.o.DB.Write(ctx, func(tx *store.Tx) error { return a.update(ctx, tx, "sealed = ?", sealed) })
}

// take keeps a certificate that was obtained as the version that serves.
func (a *attempt) take(ctx context.Context, chain []*x509.Certificate) error {
	s, now := a.s, a.s.o.Now()
	file := &imported{key: a.order.Key, chain: chain}
	if err := file.keyed(now); err != nil {
		return err
	}
	key, err := keyPEM(a.order.Key)
	if err != nil {
		return err
	}
	leaf := file.chain[0]
	m := made{fields: map[string]string{"key": key, "certificate": certificatesPEM(file.chain)}, facts: factsOf(file.chain), expires: leaf.NotAfter}
	a.order = acme.Order{}
	sealed, err := a.sealed()
	if err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := a.update(ctx, tx, "sealed = ?, expires_at = ?, failures = 0, last_error = '', last_try = ?, next_try = ?",
			sealed, millis(leaf.NotAfter), now.UnixMilli(), millis(renewal(leaf, now))); err != nil {
			return err
		}
		before, err := s.entry(ctx, tx.Reader, a.environment, a.group, a.name)
		if err != nil && !errors.Is(err, control.ErrNotFound) {
			return err
		}
		_, err = s.put(ctx, tx, putting{
			p: control.Principal{Operator: system}, owner: a.seen.MadeBy, environment: a.environment, group: a.group, name: a.name, kind: Keystore,
			m: m, how: "acme", action: audit.SecretRotated, seen: before.Version,
		})
		return err
	})
}

// renewal is when a certificate is obtained anew: when a third of its lifetime is left.
func renewal(leaf *x509.Certificate, now time.Time) time.Time {
	at := leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
	if earliest := now.Add(time.Minute); at.Before(earliest) {
		return earliest
	}
	return at
}

// failed keeps why there is no certificate and when it is tried again.
func (a *attempt) failed(ctx context.Context, why error) error {
	text, rest, known := acme.Explain(why)
	var input *InputError
	switch {
	case known:
	case errors.As(why, &input):
		text = "what the authority sends can't be kept: " + input.Error()
	default:
		text = "it could not be completed here; the log has the details"
	}
	now := a.s.o.Now()
	next := again(a.seen, rest, now)
	sealed, err := a.sealed()
	if err != nil {
		return err
	}
	err = a.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := a.update(ctx, tx, "sealed = ?, failures = failures + 1, last_error = ?, last_try = ?, next_try = ?", sealed, text, now.UnixMilli(), next.UnixMilli()); err != nil {
			return err
		}
		e := control.Told(control.Principal{Operator: system}, a.environment, audit.ACMEFailed, object(a.group, a.name))
		e.Outcome = audit.Failed
		e.Detail = map[string]string{"directory": a.seen.Directory, "reason": text, "next": next.UTC().Format(time.RFC3339)}
		return a.s.o.Audit.Record(ctx, tx, e)
	})
	if errors.Is(err, errSuperseded) {
		return nil
	}
	return err
}

// again is when it is tried again after a failure: later each time, but not so late that
// what serves ends before there was time to mend it, and as late as the authority wants.
func again(seen ACMECertificate, rest time.Duration, now time.Time) time.Time {
	pause := longestAgain
	if seen.Failures < 5 {
		pause = firstAgain << seen.Failures
	}
	if left := seen.Until.Sub(now); left > 0 {
		pause = min(pause, max(firstAgain, left/4))
	}
	return now.Add(max(min(pause, longestAgain), min(rest, longestRest)))
}

// present has the gateways answer.
func (a *attempt) present(ctx context.Context, answers map[string]string) error {
	s := a.s
	until := s.o.Now().Add(2 * acmeTime).UnixMilli()
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for token, answer := range answers {
			if _, err := tx.Exec(ctx, `INSERT INTO secrets_challenges (environment, token, answer, group_name, name, until) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (environment, token) DO UPDATE SET answer = excluded.answer, group_name = excluded.group_name, name = excluded.name, until = excluded.until`,
				a.environment, token, answer, a.group, a.name, until); err != nil {
				return err
			}
		}
		return bump(ctx, tx, a.environment)
	})
	if err != nil {
		return fmt.Errorf("keeping challenges: %w", err)
	}
	s.o.Changed(a.environment)
	if s.o.Answering != nil {
		s.o.Answering(ctx, a.environment, slices.Collect(maps.Keys(answers)))
	}
	return ctx.Err()
}
