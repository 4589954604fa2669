package console

import (
	"net/http"
	"strconv"

	"farrier.dev/farrier/internal/control/resource"
)

// manageChangesData is the draft as it would be published.
type manageChangesData struct {
	managed
	Draft *resource.Draft
	// Wrong says that a problem is an error, so that nothing can be published.
	Wrong bool
	// Mine says that the reader changed the draft, and can't agree to it.
	Mine bool
	// Asked says that a review was just asked for.
	Asked bool
	// DryRun is the answer of a dry run, nil when none was asked for.
	DryRun *dryRunData
	Note   string
}

func (c *console) manageChanges(w http.ResponseWriter, r *request) error {
	return c.showChanges(w, r, c.managed(r), http.StatusOK)
}

func (c *console) showChanges(w http.ResponseWriter, r *request, m managed, status int) error {
	d := manageChangesData{managed: m, Asked: r.URL.Query().Get("asked") != ""}
	var err error
	if d.Draft, err = c.Resources.Draft(r.Context(), r.principal, d.Environment); err != nil {
		return err
	}
	if d.Problems, err = c.Resources.Problems(r.Context(), r.principal, d.Environment); err != nil {
		return err
	}
	for _, one := range d.Problems {
		d.Wrong = d.Wrong || one.Severity == "error"
	}
	for _, name := range d.Draft.Editors {
		d.Mine = d.Mine || name == r.principal.Operator
	}
	d.Mine = d.Mine || d.Draft.Asked == r.principal.Operator
	if r.PostForm != nil {
		d.Note = r.PostForm.Get("note")
	}
	if r.URL.Query().Get("dryrun") != "" {
		if d.DryRun, err = c.readDryRun(r, d.Environment); err != nil {
			return err
		}
	}
	return c.render(w, r, status, "managechanges", "Changes", d)
}

func (c *console) managePublish(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	m := c.managed(r)
	_, err := c.Resources.Publish(r.Context(), r.principal, m.Environment, resource.Publishing{Draft: versionIn(r), Note: r.PostForm.Get("note")})
	switch {
	case err == nil:
		return see(w, r, m.Base+"/revisions?published=1")
	case resource.IsReview(err):
		return see(w, r, m.Base+"/changes?asked=1")
	case m.refused(err):
		return c.showChanges(w, r, m, http.StatusUnprocessableEntity)
	}
	return err
}

func (c *console) manageDiscard(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	m := c.managed(r)
	if err := c.Resources.Discard(r.Context(), r.principal, m.Environment, versionIn(r)); err != nil {
		return err
	}
	return see(w, r, m.Base+"/changes")
}

// manageRevisionsData is the revisions, and how two of them differ.
type manageRevisionsData struct {
	managed
	Revisions []resource.Revision
	Live      int64
	// Older is the number below which the list goes on, 0 for none.
	Older    int64
	From, To int64
	Compared bool
	Changes  []resource.Change
	// Published says that one was published just now.
	Published bool
}

// revisionPage is how many revisions a page lists.
const revisionPage = 50

func (c *console) manageRevisions(w http.ResponseWriter, r *request) error {
	d := manageRevisionsData{managed: c.managed(r), Published: r.URL.Query().Get("published") != ""}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	var err error
	if d.Revisions, err = c.Resources.Revisions(r.Context(), r.principal, d.Environment, number("below"), revisionPage); err != nil {
		return err
	}
	if n := len(d.Revisions); n == revisionPage && d.Revisions[n-1].Number > 1 {
		d.Older = d.Revisions[n-1].Number
	}
	if d.Live, err = c.Resources.Live(r.Context(), d.Environment); err != nil {
		return err
	}
	if d.From, d.To = number("from"), number("to"); d.To > 0 {
		d.Compared = true
		if d.Changes, err = c.Resources.Diff(r.Context(), r.principal, d.Environment, d.From, d.To); err != nil {
			return err
		}
	}
	return c.render(w, r, http.StatusOK, "managerevisions", "Revisions", d)
}

// manageRollbackData asks whether to bring a revision back.
type manageRollbackData struct {
	managed
	Revision *resource.Revision
	Draft    *resource.Draft
	Changes  []resource.Change
}

func (c *console) manageRollback(w http.ResponseWriter, r *request) error {
	d := manageRollbackData{managed: c.managed(r)}
	n, err := revisionIn(r)
	if err != nil {
		return err
	}
	if d.Revision, err = c.Resources.Revision(r.Context(), r.principal, d.Environment, n); err != nil {
		return err
	}
	if d.Draft, err = c.Resources.Draft(r.Context(), r.principal, d.Environment); err != nil {
		return err
	}
	if d.Changes, err = c.Resources.Diff(r.Context(), r.principal, d.Environment, d.Draft.Live, n); err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "managerollback", "Roll back", d)
}

func (c *console) manageRolledBack(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	n, err := revisionIn(r)
	if err != nil {
		return err
	}
	m := c.managed(r)
	_, err = c.Resources.Rollback(r.Context(), r.principal, m.Environment, n, resource.Publishing{Draft: versionIn(r), Note: r.PostForm.Get("note")})
	if resource.IsReview(err) {
		return see(w, r, m.Base+"/changes?asked=1")
	}
	if err != nil {
		return err
	}
	return see(w, r, m.Base+"/revisions")
}
