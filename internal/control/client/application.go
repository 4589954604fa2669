package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Owners are written with one of these in front of their names.
const (
	accountPrefix = "account:"
	teamPrefix    = "team:"
)

// Application is a client application.
type Application struct {
	ID          string `json:"id"`
	Group       string `json:"group"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Owners are accounts and teams, as account:NAME and team:NAME.
	Owners       []string `json:"owners"`
	RedirectURIs []string `json:"redirectUris"`
	GrantTypes   []string `json:"grantTypes"`
	ClientID     string   `json:"clientId"`
	// Secrets are those that are right, the newest first; their values are not known.
	Secrets   []SecretLife `json:"secrets"`
	Created   time.Time    `json:"created"`
	CreatedBy string       `json:"createdBy"`
	// Contracts counts contracts by state.
	Contracts map[State]int `json:"contracts"`
	Version   int64         `json:"version"`
}

// SecretLife is when a secret was made, and when it ends; the zero time is never.
type SecretLife struct {
	Made time.Time `json:"made"`
	Ends time.Time `json:"ends,omitzero"`
}

// Draft is what an application is made of.
type Draft struct {
	Name         string   `json:"name"`
	Description  string   `json:"description,omitempty"`
	Owners       []string `json:"owners,omitempty"`
	RedirectURIs []string `json:"redirectUris,omitempty"`
	GrantTypes   []string `json:"grantTypes,omitempty"`
	// ClientID is made where it is empty, and can't be changed later.
	ClientID string `json:"clientId,omitempty"`
}

// The bounds of an application.
const (
	maxOwners    = 50
	maxRedirects = 20
	maxRedirect  = 500
)

var (
	clientIDForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{3,128}$`)
	ownerForm    = regexp.MustCompile(`^(account|team):[^\s:][^\s]{0,127}$`)
)

// GrantTypes lists the grant types that an application may name.
func GrantTypes() []string {
	return []string{"authorization_code", "client_credentials", "implicit", "password", "refresh_token"}
}

// check brings a draft into its canonical form.
func (d *Draft) check() error {
	d.Name, d.Description = strings.TrimSpace(d.Name), strings.TrimSpace(d.Description)
	if err := errors.Join(line("name", d.Name, 1, maxName), prose("description", d.Description)); err != nil {
		return err
	}
	if d.ClientID != "" && !clientIDForm.MatchString(d.ClientID) {
		return wrong("clientId", "must be 3 to 128 letters, digits, dots, dashes, underscores and tildes")
	}
	for _, list := range []*[]string{&d.Owners, &d.RedirectURIs, &d.GrantTypes} {
		*list = slices.Clone(*list)
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if len(d.Owners) > maxOwners || len(d.RedirectURIs) > maxRedirects {
		return wrong("owners", "at most %d owners and %d redirect URIs", maxOwners, maxRedirects)
	}
	for i, owner := range d.Owners {
		if !ownerForm.MatchString(owner) {
			return wrong(fmt.Sprintf("owners[%d]", i), "must be account:NAME or team:NAME")
		}
	}
	for i, grant := range d.GrantTypes {
		if !slices.Contains(GrantTypes(), grant) {
			return wrong(fmt.Sprintf("grantTypes[%d]", i), "must be one of %s", strings.Join(GrantTypes(), ", "))
		}
	}
	for i, uri := range d.RedirectURIs {
		if err := redirectFits(uri); err != nil {
			return wrong(fmt.Sprintf("redirectUris[%d]", i), "%v", err)
		}
	}
	return nil
}

// redirectFits refuses addresses to which nobody should be sent with a code.
func redirectFits(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxRedirect || !printable(text, false) || u.Scheme == "":
		return fmt.Errorf("must be an absolute address of at most %d bytes", maxRedirect)
	case u.Fragment != "" || strings.Contains(text, "#") || u.User != nil:
		return errors.New("must have neither a fragment nor a user")
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http":
		addr, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()) {
			return errors.New("http is for this machine only; use https")
		}
		return nil
	case strings.Contains(u.Scheme, "."):
		return nil // that of an app, as com.example.app
	}
	return errors.New("must begin with https://, or with the reversed domain of an app")
}

// Create makes an application in a business group and gives its secret, which is not
// shown again. It needs access.ManageClients there, or access.UsePortal: then the
// application is the principal's own.
func (s *Service) Create(ctx context.Context, p control.Principal, group string, d Draft) (*Application, string, error) {
	at, err := s.groupScope(ctx, group)
	if err != nil {
		return nil, "", err
	}
	if !p.May(access.ManageClients, at) {
		if !develops(p, at) {
			return nil, "", control.Authorise(p, access.ManageClients, at)
		}
		d.Owners = append(slices.Clone(d.Owners), accountPrefix+p.Operator)
	}
	if err := d.check(); err != nil {
		return nil, "", err
	}
	if len(d.Owners) == 0 {
		d.Owners = []string{accountPrefix + p.Operator}
	}
	secret := newID(32)
	var made *Application
	err = s.write(ctx, p, func(c *change) error {
		if made, err = c.create(ctx, group, d, hashOf(secret), 0); err != nil {
			return err
		}
		return c.tell(ctx, "", audit.ClientCreated, "client "+made.ClientID, nil, made.told())
	}, d.Owners...)
	if err != nil {
		return nil, "", err
	}
	return made, secret, nil
}

// create inserts an application whose draft was checked.
func (c *change) create(ctx context.Context, group string, d Draft, hash string, made int64) (*Application, error) {
	if d.ClientID == "" {
		d.ClientID = newID(16)
	}
	if made == 0 {
		made = c.now
	}
	a := &Application{
		ID: newID(8), Group: group, Name: d.Name, Description: d.Description, Owners: d.Owners, RedirectURIs: d.RedirectURIs,
		GrantTypes: d.GrantTypes, ClientID: d.ClientID, Created: millis(c.now), CreatedBy: c.p.Operator, Version: 1,
		Contracts: map[State]int{}, Secrets: []SecretLife{{Made: millis(made)}},
	}
	if err := c.free(ctx, "", group, d); err != nil {
		return nil, err
	}
	_, err := c.Exec(ctx, `INSERT INTO clients_applications (id, group_id, name, name_key, description, client_id, redirect_uris, grant_types, created_at, created_by, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`, a.ID, group, a.Name, strings.ToLower(a.Name), a.Description, a.ClientID,
		listText(a.RedirectURIs), listText(a.GrantTypes), c.now, c.p.Operator)
	if err == nil {
		err = c.own(ctx, a.ID, a.Owners)
	}
	if err == nil && hash != "" {
		_, err = c.Exec(ctx, "INSERT INTO clients_secrets (application_id, hash, made_at, ends_at) VALUES (?, ?, ?, 0)", a.ID, hash, made)
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the application: %w", err)
	}
	return a, nil
}

// free refuses a name that the group has already, and a client id that anybody has.
func (c *change) free(ctx context.Context, id, group string, d Draft) error {
	var other string
	err := c.QueryRow(ctx, "SELECT id FROM clients_applications WHERE group_id = ? AND name_key = ? AND id <> ?", group, strings.ToLower(d.Name), id).Scan(&other)
	if err == nil {
		return wrong("name", "the business group has an application of this name; choose another")
	}
	if errors.Is(err, store.ErrNoRows) && id == "" {
		if err = c.QueryRow(ctx, "SELECT id FROM clients_applications WHERE client_id = ?", d.ClientID).Scan(&other); err == nil {
			return wrong("clientId", "it is taken; choose another, or leave it empty")
		}
	}
	if !errors.Is(err, store.ErrNoRows) {
		return fmt.Errorf("looking for the name: %w", err)
	}
	return nil
}

// told is what the audit log reads of an application.
func (a *Application) told() map[string]any {
	return map[string]any{
		"name": a.Name, "group": a.Group, "clientId": a.ClientID, "description": a.Description,
		"owners": a.Owners, "redirectUris": a.RedirectURIs, "grantTypes": a.GrantTypes,
	}
}

// Update changes an application of the version that was seen; its client id stays.
func (s *Service) Update(ctx context.Context, p control.Principal, group, id string, version int64, d Draft) (*Application, error) {
	before, err := s.manage(ctx, p, group, id)
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	if len(d.Owners) == 0 {
		return nil, wrong("owners", "at least one owner is needed, who is told of what happens to it")
	}
	after := *before
	after.Name, after.Description, after.Owners, after.RedirectURIs, after.GrantTypes = d.Name, d.Description, d.Owners, d.RedirectURIs, d.GrantTypes
	after.Version = version + 1
	err = s.write(ctx, p, func(c *change) error {
		if err := c.free(ctx, id, group, d); err != nil {
			return err
		}
		if err := one(c.Exec(ctx, `UPDATE clients_applications SET name = ?, name_key = ?, description = ?, redirect_uris = ?, grant_types = ?, version = version + 1
			WHERE group_id = ? AND id = ? AND version = ?`, d.Name, strings.ToLower(d.Name), d.Description, listText(d.RedirectURIs), listText(d.GrantTypes), group, id, version)); err != nil {
			return err
		}
		if err := c.own(ctx, id, d.Owners); err != nil {
			return fmt.Errorf("keeping the owners: %w", err)
		}
		if err := c.touchAll(ctx, id); err != nil {
			return err
		}
		return c.tell(ctx, "", audit.ClientChanged, "client "+before.ClientID, before.told(), after.told())
	}, d.Owners...)
	if err != nil {
		return nil, err
	}
	return &after, nil
}

// Delete removes an application that has no contract that gives access or waits.
func (s *Service) Delete(ctx context.Context, p control.Principal, group, id string, version int64) error {
	before, err := s.manage(ctx, p, group, id)
	if err != nil {
		return err
	}
	return s.write(ctx, p, func(c *change) error {
		var held int64
		if err := c.QueryRow(ctx, "SELECT COUNT(*) FROM clients_contracts WHERE application_id = ? AND state IN ('PENDING', 'APPROVED')", id).Scan(&held); err != nil {
			return fmt.Errorf("counting contracts: %w", err)
		}
		if held > 0 {
			return wrong("id", "%d of its contracts are approved or wait for approval; revoke or reject them first", held)
		}
		if err := c.touchAll(ctx, id); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "DELETE FROM clients_contracts WHERE application_id = ?", id); err != nil {
			return fmt.Errorf("removing contracts: %w", err)
		}
		if err := one(c.Exec(ctx, "DELETE FROM clients_applications WHERE group_id = ? AND id = ? AND version = ?", group, id, version)); err != nil {
			return err
		}
		return c.tell(ctx, "", audit.ClientRemoved, "client "+before.ClientID, before.told(), nil)
	})
}

// touchAll counts a change in every environment where an application has a contract.
func (c *change) touchAll(ctx context.Context, id string) error {
	rows, err := c.Query(ctx, "SELECT DISTINCT environment FROM clients_contracts WHERE application_id = ?", id)
	if err != nil {
		return fmt.Errorf("looking for contracts: %w", err)
	}
	environments, err := texts(rows)
	if err != nil {
		return err
	}
	for _, environment := range environments {
		if _, err := c.touch(ctx, environment); err != nil {
			return err
		}
	}
	return nil
}

// listText is a list as it is stored.
func listText(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "[]" // texts can always be written
	}
	return string(text)
}
