package console

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/people"
)

// peopleRoutes are the pages of accounts, teams, business groups and roles.
func (c *console) peopleRoutes() []route {
	if c.People == nil {
		return nil
	}
	return append([]route{
		{"GET /access", operators, c.accountList},
		{"POST /access/accounts", operators, c.accountCreate},
		{"GET /access/accounts/{id}", operators, c.accountDetail},
		{"POST /access/accounts/{id}", operators, c.accountUpdate},
		{"POST /access/accounts/{id}/invite", operators, c.accountInvite},
		{"POST /access/accounts/{id}/reset", operators, c.accountReset},
		{"POST /access/accounts/{id}/delete", operators, c.accountDelete},
		{"POST /access/accounts/{id}/sessions/end", operators, c.accountSessionEnd},
		{"POST /access/accounts/{id}/tokens", operators, c.accountTokenCreate},
		{"POST /access/accounts/{id}/tokens/revoke", operators, c.accountTokenRevoke},
		{"POST /access/accounts/{id}/grants", operators, c.accountGrant},
		{"POST /access/grants/revoke", operators, c.grantRevoke},
		{"GET /access/roles", operators, c.roleTable},
	}, append(c.teamRoutes(), c.groupRoutes()...)...)
}

// peopleFunctions are what the templates of these pages need.
func peopleFunctions() template.FuncMap {
	return template.FuncMap{
		"tokens": func(list []access.APIToken, revoke string, v view) any {
			return struct {
				Tokens []access.APIToken
				Revoke string
				View   view
			}{list, revoke, v}
		},
		"newtoken": func(may []access.Permission, lives []tokenLife, path string) any {
			return struct {
				May   []access.Permission
				Lives []tokenLife
				Path  string
			}{may, lives, path}
		},
		"grants": func(list []people.Placed, revoke string, bearer bool, v view) any {
			return struct {
				Grants []people.Placed
				Revoke string
				Bearer bool
				View   view
			}{list, revoke, bearer, v}
		},
		"newgrant": func(tree []people.Branch, path string) any {
			return struct {
				Tree        []people.Branch
				Roles       []access.Role
				Permissions []access.Permission
				Path        string
			}{tree, access.Roles(), access.Permissions(), path}
		},
		"indent": func(n int) string { return strings.Repeat("\u2003", n) },
	}
}

// accountsData is what the list of accounts shows.
type accountsData struct {
	Accounts []access.Account
	Query    string
	// Next is the address of the next page.
	Next, Problem string
	Manages       bool
	Form          access.Account
}

const accountsPerPage = 100

func (c *console) accountList(w http.ResponseWriter, r *request) error {
	return c.showAccounts(w, r, http.StatusOK, access.Account{}, "")
}

func (c *console) showAccounts(w http.ResponseWriter, r *request, status int, form access.Account, told string) error {
	q := access.AccountQuery{Text: r.URL.Query().Get("q"), After: r.URL.Query().Get("after"), Limit: accountsPerPage + 1}
	list, err := c.People.Accounts(r.Context(), r.principal, q)
	if err != nil {
		return err
	}
	d := accountsData{Accounts: list, Query: q.Text, Problem: told, Form: form, Manages: r.principal.May(access.ManageAccess, access.Scope{Group: access.Root})}
	if len(list) > accountsPerPage {
		d.Accounts = list[:accountsPerPage]
		d.Next = "/access?" + url.Values{"q": {q.Text}, "after": {d.Accounts[accountsPerPage-1].Name}}.Encode()
	}
	return c.render(w, r, status, "accounts", "Accounts", d)
}

// refusedForm says that a form was refused for what stands in it, and why.
func refusedForm(err error) (string, bool) {
	switch {
	case errors.Is(err, access.ErrTaken):
		return sentence(access.ErrTaken.Error()), true
	case errors.Is(err, access.ErrLastAdmin):
		return sentence(access.ErrLastAdmin.Error()), true
	case errors.Is(err, access.ErrNotEmpty):
		return sentence(access.ErrNotEmpty.Error()), true
	case errors.Is(err, control.ErrConflict):
		return "It was changed by somebody else meanwhile; look at it again.", true
	case errors.Is(err, control.ErrInvalid):
		_, why, found := strings.Cut(err.Error(), access.ErrInvalid.Error()+": ")
		if !found {
			why = err.Error()
		}
		if i := strings.LastIndex(why, access.ErrInvalid.Error()+": "); i >= 0 {
			why = why[i+len(access.ErrInvalid.Error())+2:]
		}
		return sentence(why), true
	}
	return "", false
}

// act runs a change of a form and leads back; a refusal becomes a page that says why.
func (c *console) act(w http.ResponseWriter, r *request, back string, change func(form url.Values) error) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	err := change(r.PostForm)
	if told, refused := refusedForm(err); refused {
		return problem(http.StatusUnprocessableEntity, "This can't be done", told)
	}
	if errors.Is(err, control.ErrForbidden) {
		_, why, found := strings.Cut(err.Error(), control.ErrForbidden.Error()+": ")
		if found {
			return problem(http.StatusForbidden, "Not allowed", sentence(why))
		}
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, back, http.StatusSeeOther)
	return nil
}

func accountPath(id string) string { return "/access/accounts/" + url.PathEscape(id) }

func versionOf(form url.Values) int64 {
	n, _ := strconv.ParseInt(form.Get("version"), 10, 64) // 0 is no version of anything
	return n
}

func (c *console) accountCreate(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	form := access.Account{Name: r.PostForm.Get("name"), Display: r.PostForm.Get("display"), Email: r.PostForm.Get("email"), Kind: access.Kind(r.PostForm.Get("kind"))}
	a, err := c.People.CreateAccount(r.Context(), r.principal, form)
	if told, refused := refusedForm(err); refused {
		return c.showAccounts(w, r, http.StatusUnprocessableEntity, form, told)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, accountPath(a.ID), http.StatusSeeOther)
	return nil
}

// accountData is what the page of an account shows.
type accountData struct {
	people.Detail
	Tree []people.Branch
	// Own says that it is the account of who asks.
	Own, Manages bool
	// Link is an invitation, Token an API token, which are shown once.
	Link, Token string
	Expires     time.Time
	Lives       []tokenLife
	Permissions []access.Permission
	Problem     string
}

func (c *console) accountDetail(w http.ResponseWriter, r *request) error {
	return c.showAccountDetail(w, r, http.StatusOK, accountData{})
}

func (c *console) showAccountDetail(w http.ResponseWriter, r *request, status int, d accountData) (err error) {
	if d.Detail, err = c.People.Account(r.Context(), r.principal, r.PathValue("id")); err != nil {
		return err
	}
	if d.Tree, err = c.People.Tree(r.Context(), r.principal); err != nil {
		return err
	}
	d.Own = d.ID == r.principal.Account
	d.Manages = r.principal.May(access.ManageAccess, access.Scope{Group: access.Root})
	d.Lives, d.Permissions = tokenLives(), access.Permissions()
	return c.render(w, r, status, "accountdetail", d.Name, d)
}

func (c *console) accountUpdate(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, accountPath(id), func(form url.Values) error {
		_, err := c.People.UpdateAccount(r.Context(), r.principal, access.Account{
			ID: id, Display: form.Get("display"), Email: form.Get("email"), Disabled: form.Get("disabled") != "", Version: versionOf(form),
		})
		return err
	})
}

func (c *console) accountInvite(w http.ResponseWriter, r *request) error {
	token, expires, err := c.People.Invite(r.Context(), r.principal, r.PathValue("id"))
	if told, refused := refusedForm(err); refused {
		return c.showAccountDetail(w, r, http.StatusUnprocessableEntity, accountData{Problem: told})
	}
	if err != nil {
		return err
	}
	scheme := "http://"
	if c.Secure {
		scheme = "https://"
	}
	return c.showAccountDetail(w, r, http.StatusCreated, accountData{Link: scheme + r.Host + "/login?token=" + token, Expires: expires})
}

func (c *console) accountReset(w http.ResponseWriter, r *request) error {
	return c.act(w, r, accountPath(r.PathValue("id")), func(url.Values) error {
		return c.People.Reset(r.Context(), r.principal, r.PathValue("id"))
	})
}

func (c *console) accountDelete(w http.ResponseWriter, r *request) error {
	return c.act(w, r, "/access", func(form url.Values) error {
		return c.People.DeleteAccount(r.Context(), r.principal, r.PathValue("id"), versionOf(form))
	})
}

func (c *console) accountSessionEnd(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, accountPath(id)+"#sessions", func(form url.Values) error {
		_, err := c.People.EndSessions(r.Context(), r.principal, id, form.Get("id"))
		return err
	})
}

func (c *console) accountTokenCreate(w http.ResponseWriter, r *request) error {
	t, err := c.tokenForm(r)
	if err != nil {
		return err
	}
	t.Account = r.PathValue("id")
	_, text, err := c.People.CreateToken(r.Context(), r.principal, t)
	if told, refused := refusedForm(err); refused {
		return c.showAccountDetail(w, r, http.StatusUnprocessableEntity, accountData{Problem: told})
	}
	if err != nil {
		return err
	}
	return c.showAccountDetail(w, r, http.StatusCreated, accountData{Token: text})
}

func (c *console) accountTokenRevoke(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, accountPath(id)+"#tokens", func(form url.Values) error {
		return c.People.RevokeToken(r.Context(), r.principal, id, form.Get("id"))
	})
}

// grantOf reads the form of a grant.
func grantOf(form url.Values) access.KeptGrant {
	var g access.KeptGrant
	if what := form.Get("what"); strings.Contains(what, ":") {
		g.Permission = access.Permission(what)
	} else {
		g.Role = access.Role(what)
	}
	g.Group, g.Environment, _ = strings.Cut(form.Get("where"), "/")
	return g
}

func (c *console) accountGrant(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	return c.act(w, r, accountPath(id)+"#grants", func(form url.Values) error {
		g := grantOf(form)
		g.Account = id
		_, err := c.People.Grant(r.Context(), r.principal, g)
		return err
	})
}

func (c *console) grantRevoke(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	return c.act(w, r, localPath(r.PostForm.Get("back")), func(form url.Values) error {
		return c.People.Revoke(r.Context(), r.principal, form.Get("id"))
	})
}

// roleRow is a permission with the roles that hold it.
type roleRow struct {
	Permission access.Permission
	Holds      []bool
}

func (c *console) roleTable(w http.ResponseWriter, r *request) error {
	var d struct {
		Roles []access.Role
		Rows  []roleRow
	}
	d.Roles = access.Roles()
	for _, p := range access.Permissions() {
		row := roleRow{Permission: p}
		for _, role := range d.Roles {
			row.Holds = append(row.Holds, role.Allows(p))
		}
		d.Rows = append(d.Rows, row)
	}
	return c.render(w, r, http.StatusOK, "roles", "Roles", d)
}

// sourceWord is where a membership comes from.
func sourceWord(m access.Member) string {
	if m.Source == "" {
		return "made here"
	}
	return "by " + m.Source
}

// sortedTeams puts teams under the ones they lie in, with how deep each lies.
func sortedTeams(teams []access.Team) []teamRow {
	var rows []teamRow
	known := map[string]bool{}
	for _, t := range teams {
		known[t.ID] = true
	}
	var place func(parent string, depth int)
	place = func(parent string, depth int) {
		for _, t := range teams {
			if t.Parent == parent || parent == "" && !known[t.Parent] {
				if !slices.ContainsFunc(rows, func(r teamRow) bool { return r.ID == t.ID }) {
					rows = append(rows, teamRow{t, depth})
					place(t.ID, depth+1)
				}
			}
		}
	}
	place("", 0)
	return rows
}

type teamRow struct {
	access.Team
	Depth int
}
