package console

import (
	"errors"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
)

func (c *console) reviewRoutes() []route {
	if c.Resources == nil {
		return nil
	}
	const environment = "/manage/{environment}"
	return []route{
		{"GET " + environment + "/review", operators, c.manageReview},
		{"POST " + environment + "/review", operators, c.manageReviewed},
		{"POST " + environment + "/review/switch", operators, c.manageReviewSwitch},
		{"GET " + environment + "/promote", operators, c.managePromote},
		{"POST " + environment + "/promote", operators, c.managePromoted},
	}
}

// manageReviewData is a draft that waits for a second person, and those of other
// environments.
type manageReviewData struct {
	managed
	Draft *resource.Draft
	// Waits says that a review of this draft is asked for; Mine that the reader had a
	// hand in it; Publishes that they may publish here at all; Sets that they may switch
	// reviews on and off.
	Waits, Mine, Publishes, Sets, Wrong bool
	Others                              []otherReview
	// Reason is what was written, ReasonProblem what was wrong with it.
	Reason, ReasonProblem string
}

// otherReview is a draft of another environment, with the page of its review.
type otherReview struct {
	resource.Waiting
	Path string
}

func (c *console) manageReview(w http.ResponseWriter, r *request) error {
	return c.showReview(w, r, http.StatusOK, &manageReviewData{managed: c.managed(r)})
}

func (c *console) showReview(w http.ResponseWriter, r *request, status int, d *manageReviewData) error {
	ctx := r.Context()
	var err error
	if d.Draft, err = c.Resources.Draft(ctx, r.principal, d.Environment); err != nil {
		return err
	}
	waiting, err := c.Resources.Waiting(ctx, r.principal)
	if err != nil {
		return err
	}
	d.Publishes = c.Resources.Can(ctx, r.principal, d.Environment, access.Publish)
	d.Sets = c.Resources.Can(ctx, r.principal, d.Environment, access.ManageAccess)
	for _, one := range waiting {
		if one.Environment == d.Environment {
			d.Waits, d.Mine = true, d.Publishes && !one.Decidable
			continue
		}
		other := managed{Environment: one.Environment}
		d.Others = append(d.Others, otherReview{one, other.base() + "/review"})
	}
	if d.Waits && len(d.Problems) == 0 {
		if d.Problems, err = c.Resources.Problems(ctx, r.principal, d.Environment); err != nil {
			return err
		}
		for _, one := range d.Problems {
			d.Wrong = d.Wrong || one.Severity == "error"
		}
	}
	return c.render(w, r, status, "managereview", "Review", d)
}

// manageReviewed agrees to a draft, or refuses it.
func (c *console) manageReviewed(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	d := &manageReviewData{managed: c.managed(r), Reason: r.PostForm.Get("note")}
	if r.PostForm.Get("act") == "reject" {
		err := c.Resources.Reject(r.Context(), r.principal, d.Environment, versionIn(r), d.Reason)
		var text string
		if errors.Is(err, control.ErrInvalid) {
			text = strings.TrimPrefix(err.Error(), control.ErrInvalid.Error()+": ")
		}
		switch field, why, found := strings.Cut(text, ": "); {
		case err == nil:
			return see(w, r, d.Base+"/review")
		case found && field == "reason":
			d.ReasonProblem = why
			return c.showReview(w, r, http.StatusUnprocessableEntity, d)
		case d.refused(err):
			return c.showReview(w, r, http.StatusUnprocessableEntity, d)
		}
		return err
	}
	_, err := c.Resources.Publish(r.Context(), r.principal, d.Environment, resource.Publishing{Draft: versionIn(r), Note: d.Reason, Agree: true})
	switch {
	case err == nil:
		return see(w, r, d.Base+"/revisions")
	case d.refused(err):
		return c.showReview(w, r, http.StatusUnprocessableEntity, d)
	}
	return err
}

func (c *console) manageReviewSwitch(w http.ResponseWriter, r *request) error {
	if err := parseForm(r); err != nil {
		return err
	}
	m := c.managed(r)
	if err := c.Resources.SetReview(r.Context(), r.principal, m.Environment, r.PostForm.Get("on") == "true"); err != nil {
		return err
	}
	return see(w, r, m.Base+"/review")
}
