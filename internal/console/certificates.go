package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control/secrets"
)

// certificatesPath begins the addresses of keystores that an authority issues.
const certificatesPath = "/certificates/"

// certificateRoutes are the pages of keystores that an authority issues by ACME.
func (c *console) certificateRoutes() []route {
	if c.Secrets == nil {
		return nil
	}
	const group, one = certificatesPath + "{name}", certificatesPath + "{name}/{id}"
	return []route{
		{"GET " + group, operators, c.certificateNew},
		{"POST " + group, operators, c.certificateMake},
		{"GET " + one, operators, c.certificate},
		{"POST " + one, operators, c.certificateAct},
	}
}

// certificateData is the page of one: how it stands, and the form that says how it is
// obtained. The key of an external account is never shown again.
type certificateData struct {
	Group string
	// Name is empty for a new one, until one was written.
	Name string
	// Certificate is how it stands; its version is 0 for a new one.
	Certificate secrets.ACMECertificate
	// Form is what is in the form, Domains its names by line.
	Form          secrets.ACME
	Domains, Path string
	// Keystore says that there is a certificate to look at.
	Keystore     bool
	LetsEncrypt  string
	Field, Wrong string
}

func (c *console) certificateNew(w http.ResponseWriter, r *request) error {
	return c.certificatePage(w, r, http.StatusOK, certificateData{Name: strings.TrimSpace(r.URL.Query().Get("name"))})
}

// certificatePage shows the page; what is in the form already stays.
func (c *console) certificatePage(w http.ResponseWriter, r *request, status int, d certificateData) (err error) {
	d.Group, d.Path, d.LetsEncrypt = r.PathValue("name"), r.URL.Path, secrets.LetsEncrypt
	if _, err = c.Secrets.Group(r.Context(), r.principal, c.Environment, d.Group); err != nil {
		return err
	}
	title := "Certificate from an authority"
	if id := r.PathValue("id"); id != "" {
		if d.Certificate, err = c.Secrets.ACMECertificate(r.Context(), r.principal, c.Environment, d.Group, id); err != nil {
			return err
		}
		if _, _, err := c.Secrets.Get(r.Context(), r.principal, c.Environment, d.Group, id); err == nil {
			d.Keystore = true
		}
		d.Name, title = id, id
		if d.Wrong == "" {
			d.Form, d.Domains = d.Certificate.ACME, strings.Join(d.Certificate.Domains, "\n")
		}
	}
	return c.render(w, r, status, "certificate", title, d)
}

// certificateForm reads the form.
func certificateForm(form url.Values) (d certificateData, in secrets.ACMEInput) {
	d.Name, d.Domains = strings.TrimSpace(form.Get("name")), form.Get("domains")
	d.Form = secrets.ACME{
		Directory: form.Get("directory"), Domains: strings.Fields(strings.ReplaceAll(d.Domains, ",", " ")), Contact: form.Get("contact"),
		KeyID: form.Get("keyId"), Roots: form.Get("roots"), Agreed: form.Get("agreed") != "",
	}
	return d, secrets.ACMEInput{ACME: d.Form, HMAC: form.Get("hmac")}
}

func (c *console) certificateMake(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	d, in := certificateForm(r.PostForm)
	made, err := c.Secrets.SetACME(r.Context(), r.principal, c.Environment, r.PathValue("name"), d.Name, in, 0)
	if err != nil {
		var status int
		if d.Field, d.Wrong, status = wrong(err); status != 0 {
			return c.certificatePage(w, r, status, d)
		}
		return err
	}
	return see(w, r, certificatesPath+url.PathEscape(made.Group)+"/"+url.PathEscape(made.Name))
}

func (c *console) certificate(w http.ResponseWriter, r *request) error {
	return c.certificatePage(w, r, http.StatusOK, certificateData{})
}

func (c *console) certificateAct(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	group, name, form := r.PathValue("name"), r.PathValue("id"), r.PostForm
	to := certificatesPath + url.PathEscape(group) + "/" + url.PathEscape(name)
	seen, _ := strconv.ParseInt(form.Get("version"), 10, 64)
	ctx, p, environment := r.Context(), r.principal, c.Environment
	var d certificateData
	var err error
	switch form.Get("act") {
	case "change":
		var in secrets.ACMEInput
		d, in = certificateForm(form)
		_, err = c.Secrets.SetACME(ctx, p, environment, group, name, in, max(seen, 1))
	case "try":
		_, err = c.Secrets.TryACME(ctx, p, environment, group, name, seen)
	case "end":
		to, err = secretsPath+url.PathEscape(group), c.Secrets.EndACME(ctx, p, environment, group, name, seen)
	default:
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	var status int
	if d.Field, d.Wrong, status = wrong(err); status != 0 {
		return c.certificatePage(w, r, status, d)
	}
	if err != nil {
		return err
	}
	return see(w, r, to)
}

// CertificateTone is the colour of the state of a certificate from an authority.
func (v view) CertificateTone(c secrets.ACMECertificate) string {
	switch {
	case c.State == secrets.ACMEFailing && (c.Until.IsZero() || c.Until.Sub(v.now) < expirySoon):
		return "stop"
	case c.State == secrets.ACMEValid:
		return "good"
	}
	return "warn"
}
