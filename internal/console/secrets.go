package console

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/secrets"
)

const (
	// secretsPath begins the addresses of pages that take files with secrets.
	secretsPath = "/secrets/"
	// maxSecretBody bounds a form with such a file, in bytes.
	maxSecretBody = secrets.MaxMaterial + 64<<10
	// expirySoon is when the end of a secret is pointed at.
	expirySoon = 30 * 24 * time.Hour
)

// secretRoutes are the pages of secrets.
func (c *console) secretRoutes() []route {
	if c.Secrets == nil {
		return nil
	}
	const group, one = secretsPath + "{name}", secretsPath + "{name}/{id}"
	return append([]route{
		{"GET /secrets", operators, c.secretGroups},
		{"POST /secrets", operators, c.secretGroupMake},
		{"GET /credentials", operators, c.credentials},
		{"GET " + group, operators, c.secretGroup},
		{"POST " + group, operators, c.secretGroupAct},
		{"GET " + group + "/{$}", operators, c.secretNew},
		{"POST " + group + "/{$}", operators, c.secretWrite},
		{"GET " + one, operators, c.secret},
		{"POST " + one, operators, c.secretAct},
		{"GET " + one + "/write", operators, c.secretNew},
		{"POST " + one + "/write", operators, c.secretWrite},
	}, c.certificateRoutes()...)
}

// expiryTone is the colour of the end of a secret.
func (v view) ExpiryTone(at time.Time) string {
	switch {
	case at.IsZero():
		return "calm"
	case !v.now.Before(at):
		return "stop"
	case at.Sub(v.now) < expirySoon:
		return "warn"
	}
	return "good"
}

// Ends is the end of a secret in words.
func (v view) Ends(at time.Time) string {
	switch left := at.Sub(v.now); {
	case at.IsZero():
		return "does not expire"
	case left <= 0:
		return "expired on " + at.UTC().Format("2 Jan 2006")
	case left < expirySoon:
		return "expires in " + strconv.Itoa(int(left/(24*time.Hour))) + " days"
	}
	return "expires on " + at.UTC().Format("2 Jan 2006")
}

type secretGroupsData struct {
	Groups        []secrets.Group
	Name, Note    string
	Downloadable  bool
	Field, Wrong  string
	CredentialsTo string
}

// wrong tells what of a form was not accepted; anything else is an error of the page.
func wrong(err error) (field, text string, status int) {
	var input *secrets.InputError
	switch {
	case errors.As(err, &input):
		return input.Field, spoken(input.Error()), http.StatusUnprocessableEntity
	case errors.Is(err, control.ErrConflict):
		return "", spoken(err.Error()), http.StatusConflict
	}
	return "", "", 0
}

func (c *console) secretGroups(w http.ResponseWriter, r *request) error {
	return c.secretGroupsPage(w, r, http.StatusOK, secretGroupsData{})
}

func (c *console) secretGroupsPage(w http.ResponseWriter, r *request, status int, d secretGroupsData) (err error) {
	if d.Groups, err = c.Secrets.Groups(r.Context(), r.principal, c.Environment); err != nil {
		return err
	}
	return c.render(w, r, status, "secrets", "Secrets", d)
}

func (c *console) secretGroupMake(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	d := secretGroupsData{Name: strings.TrimSpace(r.PostForm.Get("name")), Note: r.PostForm.Get("note"), Downloadable: r.PostForm.Get("downloadable") != ""}
	g, err := c.Secrets.MakeGroup(r.Context(), r.principal, c.Environment, secrets.Group{Name: d.Name, Note: d.Note, Downloadable: d.Downloadable})
	if err != nil {
		var status int
		if d.Field, d.Wrong, status = wrong(err); status != 0 {
			return c.secretGroupsPage(w, r, status, d)
		}
		return err
	}
	return see(w, r, secretsPath+url.PathEscape(g.Name))
}

func (c *console) credentials(w http.ResponseWriter, r *request) error {
	all, err := c.Secrets.Credentials(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "credentials", "Credentials", all)
}

type secretGroupData struct {
	Group   secrets.Group
	Secrets []secrets.Secret
	// Certificates are those that an authority issues.
	Certificates []secrets.ACMECertificate
	Grants       []secrets.GroupGrant
	Kinds        []secrets.Kind
	Wrong        string
}

func (c *console) secretGroup(w http.ResponseWriter, r *request) error {
	return c.secretGroupPage(w, r, http.StatusOK, "")
}

func (c *console) secretGroupPage(w http.ResponseWriter, r *request, status int, wrong string) (err error) {
	d := secretGroupData{Kinds: secrets.Kinds(), Wrong: wrong}
	name := r.PathValue("name")
	if d.Group, err = c.Secrets.Group(r.Context(), r.principal, c.Environment, name); err != nil {
		return err
	}
	if d.Secrets, err = c.Secrets.List(r.Context(), r.principal, c.Environment, name); err != nil {
		return err
	}
	if d.Certificates, err = c.Secrets.ACMECertificates(r.Context(), r.principal, c.Environment, name); err != nil {
		return err
	}
	if d.Grants, err = c.Secrets.Grants(r.Context(), r.principal, c.Environment, name); err != nil {
		return err
	}
	return c.render(w, r, status, "secretgroup", name, d)
}

func (c *console) secretGroupAct(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	name, to, form := r.PathValue("name"), secretsPath+url.PathEscape(r.PathValue("name")), r.PostForm
	seen, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	var err error
	switch form.Get("act") {
	case "change":
		_, err = c.Secrets.ChangeGroup(r.Context(), r.principal, c.Environment, secrets.Group{Name: name, Note: form.Get("note"), Downloadable: form.Get("downloadable") != "", Version: seen})
	case "remove":
		to, err = "/secrets", c.Secrets.RemoveGroup(r.Context(), r.principal, c.Environment, name, seen)
	case "grant", "ungrant":
		err = c.Secrets.Grant(r.Context(), r.principal, c.Environment, name, strings.TrimSpace(form.Get("account")), access.Permission(form.Get("permission")), form.Get("act") == "grant")
	default:
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	if _, text, status := wrong(err); status != 0 {
		return c.secretGroupPage(w, r, status, text)
	}
	if err != nil {
		return err
	}
	return see(w, r, to)
}

// secretForm is the form that writes a secret. What is secret in it is never shown
// again.
type secretForm struct {
	Group, Name string
	Kind        secrets.Kind
	// Version is that of the secret that gets another version, 0 for a new one.
	Version int64
	Context secrets.Context
	// Username, URL, Minutes and Pins are repeated when something else was wrong.
	Username, URL, Minutes, Pins string
	// Of are the secrets of the group by kind, which a TLS context may name.
	Of           map[string][]string
	Field, Wrong string
	Path         string
}

func (c *console) secretNew(w http.ResponseWriter, r *request) error {
	f := secretForm{Group: r.PathValue("name"), Name: r.PathValue("id"), Kind: secrets.Kind(r.URL.Query().Get("kind"))}
	if f.Name != "" {
		one, _, err := c.Secrets.Get(r.Context(), r.principal, c.Environment, f.Group, f.Name)
		if err != nil {
			return err
		}
		f.Kind, f.Version = one.Kind, one.Version
		if one.Facts.Context != nil {
			f.Context = *one.Facts.Context
		}
		if list := one.Facts.List; list != nil {
			f.URL, f.Minutes = list.URL, strconv.Itoa(list.Minutes)
		}
	}
	return c.secretFormPage(w, r, http.StatusOK, f)
}

func (c *console) secretFormPage(w http.ResponseWriter, r *request, status int, f secretForm) error {
	if !slices.Contains(secrets.Kinds(), f.Kind) {
		return control.ErrNotFound
	}
	all, err := c.Secrets.List(r.Context(), r.principal, c.Environment, f.Group)
	if err != nil {
		return err
	}
	f.Of = map[string][]string{}
	for _, one := range all {
		f.Of[string(one.Kind)] = append(f.Of[string(one.Kind)], one.Name)
	}
	f.Path = r.URL.Path
	title := "New " + strings.ToLower(f.Kind.Title())
	if f.Version != 0 {
		title = "New version of " + f.Name
	}
	return c.render(w, r, status, "secretwrite", title, f)
}

func (c *console) secretWrite(w http.ResponseWriter, r *request) error {
	if err := r.ParseMultipartForm(maxSecretBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return err
	}
	form := r.PostForm
	f := secretForm{
		Group: r.PathValue("name"), Name: cmp.Or(r.PathValue("id"), strings.TrimSpace(form.Get("name"))), Kind: secrets.Kind(form.Get("kind")),
		Username: form.Get("username"), URL: form.Get("url"), Minutes: form.Get("minutes"), Pins: form.Get("pins"),
	}
	f.Version, _ = strconv.ParseInt(form.Get("version"), 10, 64)
	in := secrets.Input{Kind: f.Kind, Fields: map[string]string{}, Import: secrets.Import{
		Password: form.Get("filepassword"), KeyPassword: form.Get("keypassword"), Alias: form.Get("alias"),
	}}
	for _, name := range append(f.Kind.Fields(), "url", "minutes") {
		in.Fields[name] = form.Get(name)
	}
	if file, _, err := r.FormFile("file"); err == nil {
		in.Import.File, err = io.ReadAll(io.LimitReader(file, secrets.MaxMaterial+1))
		_ = file.Close()
		if err != nil {
			return err
		}
	}
	if f.Kind == secrets.TLSContext {
		f.Context = contextForm(form)
		in.Context = &f.Context
	}
	one, err := c.Secrets.Put(r.Context(), r.principal, c.Environment, f.Group, f.Name, in, f.Version)
	if err != nil {
		var status int
		if f.Field, f.Wrong, status = wrong(err); status != 0 {
			return c.secretFormPage(w, r, status, f)
		}
		return err
	}
	return see(w, r, secretsPath+url.PathEscape(one.Group)+"/"+url.PathEscape(one.Name))
}

func contextForm(form url.Values) secrets.Context {
	depth, _ := strconv.Atoi(form.Get("verificationDepth"))
	c := secrets.Context{
		Target: form.Get("target"), Keystore: form.Get("keystore"), Truststore: form.Get("truststore"), Pinset: form.Get("pinset"), CRL: form.Get("crlname"),
		Min: form.Get("minversion"), Max: form.Get("maxversion"), Ciphers: strings.Fields(form.Get("ciphers")), ALPN: form["alpn"],
		MutualAuthentication: form.Get("mutualAuthentication") != "", VerificationDepth: depth,
		StrictCRL: form.Get("strictCRL") != "", SkipServerCertValidation: form.Get("skipServerCertValidation") != "",
	}
	if len(c.Ciphers) == 0 {
		c.Ciphers = nil // an empty list would permit none
	}
	return c
}

type secretPageData struct {
	Secret   secrets.Secret
	Versions []secrets.Version
	Uses     []secrets.Use
	// Downloadable offers the material; Material is it, once it was asked for.
	Downloadable bool
	Material     map[string]string
	Path, Wrong  string
	Alphabets    []string
}

func (c *console) secret(w http.ResponseWriter, r *request) error {
	return c.secretPage(w, r, http.StatusOK, secretPageData{})
}

func (c *console) secretPage(w http.ResponseWriter, r *request, status int, d secretPageData) (err error) {
	group, name := r.PathValue("name"), r.PathValue("id")
	if d.Secret, d.Versions, err = c.Secrets.Get(r.Context(), r.principal, c.Environment, group, name); err != nil {
		return err
	}
	if d.Uses, err = c.Secrets.Uses(r.Context(), r.principal, c.Environment, group, name); err != nil {
		return err
	}
	g, err := c.Secrets.Group(r.Context(), r.principal, c.Environment, group)
	if err != nil {
		return err
	}
	d.Downloadable, d.Path = g.Downloadable, secretsPath+url.PathEscape(group)+"/"+url.PathEscape(name)
	d.Alphabets = []string{"letters", "symbols", "hex", "base64"}
	return c.render(w, r, status, "secret", name, d)
}

func (c *console) secretAct(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	group, name, form := r.PathValue("name"), r.PathValue("id"), r.PostForm
	to := secretsPath + url.PathEscape(group) + "/" + url.PathEscape(name)
	seen, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	ctx, p, environment := r.Context(), r.principal, c.Environment
	var err error
	switch form.Get("act") {
	case "generate":
		_, err = c.Secrets.Generate(ctx, p, environment, group, name, seen)
	case "rollback":
		number, _ := strconv.Atoi(form.Get("number"))
		_, err = c.Secrets.RollBack(ctx, p, environment, group, name, number, seen)
	case "remove":
		to, err = secretsPath+url.PathEscape(group), c.Secrets.Remove(ctx, p, environment, group, name, seen)
	case "read":
		fields, err := c.Secrets.Read(ctx, p, environment, group, name)
		if err != nil {
			return err
		}
		return c.secretPage(w, r, http.StatusOK, secretPageData{Material: fields})
	case "settings":
		err = c.secretSettings(r, group, name, seen)
	default:
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	if _, text, status := wrong(err); status != 0 {
		return c.secretPage(w, r, status, secretPageData{Wrong: text})
	}
	if err != nil {
		return err
	}
	return see(w, r, to)
}

func (c *console) secretSettings(r *request, group, name string, seen int64) error {
	form := r.PostForm
	set := secrets.Settings{Owner: form.Get("owner"), Note: form.Get("note"), Rotation: secrets.Rotation{Alphabet: form.Get("alphabet")}}
	for field, into := range map[string]*int{"days": &set.Rotation.Days, "length": &set.Rotation.Length, "overlapHours": &set.Rotation.OverlapHours} {
		if text := form.Get(field); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return &secrets.InputError{Field: field, Message: "must be a number"}
			}
			*into = n
		}
	}
	if text := form.Get("expires"); text != "" {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return &secrets.InputError{Field: "expires", Message: "must be a day, as 2027-01-31"}
		}
		set.Expires = at
	}
	_, err := c.Secrets.Change(r.Context(), r.principal, c.Environment, group, name, set, seen)
	return err
}
