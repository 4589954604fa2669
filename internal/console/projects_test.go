package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/history"
	"farrier.dev/farrier/internal/store"
)

// injected is the fingerprint of the finding that can be closed, timeouts that of the
// one that can't.
var (
	injected = finding.Fingerprint("MS-INJ-01", finding.Location{File: "a.xml"})
	timeouts = finding.Fingerprint("MS-CFG-10", finding.Location{File: "a.xml"})
)

// scannedProjects is what a scan of any path finds: a project with weaknesses and one
// without.
func scannedProjects(_ context.Context, path string) (*scan.Report, map[string][]finding.Finding, error) {
	if path == "/src/broken" {
		return nil, nil, errors.New("opening the folder: permission denied")
	}
	at := finding.Location{File: path + "/orders/a.xml", Line: 9}
	found := []finding.Finding{
		{
			Rule: "MS-INJ-01", Severity: finding.Critical, Title: "SQL built from request data", Message: "request data becomes part of SQL", Location: at,
			Taxonomy: finding.Taxonomy{CWE: 89, OWASP2023: "API8"}, Fingerprint: injected, Excerpt: `<db:sql>#["SELECT" ++ vars.name]</db:sql>`,
			Confidence: finding.HighConfidence, Fix: "Bind the value.",
			Inlets: []finding.Location{{Operation: "GET /orders", Place: "query name"}},
			Way: []finding.Step{
				{Location: finding.Location{File: at.File, Line: 5}, Message: "attributes.queryParams.name <b> comes from a client"},
				{Location: at, Message: "is put into db:sql"},
			},
		},
		{Rule: "MS-CFG-10", Severity: finding.Low, Title: "No timeouts", Message: "no timeout", Location: at, Fingerprint: strings.Repeat("2", 32), Confidence: finding.MediumConfidence},
		{Rule: "MS-TLS-01", Severity: finding.High, Message: "let pass", Location: at, Fingerprint: strings.Repeat("3", 32), Suppressed: "behind a proxy"},
	}
	return &scan.Report{
			Problems: []scan.Problem{{File: path + "/orders/broken.xml", Line: 3, Message: "is not well-formed"}},
			Projects: []scan.ProjectSummary{
				{Name: "orders", Dir: path + "/orders", Runtime: "4.9.8", Files: 12, Flows: 5, Counts: finding.Summary{Critical: 1, Low: 1}, APIs: []scan.ServedAPI{{BasePath: "/orders/*"}}},
				{Name: "clean", Dir: path + "/clean"},
			},
		}, map[string][]finding.Finding{
			path + "/orders": found,
		}, nil
}

func (h *house) openProjects(t testing.TB, dir string, db *store.DB, found *posture.Posture, log *audit.Log, out *slog.Logger) {
	t.Helper()
	patches, err := projects.OpenPatches(dir)
	must(t, err)
	h.projects, err = projects.New(projects.Options{
		Where:   where,
		Folders: []string{"/src/orders", "/src/broken"}, Scan: scannedProjects, Findings: found, Patches: patches, Dir: dir, Now: h.now, Log: out,
		Serving: func() *revision.Revision { return h.publication.Serving },
		Publish: func(context.Context) {},
		Record:  func(ctx context.Context, e audit.Entry) { must(t, log.Record(ctx, nil, e)) },
	})
	must(t, err)
	memory, err := history.Open(t.Context(), db, "production")
	must(t, err)
	h.projects.Remember(memory)
}

func (h *house) scanProjects(t testing.TB) {
	t.Helper()
	_, err := h.projects.Scan(t.Context(), control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}, "/src/orders")
	must(t, err)
}

// TestProjectForms uploads, scans, closes and opens, and forgets, as browsers do it.
func TestProjectForms(t *testing.T) {
	h := newHouse(t, clockAt(noon))
	h.seed(t)
	cookie := h.signIn(t)
	post := func(path string, fields ...string) answer {
		t.Helper()
		return h.ask(t, "POST", path, cookie, form(fields...))
	}
	upload := func(field, name string) answer {
		t.Helper()
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part, err := w.CreateFormFile(field, name)
		must(t, err)
		_, _ = part.Write([]byte("zip"))
		must(t, w.Close())
		return h.ask(t, "POST", uploadPath, cookie, func(r *http.Request) {
			r.Body = io.NopCloser(&body)
			r.Header.Set("Content-Type", w.FormDataContentType())
		})
	}
	if a := upload("archive", "orders.zip"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/projects" {
		t.Fatalf("upload: %d %s %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	if a := upload("other", "orders.zip"); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "No archive was chosen") {
		t.Errorf("upload without an archive: %d", a.StatusCode)
	}
	if a := post(uploadPath); a.StatusCode != http.StatusBadRequest {
		t.Errorf("upload that is no form: %d", a.StatusCode)
	}
	if a := post("/projects/scan", "folder", "/src/broken"); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "permission denied") {
		t.Errorf("a folder that can't be scanned: %d %s", a.StatusCode, a.body)
	}
	if a := h.ask(t, "GET", "/projects", cookie); !strings.Contains(a.body, "permission denied") {
		t.Error("the list does not say why a scan has failed")
	}
	if a := post("/projects/scan", "folder", "/etc"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a folder that was not given: %d", a.StatusCode)
	}
	if a := post("/projects/orders/patch", "fingerprint", injected); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("patch: %d %s", a.StatusCode, a.body)
	}
	if a := h.ask(t, "GET", "/projects/orders", cookie); !strings.Contains(a.body, "closed at the gateway") || !strings.Contains(a.body, "query name") {
		t.Error("the page does not show the patch")
	}
	if a := post("/projects/orders/patch", "fingerprint", timeouts); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "not about data of requests") {
		t.Errorf("a finding that can't be closed: %d", a.StatusCode)
	}
	if a := post("/projects/orders/unpatch", "fingerprint", injected); a.StatusCode != http.StatusSeeOther {
		t.Errorf("unpatch: %d", a.StatusCode)
	}
	if a := post("/projects/orders/forget"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("forget: %d", a.StatusCode)
	}
	if a := h.ask(t, "GET", "/projects/orders", cookie); a.StatusCode != http.StatusNotFound {
		t.Errorf("forgotten, but %d", a.StatusCode)
	}
	if a := h.ask(t, "GET", "/audit", cookie); !strings.Contains(a.body, "patch-made") || !strings.Contains(a.body, "project-scanned") {
		t.Error("the audit log does not tell of it")
	}
}
