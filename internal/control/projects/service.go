// Package projects is the Mule projects behind the APIs: operators have them
// scanned, see what their code does wrong, and close a finding at the gateway until
// the code is mended. The scan itself is the room scan's.
package projects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/history"
)

// MaxUpload is the length in bytes of the longest archive that is taken.
const MaxUpload = 256 << 20

// engine is the name under which findings of code are kept.
const engine = "scan"

// Options are what the service works with; all are required.
type Options struct {
	// Where is the environment whose operators may ask.
	Where access.Place
	// Folders are those whose projects may be scanned.
	Folders []string
	// Scan scans what lies at a path.
	Scan func(ctx context.Context, path string) (*scan.Report, map[string][]finding.Finding, error)
	// Serving is the revision in service, nil before the first.
	Serving func() *revision.Revision
	// Findings take what was found in the code of an API.
	Findings Findings
	Patches  *Patches
	// Publish puts changed patches into service.
	Publish func(ctx context.Context)
	// Record keeps what operators did.
	Record func(ctx context.Context, e audit.Entry)
	// Dir is a folder for archives while they are scanned.
	Dir string
	Now func() time.Time
	Log *slog.Logger
}

// Findings keep what was found of an API, and close what is found no more.
type Findings interface {
	Renew(ctx context.Context, engine, api string, findings []finding.Finding) error
}

// Service scans projects. Its methods are safe for concurrent use.
type Service struct {
	o Options

	// scanning is held by the scan that runs: there is one at a time.
	scanning sync.Mutex

	mu     sync.Mutex
	memory *history.History
	// running are the scans that run or wait, by their source; failed is why the last
	// one of a source failed.
	running map[string]time.Time
	failed  map[string]error
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Where == nil || o.Scan == nil || o.Serving == nil || o.Findings == nil || o.Patches == nil || o.Publish == nil || o.Record == nil || o.Dir == "" || o.Now == nil || o.Log == nil {
		return nil, errors.New("projects: all options but Folders are required")
	}
	return &Service{o: o, running: map[string]time.Time{}, failed: map[string]error{}}, nil
}

// Remember gives the service its memory, once the store is open.
func (s *Service) Remember(h *history.History) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory = h
}

func (s *Service) history() (*history.History, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory == nil {
		return nil, errors.New("the store is not open")
	}
	return s.memory, nil
}

// Kept is what is remembered of a scan.
type Kept struct {
	Summary  scan.ProjectSummary `json:"summary"`
	Findings []finding.Finding   `json:"findings"`
	// More is how many findings there were beyond those.
	More     int            `json:"more,omitempty"`
	Problems []scan.Problem `json:"problems,omitempty"`
	// APIs are those in service that the project implements.
	APIs []string `json:"apis,omitempty"`
}

// maxKept bounds the findings of a project that are remembered; the worst are.
const maxKept = 2000

// Listed is a project in the list of all.
type Listed struct {
	history.Scan
	APIs []string
	// Patches is how many of its findings are closed at the gateway.
	Patches int
}

// Overview is all projects.
type Overview struct {
	Projects []Listed
	// Sources are the folders that may be scanned, and uploads that are being scanned
	// or could not be.
	Sources []Source
}

// Source is where projects come from.
type Source struct {
	Name string
	// Folder says that it is a folder, which can be scanned again.
	Folder bool
	// Since is when the scan began that runs; the zero time when none does.
	Since time.Time
	// Error is why the last scan failed.
	Error string
}

// Overview lists the projects that were scanned and the folders that may be.
func (s *Service) Overview(ctx context.Context, p control.Principal) (*Overview, error) {
	if err := control.Authorise(p, access.ViewProjects, s.o.Where.At()); err != nil {
		return nil, err
	}
	memory, err := s.history()
	if err != nil {
		return nil, err
	}
	scans, err := memory.All(ctx)
	if err != nil {
		return nil, err
	}
	out := &Overview{}
	for _, one := range scans {
		l := Listed{Scan: one}
		var kept Kept
		if _, err := memory.Report(ctx, one.Project, &kept); err == nil {
			l.APIs = kept.APIs
		}
		for _, patch := range s.o.Patches.All() {
			if patch.Project == one.Project {
				l.Patches++
			}
		}
		out.Projects = append(out.Projects, l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range s.o.Folders {
		out.Sources = append(out.Sources, s.source(path, true))
	}
	uploads := slices.Collect(maps.Keys(s.running))
	uploads = slices.AppendSeq(uploads, maps.Keys(s.failed))
	slices.Sort(uploads)
	for _, name := range slices.Compact(uploads) {
		if !slices.Contains(s.o.Folders, name) {
			out.Sources = append(out.Sources, s.source(name, false))
		}
	}
	return out, nil
}

func (s *Service) source(name string, folder bool) Source {
	out := Source{Name: name, Folder: folder, Since: s.running[name]}
	if err := s.failed[name]; err != nil {
		out.Error = err.Error()
	}
	return out
}

// Upload scans an archive: a zip of projects, or a deployable jar. It gives the
// names of the projects in it.
func (s *Service) Upload(ctx context.Context, p control.Principal, name string, archive io.Reader) ([]string, error) {
	if err := control.Authorise(p, access.ManageProjects, s.o.Where.At()); err != nil {
		return nil, err
	}
	name = filepath.Base(filepath.Clean("/" + name))
	dir, err := os.MkdirTemp(s.o.Dir, "scan-*")
	if err != nil {
		return nil, fmt.Errorf("taking the archive: %w", err)
	}
	path, err := receive(dir, name, archive)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s.begin(ctx, name, func(ctx context.Context) ([]string, error) {
		defer func() { _ = os.RemoveAll(dir) }()
		return s.scan(ctx, p.Operator, path, name)
	})
}

// receive puts an archive into a folder.
func receive(dir, name string, archive io.Reader) (string, error) {
	// The name must not matter to whoever opens it, only its ending.
	path := filepath.Join(dir, "upload"+archiveEnding(name))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // in a folder of our own
	if err != nil {
		return "", fmt.Errorf("taking the archive: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(archive, MaxUpload+1))
	if closing := f.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("taking the archive: %w", err)
	case n > MaxUpload:
		return "", &InputError{fmt.Sprintf("%s is longer than %d MiB", name, MaxUpload>>20)}
	}
	return path, nil
}

func archiveEnding(name string) string {
	if filepath.Ext(name) == ".jar" {
		return ".jar"
	}
	return ".zip"
}

// Scan scans the projects of one of the folders.
func (s *Service) Scan(ctx context.Context, p control.Principal, folder string) ([]string, error) {
	if err := control.Authorise(p, access.ManageProjects, s.o.Where.At()); err != nil {
		return nil, err
	}
	if !slices.Contains(s.o.Folders, folder) {
		return nil, control.ErrNotFound
	}
	return s.begin(ctx, folder, func(ctx context.Context) ([]string, error) { return s.scan(ctx, p.Operator, folder, folder) })
}

// ErrRunning says that a scan has begun and goes on.
var ErrRunning = errors.New("the scan goes on")

const (
	// patience is how long whoever asks waits for the outcome, longest how long a
	// scan may take.
	patience = 10 * time.Second
	longest  = 15 * time.Minute
)

// begin scans, also when whoever asked goes away; who waits too long is told that
// the scan goes on.
func (s *Service) begin(ctx context.Context, source string, work func(context.Context) ([]string, error)) ([]string, error) {
	s.mu.Lock()
	if _, busy := s.running[source]; busy {
		s.mu.Unlock()
		return nil, ErrRunning
	}
	s.running[source] = s.o.Now().UTC()
	s.mu.Unlock()
	type outcome struct {
		names []string
		err   error
	}
	ended := make(chan outcome, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
		defer cancel()
		names, err := safely(ctx, work)
		s.mu.Lock()
		delete(s.running, source)
		delete(s.failed, source)
		if err != nil {
			s.failed[source] = err
			s.o.Log.Warn("a scan has failed", "source", source, "error", err)
		}
		s.mu.Unlock()
		ended <- outcome{names, err}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case o := <-ended:
		return o.names, o.err
	case <-timer.C:
		return nil, ErrRunning
	}
}

// safely turns a panic into an error: archives are of strangers.
func safely(ctx context.Context, work func(context.Context) ([]string, error)) (names []string, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("scanning has failed: %v", fault)
		}
	}()
	return work(ctx)
}

// Project gives the newest scan of a project.
func (s *Service) Project(ctx context.Context, p control.Principal, name string) (*history.Scan, *Kept, error) {
	if err := control.Authorise(p, access.ViewProjects, s.o.Where.At()); err != nil {
		return nil, nil, err
	}
	memory, err := s.history()
	if err != nil {
		return nil, nil, err
	}
	var kept Kept
	one, err := memory.Report(ctx, name, &kept)
	if errors.Is(err, history.ErrNotFound) {
		return nil, nil, control.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	return &one, &kept, nil
}

// Forget removes a project, its findings and its patches.
func (s *Service) Forget(ctx context.Context, p control.Principal, name string) error {
	if err := control.Authorise(p, access.ManageProjects, s.o.Where.At()); err != nil {
		return err
	}
	_, kept, err := s.Project(ctx, p, name)
	if err != nil {
		return err
	}
	memory, err := s.history()
	if err != nil {
		return err
	}
	if err := s.endPatches(ctx, p.Operator, name, nil); err != nil {
		return err
	}
	for _, api := range kept.APIs {
		if err := s.o.Findings.Renew(ctx, engine+":"+name, api, nil); err != nil {
			return err
		}
	}
	if err := memory.Forget(ctx, name); err != nil {
		return err
	}
	s.o.Record(ctx, audit.Entry{Operator: p.Operator, Action: audit.ProjectRemoved, Object: "project " + name, Outcome: audit.Done})
	return nil
}
