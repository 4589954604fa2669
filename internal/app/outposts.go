package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
)

const (
	// look is how often it is asked whether something was published.
	look = 250 * time.Millisecond
	// What could not be published is tried again after firstRetry, then after twice as
	// long each time, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// versionFile holds the version of the kept revision of an environment.
	versionFile = "version"
)

// outposts publishes for the environments of the control plane: those that gateways
// of their own serve, and this process's own, which they may serve too.
type outposts struct {
	own  string
	log  *slog.Logger
	dir  string
	base publish.Options
	now  func() time.Time
	// publisher publishes for the process's own gateway.
	publisher *publish.Publisher
	// environments lists the ids of all environments.
	environments func(ctx context.Context) ([]string, error)
	// version grows with everything that operators change in an environment, as soon
	// as it is to be served.
	version func(ctx context.Context, environment string) (int64, error)
	// sources give the resources of an environment.
	sources func(environment string) []func(context.Context) ([]manifest.File, error)
	// contain puts the acts of containment of an environment into a revision.
	contain func(environment string) func(*revision.Revision) error
	// expander resolves the references of an environment; pin says which version of a
	// kept secret serves.
	expander func(environment string) secret.Expander
	pin      func(environment string, ref secret.Stored) (secret.Stored, error)

	mu  sync.Mutex
	all map[string]*outpost
}

// outpost is what the gateways of one environment must serve.
type outpost struct {
	publisher *publish.Publisher
	// folder is where the version of what is kept lies, empty for the process's own
	// environment.
	folder string

	mu sync.Mutex
	// version is the one that was published last, -1 before the first; rev is what was
	// published then, nil for what the publisher serves now.
	version int64
	rev     *revision.Revision
	// tried is the version that was last tried to be published, -1 before.
	tried int64
	// why is the reason that it is not served, empty when it is.
	why   string
	since time.Time
	// next is when it is tried again, pause how long it was put off.
	next   time.Time
	pause  time.Duration
	served *fleet.Served
	// closed is why it can't be handed out, empty when it can.
	closed string
}

// shelf is a Server that serves nobody: it holds the revision for those who ask.
type shelf struct{ table atomic.Pointer[router.Table] }

// Load implements publish.Server.
func (s *shelf) Load(_ context.Context, next *router.Table) error {
	s.table.Store(next)
	return nil
}

// Table implements publish.Server.
func (s *shelf) Table() *router.Table { return s.table.Load() }

// run follows what is published until ctx ends.
func (o *outposts) run(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		text := ""
		if err := o.follow(ctx); err != nil && ctx.Err() == nil {
			text = err.Error()
		}
		switch text {
		case told:
		case "":
			o.log.Info("it can be asked again what is published")
		default:
			o.log.Error("it can't be asked what is published; gateways serve on", "error", text)
		}
		told = text
	}
}

func (o *outposts) follow(ctx context.Context) error {
	ids, err := o.environments(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		version, err := o.version(ctx, id)
		if err != nil {
			return err
		}
		if post := o.post(ctx, id); post.due(version, o.now()) {
			// What is read from here on is not older than the version.
			problems := post.publisher.PublishAgain(ctx)
			if ctx.Err() == nil {
				o.note(id, post, version, problems)
			}
		}
	}
	return nil
}

// due says that a version is to be published: it is new, or it could not be published
// and it is time to try again.
func (p *outpost) due(version int64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return version != p.tried || p.why != "" && !now.Before(p.next)
}

// note remembers how the publication of a version went.
func (o *outposts) note(environment string, post *outpost, version int64, problems []manifest.Problem) {
	post.mu.Lock()
	defer post.mu.Unlock()
	again := version == post.tried
	post.tried = version
	if !manifest.HasErrors(problems) {
		if post.why != "" {
			o.log.Info("what could not be published is published", "environment", environment)
		}
		post.version, post.why, post.pause = version, "", 0
		if post.folder != "" {
			post.rev = post.publisher.Status().Serving
			if err := writeVersion(post.folder, version); err != nil {
				o.log.Error("what an environment serves could not be noted for the next start", "environment", environment, "error", err)
			}
		}
		return
	}
	if post.why == "" {
		post.since = o.now()
	}
	if post.pause = min(2*post.pause, lastRetry); !again || post.pause == 0 {
		post.pause = firstRetry
	}
	post.next = o.now().Add(post.pause)
	if why := firstError(problems); why != post.why {
		post.why = why
		o.log.Error("what operators published can't be served; what was published before is served on", "environment", environment, "problem", why)
	}
}

// firstError tells the first error of problems, and how many more there are.
func firstError(problems []manifest.Problem) string {
	first, more := "", 0
	for _, one := range problems {
		switch {
		case one.Severity != manifest.Error:
		case first == "":
			first = strings.TrimPrefix(one.Text(), ":1: ")
		default:
			more++
		}
	}
	if more > 0 {
		first += fmt.Sprintf(" (and %d more)", more)
	}
	return first
}

// post is the outpost of an environment, made when it is first asked for.
func (o *outposts) post(ctx context.Context, environment string) *outpost {
	o.mu.Lock()
	defer o.mu.Unlock()
	if post := o.all[environment]; post != nil {
		return post
	}
	post := &outpost{publisher: o.publisher, version: -1, tried: -1}
	if environment != o.own {
		post.folder = filepath.Join(o.dir, "environments", environment)
		o.begin(ctx, environment, post)
	}
	if o.all == nil {
		o.all = map[string]*outpost{}
	}
	o.all[environment] = post
	return post
}

// begin makes the publisher of an environment that gateways of their own serve, and
// takes up what was published there last: it is handed out until there is news.
func (o *outposts) begin(ctx context.Context, environment string, post *outpost) {
	options := o.base
	options.Dir, options.Log = post.folder, o.log.With("environment", environment)
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		o.log.Error("there is no folder for what an environment serves", "environment", environment, "error", err)
	}
	options.Server, options.Sources = &shelf{}, o.sources(environment)
	options.Build.Expand, options.Build.Elsewhere = o.expander(environment).Expand, true
	options.Amend = both(o.contain(environment), func(rev *revision.Revision) error {
		return secrets.PinRevision(rev, func(ref secret.Stored) (secret.Stored, error) { return o.pin(environment, ref) })
	})
	options.Paths, options.Refuse, options.Recorded = nil, nil, nil
	options.Compiled = func(rev *revision.Revision, _ router.Options) (*router.Table, error) {
		return &router.Table{Revision: rev}, nil
	}
	post.publisher = publish.New(options)
	if found, err := post.publisher.Restore(ctx); err == nil && found {
		post.rev, post.version = post.publisher.Status().Serving, readVersion(post.folder)
	}
}

// writeVersion notes which version is kept. A torn or older file is no harm: what is
// kept is then taken for older than it is, and handed to those only who have nothing
// newer.
func writeVersion(folder string, version int64) error {
	return os.WriteFile(filepath.Join(folder, versionFile), []byte(strconv.FormatInt(version, 10)), 0o600)
}

func readVersion(folder string) int64 {
	text, err := os.ReadFile(filepath.Join(folder, versionFile))
	if err != nil {
		return 0
	}
	version, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return max(version, 0)
}

// rewrap seals the kept revisions of all environments anew that other master keys have
// sealed.
func (o *outposts) rewrap(keyring *secret.Keyring) (done int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	folder := filepath.Join(o.dir, "environments")
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	errs := []error{err}
	for _, entry := range entries {
		publisher := publish.New(publish.Options{Dir: filepath.Join(folder, entry.Name()), Sealer: keyring})
		if post := o.all[entry.Name()]; post != nil {
			publisher = post.publisher
		}
		changed, err := publisher.Rewrap(keyring.Stale)
		if errs = append(errs, err); changed {
			done++
		}
	}
	return done, errors.Join(errs...)
}

// served implements what fleet asks.
func (o *outposts) served(ctx context.Context, environment string) (*fleet.Served, error) {
	post := o.post(ctx, environment)
	post.mu.Lock()
	defer post.mu.Unlock()
	version, rev := post.version, post.rev
	if post.folder == "" {
		rev = post.publisher.Status().Serving
	}
	if rev == nil || version < 0 {
		return nil, nil
	}
	if s := post.served; s != nil && s.Version == version && s.Revision == rev {
		return s, nil
	}
	values, err := o.secrets(environment, rev)
	if err != nil {
		post.closed = err.Error()
		return nil, err
	}
	post.closed = ""
	post.served = &fleet.Served{Version: version, Revision: rev, Secrets: values}
	return post.served, nil
}

// publication tells how publishing stands in an environment.
func (o *outposts) publication(ctx context.Context, environment string) fleet.Publication {
	post := o.post(ctx, environment)
	post.mu.Lock()
	defer post.mu.Unlock()
	var p fleet.Publication
	rev := post.rev
	if post.folder == "" {
		rev = post.publisher.Status().Serving
	}
	if rev != nil {
		p.Revision, p.Digest, p.Published = rev.Number, rev.Digest, rev.Created
	}
	if p.Problem = post.closed; post.why != "" {
		p.Problem, p.Since, p.Again = post.why, post.since.UTC(), post.next.UTC()
	}
	return p
}

// secrets are the values of the references to kept secrets in a revision.
func (o *outposts) secrets(environment string, rev *revision.Revision) (map[string]string, error) {
	text, err := json.Marshal(rev)
	if err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", rev.Number, err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", rev.Number, err)
	}
	values, expander := map[string]string{}, o.expander(environment)
	return values, eachText(tree, func(text string) error {
		if !secret.IsStored(text) {
			return nil
		}
		value, err := expander.Expand(text)
		if err != nil {
			return fmt.Errorf("revision %d: %w", rev.Number, err)
		}
		values[text] = value
		return nil
	})
}

// eachText shows every text of a JSON value.
func eachText(value any, show func(text string) error) error {
	switch v := value.(type) {
	case string:
		return show(v)
	case []any:
		for _, one := range v {
			if err := eachText(one, show); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, one := range v {
			if err := eachText(one, show); err != nil {
				return err
			}
		}
	}
	return nil
}
