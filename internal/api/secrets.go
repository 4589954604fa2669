package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/secrets"
)

// SecretGroup is what is said of a secret group.
type SecretGroup struct {
	// Name has 3 to 35 characters and does not change.
	Name string `json:"name,omitempty"`
	Note string `json:"note,omitempty"`
	// Downloadable lets those who may write a secret read it back.
	Downloadable bool `json:"downloadable,omitempty"`
}

// SecretMaterial is a secret as it is written. It never comes back in an answer.
type SecretMaterial struct {
	// Name is needed for a new secret only.
	Name string       `json:"name,omitempty"`
	Kind secrets.Kind `json:"kind"`
	// Fields are those of a shared secret, of a pinset or of a CRL distributor.
	Fields map[string]string `json:"fields,omitempty"`
	// File is a PEM, PKCS#12 or JKS file in base64.
	File        string           `json:"file,omitempty"`
	Format      string           `json:"format,omitempty"`
	Password    string           `json:"password,omitempty"`
	KeyPassword string           `json:"keyPassword,omitempty"`
	Alias       string           `json:"alias,omitempty"`
	Context     *secrets.Context `json:"context,omitempty"`
}

func (m *SecretMaterial) input() (secrets.Input, error) {
	file, err := base64.StdEncoding.DecodeString(m.File)
	if err != nil {
		return secrets.Input{}, &secrets.InputError{Field: "file", Message: "must be base64"}
	}
	return secrets.Input{
		Kind: m.Kind, Fields: m.Fields, Context: m.Context,
		Import: secrets.Import{File: file, Format: m.Format, Password: m.Password, KeyPassword: m.KeyPassword, Alias: m.Alias},
	}, nil
}

// SecretSettings are what of a secret changes without its material.
type SecretSettings struct {
	Owner    string           `json:"owner,omitempty"`
	Note     string           `json:"note,omitempty"`
	Expires  time.Time        `json:"expires,omitzero"`
	Rotation secrets.Rotation `json:"rotation,omitzero"`
}

// SecretView is a secret with its versions; its material is not among it.
type SecretView struct {
	Secret   secrets.Secret    `json:"secret"`
	Versions []secrets.Version `json:"versions"`
	Uses     []secrets.Use     `json:"uses"`
}

// SecretRollBack names the version that is to serve again.
type SecretRollBack struct {
	Number int `json:"number"`
}

// SecretFields is the material of a secret of a downloadable group.
type SecretFields struct {
	Fields map[string]string `json:"fields"`
}

// secretMaterialLimit is the greatest body that writes a secret, in bytes: its file
// in base64.
const secretMaterialLimit = 2 * secrets.MaxMaterial

const (
	secretGroupsPath = inEnvironment + "/secret-groups"
	secretGroupPath  = secretGroupsPath + "/{name}"
	secretPath       = secretGroupPath + "/secrets/{secret}"
)

func secretsRoutes(s *secrets.Service) []Route {
	return slices.Concat(secretGroupRoutes(s), secretReadRoutes(s), secretWriteRoutes(s), certificateRoutes(s))
}

func secretGroupRoutes(s *secrets.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: secretGroupsPath, Summary: "List the secret groups of an environment", Needs: access.ViewSecrets, At: Environment, Gives: []secrets.Group{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				all, err := s.Groups(ctx, r.Principal, r.Path("environment"))
				return Page{Items: all}, err
			},
		},
		{
			Method: http.MethodPost, Path: secretGroupsPath, Summary: "Make a secret group", Needs: access.ManageSecrets, At: Environment, Takes: SecretGroup{}, Gives: secrets.Group{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in SecretGroup
				if err := r.Decode(&in); err != nil {
					return nil, err
				}
				g, err := s.MakeGroup(ctx, r.Principal, r.Path("environment"), secrets.Group{Name: in.Name, Note: in.Note, Downloadable: in.Downloadable})
				return Created{Location: "/environments/" + r.Path("environment") + "/secret-groups/" + g.Name, Value: g, Version: g.Version}, err
			},
		},
		{
			Method: http.MethodGet, Path: secretGroupPath, Summary: "Show a secret group", Needs: access.ViewSecrets, At: Environment, Gives: secrets.Group{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				g, err := s.Group(ctx, r.Principal, r.Path("environment"), r.Path("name"))
				return Versioned{g, g.Version}, err
			},
		},
		{
			Method: http.MethodPut, Path: secretGroupPath, Summary: "Change note and download of a secret group", Needs: access.ManageSecrets, At: Environment, Takes: SecretGroup{}, Gives: secrets.Group{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				var in SecretGroup
				seen, err := r.DecodeSeen(&in)
				if err != nil {
					return nil, err
				}
				g, err := s.ChangeGroup(ctx, r.Principal, r.Path("environment"), secrets.Group{Name: r.Path("name"), Note: in.Note, Downloadable: in.Downloadable, Version: seen})
				return Versioned{g, g.Version}, err
			},
		},
		{
			Method: http.MethodDelete, Path: secretGroupPath, Summary: "Remove an empty secret group", Needs: access.ManageSecrets, At: Environment,
			Handle: func(ctx context.Context, r *Request) (any, error) {
				seen, err := r.IfMatch()
				if err != nil {
					return nil, err
				}
				return nil, s.RemoveGroup(ctx, r.Principal, r.Path("environment"), r.Path("name"), seen)
			},
		},
		{
			Method: http.MethodGet, Path: secretGroupPath + "/grants", Summary: "List the accounts that may use a secret group", Needs: access.ViewSecrets, At: Environment, Gives: []secrets.GroupGrant{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				all, err := s.Grants(ctx, r.Principal, r.Path("environment"), r.Path("name"))
				return Page{Items: all}, err
			},
		},
		grantRoute(http.MethodPut, "Let an account use a secret group", s, true),
		grantRoute(http.MethodDelete, "End the use of a secret group by an account", s, false),
	}
}

func grantRoute(method, summary string, s *secrets.Service, on bool) Route {
	return Route{
		Method: method, Path: secretGroupPath + "/grants/{account}/{permission}", Summary: summary, Needs: access.GrantSecrets, At: Environment,
		Handle: func(ctx context.Context, r *Request) (any, error) {
			return nil, s.Grant(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("account"), access.Permission(r.Path("permission")), on)
		},
	}
}

func secretReadRoutes(s *secrets.Service) []Route {
	return []Route{
		{
			Method: http.MethodGet, Path: secretGroupPath + "/secrets", Summary: "List the secrets of a group, without their material", Needs: access.ViewSecrets, At: Environment, Gives: []secrets.Secret{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				all, err := s.List(ctx, r.Principal, r.Path("environment"), r.Path("name"))
				return Page{Items: all}, err
			},
		},
		{
			Method: http.MethodGet, Path: secretPath, Summary: "Show a secret with its versions and uses, without its material", Needs: access.ViewSecrets, At: Environment, Gives: SecretView{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				environment, group, name := r.Path("environment"), r.Path("name"), r.Path("secret")
				one, versions, err := s.Get(ctx, r.Principal, environment, group, name)
				if err != nil {
					return nil, err
				}
				uses, err := s.Uses(ctx, r.Principal, environment, group, name)
				return Versioned{SecretView{one, versions, uses}, one.Version}, err
			},
		},
		{
			Method: http.MethodPost, Path: secretPath + "/material", Summary: "Read the material of a secret in a downloadable group", Needs: access.WriteSecrets, At: Environment, Fresh: true, Gives: SecretFields{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				fields, err := s.Read(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"))
				return SecretFields{fields}, err
			},
		},
		{
			Method: http.MethodGet, Path: inEnvironment + "/credentials", Summary: "List every credential of an environment with use, age and expiry", Needs: access.ViewSecrets, At: Environment, Gives: []secrets.Credential{},
			Handle: func(ctx context.Context, r *Request) (any, error) {
				all, err := s.Credentials(ctx, r.Principal, r.Path("environment"))
				return Page{Items: all}, err
			},
		},
	}
}

// secretWriting has the handlers of those who write secrets.
type secretWriting struct{ s *secrets.Service }

func secretWriteRoutes(s *secrets.Service) []Route {
	h := secretWriting{s}
	return []Route{
		{Method: http.MethodPost, Path: secretGroupPath + "/secrets", Summary: "Write a new secret", Needs: access.WriteSecrets, At: Environment, Takes: SecretMaterial{}, Gives: secrets.Secret{}, Body: secretMaterialLimit, Handle: h.create},
		{Method: http.MethodPost, Path: secretPath + "/versions", Summary: "Write a new version of a secret", Needs: access.WriteSecrets, At: Environment, Takes: SecretMaterial{}, Gives: secrets.Secret{}, Body: secretMaterialLimit, Handle: h.renew},
		{Method: http.MethodPost, Path: secretPath + "/generate", Summary: "Make a new version of a shared secret by its rotation policy", Needs: access.WriteSecrets, At: Environment, Gives: secrets.Secret{}, Handle: h.generate},
		{Method: http.MethodPost, Path: secretPath + "/rollback", Summary: "Let an older version of a secret serve again", Needs: access.WriteSecrets, At: Environment, Takes: SecretRollBack{}, Gives: secrets.Secret{}, Handle: h.rollBack},
		{Method: http.MethodPut, Path: secretPath + "/settings", Summary: "Change owner, note, expiry and rotation of a secret", Needs: access.WriteSecrets, At: Environment, Takes: SecretSettings{}, Gives: secrets.Secret{}, Handle: h.change},
		{Method: http.MethodDelete, Path: secretPath, Summary: "Remove a secret that nothing uses", Needs: access.WriteSecrets, At: Environment, Handle: h.remove},
	}
}

func (h secretWriting) create(ctx context.Context, r *Request) (any, error) {
	var in SecretMaterial
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	one, err := h.put(ctx, r, &in, in.Name, 0)
	return Created{Location: "/environments/" + r.Path("environment") + "/secret-groups/" + one.Group + "/secrets/" + one.Name, Value: one, Version: one.Version}, err
}

// renew writes a version; the version that was seen is never 0, which would make a
// secret.
func (h secretWriting) renew(ctx context.Context, r *Request) (any, error) {
	var in SecretMaterial
	seen, err := r.DecodeSeen(&in)
	if err != nil {
		return nil, err
	}
	one, err := h.put(ctx, r, &in, r.Path("secret"), seen)
	return Versioned{one, one.Version}, err
}

func (h secretWriting) put(ctx context.Context, r *Request, in *SecretMaterial, name string, seen int64) (secrets.Secret, error) {
	input, err := in.input()
	if err != nil {
		return secrets.Secret{}, err
	}
	return h.s.Put(ctx, r.Principal, r.Path("environment"), r.Path("name"), name, input, seen)
}

func (h secretWriting) generate(ctx context.Context, r *Request) (any, error) {
	seen, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	one, err := h.s.Generate(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), seen)
	return Versioned{one, one.Version}, err
}

func (h secretWriting) rollBack(ctx context.Context, r *Request) (any, error) {
	var in SecretRollBack
	seen, err := r.DecodeSeen(&in)
	if err != nil {
		return nil, err
	}
	one, err := h.s.RollBack(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), in.Number, seen)
	return Versioned{one, one.Version}, err
}

func (h secretWriting) change(ctx context.Context, r *Request) (any, error) {
	var in SecretSettings
	seen, err := r.DecodeSeen(&in)
	if err != nil {
		return nil, err
	}
	to := secrets.Settings{Owner: in.Owner, Note: in.Note, Expires: in.Expires, Rotation: in.Rotation}
	one, err := h.s.Change(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), to, seen)
	return Versioned{one, one.Version}, err
}

func (h secretWriting) remove(ctx context.Context, r *Request) (any, error) {
	seen, err := r.IfMatch()
	if err != nil {
		return nil, err
	}
	return nil, h.s.Remove(ctx, r.Principal, r.Path("environment"), r.Path("name"), r.Path("secret"), seen)
}
