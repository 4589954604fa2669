package console

import (
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"farrier.dev/farrier/internal/control/resource"
)

// manageDescribe attaches a description to an API, or removes it.
func (c *console) manageDescribe(w http.ResponseWriter, r *request) error {
	d := manageAPIData{managed: c.managed(r), Key: keyIn(r, resource.KindAPI)}
	a, wrong := sentDescription(r)
	if wrong != nil {
		return wrong
	}
	to := d.pathOf(d.Key) + "#description"
	if r.PostForm.Get("act") == "remove" {
		if err := c.Resources.Detach(r.Context(), r.principal, d.Environment, d.Key.Namespace, d.Key.Name, versionIn(r)); err != nil {
			return err
		}
		return see(w, r, to)
	}
	_, err := c.Resources.Attach(r.Context(), r.principal, d.Environment, d.Key.Namespace, d.Key.Name, a, versionIn(r))
	if err == nil {
		return see(w, r, to)
	}
	if !d.refused(err) {
		return err
	}
	// What is wrong with the file stands beside its field.
	if d.FileProblem = d.Problem; len(d.Problems) > 0 {
		d.FileProblem = a.File + " can’t be read; nothing was changed."
	}
	if at, text, found := strings.Cut(d.FileProblem, ": "); found && strings.EqualFold(at, "file") {
		d.FileProblem = text
	}
	d.Problem = ""
	return c.showManagedAPI(w, r, http.StatusUnprocessableEntity, d)
}

// sentDescription reads the form with its file.
func sentDescription(r *request) (a resource.Attaching, err error) {
	malformed := problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	if err := r.ParseMultipartForm(maxManageBody); err != nil {
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return a, err
		case errors.Is(err, http.ErrNotMultipart):
			return a, nil // a form without a file, which ParseMultipartForm has read
		}
		return a, malformed
	}
	defer r.MultipartForm.RemoveAll() //nolint:errcheck // what is left of it is in the folder for what is temporary
	file, head, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) {
		return a, nil
	}
	if err != nil {
		return a, malformed
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, resource.MaxSpecification+1))
	if err != nil {
		return a, malformed
	}
	return resource.Attaching{File: path.Base(strings.ReplaceAll(head.Filename, `\`, "/")), Text: string(text)}, nil
}
