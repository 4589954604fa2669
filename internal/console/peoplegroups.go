package console

import (
	"net/http"
	"net/url"
	"slices"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/people"
)

func (c *console) groupRoutes() []route {
	return []route{
		{"GET /access/groups", operators, c.groupList},
		{"POST /access/groups", operators, c.groupCreate},
		{"GET /access/groups/{id}", operators, c.groupDetail},
		{"POST /access/groups/{id}", operators, c.groupUpdate},
		{"POST /access/groups/{id}/delete", operators, c.groupDelete},
		{"POST /access/environments", operators, c.environmentCreate},
		{"POST /access/environments/{id}", operators, c.environmentUpdate},
		{"POST /access/environments/{id}/delete", operators, c.environmentDelete},
	}
}

func groupPath(id string) string { return "/access/groups/" + url.PathEscape(id) }

func (c *console) groupList(w http.ResponseWriter, r *request) error {
	tree, err := c.People.Tree(r.Context(), r.principal)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "groups", "Groups and environments", tree)
}

// groupData is what the page of a business group shows.
type groupData struct {
	people.Branch
	Tree   []people.Branch
	Grants []people.Placed
	// SeesGrants says that who asks may see them.
	SeesGrants bool
	Kinds      []access.EnvironmentKind
}

func (c *console) groupDetail(w http.ResponseWriter, r *request) error {
	tree, err := c.People.Tree(r.Context(), r.principal)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tree, func(b people.Branch) bool { return b.ID == r.PathValue("id") })
	if i < 0 {
		return control.ErrNotFound
	}
	d := groupData{Branch: tree[i], Tree: tree, Kinds: access.EnvironmentKinds()}
	if d.Grants, err = c.People.GrantsIn(r.Context(), r.principal, d.ID); err == nil {
		d.SeesGrants = true
	}
	return c.render(w, r, http.StatusOK, "group", d.Name, d)
}

func (c *console) groupCreate(w http.ResponseWriter, r *request) error {
	return c.act(w, r, "/access/groups", func(form url.Values) error {
		_, err := c.People.CreateGroup(r.Context(), r.principal, access.Group{Name: form.Get("name"), Parent: form.Get("parent")})
		return err
	})
}

func (c *console) groupUpdate(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, groupPath(id), func(form url.Values) error {
		_, err := c.People.UpdateGroup(r.Context(), r.principal, access.Group{ID: id, Name: form.Get("name"), Parent: form.Get("parent"), Version: versionOf(form)})
		return err
	})
}

func (c *console) groupDelete(w http.ResponseWriter, r *request) error {
	return c.act(w, r, "/access/groups", func(form url.Values) error {
		return c.People.DeleteGroup(r.Context(), r.principal, r.PathValue("id"), versionOf(form))
	})
}

func environmentOf(id string, form url.Values) access.Environment {
	return access.Environment{
		ID: id, Name: form.Get("name"), Kind: access.EnvironmentKind(form.Get("kind")), Group: form.Get("group"),
		Review: form.Get("review") != "", Version: versionOf(form),
	}
}

func (c *console) environmentCreate(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	return c.act(w, r, groupPath(r.PostForm.Get("group")), func(form url.Values) error {
		_, err := c.People.CreateEnvironment(r.Context(), r.principal, environmentOf(form.Get("id"), form))
		return err
	})
}

func (c *console) environmentUpdate(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	return c.act(w, r, groupPath(r.PostForm.Get("group")), func(form url.Values) error {
		_, err := c.People.UpdateEnvironment(r.Context(), r.principal, environmentOf(r.PathValue("id"), form))
		return err
	})
}

func (c *console) environmentDelete(w http.ResponseWriter, r *request) error {
	return c.act(w, r, "/access/groups", func(form url.Values) error {
		return c.People.DeleteEnvironment(r.Context(), r.principal, r.PathValue("id"), versionOf(form))
	})
}
