package app

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/revision"
)

// answeringTime is how long it is waited at most until gateways answer an authority.
const answeringTime = 15 * time.Second

// authority makes the clients through which authorities are asked: they reach what
// alerts may reach, for what a directory answers is shown to whoever named it.
func (c *control) authority(cfg Config) func(roots *x509.CertPool) *http.Client {
	return func(roots *x509.CertPool) *http.Client {
		return notify.NewEnv(notify.Guard{Networks: cfg.AlertNetworks, Roots: roots}, c.now).HTTP
	}
}

// answering waits until the gateways of an environment answer to challenges: that of
// the process, and those of their own that are heard of.
func (c *control) answering(cfg Config, publisher *publish.Publisher) func(context.Context, string, []string) {
	return func(ctx context.Context, environment string, tokens []string) {
		ctx, cancel := context.WithTimeout(ctx, answeringTime)
		defer cancel()
		tick := time.NewTicker(look / 5)
		defer tick.Stop()
		for {
			if answers(c.servedIn(ctx, cfg, publisher, environment), tokens) && c.upToDate(ctx, environment) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// servedIn is what gateways of an environment are to serve, nil for nothing.
func (c *control) servedIn(ctx context.Context, cfg Config, publisher *publish.Publisher, environment string) *revision.Revision {
	if environment == cfg.Environment {
		return publisher.Status().Serving
	}
	if c.fleet == nil {
		return nil
	}
	served, err := c.posts.served(ctx, environment)
	if err != nil || served == nil {
		return nil
	}
	return served.Revision
}

// answers says whether a revision answers to all tokens. Nothing that is served answers
// to none, and nobody waits for it.
func answers(rev *revision.Revision, tokens []string) bool {
	for _, token := range tokens {
		if rev != nil && rev.Challenges[token] == "" {
			return false
		}
	}
	return true
}

// upToDate says whether no gateway of its own that is heard of serves something older.
func (c *control) upToDate(ctx context.Context, environment string) bool {
	if c.fleet == nil {
		return true
	}
	gateways, err := c.fleet.List(ctx, itself(), environment)
	if err != nil {
		return false
	}
	for i := range gateways {
		if gateways[i].State == fleet.Behind {
			return false
		}
	}
	return true
}

// keepCertificates obtains and renews certificates in the process that leads.
func (c *control) keepCertificates(ctx context.Context, running *group) {
	if c.secrets != nil {
		running.Go(c.led(ctx, "certificates", c.secrets.RunACME))
	}
}

// answer puts what authorities are answered at the moment into the revision of the
// process's own gateway. While the store can't be asked, what is answered stays.
func (r *references) answer(rev *revision.Revision) error {
	r.mu.Lock()
	service := r.service
	r.mu.Unlock()
	if service == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	found, err := service.Challenges(ctx, r.cfg.Environment)
	if err != nil {
		r.log.Warn("it can't be asked what authorities are to be answered", "error", err)
		return nil
	}
	rev.Challenges = found
	return nil
}

// answerElsewhere puts them into the revision that the gateways of an environment are
// handed.
func (c *control) answerElsewhere(ctx context.Context, environment string) func(*revision.Revision) error {
	return func(rev *revision.Revision) (err error) {
		rev.Challenges, err = c.secrets.Challenges(ctx, environment)
		return err
	}
}

// withChallenges answers authorities that look at the console's address. Only tokens
// that are asked with at the moment are answered; all else goes on to next.
func (c *control) withChallenges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, is := strings.CutPrefix(r.URL.Path, secrets.ChallengePath)
		if !is || c.secrets == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		answer, known, err := c.secrets.Challenge(r.Context(), token)
		if err != nil {
			c.log.Warn("an authority could not be answered", "error", err)
		}
		if !known {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, answer)
	})
}
