package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed templates
var templateFiles embed.FS

// view is what a template sees.
type view struct {
	Title string
	// Nav is the navigation; empty without a session.
	Nav navigation
	// Operator is empty on pages without a session.
	Operator             string
	Environment, Version string
	// Refused is when a change was refused since; zero for none.
	Refused time.Time
	// Inventory says that there are pages of the inventory, Manage those of drafts and
	// revisions, Clients those of client applications.
	Inventory, Manage, Clients bool
	// Search is the text of the box.
	Search string
	Data   any
	// Ways are those to sign in beside a password; nil for none.
	Ways *signInWays
	now  time.Time
}

// parsePages parses each page together with the layout and the parts.
func parsePages(assetURL func(string) (string, error)) (map[string]*template.Template, error) {
	layout, err := template.New("layout.html").Funcs(functions(assetURL)).
		ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("console: parsing the layout: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("console: finding pages: %w", err)
	}
	pages := make(map[string]*template.Template, len(names))
	for _, name := range names {
		page, err := layout.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("console: parsing %s: %w", name, err)
		}
		pages[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return pages, nil
}

// render writes a whole page, or nothing and an error.
func (c *console) render(w http.ResponseWriter, r *request, status int, page, title string, data any) error {
	return c.execute(w, r, status, page, "layout.html", title, data)
}

// fragment writes the part of a page that is refreshed.
func (c *console) fragment(w http.ResponseWriter, r *request, page, part string, data any) error {
	return c.execute(w, r, http.StatusOK, page, part, "", data)
}

func (c *console) execute(w http.ResponseWriter, r *request, status int, page, part, title string, data any) error {
	t := c.pages[page]
	if t == nil {
		return fmt.Errorf("there is no page %q", page)
	}
	v := view{
		Title: title, Environment: c.Environment, Version: c.Version,
		Data: data, Inventory: c.Inventory != nil, Manage: c.Resources != nil && r.principal.May(access.ManageAPIs, c.where()), Clients: c.Clients != nil, Ways: c.ways(r), now: c.Now(),
	}
	if r.principal.Ready() {
		v.Operator, v.Nav = r.principal.Operator, c.navigate(r.principal, r.URL.Path)
		if r.URL.Path == "/search" {
			v.Search = r.URL.Query().Get("q")
		}
		v.Refused, _ = c.Served.Refused(r.principal)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, part, v); err != nil {
		return fmt.Errorf("rendering %s: %w", page, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the client has gone away; there is nobody to tell
	return nil
}

// Today is the time at which the page was made.
func (v view) Today() time.Time { return v.now }

// When is a time as pages show it: how long ago, and the time itself, in UTC.
func (v view) When(at time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	at = at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s"><span class="ago">%s</span> <span class="at">%s</span></time>`, //nolint:gosec // numbers and fixed words only
		at.Format(time.RFC3339), at.Format("2006-01-02 15:04:05.000 UTC"), ago(v.now.Sub(at)), v.clock(at)))
}

// Ago is a time in the words of When alone, for narrow columns.
func (v view) Ago(at time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	at = at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s"><span class="ago">%s</span></time>`, //nolint:gosec // numbers and fixed words only
		at.Format(time.RFC3339), at.Format("2006-01-02 15:04:05.000 UTC"), ago(v.now.Sub(at))))
}

// At is a time alone, for moments to come.
func (v view) At(at time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	at = at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s"><span class="on">%s</span></time>`, //nolint:gosec // numbers and fixed words only
		at.Format(time.RFC3339), at.Format("2006-01-02 15:04:05.000 UTC"), v.clock(at)))
}

func (v view) clock(at time.Time) string {
	switch now := v.now.UTC(); {
	case at.Year() == now.Year() && at.YearDay() == now.YearDay():
		return at.Format("15:04:05 UTC")
	case at.Year() == now.Year():
		return at.Format("2 Jan 15:04 UTC")
	}
	return at.Format("2 Jan 2006 15:04 UTC")
}

// Published says whether a record holds the value of a request header.
func (view) Published(header string) bool {
	for _, name := range traffic.PublishedHeaders() {
		if name == header {
			return true
		}
	}
	return false
}
