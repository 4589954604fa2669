package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
	"farrier.dev/farrier/internal/store"
)

// MaxSpecification bounds a description that is attached, in bytes.
const MaxSpecification = 1 << 20

// Specification is the description of an API that somebody attached: one document of
// OpenAPI, RAML, WSDL or GraphQL.
type Specification struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// File is its bare name, as "orders.yaml".
	File     string `json:"file"`
	Language string `json:"language"`
	Title    string `json:"title,omitempty"`
	Bytes    int64  `json:"bytes"`
	// Digest is that of its text: SHA-256 in hex.
	Digest  string    `json:"digest"`
	Version int64     `json:"version"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
	// Text is only there for who reads the description itself.
	Text []byte `json:"-"`
}

// Attaching is a description that is to be attached.
type Attaching struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// fileForm is what the name of a description may be: it becomes that of a file.
var fileForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

const specificationColumns = `SELECT namespace, name, file, language, title, bytes, digest, version, author, at FROM resource_specifications `

func specifications(ctx context.Context, r store.Reader, where string, args ...any) (out []Specification, err error) {
	found, err := r.Query(ctx, specificationColumns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading descriptions: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var d Specification
		var at int64
		if err := found.Scan(&d.Namespace, &d.Name, &d.File, &d.Language, &d.Title, &d.Bytes, &d.Digest, &d.Version, &d.Author, &at); err != nil {
			return nil, fmt.Errorf("reading descriptions: %w", err)
		}
		d.At = time.UnixMilli(at).UTC()
		out = append(out, d)
	}
	return out, found.Err()
}

func specificationOf(ctx context.Context, r store.Reader, environment, namespace, name string) (*Specification, error) {
	found, err := specifications(ctx, r, `WHERE environment = ? AND namespace = ? AND name = ?`, environment, namespace, name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, control.ErrNotFound
	}
	return &found[0], nil
}

// Specification gives the description that was attached to an API, with its text.
func (s *Service) Specification(ctx context.Context, p control.Principal, environment, namespace, name string) (*Specification, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs); err != nil {
		return nil, err
	}
	d, err := specificationOf(ctx, s.o.DB.Read(), environment, namespace, name)
	if err != nil {
		return nil, err
	}
	return d, s.openSpecification(ctx, environment, d)
}

func (s *Service) openSpecification(ctx context.Context, environment string, d *Specification) error {
	sealed := map[string]string{}
	if err := readSealed(ctx, s.o.DB.Read(), environment, []any{d.Digest}, sealed); err != nil {
		return err
	}
	text, err := s.o.Sealer.Open(SealPurpose, sealed[d.Digest])
	if err != nil {
		return fmt.Errorf("opening the description of %s/%s: %w", d.Namespace, d.Name, err)
	}
	d.Text = text
	return nil
}

// Attach gives an API of the draft a description, in the place of the one whose version
// is named, 0 for none. One that can't be read is refused with what is wrong in which
// line. It changes no request, so that it holds at once and no revision is made of it.
func (s *Service) Attach(ctx context.Context, p control.Principal, environment, namespace, name string, a Attaching, version int64) (*Specification, error) {
	if err := s.attachable(ctx, p, environment, namespace, name); err != nil {
		return nil, err
	}
	d, err := readSpecification(a)
	if err != nil {
		return nil, err
	}
	d.Namespace, d.Name, d.Author, d.At = namespace, name, p.Operator, s.o.Now().UTC().Truncate(time.Millisecond)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		was, err := specificationOf(ctx, tx.Reader, environment, namespace, name)
		if err != nil && !errors.Is(err, control.ErrNotFound) {
			return err
		}
		if was == nil {
			was = &Specification{}
		}
		if was.Version != version {
			return fmt.Errorf("%w: the description was last changed by %s", control.ErrConflict, was.Author)
		}
		d.Version = was.Version + 1
		sealed, err := s.o.Sealer.Seal(SealPurpose, d.Text)
		if err != nil {
			return fmt.Errorf("sealing the description: %w", err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO resource_texts (environment, digest, sealed) VALUES (?, ?, ?) ON CONFLICT (environment, digest) DO NOTHING`, environment, d.Digest, sealed); err != nil {
			return fmt.Errorf("keeping the description: %w", err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO resource_specifications (environment, namespace, name, file, language, title, bytes, digest, version, author, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (environment, namespace, name) DO UPDATE SET file = excluded.file, language = excluded.language, title = excluded.title, bytes = excluded.bytes,
			digest = excluded.digest, version = excluded.version, author = excluded.author, at = excluded.at`,
			environment, namespace, name, d.File, d.Language, d.Title, d.Bytes, d.Digest, d.Version, d.Author, d.At.UnixMilli()); err != nil {
			return fmt.Errorf("keeping the description: %w", err)
		}
		return s.toldSpecification(ctx, tx, p, environment, audit.SpecificationAttached, was, d)
	})
	if err != nil {
		return nil, err
	}
	s.tell(environment)
	return d, nil
}

// Detach removes the description of an API, whose version is named.
func (s *Service) Detach(ctx context.Context, p control.Principal, environment, namespace, name string, version int64) error {
	if err := s.may(ctx, p, environment, access.ManageAPIs); err != nil {
		return err
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		was, err := specificationOf(ctx, tx.Reader, environment, namespace, name)
		if err != nil {
			return err
		}
		if was.Version != version {
			return fmt.Errorf("%w: the description was last changed by %s", control.ErrConflict, was.Author)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM resource_specifications WHERE environment = ? AND namespace = ? AND name = ?`, environment, namespace, name); err != nil {
			return fmt.Errorf("removing the description: %w", err)
		}
		return s.toldSpecification(ctx, tx, p, environment, audit.SpecificationRemoved, was, nil)
	})
	if err == nil {
		s.tell(environment)
	}
	return err
}

// attachable authorises, and refuses APIs that are not in the draft.
func (s *Service) attachable(ctx context.Context, p control.Principal, environment, namespace, name string) error {
	if err := s.may(ctx, p, environment, access.ManageAPIs); err != nil {
		return err
	}
	if err := s.writable(environment); err != nil {
		return err
	}
	key := Key{KindAPI, namespace, name}
	if owner, ok := s.owners(environment)[key]; ok {
		return fmt.Errorf("%w: %s by %s, which names its description itself", control.ErrReadOnly, key, place(owner))
	}
	_, err := s.get(ctx, s.o.DB.Read(), environment, key)
	return err
}

// readSpecification reads a description as whoever shows and judges it does.
func readSpecification(a Attaching) (*Specification, error) {
	switch {
	case len(a.Text) == 0:
		return nil, invalid("file: it is empty; choose the file of the description")
	case !fileForm.MatchString(a.File):
		return nil, invalid("file: the name must be letters, digits, dots, dashes and underlines, at most 100, as orders.yaml")
	case len(a.Text) > MaxSpecification:
		return nil, invalid("file: must be at most %d KiB", MaxSpecification>>10)
	}
	doc := languages.Read(spec.OneFile(a.File, []byte(a.Text), spec.ProjectLimits{}), a.File)
	wrong := &InvalidError{}
	for _, one := range doc.Problems {
		if !one.Warning && len(wrong.Problems) < 20 {
			wrong.Problems = append(wrong.Problems, Problem{File: a.File, Line: one.Line, Severity: "error", Message: one.Message})
		}
	}
	if len(wrong.Problems) > 0 {
		return nil, wrong
	}
	sum := sha256.Sum256([]byte(a.Text))
	d := &Specification{File: a.File, Bytes: int64(len(a.Text)), Digest: hex.EncodeToString(sum[:]), Text: []byte(a.Text)}
	d.Language, d.Title = string(doc.Language), clip(doc.Root.At("info", "title").Str(), 200)
	return d, nil
}

func (s *Service) toldSpecification(ctx context.Context, tx *store.Tx, p control.Principal, environment string, action audit.Action, was, is *Specification) error {
	e := control.Told(p, environment, action, "")
	picture := func(d *Specification) json.RawMessage {
		if d == nil || d.Version == 0 {
			return nil
		}
		e.Object = "description of " + (Key{KindAPI, d.Namespace, d.Name}).String()
		text, err := json.Marshal(map[string]any{"file": d.File, "language": d.Language, "digest": d.Digest})
		if err != nil {
			return nil // text always marshals
		}
		return text
	}
	e.Before, e.After = picture(was), picture(is)
	return s.o.Auditor.Record(ctx, tx, e)
}

// Specifications are all descriptions that were attached in an environment, with their
// texts: it is for whoever serves it, and asks nobody's permission.
func (s *Service) Specifications(ctx context.Context, environment string) ([]Specification, error) {
	found, err := specifications(ctx, s.o.DB.Read(), `WHERE environment = ? ORDER BY namespace, name`, environment)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if err := s.openSpecification(ctx, environment, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}
