// Package resource is where operators say what gateways serve: each environment
// has a draft of resources, which console, HTTP API and commands edit alike, and
// numbered revisions that were published from it. Manifests are another view of
// the same resources: what was edited is exported as YAML and back without loss.
// What operators write reaches no further than they do themselves: it names no file
// and no environment variable of the machines that serve, as manifests on disk may,
// and a kept secret only where who writes it may use that, or where it stood before.
// The right of the author counts, when a draft is written; whoever publishes it need
// not know the secrets. Files and variables are refused once more then.
package resource

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// FilePrefix begins the names of the manifests that Files gives; what follows is
// ENVIRONMENT/KIND/NAMESPACE/NAME.
const FilePrefix = "console/"

// SealPurpose is what the column resource_texts.sealed is sealed for.
const SealPurpose = "resource"

// The kinds of resources that are managed here.
const (
	KindAPI           = "ApiInstance"
	KindService       = "Service"
	KindBinding       = "PolicyBinding"
	KindConfiguration = "Configuration"
	KindExtension     = "Extension"
)

// Kinds are the kinds of resources that are managed here.
func Kinds() []string {
	return []string{KindAPI, KindService, KindBinding, KindConfiguration, KindExtension}
}

// maxResources bounds the resources of one environment.
const maxResources = 10_000

// ErrReview says that the draft waits for a second person.
var ErrReview = errors.New("a second person must agree, who changed nothing of it; the review has been asked for")

// Sealer keeps resources unreadable in the database.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Options are what the service works with. All are required but Owned, Paths,
// Beside, ReadOnly, Published, Try and DryRun.
type Options struct {
	DB      *store.DB
	Gate    control.Gate
	Auditor control.Auditor
	Sealer  Sealer
	// Catalogue and Build check the resources of an environment as whoever serves them
	// does.
	Catalogue manifest.Catalogue
	Build     func(environment string) manifest.Options
	// Schema is the JSON schema of the settings of a policy, by any of its names; nil
	// for a policy that is not known.
	Schema func(policy string) map[string]any
	// Policies are those to choose from.
	Policies []Policy
	Now      func() time.Time
	// Owned are the resources of an environment that files hold.
	Owned func(environment string) []manifest.Resource
	// Paths are the manifests on disk that are served beside those of an environment;
	// Beside are further ones, as contracts.
	Paths  func(environment string) []string
	Beside func(ctx context.Context, environment string) ([]manifest.File, error)
	// ReadOnly says that files alone say what an environment serves.
	ReadOnly func(environment string) bool
	// Published is told that another revision is to be served.
	Published func(environment string)
	// Try says why whoever serves an environment would refuse a revision that could be
	// built; nil refuses none.
	Try func(ctx context.Context, environment string, rev *revision.Revision) []manifest.Problem
	// MayUse tells of which groups of an environment a principal may use the kept
	// secrets; without it, of none.
	MayUse func(ctx context.Context, p control.Principal, environment string) (func(group string) bool, error)
	// DryRun says what a draft would have refused of recorded traffic.
	DryRun func(ctx context.Context, environment string, rev *revision.Revision) (any, error)
}

// Service manages resources. Its methods are safe for concurrent use.
type Service struct{ o Options }

// New brings the tables up to date and makes the service.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Gate.Tree == nil || o.Auditor == nil || o.Sealer == nil || o.Catalogue == nil || o.Build == nil || o.Schema == nil || o.Now == nil {
		return nil, errors.New("resource: DB, Gate, Auditor, Sealer, Catalogue, Build, Schema and Now are required")
	}
	if err := o.DB.Migrate(ctx, "resource", migrations); err != nil {
		return nil, fmt.Errorf("opening the resources: %w", err)
	}
	return &Service{o: o}, nil
}

// Key names a resource of an environment.
type Key struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is "kind namespace/name".
func (k Key) String() string { return k.Kind + " " + k.Namespace + "/" + k.Name }

// file is the name of the manifest of the resource.
func (k Key) file(environment string) string {
	return FilePrefix + environment + "/" + k.Kind + "/" + k.Namespace + "/" + k.Name
}

// keyOfFile is the inverse of file.
func keyOfFile(environment, file string) (Key, bool) {
	rest, ok := strings.CutPrefix(file, FilePrefix+environment+"/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return Key{}, false
	}
	return Key{parts[0], parts[1], parts[2]}, true
}

func keyOf(d *manifest.Document) Key { return Key{d.Kind, d.Name.Namespace, d.Name.Name} }

// Resource is one resource of a draft, or one that a file holds.
type Resource struct {
	manifest.Document
	// Version changes with each change; 0 for what a file holds.
	Version int64
	// Author changed it last, At says when.
	Author string
	At     time.Time
	// ManagedBy is the place, as "api.yaml:12", of what a file holds; its spec is not
	// known here.
	ManagedBy string
}

// Key names the resource.
func (r *Resource) Key() Key { return keyOf(&r.Document) }

// Problem is one thing wrong with a resource.
type Problem struct {
	// Resource is empty where the place is no resource of the draft; then File and
	// Line tell it.
	Resource Key    `json:"resource,omitzero"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Severity string `json:"severity"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message"`
}

// InvalidError is ErrInvalid with all that is wrong.
type InvalidError struct{ Problems []Problem }

// Error names the first problems.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString(control.ErrInvalid.Error())
	for i, p := range e.Problems {
		if i == 5 {
			fmt.Fprintf(&b, "; and %d more", len(e.Problems)-i)
			break
		}
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		b.WriteString(sep)
		if p.Resource != (Key{}) {
			b.WriteString(p.Resource.String() + ": ")
		} else if p.File != "" {
			fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
		}
		if p.Field != "" {
			b.WriteString(p.Field + ": ")
		}
		b.WriteString(p.Message)
	}
	return b.String()
}

// Unwrap is ErrInvalid.
func (e *InvalidError) Unwrap() error { return control.ErrInvalid }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", control.ErrInvalid, fmt.Sprintf(format, args...))
}

// views and manages are the permissions to see and to change resources of a kind.
func views(kind string) access.Permission {
	if kind == KindBinding || kind == KindExtension {
		return access.ViewPolicies
	}
	return access.ViewAPIs
}

func manages(kind string) access.Permission {
	if kind == KindBinding || kind == KindExtension {
		return access.ManagePolicies
	}
	return access.ManageAPIs
}

// may is Gate.Environment for several permissions, all of which are needed.
func (s *Service) may(ctx context.Context, p control.Principal, environment string, what ...access.Permission) error {
	for _, one := range what {
		if err := s.o.Gate.Environment(ctx, p, one, environment); err != nil {
			return err
		}
	}
	return nil
}

// writable refuses changes of environments that files alone manage.
func (s *Service) writable(environment string) error {
	if s.o.ReadOnly != nil && s.o.ReadOnly(environment) {
		return fmt.Errorf("%w: everything in %s is, by the setting readOnly", control.ErrReadOnly, environment)
	}
	return nil
}

// owners are the places of the resources that files hold.
func (s *Service) owners(environment string) map[Key]manifest.Resource {
	owners := map[Key]manifest.Resource{}
	if s.o.Owned == nil {
		return owners
	}
	for _, r := range s.o.Owned(environment) {
		owners[Key{r.Kind, r.Name.Namespace, r.Name.Name}] = r
	}
	return owners
}

func place(r manifest.Resource) string { return fmt.Sprintf("%s:%d", r.Source.File, r.Source.Line) }

// IsReview reports whether an error only says that a second person must agree.
func IsReview(err error) bool { return errors.Is(err, ErrReview) }
