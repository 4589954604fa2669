package api

import (
	"context"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/secrets"
)

// CertificateOrder says how a keystore is obtained from an authority by ACME.
type CertificateOrder struct {
	// Name is needed for a new one only.
	Name string `json:"name,omitempty"`
	secrets.ACMEInput
}

const (
	certificatesPath = secretGroupPath + "/certificates"
	certificatePath  = certificatesPath + "/{secret}"
)

// certificates has the handlers of keystores that authorities issue.
type certificates struct{ s *secrets.Service }

func certificateRoutes(s *secrets.Service) []Route {
	h := certificates{s}
	return []Route{
		{Method: http.MethodGet, Path: certificatesPath, Summary: "List the keystores of a secret group that an authority issues by ACME", Needs: access.ViewSecrets, At: Environment, Gives: []secrets.ACMECertificate{}, Handle: h.list},
		{Method: http.MethodPost, Path: certificatesPath, Summary: "Have a keystore obtained from an authority by ACME, and renewed", Needs: access.ManageSecrets, At: Environment, Takes: CertificateOrder{}, Gives: secrets.ACMECertificate{}, Body: secretMaterialLimit, Handle: h.create},
		{Method: http.MethodGet, Path: certificatePath, Summary: "Show how a keystore is obtained, and why it is not", Needs: access.ViewSecrets, At: Environment, Gives: secrets.ACMECertificate{}, Handle: h.get},
		{Method: http.MethodPut, Path: certificatePath, Summary: "Change how a keystore is obtained", Needs: access.ManageSecrets, At: Environment, Takes: CertificateOrder{}, Gives: secrets.ACMECertificate{}, Body: secretMaterialLimit, Handle: h.change},
		{Method: http.MethodPost, Path: certificatePath + "/try", Summary: "Ask the authority now", Needs: access.WriteSecrets, At: Environment, Gives: secrets.ACMECertificate{}, Handle: h.try},
		{Method: http.MethodDelete, Path: certificatePath, Summary: "End that a keystore is obtained; what was obtained stays", Needs: access.ManageSecrets, At: Environment, Handle: h.end},
	}
}

func (h certificates) list(ctx context.Context, r *Request) (any, error) {
	all, err := h.s.ACMECertificates(ctx, r.Principal, r.Path("environment"), r.Path("name"))
	return Page{Items: all}, err
}

func (h certificates) create(ctx context.Context, r *Request) (any, error) {
	var in CertificateOrder
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	c, err := h.s.SetACME(ctx, r.Principal, r.Path("environment"), r.Path("name"), in.Name, in.ACMEInput, 0)
	return Created{Location: "/environments/" + r.Path("environment") + "/secret-groups/" + c.Group + "/certificates/" + c.Name, Value: c, Version: c.Version}, err
}

func (h certificates) get(ctx context.Context, r *Request) (any, error) {
	c, err := h.s.ACMECertificate(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"))
	return Versioned{c, c.Version}, err
}

// change sets the settings; the version that was seen is never 0, which would make one.
func (h certificates) change(ctx context.Context, r *Request) (any, error) {
	var in CertificateOrder
	seen, err := r.DecodeSeen(&in)
	if err != nil {
		return nil, err
	}
	c, err := h.s.SetACME(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), in.ACMEInput, seen)
	return Versioned{c, c.Version}, err
}

func (h certificates) try(ctx context.Context, r *Request) (any, error) {
	seen, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	c, err := h.s.TryACME(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), seen)
	return Versioned{c, c.Version}, err
}

func (h certificates) end(ctx context.Context, r *Request) (any, error) {
	seen, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	return nil, h.s.EndACME(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), seen)
}
