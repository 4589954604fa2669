package console

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/history"
)

// uploadPath is the address that takes archives of projects.
const (
	uploadPath    = "/projects/upload"
	maxUploadBody = projects.MaxUpload + 1<<20 // the form around the archive
)

func (c *console) projectList(w http.ResponseWriter, r *request) error {
	o, err := c.Projects.Overview(r.Context(), r.principal)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "projects", "Projects", o)
}

// projectUpload scans the archive of a form. It is read as it comes, for it may be
// long.
func (c *console) projectUpload(w http.ResponseWriter, r *request) error {
	form, err := r.MultipartReader()
	if err != nil {
		return problem(http.StatusBadRequest, "This is no archive", "Choose a zip archive of a project, or a deployable jar.")
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) || err == nil && part.FormName() == "archive" && part.FileName() == "" {
			return problem(http.StatusBadRequest, "No archive was chosen", "Choose a zip archive of a project, or a deployable jar.")
		}
		if err != nil {
			return err
		}
		if part.FormName() != "archive" {
			continue
		}
		names, err := c.Projects.Upload(r.Context(), r.principal, part.FileName(), part)
		return c.scanned(w, r, names, err)
	}
}

func (c *console) projectScan(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	names, err := c.Projects.Scan(r.Context(), r.principal, r.PostForm.Get("folder"))
	return c.scanned(w, r, names, err)
}

// scanned leads to what was found, or to the list while the scan goes on.
func (c *console) scanned(w http.ResponseWriter, r *request, names []string, err error) error {
	to := "/projects"
	switch {
	case err != nil && !errors.Is(err, projects.ErrRunning):
		return err
	case len(names) == 1:
		to = projectPath(names[0])
	}
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
	return nil
}

func projectPath(name string) string { return "/projects/" + url.PathEscape(name) }

// projectData is what the page of one project shows.
type projectData struct {
	Scan  *history.Scan
	Kept  *projects.Kept
	Path  string
	Rules []codeRule
	// Passed is how many findings the source gives a reason for.
	Passed int
	// Severity is the mildest that is shown.
	Severity   finding.Severity
	Severities []finding.Severity
}

// codeRule is a rule with its findings.
type codeRule struct {
	Rule, Title, Mend string
	Severity          finding.Severity
	Taxonomy          finding.Taxonomy
	Places            []codePlace
	// More is how many places are not listed.
	More int
}

// codePlace is a finding as it is shown.
type codePlace struct {
	finding.Finding
	// Patch is the virtual patch that closes it, nil for none; Closable says that
	// there can be one.
	Patch    *projects.Patch
	Closable bool
}

func (c *console) project(w http.ResponseWriter, r *request) error {
	name := r.PathValue("name")
	one, kept, err := c.Projects.Project(r.Context(), r.principal, name)
	if err != nil {
		return err
	}
	d := projectData{Scan: one, Kept: kept, Path: projectPath(name), Severities: []finding.Severity{
		finding.Critical, finding.High, finding.Medium, finding.Low, finding.Info,
	}, Severity: finding.Info}
	if text := r.URL.Query().Get("severity"); text != "" {
		if d.Severity, err = finding.ParseSeverity(text); err != nil {
			return problem(http.StatusBadRequest, "This is no severity", "It must be one of critical, high, medium, low, info.")
		}
	}
	patched := c.Projects.Patched(name)
	at := map[string]int{}
	for _, f := range kept.Findings {
		switch {
		case f.Suppressed != "":
			d.Passed++
			continue
		case f.Severity < d.Severity:
			continue
		}
		i, known := at[f.Rule]
		if !known {
			i = len(d.Rules)
			at[f.Rule] = i
			d.Rules = append(d.Rules, codeRule{Rule: f.Rule, Title: f.Title, Mend: f.Fix, Severity: f.Severity, Taxonomy: f.Taxonomy})
		}
		rule := &d.Rules[i]
		rule.Severity = max(rule.Severity, f.Severity)
		if len(rule.Places) >= maxPlaces {
			rule.More++
			continue
		}
		place := codePlace{Finding: f, Closable: len(kept.APIs) > 0 && projects.Closable(&f)}
		if patch, ok := patched[f.Fingerprint]; ok {
			place.Patch = &patch
		}
		rule.Places = append(rule.Places, place)
	}
	slices.SortStableFunc(d.Rules, func(a, b codeRule) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Rule, b.Rule))
	})
	return c.render(w, r, http.StatusOK, "project", name, d)
}

func (c *console) projectPatch(w http.ResponseWriter, r *request) error {
	return c.projectChange(w, r, func(name, fingerprint string) error {
		return c.Projects.Patch(r.Context(), r.principal, name, fingerprint)
	})
}

func (c *console) projectUnpatch(w http.ResponseWriter, r *request) error {
	return c.projectChange(w, r, func(name, fingerprint string) error {
		return c.Projects.Unpatch(r.Context(), r.principal, name, fingerprint)
	})
}

func (c *console) projectChange(w http.ResponseWriter, r *request, change func(name, fingerprint string) error) error {
	if err := r.ParseForm(); err != nil {
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	fingerprint := r.PostForm.Get("fingerprint")
	if err := change(r.PathValue("name"), fingerprint); err != nil {
		return err
	}
	http.Redirect(w, r.Request, projectPath(r.PathValue("name"))+"#f"+url.PathEscape(fingerprint), http.StatusSeeOther)
	return nil
}

func (c *console) projectForget(w http.ResponseWriter, r *request) error {
	if err := c.Projects.Forget(r.Context(), r.principal, r.PathValue("name")); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/projects", http.StatusSeeOther)
	return nil
}
