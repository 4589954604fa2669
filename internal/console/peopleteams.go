package console

import (
	"net/http"
	"net/url"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/people"
)

func (c *console) teamRoutes() []route {
	return []route{
		{"GET /access/teams", operators, c.teamList},
		{"POST /access/teams", operators, c.teamCreate},
		{"GET /access/teams/{id}", operators, c.teamDetail},
		{"POST /access/teams/{id}", operators, c.teamUpdate},
		{"POST /access/teams/{id}/delete", operators, c.teamDelete},
		{"POST /access/teams/{id}/members", operators, c.memberAdd},
		{"POST /access/teams/{id}/members/remove", operators, c.memberRemove},
		{"POST /access/teams/{id}/grants", operators, c.teamGrant},
		{"POST /access/teams/{id}/maps", operators, c.groupMap},
		{"POST /access/teams/{id}/maps/remove", operators, c.groupUnmap},
	}
}

func teamPath(id string) string { return "/access/teams/" + url.PathEscape(id) }

func (c *console) teamList(w http.ResponseWriter, r *request) error {
	teams, err := c.People.Teams(r.Context(), r.principal)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "teams", "Teams", struct {
		Teams   []teamRow
		Manages bool
	}{sortedTeams(teams), r.principal.May(access.ManageAccess, access.Scope{Group: access.Root})})
}

func (c *console) teamCreate(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	made, err := c.People.CreateTeam(r.Context(), r.principal, access.Team{Name: r.PostForm.Get("name"), Parent: r.PostForm.Get("parent")})
	// On its page members and grants are added, which comes next.
	return c.act(w, r, "/access/teams/"+url.PathEscape(made.ID), func(url.Values) error { return err })
}

// teamData is what the page of a team shows.
type teamData struct {
	people.TeamDetail
	Tree  []people.Branch
	Teams []teamRow
	Own   string
}

// Source is where a membership comes from, in words.
func (teamData) Source(m access.Member) string { return sourceWord(m) }

func (c *console) teamDetail(w http.ResponseWriter, r *request) (err error) {
	d := teamData{Own: r.principal.Account}
	if d.TeamDetail, err = c.People.Team(r.Context(), r.principal, r.PathValue("id")); err != nil {
		return err
	}
	if d.Manages {
		if d.Tree, err = c.People.Tree(r.Context(), r.principal); err != nil {
			return err
		}
		teams, err := c.People.Teams(r.Context(), r.principal)
		if err != nil {
			return err
		}
		d.Teams = sortedTeams(teams)
	}
	return c.render(w, r, http.StatusOK, "team", d.Name, d)
}

func (c *console) teamUpdate(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, teamPath(id), func(form url.Values) error {
		_, err := c.People.UpdateTeam(r.Context(), r.principal, access.Team{ID: id, Name: form.Get("name"), Parent: form.Get("parent"), Version: versionOf(form)})
		return err
	})
}

func (c *console) teamDelete(w http.ResponseWriter, r *request) error {
	return c.act(w, r, "/access/teams", func(form url.Values) error {
		return c.People.DeleteTeam(r.Context(), r.principal, r.PathValue("id"), versionOf(form))
	})
}

func (c *console) memberAdd(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, teamPath(id), func(form url.Values) error {
		return c.People.AddNamed(r.Context(), r.principal, id, form.Get("name"), form.Get("maintainer") != "")
	})
}

func (c *console) memberRemove(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, teamPath(id), func(form url.Values) error {
		return c.People.RemoveMember(r.Context(), r.principal, id, form.Get("account"), form.Get("source"))
	})
}

func (c *console) teamGrant(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, teamPath(id)+"#grants", func(form url.Values) error {
		g := grantOf(form)
		g.Team = id
		_, err := c.People.Grant(r.Context(), r.principal, g)
		return err
	})
}

func (c *console) groupMap(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, teamPath(id)+"#maps", func(form url.Values) error {
		return c.People.MapGroup(r.Context(), r.principal, access.GroupMap{Provider: form.Get("provider"), Group: form.Get("group"), Team: id})
	})
}

func (c *console) groupUnmap(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, teamPath(id)+"#maps", func(form url.Values) error {
		return c.People.UnmapGroup(r.Context(), r.principal, access.GroupMap{Provider: form.Get("provider"), Group: form.Get("group"), Team: id})
	})
}
